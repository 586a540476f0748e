package engine

import (
	"cmp"
	"slices"
	"time"

	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wadmapi"
)

// View is a copy of what an owner knows, for readers: lists of hosts, judges in tests.
type View struct {
	At      time.Duration
	Dialect lattice.Dialect
	Mixed   bool
	Hosts   []HostView // by id
	Apps    []AppView  // by name
	Links   []lattice.Link
}

// HostView is one live host.
type HostView struct {
	ID       lattice.HostID
	Name     string
	Version  string
	Dialect  lattice.Dialect
	Labels   map[string]string
	Uptime   uint64        // seconds
	Seen     time.Duration // since the last sign of life
	Beat     time.Duration // since the last heartbeat, < 0 if none was heard
	Suspect  bool          // silent for two heartbeats, and asked
	Runs     []RunView     // by kind and id
	Doubtful bool
}

// RunView is what a host runs of one key for one application.
type RunView struct {
	Kind        lattice.Kind
	ID          string
	Link        string
	Ref         string
	App         string // "" = bears no annotation of ours
	Component   string // name in the manifest, where the application wants it
	Annotations map[string]string
	Count       int
	Updated     string // the reference of the code that it was updated to in place, while the host reports the one from before
	Orphan      bool   // of an application that is neither deployed nor being removed, nor released
	Released    bool   // of an application that was undeployed without stopping it
}

// AppView is one application.
type AppView struct {
	Name     string
	Version  string
	Status   wadmapi.Status
	Told     bool
	Deleting bool
	Released bool
	Open     int // commands under way
}

// View copies what the engine knows at now.
func (e *Engine) View() View {
	v := View{At: e.now}
	v.Dialect, v.Mixed = e.dialect()
	for _, h := range e.state.Hosts() {
		v.Hosts = append(v.Hosts, e.hostView(h))
	}
	for _, name := range e.names() {
		a := e.apps[name]
		av := AppView{Name: name, Version: a.run.Version, Deleting: a.run.Deleting, Released: a.run.Released, Open: e.ledger.OpenOf(name), Told: a.told != nil}
		if a.told != nil {
			av.Status = *a.told
		}
		v.Apps = append(v.Apps, av)
	}
	v.Links = slices.Clone(e.state.Links())
	return v
}

// Snapshot copies what is observed, with at most limit entries in each list. Hosts are judged by the decay given.
func (e *Engine) Snapshot(decay time.Duration, limit int) lattice.Snapshot {
	return e.state.Snapshot(e.now, decay, limit)
}

func (e *Engine) hostView(h *lattice.Host) HostView {
	hv := HostView{
		ID: h.ID, Name: h.Name, Version: h.Version, Dialect: h.Dialect, Labels: h.Labels, Uptime: h.Uptime,
		Seen: e.now - h.LastSeen, Beat: lattice.Never, Suspect: e.watch.suspect[h.ID], Doubtful: h.Doubtful,
	}
	if h.LastBeat != lattice.Never {
		hv.Beat = e.now - h.LastBeat
	}
	for _, it := range h.Items() {
		for _, g := range it.Groups {
			r := RunView{
				Kind: it.Key.Kind, ID: it.Key.ID, Link: it.Key.Link, Ref: it.Ref, App: g.Annotations[lattice.AppAnnotation],
				Annotations: g.Annotations, Count: g.Count,
			}
			for _, w := range e.users.keys[it.Key] {
				if w.App == r.App {
					r.Component = w.Component
				}
			}
			a := e.apps[r.App]
			if a != nil {
				r.Released = a.run.Released
				if ref, n := a.Runs(h.ID, &it); n > 0 && n == it.CountOf(r.App) {
					r.Updated = ref
				}
				r.Component = cmp.Or(r.Component, a.formerly(&it))
			}
			r.Orphan = r.App != "" && (a == nil || !a.active() && !r.Released)
			hv.Runs = append(hv.Runs, r)
		}
	}
	return hv
}

// formerly is what the last manifest calls a thing, "" if it does not name it. While something is wanted that says it.
func (a *app) formerly(it *lattice.Item) string {
	if a.wanted != nil || a.from == nil {
		return ""
	}
	for i := range a.from.Resources {
		r := &a.from.Resources[i]
		if r.Kind == it.Key.Kind && (r.ID == it.Key.ID || r.ID == "" && lattice.SameRef(r.Ref, it.Ref)) {
			return r.Name
		}
	}
	return ""
}
