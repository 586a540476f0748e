package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/wadm-go/wadm/client"
	"github.com/wadm-go/wadm/wadmapi"
)

// Events is the command "events".
func Events() *cobra.Command {
	s := &Settings{}
	o := eventOptions{}
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Print what is told of a lattice, one line for each event: those that are kept, or with --follow those to come",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.flat && !o.follow {
				return Usagef("--flat goes with --follow: the events of generation 0.3 are not kept")
			}
			if err := FromEnv(cmd.Flags(), []EnvVar{{"jetstream-domain", []string{"WADM_JETSTREAM_DOMAIN"}}}); err != nil {
				return err
			}
			do := s.keptEvents
			if o.follow {
				do = s.followEvents
			}
			return do(cmd, o)
		},
	}
	s.Flags(cmd.Flags())
	cmd.Flags().BoolVarP(&o.follow, "follow", "f", false, "print what is told from now on, until Ctrl-C")
	cmd.Flags().BoolVar(&o.flat, "flat", false, "the events of generation 0.3 alone, in its words")
	cmd.Flags().StringVarP(&o.domain, "jetstream-domain", "d", "", "JetStream domain of the kept events")
	return cmd
}

type eventOptions struct {
	follow, flat bool
	domain       string
}

// keptEvents prints what the stream of events holds.
func (s *Settings) keptEvents(cmd *cobra.Command, o eventOptions) error {
	return s.run(func(ctx context.Context, s *session, _ []string) error {
		p := s.eventPrinter(ctx)
		err := s.client.KeptEvents(ctx, o.domain, p.print)
		if errors.Is(err, client.ErrNoEventsKept) {
			return WithNext(err, "wadm events --follow")
		}
		if err == nil && p.printed == 0 {
			fmt.Fprintf(s.err, "no events of lattice %s are kept; those to come:  wadm events --follow\n", s.Lattice)
		}
		return err
	})(cmd, nil)
}

// followEvents prints what is told until ctx ends. It outlives a lost connection, and says so.
func (s *Settings) followEvents(cmd *cobra.Command, o eventOptions) error {
	ctx, cancel := context.WithCancelCause(cmd.Context())
	defer cancel(nil)
	session, err := s.open(cmd, func(string) {}, staysConnected(cmd.ErrOrStderr()))
	if err != nil {
		return err
	}
	defer session.close()
	own := wadmapi.EventSubject(s.Lattice, ">")
	if o.flat {
		own = wadmapi.FlatSubject(s.Lattice)
	}
	session.nc.SetErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
		m := refusedPattern.FindStringSubmatch(err.Error())
		switch {
		case errors.Is(err, nats.ErrSlowConsumer):
			fmt.Fprintln(session.err, "events came faster than they could be printed: some are missing here")
		case errors.Is(err, nats.ErrPermissionViolation) && m != nil && m[2] == own:
			cancel(&refusal{own})
		}
	})
	form := client.EventsOnce
	if o.flat {
		form = client.EventsFlat
	}
	events, err := session.client.SubscribeEvents(ctx, form)
	if err == nil {
		fmt.Fprintf(session.err, "listening to lattice %s; Ctrl-C ends it\n", s.Lattice)
		p := session.eventPrinter(ctx)
		for t := range events {
			if err = p.print(t); err != nil {
				break
			}
		}
	}
	var refused *refusal
	switch {
	case errors.As(context.Cause(ctx), &refused):
		return notPermitted(refused.subject)
	case cmd.Context().Err() != nil:
		return nil // Ctrl-C is how it ends
	case err == nil:
		return WithCode(ExitUnreachable, errors.New("the connection to NATS was closed"))
	}
	return err
}

// staysConnected makes the connection come back by itself. What is told while it is away is not seen here.
func staysConnected(w io.Writer) nats.Option {
	return func(o *nats.Options) error {
		o.AllowReconnect, o.MaxReconnect = true, -1
		o.DisconnectedErrCB = func(_ *nats.Conn, err error) {
			if err != nil {
				fmt.Fprintf(w, "the connection to NATS was lost, trying again: %v\n", err)
			}
		}
		o.ReconnectedCB = func(*nats.Conn) { fmt.Fprintln(w, "connected to NATS again; what was told meanwhile is missing here") }
		return nil
	}
}

