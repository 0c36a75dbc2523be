#!/usr/bin/env bash
# Everything, in the order in which a failure is cheapest: native, then the page's logic, then the built page in a real
# browser. Skipped tests are counted at the end; nothing is skipped silently.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/browser.sh

log=$(mktemp)
trap 'rm -f "$log"' EXIT
run() {
  echo
  echo "== $1"
  shift
  "$@" 2>&1 | tee -a "$log"
}

# The browser script has made sure of a Vulkan driver on Linux, so a GPU that is missing there is a failure.
[ "$(uname)" != Linux ] || export GPU=${GPU:-required}
# Without a desktop, Mesa's device-selection layer prints an "error:" for every adapter, which would hide real ones.
[ -n "${XDG_RUNTIME_DIR:-}" ] || export NODEVICE_SELECT=1

# The oracle of SQL answers. Where there is no registry, its test says that it was skipped.
DUCKDB=$(tools/venv.sh duckdb duckdb==1.0.0) && export DUCKDB || unset DUCKDB

run "native: unit, property, golden, twins" cargo test --workspace
run "example: Ray" tools/ray_example.sh
run "build: wasm and page" make --no-print-directory build
run "page: logic" npm --prefix www test --silent
# Two files at once: most of the time a browser waits for one thread of its own.
run "browser: core and page in Chromium" node --test --test-concurrency=2 tests/web/*.test.mjs

echo
# Node's reporter puts a number sign in front of what a test prints.
skipped=$(grep -cE '^(# )?SKIPPED: ' "$log" || true)
grep -E '^(# )?SKIPPED: ' "$log" || true
echo "all passed; skipped: $skipped"
