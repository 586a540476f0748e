package status

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/wadm-go/wadm/internal/plan"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/oam"
	"github.com/wadm-go/wadm/wadmapi"
	"pgregory.net/rapid"
)

const (
	deployed    = wadmapi.StatusDeployed
	undeployed  = wadmapi.StatusUndeployed
	waiting     = wadmapi.StatusWaiting
	reconciling = wadmapi.StatusReconciling
	failed      = wadmapi.StatusFailed
	unhealthy   = wadmapi.StatusUnhealthy
)

func same(t *testing.T, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// shop wants a component, a provider, a daemon and a link.
func shop() *plan.Wanted {
	scaler := func(t string, n int) oam.Trait { return oam.Trait{Type: t, Scaler: &oam.Scaler{Instances: n}} }
	link := oam.Trait{Type: oam.TraitLink, Link: &oam.Link{Namespace: "wasi", Package: "keyvalue", Interfaces: []string{"store"}, Target: oam.LinkTarget{Name: "kv"}}}
	return plan.Want(&oam.Manifest{
		Metadata: oam.Metadata{Name: "shop", Annotations: map[string]string{"version": "v3"}},
		Spec: oam.Spec{Components: []oam.Component{
			{Name: "web", Type: oam.ComponentKind, Properties: oam.Properties{Image: "web:1"}, Traits: []oam.Trait{scaler(oam.TraitSpreadScaler, 2), link}},
			{Name: "kv", Type: oam.CapabilityKind, Properties: oam.Properties{Image: "kv:1"}},
			{Name: "log", Type: oam.ComponentKind, Properties: oam.Properties{Image: "log:1"}, Traits: []oam.Trait{scaler(oam.TraitDaemonScaler, 1)}},
		}},
	}, lattice.V1)
}

func web(p plan.Part) plan.Part { p.ID.Component = "web"; return p }

// parts are the parts of shop, all as wanted, but for those given.
func parts(others ...plan.Part) map[plan.PartID]plan.Part {
	out := map[plan.PartID]plan.Part{}
	for _, id := range shop().Order {
		out[id] = plan.Part{ID: id, Want: 1, Have: 1}
	}
	for _, p := range others {
		out[p.ID] = p
	}
	return out
}

func TestTheWholeStatus(t *testing.T) {
	w := shop()
	scalers := func(webStatus wadmapi.StatusInfo) []wadmapi.ScalerStatus {
		ok := wadmapi.StatusInfo{Type: deployed}
		return []wadmapi.ScalerStatus{
			{ID: w.Resources[0].ScalerID, Kind: "SpreadScaler", Name: "shop-web", Status: webStatus},
			{ID: w.Links[0].ScalerID, Kind: "LinkScaler", Name: "shop-web -(wasi:keyvalue)-> shop-kv", Status: ok},
			{ID: w.Resources[1].ScalerID, Kind: "SpreadScaler", Name: "shop-kv", Status: ok},
			{ID: w.Resources[2].ScalerID, Kind: "DaemonScaler", Name: "shop-log", Status: ok},
		}
	}
	status := func(s wadmapi.StatusInfo, webStatus wadmapi.StatusInfo) wadmapi.Status {
		return wadmapi.Status{Status: s, Scalers: scalers(webStatus), Version: "v3", Components: []struct{}{}}
	}
	ok := wadmapi.StatusInfo{Type: deployed}
	scaling := wadmapi.StatusInfo{Type: reconciling, Message: "Scaling component on 1 host(s)"}
	removing := wadmapi.StatusInfo{Type: reconciling, Message: "Removing what the new version no longer has"}
	for _, tc := range []struct {
		name           string
		parts          map[plan.PartID]plan.Part
		leftover, owed int
		want           wadmapi.Status
	}{
		{"all is as wanted", parts(), 0, 0, status(ok, ok)},
		{"something is under way", parts(web(plan.Part{Want: 2, Have: 1, Sent: 1, Starting: true})), 0, 0, status(scaling, scaling)},
		{"something of the version before still runs", parts(), 2, 0, status(removing, ok)},
		{"a link or config of the version before is still there", parts(), 0, 1, status(removing, ok)},
		{"what is under way says more than what is left over", parts(web(plan.Part{Want: 2, Have: 1, Sent: 1})), 2, 1, status(scaling, scaling)},
	} {
		t.Run(tc.name, func(t *testing.T) { same(t, tc.want, Of(w, tc.parts, tc.leftover, tc.owed)) })
	}
	t.Run("a part that no pass has looked at is being worked on", func(t *testing.T) {
		all := parts()
		delete(all, plan.PartID{Component: "web"})
		same(t, status(wadmapi.StatusInfo{Type: reconciling}, wadmapi.StatusInfo{Type: reconciling}), Of(w, all, 0, 0))
	})
}

// Never deployed while anything differs.
func TestDeployedMeansThatNothingDiffers(t *testing.T) {
	w := shop()
	rapid.Check(t, func(t *rapid.T) {
		few := rapid.IntRange(0, 2)
		p := web(plan.Part{
			Want: few.Draw(t, "want"), Have: few.Draw(t, "have"), Open: rapid.IntRange(0, 1).Draw(t, "open"), Sent: rapid.IntRange(0, 1).Draw(t, "sent"),
			Starting: rapid.Bool().Draw(t, "starting"), Held: rapid.Bool().Draw(t, "held"), Evicting: rapid.Bool().Draw(t, "evicting"), Changing: rapid.Bool().Draw(t, "changing"),
		})
		for _, why := range rapid.SliceOfN(rapid.SampledFrom(causes), 0, 2).Draw(t, "gaps") {
			p.Gaps = append(p.Gaps, plan.Gap{Component: "web", Why: why, Short: 1})
		}
		leftover, owed := rapid.IntRange(0, 1).Draw(t, "leftover"), rapid.IntRange(0, 1).Draw(t, "owed")
		got := Of(w, parts(p), leftover, owed).Status
		whole := p.Want == p.Have && p.Open+p.Sent == 0 && !p.Starting && !p.Held && !p.Changing && len(p.Gaps) == 0 && leftover+owed == 0
		if (got.Type == deployed) != whole {
			t.Fatalf("%+v, %d left over, %d owed: %+v", p, leftover, owed, got)
		}
		if got.Type == failed && got.Message == "" {
			t.Fatalf("%+v has failed and nobody says why", p)
		}
	})
}

var causes = []plan.Why{
	plan.NotCarried, plan.MixedLattice, plan.Conflict, plan.NoHostFits, plan.TooFewHosts, plan.HeldByOther,
	plan.ConfigAbsent, plan.BackingOff, plan.Retrying, plan.Unhealthy, plan.EndsUnknown, plan.Unread,
}

func TestWhatAGapIsCalled(t *testing.T) {
	const spread = "Could not satisfy spread east for web:1, 1/2 eligible hosts found" // 0.21.1 ends with a full stop; here the reason follows
	for _, tc := range []struct {
		name string
		gap  plan.Gap
		kind wadmapi.StatusType
		want string
	}{
		{"no words for it", plan.Gap{Why: plan.NotCarried, Component: "web", Detail: "more than 64 spreads"}, failed, "component web: more than 64 spreads"},
		{"two dialects", plan.Gap{Why: plan.MixedLattice}, failed, "The lattice has hosts of both dialects; start wadm with --lattice-dialect v1 or otp to say which of them count"},
		{"an id that another application has, in the words of 0.21.1", plan.Gap{Why: plan.Conflict, Owner: "blog", Detail: "shop-web"}, failed,
			"Component identifier 'shop-web' is already deployed in a different application 'blog'."},
		{"links that exclude each other", plan.Gap{Why: plan.Conflict, Detail: "shop-web -(wasi:keyvalue)-> shop-kv"}, failed, "Conflicting links: shop-web -(wasi:keyvalue)-> shop-kv"},
		{"no host has the labels", plan.Gap{Why: plan.NoHostFits, Spread: "east", Detail: "zone=east"}, failed, spread + ": no host has zone=east"},
		{"no host at all", plan.Gap{Why: plan.NoHostFits, Spread: "east"}, failed, spread + ": there is no host"},
		{"too few hosts", plan.Gap{Why: plan.TooFewHosts, Spread: "east"}, failed, spread},
		{"another application's", plan.Gap{Why: plan.HeldByOther, Spread: "east", Host: "N1", Owner: "blog", Detail: "shop-web"}, failed,
			spread + ": host N1 already runs shop-web for application blog"},
		{"nobody's", plan.Gap{Why: plan.HeldByOther, Spread: "east", Host: "N1", Detail: "shop-web"}, failed, spread + ": host N1 already runs shop-web for nobody that wadm knows"},
		{"a config that is not there", plan.Gap{Why: plan.ConfigAbsent, Detail: "flags"}, failed, "Specified configuration flags does not exist"},
		{"a failure, the host's words first", plan.Gap{Why: plan.BackingOff, Host: "N1", Detail: "registry answered 401", Tries: 4, Pause: 8040 * time.Millisecond}, failed,
			"registry answered 401 (retry 4 on host N1 8s after the last try)"},
		{"a failure without words", plan.Gap{Why: plan.BackingOff, Host: "N1", Tries: 1, Pause: 950 * time.Millisecond}, failed,
			"the host gives no cause (retry 1 on host N1 1s after the last try)"},
		{"a failure on no host", plan.Gap{Why: plan.BackingOff, Detail: "no room", Tries: 1, Pause: 1100 * time.Millisecond}, failed, "no room (retry 1 1.1s after the last try)"},
		{"a failure that is being tried again", plan.Gap{Why: plan.Retrying, Host: "N1", Detail: "registry answered 401", Tries: 4}, failed,
			"registry answered 401 (retry 4 on host N1 under way)"},
		{"an unhealthy provider, in the words of 0.21.1", plan.Gap{Why: plan.Unhealthy, Short: 2}, failed, "Unhealthy provider on 2 host(s)"},
		{"an end that was not seen yet is only a matter of time", plan.Gap{Why: plan.EndsUnknown, Detail: "shop-web -(a)-> shop-kv"}, reconciling,
			"Waiting until both ends of shop-web -(a)-> shop-kv were seen"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := Of(shop(), parts(web(plan.Part{Want: 2, Have: 1, Gaps: []plan.Gap{tc.gap}})), 0, 0).Scalers[0].Status
			same(t, wadmapi.StatusInfo{Type: tc.kind, Message: tc.want}, got)
		})
	}
	t.Run("one cause on several hosts is told once", func(t *testing.T) {
		gap := func(host, why string) plan.Gap {
			return plan.Gap{Why: plan.Retrying, Host: lattice.HostID(host), Detail: why, Tries: 1}
		}
		p := plan.Part{Want: 4, Gaps: []plan.Gap{gap("N1", "no room"), gap("N2", "no image"), gap("N3", "no room"), gap("N4", "no room")}}
		same(t, "no room (retry 1 on host N1 under way), and likewise on 2 other host(s) no image (retry 1 on host N2 under way)", Of(shop(), parts(web(p)), 0, 0).Scalers[0].Status.Message)
	})
	t.Run("a daemon's, in the words of 0.21.1", func(t *testing.T) {
		p := plan.Part{ID: plan.PartID{Component: "log"}, Gaps: []plan.Gap{{Why: plan.NoHostFits, Spread: "east", Detail: "zone=east"}}}
		same(t, "Could not satisfy daemonscaler east for log:1, 0 eligible hosts found: no host has zone=east", Of(shop(), parts(p), 0, 0).Scalers[3].Status.Message)
	})
}

