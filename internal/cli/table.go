package cli

import (
	"fmt"
	"io"
	"strings"
)

// table prints rows in columns, the first row as head. Empty cells read "–", so that columns can be counted.
func table(w io.Writer, rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], width(cell), 1)
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			if cell == "" {
				cell = "–"
			}
			if i < len(row)-1 {
				cell = pad(cell, widths[i]+2)
			}
			line.WriteString(cell)
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}
