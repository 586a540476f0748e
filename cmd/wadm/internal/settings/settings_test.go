package settings

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// told is what a test's program is told.
type told struct {
	args  []string
	env   map[string]string
	files map[string]string // in the working directory; wadm.yaml is the default file
}

type program struct {
	flags           *pflag.FlagSet
	name, secret    string
	count           uint
	wait            time.Duration
	loud, tls       bool
	several         []string
	config, profile string
}

func (w told) load(t *testing.T) (*program, *Settings, error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range w.files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := &program{flags: pflag.NewFlagSet("test", pflag.ContinueOnError)}
	p.flags.StringVar(&p.name, "name", "nobody", "")
	p.flags.StringVar(&p.secret, "secret", "", "")
	p.flags.UintVar(&p.count, "count", 7, "")
	p.flags.DurationVar(&p.wait, "wait", time.Second, "")
	p.flags.BoolVar(&p.loud, "loud", false, "")
	p.flags.BoolVar(&p.tls, "tls", false, "")
	p.flags.StringSliceVar(&p.several, "several", []string{"one"}, "")
	p.flags.StringVar(&p.config, "config", "", "")
	p.flags.StringVar(&p.profile, "profile", "", "")
	for i, arg := range w.args {
		w.args[i] = strings.ReplaceAll(arg, "DIR", dir)
	}
	if err := p.flags.Parse(w.args); err != nil {
		t.Fatal(err)
	}
	s, err := Load(p.flags, Sources{
		Vars: []Var{{Flag: "name", Names: []string{"NAME", "OLD_NAME"}}, {Flag: "secret", Names: []string{"SECRET"}}, {Flag: "count", Names: []string{"COUNT"}},
			{Flag: "loud", Names: []string{"LOUD"}}, {Flag: "tls", Names: []string{"TLS"}, Loose: true}, {Flag: "several", Names: []string{"SEVERAL"}}},
		Getenv: func(name string) string { return strings.ReplaceAll(w.env[name], "DIR", dir) }, Dir: dir, Default: filepath.Join(dir, "wadm.yaml"),
		Profiles: map[string]map[string]string{"old": {"name": "grandpa", "count": "3"}},
	})
	if err != nil {
		err = Faults(strings.Split(strings.ReplaceAll(err.Error(), dir+"/", ""), "\n"))
	}
	return p, s, err
}

func TestWhoSaysASettingNearestToTheCommandLineCounts(t *testing.T) {
	file := map[string]string{"wadm.yaml": "name: file\nprofile: old\n"}
	dot := maps.Clone(file)
	dot[".env"] = "NAME=dot\n"
	local := maps.Clone(dot)
	local[".env.prod"], local[".env.local"] = "NAME=prod\n", "export NAME=\"local\" # mine\n"
	for _, tt := range []struct {
		what       string
		told       told
		name, from string
	}{
		{"nobody says anything", told{}, "nobody", "default"},
		{"the profile", told{args: []string{"--profile", "old"}}, "grandpa", "profile old"},
		{"the file before the profile", told{files: file}, "file", "wadm.yaml:1:1"},
		{".env before the file", told{files: dot}, "dot", "NAME in .env"},
		{".env.local before .env", told{files: local}, "local", "NAME in .env.local"},
		{"the environment before .env", told{files: local, env: map[string]string{"OLD_NAME": "old"}}, "local", "NAME in .env.local"},
		{"the environment", told{files: local, env: map[string]string{"NAME": "env"}}, "env", "environment NAME"},
		{"the flag", told{files: local, env: map[string]string{"NAME": "env"}, args: []string{"--name=flag"}}, "flag", "flag"},
		{"a file that the environment names, and not the default one", told{files: map[string]string{"wadm.yaml": "nonsense: 1\n", "b.yaml": "name: b\n"},
			env: map[string]string{"WADM_CONFIG": "DIR/b.yaml"}}, "b", "b.yaml:1:1"},
		{"a file that a flag names", told{files: map[string]string{"a.yaml": "name: a\n", "b.yaml": "name: b\n"},
			env: map[string]string{"WADM_CONFIG": "DIR/b.yaml"}, args: []string{"--config", "DIR/a.yaml"}}, "a", "a.yaml:1:1"},
		{"a profile from the environment does not touch what the file says", told{files: file, args: []string{"--profile=old"}}, "file", "wadm.yaml:1:1"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			p, s, err := tt.told.load(t)
			if err != nil {
				t.Fatal(err)
			}
			from := s.Of("name").String()
			if i := strings.LastIndex(from, "/"); i >= 0 {
				from = from[i+1:]
			}
			if p.name != tt.name || from != tt.from {
				t.Errorf("it is %s from %s, want %s from %s", p.name, from, tt.name, tt.from)
			}
		})
	}
}

