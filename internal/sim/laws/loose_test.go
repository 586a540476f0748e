package laws

import (
	"maps"
	"time"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/internal/sim"
	"github.com/wadm-go/wadm/wadmapi"
)

// loose is what ran of an application when it was let go, by host and thing.
type loose struct {
	ran map[string]map[string]int
}

// stopping is how long a stop or an update that went out before may still be at work, on the slowest host.
const stopping = 3 * time.Minute

// letGo notes what runs. What was just told to stop may end all the same.
func (j *judge) letGo(app string) {
	l := &loose{ran: map[string]map[string]int{}}
	j.loose[app] = l
	told := map[string]bool{}
	for _, s := range j.w.p.Sent {
		c := s.Command
		if c.App == app && (c.To < c.From || c.Action == ledger.Update || c.From == c.To) && j.w.p.Bus.Now()-s.At < stopping {
			told[string(c.Host)] = true
			if c.AckEnds {
				return // it ends them everywhere
			}
		}
	}
	truth := j.w.p.Cluster.Truth()
	for i := range truth.Hosts {
		if h := &truth.Hosts[i]; !told[h.ID] {
			l.ran[h.ID] = ofApp(h, app)
		}
	}
	if j.w.otp && j.broke != 0 && j.w.p.Bus.Now()-j.broke < stopping {
		l.withoutProviders() // a host that stops may still be at taking them along
	}
}

func (l *loose) withoutProviders() {
	for _, things := range l.ran {
		maps.DeleteFunc(things, func(what string, _ int) bool { return what[0] == 'V' })
	}
}

// askedFor: somebody asked for something of the application again.
func (j *judge) askedFor(app string) { delete(j.loose, app) }

// broken: what ran on the host ends with it, and an OTP host that stops takes its providers along everywhere.
func (j *judge) broken(host string) {
	j.broke = j.w.p.Bus.Now()
	if j.w.otp {
		for _, l := range j.loose {
			l.withoutProviders()
		}
	}
	for _, h := range j.w.p.Cluster.Hosts() {
		if h.Name != host {
			continue
		}
		for _, l := range j.loose {
			delete(l.ran, h.ID)
		}
	}
}

// fell: something has ended by itself.
func (j *judge) fell() {
	j.fallen = j.w.p.Bus.Now()
	for _, l := range j.loose {
		clear(l.ran)
	}
}

// leftAlone: no command is ever sent for what was let go.
func (j *judge) leftAlone(c *ledger.Command) {
	if j.loose[c.App] != nil {
		j.fail("%s was let go, and is sent %s of %s", c.App, c.Action, c.Target.ID)
	}
}

// runsOn: nothing of what was let go has ended, and the status says how much there is.
func (j *judge) runsOn(app string, truth *sim.Truth) {
	n := 0
	for i := range truth.Hosts {
		h := &truth.Hosts[i]
		now := ofApp(h, app)
		for _, have := range now {
			n += have
		}
		for what, had := range j.loose[app].ran[h.ID] {
			if now[what] < had && !j.anyForeign() {
				j.fail("%s was let go, and of %d of %s on %s %d are left", app, had, what, h.Name, now[what])
			}
		}
	}
	s, told := j.w.p.Status[app]
	if !told && n == 0 {
		return
	}
	if s.Status.Type != wadmapi.StatusUndeployed || (n == 0) != (s.Status.Message == "Manifest has been undeployed") {
		j.fail("%s was let go, %d run on, and the status is %v", app, n, s.Status)
	}
}
