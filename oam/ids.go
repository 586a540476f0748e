package oam

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// Sanitise makes a name part fit for ids: Unicode lower case, then every
// character that is not an ASCII lower-case letter or digit becomes one "_".
// The result is what wadm 0.21.1 computes, bit for bit: resources that run
// already are recognised by it.
func Sanitise(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	for _, r := range lower(s) {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			b.WriteRune(r)
		} else {
			b.WriteByte('_')
		}
	}
	return b.String()
}

// lower is the full Unicode lower-casing of the other implementation. It
// differs from strings.ToLower for one letter only: the dotted capital I
// becomes two characters there.
func lower(s string) string {
	if !strings.ContainsRune(s, 'İ') {
		return strings.ToLower(s)
	}
	return strings.ToLower(strings.ReplaceAll(s, "İ", "i\u0307"))
}

// EffectiveID is the id that a component or provider has on the lattice: the
// explicit one verbatim, else derived from the application's (for a shared
// component: the other application's) and the component's name. On an OTP
// lattice ids are public keys instead; there it only names the resource.
func (m *Manifest) EffectiveID(c *Component) string {
	if c.Properties.ID != "" {
		return c.Properties.ID
	}
	if a := c.Properties.Application; a != nil {
		return derived(a.Name, a.Component)
	}
	return derived(m.Metadata.Name, c.Name)
}

// ConfigName is the name under which a config is put or expected: derived for
// a managed one, verbatim for an external one.
func (m *Manifest) ConfigName(c Config) string {
	if c.Properties == nil {
		return c.Name
	}
	return derived(m.Metadata.Name, c.Name)
}

// SecretName is the name under which a secret's reference is put.
func (m *Manifest) SecretName(s Secret) string {
	return "SECRET_" + derived(m.Metadata.Name, s.Name)
}

// ConfigNames is the list that a component or provider is started with: its
// configs in manifest order, then its secrets.
func (m *Manifest) ConfigNames(c *Component) []string {
	return m.names(c.Properties.Config, c.Properties.Secrets)
}

// SourceConfigNames is the list of a link's source side.
func (m *Manifest) SourceConfigNames(l *Link) []string {
	if l.Source == nil {
		return nil
	}
	return m.names(l.Source.Config, l.Source.Secrets)
}

// TargetConfigNames is the list of a link's target side.
func (m *Manifest) TargetConfigNames(l *Link) []string {
	return m.names(l.Target.Config, l.Target.Secrets)
}

func (m *Manifest) names(configs []Config, secrets []Secret) []string {
	if len(configs)+len(secrets) == 0 {
		return nil
	}
	out := make([]string, 0, len(configs)+len(secrets))
	for _, c := range configs {
		out = append(out, m.ConfigName(c))
	}
	for _, s := range secrets {
		out = append(out, m.SecretName(s))
	}
	return out
}

func derived(app, name string) string { return Sanitise(app) + "-" + Sanitise(name) }

// SpreadScalerID is the identity of a spreadscaler, stamped on what it starts
// as the annotation wasmcloud.dev/scaler: lower-case hex SHA-256 of the parts
// without separators. configs are effective names (see ConfigNames).
func SpreadScalerID(app, component, id, image string, configs []string) string {
	return scalerID([]string{"SpreadScaler", app, component, id, image}, configs)
}

// DaemonScalerID is the same for a daemonscaler.
func DaemonScalerID(app, component, id, image string, configs []string) string {
	return scalerID([]string{"DaemonScaler", app, component, id, image}, configs)
}

// LinkScalerID is the identity of a link. source and target are effective ids;
// linkName is "default" for a link without a name; for a shared source, app is
// the shared application.
func LinkScalerID(app, linkName, source, target, ns, pkg string, interfaces, sourceConfigs, targetConfigs []string) string {
	return scalerID([]string{"LinkScaler", app, linkName, source, target, ns, pkg}, interfaces, sourceConfigs, targetConfigs)
}

func scalerID(lists ...[]string) string {
	h := sha256.New()
	for _, list := range lists {
		for _, part := range list {
			h.Write([]byte(part))
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}