func TestEveryKindOfValueStandsInAFile(t *testing.T) {
	p, s, err := told{files: map[string]string{"wadm.yaml": `---
name: "5"
count: 5
wait: 90s
loud: true
several: [a, "b,c"]
lattices:
  shop:
    nats-server: [tls://a:1, b:2]
    nats-seed: env:SHOP_SEED
    nats-tls: true
  plain:
`, ".env": "SHOP_SEED=SUAX\n"}}.load(t)
	if err != nil {
		t.Fatal(err)
	}
	if p.name != "5" || p.count != 5 || p.wait != 90*time.Second || !p.loud {
		t.Errorf("read as %+v", p)
	}
	if diff := cmp.Diff([]string{"a", "b,c"}, p.several); diff != "" {
		t.Errorf("a list: -want +got:\n%s", diff)
	}
	got := map[string]string{}
	for name, l := range s.Lattices {
		got[name] = ""
		for key, v := range l {
			got[name+" "+key] = v.Text + " " + v.Origin.Place[strings.LastIndex(v.Origin.Place, "/")+1:]
		}
	}
	want := map[string]string{
		"shop": "", "plain": "", "shop nats-server": "tls://a:1,b:2 wadm.yaml:9:5", "shop nats-seed": "SUAX wadm.yaml:10:5 (SHOP_SEED in .env)", "shop nats-tls": "true wadm.yaml:11:5",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lattices: -want +got:\n%s", diff)
	}
}

func TestAFileWithMistakesSaysWhereTheyAre(t *testing.T) {
	for _, tt := range []struct{ what, text, want string }{
		{"a key that is not known", "nam: x\n", "wadm.yaml:1:1: unknown key `nam`, did you mean `name`?"},
		{"one that is far from any", "\nfrobnicate: x\n", "wadm.yaml:2:1: unknown key `frobnicate`"},
		{"the end of one, in a lattice", "lattices:\n  a:\n    dialect: otp\n", "wadm.yaml:3:5: unknown key `dialect`, did you mean `lattice-dialect`?"},
		{"underscores", "lattices: {a: {nats_server: x}}\n", "wadm.yaml:1:16: unknown key `nats_server`, did you mean `nats-server`?"},
		{"a key that is no setting", "config: x\n", "wadm.yaml:1:1: unknown key `config`"},
		{"a key twice", "name: x\ncount: 1\nname: y\n", "wadm.yaml:3:1: `name` stands here again, first in line 1"},
		{"a word for a number", "count: many\n", "wadm.yaml:1:8: `count`: it is no whole number"},
		{"a number below nothing", "count: -1\n", "wadm.yaml:1:8: `count`: it is no whole number"},
		{"a number for a duration", "wait: 90\n", "wadm.yaml:1:7: `wait`: it is no duration such as 90s"},
		{"a word for a boolean", "loud: yes\n", "wadm.yaml:1:7: `loud`: it must be true or false"},
		{"a list for a value", "name: [a, b]\n", "wadm.yaml:1:7: `name`: it is one value, not a list"},
		{"keys for a value", "name: {a: b}\n", "wadm.yaml:1:7: `name` must be a value or a list of values"},
		{"no value", "name:\n", "wadm.yaml:1:6: `name` has no value: give one, or leave the key out"},
		{"an alias", "name: &a x\nsecret: *a\n", "wadm.yaml:2:9: aliases are not supported: write the value out"},
		{"a merge key", "<<: {name: x}\n", "wadm.yaml:1:1: a key must be the name of a setting"},
		{"a list at the top", "- name\n", "wadm.yaml:1:1: the file must be keys with values"},
		{"text at the top", "name\n", "wadm.yaml:1:1: the file must be keys with values"},
		{"two documents", "name: x\n---\nname: y\n", "wadm.yaml:2:1: a second document: there is one"},
		{"no YAML", "a: [\n", "wadm.yaml:2:1: reading YAML: did not find expected node content"},
		{"deep nesting", strings.Repeat("[", 50), "wadm.yaml:1:17: reading YAML: nested deeper than any setting is"},
		{"a lattice that is a word", "lattices: {a: b}\n", "wadm.yaml:1:15: lattice `a` must be keys with values"},
		{"lattices as a list", "lattices: [a]\n", "wadm.yaml:1:11: `lattices` must be keys with values"},
		{"a variable that is not set", "lattices: {a: {nats-seed: 'env:NOT_THERE'}}\n", "wadm.yaml:1:27: the environment variable NOT_THERE is not set"},
		{"several at once", "nam: x\ncount: x\n", "wadm.yaml:1:1: unknown key `nam`, did you mean `name`?\nwadm.yaml:2:8: `count`: it is no whole number"},
		{"a profile that is not known", "profile: older\n", "--profile older is not known: old"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			_, _, err := told{files: map[string]string{"wadm.yaml": tt.text}}.load(t)
			if err == nil || err.Error() != tt.want {
				t.Errorf("the error is\n%v\nwant\n%s", err, tt.want)
			}
		})
	}
}

