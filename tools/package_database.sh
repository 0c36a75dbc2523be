#!/usr/bin/env bash
# Builds the wasm file with SQLite, which the holistic reasoning lab loads: tools/package_database.sh OUT. See
# tools/package.sh.
#
# Small rather than fast, the C of SQLite as well: contexts are made within tens of milliseconds all the same.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$HOME/.cargo/bin:$PATH"

out=$1
# The engine is built in the same folder, with the same dependencies.
cargo rustc --quiet --lib --release --crate-type cdylib --target wasm32-unknown-unknown --no-default-features --features database \
  --config 'profile.release.package.glitchscope-math.opt-level="s"'
wasm-bindgen --target web --typescript --out-name glitchscope_database --out-dir "$out" \
  target/wasm32-unknown-unknown/release/glitchscope.wasm
