package lattice

import (
	"cmp"
	"slices"
	"strings"
)

// Effect is what one event changed. The zero Effect means that nothing did which a plan or a status could see.
type Effect struct {
	// Changed is set when something changed that a plan or a status could see. Signs of life, uptimes and freshness alone
	// (an inventory that shows what was known already) are no change; that a host's doubt ended is one.
	Changed bool

	Host       HostID   // the host that the event was about, "" for links and configs
	Appeared   bool     // the host was unknown, stopped or buried
	Vanished   bool     // the host is gone
	Relabelled bool     // other labels than before
	Restarted  bool     // begun anew under a known id: what was known to run there has been dropped
	Doubtful   bool     // this event cast doubt: the host's inventory must be asked for before an absence there is believed
	Links      bool     // links came, went or changed, or are known for the first time in this time of listening
	Source     string   // of the one link that did, "" if several may have
	Keys       []Key    // keys whose instances changed (count, reference, annotations, health), sorted
	Apps       []string // apps whose instances changed, by annotation, sorted
	Config     string   // config whose state changed or became unknown
	Ref        string   // reference that became known, or leads to another id now (of several in one event the lowest)
}

// tidy sorts what was collected in the order of the fold.
func (e *Effect) tidy() {
	if len(e.Keys) > 1 {
		slices.SortFunc(e.Keys, Key.Compare)
		e.Keys = slices.Compact(e.Keys)
	}
	if len(e.Apps) > 1 {
		slices.Sort(e.Apps)
		e.Apps = slices.Compact(e.Apps)
	}
}

// Compare orders keys by kind, id and link name.
func (k Key) Compare(o Key) int {
	if c := cmp.Compare(k.Kind, o.Kind); c != 0 {
		return c
	}
	if c := strings.Compare(k.ID, o.ID); c != 0 {
		return c
	}
	return strings.Compare(k.Link, o.Link)
}
