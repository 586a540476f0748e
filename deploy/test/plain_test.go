package test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
)

var update = flag.Bool("update", false, "write the plain manifests anew")

// plain is the folders of manifests for kubectl: the chart, rendered once and for all.
var plain = map[string]struct {
	values string
	only   string // of the templates; "" = all
}{
	"open":     {values: ``},
	"password": {values: `redis: {password: change-me}`},
	"demo":     {values: `demo: {enabled: true}`, only: "demo.yaml"},
}

const head = "# The Helm chart in deploy/helm/wadm, rendered; go test ./... -update in deploy/test writes it anew.\n"

// TestPlainManifestsAreTheChart keeps the two the same.
func TestPlainManifestsAreTheChart(t *testing.T) {
	for folder, p := range plain {
		dir := filepath.Join("../kubernetes", folder)
		texts, err := render(t, p.values)
		if err != nil {
			t.Fatal(err)
		}
		written := map[string]bool{}
		for name, text := range texts {
			if !strings.HasSuffix(name, ".yaml") || p.only != "" && name != p.only {
				continue
			}
			written[name] = true
			// No program keeps these in order: they are applied by hand.
			text = head + strings.ReplaceAll(strings.Trim(text, "\n"), "app.kubernetes.io/managed-by: Helm", "app.kubernetes.io/managed-by: kubectl") + "\n"
			file := filepath.Join(dir, name)
			if *update {
				if err := os.MkdirAll(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := os.ReadFile(file); err != nil || string(got) != text {
				t.Errorf("%s is not what the chart says; write it anew with -update (%v)", file, err)
			}
		}
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if !written[f.Name()] {
				t.Errorf("%s: nothing makes %s", dir, f.Name())
			}
		}
	}
}

// TestPlainManifests reads the files as kubectl does.
func TestPlainManifests(t *testing.T) {
	known := variables(t)
	read := func(folder string) (all []runtime.Object) {
		files, err := filepath.Glob(filepath.Join("../kubernetes", folder, "*.yaml"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no manifests in %s: %v", folder, err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, decode(t, f, string(text))...)
		}
		return all
	}
	for _, folder := range []string{"open", "password"} {
		l := load(append(read(folder), read("demo")...))
		l.judge(t, known)
		if secured := l.secrets["wadm-redis"].StringData["password"] != ""; secured != (folder == "password") {
			t.Errorf("%s: with a password: %v", folder, secured)
		}
	}
}
