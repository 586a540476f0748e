package api

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/wadm-go/wadm/internal/store"
	"github.com/wadm-go/wadm/oam"
	"github.com/wadm-go/wadm/wadmapi"
)

// tongue03 is generation 0.3. Its texts are those of 0.3.0 where it has them; where 0.3.0 gave no answer at all, they are ours behind its first words.
type tongue03 struct{}

// The first words of its errors. Those of get and del go on with a tuple of its own language, which clients show as it is.
var failed03 = map[wadmapi.Op]string{
	wadmapi.OpPut:      "Failed to store model version: ",
	wadmapi.OpGet:      "Failed to query model: ",
	wadmapi.OpList:     "Failed to query models: ",
	wadmapi.OpVersions: "Failed to query model version history: ",
	wadmapi.OpDelete:   "Failed to delete model version: ",
	wadmapi.OpDeploy:   "Failed to deploy app spec: ",
	wadmapi.OpUndeploy: "Failed to stop deployment monitor: ",
}

const badSpec = "Failed to put model spec: "

func error03(op wadmapi.Op, format string, args ...any) any {
	return wadmapi.NewError(failed03[op] + fmt.Sprintf(format, args...))
}

// tuple03 is an error whose reason stands in a tuple.
func tuple03(op wadmapi.Op, reason string) any {
	return error03(op, "{:error, %s}", inspect(reason))
}

func (tongue03) put(m message, stamp Stamp) (Request, any) {
	doc, found := oam.Decode03(m.body)
	if !found.HasErrors() {
		found = append(found, oam.Validate03(doc)...)
	}
	if doc != nil {
		found = append(names03(doc.Manifest), found...)
	}
	if doc == nil || found.HasErrors() {
		return Request{}, wadmapi.NewError(badSpec + refused03(found.Errors()))
	}
	manifest := doc.Manifest
	version := manifest.Version()
	return Request{
		Op: wadmapi.OpPut, App: manifest.Metadata.Name, Version: &version,
		Put: manifest, Canonical: oam.Canonical(manifest), Raw: m.body, Stamp: stamp,
	}, nil
}

// names03 refuses what would be no token of a subject and no key. 0.3.0 took any text, and could then not be asked about it.
func names03(m *oam.Manifest) oam.Diagnostics {
	var found oam.Diagnostics
	if m.Metadata.Name != "" { // else it is said already why there is none
		if err := wadmapi.ValidName(m.Metadata.Name); err != nil {
			found = append(found, oam.Diagnostic{Level: oam.Error, Message: err.Error(), Path: "metadata.name", Compat: true})
		}
	}
	if err := wadmapi.ValidVersion(m.Version()); err != nil {
		found = append(found, oam.Diagnostic{Level: oam.Error, Message: err.Error(), Path: "metadata.annotations.version", Compat: true})
	}
	return found
}

// refused03 is the text for a refused manifest: what 0.3.0 would have crashed on first, with its place, else all that it would have said, run together
// as it did.
func refused03(errs oam.Diagnostics) string {
	if len(errs) == 0 {
		return "the manifest is empty"
	}
	var parts, rules []string
	for _, e := range errs {
		switch {
		case !e.Compat && e.Covered: // another one says it better
		case !e.Compat:
			return firstMessage(e)
		case e.Path == "metadata.name", e.Path == "metadata.annotations.version":
			return e.Message
		case isComponent(e.Path):
			parts = append(parts, e.Message)
		default:
			rules = append(rules, e.Message)
		}
	}
	if len(parts) > 0 {
		return "Failed to extract components: " + strings.Join(parts, ",")
	}
	return strings.Join(rules, "")
}

// isComponent tells the path of a whole component.
func isComponent(path string) bool {
	return strings.HasPrefix(path, "spec.components[") && strings.HasSuffix(path, "]") && strings.Count(path, "[") == 1
}

func (tongue03) body(s wadmapi.Subject, body []byte) (Request, any) {
	r := Request{Op: s.Op, App: s.Name}
	switch s.Op {
	case wadmapi.OpGet, wadmapi.OpDelete, wadmapi.OpDeploy, wadmapi.OpUndeploy:
	default:
		return r, nil
	}
	if len(body) <= maxBody && !json.Valid(body) {
		if s.Op == wadmapi.OpGet || s.Op == wadmapi.OpDelete {
			return r, error03(s.Op, "{:error, %s}", decodeError(body))
		}
		return r, error03(s.Op, "the body is no JSON: %s", explain(body, syntaxError(body)))
	}
	members, err := readObject(body, false)
	empty := s.Op == wadmapi.OpUndeploy || strings.TrimSpace(string(body)) == "null"
	if err != nil && (!empty || len(body) > maxBody) {
		return r, error03(s.Op, "%v", err)
	}
	if s.Op != wadmapi.OpUndeploy {
		given, err := readVersion(members, s.Op)
		if err != nil {
			return r, error03(s.Op, "%v", err)
		}
		if given != nil {
			r.Given = *given
		}
		version := strings.TrimPrefix(r.Given, "v") // a V stays: so it was
		r.Version = &version
	}
	if err := r.readKeys(members); err != nil {
		return r, error03(s.Op, "%v", err)
	}
	return r, nil
}

// syntaxError is what keeps a body from being JSON.
func syntaxError(body []byte) error {
	var whole json.RawMessage
	return json.Unmarshal(body, &whole)
}

