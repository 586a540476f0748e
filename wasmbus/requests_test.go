package wasmbus

import (
	"errors"
	"maps"
	"regexp"
	"strings"
	"testing"
)

// decodeRequest decodes a recorded control request of either dialect.
func decodeRequest(t *testing.T, dir string, l line) (op string, request any, err error) {
	t.Helper()
	if dir == "v1" {
		ctl, ok := ParseV1Ctl(l.subject, "")
		if !ok {
			t.Fatalf("%s: subject %q does not parse", l.at, l.subject)
		}
		if !ctl.Supported() {
			return "v1 " + strings.TrimPrefix(l.subject, "wasmbus.ctl.v1.default."), nil, errors.New("unsupported subject")
		}
		request, err = DecodeV1Request(ctl.Op, l.body)
		return "v1 " + string(ctl.Op), request, err
	}
	ctl, ok := ParseOTPCtl(l.subject, "")
	if !ok {
		t.Fatalf("%s: subject %q does not parse", l.at, l.subject)
	}
	request, err = DecodeOTPRequest(ctl.Op, l.body)
	return "otp " + string(ctl.Op), request, err
}

var publicKey = regexp.MustCompile(`\b[NMV][A-Z2-7]{55}\b`)

// shortKeys replaces the keys of hosts, actors and providers by their letter.
func shortKeys(s string) string {
	return publicKey.ReplaceAllStringFunc(s, func(key string) string { return key[:1] })
}

func TestEveryRecordedRequestThatWasCarriedOutDecodes(t *testing.T) {
	left := maps.Clone(malformed)
	for _, dir := range []string{"v1", "otp", "otp-host"} {
		for _, l := range recordings(t, dir) {
			if !strings.HasPrefix(l.subject, "wasmbus.ctl.") {
				continue
			}
			op, _, err := decodeRequest(t, dir, l)
			key := shortKeys(op + " " + string(l.body))
			end, bad := malformed[key]
			delete(left, key)
			switch {
			case bad && err == nil:
				t.Errorf("%s: %s decodes, want an error", l.at, key)
			case !bad && err != nil:
				t.Errorf("%s: %s: %v; the host: %v", l.at, key, err, answerText(l))
			case bad && !strings.Contains(end, endOf(l)):
				t.Errorf("%s: %s was %s, listed as %s", l.at, key, endOf(l), end)
			case !bad && refusedForItsForm(l) && !refusedForItsContent[key]:
				t.Errorf("%s: %s decodes, but the host said %s", l.at, key, answerText(l))
			}
		}
	}
	for key := range left {
		t.Errorf("%s: not among the recordings", key)
	}
}

// endOf tells what became of a request that no host carried out.
func endOf(l line) string {
	switch {
	case len(l.answers) == 0:
		return "unanswered"
	case strings.Contains(answerText(l), "true"):
		return "dropped"
	}
	return "refused"
}

func answerText(l line) string {
	if len(l.answers) == 0 {
		return "(no answer)"
	}
	return string(l.answers[0].body)
}

// refusedForItsForm recognises the words with which hosts refuse a body.
func refusedForItsForm(l line) bool {
	for _, a := range l.answers {
		body := strings.ToLower(string(a.body))
		for _, words := range []string{"deserialize", "invalid", "improperly", "failed to update registry", "unsupported"} {
			if strings.Contains(body, words) {
				return true
			}
		}
	}
	return false
}

func TestRequestsOfTheOldControlPlanesEncodeBackEqual(t *testing.T) {
	counts := map[string]int{}
	for _, dir := range []string{"v1", "otp"} {
		for _, l := range recordings(t, dir) {
			if !strings.HasPrefix(l.subject, "wasmbus.ctl.") || len(l.body) == 0 ||
				dir == "v1" && !strings.HasPrefix(l.at, "v1/app_") || byTheScript[l.at] {
				continue
			}
			_, request, err := decodeRequest(t, dir, l)
			if err != nil {
				t.Errorf("%s: %v", l.at, err)
				continue
			}
			back, err := Encode(request)
			if err != nil {
				t.Errorf("%s: %v", l.at, err)
				continue
			}
			if !sameJSON(t, back, l.body) {
				t.Errorf("%s: %s encodes back as %s", l.at, l.body, back)
			}
			counts[dir]++
		}
	}
	if counts["v1"] < 150 || counts["otp"] < 150 {
		t.Errorf("only %v requests were seen", counts)
	}
}

func TestEveryRecordedAnswerDecodes(t *testing.T) {
	typed := 0
	for _, dir := range []string{"v1", "otp", "otp-host"} {
		for _, l := range recordings(t, dir) {
			if !strings.HasPrefix(l.subject, "wasmbus.ctl.") {
				continue
			}
			for _, a := range l.answers {
				var refused *RefusedError
				known, err := decodeAnswer(dir, l.subject, a.body)
				if err != nil && !errors.As(err, &refused) {
					t.Errorf("%s: %s %s: %v", a.at, l.subject, a.body, err)
				}
				if known && err == nil {
					typed++
				}
			}
		}
	}
	if typed < 500 {
		t.Errorf("only %d typed answers were seen", typed)
	}
}

// decodeAnswer decodes an answer by what was asked; false for a bare ack.
func decodeAnswer(dir, subject string, body []byte) (bool, error) {
	if dir == "v1" {
		ctl, _ := ParseV1Ctl(subject, "")
		return decodeV1Answer(ctl.Op, body)
	}
	ctl, _ := ParseOTPCtl(subject, "")
	return decodeOTPAnswer(ctl.Op, body)
}

func decodeV1Answer(op V1Op, body []byte) (known bool, err error) {
	if _, err := DecodeV1Ack(body); err != nil {
		return false, err
	}
	switch op {
	case V1OpHostPing:
		_, err = DecodeV1HostSummary(body)
	case V1OpHostGet:
		_, err = DecodeV1Inventory(body)
	case V1OpLinkGet:
		_, err = DecodeV1Links(body)
	case V1OpConfigGet:
		_, _, err = DecodeV1Config(body)
	case V1OpClaimsGet:
		_, err = DecodeV1Claims(body)
	case V1OpComponentAuction:
		_, err = DecodeV1ComponentAuction(body)
	case V1OpProviderAuction:
		_, err = DecodeV1ProviderAuction(body)
	default:
		return false, nil
	}
	return true, err
}

func decodeOTPAnswer(op OTPOp, body []byte) (known bool, err error) {
	switch op {
	case OTPOpPingHosts:
		_, err = DecodeOTPHostSummary(body)
	case OTPOpInventory:
		_, err = DecodeOTPInventory(body)
	case OTPOpLinks:
		_, err = DecodeOTPLinks(body)
	case OTPOpClaims:
		_, err = DecodeOTPClaims(body)
	case OTPOpAuctionActor:
		_, err = DecodeOTPActorAuction(body)
	case OTPOpAuctionProvider:
		_, err = DecodeOTPProviderAuction(body)
	default:
		_, err = DecodeOTPAck(body)
		return false, err
	}
	return true, err
}
