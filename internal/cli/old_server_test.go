package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/oam"
	"github.com/wadm-go/wadm/wadmapi"
)

// old030 answers as the real 0.3.0 was recorded to: a version is demanded everywhere, nothing is told of hosts or statuses, and what runs is never stopped.
type old030 struct {
	mu       sync.Mutex
	stored   []string // versions of the one application, newest first
	raw      map[string]string
	deployed string
}

func startOld030(t *testing.T) string {
	t.Helper()
	srv := natstest.Start(t)
	nc := natstest.Connect(t, srv)
	o := &old030{raw: map[string]string{}}
	if _, err := nc.QueueSubscribe("wadm.api.>", wadmapi.QueueGroup03, func(m *nats.Msg) {
		o.mu.Lock()
		defer o.mu.Unlock()
		body, err := wadmapi.Encode(o.answer(strings.TrimPrefix(m.Subject, "wadm.api.default."), m.Data))
		if err != nil {
			t.Error(err)
		}
		_ = m.Respond(body)
	}); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return srv.ClientURL()
}

func (o *old030) answer(op string, body []byte) any {
	var in struct{ Version string }
	_ = json.Unmarshal(body, &in)
	version := strings.TrimPrefix(in.Version, "v")
	known := slices.Contains(o.stored, version)
	absent := "No such model version in store: shop " + version
	switch op {
	case "model.put":
		doc, _ := oam.Decode03(body)
		v := doc.Manifest.Version()
		o.stored = append([]string{v}, o.stored...)
		o.raw[v] = string(body)
		return wadmapi.NewReply03(wadmapi.Put03{CurrentVersion: v, Name: "shop"})
	case "model.versions.shop":
		all := []wadmapi.Version03{}
		for _, v := range o.stored {
			all = append(all, wadmapi.Version03{Version: v, Deployed: v == o.deployed})
		}
		return wadmapi.NewReply03(all)
	case "model.list":
		all := []wadmapi.Summary03{}
		for _, v := range o.stored[:min(1, len(o.stored))] {
			name, state := "shop", wadmapi.StateUndeployed
			if o.deployed != "" {
				state = wadmapi.StateIdle
			}
			all = append(all, wadmapi.Summary03{DeploymentStatus: state, Name: &name, Version: &v})
		}
		return wadmapi.NewReply03(all)
	case "model.get.shop":
		if !known {
			return wadmapi.NewError(fmt.Sprintf(`Failed to query model: {:error, "%s"}`, absent))
		}
		return wadmapi.NewReply03(wadmapi.Get03{Raw: o.raw[version], Vetted: json.RawMessage("{}")})
	case "model.deploy.shop":
		if !known {
			return wadmapi.NewError("Failed to deploy app spec: " + absent)
		}
		o.deployed = version
		return wadmapi.NewReply03(wadmapi.Deployed03{Acknowledged: true})
	case "model.undeploy.shop":
		o.deployed = ""
		return wadmapi.NewReply03(wadmapi.Undeployed03{})
	case "model.del.shop":
		if !known {
			return wadmapi.NewError(fmt.Sprintf(`Failed to delete model version: {:error, "%s"}`, absent))
		}
		o.stored = slices.DeleteFunc(o.stored, func(v string) bool { return v == version })
		return wadmapi.NewReply03(wadmapi.Deleted03{Version: version})
	}
	return wadmapi.NewError(string(wadmapi.Unexpected))
}

// runApp runs one command line of "app", or of "host".
func runApp(t *testing.T, server, in string, args ...string) (out, errOut string, code int) {
	t.Helper()
	cmd := App()
	if args[0] == "host" {
		cmd, args = Host(), args[1:]
	}
	var o, e bytes.Buffer
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(append(args, "-s", server))
	cmd.SetIn(strings.NewReader(in))
	cmd.SetOut(&o)
	cmd.SetErr(&e)
	code = Report(&o, &e, false, cmd.ExecuteContext(t.Context()))
	return o.String(), e.String(), code
}

func TestTheCommandLineOnTheReal030(t *testing.T) {
	server := startOld030(t)
	shop := func(version string) string {
		return "apiVersion: core.oam.dev/v1beta1\nkind: Application\nmetadata:\n  name: shop\n  annotations:\n    version: " + version + "\n    description: a shop\n" +
			"spec:\n  components:\n    - name: web\n      type: actor\n      properties: {image: \"registry.example/web:1\"}\n" +
			"      traits:\n        - type: spreadscaler\n          properties: {replicas: 2}\n"
	}
	for _, step := range []struct {
		in       string
		args     []string
		code     int
		out, err string // in what is printed
	}{
		{"", []string{"list"}, 0, "", "no applications in lattice default"},
		{"", []string{"get", "shop"}, 1, "", "Application with the name shop not found\n  next: wadm app list"},
		{shop("1"), []string{"put"}, 0, "shop 1 stored (1 version)", ""},
		{shop("2"), []string{"put"}, 0, "shop 2 stored (2 versions)", ""},
		{"", []string{"deploy", "shop", "9"}, 1, "", "Failed to deploy app spec: No such model version in store: shop 9\n  next: wadm app history shop"},
		{"", []string{"deploy", "shop", "v1"}, 0, "shop 1 is being deployed", ""},
		{"", []string{"list"}, 0, "shop  1         2       deployed", ""},
		{"", []string{"deploy", "shop", "--wait"}, 0, "shop 2 is idle after ", ""},
		{"", []string{"deploy", "shop", "2", "--wait"}, 0, "and wadm 0.3.0 tells no more: look at the hosts, with  wash get inventory", ""},
		{"", []string{"history", "shop"}, 0, "VERSION  DEPLOYED\n1        no\n2        yes\n", ""},
		{"", []string{"status", "shop"}, 0, "shop  2  deployed", ""},
		{"", []string{"get", "shop", "1"}, 0, "version: '1'", ""},
		{"", []string{"host", "list"}, 1, "", "this wadm tells nothing of hosts: ask them, with  wash get hosts  and  wash get inventory"},
		{"", []string{"undeploy", "shop", "--destructive"}, 1, "", "wadm 0.3.0 cannot stop what runs, it only lets go of it"},
		{"", []string{"undeploy", "shop", "--non-destructive"}, 0, "shop undeployed; what runs of it goes on", ""},
		{"", []string{"undeploy", "shop"}, 0, "shop undeployed\n", ""},
		{"", []string{"delete", "shop", "1", "--undeploy"}, 1, "", "wadm 0.3.0 cannot stop what runs"},
		{"", []string{"delete", "shop", "7"}, 0, "Already deleted application: shop", ""},
		{"", []string{"delete", "shop", "--all-versions"}, 0, "shop deleted", ""},
		{"", []string{"history", "shop"}, 1, "", "Application with the name shop not found"},
	} {
		out, errOut, code := runApp(t, server, step.in, step.args...)
		if code != step.code || !strings.Contains(out, step.out) || !strings.Contains(errOut, step.err) {
			t.Errorf("wadm app %s ended with %d\n%s%s", strings.Join(step.args, " "), code, out, errOut)
		}
	}
}