func (tongue03) reply(r Request, o Outcome) any {
	switch o.Kind {
	case Failed, Unreadable:
		return failure03(r, o)
	case NoApp, NoVersion:
		return absent03(r)
	case Duplicate:
		return wadmapi.NewError(fmt.Sprintf("Model %s v%s already exists in lattice %s, operation rejected", r.App, o.Version, r.Lattice))
	case Refused, Taken:
		return error03(r.Op, "%s", o.Why)
	case Stored:
		return wadmapi.NewReply03(wadmapi.Put03{CurrentVersion: o.Version, Name: r.App})
	case Deployed:
		return wadmapi.NewReply03(wadmapi.Deployed03{Acknowledged: true})
	case Undeployed, AlreadyUndeployed:
		return wadmapi.NewReply03(wadmapi.Undeployed03{})
	case DeletedVersion, DeletedLast, DeletedAll:
		return wadmapi.NewReply03(wadmapi.Deleted03{Version: o.Version})
	}
	return wadmapi.NewError(internalError)
}

// absent03 answers what names nothing that is stored. What is not there is undeployed already.
func absent03(r Request) any {
	switch r.Op {
	case wadmapi.OpUndeploy:
		return wadmapi.NewReply03(wadmapi.Undeployed03{})
	case wadmapi.OpDeploy:
		return error03(r.Op, "%s", noSuch(r))
	}
	return tuple03(r.Op, noSuch(r))
}

func noSuch(r Request) string {
	return fmt.Sprintf("No such model version in store: %s %s", r.App, *r.Version)
}

// failure03 says what the store says, as 0.3.0 did: whoever asks is often who runs it, and a key of a wrong type has to be found.
func failure03(r Request, o Outcome) any {
	why := cannotBeRead
	if o.Err != nil {
		why = o.Err.Error()
	}
	if tooLarge(r, o) {
		why += "; delete versions that are not needed"
	}
	if r.Op == wadmapi.OpDelete {
		return tuple03(r.Op, why)
	}
	return error03(r.Op, "%s", why)
}

func (tongue03) show(s wadmapi.Subject, r Request, a answer) any {
	switch {
	case a.err != nil:
		return tuple03(s.Op, a.err.Error())
	case s.Op == wadmapi.OpList:
		return wadmapi.NewReply03(list03(a))
	case a.unread != nil:
		return tuple03(s.Op, a.unread.Error())
	case s.Op == wadmapi.OpVersions:
		return wadmapi.NewReply03(versions03(a.model))
	}
	return get03(a.model, r)
}

func get03(m *store.Model, r Request) any {
	var v *store.Version
	if m != nil {
		v = named(m, r)
	}
	if v == nil {
		return tuple03(r.Op, noSuch(r))
	}
	doc, found := oam.Decode(v.Manifest, oam.FormatJSON)
	if doc == nil || doc.Manifest == nil || found.HasErrors() {
		return tuple03(r.Op, "the stored manifest cannot be read: "+firstError(found))
	}
	vetted := oam.Vet(doc.Manifest)
	vetted.Version = v.Version // the store's word for it, which may begin with a v
	text, err := wadmapi.Encode(vetted)
	if err != nil {
		return tuple03(r.Op, "the stored manifest cannot be written: "+err.Error())
	}
	raw := v.Raw
	if raw == nil {
		raw = v.Manifest // its text is not known: generation 0.21 before us stored none
	}
	return wadmapi.NewReply03(wadmapi.Get03{Raw: string(raw), Vetted: text})
}

// versions03 are the versions, the newest first.
func versions03(m *store.Model) []wadmapi.Version03 {
	out := []wadmapi.Version03{}
	if m == nil {
		return out
	}
	for i := len(m.Versions) - 1; i >= 0; i-- {
		v := &m.Versions[i]
		info := wadmapi.Version03{Version: v.Version, Deployed: v.Version != "" && v.Version == m.Deployed}
		if !v.Created.IsZero() {
			created := v.Created.UTC().Format(wadmapi.Time03)
			info.Created = &created
		}
		out = append(out, info)
	}
	return out
}

func list03(a answer) []wadmapi.Summary03 {
	out := make([]wadmapi.Summary03, 0, len(a.models))
	for i := range a.models {
		m := &a.models[i]
		s := wadmapi.Summary03{Name: &m.Name, DeploymentStatus: state03(m, a.told(m.Name))}
		if v := current(m); v != nil {
			s.Version = &v.Version
			if s.Description = description(v); s.Description == nil {
				unnamed := oam.UnnamedDescription
				s.Description = &unnamed
			}
		}
		out = append(out, s)
	}
	return out
}

// state03 is the state of an application. A status of another version was told before this one was deployed, and says nothing of it; one that is
// "waiting" for hosts bears the version, and so was told after a look at the lattice.
func state03(m *store.Model, t told) string {
	v := deployed(m)
	switch {
	case v == nil:
		return wadmapi.StateUndeployed
	case !t.known, t.status.Version != "" && t.status.Version != v.Version:
		return wadmapi.StateInitializing
	case t.status.Status.Type == wadmapi.StatusWaiting && t.status.Version == v.Version:
		return wadmapi.StateReconciling
	}
	return wadmapi.DeploymentState(true, t.status.Status.Type)
}
