package oam

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// message is one line of a recording.
type message struct {
	N       int             `json:"n"`
	Re      int             `json:"re"`
	Subject string          `json:"subject"`
	Reply   string          `json:"reply"`
	Headers json.RawMessage `json:"headers"` // lists of strings, in stored.jsonl strings
	Payload json.RawMessage `json:"payload"`
	Text    string          `json:"text"`
	Value   json.RawMessage `json:"value"`
}

func (m message) body() []byte {
	if m.Payload != nil {
		return m.Payload
	}
	return []byte(m.Text)
}

func recording(t *testing.T, name string) []message {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "recorded", name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []message
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		if len(bytes.TrimSpace(s.Bytes())) == 0 {
			continue
		}
		var m message
		if err := json.Unmarshal(s.Bytes(), &m); err != nil {
			t.Fatal(err)
		}
		out = append(out, m)
	}
	if s.Err() != nil || len(out) == 0 {
		t.Fatalf("reading %s: %d lines, %v", name, len(out), s.Err())
	}
	return out
}

// sortedConfig puts the two config maps of the recordings that have more than
// one key in order: 0.21.1 keeps those in a hash map and writes them in any.
var sortedConfig = strings.NewReplacer(
	`{"text":"good day","lang":"en"}`, `{"lang":"en","text":"good day"}`,
)

// compact removes the insignificant space that the recorder may have put in.
func compact(t *testing.T, raw []byte) string {
	t.Helper()
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		t.Fatal(err)
	}
	return sortedConfig.Replace(b.String())
}

// decodeByHeader is what the server does with the content type.
func decodeByHeader(m message) (*Document, Diagnostics) {
	var headers map[string][]string
	_ = json.Unmarshal(m.Headers, &headers)
	switch strings.Join(headers["Content-Type"], "") {
	case "application/json":
		return Decode(m.body(), FormatJSON)
	case "application/yaml":
		return Decode(m.body(), FormatYAML)
	}
	return Decode(m.body(), FormatAuto)
}

// differs lists the recorded puts that we answer otherwise, by the number of
// the request, with our first error and the reason.
var differs = map[int]struct{ first, why string }{
	16:  {"", "an existing version is the store's to refuse"},
	119: {"", "the content type is the server's to refuse"},
	122: {"", "the content type is the server's to refuse"},
	231: {"Manifest name gruen_ü contains invalid characters. Manifest names can only contain alphanumeric characters, dashes, and underscores.",
		"0.21.1 lets any letter pass and then fails in its store with 'Internal storage error'"},
	282: {`component "a" has more than one scaler: they would undo each other's work; use one with several spreads`,
		"a spread without requirements is any host; 0.21.1 cannot read it, although it writes it itself"},
	286: {`id "same id" is not allowed: letters, digits, - _ = / only, at most 255 of them: it is part of a subject and a key`,
		"0.21.1 stores it and no host can be asked for it"},
	450: {`config "c" has other values in components[0].properties.config[0]: both are kept as "v17-c"`,
		"0.21.1 stores it and then puts one over the other for ever"},
	// Parse errors of 0.21.1 carry the debug form of two parsers; ours say what
	// is wrong, beginning with the same words where clients look at them.
	101: {"expected value", "the server adds the place"},
	126: {"missing field `apiVersion`", "an empty body"},
	128: {"reading YAML: did not find expected node content while parsing a flow node", ""},
	130: {`unknown field "extra" at the top level`, ""},
	132: {"missing field `annotations` in metadata", ""},
	150: {"invalid type: floating point `2.0`, expected a string in metadata.annotations.version: quote it, \"2.0\"", ""},
	416: {`unknown field "frob" in components[0].properties`, ""},
	448: {"invalid type: integer `1`, expected a string in components[0].properties.config[0].properties.k: quote it, \"1\"", ""},
}

func TestEveryRecordedPutIsTakenOrRefusedAsTheServerDidIt(t *testing.T) {
	lines := recording(t, "api_put.jsonl")
	replies := map[int]message{}
	for _, m := range lines {
		if m.Re != 0 {
			replies[m.Re] = m
		}
	}
	puts := 0
	for i, m := range lines {
		if !strings.HasSuffix(m.Subject, ".model.put") {
			continue
		}
		puts++
		var reply struct {
			Result, Message string
			Current         string `json:"current_version"`
		}
		if err := json.Unmarshal(replies[m.N].Payload, &reply); err != nil {
			t.Fatalf("n=%d: %v", m.N, err)
		}
		d, ds := decodeByHeader(m)
		if d != nil && !ds.HasErrors() {
			ds = append(ds, ValidatePut(d)...)
		}
		first := ""
		if ds.HasErrors() {
			first = ds.Errors()[0].Message
		}
		want := ""
		if reply.Result == "error" {
			want = reply.Message
		}
		if other, ok := differs[m.N]; ok {
			if want == other.first && first == other.first {
				t.Errorf("n=%d does not differ any more", m.N)
			}
			want = other.first
		}
		if first != want {
			t.Errorf("n=%d: first error %q, want %q (recorded: %s)", m.N, first, want, replies[m.N].Payload)
		}
		if reply.Result == "error" || first != "" {
			continue
		}
		d.Manifest.Metadata.Annotations[AnnotationVersion] = reply.Current
		if diff := cmp.Diff(storedAfter(t, lines[i:], d.Manifest.Metadata.Name, reply.Current), string(Canonical(d.Manifest))); diff != "" {
			t.Errorf("n=%d: the stored manifest (-theirs +ours):\n%s", m.N, diff)
		}
	}
	if puts < 45 {
		t.Errorf("only %d puts in the recording", puts)
	}
}

