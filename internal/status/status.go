// Package status tells people and clients what a plan found: the state of an application and of each of its scalers, in the form of 0.21.1.
//
// It knows the words and which state outweighs which; it never decides what to do and keeps nothing. The engine calls it after each pass.
package status

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wadm-go/wadm/internal/plan"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wadmapi"
)

// Texts that clients of 0.21.1 know.
const (
	TextUndeployed = "Manifest has been undeployed"
	TextNoHosts    = "Waiting for status: Lattice contains no hosts, deployment not started."
)

// Undeployed is the status of an application of which nothing is left.
func Undeployed() wadmapi.Status {
	return whole(wadmapi.StatusInfo{Type: wadmapi.StatusUndeployed, Message: TextUndeployed}, "")
}

// Released is the status of an application that was let go: so many instances of it run on, and so many are still being started.
func Released(running, starting int) wadmapi.Status {
	what := fmt.Sprintf("undeployed; %d %s left running", running, were(running))
	switch {
	case running+starting == 0:
		return Undeployed()
	case running == 0:
		what = fmt.Sprintf("undeployed; %d %s left starting", starting, were(starting))
	case starting > 0:
		what += fmt.Sprintf(", and %d starting", starting)
	}
	return whole(wadmapi.StatusInfo{Type: wadmapi.StatusUndeployed, Message: what}, "")
}

func were(n int) string {
	if n == 1 {
		return "instance was"
	}
	return "instances were"
}

// Waiting is the status of a deployed application while no host was ever seen.
func Waiting(version string) wadmapi.Status {
	return whole(wadmapi.StatusInfo{Type: wadmapi.StatusWaiting, Message: TextNoHosts}, version)
}

// Removing is the status while an undeploy is under way.
func Removing(left, owed, open int) wadmapi.Status {
	what := "Undeploying: hosts are asked whether anything is left"
	switch {
	case left > 0:
		what = fmt.Sprintf("Undeploying: %d instance(s) still run", left)
	case owed > 0:
		what = fmt.Sprintf("Undeploying: %d link(s) or config(s) still there", owed)
	case open > 0:
		what = fmt.Sprintf("Undeploying: %d command(s) under way", open)
	}
	return whole(wadmapi.StatusInfo{Type: wadmapi.StatusReconciling, Message: what}, "")
}

// Unreachable is the status of an application while nothing is heard of its lattice: what was told last, nil if nothing was, with the reason
// before it.
func Unreachable(last *wadmapi.Status, version, why string) wadmapi.Status {
	if last == nil {
		return whole(wadmapi.StatusInfo{Type: wadmapi.StatusWaiting, Message: why}, version)
	}
	s := *last
	if s.Status.Message != "" {
		why += "; before that: " + s.Status.Message
	}
	s.Status.Message = why
	return s
}

// Asking is the status of an application of which nothing was told yet, in a lattice that has just been reached.
func Asking(version string) wadmapi.Status {
	return whole(wadmapi.StatusInfo{Type: wadmapi.StatusWaiting, Message: "Hosts are asked what they run"}, version)
}

// Refused is the status of an application that the lattice's dialect cannot carry, or whose dialect is not settled.
func Refused(version string, gaps []plan.Gap) wadmapi.Status {
	var texts []string
	for i := range gaps {
		texts = append(texts, gapText(gaps[i], nil, 0, 0))
	}
	return whole(wadmapi.StatusInfo{Type: wadmapi.StatusFailed, Message: strings.Join(texts, ", ")}, version)
}

func whole(s wadmapi.StatusInfo, version string) wadmapi.Status {
	return wadmapi.Status{Status: s, Version: version, Components: []struct{}{}}
}

