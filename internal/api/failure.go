package api

import (
	"fmt"

	"github.com/wadm-go/wadm/wadmapi"
)

// Texts of 0.21.1 for what is not the client's fault. What really happened is in the log.
const (
	storageFailed = "Internal storage error"
	internalError = "Internal error"
	noHistory     = "Model deployment history is not currently supported. It may be added in a future version"
)

// storageError is the reply of a changing request when a store failed, in the shape that the operation's clients decode.
func storageError(r Request) any {
	switch r.Op {
	case wadmapi.OpDeploy, wadmapi.OpUndeploy:
		reply := wadmapi.DeployReply{Result: wadmapi.ResultError, Message: storageFailed, Name: r.App}
		if r.Op == wadmapi.OpDeploy {
			reply.Version = r.Version
		}
		return reply
	case wadmapi.OpDelete:
		what := "application " + r.App
		if r.Version != nil {
			what = fmt.Sprintf("%s of application %s", *r.Version, r.App)
		}
		return wadmapi.DeleteReply{Result: wadmapi.ResultError, Message: storageFailed + " when deleting " + what}
	}
	return wadmapi.NewError(storageFailed)
}

// tooLarge says what a client can do something about: all versions of an application share one record, and it is full.
func tooLarge(r Request, err error) string {
	return fmt.Sprintf("Manifest version %s was not stored: %v; delete versions that are not needed", *r.Version, err)
}

// failed is an error reply of a model operation. List and versions carry empty arrays: their clients decode strictly and would show a
// decoding error instead of the message.
func failed(op wadmapi.Op, named bool, message string) any {
	switch {
	case op == wadmapi.OpVersions:
		return wadmapi.VersionsReply{Result: wadmapi.ResultError, Message: message, Versions: []wadmapi.VersionInfo{}}
	case op == wadmapi.OpList || op == wadmapi.OpGet && !named:
		return wadmapi.ListReply{Result: wadmapi.ResultError, Message: message, Models: []wadmapi.ModelSummary{}}
	}
	return wadmapi.NewError(message)
}
