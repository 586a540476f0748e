package wadmapi

import (
	"fmt"
	"strings"
)

// Generation is what clients expect to hear on the same subjects. One server speaks one generation.
type Generation int

// The generations.
const (
	Generation021 Generation = iota // 0.11 to 0.21: a result word for each operation, its members beside it
	Generation03                    // 0.3.0: {data, result} or {message, result}
)

// ParseGeneration reads "0.21" or "0.3".
func ParseGeneration(name string) (Generation, error) {
	switch name {
	case "0.21":
		return Generation021, nil
	case "0.3":
		return Generation03, nil
	}
	return 0, fmt.Errorf("API generation %q is not known: 0.21 or 0.3", name)
}

// String is the name that ParseGeneration reads.
func (g Generation) String() string {
	if g == Generation03 {
		return "0.3"
	}
	return "0.21"
}

// QueueGroup is the queue group in which the generation's servers share the load.
func (g Generation) QueueGroup() string {
	if g == Generation03 {
		return QueueGroup03
	}
	return QueueGroup
}

// ParseSubject takes a request's subject apart as the generation does. The error is a SubjectError.
func (g Generation) ParseSubject(subject string) (Subject, error) {
	if g == Generation03 {
		return parseSubject03(subject)
	}
	return ParseSubject(subject)
}

// Unsupported is the error for a subject that is well formed and means nothing.
func (g Generation) Unsupported(subject string) SubjectError {
	if g == Generation03 {
		return Unexpected
	}
	return Unsupported(subject)
}

// parseSubject03 knows the operations of 0.3.0, and ours of other categories. 0.3.0 never looked at the first two tokens or at the lattice's name.
func parseSubject03(subject string) (Subject, error) {
	tokens := strings.Split(subject, ".")
	if len(tokens) < 5 || len(tokens) > 6 || !strings.HasPrefix(subject, APIPrefix+".") {
		return Subject{}, Unexpected
	}
	s := Subject{Lattice: tokens[2], Category: Category(tokens[3]), Op: Op(tokens[4])}
	if len(tokens) == 6 {
		if s.Name = tokens[5]; s.Name == "" {
			return Subject{}, Unexpected
		}
	}
	switch {
	case s.Category == CategoryHost, s.Category == CategoryLattice:
	case s.Category != CategoryModel || !takes03(s.Op, s.Name != ""):
		return Subject{}, Unexpected
	}
	if err := ValidName(s.Lattice); err != nil {
		return Subject{}, SubjectError(string(Unexpected) + ": lattice " + err.Error())
	}
	return s, nil
}

func takes03(op Op, named bool) bool {
	switch op {
	case OpList, OpPut:
		return !named
	case OpGet, OpVersions, OpDelete, OpDeploy, OpUndeploy:
		return named
	}
	return false
}
