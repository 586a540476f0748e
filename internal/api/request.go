package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"strings"
	"time"

	"github.com/wadm-go/wadm/oam"
	"github.com/wadm-go/wadm/wadmapi"
)

// maxBody bounds the body of a request that names a version; package oam bounds a manifest.
const maxBody = 64 << 10

// Stamp is what a request needs from outside and a pure function cannot make: all of it comes in as values.
type Stamp struct {
	ID   string // of the wish
	ULID string // version for a manifest without one
	At   string // RFC 3339, for people
	Time time.Time
}

// Request is one request that changes something, checked and taken apart.
type Request struct {
	Op         wadmapi.Op // put, deploy, undeploy, del
	Generation wadmapi.Generation
	Lattice    string
	App        string
	Version    *string // deploy, del: as asked for; put: of the manifest
	Given      string  // generation 0.3: the version as it was written, v and all

	All     bool  // del: all versions, whatever Version says
	Release *bool // undeploy, del: let what runs go on, or stop it; nil: not said
	LetGo   bool  // the server's answer where it is not said

	Put       *oam.Manifest   // put only, valid, with a version
	Canonical json.RawMessage // put only: Put as it is stored
	Raw       []byte          // put only: the text as it came
	Stamp     Stamp
}

// Names of operations as 0.21.1's messages call them.
var bodyNames = map[wadmapi.Op]string{
	wadmapi.OpGet: "get", wadmapi.OpDelete: "delete", wadmapi.OpDeploy: "deploy", wadmapi.OpUndeploy: "undeploy",
}

// refusal is an error whose text goes to the client as it stands, in the words of 0.21.1.
type refusal string

func (r refusal) Error() string { return string(r) }

// readObject reads a body that is a JSON object. None at all is an empty one where that is allowed. Members that mean nothing are ignored, for
// clients of other servers send several.
func readObject(body []byte, mayBeEmpty bool) (map[string]json.RawMessage, error) {
	if len(body) == 0 && mayBeEmpty {
		return nil, nil
	}
	if len(body) > maxBody {
		return nil, fmt.Errorf("the body is %d bytes long, at most %d are allowed", len(body), maxBody)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return nil, errors.New(explain(body, err))
	}
	if members == nil {
		return nil, errors.New("expected a JSON object, found null at 1:1")
	}
	return members, nil
}

// readVersion is the version that a body names; nil when it names none.
func readVersion(members map[string]json.RawMessage, op wadmapi.Op) (*string, error) {
	raw, ok := members["version"]
	if !ok || op == wadmapi.OpUndeploy {
		return nil, nil
	}
	var version *string
	if err := json.Unmarshal(raw, &version); err != nil {
		return nil, errors.New("version must be a string")
	}
	return version, nil
}

// readKeys reads what shall become of what runs, and of the other versions. The description of 0.3.0 gives booleans as text, so both are taken; anything
// else is a mistake that could cost what runs.
func (r *Request) readKeys(members map[string]json.RawMessage) error {
	switch r.Op {
	case wadmapi.OpUndeploy:
		stop, err := readFlag(members, "destructive")
		if err != nil {
			return err
		}
		keep, err := readFlag(members, "non_destructive")
		if err != nil {
			return err
		}
		if stop != nil && keep != nil && *stop == *keep {
			return fmt.Errorf("destructive and non_destructive are both %t: they contradict each other", *stop)
		}
		if r.Release = keep; stop != nil {
			release := !*stop
			r.Release = &release
		}
	case wadmapi.OpDelete:
		stop, err := readFlag(members, "undeploy")
		if err != nil {
			return err
		}
		if stop != nil {
			release := !*stop
			r.Release = &release
		}
		all, err := readFlag(members, "delete_all")
		if err != nil {
			return err
		}
		r.All = all != nil && *all
	}
	return nil
}

// readFlag is a boolean, or the very text "true" or "false"; nil when it is missing or null.
func readFlag(members map[string]json.RawMessage, key string) (*bool, error) {
	raw, ok := members[key]
	if !ok || string(raw) == "null" {
		return nil, nil
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		text = string(raw)
	}
	on := text == "true"
	if !on && text != "false" {
		return nil, fmt.Errorf("%s must be true or false, found %s", key, clip(string(raw)))
	}
	return &on, nil
}

