package settings

// Kind is the kind of place that a setting comes from. The larger one counts.
type Kind uint8

// The kinds.
const (
	Default Kind = iota
	Profile
	File
	DotEnv
	Environment
	Flag
)

// String is the word for it.
func (k Kind) String() string {
	return [...]string{"default", "profile", "file", ".env", "environment", "flag"}[k]
}

// Origin says where a setting comes from.
type Origin struct {
	Kind Kind
	// Place is what to look at: the variable, with the file in front if it stands in a .env file; file:line:column; the profile. Empty for a
	// flag and a default.
	Place string
}

// String is the kind and the place.
func (o Origin) String() string {
	switch {
	case o.Place == "":
		return o.Kind.String()
	case o.Kind == File, o.Kind == DotEnv:
		return o.Place
	}
	return o.Kind.String() + " " + o.Place
}

// Var says which environment variables stand in for a flag; the first one that is set counts. An empty one is not set.
type Var struct {
	Flag  string
	Names []string
	// Loose has everything but the word true mean false, as wadm 0.3.0 read it; else a boolean must be exactly true or false.
	Loose bool
}

// Value is one setting with its origin.
type Value struct {
	Text   string
	Origin Origin
}
