package test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// workload is what makes pods.
type workload struct {
	replicas *int32
	selector *metav1.LabelSelector // nil: a job has its own
	labels   map[string]string     // of the pods
	pod      corev1.PodSpec
	claims   []string
}

// loaded is all objects of one rendering.
type loaded struct {
	workloads map[string]*workload // by component
	services  map[string]*corev1.Service
	secrets   map[string]*corev1.Secret
	configs   map[string]*corev1.ConfigMap
	accounts  map[string]bool
	budgets   []*policyv1.PodDisruptionBudget
	names     []string // kind/name of each object
	unknown   []string
}

func load(all []runtime.Object) *loaded {
	l := &loaded{workloads: map[string]*workload{}, services: map[string]*corev1.Service{}, secrets: map[string]*corev1.Secret{},
		configs: map[string]*corev1.ConfigMap{}, accounts: map[string]bool{}}
	for _, o := range all {
		if m, ok := o.(metav1.Object); ok {
			l.names = append(l.names, o.GetObjectKind().GroupVersionKind().Kind+"/"+m.GetName())
		}
		switch o := o.(type) {
		case *appsv1.Deployment:
			l.add(&workload{replicas: o.Spec.Replicas, selector: o.Spec.Selector, labels: o.Spec.Template.Labels, pod: o.Spec.Template.Spec})
		case *appsv1.StatefulSet:
			w := &workload{replicas: o.Spec.Replicas, selector: o.Spec.Selector, labels: o.Spec.Template.Labels, pod: o.Spec.Template.Spec}
			for i := range o.Spec.VolumeClaimTemplates {
				w.claims = append(w.claims, o.Spec.VolumeClaimTemplates[i].Name)
			}
			l.add(w)
		case *batchv1.Job:
			l.add(&workload{labels: o.Spec.Template.Labels, pod: o.Spec.Template.Spec})
		case *corev1.Service:
			l.services[o.Name] = o
		case *corev1.Secret:
			l.secrets[o.Name] = o
		case *corev1.ConfigMap:
			l.configs[o.Name] = o
		case *corev1.ServiceAccount:
			l.accounts[o.Name] = true
		case *policyv1.PodDisruptionBudget:
			l.budgets = append(l.budgets, o)
		default:
			l.unknown = append(l.unknown, o.GetObjectKind().GroupVersionKind().String())
		}
	}
	return l
}

func (l *loaded) add(w *workload) { l.workloads[w.labels["app.kubernetes.io/component"]] = w }

func (l *loaded) workload(t *testing.T, part string) *workload {
	t.Helper()
	w := l.workloads[part]
	if w == nil {
		t.Fatalf("there is no %s", part)
	}
	return w
}

// judge holds the objects against each other, and against what wadm is able to be told.
func (l *loaded) judge(t *testing.T, known map[string]bool) {
	t.Helper()
	if len(l.unknown) > 0 {
		t.Errorf("objects that nobody judges: %v", l.unknown)
	}
	slices.Sort(l.names)
	if len(slices.Compact(slices.Clone(l.names))) != len(l.names) {
		t.Errorf("two objects have one name: %v", l.names)
	}
	for _, part := range slices.Sorted(maps.Keys(l.workloads)) {
		w := l.workloads[part]
		if w.selector != nil && !picks(t, w.selector, w.labels) {
			t.Errorf("%s does not select its own pods", part)
		}
		if w.selector != nil {
			for other, o := range l.workloads {
				if other != part && picks(t, w.selector, o.labels) {
					t.Errorf("%s selects the pods of %s", part, other)
				}
			}
		}
		l.judgePod(t, part, w, known)
	}
	for name, s := range l.services {
		l.judgeService(t, name, s)
	}
	budgets := 0
	for _, b := range l.budgets {
		if picks(t, b.Spec.Selector, l.workload(t, "wadm").labels) {
			budgets++
		}
	}
	if budgets != 1 || len(l.budgets) != 1 {
		t.Errorf("%d of %d budgets are about wadm", budgets, len(l.budgets))
	}
}

func picks(t *testing.T, selector *metav1.LabelSelector, set map[string]string) bool {
	t.Helper()
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		t.Fatal(err)
	}
	return !s.Empty() && s.Matches(labels.Set(set))
}

func (l *loaded) judgeService(t *testing.T, name string, s *corev1.Service) {
	t.Helper()
	found := 0
	for _, w := range l.workloads {
		if !labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(w.labels)) {
			continue
		}
		found++
		for _, p := range s.Spec.Ports {
			if !slices.ContainsFunc(w.pod.Containers, func(c corev1.Container) bool { return hasPort(&c, p.TargetPort) }) {
				t.Errorf("service %s leads to port %s, which the pods do not have", name, p.TargetPort.String())
			}
		}
	}
	if found != 1 {
		t.Errorf("service %s leads to %d workloads", name, found)
	}
}

