package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/wadm-go/wadm/oam"
)

// finding is one diagnostic for scripts: the two members of wash, then where it is.
type finding struct {
	Level      string `json:"level"` // Warning or Error
	Message    string `json:"msg"`
	Path       string `json:"path,omitempty"`
	Line       int    `json:"line,omitempty"`
	Column     int    `json:"column,omitempty"`
	Suggestion string `json:"suggestion,omitempty"`
}

func findings(ds oam.Diagnostics) []finding {
	out := []finding{}
	for _, d := range ds.Shown().Sorted() {
		out = append(out, finding{d.Level.String(), d.Message, d.Path, d.Line, d.Col, d.Suggestion})
	}
	return out
}

// check reads a manifest as the server will read it.
func (s *source) check() (*oam.Document, oam.Diagnostics) {
	doc, ds := oam.Decode(s.Original, s.Format)
	return doc, append(ds, oam.ValidatePut(doc)...)
}

// mustBeGood shows all that is wrong with a manifest before anything is sent. The warnings are shown too, and stop nothing.
func (s *source) mustBeGood(out, errOut io.Writer, asJSON bool, consequence string) (*oam.Manifest, error) {
	doc, ds := s.check()
	if !asJSON {
		oam.Render(errOut, s.Shown, s.Original, ds)
	}
	if doc != nil && !ds.HasErrors() {
		return doc.Manifest, nil
	}
	found := ds.Errors().Shown()
	text := fmt.Sprintf("%s; %s", plural(len(found), "error", "errors"), consequence)
	if len(found) == 0 {
		text = "the manifest is empty; " + consequence
	}
	if !asJSON {
		fmt.Fprintln(errOut, text)
		return nil, said(ExitFailed, errors.New(text))
	}
	first := text
	if len(found) > 0 {
		first = found.Sorted()[0].Text()
	}
	err := printResult(out, true, map[string]any{"success": false, "error": first, "errors": findings(ds.Errors()), "warnings": findings(ds.Warnings())}, nil)
	return nil, errors.Join(said(ExitFailed, errors.New(text)), err)
}

func validateCommand(s *Settings) *cobra.Command {
	images := false
	cmd := &cobra.Command{
		Use:   "validate FILE",
		Short: "Check a manifest without sending it anywhere",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := s.form(); err != nil {
				return err
			}
			if images {
				return Usagef("--check-image-refs is not there yet: images are not fetched")
			}
			src, err := loadSource(cmd.Context(), args[0], cmd.InOrStdin())
			if err != nil {
				return err
			}
			if src.App != "" {
				return Usagef("manifest file %q does not exist", args[0])
			}
			return validate(cmd, &src, s.JSON)
		},
	}
	cmd.Flags().BoolVar(&images, "check-image-refs", false, "")
	_ = cmd.Flags().MarkHidden("check-image-refs") // the flag exists: it was made a line ago
	return cmd
}

func validate(cmd *cobra.Command, src *source, asJSON bool) error {
	out, errOut := cmd.OutOrStdout(), cmd.ErrOrStderr()
	if !asJSON {
		m, err := src.mustBeGood(out, errOut, false, "the manifest is not valid.")
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s is valid: application %s, %s\n", src.Shown, m.Metadata.Name, plural(len(m.Spec.Components), "component", "components"))
		return nil
	}
	doc, ds := src.check()
	valid := doc != nil && !ds.HasErrors()
	err := printResult(out, true, map[string]any{
		"success": valid, "valid": valid, "warnings": findings(ds.Warnings()), "errors": findings(ds.Errors()),
	}, nil)
	if err == nil && !valid {
		return said(ExitFailed, errors.New("the manifest is not valid"))
	}
	return err
}
