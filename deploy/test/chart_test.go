package test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
)

const chartDir = "../helm/wadm"

func loadChart(t *testing.T) *chart.Chart {
	t.Helper()
	c, err := loader.Load(chartDir)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return c
}

// render is the text of each template with the values, by its file's name.
func render(t *testing.T, values string) (map[string]string, error) {
	t.Helper()
	c := loadChart(t)
	given, err := chartutil.ReadValues([]byte(values))
	if err != nil {
		t.Fatal(err)
	}
	all, err := chartutil.ToRenderValues(c, given, chartutil.ReleaseOptions{Name: "wadm", Namespace: "default", IsInstall: true, Revision: 1}, nil)
	if err != nil {
		return nil, err
	}
	texts, err := engine.Engine{Strict: true}.Render(c, all)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for name, text := range texts {
		if base := path.Base(name); base != "_helpers.tpl" && strings.TrimSpace(text) != "" {
			out[base] = text
		}
	}
	return out, nil
}

// decoder reads objects of the four API groups; a field that they do not have, or have twice, is an error.
var decoder = func() runtime.Decoder {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{corev1.AddToScheme, appsv1.AddToScheme, batchv1.AddToScheme, policyv1.AddToScheme} {
		if err := add(scheme); err != nil {
			panic(err)
		}
	}
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
}()

// decode reads all documents of a text.
func decode(t *testing.T, name, text string) []runtime.Object {
	t.Helper()
	var all []runtime.Object
	in := yaml.NewDocumentDecoder(io.NopCloser(strings.NewReader(text)))
	for {
		doc := make([]byte, 1<<20)
		n, err := in.Read(doc)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if doc = bytes.TrimSpace(doc[:n]); len(withoutComments(doc)) == 0 {
			continue
		}
		object, _, err := decoder.Decode(doc, nil, nil)
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, doc)
			continue
		}
		all = append(all, object)
	}
}

func withoutComments(doc []byte) []byte {
	var kept [][]byte
	for line := range bytes.Lines(doc) {
		if line = bytes.TrimSpace(line); len(line) > 0 && line[0] != '#' {
			kept = append(kept, line)
		}
	}
	return bytes.Join(kept, nil)
}

func decodeAll(t *testing.T, texts map[string]string) []runtime.Object {
	t.Helper()
	var all []runtime.Object
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if strings.HasSuffix(name, ".yaml") {
			all = append(all, decode(t, name, texts[name])...)
		}
	}
	return all
}

// valueSets are the ways in which the chart is used.
var valueSets = map[string]string{
	"as it comes":             ``,
	"with the demo":           `demo: {enabled: true}`,
	"a password":              `redis: {password: "p:@/ %+\"'"}`,
	"a password in a secret":  `redis: {existingSecret: mine}`,
	"a Redis elsewhere":       `redis: {enabled: false, url: "rediss://u:p@redis.example:6380/1"}`,
	"a Redis behind a secret": `redis: {enabled: false, existingSecret: mine}`,
	"a NATS elsewhere":        `{nats: {enabled: false, host: nats.example, port: 4333, credentialsSecret: creds}, demo: {enabled: true}}`,
	"three processes":         `wadm: {replicas: 3, env: {WADM_LATTICE: "default,other"}}`,
	"without hosts":           `wasmcloud: {enabled: false}`,
	"generation 0.21":         `wadm: {profile: ""}`,
	"0.21 with Redis":         `wadm: {profile: "", env: {WADM_STORE: redis}}`,
}

func TestChart(t *testing.T) {
	known := variables(t)
	for name, values := range valueSets {
		t.Run(name, func(t *testing.T) {
			texts, err := render(t, values)
			if err != nil {
				t.Fatal(err)
			}
			l := load(decodeAll(t, texts))
			l.judge(t, known)
			wadm := l.workload(t, "wadm")
			if want := int32(2); name != "three processes" && *wadm.replicas != want || name == "three processes" && *wadm.replicas != 3 {
				t.Errorf("%d processes", *wadm.replicas)
			}
		})
	}
}

// TestWhatTheValuesSay looks for what each set of values is about.
func TestWhatTheValuesSay(t *testing.T) {
	tests := map[string]struct {
		values string
		kinds  string // what of the parts is there
		url    string
		nats   string
	}{
		"as it comes":       {``, "nats redis wadm wasmcloud", "redis://wadm-redis:6379/0", "wadm-nats:4222"},
		"a password":        {`redis: {password: "p:@/ %+"}`, "nats redis wadm wasmcloud", "redis://:p%3A%40%2F%20%25%2B@wadm-redis:6379/0", "wadm-nats:4222"},
		"a Redis elsewhere": {`redis: {enabled: false, url: "rediss://u:p@redis.example:6380/1"}`, "nats wadm wasmcloud", "rediss://u:p@redis.example:6380/1", "wadm-nats:4222"},
		"a NATS elsewhere":  {`nats: {enabled: false, host: nats.example, port: 4333}`, "redis wadm wasmcloud", "redis://wadm-redis:6379/0", "nats.example:4333"},
		"generation 0.21":   {`wadm: {profile: ""}`, "nats wadm wasmcloud", "", "wadm-nats:4222"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			texts, err := render(t, tt.values)
			if err != nil {
				t.Fatal(err)
			}
			l := load(decodeAll(t, texts))
			var parts []string
			for part := range l.workloads {
				parts = append(parts, part)
			}
			slices.Sort(parts)
			if got := strings.Join(parts, " "); got != tt.kinds {
				t.Errorf("it has %s, want %s", got, tt.kinds)
			}
			url := ""
			if s := l.secrets["wadm-redis"]; s != nil {
				url = s.StringData["url"]
			}
			if url != tt.url {
				t.Errorf("the Redis is at %q, want %q", url, tt.url)
			}
			wadm := l.workload(t, "wadm")
			if got := value(wadm.pod.Containers[0].Env, "WADM_NATS_SERVER"); got != tt.nats {
				t.Errorf("the NATS is at %q, want %q", got, tt.nats)
			}
		})
	}
}

func TestValuesThatAreRefused(t *testing.T) {
	for values, want := range map[string]string{
		`redis: {enabled: false}`:                  "redis.url or redis.existingSecret is needed",
		`nats: {enabled: false}`:                   "nats.host is needed",
		`wadm: {replica: 3}`:                       "replica",
		`wadm: {replicas: 0}`:                      "replicas",
		`wadm: {profile: "0.4"}`:                   "profile",
		`wasmcloud: {lattice: "a.b"}`:              "lattice",
		`wadm: {env: {WADM_CLEANUP_INTERVAL: 70}}`: "WADM_CLEANUP_INTERVAL",
	} {
		if _, err := render(t, values); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", values, err, want)
		}
	}
}
