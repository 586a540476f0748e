package scenario

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wadm-go/wadm/internal/sim"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wasmbus"
)

const registry = "registry.example/"

// key makes an id that shows the name: its first letter, then the name, filled up to the length of a public key.
func key(letter, name string) string {
	id := letter
	for _, r := range strings.ToUpper(name) {
		if r >= 'A' && r <= 'Z' || r >= '2' && r <= '7' {
			id += string(r)
		}
	}
	return id + strings.Repeat("A", max(0, 56-len(id)))
}

func (w *world) addHost(c *Command) error {
	if len(c.Args) == 0 {
		return errors.New("needs a name")
	}
	name := c.Args[0]
	spec := sim.HostSpec{Name: name, ID: key("N", name), Labels: map[string]string{}}
	late := false
	for _, s := range c.Args[1:] {
		k, v, ok := strings.Cut(s, "=")
		switch {
		case s == "late":
			late = true
		case !ok:
			return fmt.Errorf("%q is no LABEL=VALUE", s)
		case k == "version":
			spec.Version = v
		case k == "dialect" && v == "otp":
			spec.Dialect = wasmbus.DialectOTP
		default:
			spec.Labels[k] = v
		}
	}
	if w.dialect == "otp" {
		// One start in 25 hears nothing for two seconds: true, and of no use to any reader.
		version := cmp.Or(spec.Version, w.version, "0.58.2")
		sw := sim.RealSwitches(wasmbus.DialectOTP, sim.ParseVersion(version))
		sw.LateSubscription, sw.AlwaysLate = false, late
		spec.Switches = &sw
	}
	w.name(name, w.cluster.AddHost(spec))
	if w.plane.Engine == nil {
		w.plane.Run(100 * time.Millisecond) // it takes a moment until it listens
	}
	return nil
}

func (w *world) name(host, id string) {
	if w.ids[host] == "" {
		w.hosts = append(w.hosts, host)
	}
	w.ids[host] = id
	w.short = append(w.short, id, host)
}

// image is the full reference of an image, which is made known to the registry on first sight.
func (w *world) image(short string, provider bool) string {
	ref := registry + short
	builtin := strings.Contains(short, "://")
	if builtin || strings.Contains(short, "/") {
		ref = short
	}
	if _, ok := w.cluster.Registry.Images[ref]; !ok && !builtin {
		w.cluster.Registry.Put(ref, w.newImage(short, provider))
	}
	if len(w.short) == 0 || !slices.Contains(w.short, registry) {
		w.short = append(w.short, registry+"v2/", registry+"v2/", registry, "") // an address stays whole
	}
	return ref
}

func repository(short string) string {
	repo, _, _ := strings.Cut(short, ":")
	return repo
}

func contract(image string) string { return "sim:" + repository(image) }

func (w *world) newImage(short string, provider bool) sim.Image {
	name := repository(short)
	_, version, _ := strings.Cut(short, ":")
	revision, _ := strconv.ParseInt(version, 10, 64)
	img := sim.Image{Kind: sim.KindComponent, Key: key("M", name), Name: &name, Version: &version, Revision: revision, Caps: []string{}, Tags: []string{}}
	if provider {
		img.Kind, img.Key, img.Signed, img.Contract = sim.KindProvider, key("V", name), true, contract(short)
	}
	if !slices.Contains(w.short, img.Key) {
		w.short = append(w.short, img.Key, img.Key[:1]+"-"+name)
	}
	return img
}

// known notes an image that a component has.
func (w *world) known(component, image string) {
	if !slices.Contains(w.images[component], image) {
		w.images[component] = append(w.images[component], image)
	}
}

// describe says how an image behaves: "image web:9 fail=missing", "image web:2 pull=10s start=60s", "image kv:1 provider …".
func (w *world) describe(c *Command) error {
	if len(c.Args) == 0 {
		return errors.New("needs an image")
	}
	provider := slices.Contains(c.Args, "provider")
	ref := w.image(c.Args[0], provider)
	img := w.cluster.Registry.Images[ref]
	for _, s := range c.Args[1:] {
		k, v, _ := strings.Cut(s, "=")
		var err error
		switch k {
		case "provider":
		case "pull":
			img.Pull, err = time.ParseDuration(v)
		case "start":
			img.Start, err = time.ParseDuration(v)
		case "fail":
			img.Fail, err = failure(v)
		case "times":
			img.FailTimes, err = strconv.Atoi(v)
		case "sick-after":
			img.SickAfter, err = time.ParseDuration(v)
		case "error":
			img.Error = strings.ReplaceAll(v, "_", " ")
		case "key":
			img.Key = key(img.Key[:1], v)
		default:
			err = fmt.Errorf("cannot read %q", s)
		}
		if err != nil {
			return err
		}
	}
	if w.dialect == "otp" {
		img.Pull += img.Start // there fetching is all that takes time
	}
	w.cluster.Registry.Put(ref, img)
	return nil
}

