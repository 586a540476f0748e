package scenario

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/wadm-go/wadm/oam"
)

// app is an application in the short form, which is put into the grammar of the dialect.
//
//	component web image=web:1 instances=4 spread=east:50:zone=east spread=west:50:zone=west
//	provider  kv  image=kv:1 config=store:size=3
//	link      web kv url=redis://one
//	annotation wadm.dev/live-update true
//
// Settings of components: image, instances, scaler (spread, daemon, none), spread (NAME:WEIGHT:LABELS, repeated), id, config
// (NAME for one that others put, NAME:KEY=VALUE,… for one of ours, repeated), contract and link_name (OTP).
// Settings of links: name, interfaces, package, source and target (a config, as above); anything else is a value, which
// becomes the link's values in OTP and a config of the target in 1.x.
type app struct {
	name, version string
	lines         []string
}

// edit returns the application with another version: whole, or with lines taken out ("- component web"), put in ("+ link …")
// and settings changed ("web.image=web:2", "web-kv.url=x").
func (a app) edit(version string, block, settings []string) (app, error) {
	next := app{name: a.name, version: version, lines: slices.Clone(a.lines)}
	for _, l := range block {
		switch {
		case strings.HasPrefix(l, "+ "):
			next.lines = append(next.lines, strings.TrimSpace(l[2:]))
		case strings.HasPrefix(l, "- "):
			what := strings.Fields(l[2:])
			n := len(next.lines)
			next.lines = slices.DeleteFunc(next.lines, func(have string) bool {
				f := strings.Fields(have)
				return len(f) >= len(what) && slices.Equal(f[:len(what)], what)
			})
			if len(next.lines) == n {
				return next, fmt.Errorf("there is no %q", l[2:])
			}
		default:
			return next, fmt.Errorf("%q neither adds (+) nor removes (-)", l)
		}
	}
	for _, s := range settings {
		if err := next.set(s); err != nil {
			return next, err
		}
	}
	return next, nil
}

// set changes one setting of one line; an empty value removes it.
func (a *app) set(s string) error {
	who, rest, ok := strings.Cut(s, ".")
	key, value, ok2 := strings.Cut(rest, "=")
	if !ok || !ok2 {
		return fmt.Errorf("%q is no NAME.KEY=VALUE", s)
	}
	for i, line := range a.lines {
		f := strings.Fields(line)
		if f[0] == "link" && linkTitle(f) != who || f[0] != "link" && f[1] != who {
			continue
		}
		f = slices.DeleteFunc(f, func(x string) bool { return strings.HasPrefix(x, key+"=") })
		if value != "" {
			f = append(f, key+"="+value)
		}
		a.lines[i] = strings.Join(f, " ")
		return nil
	}
	return fmt.Errorf("there is no %q", who)
}

// linkTitle is what edits call a link: source-target, or source-target-name.
func linkTitle(f []string) string {
	title := f[1] + "-" + f[2]
	for _, s := range f[3:] {
		if name, ok := strings.CutPrefix(s, "name="); ok {
			title += "-" + name
		}
	}
	return title
}

type object = map[string]any

// setting is one KEY=VALUE.
type setting struct{ key, value string }

func settings(fields []string) ([]setting, error) {
	var out []setting
	for _, f := range fields {
		k, v, ok := strings.Cut(f, "=")
		if !ok {
			return nil, fmt.Errorf("%q is no KEY=VALUE", f)
		}
		out = append(out, setting{k, v})
	}
	return out, nil
}

// manifest writes the application in the dialect's grammar and reads it as the API does.
func (w *world) manifest(a app) (*oam.Manifest, error) {
	var components []object
	at := map[string]int{}
	for _, line := range a.lines {
		f := strings.Fields(line)
		if f[0] != "component" && f[0] != "provider" {
			continue
		}
		c, err := w.component(f)
		if err != nil {
			return nil, err
		}
		at[f[1]] = len(components)
		components = append(components, c)
	}
	for _, line := range a.lines {
		f := strings.Fields(line)
		if slices.Contains([]string{"component", "provider", "annotation"}, f[0]) {
			continue
		}
		if f[0] != "link" || len(f) < 3 {
			return nil, fmt.Errorf("cannot read %q", line)
		}
		i, ok := at[f[1]]
		if !ok {
			return nil, fmt.Errorf("a link begins at %q, which is not there", f[1])
		}
		trait, err := w.link(f)
		if err != nil {
			return nil, err
		}
		components[i]["traits"] = append(components[i]["traits"].([]object), trait)
	}
	src, err := json.Marshal(object{
		"apiVersion": "core.oam.dev/v1beta1", "kind": "Application",
		"metadata": object{"name": a.name, "annotations": a.annotations()},
		"spec":     object{"components": components},
	})
	if err != nil {
		return nil, err
	}
	d, ds := oam.Check(src, oam.FormatJSON)
	for _, diag := range ds {
		if diag.Level == oam.Error {
			return nil, fmt.Errorf("the manifest is refused: %s: %s", diag.Path, diag.Text())
		}
	}
	return d.Manifest, nil
}

