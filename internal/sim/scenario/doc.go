// Package scenario runs transcripts: files of commands to a simulated lattice and of what then happened, in the words of a
// person. A transcript is at once a test and the page on which one reads what wadm does.
//
// It knows the little language of the files, plays each file on the dialects that its head names, and writes what came of
// it. It judges nothing: what a transcript says is right because somebody held it against the rules before it was kept.
// Only tests use it; see testdata/scenarios at the root.
//
// A file is made of comments (#), and groups of commands with their outcome:
//
//	host host-a zone=east
//	owner
//	run 3s
//	----
//	   +2.0s tell shop v1: deployed
//
// A line that is indented belongs to the command above it (the lines of a manifest). A group ends with "----" and its
// outcome, which ends with an empty line; a group without one has no outcome. Where dialects differ there are several:
// "---- v1" and "---- otp". A command that only one dialect has begins with its name: "[otp] links".
// Times are counted from the beginning of the command. What is sent stands in neutral words; hosts, links and configs
// print what really is, not what anybody believes.
package scenario
