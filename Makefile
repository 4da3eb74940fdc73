# `make` lists what can be made. Each of these installs what it needs, and does nothing twice.

SHELL := /bin/bash
STAMPS := .stamps
SOURCES := $(shell find src -type f 2>/dev/null)

.PHONY: help demo test check bench deb clean

# The text behind ## is the help of its target.
help: ## this list
	@awk -F ' *## *' '/^[a-z]+:.*##/ { sub(/:.*/, "", $$1); printf "  make %-7s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: dist/main.js ## flight logs from a simulated autopilot to an FTP server and an upload page
	node dist/main.js demo

test: check $(STAMPS)/servers ## types, lint, format and every test, on real servers that it unpacks below build/
	npm test --silent

# With another version of Node, in which the tests of the pure rooms run: make test-node22 test-node24.
test-node%: $(STAMPS)/packages
	scripts/test-node.sh $*

check: dist/main.js ## types, lint and format
	npm run --silent typecheck
	npm run --silent lint

bench: dist/main.js ## figures, as ratios in one run
	npm run --silent bench

deb: dist/main.js ## a Debian package in build/deb (ARCH=arm64: for another machine; NODE=22: with that Node inside)
	@ARCH=$(ARCH) NODE=$(NODE) packaging/deb.sh

dist/main.js: $(STAMPS)/packages $(SOURCES) tsconfig.json scripts/bundle.ts scripts/bundle/page.ts
	npm run --silent build
	@touch $@

$(STAMPS)/packages: package.json package-lock.json
	npm ci --no-audit --no-fund
	@mkdir -p $(STAMPS) && touch $@

# Debian packages of the real servers that the tests start on loopback.
$(STAMPS)/servers: test/servers/packages.txt test/servers/install.sh
	bash test/servers/install.sh
	@mkdir -p $(STAMPS) && touch $@

clean: ## remove all that was made
	rm -rf dist build $(STAMPS) node_modules
