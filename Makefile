# `make demo` runs the main job on embedded parts; `make test` passes the tests. Both install by themselves what
# they need and do nothing twice.

SHELL := /bin/bash
STAMPS := .stamps
SOURCES := $(shell find src -name '*.ts' 2>/dev/null)

.PHONY: demo test check bench deb clean

demo: dist/main.js
	node dist/main.js demo

test: check $(STAMPS)/servers
	npm test --silent

# With another version of Node, in which the tests of the pure rooms run: make test-node22 test-node24.
test-node%: $(STAMPS)/packages
	scripts/test-node.sh $*

check: dist/main.js
	npm run --silent typecheck
	npm run --silent lint

bench: dist/main.js
	npm run --silent bench

# A Debian package in build/deb. ARCH=arm64 builds for another machine; NODE=22 puts that Node into the package.
deb: dist/main.js
	@ARCH=$(ARCH) NODE=$(NODE) packaging/deb.sh

dist/main.js: $(STAMPS)/packages $(SOURCES) tsconfig.json scripts/bundle.ts
	npm run --silent build
	@touch $@

$(STAMPS)/packages: package.json package-lock.json
	npm ci --no-audit --no-fund
	@mkdir -p $(STAMPS) && touch $@

# Debian packages of the real servers that the tests start on loopback.
$(STAMPS)/servers: test/servers/packages.txt test/servers/install.sh
	bash test/servers/install.sh
	@mkdir -p $(STAMPS) && touch $@

clean:
	rm -rf dist build $(STAMPS) node_modules
