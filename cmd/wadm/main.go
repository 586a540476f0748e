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

	"github.com/spf13/cobra"

	"github.com/wadm-go/wadm/internal/cli"
)

// version is replaced at build time: -ldflags "-X main.version=1.2.3".
var version = "0.1.0"

func main() { os.Exit(run(os.Args[1:])) }

// run is the program: arguments in, exit code out.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
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
	root.SuggestionsMinimumDistance = 2
	root.CompletionOptions.HiddenDefaultCmd = true
	root.Flags().BoolP("version", "V", false, "print the version")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return cli.Usagef("%w\n  next: %s --help", err, cmd.CommandPath())
	})
	root.AddCommand(devCommand(), cli.App(), cli.Host(), simCommand())
	strict(root)
	return root
}

// strict makes a wrong number of arguments, and a subcommand that does not exist, mistakes of usage.
func strict(cmd *cobra.Command) {
	check := cmd.Args
	cmd.Args = func(c *cobra.Command, args []string) error {
		if c.HasSubCommands() && len(args) > 0 {
			return cli.Usagef("unknown command %q for %q%s", args[0], c.CommandPath(), suggestions(c, args[0]))
		}
		if check == nil {
			return nil
		}
		if err := check(c, args); err != nil {
			return cli.Usagef("%w\n  usage: %s", err, c.UseLine())
		}
		return nil
	}
	for _, sub := range cmd.Commands() {
		strict(sub)
	}
}

func suggestions(cmd *cobra.Command, typed string) string {
	cmd.SuggestionsMinimumDistance = 2
	names := cmd.SuggestionsFor(typed)
	if len(names) == 0 {
		return fmt.Sprintf("\n  next: %s --help", cmd.CommandPath())
	}
	return fmt.Sprintf("; did you mean %q?", names[0])
}
