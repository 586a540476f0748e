package wadmapi

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseSubject(t *testing.T) {
	extra := "Invalid subject: Found extra components of subject, ensure your manifest name consists of only alphanumeric characters, dashes, and underscores."
	for _, tt := range []struct{ name, subject, want string }{
		{"a list", "wadm.api.default.model.get", ""},
		{"a list in the older form", "wadm.api.default.model.list", ""},
		{"a get", "wadm.api.default.model.get.shop", ""},
		{"a put", "wadm.api.default.model.put", ""},
		{"each operation with a name", "wadm.api.a-B_9.model.undeploy.shop", ""},
		{"a name that only a byte comparison sees as one token", "wadm.api.default.model.get.größe", ""},
		{"an operation of ours", "wadm.api.default.host.list", ""},
		{"an operation of ours with a name", "wadm.api.default.lattice.owner.x", ""},
		{"nothing but a lattice", "wadm.api.default", "Invalid subject: Expected to find API category"},
		{"no operation", "wadm.api.default.model", "Invalid subject: Expected to find operation"},
		{"a name with a dot", "wadm.api.default.model.get.shop.extra", extra},
		{"a foreign category", "wadm.api.default.blah.get.shop", "Unsupported subject: wadm.api.default.blah.get.shop"},
		{"an unknown operation", "wadm.api.default.model.frob", "Unsupported subject: wadm.api.default.model.frob"},
		{"a name where none is expected", "wadm.api.default.model.put.shop", "Unsupported subject: wadm.api.default.model.put.shop"},
		{"a list with a name", "wadm.api.default.model.list.x", "Unsupported subject: wadm.api.default.model.list.x"},
		{"a delete without a name", "wadm.api.default.model.del", "Unsupported subject: wadm.api.default.model.del"},
		{"an empty name, which is not a list", "wadm.api.default.model.get.", "Unsupported subject: wadm.api.default.model.get."},
		{"an empty lattice", "wadm.api..model.get", "Invalid subject: lattice name is empty"},
		{"a lattice with letters that no key may have", "wadm.api.größe.model.get", `Invalid subject: lattice name "größe" is not allowed: only letters, digits, dashes and underscores are`},
		{"another prefix", "wasmbus.ctl.v1.default.host.ping", "Unsupported subject: wasmbus.ctl.v1.default.host.ping"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := ParseSubject(tt.subject)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("ParseSubject(%q): %v", tt.subject, err)
			case tt.want == "" && s.String() != tt.subject:
				t.Errorf("ParseSubject(%q).String() = %q", tt.subject, s.String())
			case tt.want != "" && (err == nil || err.Error() != tt.want):
				t.Errorf("ParseSubject(%q) gives the error %v, want %q", tt.subject, err, tt.want)
			}
		})
	}
}

func TestNamesAndVersions(t *testing.T) {
	for _, tt := range []struct {
		name  string
		check func(string) error
		in    string
		ok    bool
	}{
		{"letters, digits, dashes and underscores name an application", ValidName, "-Shop_9", true},
		{"255 characters are a name", ValidName, strings.Repeat("a", 255), true},
		{"256 are not", ValidName, strings.Repeat("a", 256), false},
		{"nothing is not a name", ValidName, "", false},
		{"a dot would be another token", ValidName, "a.b", false},
		{"a star would be a wildcard", ValidName, "*", false},
		{"a blank is not a name", ValidName, " ", false},
		{"a letter beyond ASCII is no key", ValidName, "größe", false},
		{"any text is a version", ValidVersion, "größe 1.0 ☃", true},
		{"the empty version exists", ValidVersion, "", true},
		{"a line break is none", ValidVersion, "1\n2", false},
		{"broken UTF-8 is none", ValidVersion, "\xff", false},
		{"256 bytes are none", ValidVersion, strings.Repeat("ü", 128), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.check(tt.in); (err == nil) != tt.ok {
				t.Errorf("checking %q gives %v", tt.in, err)
			}
		})
	}
}

func FuzzParseSubject(f *testing.F) {
	f.Add("wadm.api.default.model.get.shop")
	f.Add("wadm.api.größe..")
	f.Fuzz(func(t *testing.T, subject string) {
		s, err := ParseSubject(subject)
		if err == nil && s.String() != subject {
			t.Errorf("ParseSubject(%q) loses something: %q", subject, s.String())
		}
	})
}

func TestParseSubjectOfGeneration03(t *testing.T) {
	for subject, want := range map[string]string{
		"wadm.api.default.model.list":           "{default model list }",
		"wadm.api.default.model.put":            "{default model put }",
		"wadm.api.default.model.get.shop":       "{default model get shop}",
		"wadm.api.l-1.model.undeploy.größe":     "{l-1 model undeploy größe}",
		"wadm.api.default.host.list":            "{default host list }", // ours
		"wadm.api.default.lattice.get.x":        "{default lattice get x}",
		"wadm.api.default.model.get":            string(Unexpected),
		"wadm.api.default.model.status.shop":    string(Unexpected),
		"wadm.api.default.model.list.extra":     string(Unexpected),
		"wadm.api.default.model.get.shop.extra": string(Unexpected),
		"wadm.api.default.model.del":            string(Unexpected),
		"wadm.api.default.model.get.":           string(Unexpected),
		"wadm.api.default.thing.list":           string(Unexpected),
		"wadm.api.default":                      string(Unexpected),
		"other.api.default.model.list":          string(Unexpected),
		"wadm.api.x:y.model.list":               `Received unexpected API request: lattice name "x:y" is not allowed: only letters, digits, dashes and underscores are`,
	} {
		s, err := Generation03.ParseSubject(subject)
		got := fmt.Sprintf("{%s %s %s %s}", s.Lattice, s.Category, s.Op, s.Name)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s is read as %s, want %s", subject, got, want)
		}
	}
	for _, g := range []Generation{Generation021, Generation03} {
		if again, err := ParseGeneration(g.String()); err != nil || again != g {
			t.Errorf("%s is read back as %s (%v)", g, again, err)
		}
	}
	if _, err := ParseGeneration("0.4"); err == nil {
		t.Error("an unknown generation is taken")
	}
}
