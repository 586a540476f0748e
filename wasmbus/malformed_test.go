package wasmbus

// malformed are the recorded requests that no host carried out, for their form
// or for their operation (protocol B1, D3), and what became of them: refused,
// unanswered, or dropped, which is accepted and then nothing. Two words: the
// versions differ. The key is dialect, operation and body, with the keys of
// hosts and actors cut to their first letter.
var malformed = map[string]string{
	`otp auction.actor {"actor_ref`:                                            "refused",
	`otp auction.actor {"constraints":{}}`:                                     "refused",
	`otp auction.provider [1]`:                                                 "refused",
	`otp cmd.foo {}`:                                                           "unanswered",
	`otp cmd.la `:                                                              "refused",
	`otp cmd.la "registry.example/mini:0.1.0"`:                                 "unanswered",
	`otp cmd.la ["registry.example/mini:0.1.0"]`:                               "unanswered",
	`otp cmd.la {"actor_ref":`:                                                 "refused",
	`otp cmd.la {"actor_ref":"registry.example/mini:0.1.0","count":"2"}`:       "dropped",
	`otp cmd.la {"actor_ref":"registry.example/mini:0.1.0","count":1.5}`:       "dropped",
	`otp cmd.la {"actor_ref":"registry.example/mini:0.1.0","count":null}`:      "dropped",
	`otp cmd.la {"actor_ref":5,"count":1}`:                                     "dropped",
	`otp cmd.la {"actor_ref":null,"count":1}`:                                  "refused",
	`otp cmd.la {"count":1}`:                                                   "refused",
	`otp cmd.la {}`:                                                            "unanswered",
	`otp cmd.lp []`:                                                            "unanswered or refused",
	`otp cmd.lp {"host_id":`:                                                   "refused",
	`otp cmd.lp {"host_id":"N","link_name":"default"}`:                         "refused",
	`otp cmd.lp {"host_id":"N","provider_ref":"registry.example/thing:0.1.0"}`: "refused",
	`otp cmd.sa []`:                                                            "unanswered or refused",
	`otp cmd.sa {`:                                                             "refused",
	`otp cmd.sa {"actor_ref":"M","count":"1"}`:                                 "unanswered",
	`otp cmd.sa {"actor_ref":"M","count":-1}`:                                  "unanswered",
	`otp cmd.sa {"actor_ref":"M","count":1,"annotations":["x"]}`:               "unanswered",
	`otp cmd.sa {"actor_ref":"M","count":null}`:                                "refused",
	`otp cmd.sa {"actor_ref":"M"}`:                                             "refused",
	`otp cmd.sa {"count":1}`:                                                   "refused",
	`otp cmd.scale []`:                                                         "unanswered or refused",
	`otp cmd.scale {`:                                                          "refused",
	`otp cmd.scale {"actor_id":"M","count":4}`:                                 "refused",
	`otp cmd.sp []`:                                                            "unanswered or refused",
	`otp cmd.sp {`:                                                             "refused",
	`otp cmd.sp {"host_id":"N","provider_ref":"V"}`:                            "refused",
	`otp cmd.stop []`:                                                          "unanswered",
	`otp cmd.stop {`:                                                           "unanswered",
	`otp cmd.upd {`:                                                            "unanswered or refused",
	`otp cmd.upd {"actor_id":"M"}`:                                             "refused",
	`otp get.something `:                                                       "unanswered",
	`otp linkdefs.del nope`:                                                    "refused",
	`otp linkdefs.del {"actor_id":"MACTOR","contract_id":"acme:thing"}`:        "refused",
	`otp linkdefs.put {`:                                                       "refused",
	`otp linkdefs.put {"actor_id":"MACTOR2","contract_id":"acme:thing","link_name":"default"}`: "refused",
	`otp registries.put {`:                       "refused",
	`v1 component.auction {"component_ref":"x"}`: "refused",
	`v1 component.foo.N {}`:                      "refused",
	`v1 component.scale {`:                       "refused",
	`v1 component.scale {"component_ref":"x","component_id":"c","count":"1","host_id":"N"}`: "refused",
	`v1 component.scale {"component_ref":"x","component_id":"c","count":-1,"host_id":"N"}`:  "refused",
	`v1 component.scale {"component_ref":"x"}`:                                              "refused",
	`v1 config.foo.x `:            "refused",
	`v1 config.get.a.b `:          "refused",
	`v1 config.put []`:            "refused",
	`v1 config.put.a.b {"k":"v"}`: "refused",
	`v1 config.put {"k":1}`:       "refused",
	`v1 foo.bar `:                 "unanswered",
	`v1 host.foo.N `:              "refused",
	`v1 host.stop {`:              "refused",
	`v1 label.put {"key":"rack"}`: "refused",
	`v1 link.foo {}`:              "refused",
	`v1 link.put {"source_id":"srv2","target":"c1","wit_package":"http","interfaces":["x"]}`: "refused",
	`v1 provider.start [`: "refused",
}

// refusedForItsContent are well-formed requests that a host refused with the
// same words: the id of another host; in 0.63 sp with an image reference.
var refusedForItsContent = map[string]bool{
	`v1 host.stop {"host_id":"N"}`: true,
	`otp cmd.sp {"host_id":"N","link_name":"default","provider_ref":"registry.example/thing:0.1.0"}`: true,
}

// byTheScript are the requests in app_* recordings that did not come from wadm.
var byTheScript = map[string]bool{
	"v1/app_drift.jsonl:4":   true,
	"v1/app_drift.jsonl:90":  true,
	"v1/app_drift.jsonl:92":  true,
	"v1/app_drift.jsonl:153": true,
}
