package node

import (
	"context"
	"fmt"

	"github.com/wadm-go/wadm/internal/engine"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wadmapi"
)

// spreadAnnotation names the spread that an instance was started for; both older programs write it.
const spreadAnnotation = "wasmcloud.dev/spread_name"

// answerHosts is the API's wadm.api.{lattice}.host.list: the owner answers, in this process or in another.
func (p *process) answerHosts(ctx context.Context, name, op, app string, _ []byte) ([]byte, bool) {
	if op != string(wadmapi.OpList) || app != "" {
		return nil, false
	}
	answer, err := p.askOwner(ctx, name, "host", "list", (*owner).listHosts)
	if err != nil {
		return encodeHosts(wadmapi.HostsReply{Result: wadmapi.ResultError, Message: err.Error()}), true
	}
	return answer, true
}

func (o *owner) listHosts(ctx context.Context) []byte {
	v, err := o.view(ctx)
	if err != nil {
		return encodeHosts(wadmapi.HostsReply{Result: wadmapi.ResultError, Message: err.Error()})
	}
	return encodeHosts(renderHosts(v))
}

func encodeHosts(reply wadmapi.HostsReply) []byte {
	if reply.Hosts == nil {
		reply.Hosts = []wadmapi.Host{}
	}
	body, err := wadmapi.Encode(reply)
	if err != nil {
		return []byte(`{"result":"error","message":"the list of hosts cannot be written","hosts":[]}`)
	}
	return body
}

// renderHosts is what clients see of a view.
func renderHosts(v engine.View) wadmapi.HostsReply {
	reply := wadmapi.HostsReply{Result: wadmapi.ResultSuccess, Message: fmt.Sprintf("%d hosts", len(v.Hosts)), Hosts: []wadmapi.Host{}}
	if v.Mixed {
		reply.Message += ", of both dialects: nothing is done until --lattice-dialect says which one counts"
	}
	for _, h := range v.Hosts {
		reply.Hosts = append(reply.Hosts, renderHost(h))
	}
	return reply
}

func renderHost(h engine.HostView) wadmapi.Host {
	out := wadmapi.Host{ID: string(h.ID), Name: h.Name, Dialect: string(h.Dialect), Version: h.Version, Labels: h.Labels, State: "alive",
		Age: h.Seen.Seconds(), Uptime: h.Uptime, Runs: []wadmapi.Running{}}
	switch {
	case h.Suspect:
		out.State = "silent"
	case h.Doubtful:
		out.State = "busy" // it has been asked what it runs, and has not answered yet
	}
	if h.Beat >= 0 {
		beat := h.Beat.Seconds()
		out.BeatAge = &beat
	}
	if out.Labels == nil {
		out.Labels = map[string]string{}
	}
	for _, r := range h.Runs {
		out.Runs = append(out.Runs, wadmapi.Running{Kind: r.Kind.String(), ID: r.ID, Reference: r.Ref, Count: r.Count, App: r.App,
			Component: r.Component, Spread: r.Annotations[spreadAnnotation], Link: linkName(r), Orphan: r.Orphan, Released: r.Released, Updated: r.Updated})
	}
	return out
}

// linkName is part of a provider's name in the OTP dialect only.
func linkName(r engine.RunView) string {
	if r.Kind == lattice.Provider {
		return r.Link
	}
	return ""
}
