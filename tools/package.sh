#!/usr/bin/env bash
# Builds pkg/: one JavaScript entry and two wasm files, `glitchscope_bg.wasm` for every browser with SIMD and
# `glitchscope_relaxed_bg.wasm` for those with relaxed SIMD, whose multiply-add is one instruction. The entry looks which
# of the two the browser takes when it is initialised.
#
# Dependencies are compiled once: the flag goes to the last crate alone, which is where the kernels are.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$HOME/.cargo/bin:$PWD/www/node_modules/.bin:$PATH"

wasm=target/wasm32-unknown-unknown/release/glitchscope.wasm
relaxed=target/package-relaxed
rm -rf "$relaxed"
cargo rustc --quiet --lib --release --target wasm32-unknown-unknown -- -C target-feature=+relaxed-simd
wasm-bindgen --target web --typescript --out-dir "$relaxed" "$wasm"
wasm-pack build --release --target web --mode no-install

# The entry fits both only when their imports and exports are the same.
cmp "$relaxed/glitchscope.js" pkg/glitchscope.js || {
  echo "error: the two wasm files need different JavaScript; a kernel's export must not depend on relaxed-simd" >&2
  exit 1
}
# The same passes as wasm-pack's, which reads them from Cargo.toml.
mapfile -t passes < <(sed -n '/^\[package.metadata.wasm-pack.profile.release\]/,/^$/s/^wasm-opt = //p' Cargo.toml | grep -o '"[^"]*"' | tr -d '"')
wasm-opt "${passes[@]}" --enable-relaxed-simd "$relaxed/glitchscope_bg.wasm" -o pkg/glitchscope_relaxed_bg.wasm
node tools/package_entry.mjs pkg
