package wadmapi

import "encoding/json"

// Names of events. The subject ends with the name, the CloudEvents type is TypePrefix + name. The first two are those of 0.21.1.
const (
	EventManifestPublished   = "manifest_published"   // data: the manifest itself
	EventManifestUnpublished = "manifest_unpublished" // data: Unpublished
	EventCommandSent         = "command_sent"         // data: CommandEvent
	EventCommandFailed       = "command_failed"       // data: CommandEvent, with Message
	EventStatusChanged       = "status_changed"       // data: StatusEvent
	EventHostFound           = "host_found"           // data: HostEvent
	EventHostLost            = "host_lost"            // data: HostEvent
	EventOwnerChanged        = "owner_changed"        // data: OwnerEvent

	EventInterruptionExpected = "interruption_expected" // data: InterruptionEvent, before what runs is stopped
	EventInterruptionEnded    = "interruption_ended"    // data: InterruptionEvent, with Seconds
)

// TypePrefix begins the CloudEvents type of all our events.
const TypePrefix = "com.wadm."

// EventType is the CloudEvents type of an event.
func EventType(event string) string { return TypePrefix + event }

// Unpublished is the data of EventManifestUnpublished.
type Unpublished struct {
	Name string `json:"name"`
}

// CommandEvent tells of one command to a host or to the lattice, and why it was made.
type CommandEvent struct {
	App       string `json:"application"`
	Version   string `json:"version"`
	Component string `json:"component,omitempty"`
	Action    string `json:"action"`           // scale, update, put_link, delete_link, put_config, delete_config
	Host      string `json:"host,omitempty"`   // empty for links and configs
	Target    string `json:"target,omitempty"` // id or reference, link or config name
	From      int    `json:"from"`             // scale: instances before
	To        int    `json:"to"`               // scale: instances wanted
	Reason    string `json:"reason"`
	Message   string `json:"message,omitempty"` // command_failed: the host's words
}

// InterruptionEvent tells of a time in which a host runs no instance of a component, because the old ones must end there before a new one may start.
type InterruptionEvent struct {
	App       string  `json:"application"`
	Version   string  `json:"version"`
	Component string  `json:"component"`
	Host      string  `json:"host"`
	Instances int     `json:"instances"`                  // that run there before
	From      string  `json:"from"`                       // their reference
	To        string  `json:"to"`                         // the reference of the new ones
	Expected  float64 `json:"expected_seconds,omitempty"` // how long the last start of the component took; absent: none was seen
	Seconds   float64 `json:"seconds,omitempty"`          // interruption_ended: from the end of the last old instance to the start of the first new one
	Message   string  `json:"message"`
}

// StatusEvent tells that an application's status has changed.
type StatusEvent struct {
	App     string     `json:"application"`
	Version string     `json:"version,omitempty"`
	From    StatusType `json:"from,omitempty"`
	To      StatusType `json:"to"`
	Message string     `json:"message,omitempty"`

	Errors    int  `json:"errors,omitempty"`    // failed: how many of its scalers have failed
	Undeploys bool `json:"undeploys,omitempty"` // it is being taken away, or has been
}

// HostEvent tells that a host came or went.
type HostEvent struct {
	Host   string            `json:"host"`
	Name   string            `json:"name,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
	Reason string            `json:"reason,omitempty"` // stopped, silent, restarted
	Apps   []string          `json:"applications,omitempty"`
}

// OwnerEvent tells which process owns the lattice from now on.
type OwnerEvent struct {
	Owner string `json:"owner"`
	Epoch uint64 `json:"epoch"`
}

// Event is a CloudEvent in structured JSON, as it stands on wadm.evt.{lattice}.{event}. There is no subject attribute, and no header.
type Event struct {
	SpecVersion     string          `json:"specversion"` // 1.0
	ID              string          `json:"id"`
	Type            string          `json:"type"`
	Source          string          `json:"source"` // wadm
	DataContentType string          `json:"datacontenttype"`
	Time            string          `json:"time"` // RFC 3339, UTC
	Data            json.RawMessage `json:"data"`
}

// EncodeEvent writes the event of that name. data is a type of this package or, for EventManifestPublished, the manifest's JSON. What
// cannot be written becomes null data: an event is news, it must not stop what it tells of.
func EncodeEvent(id, time, name string, data any) []byte {
	return encodeEvent(id, time, EventType(name), data)
}

func encodeEvent(id, time, kind string, data any) []byte {
	// Event with data that is written in the same go: a thousand commands are told of in three thousand events.
	event := struct {
		SpecVersion     string `json:"specversion"`
		ID              string `json:"id"`
		Type            string `json:"type"`
		Source          string `json:"source"`
		DataContentType string `json:"datacontenttype"`
		Time            string `json:"time"`
		Data            any    `json:"data"`
	}{"1.0", id, kind, "wadm", "application/json", time, data}
	out, err := Encode(event)
	if err != nil {
		event.Data = nil
		out, err = Encode(event)
	}
	if err != nil {
		return nil // all members are strings
	}
	return out
}