func failure(word string) (sim.Failure, error) {
	switch word {
	case "missing":
		return sim.Missing, nil
	case "refused":
		return sim.Refused, nil
	case "denied":
		return sim.Denied, nil
	case "no":
		return sim.NoFailure, nil
	}
	return 0, fmt.Errorf("no failure is called %q", word)
}

// faults break or mend a host, which has the given name and id.
var faults = map[string]func(w *world, name, id string, rest []string) error{
	"kill":   func(w *world, _, id string, _ []string) error { return w.cluster.Kill(id) },
	"stop":   func(w *world, _, id string, _ []string) error { return w.cluster.Stop(id) },
	"return": func(w *world, _, id string, _ []string) error { return w.cluster.Return(id) },
	"heal":   func(w *world, _, id string, _ []string) error { return w.cluster.Heal(id) },
	"cut": func(w *world, _, id string, rest []string) error {
		return w.cluster.Cut(id, slices.Contains(rest, "silent"))
	},
	"replace": func(w *world, name, id string, _ []string) error {
		next, err := w.cluster.Replace(id)
		if err == nil {
			w.name(name, next)
		}
		return err
	},
	"refuse-starts": func(w *world, _, id string, rest []string) error {
		return w.cluster.RefuseStarts(id, strings.Join(rest, " "))
	},
	"slow": func(w *world, _, id string, rest []string) error {
		factor, err := strconv.ParseFloat(first(rest), 64)
		if err == nil {
			err = w.cluster.Slow(id, factor)
		}
		return err
	},
	"fail-starts": func(w *world, _, id string, rest []string) error {
		n, err := strconv.Atoi(first(rest))
		if err == nil {
			err = w.cluster.FailStarts(id, n)
		}
		return err
	},
	"mute": func(w *world, _, id string, rest []string) error {
		p := pairs(first(rest))
		acks, err1 := share(p["acks"])
		events, err2 := share(p["events"])
		return errors.Join(err1, err2, w.cluster.Mute(id, sim.Mute{Acks: acks, Events: events}))
	},
	"crash-instance": func(w *world, _, id string, rest []string) error {
		return w.cluster.CrashActor(id, key("M", repository(first(rest))))
	},
	"crash-provider": func(w *world, _, id string, rest []string) error {
		what := key("V", repository(first(rest)))
		if w.dialect == "v1" {
			what = first(rest)
		}
		return w.cluster.CrashProvider(id, what, "default")
	},
}

// fault breaks or mends a host.
func (w *world) fault(c *Command) error {
	if len(c.Args) == 0 || w.ids[c.Args[0]] == "" {
		return errors.New("needs a host")
	}
	return faults[c.Name](w, c.Args[0], w.ids[c.Args[0]], c.Args[1:])
}

func first(rest []string) string {
	if len(rest) == 0 {
		return ""
	}
	return rest[0]
}

// share is a part of everything; not given, it is none.
func share(text string) (float64, error) {
	if text == "" {
		return 0, nil
	}
	return strconv.ParseFloat(text, 64)
}

// raw sends a message as somebody else would, and waits for it to arrive.
func (w *world) raw(subject string, body any) error {
	data, err := wasmbus.Encode(body)
	if err == nil {
		w.plane.Bus.Request(sim.Msg{Subject: subject, Data: data}, time.Second, func(sim.Msg, bool) {})
	}
	return err
}

func (w *world) v1() wasmbus.V1Subjects   { return wasmbus.V1Subjects{Lattice: w.cluster.Lattice()} }
func (w *world) otp() wasmbus.OTPSubjects { return wasmbus.OTPSubjects{Lattice: w.cluster.Lattice()} }

func (w *world) label(c *Command) error {
	if len(c.Args) != 2 {
		return errors.New("needs a host and LABEL=VALUE")
	}
	k, v, _ := strings.Cut(c.Args[1], "=")
	return w.raw(w.v1().LabelPut(w.ids[c.Args[0]]), wasmbus.V1PutLabel{Key: k, Value: v})
}

