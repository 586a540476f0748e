package api

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/wadm-go/wadm/wadmapi"
)

// atOnce sends requests without waiting and returns the replies in the order of the requests.
func (b *bench) atOnce(lines []recorded) []string {
	b.t.Helper()
	inboxes := make([]*nats.Subscription, len(lines))
	for i, line := range lines {
		inbox := b.nc.NewInbox()
		sub, err := b.nc.SubscribeSync(inbox)
		if err != nil {
			b.t.Fatal(err)
		}
		inboxes[i] = sub
		if err := b.nc.PublishRequest(line.Subject, inbox, []byte(line.body())); err != nil {
			b.t.Fatal(err)
		}
	}
	out := make([]string, len(lines))
	for i, sub := range inboxes {
		m, err := sub.NextMsg(patience)
		if err != nil {
			b.t.Fatalf("%s %s: %v", lines[i].Subject, lines[i].body(), err)
		}
		out[i] = string(m.Data)
	}
	return out
}

// The recorded requests that were sent at the same time: of ten puts of one version one is stored and its text stays, and all of ten deploys are answered.
func TestRequestsAtOnceAsOf030(t *testing.T) {
	s := newStage(t, true)
	var batch []recorded
	rounds := 0
	for _, line := range load(t, "otp_api_race") {
		switch {
		case strings.Contains(line.Subject, ".model.put"), strings.Contains(line.Subject, ".model.deploy."):
			batch = append(batch, line)
		case strings.HasPrefix(line.Subject, "wadm.api."):
			rounds++
			want := fmt.Sprintf(`{"data":{"raw":%s,`, quotedText(s.onePutWins(batch)))
			if got := s.ask(line.Subject, line.body()); !strings.HasPrefix(got, want) {
				t.Errorf("the text that stays is %s, want that of the winner: %s", got, want)
			}
			batch = nil
		}
	}
	if rounds != 5 || len(batch) != 10 {
		t.Fatalf("%d rounds of puts, %d deploys", rounds, len(batch))
	}
	for i, reply := range s.atOnce(batch) {
		if reply != `{"data":{"acknowledged":true},"result":"success"}` {
			t.Errorf("deploy %d is answered %s", i, reply)
		}
	}
	deployed := 0
	for _, e := range s.told() {
		if strings.HasPrefix(e, wadmapi.FlatDeployed) {
			deployed++
		}
	}
	if deployed != 1 {
		t.Errorf("ten deploys of one version are told %d times", deployed)
	}
}

// onePutWins is the text of the put that was answered with success.
func (s *stage) onePutWins(batch []recorded) string {
	s.t.Helper()
	var winner string
	for i, reply := range s.atOnce(batch) {
		switch {
		case strings.Contains(reply, `"result":"success"`):
			if winner != "" {
				s.t.Errorf("two puts of one version are stored: %s", reply)
			}
			winner = batch[i].body()
		case !strings.Contains(reply, " already exists in lattice default, operation rejected"):
			s.t.Errorf("a put that lost is answered %s", reply)
		}
	}
	if winner == "" {
		s.t.Fatal("no put is stored")
	}
	return winner
}

func quotedText(s string) string {
	b, _ := wadmapi.Encode(s)
	return string(b)
}

// What 0.3.0 could neither list, repair nor delete is deleted with all that belongs to it.
func TestABrokenRecordIsDeleted(t *testing.T) {
	s := newStage(t, true)
	s.spoil("list with a ghost")
	s.spoil("list with a ghost that has a version")
	s.spoil("list with a broken entry")
	if got := s.model("list", ""); !strings.Contains(got, `"name":"ghost"`) {
		t.Errorf("it is not listed: %s", got)
	}
	if got := s.model("del.ghost", `{"delete_all":"true"}`); got != `{"data":{"version":""},"result":"success"}` {
		t.Errorf("the delete is answered %s", got)
	}
	if got := s.model("list", ""); got != `{"data":[],"result":"success"}` {
		t.Errorf("it is still listed: %s", got)
	}
}
