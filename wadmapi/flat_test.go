package wadmapi

import "testing"

func TestFlatActionsAreThoseOf030(t *testing.T) {
	base := CommandEvent{App: "echo", Version: "0.0.1", Reason: "too-few"}
	with := func(change func(*CommandEvent)) CommandEvent { c := base; change(&c); return c }
	for _, tt := range []struct {
		name string
		of   string
		c    CommandEvent
		want string
	}{
		{"a scale up is a start", EventCommandSent, with(func(c *CommandEvent) { c.Action, c.To = "scale", 2 }),
			`{"action_type":"start","lattice_id":"default","name":"echo","params":{},"reason":"too-few","version":"0.0.1"}`},
		{"a scale down is a stop", EventCommandSent, with(func(c *CommandEvent) { c.Action, c.From, c.Reason = "scale", 2, "too-many" }),
			`{"action_type":"stop","lattice_id":"default","name":"echo","params":{},"reason":"too-many","version":"0.0.1"}`},
		{"a link is put", EventCommandSent, with(func(c *CommandEvent) { c.Action, c.Reason = "put_link", "link-missing" }),
			`{"action_type":"put_linkdef","lattice_id":"default","name":"echo","params":{},"reason":"link-missing","version":"0.0.1"}`},
		{"a link is deleted, which 0.3.0 never did", EventCommandSent, with(func(c *CommandEvent) { c.Action, c.Reason = "delete_link", "link-removed" }),
			`{"action_type":"delete_linkdef","lattice_id":"default","name":"echo","params":{},"reason":"link-removed","version":"0.0.1"}`},
		{"what 0.3.0 did not know keeps its name", EventCommandSent, with(func(c *CommandEvent) { c.Action, c.Reason = "put_config", "config-missing" }),
			`{"action_type":"put_config","lattice_id":"default","name":"echo","params":{},"reason":"config-missing","version":"0.0.1"}`},
		{"a failure bears the host's words", EventCommandFailed, with(func(c *CommandEvent) { c.Action, c.To, c.Message = "scale", 1, "no room here" }),
			`{"action_type":"start","lattice_id":"default","message":"no room here","name":"echo","params":{},"reason":"too-few","version":"0.0.1"}`},
		{"a failure without words has some", EventCommandFailed, with(func(c *CommandEvent) { c.Action, c.To = "scale", 1 }),
			`{"action_type":"start","lattice_id":"default","message":"the host gives no cause","name":"echo","params":{},"reason":"too-few","version":"0.0.1"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := FlatAction("default", tt.of, tt.c)
			kind := "control_action_taken"
			if tt.of == EventCommandFailed {
				kind = "control_action_failed"
			}
			want := `{"specversion":"1.0","id":"i","type":"com.wasmcloud.wadm.` + kind +
				`","source":"wadm","datacontenttype":"application/json","time":"t","data":` + tt.want + `}`
			if got := string(EncodeFlat("i", "t", e)); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}
