package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/internal/natstest"
	"github.com/wadm-go/wadm/wadmapi"
)

func TestTheStoryInFlatEvents(t *testing.T) {
	change := func(version string, from, to wadmapi.StatusType) engine.Notice {
		n := wadmapi.StatusEvent{App: "a", Version: version, From: from, To: to}
		if to == wadmapi.StatusFailed {
			n.Errors, n.Message = 2, "no host"
		}
		return engine.Notice{Name: wadmapi.EventStatusChanged, Data: n}
	}
	s := newFlatStory("l")
	for _, step := range []struct {
		name string
		in   engine.Notice
		want []string
	}{
		{"waiting for hosts is no state of its own", change("1", "", wadmapi.StatusWaiting), nil},
		{"the first look", change("1", wadmapi.StatusWaiting, wadmapi.StatusReconciling), []string{"deployment_state_changed 1 reconciling"}},
		{"the same in other words", change("1", wadmapi.StatusReconciling, wadmapi.StatusReconciling), nil},
		{"a failure is an error, and the state stays", change("1", wadmapi.StatusReconciling, wadmapi.StatusFailed),
			[]string{"reconciliation_error_occurred 1 2 errors occurred during reconciliation pass: no host"}},
		{"a try in between", change("1", wadmapi.StatusFailed, wadmapi.StatusReconciling), nil},
		{"failing again says nothing new", change("1", wadmapi.StatusReconciling, wadmapi.StatusFailed), nil},
		{"the end", change("1", wadmapi.StatusFailed, wadmapi.StatusDeployed), []string{"deployment_state_changed 1 idle"}},
		{"a later failure is told", change("1", wadmapi.StatusDeployed, wadmapi.StatusFailed),
			[]string{"reconciliation_error_occurred 1 2 errors occurred during reconciliation pass: no host", "deployment_state_changed 1 reconciling"}},
		{"another version begins again", change("2", wadmapi.StatusFailed, wadmapi.StatusReconciling), []string{"deployment_state_changed 2 reconciling"}},
		{"its end", change("2", wadmapi.StatusReconciling, wadmapi.StatusDeployed), []string{"deployment_state_changed 2 idle"}},
		{"a version that changes nothing is idle at once", change("3", wadmapi.StatusDeployed, wadmapi.StatusDeployed), []string{"deployment_state_changed 3 idle"}},
		{"an undeploy has its own event", engine.Notice{Name: wadmapi.EventStatusChanged, Data: wadmapi.StatusEvent{
			App: "a", Version: "3", From: wadmapi.StatusDeployed, To: wadmapi.StatusReconciling, Undeploys: true}}, nil},
		{"deployed again, and all of it was still there", change("3", wadmapi.StatusUndeployed, wadmapi.StatusDeployed), []string{"deployment_state_changed 3 idle"}},
		{"a command", engine.Notice{Name: wadmapi.EventCommandSent, Data: wadmapi.CommandEvent{App: "a", Version: "3", Action: "scale", To: 1}},
			[]string{"control_action_taken 3 start"}},
		{"a host is none of its words", engine.Notice{Name: wadmapi.EventHostLost, Data: wadmapi.HostEvent{Host: "N"}}, nil},
	} {
		var got []string
		for _, e := range s.of(&step.in) {
			got = append(got, fmt.Sprintf("%s %s %s", e.Name, e.Data.Version, e.Data.State+e.Data.ActionType+e.Data.Message))
			if e.Data.Lattice != "l" || e.Data.Name != "a" {
				t.Errorf("%s: told of %+v", step.name, e.Data)
			}
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s:\n%s", step.name, diff)
		}
	}
}

// An owner that follows is told what its first change leads away from, and nothing else.
func TestTheStoryGoesOnUnderANewOwner(t *testing.T) {
	s := newFlatStory("l")
	in := engine.Notice{Name: wadmapi.EventStatusChanged, Data: wadmapi.StatusEvent{App: "a", Version: "1", From: wadmapi.StatusFailed, To: wadmapi.StatusReconciling}}
	if got := s.of(&in); len(got) != 0 {
		t.Errorf("told twice: %+v", got)
	}
}

