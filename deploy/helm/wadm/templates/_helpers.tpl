{{- /* The release's name, with "wadm" in it. */ -}}
{{- define "wadm.name" -}}
{{- if contains "wadm" .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-wadm" (.Release.Name | trunc 45 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{- /* What tells the parts of one release apart: list . "part". */ -}}
{{- define "wadm.selector" -}}
{{- $top := index . 0 -}}
app.kubernetes.io/name: wadm
app.kubernetes.io/instance: {{ $top.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "wadm.labels" -}}
{{- $top := index . 0 -}}
{{ include "wadm.selector" . }}
app.kubernetes.io/version: {{ $top.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $top.Release.Service }}
{{- end -}}

{{- define "wadm.natsHost" -}}
{{- if .Values.nats.enabled -}}
{{ include "wadm.name" . }}-nats
{{- else -}}
{{ required "nats.host is needed where nats.enabled is false" .Values.nats.host }}
{{- end -}}
{{- end -}}

{{- /* Whether models live in Redis. */ -}}
{{- define "wadm.redis" -}}
{{- if or (eq .Values.wadm.profile "0.3") (eq (get .Values.wadm.env "WADM_STORE") "redis") -}}yes{{- end -}}
{{- end -}}

{{- define "wadm.redisSecret" -}}
{{- .Values.redis.existingSecret | default (printf "%s-redis" (include "wadm.name" .)) -}}
{{- end -}}

{{- /* Where the Redis is, with the password in it. */ -}}
{{- define "wadm.redisURL" -}}
{{- if not .Values.redis.enabled -}}
{{ required "redis.url or redis.existingSecret is needed where redis.enabled is false" .Values.redis.url }}
{{- else if .Values.redis.password -}}
redis://:{{ .Values.redis.password | urlquery | replace "+" "%20" }}@{{ include "wadm.name" . }}-redis:6379/0
{{- else -}}
redis://{{ include "wadm.name" . }}-redis:6379/0
{{- end -}}
{{- end -}}

{{- /* How wadm and the demo reach the NATS. */ -}}
{{- define "wadm.natsEnv" -}}
- name: WADM_NATS_SERVER
  value: {{ printf "%s:%d" (include "wadm.natsHost" .) (.Values.nats.enabled | ternary 4222 (int .Values.nats.port)) | quote }}
{{- if .Values.nats.credentialsSecret }}
- name: WADM_NATS_CREDS_FILE
  value: /etc/nats-creds/nats.creds
{{- end }}
{{- end -}}

{{- define "wadm.natsMount" -}}
{{- if .Values.nats.credentialsSecret }}
- name: nats-creds
  mountPath: /etc/nats-creds
  readOnly: true
{{- end }}
{{- end -}}

{{- define "wadm.natsVolume" -}}
{{- if .Values.nats.credentialsSecret }}
- name: nats-creds
  secret:
    secretName: {{ .Values.nats.credentialsSecret }}
{{- end }}
{{- end -}}

{{- /* A container that may nothing. */ -}}
{{- define "wadm.confined" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}