func TestWhatIsBeingDoneIsCalled(t *testing.T) {
	kv, link := plan.PartID{Component: "kv"}, plan.PartID{Link: 1}
	for _, tc := range []struct {
		name string
		part plan.Part
		want string
	}{
		{"commands of this pass", web(plan.Part{Want: 3, Sent: 2}), "Scaling component on 2 host(s)"},
		{"commands under way count too", web(plan.Part{Want: 3, Sent: 1, Open: 2}), "Scaling component on 3 host(s)"},
		{"a provider's", plan.Part{ID: kv, Want: 1, Sent: 1}, "Scaling provider on 1 host(s)"},
		{"hosts that no spread fits are cleared", web(plan.Part{Want: 1, Have: 1, Sent: 1, Evicting: true}), "Found components running on ineligible hosts, removing them."},
		{"of a provider", plan.Part{ID: kv, Want: 1, Have: 1, Sent: 1, Evicting: true}, "Found providers running on ineligible hosts, removing them."},
		{"a link", plan.Part{ID: link, Want: 1, Sent: 1}, "Putting link definition between shop-web and shop-kv"},
		{"nothing that has a name", web(plan.Part{Want: 1, Held: true}), ""},
		{"what people should know beforehand is said too", web(plan.Part{Want: 1, Sent: 1, Told: []string{"there will be a gap"}}), "Scaling component on 1 host(s) there will be a gap"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, s := range Of(shop(), parts(tc.part), 0, 0).Scalers {
				if s.Status.Type != deployed {
					same(t, wadmapi.StatusInfo{Type: reconciling, Message: tc.want}, s.Status)
				}
			}
		})
	}
}

