# Short names for the commands that people type. `make check` is what has to pass before a change lands.
TOOL    := go tool -modfile=tools/go.mod
VERSION ?= 0.1.0
LDFLAGS := -s -w -X main.version=$(VERSION)

.PHONY: check test lint fix bench microbench fuzz generate build

check: ## everything, as the README's test command and .ci/run do it
	./scripts/test.sh

test: ## the tests alone
	$(TOOL) gotestsum --format pkgname --format-hide-empty-pkg -- -race -shuffle=on ./...

lint: ## vet and lint alone
	go vet ./...
	$(TOOL) golangci-lint run ./...

fix: ## format, and mend what the linters can mend by themselves
	gofmt -w $$(git ls-files '*.go')
	$(TOOL) golangci-lint run --fix ./...

bench: ## the speed table: value, floor taken in the same run, ratio (docs/benchmarks.md)
	go run ./internal/bench

microbench: ## the benchmarks beside the packages
	go test -run '^$$' -bench . -benchmem ./...

fuzz: ## every fuzz target for a minute each: make fuzz FUZZTIME=10m
	@git grep -l '^func Fuzz' -- '*_test.go' | xargs -n1 dirname | sort -u | while read -r dir; do \
	  for name in $$(go test -list '^Fuzz' ./$$dir | grep '^Fuzz'); do \
	    echo "$$dir $$name"; go test -run '^$$' -fuzz "^$$name$$" -fuzztime $(or $(FUZZTIME),1m) ./$$dir || exit 1; \
	  done; done

generate: ## rebuild the generated files
	go generate ./...

build: ## one static binary in bin/
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/wadm ./cmd/wadm