func TestWhatCountsLessIsReadAllTheSame(t *testing.T) {
	_, _, err := told{args: []string{"--count=1"}, files: map[string]string{"wadm.yaml": "count: many\n"}}.load(t)
	if err == nil || !strings.Contains(err.Error(), "wadm.yaml:1:8") {
		t.Errorf("the error is %v", err)
	}
	p, s, err := told{args: []string{"--count=1", "--several=x"}, files: map[string]string{"wadm.yaml": "count: 2\nseveral: [y]\n"}}.load(t)
	if err != nil || p.count != 1 || len(p.several) != 1 || p.several[0] != "x" || s.Of("count").Kind != Flag {
		t.Errorf("read %d and %q from %v, %v", p.count, p.several, s.Of("count"), err)
	}
}

func TestFilesThatAreNotThere(t *testing.T) {
	if _, s, err := (told{}).load(t); err != nil || s.File != "" {
		t.Errorf("without the default file: %v", err)
	}
	for _, tt := range []told{{args: []string{"--config", "DIR/gone.yaml"}}, {env: map[string]string{"WADM_CONFIG": "DIR/gone.yaml"}},
		{files: map[string]string{".env": "WADM_CONFIG=gone.yaml\n"}}} {
		if _, _, err := tt.load(t); err == nil || !strings.Contains(err.Error(), "gone.yaml: no such file or directory") {
			t.Errorf("a named file that is not there: %v", err)
		}
	}
	for _, text := range []string{"", "# nothing\n", "---\n", "~\n", "lattices:\n"} {
		if _, s, err := (told{files: map[string]string{"wadm.yaml": text}}).load(t); err != nil || s.File == "" {
			t.Errorf("a file that says nothing, %q: %v", text, err)
		}
	}
}

func TestMistakesOfTheEnvironment(t *testing.T) {
	for _, tt := range []struct {
		what string
		told told
		want string
	}{
		{"a boolean that is none", told{env: map[string]string{"LOUD": "1"}}, `environment variable LOUD is "1": it must be true or false`},
		{"a number that is none", told{env: map[string]string{"COUNT": "many"}}, "environment variable COUNT cannot be used: it is no whole number"},
		{"likewise in .env", told{files: map[string]string{".env": "COUNT=many\n"}}, "environment variable COUNT in .env cannot be used: it is no whole number"},
		{"a .env that is none", told{files: map[string]string{".env": "SECRET-hunter2\n"}}, "reading .env: a line in it is no NAME=value"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			if _, _, err := tt.told.load(t); err == nil || err.Error() != tt.want {
				t.Errorf("the error is %v, want %s", err, tt.want)
			}
		})
	}
}

func TestOnlyTheWordTrueTurnsAnOldBooleanOn(t *testing.T) {
	for text, want := range map[string]bool{"true": true, "false": false, "1": false, "TRUE": false, "yes": false, "true ": false, "": false} {
		p, _, err := told{env: map[string]string{"TLS": text}}.load(t)
		if err != nil || p.tls != want {
			t.Errorf("%q is %v, %v", text, p.tls, err)
		}
	}
}

func FuzzFile(f *testing.F) {
	for _, seed := range []string{"name: x\n", "lattices: {a: {nats-server: [b]}}\n", "a: &x [*x]\n", "? [a]\n: b\n", "--- |\n x", "several: []\n", "loud: []\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<12 {
			return
		}
		one := parse("f", []byte(text))
		one.readSingle(environment{get: func(string) string { return "" }})
		flags := pflag.NewFlagSet("f", pflag.ContinueOnError)
		flags.Bool("loud", false, "")
		flags.Uint("count", 1, "")
		flags.StringSlice("several", nil, "")
		(&Settings{origins: map[string]Origin{}}).fromFile(flags, one)
	})
}

func TestAValueOfSeveralLinesStandsInDoubleQuotes(t *testing.T) {
	p, _, err := told{files: map[string]string{".env": "NAME=\"one\ntwo\"\nCOUNT=3\n"}}.load(t)
	if err != nil || p.name != "one\ntwo" || p.count != 3 {
		t.Errorf("read %q and %d, %v", p.name, p.count, err)
	}
	if _, _, err := (told{files: map[string]string{".env": "NAME=<< EOF\none\nEOF\nCOUNT=3\n"}}).load(t); err == nil {
		t.Error("the older form is taken for something else")
	}
}