// STA-09, with an empty application changed.
func TestTheWeightiestStateIsTheApplications(t *testing.T) {
	for _, tc := range []struct {
		name string
		of   []wadmapi.StatusType
		want wadmapi.StatusType
	}{
		{"all deployed", []wadmapi.StatusType{deployed, deployed}, deployed},
		{"all undeployed", []wadmapi.StatusType{undeployed, undeployed}, undeployed},
		{"failed outweighs undeployed", []wadmapi.StatusType{undeployed, failed}, failed},
		{"undeployed outweighs reconciling", []wadmapi.StatusType{reconciling, undeployed}, undeployed},
		{"undeployed outweighs deployed", []wadmapi.StatusType{deployed, undeployed}, undeployed},
		{"failed outweighs all", []wadmapi.StatusType{deployed, reconciling, undeployed, failed}, failed},
		{"unhealthy outweighs deployed", []wadmapi.StatusType{deployed, unhealthy}, unhealthy},
		{"reconciling outweighs unhealthy", []wadmapi.StatusType{reconciling, unhealthy}, reconciling},
		{"waiting outweighs reconciling", []wadmapi.StatusType{reconciling, waiting}, waiting},
		{"(changed) an application that wants nothing has it", nil, deployed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var of []wadmapi.ScalerStatus
			for _, s := range tc.of {
				of = append(of, wadmapi.ScalerStatus{Status: wadmapi.StatusInfo{Type: s}})
			}
			same(t, wadmapi.StatusInfo{Type: tc.want}, fold(of))
		})
	}
}

