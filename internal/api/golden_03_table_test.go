package api

import "strings"

// golden is a request that is answered otherwise than 0.3.0 answered it.
type golden struct {
	row    string                   // of docs/differences-0.3.md
	ours   string                   // the whole reply, or
	change func(want string) string // what the recorded reply would be
	undo   [][2]string              // requests that take back what we did and 0.3.0 did not, or the other way round
}

// golden03Redis are the requests about entries that only Redis can hold.
var golden03Redis = map[string]golden{
	"api:508": {row: "list-broken", change: namedGhost},
	"api:514": {row: "list-broken", change: namedGhost},
	"api:523": {row: "list-broken", change: namedGhost}, // 0.3.0 gave no answer: the list before it, which it had given
	"api:511": fails("broken-records", `Failed to query model version history: {:error, \"reading app \\\"ghost\\\": the stored record cannot be read: the name is listed in \\\"wadm:default:models\\\" and no version is stored\"}`),
	"api:517": fails("broken-records", `Failed to query model version history: {:error, \"reading app \\\"ghost\\\": the stored record cannot be read: \\\"wadm:default:ghost:versions:1.0\\\": nothing is stored there\"}`),
	"api:520": fails("broken-records", `Failed to query model: {:error, \"reading app \\\"ghost\\\": the stored record cannot be read: \\\"wadm:default:ghost:versions:1.0\\\": nothing is stored there\"}`),
	"api:526": fails("broken-records", `Failed to query model: {:error, \"reading app \\\"ghost\\\": the stored record cannot be read: \\\"wadm:default:ghost:versions:1.0\\\": byte 0 of the term: not an Erlang term: it does not begin with 131\"}`),
	"api:531": fails("broken-records", `Failed to store model version: reading app \"ghost\": the stored record cannot be read: \"wadm:default:ghost:versions:1.0\": byte 0 of the term: not an Erlang term: it does not begin with 131`),
	"api:534": fails("broken-records", `Failed to store model version: reading app \"ghost\": the stored record cannot be read: \"wadm:default:ghost:versions:1.0\": nothing is stored there`),
	"api:537": {}, // as recorded
	"api:540": fails("wrong-keys", `Failed to store model version: reading the record of application \"wrong\": reading app \"wrong\": the key \"wadm:default:wrong:versions\" is a string in this Redis, where wadm keeps a zset: somebody else uses it`),
	"api:543": fails("wrong-keys", `Failed to query model version history: {:error, \"reading the record of application \\\"wrong\\\": reading app \\\"wrong\\\": the key \\\"wadm:default:wrong:versions\\\" is a string in this Redis, where wadm keeps a zset: somebody else uses it\"}`),
	"api:551": fails("wrong-keys", `Failed to query models: {:error, \"listing lattice \\\"typed\\\": the key \\\"wadm:typed:models\\\" is not a set, where wadm keeps the names of the lattice: WRONGTYPE Operation against a key holding the wrong kind of value\"}`),
}

// notStored03 are the applications that 0.3.0 stored and we do not, with the row that says why.
var notStored03 = map[string]string{
	"replicasstring": "instances", "replicasneg": "instances", "dup": "component-names",
	"a.b c": "names", "größe": "names", "x:versions": "names",
}

