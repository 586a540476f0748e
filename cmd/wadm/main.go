// Command wadm keeps wasmCloud applications running as their manifests say. Without a subcommand it is the server; wadm dev is a server with
// all it needs in one process; the other subcommands are clients.
//
// It reads flags and environment, makes the configuration, puts the parts together and runs them. It decides nothing about applications.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/wadm-go/wadm/internal/cli"
)

// version is replaced at build time: -ldflags "-X main.version=1.2.3".
var version = "0.1.0"

// secondSignalAfter is how long a signal that comes again counts as the first one.
const secondSignalAfter = 500 * time.Millisecond

func main() { os.Exit(run(os.Args[1:])) }

// run is the program: arguments in, exit code out.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once. Not within the first moment: timeout(1) and process groups send the same one twice.
	context.AfterFunc(ctx, func() { time.AfterFunc(secondSignalAfter, stop) })
	root := rootCommand()
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	asJSON := false
	if f := cmd.Flags().Lookup("output"); f != nil {
		asJSON = f.Value.String() == "json"
	}
	return cli.Report(cmd.OutOrStdout(), cmd.ErrOrStderr(), asJSON, err)
}

// shownVersion is the number of --version: that of the program, or the one that a tool insists on.
func shownVersion() string {
	if v := os.Getenv("WADM_COMPAT_VERSION"); v != "" {
		return strings.TrimPrefix(v, "v")
	}
	return version
}

func rootCommand() *cobra.Command {
	root := serverCommand()
	root.Version = shownVersion()
	root.SetVersionTemplate("wadm {{.Version}}\n")
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.HiddenDefaultCmd = true
	root.Flags().BoolP("version", "V", false, "print the version")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return cli.WithNext(cli.Usagef("%w", err), "%s --help", cmd.CommandPath())
	})
	root.AddCommand(devCommand(), cli.App(), cli.Host(), cli.Lattice(), cli.Events(), cli.Cluster(), simCommand(), configCommand(), storeCommand())
	strict(root)
	return root
}

// strict makes a wrong number of arguments, and a subcommand that does not exist, mistakes of usage.
func strict(cmd *cobra.Command) {
	check := cmd.Args
	cmd.Args = func(c *cobra.Command, args []string) error {
		if c.HasSubCommands() && len(args) > 0 {
			return unknown(c, args[0])
		}
		if check == nil {
			return nil
		}
		err := check(c, args)
		switch {
		case err == nil:
			return nil
		case strings.HasPrefix(err.Error(), "unknown command"): // so the library calls an argument where there should be none
			return cli.Usagef("%s takes no argument, and was given %q\n  usage: %s", c.CommandPath(), args[0], c.UseLine())
		default:
			return cli.Usagef("%w\n  usage: %s", err, c.UseLine())
		}
	}
	for _, sub := range cmd.Commands() {
		strict(sub)
	}
}

// unknown is the error for a subcommand that does not exist, with the nearest one that does.
func unknown(cmd *cobra.Command, typed string) error {
	text := fmt.Sprintf("unknown command %q for %q", typed, cmd.CommandPath())
	for cmd.SuggestionsMinimumDistance = 1; cmd.SuggestionsMinimumDistance <= 2; cmd.SuggestionsMinimumDistance++ {
		if names := cmd.SuggestionsFor(typed); len(names) > 0 {
			return cli.Usagef("%s; did you mean %q?", text, names[0])
		}
	}
	return cli.WithNext(cli.Usagef("%s", text), "%s --help", cmd.CommandPath())
}