func TestTheFirstRealCauseComesFirst(t *testing.T) {
	info := func(kind wadmapi.StatusType, text string) wadmapi.ScalerStatus {
		return wadmapi.ScalerStatus{Status: wadmapi.StatusInfo{Type: kind, Message: text}}
	}
	for _, tc := range []struct {
		name string
		of   []wadmapi.ScalerStatus
		want string
	}{
		{"texts are joined in order", []wadmapi.ScalerStatus{info(failed, "a"), info(failed, "b")}, "a, b"},
		{"what has failed comes before what is being done", []wadmapi.ScalerStatus{info(reconciling, "scaling"), info(failed, "boom"), info(reconciling, "linking"), info(failed, "bang")}, "boom, bang, scaling, linking"},
		{"blank texts are left out, and blanks around them", []wadmapi.ScalerStatus{info(failed, " a "), info(failed, "  "), info(deployed, "")}, "a"},
		{"none of them is lost", []wadmapi.ScalerStatus{info(deployed, "d"), info(unhealthy, "u"), info(reconciling, "r"), info(failed, "f")}, "f, r, u, d"},
	} {
		t.Run(tc.name, func(t *testing.T) { same(t, tc.want, fold(tc.of).Message) })
	}
	t.Run("of one part too: its gaps in the order of the plan, and nothing else", func(t *testing.T) {
		p := web(plan.Part{Want: 2, Sent: 1, Gaps: []plan.Gap{{Why: plan.ConfigAbsent, Detail: "flags"}, {Why: plan.Unhealthy, Short: 1}}})
		same(t, "Specified configuration flags does not exist Unhealthy provider on 1 host(s)", Of(shop(), parts(p), 0, 0).Scalers[0].Status.Message)
	})
}

