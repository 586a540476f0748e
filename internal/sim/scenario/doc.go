// Package scenario runs transcripts: files of commands to a simulated lattice and of what then happened, in the words of a
// person. A transcript is at once a test and the page on which one reads what wadm does.
//
// It knows the little language of the files, plays each file on the dialects that its head names, and writes what came of
// it. It judges nothing: what a transcript says is right because somebody held it against the rules before it was kept.
// Only tests use it; the files are in testdata/scenarios at the root, and
//
//	go test ./internal/sim/scenario -rewrite
//
// writes them anew.
//
// A file is made of comments (#) and groups of commands with their outcome:
//
//	kill host-b
//	until reconciling 3m
//	----
//	 +50.5s lost host-b silent
//	 +50.5s tell shop v1 reconciling
//
// A line that is indented belongs to the command above it (the lines of a manifest, see app). A group ends with "----" and
// its outcome, which ends with an empty line; a group without one has no outcome. Where dialects differ there are several:
// "---- v1" and "---- otp". A command for one dialect begins with its name: "[otp] links". Times are counted from the
// beginning of the group. What is sent, told and noticed stands there as it happens, in neutral words; hosts, links and
// configs print what really is, not what anybody believes.
//
//	host NAME [LABEL=VALUE]… [version=V]     a host joins; "late": it hears commands two seconds later only (OTP)
//	kill | stop | return | replace HOST      it dies without a word | says goodbye | begins anew | under another id
//	cut HOST [silent], heal HOST             off the network and back; silent: requests time out
//	slow HOST N, mute HOST acks=P,events=P   slower, and saying only a part of it
//	fail-starts HOST N, refuse-starts HOST … starts fail
//	crash-instance, crash-provider HOST X    a process ends
//	label HOST LABEL=VALUE                   1.x: another label
//	image REF [provider] [pull=D] [start=D] [fail=missing|refused|denied|no] [times=N] [error=TEXT] [sick-after=D]
//	owner, crash, restart, take-over         an owner begins, is killed, both; or begins with the model records alone [undeployed: which do not say what is deployed]
//	deploy APP VERSION [edits], adopt …      with a manifest in the lines below; adopt: the model record alone
//	undeploy, delete APP [release], nudge APP     release: what runs is let go
//	foreign HOST REF …, put-config, delete-config, delete-link, stop-provider     somebody else's doing
//	drop EVENT… | link.get | config.get      these events, or questions, are lost from now on
//	run D, until STATUS [APP] D, until starting HOST D, until NAME=N D
//	watch NAME…                              how many instances really ran, at least and at most, in this group
//	hosts, links [full], configs, annotations, status, listed     listed: what runs as the owner lists it
package scenario
