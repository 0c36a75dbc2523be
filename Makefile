# One command per intention, the same at a desk and in CI.
#
#   make demo    build what changed, serve the page on http://localhost:8080 (PORT=9000 changes it)
#   make scan    the same scan in the terminal; ARGS="--json" prints the report
#   make test    everything, the browser included
#   make check   formatting, lints, types
#   make bench   every speed against its peers; writes benches/RESULTS.md (PYTHON names one with benches/requirements.txt)
#   make fuzz    every parser under a fuzzer for a minute (FUZZ_SECONDS=10 changes it)
#
# Set-up is part of each: what is missing is installed first.

PORT ?= 8080
ARGS ?=
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
export PATH := $(HOME)/.cargo/bin:$(CURDIR)/www/node_modules/.bin:$(PATH)

RUST := $(shell find src shaders tools/package -type f) $(wildcard tools/package*.*) Cargo.toml Cargo.lock .cargo/config.toml www/src/report/types.ts
WEB := $(shell find www -type f -not -path 'www/node_modules/*' -not -path 'www/dist/*')

.PHONY: help demo build scan test check bench fuzz setup screenshots clean

help:
	@sed -n 's/^#   //p' Makefile

demo: www/dist/.built
	@node tools/serve.mjs www/dist $(PORT)

build: www/dist/.built

scan: setup-rust
	@cargo run --quiet --release --bin glitchscope -- scan $(ARGS)

test: setup
	@tools/test.sh

# The page is checked against the types of the real package, whose build has compiled SQLite for the last of the lints.
check: pkg/.built
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy --workspace --release --lib --target wasm32-unknown-unknown --features database -- -D warnings
	cd www && npm run --silent typecheck && npm run --silent lint

fuzz: setup-rust
	@tools/fuzz.sh

# Pictures of every state of the page, and those of the README.
screenshots: www/dist/.built
	node tests/web/screenshots.mjs
	node tools/readme_pictures.mjs

bench: www/dist/.built benches/node_modules/.installed target/bench/gpt2-small/.built
	@tools/browser.sh
	@benches/build.sh
	@node benches/bench.mjs $(ARGS)

PYTHON ?= .cache/venv/bin/python
export PYTHON
.cache/venv/bin/python:
	python3 -m venv .cache/venv

target/bench/gpt2-small/.built: benches/gpt2_small.py $(PYTHON)
	$(PYTHON) -m pip install --quiet -r benches/requirements.txt
	$(PYTHON) benches/gpt2_small.py target/bench/gpt2-small

benches/node_modules/.installed: benches/package-lock.json
	cd benches && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: setup setup-rust
setup: setup-rust www/node_modules/.installed
setup-rust:
	@tools/setup.sh

www/node_modules/.installed: www/package-lock.json
	cd www && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

# wasm-opt comes from the npm package binaryen, which is on the PATH by now.
pkg/.built: $(RUST) | setup
	@tools/package.sh
	@touch $@

www/dist/.built: pkg/.built $(WEB) | setup
	cd www && npm run --silent build
	@touch $@

clean:
	rm -rf target pkg www/dist www/node_modules