// storedAfter is the manifest that the server wrote next under a name.
func storedAfter(t *testing.T, lines []message, name, version string) string {
	t.Helper()
	for _, m := range lines {
		if m.Subject != "$KV.wadm_manifests.default-"+name {
			continue
		}
		var record struct{ Manifests map[string]json.RawMessage }
		if err := json.Unmarshal(m.Payload, &record); err != nil {
			t.Fatal(err)
		}
		return compact(t, record.Manifests[version])
	}
	t.Fatalf("no record of %s", name)
	return ""
}

func TestEveryRecordedGetReplyIsItsOwnNormalisedForm(t *testing.T) {
	gets := 0
	for _, m := range recording(t, "api_put.jsonl") {
		var reply struct{ Manifest json.RawMessage }
		if m.Re == 0 || json.Unmarshal(m.Payload, &reply) != nil || reply.Manifest == nil {
			continue
		}
		gets++
		d, ds := Decode(reply.Manifest, FormatJSON)
		if ds.HasErrors() {
			t.Fatalf("n=%d: %v", m.N, ds)
		}
		if diff := cmp.Diff(compact(t, reply.Manifest), string(Canonical(d.Manifest))); diff != "" {
			t.Errorf("n=%d (-theirs +ours):\n%s", m.N, diff)
		}
	}
	if gets < 8 {
		t.Errorf("only %d get replies in the recording", gets)
	}
}

func TestEveryStoredRecordIsItsOwnNormalisedForm(t *testing.T) {
	manifests := 0
	for _, m := range recording(t, "stored.jsonl") {
		var record struct{ Manifests map[string]json.RawMessage }
		if err := json.Unmarshal(m.Value, &record); err != nil {
			t.Fatal(err)
		}
		for version, raw := range record.Manifests {
			manifests++
			d, ds := Decode(raw, FormatJSON)
			if ds.HasErrors() {
				t.Fatalf("%s: %v", version, ds)
			}
			want := compact(t, raw)
			if d.Manifest.Metadata.Name == "empty-requirements" {
				// 0.21.1 lost the key and can no longer read its own record.
				want = strings.Replace(want, `{"name":"anywhere"}`, `{"name":"anywhere","requirements":{}}`, 1)
			}
			if diff := cmp.Diff(want, string(Canonical(d.Manifest))); diff != "" {
				t.Errorf("%s (-theirs +ours):\n%s", version, diff)
			}
		}
	}
	if manifests < 20 {
		t.Errorf("only %d manifests in the records", manifests)
	}
}

func TestTheManifestsOfTheRecordingsDecode(t *testing.T) {
	files, err := filepath.Glob("testdata/recorded/manifests/*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatal(files, err)
	}
	refused := map[string]bool{"bad-validation.yaml": true}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d, ds := Decode(src, FormatAuto)
		if d == nil || len(ds) > 0 {
			t.Fatalf("%s: %v", file, ds)
		}
		if got := Validate(d); got.HasErrors() != refused[filepath.Base(file)] {
			t.Errorf("%s: %v", file, got)
		}
		again, ds := Decode(Canonical(d.Manifest), FormatJSON)
		if diff := cmp.Diff(d.Manifest, again.Manifest); diff != "" || len(ds) > 0 {
			t.Errorf("%s: after the normalised form: %v\n%s", file, ds, diff)
		}
	}
}

func TestEveryPutOf03DecodesOrIsRefusedWithAPlace(t *testing.T) {
	lines := recording(t, "otp_put.jsonl")
	answered := map[string]string{}
	for _, m := range lines {
		answered[m.Subject] = string(m.Payload)
	}
	puts, taken := 0, 0
	for _, m := range lines {
		if !strings.HasSuffix(m.Subject, ".model.put") {
			continue
		}
		puts++
		d, ds := Check(m.body(), FormatAuto)
		if d == nil && !ds.HasErrors() {
			t.Errorf("neither decoded nor refused: %s", m.body())
		}
		for _, x := range ds {
			if x.Line < 1 || x.Col < 1 || x.Width < 1 || x.Message == "" {
				t.Errorf("without a place: %+v in %s", x, m.body())
			}
		}
		if ds.HasErrors() {
			continue
		}
		taken++
		if !strings.Contains(answered[m.Reply], `"success"`) && !strings.Contains(answered[m.Reply], "already exists") && answered[m.Reply] != "" {
			t.Errorf("0.3.0 refused what we take: %s\n%s", m.body(), answered[m.Reply])
		}
	}
	if puts < 70 || taken < 10 {
		t.Errorf("%d puts, %d taken", puts, taken)
	}
}
