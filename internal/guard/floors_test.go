package guard

import (
	"slices"
	"strings"
	"testing"
)

// The floors, from the bottom. A package that stands on none is a finding: say where it belongs before it grows.
var (
	manifest = []string{"oam"}
	hostWord = []string{"wasmbus"}
	ownWords = []string{"wadmapi"}
	words    = slices.Concat(manifest, hostWord, ownWords)

	observed = []string{"lattice"}
	asked    = []string{"internal/ledger"}
	planning = []string{"internal/plan"}
	telling  = []string{"internal/status"}
	machine  = []string{"internal/engine"}
	core     = slices.Concat(observed, asked, planning, telling, machine)

	translate = []string{"internal/tongue"}

	contract = []string{"internal/store"}
	together = []string{"internal/cluster"} // what processes know of each other
	stores   = []string{"internal/kvstore", "internal/redisstore", "internal/memstore"}
	tongue   = []string{"internal/tongue"}
	feed     = []string{"internal/feed"}
	control  = []string{"internal/control"}
	goClient = []string{"client"}
	shells   = slices.Concat(stores, feed, control, goClient, []string{"internal/api", "internal/web", "internal/cli", "internal/vault"})

	samples  = []string{"examples"} // manifests as embedded bytes
	running  = []string{"internal/node"}
	command  = []string{"cmd"}
	simulate = []string{"internal/sim"}
	testOnly = []string{"internal/storetest", "internal/natstest", "internal/redistest", "internal/guard", "internal/whole"}
	measure  = []string{"internal/bench"} // above everything: it takes the real parts, and plays the hosts and the server around them

	everyone = slices.Concat(words, core, translate, contract, together, tongue, shells, samples, running, command, simulate, testOnly, measure)
)

// edge forbids an import. A target is a directory of ours, a module path or a std package. What lies below one of
// the first two counts as it; a std package is itself alone.
type edge struct {
	from, to []string
	except   []string // directories of ours that may import it all the same
	deep     bool     // also forbidden through another package
	why      string
}

var natsModules = []string{"github.com/nats-io/nats.go", "github.com/nats-io/nats-server/v2"}

var forbidden = []edge{
	{from: words, to: slices.Concat(core, translate, contract, shells, running, command, simulate, testOnly), deep: true,
		why: "the word packages are the bottom: everyone speaks them, so they may know nobody"},
	{from: words, to: slices.Concat(natsModules, []string{"net", "net/http"}), deep: true,
		why: "a codec has no connection; who decodes bytes must not care where they came from"},
	{from: slices.Concat(manifest, hostWord), to: ownWords,
		why: "a manifest and a host know nothing of our API"},
	{from: slices.Concat(manifest, ownWords), to: hostWord,
		why: "a dialect of hosts must not show in manifests or in our API"},

	{from: core, to: hostWord, deep: true,
		why: "the core speaks one neutral language; whatever depends on a dialect sits in the codec, feed and control"},
	{from: core, to: slices.Concat(contract, tongue, shells, running, command, simulate, testOnly), deep: true,
		why: "the core is pure: shells call it, it calls no shell"},
	{from: core, to: slices.Concat(natsModules, []string{"net", "net/http"}), deep: true,
		why: "no I/O below the shells, not even through a friend"},
	{from: observed, to: slices.Concat(asked, planning, telling, machine),
		why: "what is observed does not depend on what we asked for or plan"},
	{from: asked, to: slices.Concat(planning, telling, machine),
		why: "the ledger settles by evidence; it must not know why something was asked"},
	{from: planning, to: slices.Concat(telling, machine),
		why: "the plan is told by status, it does not tell itself"},
	{from: telling, to: machine,
		why: "status is a view of a result; the machine asks for it"},

	{from: translate, to: slices.Concat(planning, telling, machine, contract, shells, running, command, simulate, testOnly), deep: true,
		why: "a translator turns events and commands into other words; it must not know what they are for"},
	{from: translate, to: slices.Concat(natsModules, []string{"net", "net/http"}), deep: true,
		why: "a translator has no connection; feed and control have one each"},

	{from: contract, to: slices.Concat(shells, running, command, simulate, testOnly), deep: true,
		why: "the contract names no technology, or it would be the first store's habits"},
	{from: contract, to: natsModules, deep: true,
		why: "the contract names no technology, or it would be the first store's habits"},
	{from: together, to: slices.Concat(manifest, hostWord, core, translate, contract, shells, running, command, simulate, testOnly, natsModules, []string{"net", "net/http"}), deep: true,
		why: "who lives and who should own what is known from beats alone; leases and connections are the process's"},
	{from: everyone, to: together, except: slices.Concat(together, running),
		why: "which process does what is nobody's concern but the process's"},
	{from: tongue, to: slices.Concat(planning, telling, machine, contract, shells, running, command, simulate, testOnly), deep: true,
		why: "a translator knows what is seen and what is asked, not why"},
	{from: tongue, to: slices.Concat(natsModules, []string{"net", "net/http"}), deep: true,
		why: "a translator has no connection; bytes in, values out"},
	{from: slices.Concat(words, contract, shells, running, command, simulate, testOnly), to: tongue, except: slices.Concat(feed, control),
		why: "only what comes from hosts or goes to hosts is translated; everyone else speaks the neutral words"},

	{from: shells, to: slices.Concat(running, command), deep: true,
		why: "a shell does one technology; who runs it is above it"},
	{from: shells, to: slices.Concat(simulate, testOnly),
		why: "the test floor is for tests and for wadm dev"},
	{from: running, to: slices.Concat(command, simulate, testOnly),
		why: "a real process carries no simulator"},
	{from: simulate, to: slices.Concat(running, command),
		why: "the simulator is driven by the process that is tested, never the other way round"},

	{from: slices.Concat(contract, shells, running, command, testOnly), to: slices.Concat(hostWord, translate),
		except: slices.Concat(feed, control),
		why:    "only feed, control and the simulator meet a dialect; one more translator would be a second truth"},
	{from: samples, to: slices.Concat(words, core, translate, contract, shells, running, command, simulate, testOnly),
		why: "samples are data"},
	{from: slices.Concat(words, core, translate, contract, shells, running, simulate, testOnly), to: samples,
		why: "samples are what wadm dev begins with; nothing else may come to depend on what stands in them"},
	{from: everyone, to: []string{"github.com/nats-io/nats-server/v2"}, except: []string{"cmd", "internal/natstest", "internal/bench"},
		why: "the embedded server is for wadm dev, for tests and for the speed table, which starts one in a process of its own; everything else reaches NATS as a client"},
	{from: everyone, to: []string{"github.com/hashicorp/vault"}, except: []string{"internal/vault"},
		why: "one package speaks with Vault"},
	{from: everyone, to: measure, except: measure,
		why: "the speed table measures the parts; nothing may come to depend on what measures it"},
	{from: measure, to: slices.Concat(tongue, command, simulate),
		why: "the speed table meets the real parts at their own edges, and its hosts do nothing: a simulator would be measured too"},
	{from: everyone, to: []string{"internal/storetest"}, except: []string{"internal/storetest"},
		why: "a contract suite is imported by tests alone"},
	{from: everyone, to: []string{"internal/natstest"}, except: []string{"internal/natstest"},
		why: "the embedded test server is imported by tests alone"},
	{from: everyone, to: []string{"internal/redistest"}, except: []string{"internal/redistest"},
		why: "the test server is imported by tests alone"},
	{from: everyone, to: []string{"github.com/redis/go-redis/v9"}, except: []string{"internal/redisstore", "internal/redistest", "internal/bench"},
		why: "one technology, one shell; everything else meets Redis through the contract of the stores"},
	{from: everyone, to: []string{"internal/guard"}, except: []string{"internal/guard"},
		why: "the guards are imported by nobody"},
}

