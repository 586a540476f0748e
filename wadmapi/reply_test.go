package wadmapi

import (
	"encoding/json"
	"testing"
)

// The order and presence of members is what strict clients of 0.21.1 decode; the texts are recorded from it where it sends them.
func TestEncodeKeepsTheMembersOf0211(t *testing.T) {
	v := "v1"
	waiting := NewStatus(StatusWaiting, "no host")
	for _, tt := range []struct {
		name string
		in   any
		want string
	}{
		{"an early error has two members, message first", NewError("a <b> & c"), `{"message":"a <b> & c","result":"error"}`},
		{"a put", PutReply{ResultCreated, 1, "v1", "m", "shop"}, `{"result":"created","total_versions":1,"current_version":"v1","message":"m","name":"shop"}`},
		{"a get that found nothing has no manifest", GetReply{Result: ResultNotFound, Message: "m"}, `{"result":"notfound","message":"m"}`},
		{"a get keeps the manifest's order", GetReply{ResultSuccess, "m", json.RawMessage(`{"b":1,"a":"<"}`)}, `{"result":"success","message":"m","manifest":{"b":1,"a":"<"}}`},
		{"an empty list is an array", ListReply{ResultSuccess, "m", []ModelSummary{}}, `{"result":"success","message":"m","models":[]}`},
		{"a summary has nulls for what is not set", ModelSummary{Name: "n", Version: "v1", DetailedStatus: waiting, Status: waiting.Status.Type.Legacy(), StatusMessage: "no host"},
			`{"name":"n","version":"v1","description":null,"deployed_version":null,"detailed_status":{"status":{"type":"waiting","message":"no host"},"version":"","components":[]},"status":"undeployed","status_message":"no host"}`},
		{"no versions are an array", VersionsReply{ResultNotFound, "m", []VersionInfo{}}, `{"result":"notfound","message":"m","versions":[]}`},
		{"a delete", DeleteReply{ResultNoop, "m", false}, `{"result":"noop","message":"m","undeploy":false}`},
		{"a deploy", DeployReply{ResultAcknowledged, "m", "shop", &v}, `{"result":"acknowledged","message":"m","name":"shop","version":"v1"}`},
		{"an undeploy has no version", DeployReply{ResultAcknowledged, "m", "shop", nil}, `{"result":"acknowledged","message":"m","name":"shop","version":null}`},
		{"a status without message and scalers", NewStatus(StatusUndeployed, ""), `{"status":{"type":"undeployed"},"version":"","components":[]}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Encode(tt.in)
			if err != nil || string(got) != tt.want {
				t.Errorf("Encode gives %v\n%s, want\n%s", err, got, tt.want)
			}
		})
	}
}

// Recorded from wadm 0.21.1.
func TestEncodeEvent(t *testing.T) {
	want := `{"specversion":"1.0","id":"e591734b-4ad2-41f3-a0cd-2387f92a12de","type":"com.wadm.manifest_unpublished","source":"wadm","datacontenttype":"application/json","time":"2026-11-23T02:08:06.1Z","data":{"name":"hello"}}`
	got := EncodeEvent("e591734b-4ad2-41f3-a0cd-2387f92a12de", "2026-11-23T02:08:06.1Z", EventManifestUnpublished, Unpublished{"hello"})
	if string(got) != want {
		t.Errorf("EncodeEvent =\n%s, want\n%s", got, want)
	}
	if got := EncodeEvent("1", "t", EventManifestPublished, json.RawMessage(`{"broken`)); !json.Valid(got) {
		t.Errorf("a broken manifest makes a broken event: %s", got)
	}
}

func TestStatusTypeReadsOlderWords(t *testing.T) {
	var s Status
	if err := json.Unmarshal([]byte(`{"status":{"type":"compensating"},"scalers":[{"status":{"type":"ready"}}]}`), &s); err != nil {
		t.Fatal(err)
	}
	if s.Status.Type != StatusReconciling || s.Scalers[0].Status.Type != StatusDeployed {
		t.Errorf("older words are read as %q and %q", s.Status.Type, s.Scalers[0].Status.Type)
	}
}