// clip shortens what a message repeats.
func clip(s string) string {
	const most = 40
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return s
}

// explain says in one line where a body stops being JSON, or which kind of value it is.
func explain(body []byte, err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Sprintf("expected a JSON object, found %s at 1:1", wrong.Value)
	}
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		// Offset counts the bytes read, the offending one included.
		before := body[:min(max(int(syntax.Offset)-1, 0), len(body))]
		line := 1 + strings.Count(string(before), "\n")
		column := 1 + len([]rune(string(before[strings.LastIndex(string(before), "\n")+1:])))
		return fmt.Sprintf("%s at %d:%d", syntax.Error(), line, column)
	}
	return err.Error()
}

// manifestFormat picks the parser for a content type. 0.21.1 knows two exact words; we also take parameters, other case and the other names of YAML.
func manifestFormat(contentType string, given bool) (oam.Format, error) {
	if !given {
		return oam.FormatAuto, nil
	}
	unsupported := refusal(fmt.Sprintf("Unable to parse manifest: Unsupported content type %s given. Wadm supports YAML and JSON", contentType))
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return 0, unsupported
	}
	if set, ok := params["charset"]; ok && !strings.EqualFold(set, "utf-8") && !strings.EqualFold(set, "us-ascii") {
		return 0, unsupported
	}
	switch media {
	case "application/json":
		return oam.FormatJSON, nil
	case "application/yaml", "application/x-yaml", "text/yaml":
		return oam.FormatYAML, nil
	}
	return 0, unsupported
}

// parsePut reads a manifest and checks it whole. When it is refused, the second result is the reply and the request is empty.
func parsePut(body []byte, contentType string, typed bool, stamp Stamp) (Request, any) {
	format, err := manifestFormat(contentType, typed)
	if err != nil {
		return Request{}, wadmapi.NewError(err.Error())
	}
	doc, found := oam.Decode(body, format)
	prefix := ""
	if doc == nil || found.HasErrors() {
		prefix = "Unable to parse manifest: "
	}
	if found = append(found, oam.ValidatePut(doc)...); doc == nil || found.HasErrors() {
		return Request{}, refusePut(prefix, found)
	}
	m := doc.Manifest
	version, versioned := m.Metadata.Annotations[oam.AnnotationVersion]
	// What no rule of the manifest refused must still be fit for a subject and a key.
	if err := errors.Join(wadmapi.ValidName(m.Metadata.Name), wadmapi.ValidVersion(version)); err != nil {
		return Request{}, wadmapi.NewError("invalid manifest: " + strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	if !versioned {
		version = stamp.ULID
		m.Metadata.Annotations[oam.AnnotationVersion] = version
	}
	return Request{Op: wadmapi.OpPut, App: m.Metadata.Name, Version: &version, Put: m, Canonical: oam.Canonical(m), Stamp: stamp}, nil
}

// refusePut makes the reply to a manifest with mistakes: the first one as 0.21.1 words it, and all of them with their places.
func refusePut(prefix string, found oam.Diagnostics) any {
	errs := found.Errors()
	if len(errs) == 0 {
		return wadmapi.NewError(prefix + "the manifest is empty")
	}
	reply := wadmapi.PutErrorReply{Message: prefix + firstMessage(errs[0]), Result: wadmapi.ResultError}
	for _, d := range errs.Shown().Sorted() {
		reply.Errors = append(reply.Errors, wadmapi.PutError{
			Message: d.Message, Path: d.Path, Line: d.Line, Column: d.Col, Width: d.Width, Suggestion: d.Suggestion,
		})
	}
	return reply
}

// firstMessage keeps a text that clients match on to the letter, and gives our own its place.
func firstMessage(d oam.Diagnostic) string {
	if d.Compat {
		return d.Message
	}
	if d.Line == 0 {
		return d.Text()
	}
	return d.Text() + " (manifest:" + d.Place() + ")"
}