func hasPort(c *corev1.Container, port intstr.IntOrString) bool {
	return slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool {
		return port.Type == intstr.String && p.Name == port.StrVal || port.Type == intstr.Int && p.ContainerPort == port.IntVal
	})
}

func (l *loaded) judgePod(t *testing.T, part string, w *workload, known map[string]bool) {
	t.Helper()
	pod := &w.pod
	// A service called wadm-nats would set WADM_NATS_PORT=tcp://…, and the server refuses that.
	if pod.EnableServiceLinks == nil || *pod.EnableServiceLinks {
		t.Errorf("%s: services would set variables of wadm", part)
	}
	if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken {
		t.Errorf("%s gets a token that it has no use for", part)
	}
	if name := pod.ServiceAccountName; name != "" && !l.accounts[name] {
		t.Errorf("%s: no account %s", part, name)
	}
	if part != "wasmcloud" && (pod.SecurityContext == nil || pod.SecurityContext.RunAsNonRoot == nil || !*pod.SecurityContext.RunAsNonRoot) {
		t.Errorf("%s may run as root", part)
	}
	volumes := slices.Clone(w.claims)
	for _, v := range pod.Volumes {
		volumes = append(volumes, v.Name)
		if c := v.ConfigMap; c != nil && l.configs[c.Name] == nil {
			t.Errorf("%s: no config map %s", part, c.Name)
		}
	}
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		l.judgeContainer(t, part, &c, volumes, known)
	}
}

func (l *loaded) judgeContainer(t *testing.T, part string, c *corev1.Container, volumes []string, known map[string]bool) {
	t.Helper()
	for _, m := range c.VolumeMounts {
		if !slices.Contains(volumes, m.Name) {
			t.Errorf("%s/%s mounts %s, which is no volume", part, c.Name, m.Name)
		}
	}
	if len(c.Resources.Requests) == 0 || c.Resources.Limits.Memory().IsZero() {
		t.Errorf("%s/%s has no bounds: %+v", part, c.Name, c.Resources)
	}
	s := c.SecurityContext
	if s == nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || s.Capabilities == nil || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) {
		t.Errorf("%s/%s may become more than it is", part, c.Name)
	}
	if part != "wasmcloud" && (s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem) {
		t.Errorf("%s/%s may write to its root", part, c.Name)
	}
	for kind, p := range map[string]*corev1.Probe{"liveness": c.LivenessProbe, "readiness": c.ReadinessProbe} {
		l.judgeProbe(t, part+"/"+c.Name+" "+kind, p, c, part != "wasmcloud" && part != "demo")
	}
	seen := map[string]bool{}
	for _, e := range c.Env {
		if seen[e.Name] {
			t.Errorf("%s/%s is told %s twice", part, c.Name, e.Name)
		}
		seen[e.Name] = true
		if strings.HasPrefix(e.Name, "WADM_") && !known[e.Name] {
			t.Errorf("%s/%s: wadm does not know %s", part, c.Name, e.Name)
		}
		if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
			ref := e.ValueFrom.SecretKeyRef
			own := l.secrets[ref.Name]
			if own == nil && ref.Name != "mine" {
				t.Errorf("%s/%s: no secret %s", part, c.Name, ref.Name)
			}
			if own != nil && own.StringData[ref.Key] == "" {
				t.Errorf("%s/%s: secret %s has no %s", part, c.Name, ref.Name, ref.Key)
			}
		}
	}
	if part == "wadm" {
		if c.LivenessProbe.HTTPGet.Path != "/livez" || c.ReadinessProbe.HTTPGet.Path != "/readyz" || value(c.Env, "WADM_HTTP_ADMIN") != ":8080" || c.Ports[0].ContainerPort != 8080 {
			t.Errorf("the probes ask where nobody answers")
		}
	}
}

func (l *loaded) judgeProbe(t *testing.T, name string, p *corev1.Probe, c *corev1.Container, needed bool) {
	t.Helper()
	switch {
	case p == nil:
		if needed {
			t.Errorf("%s: there is none", name)
		}
	case p.HTTPGet != nil:
		if !hasPort(c, p.HTTPGet.Port) {
			t.Errorf("%s: no port %s", name, p.HTTPGet.Port.String())
		}
	case p.TCPSocket != nil:
		if !hasPort(c, p.TCPSocket.Port) {
			t.Errorf("%s: no port %s", name, p.TCPSocket.Port.String())
		}
	default:
		t.Errorf("%s: asks nothing", name)
	}
}

func value(env []corev1.EnvVar, name string) string {
	for _, e := range env {
		if e.Name == name {
			return e.Value
		}
	}
	return ""
}
