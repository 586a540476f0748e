package sim

import (
	"strings"
	"time"
)

// Kind tells what an image holds.
type Kind uint8

// The kinds of image. An image that nobody described has KindAny: it starts as whatever it is asked for.
const (
	KindAny Kind = iota
	KindComponent
	KindProvider
	KindBroken // neither: fetched well, then refused
)

// Failure is how the fetch of an image fails.
type Failure uint8

// The ways in which a fetch fails.
const (
	NoFailure Failure = iota
	Missing           // the registry answers and has no such image
	Refused           // the registry refuses the connection
	Denied            // the registry wants other credentials
)

// Image is what a reference leads to. The zero value of every field is a good, unsigned image of the usual speed.
type Image struct {
	Kind     Kind
	Key      string // public key, M… or V…; "" = derived from the part of the reference before its tag
	Signed   bool   // 1.x: has claims; OTP images are signed unless Unsigned
	Unsigned bool   // OTP: refused by hosts

	// What the claims say. A nil pointer or list is null on the wire.
	Issuer        string
	Name, Version *string
	CallAlias     *string
	Caps, Tags    []string
	Revision      int64
	Contract      string // OTP provider
	APIVersion    int    // OTP component

	Pull, Start time.Duration // of a cold fetch and of an instantiation; 0 = Timing's
	Fail        Failure
	FailTimes   int    // how many fetches of the lattice fail before it works; 0 = all, where Fail is set
	Error       string // instead of the text that goes with Fail

	// How the process of a provider misbehaves.
	Exit      time.Duration // ends by itself that long after the start, 0 = never
	Deaf      bool          // does not answer the shutdown request
	Sick      bool          // answers no health probe
	SickAfter time.Duration // answers none from then on, 0 = always answers
}

// Registry says what references lead to. A reference that it does not know is a derived image, so every manifest deploys:
// its key comes from the repository (two tags share it), its revision rises with the order in which tags are first asked
// for. A reference that contains "missing" fails. The zero value is ready for use.
type Registry struct {
	Images map[string]Image

	failed    map[string]int      // fetches that failed so far
	revisions map[string][]string // repository → references in the order they were first asked for
}

// Put describes one image.
func (r *Registry) Put(ref string, img Image) {
	if r.Images == nil {
		r.Images = map[string]Image{}
	}
	r.Images[ref] = img
}

// find returns the image of a reference with everything filled in that hosts read from it.
func (r *Registry) find(ref string, asked Kind) Image {
	img, known := r.Images[ref]
	repo, tag := splitRef(ref)
	if !known {
		img = Image{Caps: []string{}, Tags: []string{}, Contract: "sim:" + lastSegment(repo)}
		if strings.Contains(ref, "missing") {
			img.Fail = Missing
		}
		name := lastSegment(repo)
		img.Name = &name
		if tag != "" {
			img.Version = &tag
		}
		img.Revision = r.revision(repo, ref)
		img.Signed = asked == KindProvider // providers of 1.x come in signed archives; components seldom bear claims
	}
	if img.Kind == KindAny {
		img.Kind = asked
	}
	if img.Key == "" {
		prefix := byte(keyActor)
		if img.Kind == KindProvider {
			prefix = keyProvider
		}
		img.Key = publicKey(prefix, "image "+repo)
	}
	if img.Issuer == "" {
		img.Issuer = publicKey(keyAccount, "issuer")
	}
	return img
}

func (r *Registry) revision(repo, ref string) int64 {
	if r.revisions == nil {
		r.revisions = map[string][]string{}
	}
	for i, known := range r.revisions[repo] {
		if known == ref {
			return int64(i + 1)
		}
	}
	r.revisions[repo] = append(r.revisions[repo], ref)
	return int64(len(r.revisions[repo]))
}

// fails counts one fetch and reports whether it is one of those that fail.
func (r *Registry) fails(ref string, img Image) bool {
	if img.Fail == NoFailure {
		return false
	}
	if r.failed == nil {
		r.failed = map[string]int{}
	}
	r.failed[ref]++
	return img.FailTimes == 0 || r.failed[ref] <= img.FailTimes
}