// Of is the status of a deployed application. leftover and owed count what is ours, no longer wanted and still there.
func Of(w *plan.Wanted, parts map[plan.PartID]plan.Part, leftover, owed int) wadmapi.Status {
	out := whole(wadmapi.StatusInfo{}, w.Version)
	for _, id := range w.Order {
		part, ok := parts[id]
		s := scaler(w, id)
		s.Status = info(w, id, &part, ok)
		out.Scalers = append(out.Scalers, s)
	}
	out.Status = fold(out.Scalers)
	if out.Status.Type == wadmapi.StatusDeployed && leftover+owed > 0 {
		out.Status = wadmapi.StatusInfo{Type: wadmapi.StatusReconciling, Message: "Removing what the new version no longer has"}
	}
	return out
}

// weight orders the states: the weightiest of an application's scalers is its own. Source: 0.21.1's roll-up.
func weight(t wadmapi.StatusType) int {
	switch t {
	case wadmapi.StatusFailed:
		return 5
	case wadmapi.StatusUndeployed:
		return 4
	case wadmapi.StatusWaiting:
		return 3
	case wadmapi.StatusReconciling:
		return 2
	case wadmapi.StatusUnhealthy:
		return 1
	}
	return 0
}

func fold(scalers []wadmapi.ScalerStatus) wadmapi.StatusInfo {
	out := wadmapi.StatusInfo{Type: wadmapi.StatusDeployed}
	var first, rest []string
	for _, s := range scalers {
		if weight(s.Status.Type) > weight(out.Type) {
			out.Type = s.Status.Type
			first, rest = nil, append(first, rest...)
		}
		switch m := strings.TrimSpace(s.Status.Message); {
		case m == "":
		case s.Status.Type == out.Type:
			first = append(first, m)
		default:
			rest = append(rest, m)
		}
	}
	out.Message = strings.Join(append(first, rest...), ", ")
	return out
}

func scaler(w *plan.Wanted, id plan.PartID) wadmapi.ScalerStatus {
	if id.Link > 0 {
		l := &w.Links[id.Link-1]
		return wadmapi.ScalerStatus{ID: l.ScalerID, Kind: "LinkScaler", Name: l.Display}
	}
	r := w.Resource(id.Component)
	s := wadmapi.ScalerStatus{ID: r.ScalerID, Kind: "SpreadScaler", Name: r.Display}
	if r.Scaler == plan.Daemon {
		s.Kind = "DaemonScaler"
	}
	return s
}

func info(w *plan.Wanted, id plan.PartID, p *plan.Part, known bool) wadmapi.StatusInfo {
	if !known {
		return wadmapi.StatusInfo{Type: wadmapi.StatusReconciling}
	}
	var texts []string
	worst := wadmapi.StatusDeployed
	for i, g := range p.Gaps {
		t := wadmapi.StatusFailed
		if g.Why == plan.EndsUnknown || g.Why == plan.Unread {
			t = wadmapi.StatusReconciling
		}
		if weight(t) > weight(worst) {
			worst = t
		}
		if failure(g) && slices.ContainsFunc(p.Gaps[:i], func(o plan.Gap) bool { return failure(o) && o.Detail == g.Detail }) {
			continue // told once, with the number of hosts
		}
		text := gapText(g, w.Resource(id.Component), p.Have, p.Want)
		if n := likewise(p.Gaps[i+1:], g); n > 0 {
			text += fmt.Sprintf(", and likewise on %d other host(s)", n)
		}
		texts = append(texts, text)
	}
	switch {
	case worst != wadmapi.StatusDeployed:
	case p.Done():
		return wadmapi.StatusInfo{Type: wadmapi.StatusDeployed}
	default:
		worst = wadmapi.StatusReconciling
		if doing := working(w, id, p); doing != "" {
			texts = append(texts, doing)
		}
	}
	return wadmapi.StatusInfo{Type: worst, Message: strings.Join(append(texts, p.Told...), " ")}
}

