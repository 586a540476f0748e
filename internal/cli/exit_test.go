package cli

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wadm-go/wadm/client"
	"github.com/wadm-go/wadm/wadmapi"
)

func TestAnErrorEndsACommand(t *testing.T) {
	refused := errors.New("no room for a>b")
	for _, tt := range []struct {
		name      string
		err       error
		code      int
		text, obj string
	}{
		{"well, when there is none", nil, ExitOK, "", ""},
		{"with its words", refused, ExitFailed, "no room for a>b\n", `{"error":"no room for a>b","success":false}` + "\n"},
		{
			"with the next step", WithNext(WithCode(ExitTimeout, refused), "wadm app status %s", "shop"), ExitTimeout,
			"no room for a>b\n  next: wadm app status shop\n", `{"error":"no room for a>b","next":"wadm app status shop","success":false}` + "\n",
		},
		{"silently, when all was said", said(ExitNotDeployed, refused), ExitNotDeployed, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			if code := Report(&out, &errOut, false, tt.err); code != tt.code || out.String() != "" || errOut.String() != tt.text {
				t.Errorf("as text it ends with %d, out %q, err %q", code, out.String(), errOut.String())
			}
			errOut.Reset()
			if code := Report(&out, &errOut, true, tt.err); code != tt.code || out.String() != tt.obj || errOut.String() != "" {
				t.Errorf("as JSON it ends with %d, out %q, err %q", code, out.String(), errOut.String())
			}
		})
	}
}

func TestWhatWasDoneInPartIsOneObject(t *testing.T) {
	var out, errOut bytes.Buffer
	s := &session{Settings: &Settings{JSON: true}, out: &out, err: &errOut}
	failed := errors.New("undeploying b: no")
	err := s.partly(failed, map[string]any{"success": false, "undeployed_application_names": []string{"a"}}, nil)
	if code := Report(&out, &errOut, true, err); code != ExitFailed {
		t.Errorf("it ends with %d", code)
	}
	if want := `{"error":"undeploying b: no","success":false,"undeployed_application_names":["a"]}` + "\n"; out.String() != want {
		t.Errorf("it prints %q, want %q", out.String(), want)
	}
}

func TestTheNextStepAfterWhatIsNotFound(t *testing.T) {
	c := scriptedRefusals(t)
	for _, tt := range []struct{ app, version, want string }{
		{"shop", "", "wadm app list"},
		{"shop", "v9", "wadm app history shop"},
	} {
		_, err := c.Get(t.Context(), tt.app, tt.version)
		if err = advise(err, []string{tt.app, tt.version}); err == nil || !strings.HasSuffix(err.Error(), "\n  next: "+tt.want) {
			t.Errorf("%s %s: %v", tt.app, tt.version, err)
		}
	}
	if err := errors.New("no"); advise(err, []string{"shop"}) != err { //nolint:errorlint // the very error
		t.Error("another error gets a next step")
	}
}

// scriptedRefusals is a client whose server finds nothing: without a version the application, with one the version.
func scriptedRefusals(t *testing.T) *client.Client {
	t.Helper()
	s, f := follow(t)
	s.refuse = func(body []byte) any {
		message := "Application with the name shop not found"
		if len(body) > 0 {
			message = fmt.Sprintf("Application shop with version %s doesn't exist", "v9")
		}
		return wadmapi.GetReply{Result: wadmapi.ResultNotFound, Message: message}
	}
	return f.Client
}

func TestAListFitsTheScreen(t *testing.T) {
	apps := []wadmapi.ModelSummary{{Name: "shop", Version: "v1", DetailedStatus: wadmapi.NewStatus(wadmapi.StatusFailed, strings.Repeat("far ", 100))}}
	for _, columns := range []int{0, 60} {
		var out bytes.Buffer
		s := &session{Settings: &Settings{}, columns: columns}
		s.listTable(&out, apps)
		for _, line := range splitLines(out.String()) {
			if columns > 0 && width(line) > columns {
				t.Errorf("on a screen of %d columns a line has %d: %q", columns, width(line), line)
			}
		}
		if whole := strings.Contains(out.String(), strings.Repeat("far ", 99)+"far"); whole != (columns == 0) {
			t.Errorf("on %d columns it prints %q", columns, out.String())
		}
	}
}

func TestHostsAreWaitedForWhileNobodyOwnsThem(t *testing.T) {
	scripted, f := follow(t)
	asked := 0
	scripted.refuse = func([]byte) any {
		if asked++; asked == 1 {
			return wadmapi.HostsReply{Result: wadmapi.ResultError, Message: "lattice default: no owner since 2026-01-02T03:04:05Z"}
		}
		return wadmapi.HostsReply{Result: wadmapi.ResultSuccess, Hosts: []wadmapi.Host{hostWith("host-a")}}
	}
	s := &session{Settings: &Settings{Timeout: time.Minute}, client: f.Client}
	if hosts, err := s.hostsOfOwner(t.Context()); err != nil || len(hosts) != 1 || asked != 2 {
		t.Errorf("after %d questions: %v, %v", asked, hosts, err)
	}
}
