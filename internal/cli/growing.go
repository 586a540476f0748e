package cli

import (
	"fmt"
	"io"
	"time"
)

// Growing shows an application as a tree while it comes to life: redrawn on a terminal; elsewhere the tree is printed once, when it is whole,
// and what takes longer than a moment gets a line for each change.
type Growing struct {
	w      io.Writer
	head   View
	screen *Progress
	began  time.Time
}

// plainAfter is how long output that cannot be redrawn stays quiet.
const plainAfter = time.Second

// NewGrowing prints the head line.
func NewGrowing(w io.Writer, app, version string) *Growing {
	g := &Growing{w: w, head: View{App: app, Version: version}, screen: NewProgress(w), began: time.Now()}
	fmt.Fprintln(w, headLine(&g.head, "deploying"))
	return g
}

// Show takes one moment.
func (g *Growing) Show(m Moment) {
	switch {
	case g.screen.live:
		g.screen.draw(treeLines(&m.View, m.Took))
	case time.Since(g.began) > plainAfter:
		g.screen.Show(m)
	}
}

// End prints the tree as it is now, and how it ended.
func (g *Growing) End(m Moment, deployed bool) {
	g.screen.Close()
	Tree(g.w, &m.View, m.Took)
	m.Version = g.head.Version
	word := "not deployed after " + roughly(m.Elapsed)
	if deployed {
		word = "deployed in " + roughly(m.Elapsed)
	}
	fmt.Fprintln(g.w, headLine(&m.View, word))
}
