package scenario

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestATranscriptIsWrittenOnceWhereDialectsAgreeAndTwiceWhereNot(t *testing.T) {
	const text = `# dialects: v1 otp

host host-a
[otp] links
hosts

host host-b zone=east
hosts
----
something old

[v1] configs
`
	const want = `# dialects: v1 otp

host host-a
[otp] links
hosts
---- v1
host-a
  nothing
---- otp
no link
host-a
  nothing

host host-b zone=east
hosts
----
host-a
  nothing
host-b zone=east
  nothing

[v1] configs
---- v1
no config
`
	s, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Play()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAMistakeInATranscriptHasALine(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a word that is none", "# x\n\nhots\n", "line 3: hots: no such command"},
		{"a line that belongs to nothing", "    component web\n", "line 1: an indented line belongs to no command"},
		{"a duration that is none", "run soon\n", "line 1: run: time: invalid duration"},
		{"an edit of what is not there", "deploy shop v1 web.image=web:2\n", `there is no application "shop" to edit`},
		{"a manifest that the API would refuse", "deploy shop v1\n    component web\n", "the manifest is refused"},
		{"a host that is not there", "kill host-a\n", "needs a host"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := Parse(c.text)
			if err == nil {
				_, err = s.Play()
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
