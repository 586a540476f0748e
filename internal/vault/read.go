package vault

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/vault/api"
)

// read reads one secret, from either version of the engine.
func (v *Vault) read(ctx context.Context, path string) (secret, error) {
	places, told := v.places(ctx, path)
	var last error
	for i, place := range places {
		s, err := v.client.Logical().ReadWithContext(ctx, place)
		switch {
		case err != nil:
			last = failure(path, err)
		case s == nil || len(s.Data) == 0:
			last = fmt.Errorf("reading %s from Vault: there is no secret", path)
		default:
			var found secret
			if found, last = fields(path, s); last == nil {
				return found, nil
			}
		}
		if told || i+1 < len(places) && !missing(last) {
			break
		}
	}
	return secret{}, last
}

// missing says that something may lie elsewhere: it is not there, or a policy that is written for another path forbids to look.
func missing(err error) bool {
	var r *api.ResponseError
	return !errors.As(err, &r) || r.StatusCode == 403 || r.StatusCode == 404
}

// places are where the secret may lie, most likely first. In version 2 of the engine data/ stands behind the name of the mount, which people leave
// out. The mount tells its version to whoever may read the secret; told says that it did.
func (v *Vault) places(ctx context.Context, path string) (places []string, told bool) {
	if strings.Contains(path, "/data/") {
		return []string{path}, true
	}
	first, rest, deep := strings.Cut(path, "/")
	if !deep {
		return []string{path}, true
	}
	mount, err := v.client.Logical().ReadWithContext(ctx, "sys/internal/ui/mounts/"+path)
	if err == nil && mount != nil {
		name, _ := mount.Data["path"].(string)
		options, _ := mount.Data["options"].(map[string]any)
		version, _ := options["version"].(string)
		tail, below := strings.CutPrefix(path, name)
		switch {
		case version == "2" && name != "" && below:
			return []string{name + "data/" + tail}, true
		case name != "":
			return []string{path}, true
		}
	}
	return []string{path, first + "/data/" + rest}, false
}

// fields takes the credentials out of a secret. In version 2 they stand one level deeper, beside the metadata of the version.
func fields(path string, s *api.Secret) (secret, error) {
	data := s.Data
	if inner, ok := data["data"]; ok {
		if _, versioned := data["metadata"]; versioned {
			deep, _ := inner.(map[string]any)
			if deep == nil {
				return secret{}, fmt.Errorf("reading %s from Vault: its last version was deleted", path)
			}
			data = deep
		}
	}
	var found secret
	for _, f := range []struct {
		name string
		to   *string
	}{{"jwt", &found.jwt}, {"seed", &found.seed}} {
		text, ok := data[f.name].(string)
		if text = strings.TrimSpace(text); !ok || text == "" {
			return secret{}, fmt.Errorf("reading %s from Vault: the secret has no text %q", path, f.name)
		}
		*f.to = text
	}
	return found, nil
}

// failure words an error of Vault in one line. The status stays in it for missing.
func failure(path string, err error) error {
	var r *api.ResponseError
	if !errors.As(err, &r) {
		return fmt.Errorf("reading %s from Vault: %w", path, err)
	}
	return fmt.Errorf("reading %s from Vault: %w", path, &refusal{r})
}

// refusal is Vault's answer without the many lines that the client makes of it.
type refusal struct{ *api.ResponseError }

// Error is what Vault says, with the status.
func (r *refusal) Error() string {
	text := strings.Join(r.Errors, "; ")
	if text == "" || r.RawError {
		text = "it gives no reason"
	}
	return fmt.Sprintf("%s (%d)", text, r.StatusCode)
}

// Unwrap is the client's error.
func (r *refusal) Unwrap() error { return r.ResponseError }
