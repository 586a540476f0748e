package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/client"
)

// Exit codes of the program.
const (
	ExitOK          = 0
	ExitFailed      = 1
	ExitUsage       = 2
	ExitTimeout     = 3
	ExitNotDeployed = 4
	ExitUnreachable = 5
)

// exitError is an error that knows the exit code it stands for.
type exitError struct {
	code int
	err  error
	said bool // already printed, in a better form
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// WithCode gives an error the exit code that it stands for. A nil error stays nil.
func WithCode(code int, err error) error {
	if err == nil {
		return nil
	}
	return &exitError{code: code, err: err}
}

// Usagef is a mistake in how the program was called.
func Usagef(format string, args ...any) error {
	return WithCode(ExitUsage, fmt.Errorf(format, args...))
}

// nextError is an error with what can be done about it.
type nextError struct {
	err  error
	next string
}

func (e *nextError) Error() string { return e.err.Error() + "\n  next: " + e.next }
func (e *nextError) Unwrap() error { return e.err }

// WithNext adds to an error what can be done about it: a line of its own for people, a member of its own for scripts. The exit code stays. A nil
// error stays nil.
func WithNext(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &nextError{err: err, next: fmt.Sprintf(format, args...)}
}

// Said marks an error whose text has been shown to the user in another form: only the exit code is left to give.
func Said(code int, err error) error { return said(code, err) }

// said marks an error whose text has been shown to the user in another form.
func said(code int, err error) error { return &exitError{code: code, err: err, said: true} }

// Code is the exit code that an error stands for.
func Code(err error) int {
	var known *exitError
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &known):
		return known.code
	case errors.Is(err, client.ErrNoServer), errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrDisconnected):
		return ExitUnreachable
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		return ExitTimeout
	}
	return ExitFailed
}

// Report prints the error that ended a command, unless it was shown already, and returns the exit code. asJSON prints an object on out for
// scripts instead of a line on errOut.
func Report(out, errOut io.Writer, asJSON bool, err error) int {
	var known *exitError
	shown := errors.As(err, &known) && known.said
	switch {
	case err == nil || shown:
	case asJSON:
		object := map[string]any{"success": false, "error": err.Error()}
		var step *nextError
		if errors.As(err, &step) {
			object["error"], object["next"] = step.err.Error(), step.next
		}
		_ = printResult(out, true, object, nil) // a bool and strings always encode, and a reader that is gone needs nothing
	default:
		fmt.Fprintln(errOut, err)
	}
	return Code(err)
}