// annotations are the version and those that lines give.
func (a app) annotations() object {
	out := object{"version": a.version}
	for _, line := range a.lines {
		if f := strings.Fields(line); f[0] == "annotation" && len(f) == 3 {
			out[f[1]] = f[2]
		}
	}
	return out
}

func (w *world) component(f []string) (object, error) {
	name := f[1]
	set, err := settings(f[2:])
	if err != nil {
		return nil, err
	}
	props, traits := object{}, []object{}
	var configs []object
	image, kind := "", w.kind(f[0])
	for _, s := range set {
		switch s.key {
		case "image":
			image = s.value
			props["image"] = w.image(image, f[0] == "provider")
		case "config":
			configs = append(configs, config(s.value))
		case "instances", "scaler", "spread":
		default:
			props[s.key] = s.value
		}
	}
	if f[0] == "provider" && w.dialect == "otp" && props["contract"] == nil {
		props["contract"] = contract(image)
	}
	if len(configs) > 0 {
		props["config"] = configs
	}
	if t := w.scaler(set); t != nil {
		traits = append(traits, t)
	}
	w.known(name, image)
	return object{"name": name, "type": kind, "properties": props, "traits": traits}, nil
}

// kind is the type of a component in the words of the dialect's manifests.
func (w *world) kind(word string) string {
	switch {
	case word == "provider":
		return "capability"
	case w.dialect == "otp":
		return "actor"
	}
	return "component"
}

// scaler is the trait that says how many run where; nil: there is none.
func (w *world) scaler(set []setting) object {
	count := "instances"
	if w.dialect == "otp" {
		count = "replicas"
	}
	kind, props := "spread", object{count: 1}
	var spreads []object
	for _, s := range set {
		switch s.key {
		case "instances":
			props[count] = json.Number(s.value)
		case "scaler":
			kind = s.value
		case "spread":
			spreads = append(spreads, spread(s.value))
		}
	}
	if kind == "none" {
		return nil
	}
	if len(spreads) > 0 {
		props["spread"] = spreads
	}
	return object{"type": kind + "scaler", "properties": props}
}

func spread(text string) object {
	parts := strings.SplitN(text, ":", 3)
	out := object{"name": parts[0]}
	if len(parts) > 1 && parts[1] != "" {
		out["weight"] = json.Number(parts[1])
	}
	if len(parts) > 2 {
		out["requirements"] = pairs(parts[2])
	}
	return out
}

func config(text string) object {
	name, values, managed := strings.Cut(text, ":")
	out := object{"name": name}
	if managed {
		out["properties"] = pairs(values)
	}
	return out
}

func pairs(text string) map[string]string {
	out := map[string]string{}
	for _, p := range strings.Split(text, ",") {
		if k, v, _ := strings.Cut(p, "="); k != "" {
			out[k] = v
		}
	}
	return out
}

func (w *world) link(f []string) (object, error) {
	set, err := settings(f[3:])
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	pkg, interfaces, name := "wasi:keyvalue", "store", ""
	var source, target []object
	for _, s := range set {
		switch s.key {
		case "name":
			name = s.value
		case "package":
			pkg = s.value
		case "interfaces":
			interfaces = s.value
		case "source":
			source = append(source, config(s.value))
		case "target":
			target = append(target, config(s.value))
		default:
			values[s.key] = s.value
		}
	}
	if w.dialect == "otp" {
		return object{"type": "linkdef", "properties": object{"target": f[2], "values": values}}, nil
	}
	if len(values) > 0 {
		target = append(target, object{"name": linkTitle(f), "properties": values})
	}
	ns, pkg, _ := strings.Cut(pkg, ":")
	props := object{"namespace": ns, "package": pkg, "interfaces": strings.Split(interfaces, ","), "target": object{"name": f[2], "config": target}}
	if len(target) == 0 {
		props["target"] = object{"name": f[2]}
	}
	if len(source) > 0 {
		props["source"] = object{"config": source}
	}
	if name != "" {
		props["name"] = name
	}
	return object{"type": "link", "properties": props}, nil
}
