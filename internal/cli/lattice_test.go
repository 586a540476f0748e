package cli

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wadm-go/wadm/wadmapi"
)

func TestLatticeView(t *testing.T) {
	beat := 12.34
	const component, provider, host = "MCFMFDWFHGKELOXPCNCDXKK5OFLHBVEWRAOXR5JSQUD2TOFRE3DFPM7E", "VAZVC4RX54J2NVCMCW7BPCAHGGG5XZXDBXFUDDHPAU5BEFQNYG6MZSMQ",
		"NDROVP34CQVUDGABJSMBARGMPMWQXSXXGV5SJ2UCDHJHHUAUMJEOLFEW"
	one := func(id, app, first string) wadmapi.LatticeInstance {
		return wadmapi.LatticeInstance{Host: host, ID: id, Reference: "r/echo:1", App: app, Count: 1, FirstSeen: first}
	}
	l := wadmapi.Lattice{
		ID: "default", ListeningSince: "2022-12-01T00:00:00Z",
		Hosts: []wadmapi.LatticeHost{{ID: host, Name: "bold", Status: "warn", BeatAge: &beat, FirstSeen: "2022-12-01T00:00:00Z", Version: "0.58.2",
			Labels: map[string]string{"zone": "a", "hostcore.os": "linux"}}, {ID: "NB", Status: "healthy"}},
		Components: []wadmapi.LatticeResource{{ID: component, Name: "Echo", Count: 3, Instances: []wadmapi.LatticeInstance{
			one("a", "shop", "2022-12-01T00:00:09Z"), one("b", "shop", "2022-12-01T00:00:07Z"), one("c", "", "2022-12-01T00:00:08Z")}}},
		Providers: []wadmapi.LatticeResource{{ID: provider, Link: "default", Count: 1, Instances: []wadmapi.LatticeInstance{{Host: "NC", Count: 1, Reference: "r/http:1"}}}},
		Links: []wadmapi.LatticeLink{{Source: component, Target: provider, Name: "default", Contract: "wasmcloud:httpserver"},
			{Source: "a", Target: "b", Name: "x", Namespace: "wasi", Package: "http", Interfaces: []string{"incoming-handler", "types"}}},
		RefMap: map[string]string{"r/http:1": provider, "r/echo:1": component},
		Claims: map[string]wadmapi.Claims{component: {Name: "Echo", Version: "0.3.4", Contracts: []string{"wasmcloud:httpserver"}, Tags: []string{"prod", "web"}},
			provider: {Contract: "wasmcloud:httpserver"}},
		Invocations: []wadmapi.InvocationCount{{From: wadmapi.InvocationEnd{ID: provider, Link: "default"}, To: wadmapi.InvocationEnd{ID: component},
			Operation: "HttpServer.HandleRequest", Succeeded: 7, Failed: 1, Bytes: 4120}},
		LeftOut: map[string]int{"claims": 3}, Dropped: wadmapi.LatticeDroppedWork{Events: 2},
	}
	const want = `lattice default: 2 hosts, 1 components, 1 providers, 2 links; observed since 2022-12-01T00:00:00Z

HOST         NAME  STATUS   LAST BEAT   FIRST SEEN            VERSION  LABELS
NDROVP…LFEW  bold  warn     12.3 s ago  2022-12-01T00:00:00Z  0.58.2   zone=a
NB           –     healthy  none yet    –                     –        –

COMPONENT    NAME  REFERENCE  APPLICATION  HOST  COUNT  FIRST SEEN
MCFMFD…PM7E  Echo  r/echo:1   shop         bold  2      2022-12-01T00:00:07Z
MCFMFD…PM7E  Echo  r/echo:1   –            bold  1      2022-12-01T00:00:08Z

PROVIDER             NAME  REFERENCE  APPLICATION  HOST  COUNT  FIRST SEEN
VAZVC4…ZSMQ/default  –     r/http:1   –            NC    1      –

LINK FROM    TO           NAME     FOR
MCFMFD…PM7E  VAZVC4…ZSMQ  default  wasmcloud:httpserver
a            b            x        wasi:http/incoming-handler,types

REFERENCE  ID
r/echo:1   MCFMFD…PM7E
r/http:1   VAZVC4…ZSMQ

CLAIMS OF    NAME  VERSION  ISSUER  CALL ALIAS  CAPABILITIES          TAGS
MCFMFD…PM7E  Echo  0.3.4    –       –           wasmcloud:httpserver  prod web
VAZVC4…ZSMQ  –     –        –       –           wasmcloud:httpserver  –

INVOKED BY           CALLED       OPERATION                 SUCCEEDED  FAILED  BYTES
VAZVC4…ZSMQ/default  MCFMFD…PM7E  HttpServer.HandleRequest  7          1       4120

3 claims are left out: the lattice does not fit into one reply

2 events and 0 invocations could not be kept
`
	var out bytes.Buffer
	latticeView(&out, &l)
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	out.Reset()
	latticeView(&out, &wadmapi.Lattice{ID: "x", ListeningSince: "2022-12-01T00:00:00Z"})
	if want := "lattice x: 0 hosts, 0 components, 0 providers, 0 links; observed since 2022-12-01T00:00:00Z\n"; out.String() != want {
		t.Errorf("an empty lattice: %q", out.String())
	}
}