// golden03 holds the differences by file and request.
var golden03 = map[string]golden{
	"api:98":  fails("no-answer", "Failed to query model: version must be a string"),
	"api:107": fails("no-answer", "Failed to query model: expected a JSON object, found array at 1:1"),
	"api:110": fails("no-answer", "Failed to query model: expected a JSON object, found string at 1:1"),
	"api:113": fails("no-answer", "Failed to query model: expected a JSON object, found number at 1:1"),
	"api:339": fails("no-answer", "Failed to deploy app spec: the body is no JSON: unexpected end of JSON input at 1:1"),
	"api:343": fails("no-answer", "Failed to deploy app spec: the body is no JSON: unexpected end of JSON input at 1:1"),
	"api:346": fails("no-answer", "Failed to deploy app spec: expected a JSON object, found array at 1:1"),
	"api:350": fails("no-answer", "Failed to deploy app spec: expected a JSON object, found string at 1:1"),
	"api:356": fails("no-answer", "Failed to deploy app spec: version must be a string"),
	"api:403": fails("no-answer", "Failed to stop deployment monitor: the body is no JSON: unexpected end of JSON input at 1:1"),
	"api:406": fails("no-answer", "Failed to stop deployment monitor: the body is no JSON: unexpected end of JSON input at 1:1"),
	"api:431": fails("no-answer", "Failed to delete model version: expected a JSON object, found string at 1:1"),
	"api:434": fails("no-answer", "Failed to delete model version: version must be a string"),

	"api:134": fails("bad-manifest", "Failed to put model spec: EOF while parsing a value (manifest:1:13)"),
	"api:137": fails("bad-manifest", "Failed to put model spec: reading YAML: did not find expected ',' or ']' while parsing a flow sequence that starts on line 1 (manifest:2:2)"),
	"api:143": fails("bad-manifest", "Failed to put model spec: invalid type: string \"hello\", expected a manifest (manifest:1:1)"),
	"api:146": fails("bad-manifest", "Failed to put model spec: invalid type: sequence, expected a manifest (manifest:1:1)"),
	"api:149": fails("bad-manifest", "Failed to put model spec: invalid type: sequence, expected a manifest (manifest:1:1)"),
	"api:158": fails("bad-manifest", "Failed to put model spec: invalid type: string \"hello\", expected a map in spec (manifest:2:7)"),
	"api:164": fails("bad-manifest", "Failed to put model spec: invalid type: map, expected a sequence in components (manifest:2:20)"),
	"api:167": fails("bad-manifest", "Failed to put model spec: invalid type: string \"abc\", expected a sequence in components (manifest:2:20)"),
	"api:170": fails("bad-manifest", "Failed to put model spec: unknown component type \"thing\" in components[0]: it is actor or capability (manifest:2:37)"),
	"api:173": fails("bad-manifest", "Failed to put model spec: missing field `type` in components[0] (manifest:2:21)"),
	"api:176": fails("bad-manifest", "Failed to put model spec: invalid type: string \"abc\", expected a map in components[0] (manifest:2:21)"),
	"api:201": fails("bad-manifest", "Failed to put model spec: invalid type: string \"abc\", expected a map in components[0].traits[0] (manifest:2:77)"),
	"api:256": fails("bad-manifest", "Failed to put model spec: invalid type: integer `1`, expected a string in metadata.annotations.version: quote it, \"1\" (manifest:1:50)"),
	"api:286": fails("bad-manifest", "Failed to put model spec: invalid type: string \"abc\", expected a map in metadata.annotations (manifest:1:34)"),

	"api:194": stored("null-lists", "traitsnull", "0.0.0"),
	"api:207": stored("null-lists", "spreadnull", "0.0.0"),
	"api:253": stored("numbers", "x", "1.0"),
	"api:275": stored("numbers", "12", "0.0.0"),
	"api:299": stored("aliases", "anchors", "0.0.0"),
	"api:293": fails("component-names", "Failed to put model spec: Duplicate component name in manifest: a (manifest:4:17)"), // by an alias

	"api:140": fails("yaml", "Failed to put model spec: reading YAML: found character that cannot start any token while scanning for the next token (manifest:2:1)"),
	"api:296": fails("yaml", "Failed to put model spec: merge keys (<<) are not supported: write the fields out (manifest:3:57)"),
	"api:226": fails("instances", "Failed to put model spec: invalid type: string \"two\", expected a whole number in components[0].traits[0].properties.replicas (manifest:2:121)"),
	"api:230": fails("instances", "Failed to put model spec: invalid value: integer `-1`, expected 0 or more in components[0].traits[0].properties.replicas (manifest:2:121)"),
	"api:448": fails("instances", "Failed to deploy app spec: No such model version in store: replicasstring 0.0.0"),
	"api:452": fails("instances", "Failed to deploy app spec: No such model version in store: replicasneg 0.0.0"),
	"api:249": fails("component-names", "Failed to put model spec: Duplicate component name in manifest: a (manifest:2:76)"),
	"api:278": fails("names", "Failed to put model spec: name \"a.b c\" is not allowed: only letters, digits, dashes and underscores are"),
	"api:306": fails("names", "Failed to put model spec: name \"größe\" is not allowed: only letters, digits, dashes and underscores are"),
	"api:546": fails("names", "Failed to put model spec: name \"x:versions\" is not allowed: only letters, digits, dashes and underscores are"),
	"api:496": fails("lattice-names", "Received unexpected API request: lattice name \"x:y\" is not allowed: only letters, digits, dashes and underscores are"),

	"api:326": {row: "whole-version", ours: `{"data":{"raw":"metadata: {name: vv, annotations: {version: vv1}}\nspec: {components: []}\n",` +
		`"vetted":{"components":[],"description":"Unnamed Application","name":"vv","version":"v1"}},"result":"success"}`},

	// The version that runs is deleted, and with it all others: the recording goes on with one of them.
	"api:386": {row: "delete-all", ours: `{"data":{"version":"0.0.2"},"result":"success"}`, undo: [][2]string{{"put", "@22"}}},
	"api:391": {row: "delete-undeploys", change: undeployed("echo")},
	"api:400": {row: "delete-undeploys", change: undeployed("echo")},
	"api:409": {row: "delete-undeploys", ours: `{"data":{},"result":"success"}`}, // and no event: nothing was deployed any more
	"misc:31": {row: "delete-undeploys", ours: `{"data":{"version":"1"},"result":"success"}`},
	"misc:40": {row: "delete-undeploys", ours: `{"data":{},"result":"success"}`},

	"api_non_ascii_subject:4":  fails("names", "Failed to put model spec: name \"größe\" is not allowed: only letters, digits, dashes and underscores are"),
	"api_non_ascii_subject:10": fails("non-ascii", `Failed to query model: {:error, \"No such model version in store: größe 1\"}`),
	"api_non_ascii_subject:13": {row: "non-ascii", ours: `{"data":[],"result":"success"}`},
	"api_non_ascii_subject:16": {row: "non-ascii", ours: `{"data":[],"result":"success"}`},
	"api_non_ascii_subject:19": {row: "non-ascii", ours: `{"data":[],"result":"success"}`},
	"api_non_ascii_subject:22": {row: "non-ascii", ours: `{"data":[],"result":"success"}`},
}

func fails(row, message string) golden {
	if !strings.Contains(message, `\"`) {
		message = strings.ReplaceAll(message, `"`, `\"`)
	}
	return golden{row: row, ours: `{"message":"` + message + `","result":"error"}`}
}

// stored is a put that 0.3.0 did not answer and that stores something here, until it is taken back.
func stored(row, app, version string) golden {
	return golden{
		row:  row,
		ours: `{"data":{"current_version":"` + version + `","name":"` + app + `"},"result":"success"}`,
		undo: [][2]string{{"del." + app, `{"version":"` + version + `"}`}},
	}
}

// undeployed is a list in which that application is not deployed.
func undeployed(app string) func(string) string {
	return func(want string) string {
		return eachListed(want, func(e map[string]any) bool {
			if e["name"] == app {
				e["deployment_status"] = "undeployed"
			}
			return true
		})
	}
}

// namedGhost gives the entry that cannot be read its name.
func namedGhost(want string) string {
	return eachListed(want, func(e map[string]any) bool {
		if e["name"] == nil {
			e["name"] = "ghost"
		}
		return true
	})
}
