package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/wadm-go/wadm/oam"
)

// Manifest is a manifest that was read and found good.
type Manifest struct {
	Shown       string // what messages call it
	Bytes       []byte // to send
	ContentType string // "" = let the server find out
	Parsed      *oam.Manifest
}

// LoadManifest reads a manifest from a file, a URL or "-" and shows on errOut all that is wrong with it.
func LoadManifest(ctx context.Context, arg string, stdin io.Reader, errOut io.Writer) (Manifest, error) {
	src, err := loadSource(ctx, arg, stdin)
	if err != nil {
		return Manifest{}, err
	}
	if src.App != "" {
		return Manifest{}, fmt.Errorf("manifest file %q does not exist", arg)
	}
	return src.manifest(errOut)
}

// ReadManifest is LoadManifest for bytes that are there already, as YAML.
func ReadManifest(shown string, body []byte, errOut io.Writer) (Manifest, error) {
	src := source{Shown: shown, Bytes: body, Original: body, Format: oam.FormatYAML, ContentType: "application/yaml"}
	return src.manifest(errOut)
}

func (s *source) manifest(errOut io.Writer) (Manifest, error) {
	m, err := s.mustBeGood(io.Discard, errOut, false, "nothing was started.")
	return Manifest{Shown: s.Shown, Bytes: bytes.Clone(s.Bytes), ContentType: s.ContentType, Parsed: m}, err
}
