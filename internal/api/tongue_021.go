package api

import (
	"fmt"

	"github.com/wadm-go/wadm/wadmapi"
)

// tongue021 is generation 0.21. Its texts are those of 0.21.1 where it has them.
type tongue021 struct{}

const noHistory = "Model deployment history is not currently supported. It may be added in a future version"

func (tongue021) put(m message, stamp Stamp) (Request, any) {
	r, refusal := parsePut(m.body, m.contentType, m.typed, stamp)
	r.Raw = m.body
	return r, refusal
}

func (tongue021) body(s wadmapi.Subject, body []byte) (Request, any) {
	r := Request{Op: s.Op, App: s.Name}
	if _, has := bodyNames[s.Op]; !has || s.Name == "" {
		return r, nil
	}
	members, err := readObject(body, len(body) == 0)
	if err == nil {
		r.Version, err = readVersion(members, s.Op)
	}
	if err == nil {
		err = r.readKeys(members)
	}
	if err != nil {
		return r, wadmapi.NewError("Unable to parse " + bodyNames[s.Op] + " application request: " + err.Error())
	}
	return r, nil
}

func (t tongue021) reply(r Request, o Outcome) any {
	switch {
	case o.Kind == Failed, o.Kind == Unreadable:
		return t.failure(r, o)
	case o.Kind == Taken:
		return wadmapi.NewError(o.Why)
	case r.Op == wadmapi.OpPut:
		return t.putReply(r, o)
	case r.Op == wadmapi.OpDelete:
		return t.deleteReply(r, o)
	}
	return t.deployReply(r, o)
}

func (tongue021) putReply(r Request, o Outcome) any {
	if o.Kind == Duplicate {
		return wadmapi.NewError(fmt.Sprintf("Manifest version %s already exists", o.Version))
	}
	reply := wadmapi.PutReply{
		Result: wadmapi.ResultNewVersion, TotalVersions: o.Total, CurrentVersion: o.Version, Name: r.App,
		Message: fmt.Sprintf("Successfully put manifest %s %s", r.App, o.Version),
	}
	if o.Total == 1 {
		reply.Result = wadmapi.ResultCreated
	}
	if len(o.Missing) > 0 {
		reply.Message += fmt.Sprintf(", but some shared components are not deployed: %s", quoted(o.Missing))
	}
	return reply
}

func (tongue021) deployReply(r Request, o Outcome) any {
	reply := wadmapi.DeployReply{Name: r.App}
	version := o.Version
	switch o.Kind {
	case NoApp:
		reply.Result, reply.Message = wadmapi.ResultNotFound, unknownApp(r.App)
		if r.Op == wadmapi.OpDeploy {
			reply.Version = r.Version
		}
	case NoVersion:
		reply.Result, reply.Version = wadmapi.ResultError, &version
		reply.Message = fmt.Sprintf("Application with the name '%s' does not have a version '%s' to deploy", r.App, version)
	case Refused:
		reply.Result, reply.Message, reply.Version = wadmapi.ResultError, o.Why, &version
	case Deployed:
		reply.Result, reply.Version = wadmapi.ResultAcknowledged, &version
		reply.Message = fmt.Sprintf("Successfully deployed application %s %s", r.App, version)
	case AlreadyUndeployed:
		reply.Result, reply.Message = wadmapi.ResultAcknowledged, fmt.Sprintf("Application %s was already undeployed", r.App)
	default:
		reply.Result, reply.Message = wadmapi.ResultAcknowledged, fmt.Sprintf("Successfully undeployed application %s", r.App)
	}
	return reply
}

func (tongue021) deleteReply(r Request, o Outcome) any {
	reply := wadmapi.DeleteReply{Result: wadmapi.ResultDeleted, Undeploy: o.Stops}
	switch o.Kind {
	case NoApp:
		reply.Result, reply.Message = wadmapi.ResultNoop, fmt.Sprintf("Application %s doesn't exist or was already deleted", r.App)
	case NoVersion:
		reply.Result, reply.Message = wadmapi.ResultNoop, fmt.Sprintf("Application version %s doesn't exist", o.Version)
	case DeletedVersion:
		reply.Message = fmt.Sprintf("Successfully deleted version %s of application %s", o.Version, r.App)
	case DeletedLast:
		reply.Message = fmt.Sprintf("Successfully deleted last version of application %s", r.App)
	default:
		reply.Message = fmt.Sprintf("Successfully deleted application %s", r.App)
	}
	return reply
}

// failure is the reply of a changing request when a store failed, in the shape that the operation's clients decode.
func (tongue021) failure(r Request, o Outcome) any {
	switch r.Op {
	case wadmapi.OpDeploy, wadmapi.OpUndeploy:
		reply := wadmapi.DeployReply{Result: wadmapi.ResultError, Message: storageFailed, Name: r.App}
		if r.Op == wadmapi.OpDeploy {
			reply.Version = r.Version
		}
		return reply
	case wadmapi.OpDelete:
		what := "application " + r.App
		if r.Version != nil && !r.All {
			what = fmt.Sprintf("%s of application %s", *r.Version, r.App)
		}
		return wadmapi.DeleteReply{Result: wadmapi.ResultError, Message: storageFailed + " when deleting " + what}
	}
	if tooLarge(r, o) {
		return wadmapi.NewError(fmt.Sprintf("Manifest version %s was not stored: %v; delete versions that are not needed", *r.Version, o.Err))
	}
	return wadmapi.NewError(storageFailed)
}

func (tongue021) show(s wadmapi.Subject, r Request, a answer) any {
	switch {
	case s.Op == wadmapi.OpHistory:
		return wadmapi.NewError(noHistory)
	case a.err != nil:
		return failed(s, storageFailed)
	case s.Name == "":
		return renderList(s.Op, a)
	case s.Op == wadmapi.OpVersions:
		return renderVersions(a.model, s.Name)
	case s.Op == wadmapi.OpStatus:
		return renderStatus(a.model, s.Name, a.told(s.Name))
	}
	return renderGet(a.model, s.Name, r.Version)
}

// failed is the error reply of a question. List and versions carry empty arrays: their clients decode strictly and would show a
// decoding error instead of the message.
func failed(s wadmapi.Subject, message string) any {
	switch {
	case s.Op == wadmapi.OpVersions:
		return wadmapi.VersionsReply{Result: wadmapi.ResultError, Message: message, Versions: []wadmapi.VersionInfo{}}
	case s.Name == "":
		return wadmapi.ListReply{Result: wadmapi.ResultError, Message: message, Models: []wadmapi.ModelSummary{}}
	}
	return wadmapi.NewError(message)
}

// renderList answers both forms of the list.
func renderList(op wadmapi.Op, a answer) any {
	summaries := make([]wadmapi.ModelSummary, 0, len(a.models))
	for i := range a.models {
		summaries = append(summaries, renderSummary(&a.models[i], a.told(a.models[i].Name)))
	}
	if op == wadmapi.OpList {
		return summaries
	}
	return wadmapi.ListReply{Result: wadmapi.ResultSuccess, Message: "Successfully fetched list of applications", Models: summaries}
}