// foreign starts something that is not ours: "foreign host-a web:1 [instances=2] [id=shop-web] [app=shop] [provider]". With app it is marked
// as that application's.
func (w *world) foreign(c *Command) error {
	if len(c.Args) < 2 {
		return errors.New("needs a host and an image")
	}
	id := w.ids[c.Args[0]]
	provider := slices.Contains(c.Args, "provider")
	ref := w.image(c.Args[1], provider)
	p := pairs(strings.Join(c.Args[2:], ","))
	n := 1
	if p["instances"] != "" {
		var err error
		if n, err = strconv.Atoi(p["instances"]); err != nil {
			return err
		}
	}
	notes := map[string]string{}
	if p["app"] != "" {
		notes = map[string]string{lattice.AppAnnotation: p["app"]}
		if w.dialect == "v1" {
			notes[lattice.ManagerAnnotation] = lattice.Manager
		}
	}
	switch {
	case w.dialect == "v1" && provider:
		return w.raw(w.v1().ProviderStart(id), wasmbus.V1StartProvider{ProviderID: p["id"], ProviderRef: ref, HostID: id, Annotations: notes})
	case w.dialect == "v1":
		return w.raw(w.v1().ComponentScale(id), wasmbus.V1Scale{ComponentRef: ref, ComponentID: p["id"], Annotations: notes, Count: uint32(n), HostID: id})
	case provider:
		return w.raw(w.otp().LaunchProvider(id), wasmbus.OTPLaunchProvider{ProviderRef: ref, LinkName: "default", ContractID: contract(c.Args[1]), HostID: id, Annotations: notes})
	}
	return w.raw(w.otp().LaunchActor(id), wasmbus.OTPLaunchActor{ActorRef: ref, Annotations: notes, Count: n, HostID: id})
}

// drop loses the events of the given names from now on, and the questions, whose names have a point (link.get); none: nothing is lost any more.
func (w *world) drop(c *Command) error {
	w.dropped = c.Args
	return nil
}

func (w *world) lost(m sim.Msg) bool {
	event := strings.HasPrefix(m.Subject, "wasmbus.evt.")
	return slices.ContainsFunc(w.dropped, func(name string) bool {
		if strings.Contains(name, ".") {
			return !event && strings.Contains(m.Subject+".", "."+name+".")
		}
		return event && (strings.HasSuffix(m.Subject, "."+name) || bytes.Contains(m.Data, []byte(`.`+name+`"`)))
	})
}

// stopProvider stops a provider as somebody else would.
func (w *world) stopProvider(c *Command) error {
	if len(c.Args) != 2 {
		return errors.New("needs a host and an image or id")
	}
	id := w.ids[c.Args[0]]
	if w.dialect == "v1" {
		return w.raw(w.v1().ProviderStop(id), wasmbus.V1StopProvider{HostID: id, ProviderID: c.Args[1]})
	}
	return w.raw(w.otp().StopProvider(id), wasmbus.OTPStopProvider{ProviderRef: key("V", repository(c.Args[1])), LinkName: "default", HostID: id})
}

func (w *world) putConfig(c *Command) error {
	if len(c.Args) < 1 {
		return errors.New("needs a name")
	}
	return w.raw(w.v1().ConfigPut(c.Args[0]), wasmbus.V1Config(pairs(strings.Join(c.Args[1:], ","))))
}

func (w *world) deleteConfig(c *Command) error {
	if len(c.Args) != 1 {
		return errors.New("needs a name")
	}
	return w.raw(w.v1().ConfigDel(c.Args[0]), struct{}{})
}

// deleteLink deletes a link behind our back: "delete-link shop-web" and, in OTP, the key is found from the name.
func (w *world) deleteLink(c *Command) error {
	if len(c.Args) != 2 {
		return errors.New("needs source and target")
	}
	t := w.cluster.Truth()
	for _, l := range t.Links {
		if w.bare(l.SourceID) == c.Args[0] && w.bare(l.Target) == c.Args[1] {
			return w.raw(w.v1().LinkDel(), wasmbus.V1DeleteLink{SourceID: l.SourceID, Name: l.Name, WITNamespace: l.WITNamespace, WITPackage: l.WITPackage})
		}
	}
	for _, l := range t.Linkdefs {
		if w.bare(l.ActorID) == c.Args[0] && w.bare(l.ProviderID) == c.Args[1] {
			return w.raw(w.otp().LinkdefDel(), wasmbus.OTPDeleteLinkdef{ActorID: l.ActorID, ContractID: l.ContractID, LinkName: l.LinkName})
		}
	}
	return errors.New("no such link")
}
