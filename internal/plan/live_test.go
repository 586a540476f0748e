package plan

import (
	"slices"
	"testing"

	"github.com/wadm-go/wadm/internal/ledger"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/oam"
)

// What is updated in place under the old reference, where the user asks for it, and what comes of it later.
func TestUpdatesUnderTheOldReference(t *testing.T) {
	key := lattice.Key{ID: "MECHO"}
	lively := func(m *oam.Manifest) *oam.Manifest {
		m.Metadata.Annotations[oam.AnnotationLiveUpdate] = "true"
		return m
	}
	echo := func(edits ...edit) *oam.Manifest { return lively(app(component("echo", edits...))) }
	has := func(id lattice.HostID, ref string, notes lattice.Annotations, ids ...string) func(*world) {
		return func(w *world) {
			host(id)(w)
			g := lattice.Group{Annotations: notes, Count: len(ids), Instances: ids}
			if i := slices.IndexFunc(w.runs[id], func(r lattice.Resource) bool { return r.Key == key }); i >= 0 {
				w.runs[id][i].Groups = append(w.runs[id][i].Groups, g)
				return
			}
			w.runs[id] = append(w.runs[id], lattice.Resource{Key: key, Ref: ref, Groups: []lattice.Group{g}})
		}
	}
	ours := lattice.Annotations{lattice.AppAnnotation: "shop"}
	partly := func(ref string, fallen int, hosts ...lattice.HostID) func(*world) {
		return input(func(in *Input) {
			in.State.Apply(lattice.RefLearned{Ref: ref, ID: key.ID}, sec)
			in.Runs = func(h lattice.HostID, it *lattice.Item) (string, int) {
				if slices.Contains(hosts, h) {
					return ref, it.CountOf("shop") - fallen
				}
				return "", 0
			}
		})
	}
	runsCode := func(ref string, hosts ...lattice.HostID) func(*world) { return partly(ref, 0, hosts...) }
	will := input(func(in *Input) { in.Unchanged = func(string, lattice.HostID, string) bool { return true } })
	for _, tc := range []struct {
		name string
		w    *world
		want []string
	}{
		{"all of them, though nobody has seen the new image yet", givenOTP(echo(scaled(3), image("echo:2")), has("N1", "echo:1", ours, "a", "b"), has("N2", "echo:1", ours, "c")),
			[]string{"update N1 echo:1 => echo:2 2→2 (image-changed)", "update N2 echo:1 => echo:2 1→1 (image-changed)"}},
		{"not without the annotation", givenOTP(app(component("echo", scaled(2), image("echo:2"))), has("N1", "echo:1", ours, "a", "b")), []string{"scale N1 echo:2 0→2 (too-few)"}},
		{"not of another repository: it has another key", givenOTP(echo(scaled(1), image("other:2")), has("N1", "echo:1", ours, "a")), []string{"scale N1 other:2 0→1 (too-few)"}},
		{"not where the host has refused it", givenOTP(echo(scaled(2), image("echo:2")), will, has("N1", "echo:1", ours, "a", "b")), []string{"scale N1 echo:1 2→0 (image-changed)"}},
		{"not where somebody else runs the same: theirs would change, too", givenOTP(echo(scaled(2), image("echo:2")), has("N1", "echo:1", ours, "a", "b"), has("N1", "echo:1", byBlog, "z")),
			[]string{"scale N1 echo:1 2→0 (image-changed)"}},
		{"not what is to go", givenOTP(echo(scaled(0), image("echo:2")), has("N1", "echo:1", ours, "a")), []string{"scale N1 echo:1 1→0 (too-many)"}},
		{"not once more while it is under way", givenOTP(echo(scaled(1), image("echo:2")), has("N1", "echo:1", ours, "a"),
			asked(ledger.Command{Action: ledger.Update, Component: "echo", Host: "N1", Target: ledger.Target{ID: key.ID, Ref: "echo:1"}, From: 1, To: 1, Update: "echo:2", Instances: []string{"a"}})), nil},
		{"nor elsewhere, should the revision that wants it ask for no update", givenOTP(app(component("echo", scaled(1), image("echo:2"))), has("N1", "echo:1", ours, "a"), host("N2"),
			runsCode("echo:2"), asked(ledger.Command{Action: ledger.Update, Component: "echo", Host: "N1", Target: ledger.Target{ID: key.ID, Ref: "echo:1"}, From: 1, To: 1, Update: "echo:2", Instances: []string{"a"}})), nil},
		{"what was updated is as wanted", givenOTP(echo(scaled(2), image("echo:2")), has("N1", "echo:1", ours, "a", "b"), runsCode("echo:2", "N1")), nil},
		{"back to the image that the host reports: that is not what runs", givenOTP(echo(scaled(2), image("echo:1")), has("N1", "echo:1", ours, "a", "b"), runsCode("echo:2", "N1")),
			[]string{"update N1 echo:1 => echo:1 2→2 (image-changed)"}},
		{"more of it: on another host first", givenOTP(echo(scaled(3), image("echo:2")), has("N1", "echo:1", ours, "a", "b"), host("N2"), runsCode("echo:2", "N1")), []string{"scale N2 echo:2 0→1 (too-few)"}},
		{"where there is none, all there end first, on the host with the fewest", givenOTP(echo(scaled(4), image("echo:2")), has("N1", "echo:1", ours, "a", "b"), has("N2", "echo:1", ours, "c"), runsCode("echo:2", "N1", "N2")),
			[]string{"scale N2 echo:1 1→0 (only-old-reference)"}},
		{"likewise of a daemon", givenOTP(echo(daemon(2), image("echo:2")), has("N1", "echo:1", ours, "a"), runsCode("echo:2", "N1")), []string{"scale N1 echo:1 1→0 (only-old-reference)"}},
		{"one fell and came back with the old code, and the host refuses: the other one counts, and elsewhere is room first",
			givenOTP(echo(scaled(2), image("echo:2")), will, has("N1", "echo:1", ours, "a", "b"), host("N2"), partly("echo:2", 1, "N1")), []string{"scale N2 echo:2 0→1 (too-few)"}},
		{"likewise back to the image that the host reports: the one that fell counts",
			givenOTP(echo(scaled(2), image("echo:1")), will, has("N1", "echo:1", ours, "a", "b"), host("N2"), partly("echo:2", 1, "N1")), []string{"scale N2 echo:1 0→1 (too-few)"}},
		{"fewer of it need no new start", givenOTP(echo(scaled(1), image("echo:2")), has("N1", "echo:1", ours, "a", "b"), runsCode("echo:2", "N1")), []string{"scale N1 echo:1 2→1 (too-many)"}},
		{"where no calls reach it, it is made anew, for what starts beside it would be old code", givenOTP(echo(scaled(1), image("echo:2")), has("N1", "echo:1", ours, "a"), runsCode("echo:2", "N1"),
			input(func(in *Input) { in.Belief.Deaf = func(lattice.HostID, string) bool { return true } })), []string{"scale N1 echo:1 1→0 (only-old-reference)"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			same(t, "commands", tc.want, lines(tc.w.pass().Commands))
		})
	}
	t.Run("an instance that nobody knew when it was planned stops it at the sending", func(t *testing.T) {
		w := givenOTP(echo(scaled(2), image("echo:2")), has("N1", "echo:1", ours, "a", "b"))
		c := w.pass().Commands[0]
		if !MaySend(&w.in.View, &c) {
			t.Error("it may not go out as it was planned")
		}
		c.Instances = []string{"a", "x"}
		if MaySend(&w.in.View, &c) {
			t.Error("it may go out with another instance")
		}
	})
}