// working says what is being done, in the words that clients of 0.21.1 know.
func working(w *plan.Wanted, id plan.PartID, p *plan.Part) string {
	if id.Link > 0 {
		l := &w.Links[id.Link-1]
		source, target, _ := strings.Cut(l.Display, " -(")
		if _, t, ok := strings.Cut(target, ")-> "); ok {
			target = t
		}
		return "Putting link definition between " + source + " and " + target
	}
	kind := "component"
	if r := w.Resource(id.Component); r != nil && r.Kind == lattice.Provider {
		kind = "provider"
	}
	if p.Evicting {
		return "Found " + kind + "s running on ineligible hosts, removing them."
	}
	if n := p.Open + p.Sent; n > 0 {
		return fmt.Sprintf("Scaling %s on %d host(s)", kind, n)
	}
	return ""
}

// gapText says why something is missing, the host's own words first.
func gapText(g plan.Gap, r *plan.Resource, have, want int) string {
	switch g.Why {
	case plan.NotCarried:
		return fmt.Sprintf("component %s: %s", g.Component, g.Detail)
	case plan.MixedLattice:
		return "The lattice has hosts of both dialects; start wadm with --lattice-dialect v1 or otp to say which of them count"
	case plan.Conflict:
		if g.Owner != "" {
			return fmt.Sprintf("Component identifier '%s' is already deployed in a different application '%s'.", g.Detail, g.Owner)
		}
		return "Conflicting links: " + g.Detail
	case plan.ConfigTaken:
		return fmt.Sprintf("Config '%s' has other values in application '%s'", g.Detail, g.Owner)
	case plan.LinkTaken:
		return fmt.Sprintf("Link %s belongs to application '%s'", g.Detail, g.Owner)
	case plan.BackingOff:
		return fmt.Sprintf("%s (retry %d%s %s after the last try)", orUnsaid(g.Detail), g.Tries, onHost(g), seconds(g.Pause))
	case plan.Retrying:
		return fmt.Sprintf("%s (retry %d%s under way)", orUnsaid(g.Detail), g.Tries, onHost(g))
	case plan.ConfigAbsent:
		return "Specified configuration " + g.Detail + " does not exist"
	case plan.HeldByOther, plan.NoHostFits, plan.TooFewHosts:
		return unsatisfied(g, r, have, want) + lacking(g)
	case plan.Unhealthy:
		return fmt.Sprintf("Unhealthy provider on %d host(s)", g.Short)
	case plan.EndsUnknown:
		return "Waiting until both ends of " + g.Detail + " were seen"
	}
	return g.Detail
}

func failure(g plan.Gap) bool { return g.Why == plan.BackingOff || g.Why == plan.Retrying }

// likewise counts the failures with the same cause among the others.
func likewise(others []plan.Gap, g plan.Gap) (n int) {
	for _, o := range others {
		if failure(g) && failure(o) && o.Detail == g.Detail {
			n++
		}
	}
	return n
}

func onHost(g plan.Gap) string {
	if g.Host == "" {
		return ""
	}
	return " on host " + string(g.Host)
}

// lacking says what stands in the way of a place.
func lacking(g plan.Gap) string {
	switch {
	case g.Why == plan.TooFewHosts:
		return ""
	case g.Why == plan.NoHostFits && g.Detail == "":
		return ": there is no host"
	case g.Why == plan.NoHostFits:
		return ": no host has " + g.Detail
	}
	whose := "nobody that wadm knows"
	if g.Owner != "" {
		whose = "application " + g.Owner
	}
	return fmt.Sprintf(": host %s already runs %s for %s", g.Host, g.Detail, whose)
}

func unsatisfied(g plan.Gap, r *plan.Resource, have, want int) string {
	image := ""
	if r != nil {
		image = r.Ref
	}
	if r != nil && r.Scaler == plan.Daemon {
		return fmt.Sprintf("Could not satisfy daemonscaler %s for %s, 0 eligible hosts found", g.Spread, image)
	}
	return fmt.Sprintf("Could not satisfy spread %s for %s, %d/%d eligible hosts found", g.Spread, image, min(have, want), want)
}

func orUnsaid(s string) string {
	if s == "" {
		return "the host gives no cause"
	}
	return s
}

func seconds(d time.Duration) string { return d.Round(time.Second / 10).String() }
