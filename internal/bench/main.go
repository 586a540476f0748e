package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == roleFlag {
		if err := play(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	rows := flag.String("rows", "", "rows to take, with commas between; all of them if empty")
	pairs := flag.Int("pairs", 7, "interleaved pairs of each row, at least 7 for a table to be shown")
	output := flag.String("o", "text", "text or json")
	flag.Parse()
	if err := run(*rows, *pairs, *output); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type taken func(pairs int) ([]*row, error)

func run(names string, pairs int, output string) error {
	all := []struct {
		name string
		take taken
	}{
		{"deploy-1000", deploys(deploy1000)},
		{"otp-spread", deploys(otpSpread)},
		{"heartbeat-steady", heartbeats},
		{"hostloss", hostLoss},
		{"mem", memory},
		{"redis", onRedis},
		{"otp-spread-redis", spreadOnRedis},
	}
	rep := newReport(pairs, time.Now())
	for _, one := range all {
		if names != "" && !slices.Contains(strings.Split(names, ","), one.name) {
			continue
		}
		got, err := one.take(pairs)
		if err != nil {
			return err
		}
		rep.Rows = append(rep.Rows, got...)
	}
	if output == "json" {
		return rep.json(os.Stdout)
	}
	return rep.text(os.Stdout)
}
