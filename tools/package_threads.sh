#!/usr/bin/env bash
# Compiles the engine with threads and relaxed SIMD: tools/package_threads.sh OUT [CARGO FLAGS]. See tools/package.sh.
#
# Its own target folder: what is built under RUSTC_BOOTSTRAP and what is not would throw each other out.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$HOME/.cargo/bin:$PATH"

out=$1
shift
export RUSTC_BOOTSTRAP=1
# 4 GiB is the most that wasm can address; the entry asks for less where a browser has no room for it. The exports are
# what wasm-bindgen needs to give every thread a stack and thread-local values of its own.
CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS="-C target-feature=+simd128,+atomics,+bulk-memory,+mutable-globals \
-C link-arg=--shared-memory -C link-arg=--import-memory -C link-arg=--max-memory=4294967296 \
-C link-arg=--export=__heap_base -C link-arg=--export=__wasm_init_tls -C link-arg=--export=__tls_size \
-C link-arg=--export=__tls_align -C link-arg=--export=__tls_base"
export CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS
# That `atomics` is unstable is why RUSTC_BOOTSTRAP is set, and no news; every other message is let through.
RUSTC_WORKSPACE_WRAPPER=$PWD/tools/package/rustc_relaxed.sh \
  cargo build --quiet --lib --release --target wasm32-unknown-unknown --target-dir target/threads -Z build-std=panic_abort,std "$@" \
  2> >(sed '/^warning: unstable feature specified for `-Ctarget-feature`: `atomics`$/,/^$/d' >&2)
wasm-bindgen --target web --typescript --out-name glitchscope_threads --out-dir "$out" \
  target/threads/wasm32-unknown-unknown/release/glitchscope.wasm
