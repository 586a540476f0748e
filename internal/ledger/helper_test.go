package ledger

import (
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/wadm-go/wadm/lattice"
)

const (
	sec = time.Second
	n1  = lattice.HostID("N1")
	n2  = lattice.HostID("N2")
)

var (
	web  = lattice.Key{Kind: lattice.Component, ID: "shop-web"}
	http = lattice.Key{Kind: lattice.Provider, ID: "shop-http"}
	mine = lattice.Annotations{lattice.AppAnnotation: "shop"}
)

var whole = cmp.AllowUnexported(Entry{})

// scale is a command that brings shop-web from one count to another on N1, changed by the edits.
func scale(from, to int, edits ...func(*Command)) Command {
	c := Command{
		App: "shop", Revision: "r1", Action: Scale, Component: "web", Host: n1, From: from, To: to, Annotations: mine,
		Target: Target{Kind: lattice.Component, ID: "shop-web", Ref: "web:1"},
	}
	for _, edit := range edits {
		edit(&c)
	}
	return c
}

func asProvider(c *Command) {
	c.Component, c.Target = "http", Target{Kind: lattice.Provider, ID: "shop-http", Ref: "http:1"}
}

// asOTP is a target whose id nobody knows yet.
func asOTP(c *Command) { c.Target.ID = "" }

func aLink(target string) lattice.Link {
	return lattice.Link{Source: "shop-web", Target: target, Name: "default", Namespace: "wasi", Package: "keyvalue", Interfaces: []string{"store"}}
}

func putLink() Command {
	return Command{App: "shop", Revision: "r1", Action: PutLink, Component: "web", Link: aLink("shop-kv")}
}

func deleteLink() Command {
	return Command{App: "shop", Revision: "r1", Action: DeleteLink, Component: "web", Link: aLink("shop-kv")}
}

func putConfig() Command {
	return Command{App: "shop", Revision: "r1", Action: PutConfig, ConfigName: "shop-limits", Values: map[string]string{"a": "1"}}
}

// sent is a ledger that holds the command, sent at one second.
func sent(c Command) (*Ledger, *Entry) {
	l := New(Defaults())
	e := l.Add(c)
	l.Sent(e.ID, sec)
	return l, e
}

// runs is an inventory that was asked for at the given time.
func runs(asked time.Duration, key lattice.Key, ref string, groups ...lattice.Group) lattice.Inventory {
	inv := lattice.Inventory{Host: n1, Asked: asked}
	if len(groups) > 0 {
		inv.Resources = []lattice.Resource{{Key: key, Ref: ref, Groups: groups}}
	}
	return inv
}

func group(n int, a lattice.Annotations) lattice.Group {
	return lattice.Group{Annotations: a, Count: n}
}

// verdict is what became of one command: nothing, or the one outcome.
func verdict(outs []Outcome) Verdict {
	if len(outs) == 0 {
		return Open
	}
	return outs[0].Verdict
}
