package main

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// pair is one turn: ours, then the floor.
type pair struct {
	Value float64 `json:"value"`
	Floor float64 `json:"floor"`
}

// row is one line of the table. Value, Floor and Ratio are medians over the pairs; the ratio is that of each pair by itself, so that what
// slows the machine down for a while cancels out.
type row struct {
	Name  string   `json:"row"`
	What  string   `json:"what"` // what is counted, with its unit
	Unit  string   `json:"unit"`
	Value float64  `json:"value"`
	Floor float64  `json:"floor"`
	Ratio float64  `json:"ratio"`
	Aim   string   `json:"aim"`
	Met   bool     `json:"met"`
	Pairs []pair   `json:"pairs"`
	Work  string   `json:"work,omitempty"` // what was done
	Notes []string `json:"notes,omitempty"`
}

// aim is what a row should reach.
type aim struct {
	text string
	met  func(r *row) bool
}

func atMost(times float64) aim {
	return aim{fmt.Sprintf("<= %g x floor", times), func(r *row) bool { return r.Ratio <= times }}
}

func atLeast(times float64) aim {
	return aim{fmt.Sprintf(">= %g x floor", times), func(r *row) bool { return r.Ratio >= times }}
}

func below(value float64, unit string) aim {
	return aim{fmt.Sprintf("<= %g %s", value, unit), func(r *row) bool { return r.Value <= value }}
}

// sum makes the medians of the pairs.
func (r *row) sum(a aim) {
	values, floors, ratios := make([]float64, 0, len(r.Pairs)), make([]float64, 0, len(r.Pairs)), make([]float64, 0, len(r.Pairs))
	for _, p := range r.Pairs {
		values, floors = append(values, p.Value), append(floors, p.Floor)
		ratios = append(ratios, p.Value/p.Floor)
	}
	r.Value, r.Floor, r.Ratio = median(values), median(floors), median(ratios)
	r.Aim, r.Met = a.text, a.met(r)
}

func median(of []float64) float64 {
	if len(of) == 0 {
		return 0
	}
	of = slices.Sorted(slices.Values(of))
	return (of[(len(of)-1)/2] + of[len(of)/2]) / 2
}

// span is the least and the greatest.
func span(of []pair, pick func(pair) float64) string {
	if len(of) == 0 {
		return ""
	}
	low, high := pick(of[0]), pick(of[0])
	for _, p := range of {
		low, high = min(low, pick(p)), max(high, pick(p))
	}
	return number(low) + "-" + number(high)
}

func number(v float64) string {
	switch {
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// report is a whole run.
type report struct {
	At    string `json:"at"`
	Go    string `json:"go"`
	CPUs  int    `json:"cpus"`
	Pairs int    `json:"pairs"`
	Rows  []*row `json:"rows"`
}

func newReport(pairs int, now time.Time) *report {
	return &report{At: now.UTC().Format(time.RFC3339), Go: runtime.Version(), CPUs: runtime.NumCPU(), Pairs: pairs, Rows: []*row{}}
}

func (r *report) json(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(r)
}

func (r *report) text(w io.Writer) error {
	fmt.Fprintf(w, "%s, %d CPUs, medians of %d interleaved pairs, %s\n\n", r.Go, r.CPUs, r.Pairs, r.At)
	table := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "row\twhat\tvalue\tfloor\tratio\taim\t\tvalue range\tfloor range")
	for _, one := range r.Rows {
		met := "met"
		if !one.Met {
			met = "missed"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%.2f\t%s\t%s\t%s\t%s\n", one.Name, one.What, number(one.Value), number(one.Floor), one.Ratio, one.Aim, met,
			span(one.Pairs, func(p pair) float64 { return p.Value }), span(one.Pairs, func(p pair) float64 { return p.Floor }))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, one := range r.Rows {
		if one.Work == "" && len(one.Notes) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n%s: %s\n", one.Name, one.Work)
		for _, note := range one.Notes {
			fmt.Fprintf(w, "  %s\n", strings.TrimSpace(note))
		}
	}
	return nil
}