// splitRef cuts a reference into repository and tag: a colon behind the last slash begins the tag.
func splitRef(ref string) (repo, tag string) {
	slash := strings.LastIndexByte(ref, '/')
	if at := strings.IndexByte(ref[slash+1:], '@'); at >= 0 {
		return ref[:slash+1+at], ref[slash+2+at:]
	}
	if colon := strings.IndexByte(ref[slash+1:], ':'); colon >= 0 {
		return ref[:slash+1+colon], ref[slash+2+colon:]
	}
	return ref, ""
}

func lastSegment(repo string) string { return repo[strings.LastIndexByte(repo, '/')+1:] }

// ociURL is where a host looks for the manifest of a reference.
func ociURL(scheme, ref string) string {
	repo, tag := splitRef(ref)
	registry, path, ok := strings.Cut(repo, "/")
	if !ok {
		registry, path = "registry.example", repo
	}
	if tag == "" {
		tag = "latest"
	}
	return scheme + "://" + registry + "/v2/" + path + "/manifests/" + tag
}

// refusedURL is what the HTTP client of a host says when nobody listens at the registry.
const refusedTail = "tcp connect error: Connection refused (os error 111)"

// fetchErrorV1 is the cause that a 1.x host gives when the fetch of a component ("component") or provider ("provider") fails.
func fetchErrorV1(what, ref string, img Image) string {
	if img.Error != "" {
		return img.Error
	}
	head := "failed to fetch " + what + ": "
	if path, ok := strings.CutPrefix(ref, "file://"); ok {
		if what == "provider" {
			return head + "failed to read provider: failed to load provider archive: failed to load target [x86_64-linux] from PAR from file [" +
				path + "]: No such file or directory (os error 2)"
		}
		return head + "failed to read component: No such file or directory (os error 2)"
	}
	head += "failed to fetch " + what + " under OCI reference `" + ref + "`: failed to fetch OCI path: "
	url := ociURL("https", ref)
	switch {
	case ref == "":
		return head + "repository name must have at least one component"
	case img.Fail == Refused:
		return head + "failed to fetch OCI bytes: error sending request for url (" + url + "): client error (Connect): " + refusedTail
	case img.Fail == Denied:
		return head + "failed to fetch OCI bytes: Not authorized: url " + url
	}
	return head + "failed to fetch OCI bytes: Registry error: url " + url + ", envelope: OCI API errors: [OCI API error: manifest unknown]"
}

// fetchErrorOTP is the same from an OTP host, in the quotes that its runtime puts around a text.
func fetchErrorOTP(ref string, img Image) string {
	text := img.Error
	_, tag := splitRef(ref)
	url := ociURL("http", ref)
	switch {
	case text != "":
	case ref == "":
		text = "repository name must have at least one component"
	case !parsesOTP(ref):
		text = "invalid reference format"
	case tag == "latest":
		text = "Fetching images tagged 'latest' is currently prohibited in this host. This option can be overridden with WASMCLOUD_OCI_ALLOW_LATEST"
	case img.Fail == Refused:
		text = "Failed to fetch OCI bytes: error sending request for url (" + strings.Replace(url[:strings.Index(url, "/v2/")+4], "http:", "https:", 1) +
			"): error trying to connect: " + refusedTail
	case img.Fail == Denied:
		text = "Failed to fetch OCI bytes: Not authorized: url " + url
	default:
		text = "Failed to fetch OCI bytes: Registry error: url " + url + ", envelope: OCI API errors: [OCI API error: manifest unknown]"
	}
	return `"` + text + `"`
}

// parsesOTP is the little of the reference grammar that matters here: lower case, no blanks, no schemes, some path or tag.
func parsesOTP(ref string) bool {
	repo, _ := splitRef(ref)
	_, path, hasPath := strings.Cut(repo, "/")
	if !hasPath {
		path = repo
	}
	return path != "" && path == strings.ToLower(path) && !strings.ContainsAny(ref, " \t") && !strings.Contains(ref, "://")
}