func TestFlatEventsOnBothSubjects(t *testing.T) {
	natstest.Bubble(t, func(t *testing.T) {
		nc := natstest.Connect(t, natstest.InProcess(t))
		sub, err := nc.SubscribeSync("wadm.>")
		if err != nil {
			t.Fatal(err)
		}
		for _, bare := range []bool{true, false} {
			press := newFlatPress(bare, slog.New(slog.DiscardHandler))
			press.nc = nc
			press.publish(wadmapi.FlatEvent{Name: wadmapi.FlatDeployed, Data: wadmapi.FlatData{Lattice: "l", Name: "a", Version: "1"}})
		}
		if err := nc.Publish("wadm.end", nil); err != nil {
			t.Fatal(err)
		}
		ids := map[string][]string{}
		var order []string
		for {
			m, err := sub.NextMsg(5e9)
			if err != nil {
				t.Fatal(err)
			}
			if m.Subject == "wadm.end" {
				break
			}
			var e wadmapi.Event
			if err := json.Unmarshal(m.Data, &e); err != nil {
				t.Fatal(err)
			}
			ids[e.ID] = append(ids[e.ID], m.Subject)
			order = append(order, e.ID)
		}
		if len(order) != 3 {
			t.Fatalf("%d messages, want 3", len(order))
		}
		want := map[string][]string{order[0]: {"wadm.evt.l", "wadm.evt"}, order[2]: {"wadm.evt.l"}}
		if diff := cmp.Diff(want, ids); diff != "" {
			t.Error(diff)
		}
	})
}

// Whoever may publish nothing but the events of 0.21 loses the flat ones, with one line for each subject, and nothing else.
func TestARefusedSubjectOfFlatEventsIsLeftAlone(t *testing.T) {
	srv := natstest.Start(t, func(o *server.Options) {
		o.Users = []*server.User{{Username: "u", Password: "p", Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Deny: []string{"wadm.evt", "wadm.evt.shut"}},
		}}}
		o.NoAuthUser = "u"
	})
	var log natstest.Logbook
	press := newFlatPress(true, slog.New(slog.NewTextHandler(&log, nil)))
	p := &process{flat: press, log: slog.New(slog.NewTextHandler(&log, nil))}
	heard := make(chan bool, 100)
	nc, err := nats.Connect(srv.ClientURL(), nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
		p.trouble(p.log, sub, err)
		heard <- true
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	press.nc = nc
	sub, err := nc.SubscribeSync("wadm.evt.*")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for _, lattice := range []string{"open", "shut"} {
			press.publish(wadmapi.FlatEvent{Name: wadmapi.FlatDeployed, Data: wadmapi.FlatData{Lattice: lattice, Name: "a"}})
		}
		if err := nc.Flush(); err != nil {
			t.Fatal(err)
		}
		if m, err := sub.NextMsg(5e9); err != nil || m.Subject != "wadm.evt.open" {
			t.Fatalf("the other events are told all the same: %v, %v", m, err)
		}
	}
	for range 2 { // the second comes after all others
		<-heard
	}
	for _, subject := range []string{"subject=wadm.evt\n", "subject=wadm.evt.shut\n"} {
		if n := log.Count(subject); n != 1 {
			t.Errorf("%q was logged %d times\n%s", strings.TrimSpace(subject), n, &log)
		}
	}
	if n := strings.Count(log.String(), "\n"); n != 2 {
		t.Errorf("%d lines were logged, want 2:\n%s", n, &log)
	}
}

func TestOnlyRefusedFlatSubjectsAreOurs(t *testing.T) {
	violation := func(text string) error { return fmt.Errorf("%w: %s", nats.ErrPermissionViolation, text) }
	for _, tt := range []struct {
		name string
		err  error
		want string
	}{
		{"the bare subject", violation(`Permissions Violation for Publish to "wadm.evt"`), "wadm.evt"},
		{"that of a lattice", violation(`permissions violation for publish to "wadm.evt.default"`), "wadm.evt.default"},
		{"one of 0.21", violation(`Permissions Violation for Publish to "wadm.evt.default.status_changed"`), ""},
		{"a subscription", violation(`Permissions Violation for Subscription to "wadm.evt"`), ""},
		{"no name of a lattice", violation(`Permissions Violation for Publish to "wadm.evt.>"`), ""},
		{"half a text", violation(`Permissions Violation for Publish to "wadm.evt`), ""},
		{"another error", errors.New(`Publish to "wadm.evt"`), ""},
	} {
		subject, ok := refusedFlat(tt.err)
		if ok != (tt.want != "") || ok && subject != tt.want {
			t.Errorf("%s: %q, %v", tt.name, subject, ok)
		}
	}
}