// eventPrinter writes events as lines.
type eventPrinter struct {
	w       io.Writer
	json    bool
	colours bool
	names   map[string]string // host id → name
	printed int
}

// hostsWithin is how long the names of hosts are waited for. Without them their ids do.
const hostsWithin = time.Second

func (s *session) eventPrinter(ctx context.Context) *eventPrinter {
	p := &eventPrinter{w: s.out, json: s.JSON, colours: isTerminal(s.out) && os.Getenv("NO_COLOR") == "", names: map[string]string{}}
	if p.json {
		return p
	}
	ctx, cancel := context.WithTimeout(ctx, min(hostsWithin, s.Timeout))
	defer cancel()
	hosts, err := s.client.Hosts(ctx)
	if err != nil {
		return p // an older server, or none at this moment
	}
	for i := range hosts {
		p.names[hosts[i].ID] = hostName(&hosts[i])
	}
	return p
}

func (p *eventPrinter) print(t client.Told) error {
	p.printed++
	line := string(t.Raw)
	if !p.json {
		line = p.line(&t)
	}
	if _, err := fmt.Fprintln(p.w, line); err != nil {
		return fmt.Errorf("printing an event: %w", err)
	}
	return nil
}

// line is an event for people: when, of which application, what.
func (p *eventPrinter) line(t *client.Told) string {
	at := t.Event.Time
	if when, err := time.Parse(time.RFC3339, at); err == nil {
		at = when.Local().Format(time.TimeOnly)
	}
	l := p.words(t)
	what := l.text
	if p.colours && l.colour != "" {
		what = l.colour + what + colourEnd
	}
	if l.who == "" {
		return oneLine(at) + "  " + what
	}
	return oneLine(at+"  "+l.who) + "  " + what
}

// What stands out, and how.
const (
	colourBad  = "\x1b[31m"
	colourGood = "\x1b[32m"
	colourEnd  = "\x1b[0m"
)

// eventLine is what an event says.
type eventLine struct{ who, text, colour string }

func (p *eventPrinter) words(t *client.Told) eventLine {
	var l eventLine
	switch {
	case t.Flat != nil:
		l = flatWords(t.Name(), t.Flat)
	default:
		l = p.ownWords(t)
	}
	if l.text == "" { // of a newer server
		l.text = t.Name() + " " + string(t.Event.Data)
	}
	l.text = oneLine(l.text)
	return l
}

// ownWords words an event of 0.21 or ours.
func (p *eventPrinter) ownWords(t *client.Told) eventLine {
	data := t.Event.Data
	switch t.Name() {
	case wadmapi.EventManifestPublished:
		return manifestWords(data)
	case wadmapi.EventManifestUnpublished:
		var d wadmapi.Unpublished
		_ = json.Unmarshal(data, &d)
		return eventLine{who: d.Name, text: "undeploy requested"}
	case wadmapi.EventCommandSent, wadmapi.EventCommandFailed:
		var d wadmapi.CommandEvent
		_ = json.Unmarshal(data, &d)
		return p.commandWords(t.Name(), &d)
	case wadmapi.EventStatusChanged:
		var d wadmapi.StatusEvent
		_ = json.Unmarshal(data, &d)
		return statusWords(&d)
	case wadmapi.EventInterruptionExpected, wadmapi.EventInterruptionEnded:
		var d wadmapi.InterruptionEvent
		_ = json.Unmarshal(data, &d)
		return p.interruptionWords(t.Name(), &d)
	case wadmapi.EventHostFound, wadmapi.EventHostLost:
		var d wadmapi.HostEvent
		_ = json.Unmarshal(data, &d)
		return p.hostWords(t.Name(), &d)
	case wadmapi.EventOwnerChanged:
		var d wadmapi.OwnerEvent
		_ = json.Unmarshal(data, &d)
		return eventLine{text: fmt.Sprintf("owner is %s, epoch %d", d.Owner, d.Epoch)}
	}
	return eventLine{}
}

