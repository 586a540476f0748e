package wasmbus

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Nothing hangs on claims, and authors write into them what they like: what is not of its type counts as left out, so that a start is never
// lost over them.

// lenient reads the members of an object, each by itself. Anything but an object has none.
func lenient(raw []byte, members map[string]any) error {
	var all map[string]jsontext.Value
	if len(raw) == 0 || raw[0] != '{' {
		return nil
	}
	if err := json.Unmarshal(raw, &all, decodeOptions); err != nil {
		return err
	}
	for name, to := range members {
		value, there := all[name]
		if !there {
			continue
		}
		switch to := to.(type) {
		case *string:
			*to = text(value)
		case **string:
			if value.Kind() == '"' {
				said := text(value)
				*to = &said
			}
		case *StringList:
			*to = texts(value)
		default:
			_ = json.Unmarshal(value, to) // a number that is none stays as it was
		}
	}
	return nil
}

// text is a string, "" if the value is none.
func text(value jsontext.Value) string {
	var out string
	if value.Kind() != '"' || json.Unmarshal(value, &out) != nil {
		return ""
	}
	return out
}

// texts is a list without what is no string, a string as a list of one, and nil for everything else.
func texts(value jsontext.Value) StringList {
	switch value.Kind() {
	case '"':
		return StringList{text(value)}
	case '[':
		var all []jsontext.Value
		if json.Unmarshal(value, &all, decodeOptions) != nil {
			return nil
		}
		out := make(StringList, 0, len(all))
		for _, one := range all {
			if one.Kind() == '"' {
				out = append(out, text(one))
			}
		}
		return out
	}
	return nil
}

// UnmarshalJSON takes a list, null, or one string; of anything else nothing.
func (l *StringList) UnmarshalJSON(raw []byte) error {
	*l = texts(jsontext.Value(raw))
	return nil
}

// UnmarshalJSON takes what is of its type.
func (c *OTPActorClaims) UnmarshalJSON(raw []byte) error {
	*c = OTPActorClaims{}
	return lenient(raw, map[string]any{"call_alias": &c.CallAlias, "caps": &c.Caps, "expires_human": &c.ExpiresHuman, "issuer": &c.Issuer,
		"name": &c.Name, "not_before_human": &c.NotBeforeHuman, "revision": &c.Revision, "tags": &c.Tags, "version": &c.Version})
}

// UnmarshalJSON takes what is of its type.
func (c *OTPProviderClaims) UnmarshalJSON(raw []byte) error {
	*c = OTPProviderClaims{}
	return lenient(raw, map[string]any{"expires_human": &c.ExpiresHuman, "issuer": &c.Issuer, "name": &c.Name,
		"not_before_human": &c.NotBeforeHuman, "tags": &c.Tags, "version": &c.Version})
}

// UnmarshalJSON takes what is of its type.
func (c *OTPClaims) UnmarshalJSON(raw []byte) error {
	*c = OTPClaims{}
	return lenient(raw, map[string]any{"call_alias": &c.CallAlias, "caps": &c.Caps, "contract_id": &c.ContractID, "iss": &c.Issuer, "name": &c.Name,
		"rev": &c.Rev, "sub": &c.Sub, "tags": &c.Tags, "version": &c.Version})
}

// UnmarshalJSON takes what is of its type.
func (c *V1ComponentClaims) UnmarshalJSON(raw []byte) error {
	*c = V1ComponentClaims{}
	return lenient(raw, map[string]any{"call_alias": &c.CallAlias, "expires_human": &c.ExpiresHuman, "issuer": &c.Issuer, "name": &c.Name,
		"not_before_human": &c.NotBeforeHuman, "revision": &c.Revision, "tags": &c.Tags, "version": &c.Version})
}

// UnmarshalJSON takes what is of its type.
func (c *V1ProviderClaims) UnmarshalJSON(raw []byte) error {
	*c = V1ProviderClaims{}
	return lenient(raw, map[string]any{"expires_human": &c.ExpiresHuman, "issuer": &c.Issuer, "name": &c.Name,
		"not_before_human": &c.NotBeforeHuman, "tags": &c.Tags, "version": &c.Version})
}
