package sim

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// The first byte of a key, which makes its first letter.
const (
	keyHost     = 13 << 3 // N
	keyActor    = 12 << 3 // M
	keyProvider = 21 << 3 // V
	keyAccount  = 0       // A
	keyCluster  = 2 << 3  // C
)

var base32Plain = base32.StdEncoding.WithPadding(base32.NoPadding)

// publicKey returns a well-formed key of 56 characters that depends on seed alone: prefix, 32 bytes, checksum.
func publicKey(prefix byte, seed string) string {
	sum := sha256.Sum256([]byte(seed))
	raw := append([]byte{prefix}, sum[:]...)
	raw = binary.LittleEndian.AppendUint16(raw, crc16(raw))
	return base32Plain.EncodeToString(raw)
}

// crc16 is the checksum of public keys (XMODEM).
func crc16(data []byte) uint16 {
	var crc uint16
	for _, b := range data {
		crc ^= uint16(b) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}

func random16(rng *rand.Rand) (b [16]byte) {
	binary.BigEndian.PutUint64(b[:8], rng.Uint64())
	binary.BigEndian.PutUint64(b[8:], rng.Uint64())
	return b
}

// uuid is the id of OTP events and instances: random.
func uuid(rng *rand.Rand) string {
	b := random16(rng)
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return dashed(b)
}

// eventULID is the id of a 1.x event: a ULID printed as a UUID, so it begins with the time.
func eventULID(rng *rand.Rand, wall time.Time) string {
	b := random16(rng)
	ms := uint64(max(wall.UnixMilli(), 0))
	for i := range 6 {
		b[i] = byte(ms >> (8 * (5 - i)))
	}
	return dashed(b)
}

func dashed(b [16]byte) string {
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// traceparent is the header that OTP hosts put on what they publish while handling a request.
func traceparent(rng *rand.Rand) map[string][]string {
	b := random16(rng)
	var span [8]byte
	binary.BigEndian.PutUint64(span[:], rng.Uint64())
	return map[string][]string{"traceparent": {"00-" + hex.EncodeToString(b[:]) + "-" + hex.EncodeToString(span[:]) + "-01"}}
}

var (
	adjectives = strings.Fields("autumn bold calm damp early falling gentle holy icy late misty nameless old patient quiet restless shy still tiny wispy")
	things     = strings.Fields("bird brook cloud dawn feather field flower forest frog lake leaf meadow moon pine rain river sea sky snow wood")
)

// friendlyName is what a host calls itself where nobody named it: new at each start, even if the id stays.
func friendlyName(rng *rand.Rand) string {
	return adjectives[rng.IntN(len(adjectives))] + "-" + things[rng.IntN(len(things))] + "-" + strconv.Itoa(rng.IntN(10000))
}

// unit of an uptime as people read it.
type unit struct {
	seconds         uint64
	short, long     string
	pluralShortened bool // the short form takes an s in the plural
}

var units = []unit{
	{86400, "day", "day", true},
	{3600, "h", "hour", false},
	{60, "m", "minute", false},
	{1, "s", "second", false},
}

// uptimeV1 is the form of 1.x hosts: "2m 5s", "1day 2h".
func uptimeV1(seconds uint64) string {
	var parts []string
	for _, u := range units {
		n := seconds / u.seconds
		if seconds %= u.seconds; n == 0 {
			continue
		}
		name := u.short
		if u.pluralShortened && n != 1 {
			name += "s"
		}
		parts = append(parts, strconv.FormatUint(n, 10)+name)
	}
	if len(parts) == 0 {
		return "0s"
	}
	return strings.Join(parts, " ")
}

// uptimeOTP is the form of OTP hosts: "1 minute, 32 seconds".
func uptimeOTP(seconds uint64) string {
	var parts []string
	for _, u := range units {
		n := seconds / u.seconds
		if seconds %= u.seconds; n == 0 {
			continue
		}
		name := u.long
		if n != 1 {
			name += "s"
		}
		parts = append(parts, strconv.FormatUint(n, 10)+" "+name)
	}
	if len(parts) == 0 {
		return "0 microseconds"
	}
	return strings.Join(parts, ", ")
}