// A status is published when it differs, so nothing in it may change by time alone.
func TestTextsDoNotCountDown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := plan.Gap{Component: "web", Why: rapid.SampledFrom(causes).Draw(t, "why"), Tries: 3, Pause: 4 * time.Second, Detail: "boom"}
		later := g
		g.Until, later.Until = time.Duration(rapid.Int64Range(0, 1e12).Draw(t, "until")), time.Duration(rapid.Int64Range(0, 1e12).Draw(t, "later"))
		w := shop()
		a, b := Of(w, parts(web(plan.Part{Gaps: []plan.Gap{g}})), 0, 0), Of(w, parts(web(plan.Part{Gaps: []plan.Gap{later}})), 0, 0)
		if !a.Equal(b) {
			t.Fatalf("%+v and %+v", a, b)
		}
	})
}

func TestStatusesWithoutScalers(t *testing.T) {
	bare := func(kind wadmapi.StatusType, text, version string) wadmapi.Status {
		return wadmapi.Status{Status: wadmapi.StatusInfo{Type: kind, Message: text}, Version: version, Components: []struct{}{}}
	}
	for _, tc := range []struct {
		name string
		got  wadmapi.Status
		want wadmapi.Status
	}{
		{"nothing is left, in the words of 0.21.1", Undeployed(), bare(undeployed, "Manifest has been undeployed", "")},
		{"no host was ever seen, in the words of 0.21.1", Waiting("v1"), bare(waiting, "Waiting for status: Lattice contains no hosts, deployment not started.", "v1")},
		{"an undeploy: instances first", Removing(2, 3, 4), bare(reconciling, "Undeploying: 2 instance(s) still run", "")},
		{"then links and configs", Removing(0, 3, 4), bare(reconciling, "Undeploying: 3 link(s) or config(s) still there", "")},
		{"then what nobody has confirmed", Removing(0, 0, 0), bare(reconciling, "Undeploying: hosts are asked whether anything is left", "")},
		{"then what is under way", Removing(0, 0, 4), bare(reconciling, "Undeploying: 4 command(s) under way", "")},
		{"what the dialect cannot carry, all of it", Refused("v1", []plan.Gap{
			{Component: "web", Why: plan.NotCarried, Detail: "components[0].properties.config: OTP hosts have no named configs"}, {Why: plan.MixedLattice},
		}), bare(failed, "component web: components[0].properties.config: OTP hosts have no named configs, "+
			"The lattice has hosts of both dialects; start wadm with --lattice-dialect v1 or otp to say which of them count", "v1")},
	} {
		t.Run(tc.name, func(t *testing.T) { same(t, tc.want, tc.got) })
	}
}

func TestAStatusOfBeforeStandsBehindTheReasonWhyNothingIsKnown(t *testing.T) {
	last := wadmapi.Status{Status: wadmapi.StatusInfo{Type: wadmapi.StatusFailed, Message: "no host has zone=b"}, Version: "v1"}
	for name, tt := range map[string]struct {
		last *wadmapi.Status
		want wadmapi.StatusInfo
	}{
		"it was failed":         {&last, wadmapi.StatusInfo{Type: wadmapi.StatusFailed, Message: "gone; before that: no host has zone=b"}},
		"it had nothing to say": {&wadmapi.Status{Status: wadmapi.StatusInfo{Type: wadmapi.StatusDeployed}}, wadmapi.StatusInfo{Type: wadmapi.StatusDeployed, Message: "gone"}},
		"nothing was told":      {nil, wadmapi.StatusInfo{Type: wadmapi.StatusWaiting, Message: "gone"}},
	} {
		if got := Unreachable(tt.last, "v1", "gone").Status; got != tt.want {
			t.Errorf("%s: %+v, want %+v", name, got, tt.want)
		}
	}
	if last.Status.Message != "no host has zone=b" {
		t.Errorf("what was told has become %+v", last.Status)
	}
}