func manifestWords(data json.RawMessage) eventLine {
	var d struct {
		Metadata struct {
			Name        string            `json:"name"`
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
	}
	_ = json.Unmarshal(data, &d)
	return eventLine{who: appVersion(d.Metadata.Name, d.Metadata.Annotations["version"]), text: "deploy requested"}
}

func (p *eventPrinter) commandWords(name string, d *wadmapi.CommandEvent) eventLine {
	what := strings.ReplaceAll(d.Action, "_", " ") + " " + cmp.Or(d.Component, d.Target)
	switch {
	case strings.HasSuffix(d.Action, "_link"), strings.HasSuffix(d.Action, "_config"):
		what = strings.ReplaceAll(d.Action, "_", " ") + " " + d.Target
	case d.Action == "scale":
		what = fmt.Sprintf("scale %s %d → %d", cmp.Or(d.Component, d.Target), d.From, d.To)
	}
	if d.Host != "" {
		what += " on " + p.host(d.Host)
	}
	l := eventLine{who: appVersion(d.App, d.Version), text: fmt.Sprintf("%s (%s)", what, d.Reason)}
	if name == wadmapi.EventCommandFailed {
		l.text, l.colour = what+" failed: "+cmp.Or(d.Message, "the host gives no cause"), colourBad
	}
	return l
}

func statusWords(d *wadmapi.StatusEvent) eventLine {
	l := eventLine{who: appVersion(d.App, d.Version), text: string(d.To)}
	if d.From != "" && d.From != d.To {
		l.text = string(d.From) + " → " + l.text
	}
	if d.Message != "" {
		l.text += ": " + d.Message
	}
	switch d.To {
	case wadmapi.StatusDeployed:
		l.colour = colourGood
	case wadmapi.StatusFailed, wadmapi.StatusUnhealthy:
		l.colour = colourBad
	}
	return l
}

func (p *eventPrinter) interruptionWords(name string, d *wadmapi.InterruptionEvent) eventLine {
	l := eventLine{who: appVersion(d.App, d.Version), text: strings.ReplaceAll(d.Message, d.Host, p.host(d.Host))}
	if name == wadmapi.EventInterruptionExpected {
		l.text = d.Component + ": " + l.text
	}
	return l
}

func (p *eventPrinter) hostWords(name string, d *wadmapi.HostEvent) eventLine {
	if d.Name != "" {
		p.names[d.Host] = d.Name
	}
	l := eventLine{who: p.host(d.Host), text: "found"}
	if name == wadmapi.EventHostLost {
		l.text, l.colour = "lost", colourBad
	}
	if d.Reason != "" {
		l.text += " (" + d.Reason + ")"
	}
	if len(d.Apps) > 0 {
		l.text += ", ran " + strings.Join(d.Apps, ", ")
	}
	return l
}

// flatWords words an event of generation 0.3.
func flatWords(name string, d *wadmapi.FlatData) eventLine {
	l := eventLine{who: appVersion(d.Name, d.Version)}
	switch name {
	case wadmapi.FlatVersionCreated:
		l.text = "version stored"
	case wadmapi.FlatVersionDeleted:
		l.text = "version deleted"
	case wadmapi.FlatDeployed:
		l.text = "deploy requested"
	case wadmapi.FlatUndeployed:
		l.text = "undeploy requested"
	case wadmapi.FlatStateChanged:
		l.text = d.State
		if d.State == wadmapi.StateIdle {
			l.colour = colourGood
		}
	case wadmapi.FlatActionTaken:
		l.text = d.ActionType
		if d.Reason != "" {
			l.text += " (" + d.Reason + ")"
		}
	case wadmapi.FlatActionFailed:
		l.text, l.colour = d.ActionType+" failed: "+d.Message, colourBad
	case wadmapi.FlatError:
		l.text, l.colour = d.Message, colourBad
	}
	return l
}

func appVersion(app, version string) string {
	return strings.TrimSpace(app + " " + shortVersion(version))
}

func (p *eventPrinter) host(id string) string { return cmp.Or(p.names[id], shortID(id)) }

// oneLine keeps what others wrote from breaking the line, or the screen.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}
