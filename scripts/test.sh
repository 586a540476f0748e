#!/usr/bin/env bash
# Everything that has to hold, from a fresh clone, without questions and without standard input. The tests come last,
# so that their summary is the last thing on the screen.
#
#   scripts/test.sh            all of it
#   FUZZ_SECONDS=0             leaves the fuzz run out
set -euo pipefail
cd "$(dirname "$0")/.."

tool() { go tool -modfile=tools/go.mod "$@"; }
step() { printf '\n== %s\n' "$*"; }
die() { printf 'test.sh: %s\n' "$*" >&2; exit 1; }

# Some tests run against a real redis-server.
need_redis() {
  command -v redis-server >/dev/null && return
  step "installing redis-server"
  local sudo=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || die "the tests need redis-server; install it, or run this as root"
    sudo=(sudo)
  fi
  command -v apt-get >/dev/null || die "the tests need redis-server, and there is no apt-get to install it with"
  "${sudo[@]}" apt-get update -q
  # Without policy-rc.d the package would start a server on the default port; the tests start their own.
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -q --no-install-recommends redis-server
}

check_format() {
  step "gofmt"
  local files
  files=$(gofmt -l .)
  [ -z "$files" ] || die "not formatted: $files"
}

# The state of the tree as one hash: what is changed and what is new, so that a tree with changes of its own can be
# checked too. In a fresh clone this is the same as git diff --exit-code.
tree() { { git diff HEAD; git ls-files -z --others --exclude-standard | xargs -0 -r sha256sum; } | sha256sum; }

check_generated() {
  step "go generate changes nothing"
  local before
  before=$(tree)
  go generate ./...
  [ "$before" = "$(tree)" ] || { git status --short; git --no-pager diff --stat; die "generated files are not up to date"; }
}

# Each fuzz target for a few seconds. The share shrinks when there are many, so that the whole stays below 90 s.
check_fuzz() {
  local each=${FUZZ_SECONDS:-5} targets=() dir name names
  step "fuzz"
  while read -r dir; do
    names=$(go test -list '^Fuzz' "./$dir" | sed -n '/^Fuzz/p')
    for name in $names; do targets+=("$dir $name"); done
  done < <(git grep -l --untracked '^func Fuzz' -- '*_test.go' ':!*/testdata/*' | xargs -r -n1 dirname | sort -u)
  [ "${#targets[@]}" -gt 0 ] || { echo "no fuzz target"; return; }
  [ "$each" != 0 ] || { echo "left out: FUZZ_SECONDS=0"; return; }
  if [ $((each * ${#targets[@]})) -gt 80 ]; then each=$((80 / ${#targets[@]})); fi
  [ "$each" -gt 0 ] || each=1
  for name in "${targets[@]}"; do fuzz_one $name "$each"; done
}

fuzz_one() { # dir, name, seconds
  local out try
  for try in 1 2; do
    if out=$(go test -run '^$' -fuzz "^$2\$" -fuzztime "$3s" -parallel 2 "./$1" 2>&1); then
      printf '%s %s: %s\n' "$1" "$2" "$(grep -o 'execs: [0-9]*' <<<"$out" | tail -n 1)"
      return
    fi
    # Go's own fuzz engine now and then reports its own deadline as a failure. A real find is always written down.
    if grep -q 'Failing input written' <<<"$out" || ! grep -q 'context deadline exceeded' <<<"$out"; then break; fi
    [ "$try" = 2 ] || echo "$1 $2: the fuzz engine ran into its own deadline; once more"
  done
  printf '%s\n' "$out"
  die "$1 $2 failed"
}

# The Dockerfile puts the binary into an empty image, where no loader and no library is.
check_static() {
  step "the binary is static"
  local dir out
  dir=$(mktemp -d)
  CGO_ENABLED=0 go build -trimpath -o "$dir/wadm" ./cmd/wadm
  out=$(ldd "$dir/wadm" 2>&1 || true)
  "$dir/wadm" --version
  rm -rf "$dir"
  grep -q 'not a dynamic executable' <<<"$out" || die "wadm needs libraries: $out"
}

# The first command of the README, on hosts of both dialects and with the API and the Redis of 0.3.0, ended by itself as
# soon as the example is deployed. Its state goes nowhere, so that a running wadm dev of the same person keeps its own.
check_dev() {
  local state rc=0 how
  state=$(mktemp -d)
  for how in --dialect=v1 --dialect=otp --profile=0.3; do
    step "wadm dev --once $how"
    XDG_STATE_HOME=$state timeout 180 go run ./cmd/wadm dev --once "$how" </dev/null || rc=$?
    [ "$rc" = 0 ] || break
  done
  rm -rf "$state"
  [ "$rc" = 0 ] || die "wadm dev --once $how ended with $rc"
}

# The chart and the manifests for Kubernetes, in a module of their own: nothing of Helm or Kubernetes is a dependency of wadm.
# Its tests run with all others.
check_deploy() {
  step "Kubernetes"
  (cd deploy/test && go vet ./...)
}

need_redis
check_format
step "go vet"
go vet ./...
step "golangci-lint"
tool golangci-lint run ./...
check_generated
check_fuzz
check_static
check_dev
check_deploy
step "go test -race"
tool gotestsum --format pkgname --format-hide-empty-pkg --raw-command -- bash scripts/all-tests.sh
