#!/usr/bin/env bash
# All tests as one stream of events, which gotestsum reads (scripts/test.sh): those of the module for Kubernetes, those of wadm, and at last the one
# that looks in the record of them whether every test that a document names ran and passed.
set -uo pipefail
cd "$(dirname "$0")/.."

ran=$(mktemp)
trap 'rm -f "$ran"' EXIT
rc=0
(cd deploy/test && go test -json -timeout 8m ./...) | tee "$ran" || rc=1
go test -json -race -shuffle=on -timeout 8m ./... | tee -a "$ran" || rc=1
WADM_TEST_EVENTS=$ran go test -json -count=1 ./internal/guard/ran || rc=1
exit "$rc"
