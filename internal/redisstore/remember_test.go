package redisstore

import (
	"strconv"
	"testing"
)

func TestWhatIsRememberedIsBounded(t *testing.T) {
	var b bounded[string, int]
	for i := range 3 * mostRemembered {
		b.put(strconv.Itoa(i), i, 1)
		if len(b.held) > mostRemembered || b.bytes != len(b.held) {
			t.Fatalf("after %d: %d things of %d bytes", i, len(b.held), b.bytes)
		}
	}
	b.put("a", 1, mostBytes/2)
	b.put("a", 2, mostBytes/2+1)
	if v, _ := b.get("a"); v != 2 || b.bytes > mostBytes {
		t.Errorf("replaced: %d, %d bytes", v, b.bytes)
	}
	b.put("b", 3, mostBytes/2)
	if _, ok := b.get("a"); ok || b.bytes != mostBytes/2 {
		t.Errorf("the first is still there beside the second: %d bytes", b.bytes)
	}
	b.put("c", 4, mostBytes+1)
	if _, ok := b.get("c"); ok || b.bytes > mostBytes {
		t.Errorf("a thing that is too large is remembered: %d bytes", b.bytes)
	}
}
