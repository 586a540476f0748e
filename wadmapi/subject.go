package wadmapi

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fixed parts of our subjects and the names that go with them.
const (
	// APIPrefix begins every request: wadm.api.{lattice}.{category}.{operation}[.{name}].
	APIPrefix = "wadm.api"
	// APIWildcard is what a server subscribes to, in QueueGroup.
	APIWildcard = APIPrefix + ".>"
	// QueueGroup is the queue group of generation 0.21: its servers and ours share the load.
	QueueGroup = "wadm_server"
	// EventPrefix begins every event: wadm.evt.{lattice}.{event}.
	EventPrefix = "wadm.evt"
	// EventStream is the JetStream stream that keeps events for a while, where there is one.
	EventStream = "wadm_events"
	// StatusPrefix begins every status: wadm.status.{lattice}.{application}.
	StatusPrefix = "wadm.status"
	// StatusStream is the JetStream stream that keeps the last statuses of each application.
	StatusStream = "wadm_status"
)

// Category is the third part of a request's subject: what the operation is about.
type Category string

// The categories. 0.21.1 has CategoryModel alone.
const (
	CategoryModel   Category = "model"
	CategoryHost    Category = "host"
	CategoryLattice Category = "lattice"
)

// Op is an operation of CategoryModel.
type Op string

// The operations on models. OpGet without a name is the list; OpList is its older form, a bare array.
const (
	OpPut      Op = "put"
	OpGet      Op = "get"
	OpList     Op = "list"
	OpVersions Op = "versions"
	OpDelete   Op = "del"
	OpDeploy   Op = "deploy"
	OpUndeploy Op = "undeploy"
	OpStatus   Op = "status"
	OpHistory  Op = "history"
)

// Subject is a request's subject, taken apart. Name is empty where the operation takes none.
type Subject struct {
	Lattice  string
	Category Category
	Op       Op
	Name     string
}

// String is the subject on the wire.
func (s Subject) String() string {
	t := APIPrefix + "." + s.Lattice + "." + string(s.Category) + "." + string(s.Op)
	if s.Name != "" {
		t += "." + s.Name
	}
	return t
}

// ModelSubject is the subject of an operation on an application; app is empty for list and put.
func ModelSubject(lattice string, op Op, app string) string {
	return Subject{Lattice: lattice, Category: CategoryModel, Op: op, Name: app}.String()
}

// HostListSubject is where a lattice's hosts are asked for.
func HostListSubject(lattice string) string {
	return Subject{Lattice: lattice, Category: CategoryHost, Op: OpList}.String()
}

// LatticeListSubject is where the applications of a lattice are asked for in the words of generation 0.21, whichever the server speaks: a ListReply.
func LatticeListSubject(lattice string) string {
	return Subject{Lattice: lattice, Category: CategoryLattice, Op: OpList}.String()
}

// LatticeStatusSubject is where the status of an application is asked for in the same way: a StatusReply. Generation 0.3 has no word for it.
func LatticeStatusSubject(lattice, app string) string {
	return Subject{Lattice: lattice, Category: CategoryLattice, Op: OpStatus, Name: app}.String()
}

// EventSubject is where the event of that name is published.
func EventSubject(lattice, event string) string { return EventPrefix + "." + lattice + "." + event }

// StatusSubject is where an application's status is published.
func StatusSubject(lattice, app string) string { return StatusPrefix + "." + lattice + "." + app }

// Texts of 0.21.1 for subjects that it cannot read; the caller puts "Invalid subject: " before them.
const (
	noCategory  = "Expected to find API category"
	noOperation = "Expected to find operation"
	extraTokens = "Found extra components of subject, ensure your manifest name consists of only alphanumeric characters, dashes, and underscores."
)

// SubjectError is the message of the reply to a request whose subject is no good, to the letter of 0.21.1 where it has one.
type SubjectError string

func (e SubjectError) Error() string { return string(e) }

// Unsupported is the error for a subject that is well formed and means nothing to us. The whole subject stands in it.
func Unsupported(subject string) SubjectError { return SubjectError("Unsupported subject: " + subject) }

func invalid(text string) SubjectError { return SubjectError("Invalid subject: " + text) }

// ParseSubject takes a request's subject apart. The error is a SubjectError. Whether a host or lattice operation exists is not
// judged here, nor whether the name is one that an application may have.
func ParseSubject(subject string) (Subject, error) {
	rest, ok := strings.CutPrefix(subject, APIPrefix+".")
	if !ok {
		return Subject{}, Unsupported(subject)
	}
	tokens := strings.Split(rest, ".")
	switch len(tokens) {
	case 1:
		return Subject{}, invalid(noCategory)
	case 2:
		return Subject{}, invalid(noOperation)
	case 3, 4:
	default:
		return Subject{}, invalid(extraTokens)
	}
	s := Subject{Lattice: tokens[0], Category: Category(tokens[1]), Op: Op(tokens[2])}
	if len(tokens) == 4 {
		s.Name = tokens[3]
		if s.Name == "" {
			return Subject{}, Unsupported(subject) // else it would read as the list
		}
	}
	if err := ValidName(s.Lattice); err != nil {
		return Subject{}, invalid("lattice " + err.Error())
	}
	switch s.Category {
	case CategoryHost, CategoryLattice:
		return s, nil
	case CategoryModel:
		if takes(s.Op, s.Name != "") {
			return s, nil
		}
	}
	return Subject{}, Unsupported(subject)
}

// takes tells whether a model operation exists with, or without, a name.
func takes(op Op, named bool) bool {
	switch op {
	case OpGet:
		return true
	case OpList, OpPut:
		return !named
	case OpVersions, OpDelete, OpDeploy, OpUndeploy, OpStatus, OpHistory:
		return named
	}
	return false
}

// MaxName is the largest number of bytes in the name of an application, a lattice or a version.
const MaxName = 255

// ValidName says whether a lattice or an application may have this name: ^[-A-Za-z0-9_]+$, at most MaxName bytes. Names become tokens
// of subjects and parts of keys, so they are checked once, where they come in.
func ValidName(name string) error {
	if name == "" {
		return errors.New("name is empty")
	}
	if len(name) > MaxName {
		return fmt.Errorf("name is %d characters long, at most %d are allowed", len(name), MaxName)
	}
	for i := range len(name) {
		if c := name[i]; c != '-' && c != '_' && !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z') {
			return fmt.Errorf("name %q is not allowed: only letters, digits, dashes and underscores are", name)
		}
	}
	return nil
}

// ValidVersion says whether a manifest may have this version: UTF-8 without control characters, at most MaxName bytes. A version is
// never part of a subject or key.
func ValidVersion(version string) error {
	if len(version) > MaxName {
		return fmt.Errorf("version is %d bytes long, at most %d are allowed", len(version), MaxName)
	}
	if !utf8.ValidString(version) {
		return fmt.Errorf("version %q is not valid UTF-8", version)
	}
	if strings.ContainsFunc(version, unicode.IsControl) {
		return fmt.Errorf("version %q contains a control character", version)
	}
	return nil
}