// siblings are the shells among themselves: strangers, save that the command line uses the public client.
func siblings() []edge {
	var all []edge
	for _, shell := range shells {
		others := slices.DeleteFunc(slices.Clone(shells), func(s string) bool {
			return s == shell || (shell == "internal/cli" && s == "client")
		})
		all = append(all, edge{from: []string{shell}, to: others, deep: shell != "internal/cli",
			why: "shells never import each other: each is one technology and must be replaceable alone"})
	}
	return all
}

// checkFloors holds the packages of the module against the floors.
func checkFloors(pkgs []pkg) []finding {
	edges := slices.Concat(forbidden, siblings())
	var found []finding
	for _, p := range pkgs {
		rel, ok := ours(p.ImportPath)
		if !ok || p.DepOnly {
			continue
		}
		if !under(rel, everyone...) {
			found = append(found, finding{rel, "stands on no floor; give it one in internal/guard/floors_test.go"})
			continue
		}
		found = append(found, brokenEdges(rel, p, edges)...)
	}
	return found
}

func brokenEdges(rel string, p pkg, edges []edge) []finding {
	var found []finding
	for _, e := range edges {
		if !under(rel, e.from...) || under(rel, e.except...) {
			continue
		}
		imports := p.Imports
		if e.deep {
			imports = p.Deps // holds the direct ones too
		}
		for _, to := range imports {
			name := to
			if r, ok := ours(to); ok {
				name = r
			}
			same := under(name, rel) || under(rel, name) // a package and what lies below it are one
			if same || !matches(name, e.to) {
				continue
			}
			how := "imports "
			if !slices.Contains(p.Imports, to) {
				how = "reaches "
			}
			found = append(found, finding{rel, how + name + ": " + e.why})
		}
	}
	slices.SortFunc(found, func(a, b finding) int { return strings.Compare(a.what, b.what) })
	return slices.Compact(found)
}

// matches holds an import against the targets of an edge. A std package is itself alone: net/netip is no network.
func matches(name string, to []string) bool {
	if first, _, _ := strings.Cut(name, "/"); !strings.Contains(first, ".") && !under(name, everyone...) {
		return slices.Contains(to, name)
	}
	return under(name, to...)
}

func TestFloors(t *testing.T) {
	report(t, checkFloors(goList(t, root(t), "./...")))
}

func TestFloorsCheckerSeesForbiddenEdges(t *testing.T) {
	expect(t, checkFloors(goList(t, "testdata/floors", "./...")),
		"internal/api: imports internal/memstore: shells never import each other",
		"internal/api: imports wasmbus: only feed, control and the simulator meet",
		"internal/plan: imports internal/status: the plan is told by status",
		"internal/plan: reaches wasmbus: the core speaks one neutral language",
		"internal/status: imports wasmbus: the core speaks one neutral language",
		"internal/util: stands on no floor",
		"lattice: imports internal/ledger: what is observed does not depend",
		"oam: imports lattice: the word packages are the bottom",
		"oam: imports net: a codec has no connection",
		"oam: reaches internal/ledger: the word packages are the bottom",
	)
}
