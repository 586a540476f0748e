package status

import (
	"fmt"
	"strings"
	"time"

	"github.com/wadm-go/wadm/internal/plan"
	"github.com/wadm-go/wadm/lattice"
	"github.com/wadm-go/wadm/wadmapi"
)

// someHosts is how many hosts a text names; the others it counts.
const someHosts = 3

// Interruptions says beforehand where nothing of a component will run for a while: on the hosts of all of these, which are of one component. expected is how
// long that will take there, as far as earlier starts and interruptions have shown, 0 if there were none.
func Interruptions(of []plan.Interruption, expected time.Duration) string {
	if len(of) == 0 {
		return ""
	}
	var where []string
	for i := range of {
		where = append(where, fmt.Sprintf("%s (%d)", of[i].Host, of[i].Count))
	}
	what := fmt.Sprintf("%s stops on %s before %s starts there", of[0].From, some(where), of[0].To)
	if lattice.SameRef(of[0].From, of[0].To) {
		what = fmt.Sprintf("%s stops on %s and starts anew", of[0].From, some(where))
	}
	switch of[0].Why {
	case plan.OneReference:
		what += ", for a host runs one image of a key at a time"
	case plan.OneProvider:
		what += ", for a host runs a provider once"
	case plan.OldReference:
		what += ", for after an update in place a host starts only the image from before"
	}
	if expected <= 0 {
		return what + "; how long the interruption will be is not known: no start of it was seen"
	}
	return what + "; an interruption of about " + seconds(max(expected, 100*time.Millisecond)) + " is expected"
}

// Interrupted says how long it was for one component on one host.
func Interrupted(component string, host lattice.HostID, took time.Duration) string {
	return fmt.Sprintf("%s for %s on %s", component, seconds(took), host)
}

func some(texts []string) string {
	if n := len(texts) - someHosts; n > 1 {
		return strings.Join(texts[:someHosts], ", ") + fmt.Sprintf(" and %d more hosts", n)
	}
	return strings.Join(texts, ", ")
}

// WithInterruptions adds to a status how long the interruptions were that its change has brought, each as Interrupted says it.
func WithInterruptions(s wadmapi.Status, each []string) wadmapi.Status {
	if len(each) > 0 {
		s.Status.Message = strings.TrimPrefix(s.Status.Message+", interrupted: "+some(each), ", ")
	}
	return s
}
