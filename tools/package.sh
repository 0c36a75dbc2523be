#!/usr/bin/env bash
# Builds pkg/: one JavaScript entry and three wasm files, without relaxed SIMD, with it (its multiply-add is one instruction),
# and with it and threads. The entry looks when it is initialised which of them the page can have. A fourth file, with an
# entry of its own, has SQLite and no model.
#
# Dependencies are compiled twice, with and without threads: relaxed SIMD goes to our own crates alone
# (tools/package/rustc_relaxed.sh), but shared memory is a property of all code, of the standard library too. That one is
# therefore built here, from `rust-src`, which the stable compiler does when RUSTC_BOOTSTRAP allows it an unstable flag.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$HOME/.cargo/bin:$PWD/www/node_modules/.bin:$PATH"

wasm=target/wasm32-unknown-unknown/release/glitchscope.wasm
out=target/package
rm -rf "$out" pkg
# Beside the other two: the last crate is compiled on one core.
tools/package_threads.sh "$out/threads" &
threads=$!
trap 'kill $threads 2>/dev/null || true' EXIT
tools/package_database.sh "$out/database"
RUSTC_WORKSPACE_WRAPPER=$PWD/tools/package/rustc_relaxed.sh \
  cargo build --quiet --lib --release --target wasm32-unknown-unknown
wasm-bindgen --target web --typescript --out-dir "$out/relaxed" "$wasm"

# The same passes as wasm-pack's, which reads them from Cargo.toml. -O3 takes four times as long as -O1; products, the
# stages of a map and the gzipped size came out the same (within what two runs differ by).
mapfile -t passes < <(sed -n '/^\[package.metadata.wasm-pack.profile.release\]/,/^$/s/^wasm-opt = //p' Cargo.toml | grep -o '"[^"]*"' | tr -d '"')
# One after the other beside the last file, which is compiled on one core.
(
  wasm-opt "${passes[@]}" --enable-relaxed-simd "$out/relaxed/glitchscope_bg.wasm" -o "$out/glitchscope_relaxed_bg.wasm"
  wasm-opt "${passes[@]}" "$out/database/glitchscope_database_bg.wasm" -o "$out/glitchscope_database_bg.wasm"
) &
others=$!
trap 'kill $threads $others 2>/dev/null || true' EXIT
RUSTC_WORKSPACE_WRAPPER=$PWD/tools/package/rustc_plain.sh wasm-pack build --release --target web --mode no-install
wait $threads
wasm-opt "${passes[@]}" --enable-relaxed-simd --enable-threads "$out/threads/glitchscope_threads_bg.wasm" -o pkg/glitchscope_threads_bg.wasm
wait $others
trap - EXIT
mv "$out"/glitchscope_{relaxed,database}_bg.wasm pkg/
cp "$out/threads/glitchscope_threads.js" pkg/
cp -r "$out/threads/snippets" pkg/
cp "$out/database/glitchscope_database.js" "$out/database/glitchscope_database.d.ts" pkg/

# One JavaScript fits the two without threads only when their imports and exports are the same. In its comments stand
# places in a file's table of functions, which differ with what was inlined.
without_places() { sed 's/shim_idx: [0-9]*//' "$1"; }
cmp <(without_places "$out/relaxed/glitchscope.js") <(without_places pkg/glitchscope.js) || {
  echo "error: the two wasm files need different JavaScript; a kernel's export must not depend on relaxed-simd" >&2
  exit 1
}
node tools/package_entry.mjs pkg
