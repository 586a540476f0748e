package wadmapi

// This file is the events of generation 0.3: flat, all kinds on one subject, told apart by their type. 0.3.0 documented wadm.evt.{lattice} and used
// bare wadm.evt, so both are spoken.

// FlatTypePrefix begins the CloudEvents type of a flat event.
const FlatTypePrefix = "com.wasmcloud.wadm."

// Names of flat events. The type is FlatTypePrefix + name. Source: the recorded events of 0.3.0.
const (
	FlatVersionCreated = "model_version_created"         // a version was put
	FlatVersionDeleted = "model_version_deleted"         // a version was deleted
	FlatDeployed       = "model_deployed"                // a version shall run that was not to run before
	FlatUndeployed     = "model_undeployed"              // the version that was to run shall not any more
	FlatActionTaken    = "control_action_taken"          // a command was sent: ActionType, Params, Reason
	FlatActionFailed   = "control_action_failed"         // it was refused, or nothing came of it in time: Message too
	FlatStateChanged   = "deployment_state_changed"      // State: StateReconciling or StateIdle
	FlatError          = "reconciliation_error_occurred" // Message, Params
)

// The kinds of action that 0.3.0 had. Where a command is none of them, its own name stands: update, delete_linkdef, put_config, delete_config.
const (
	FlatStart   = "start"
	FlatStop    = "stop"
	FlatPutLink = "put_linkdef"
)

// FlatData is the data of a flat event: the first three members always, the others where the event has them. The members stand as 0.3.0 wrote them.
type FlatData struct {
	ActionType string      `json:"action_type,omitempty"`
	Lattice    string      `json:"lattice_id"`
	Message    string      `json:"message,omitempty"`
	Name       string      `json:"name"`             // of the application
	Params     *FlatParams `json:"params,omitempty"` // an empty object, as it always was
	Reason     string      `json:"reason,omitempty"` // ours: why the command was made
	State      string      `json:"state,omitempty"`
	Version    string      `json:"version"`
}

// FlatParams has no members.
type FlatParams struct{}

// FlatEvent is a flat event that has not been published yet.
type FlatEvent struct {
	Name string // e.g. FlatStateChanged
	Data FlatData
}

// FlatSubject is where the flat events of a lattice are published. EventPrefix alone is where 0.3.0 published those of all lattices.
func FlatSubject(lattice string) string { return EventPrefix + "." + lattice }

// EncodeFlat writes a flat event as a CloudEvent.
func EncodeFlat(id, time string, e FlatEvent) []byte {
	return encodeEvent(id, time, FlatTypePrefix+e.Name, e.Data)
}

// FlatAction tells of a command as 0.3.0 did. name is EventCommandSent or EventCommandFailed.
func FlatAction(lattice, name string, c CommandEvent) FlatEvent {
	e := FlatEvent{Name: FlatActionTaken, Data: FlatData{
		ActionType: flatActionType(c), Lattice: lattice, Name: c.App, Params: &FlatParams{}, Reason: c.Reason, Version: c.Version,
	}}
	if name == EventCommandFailed {
		e.Name, e.Data.Message = FlatActionFailed, c.Message
		if e.Data.Message == "" {
			e.Data.Message = "the host gives no cause"
		}
	}
	return e
}

func flatActionType(c CommandEvent) string {
	switch {
	case c.Action == "scale" && c.To < c.From:
		return FlatStop
	case c.Action == "scale":
		return FlatStart
	case c.Action == "put_link":
		return FlatPutLink
	case c.Action == "delete_link":
		return "delete_linkdef"
	}
	return c.Action
}
