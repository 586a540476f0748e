package cluster

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/wadm-go/wadm/wadmapi"
)

// one is a process with stands to lattices: "owns a" and so on.
func one(name string, stands ...string) wadmapi.Beat {
	b := wadmapi.Beat{Name: name, ID: name + "/1", Started: "2026-01-01T00:00:00Z", State: wadmapi.BeatLive}
	for _, s := range stands {
		stand, lattice, _ := strings.Cut(s, " ")
		b.Lattices = append(b.Lattices, wadmapi.BeatLattice{Name: lattice, Stand: wadmapi.Stand(stand)})
	}
	return b
}

// owners computes the rightful owner of each lattice as the first of the processes sees it.
func owners(names, lattices []string) map[string]string {
	var tends []string
	for _, l := range lattices {
		tends = append(tends, "waits "+l)
	}
	m := New(one(names[0]), Rules{})
	for _, n := range names[1:] {
		m.Hear(one(n, tends...), 0)
	}
	out := map[string]string{}
	for _, l := range lattices {
		out[l] = m.Stance(l, Self{Known: -time.Hour}, 0).Should
	}
	return out
}

func drawNames(t *rapid.T, what string, least, most int) []string {
	return rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z0-9-]{1,12}`), least, most, rapid.ID[string]).Draw(t, what)
}

func TestEveryProcessComesToTheSameOneRightfulOwner(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := drawNames(t, "processes", 1, 8)
		lattices := drawNames(t, "lattices", 1, 20)
		want := owners(names, lattices)
		for i := range names {
			seen := append(slices.Clone(names[i:]), names[:i]...)
			if diff := cmp.Diff(want, owners(seen, lattices)); diff != "" {
				t.Fatalf("%s thinks otherwise:\n%s", seen[0], diff)
			}
		}
		for l, owner := range want {
			if !slices.Contains(names, owner) {
				t.Fatalf("lattice %s should be owned by %q, who is none of them", l, owner)
			}
		}
	})
}

func TestAJoinMovesLatticesOnlyToTheOneThatJoinedAndALeaveOnlyItsOwn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := drawNames(t, "processes", 2, 8)
		lattices := drawNames(t, "lattices", 1, 40)
		with, without := owners(names, lattices), owners(names[:len(names)-1], lattices)
		joined := names[len(names)-1]
		for _, l := range lattices {
			if with[l] != without[l] && with[l] != joined {
				t.Fatalf("when %s joins, lattice %s goes from %s to %s", joined, l, without[l], with[l])
			}
		}
	})
}

func TestEachProcessHasAboutItsShare(t *testing.T) {
	var lattices []string
	for i := range 3000 {
		lattices = append(lattices, fmt.Sprintf("lattice-%d", i))
	}
	names := []string{"wadm-0", "wadm-1", "wadm-2", "wadm-3", "wadm-4", "wadm-5"}
	share := map[string]int{}
	for _, owner := range owners(names, lattices) {
		share[owner]++
	}
	for _, n := range names {
		if share[n] < 400 || share[n] > 600 { // 500, and a standard deviation of 20
			t.Errorf("%s has %d of 3000 lattices", n, share[n])
		}
	}
}

// pair gives a lattice of which a is the rightful owner, and one of b's.
func pair(t *testing.T) (ofA, ofB string) {
	t.Helper()
	for i := 0; ofA == "" || ofB == ""; i++ {
		l := fmt.Sprintf("l%d", i)
		if score(l, "a") > score(l, "b") {
			ofA = l
		} else {
			ofB = l
		}
	}
	return ofA, ofB
}

const second = time.Second

func TestWhoIsSilentIsGone(t *testing.T) {
	m := New(one("a"), Rules{})
	_, l := pair(t)
	long := Self{Known: -time.Hour}
	if c := m.Hear(one("b", "waits "+l), 10*second); len(c.Came) != 1 {
		t.Errorf("it came, and the change is %+v", c)
	}
	if s := m.Stance(l, long, 10*second); s.Should != "b" || s.First || s.Rank != 1 {
		t.Errorf("the stance is %+v", s)
	}
	if c := m.Pass(13*second - 1); len(c.Left) != 0 {
		t.Errorf("just before: %+v", c)
	}
	if c := m.Pass(13 * second); len(c.Left) != 1 || c.Left[0].Name != "b" {
		t.Errorf("after three seconds: %+v", c)
	}
	if s := m.Stance(l, long, 13*second); !s.First || s.Rank != 0 {
		t.Errorf("alone, the stance is %+v", s)
	}
}

func TestWhoSaysGoodbyeIsGoneAtOnceAndWhoIsLeavingTakesNothing(t *testing.T) {
	m := New(one("a"), Rules{})
	_, l := pair(t)
	b := one("b", "owns "+l)
	m.Hear(b, 0)
	b.State = wadmapi.BeatLeaving
	if c := m.Hear(b, second); !slices.Equal(c.Lattices, []string{l}) {
		t.Errorf("leaving changes %v", c.Lattices)
	}
	if s := m.Stance(l, Self{Known: -time.Hour}, second); !s.First {
		t.Errorf("b is leaving, and the stance is %+v", s)
	}
	if len(m.Others(second)) != 1 {
		t.Error("while it is leaving it is not heard of any more")
	}
	b.State, b.Lattices = wadmapi.BeatGone, nil
	if c := m.Hear(b, second); len(c.Left) != 1 || len(m.Others(second)) != 0 {
		t.Errorf("a goodbye changes %+v", c)
	}
	if c := m.Hear(b, second); len(c.Left) != 0 {
		t.Errorf("a second goodbye changes %+v", c)
	}
	m.Hear(one("b", "waits "+l), second)
	m.Leave()
	if s := m.Stance(l, Self{Known: -time.Hour}, second); s.First || s.Should != "b" {
		t.Errorf("leaving itself, the stance is %+v", s)
	}
}

func TestOnlyProcessesOfOurRecordsThatTendALatticeCount(t *testing.T) {
	_, l := pair(t)
	other := one("b", "waits "+l)
	other.Store = "redis://elsewhere"
	for name, b := range map[string]wadmapi.Beat{
		"other records":          other,
		"another lattice":        one("b", "waits other"),
		"ourselves":              {Name: "a", ID: "a/1", State: wadmapi.BeatLive, Lattices: one("b", "waits "+l).Lattices},
		"a name that is no name": {Name: "b b", ID: "x", State: wadmapi.BeatLive, Lattices: one("b", "waits "+l).Lattices},
		"a state that is none":   {Name: "b", ID: "x", State: "ill", Lattices: one("b", "waits "+l).Lattices},
		"a lattice that is none": {Name: "b", ID: "x", State: wadmapi.BeatLive, Lattices: append(one("b", "waits "+l).Lattices, wadmapi.BeatLattice{Name: "a.b"})},
	} {
		t.Run(name, func(t *testing.T) {
			m := New(one("a"), Rules{})
			m.Hear(b, 0)
			if s := m.Stance(l, Self{Known: -time.Hour}, 0); !s.First {
				t.Errorf("the stance is %+v", s)
			}
		})
	}
}

func TestALatticeThatIsNewToUsMayBeAnybodys(t *testing.T) {
	m := New(one("a"), Rules{})
	_, l := pair(t)
	m.Hear(one("b"), 0)
	if s := m.Stance(l, Self{Known: 10 * second}, 10*second); s.First || s.Rank != 1 || s.Wake != 10*second+250*time.Millisecond {
		t.Errorf("new, the stance is %+v", s)
	}
	if s := m.Stance(l, Self{Known: 10 * second}, 10*second+250*time.Millisecond); !s.First || s.Rank != 0 {
		t.Errorf("then b has not said that it tends it, and the stance is %+v", s)
	}
}

func TestTheHolderOfALeaseThatRunsOutDoesNotGoBeforeUs(t *testing.T) {
	m := New(one("a"), Rules{})
	_, l := pair(t)
	m.Hear(one("b", "owns "+l), 0)
	s := m.Stance(l, Self{Known: -time.Hour, Holder: "b/1"}, 0)
	if s.First || s.Rank != 0 {
		t.Errorf("the stance is %+v, want to be the next one", s)
	}
}

// handing drives the stance of an owner whose lattice another one claims, and says when it would hand over, looking every 100 ms.
func handing(m *Members, lattice string, from, to time.Duration) (at time.Duration) {
	for now := from; now < to; now += 100 * time.Millisecond {
		if now%second == 0 {
			m.Hear(one("b", "claims "+lattice), now)
		}
		if m.Stance(lattice, Self{Known: -time.Hour, Owns: true}, now).Give == "b" {
			return now
		}
	}
	return -1
}

func TestALatticeIsHandedOverOnceItsRightfulOwnerHasClaimedItForAWhile(t *testing.T) {
	_, l := pair(t)
	m := New(one("a"), Rules{})
	if at := handing(m, l, 0, 20*second); at < 3*second || at > 6*second {
		t.Errorf("handed over after %s, want it after three to six seconds", at)
	}
	t.Run("not while it only waits", func(t *testing.T) {
		m := New(one("a"), Rules{})
		for now := time.Duration(0); now < 20*second; now += second {
			m.Hear(one("b", "waits "+l), now)
			if s := m.Stance(l, Self{Known: -time.Hour, Owns: true}, now); s.Give != "" || s.First {
				t.Fatalf("at %s the stance is %+v", now, s)
			}
		}
	})
	t.Run("not to one that is not the rightful owner", func(t *testing.T) {
		mine, _ := pair(t)
		if at := handing(New(one("a"), Rules{}), mine, 0, 20*second); at >= 0 {
			t.Errorf("handed over after %s", at)
		}
	})
	t.Run("and the time begins anew when it is gone in between", func(t *testing.T) {
		m := New(one("a"), Rules{})
		handing(m, l, 0, 3*second)
		gone := one("b")
		gone.State = wadmapi.BeatGone
		m.Hear(gone, 3*second)
		if at := handing(m, l, 4*second, 20*second); at < 7*second {
			t.Errorf("handed over at %s", at)
		}
	})
}

// TestMembersThatComeAndGoDoNotCarryALatticeToAndFro: b comes for 10 s and goes for 5 s, again and again for an hour; each time a takes back what
// it has handed over.
func TestMembersThatComeAndGoDoNotCarryALatticeToAndFro(t *testing.T) {
	_, l := pair(t)
	m := New(one("a"), Rules{})
	var moves []time.Duration
	for from := time.Duration(0); from < time.Hour; from += 15 * second {
		if at := handing(m, l, from, from+10*second); at >= 0 {
			m.Handed(l, at)
			moves = append(moves, at.Round(second))
		}
		m.Pass(from + 14*second)
	}
	if len(moves) < 2 || len(moves) > 12 {
		t.Errorf("it was handed over %d times in an hour: %v", len(moves), moves)
	}
	if at := handing(m, l, 10*time.Hour, 10*time.Hour+10*second); at < 0 {
		t.Error("hours later, a claim is not heeded")
	}
}

func TestANamesake(t *testing.T) {
	m := New(one("a"), Rules{})
	b := one("a")
	b.ID = "a/2"
	if c := m.Hear(b, 0); c.Namesake == nil || c.Namesake.ID != "a/2" {
		t.Errorf("the change is %+v", c)
	}
	b.State = wadmapi.BeatGone
	if c := m.Hear(b, 0); c.Namesake != nil {
		t.Errorf("one that goes is none: %+v", c)
	}
}

func TestWhoCannotReachTheHostsComesLast(t *testing.T) {
	ofA, ofB := pair(t)
	m := New(one("a"), Rules{})
	blind := one("b", "owns "+ofB, "waits "+ofA)
	m.Hear(blind, 0)
	blind.Lattices = slices.Clone(blind.Lattices)
	blind.Lattices[0].Blind = true
	if c := m.Hear(blind, second); !slices.Equal(c.Lattices, []string{ofB}) {
		t.Errorf("b has become blind, and the change is %+v", c)
	}
	if s := m.Stance(ofB, Self{Known: -time.Hour}, second); !s.First || s.Rank != 0 {
		t.Errorf("b is blind, and the stance is %+v", s)
	}
	if s := m.Stance(ofA, Self{Known: -time.Hour, Blind: true}, second); s.Should != "b" || s.First {
		t.Errorf("this one is blind, and the stance is %+v", s)
	}
	if s := m.Stance(ofB, Self{Known: -time.Hour, Blind: true}, second); s.Should != "b" {
		t.Errorf("all are blind, and the stance is %+v", s)
	}
}
