#!/usr/bin/env bash
# Builds what `make bench` measures in the browser: the product with its bench functions, plain, relaxed and with
# threads, and the peers.
# Everything lands in target/bench. `benches/build.sh relaxed` builds only that variant of the product.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$HOME/.cargo/bin:$PWD/www/node_modules/.bin:$PATH"

out=target/bench
mkdir -p "$out"
for variant in ${1:-plain relaxed threads}; do
  if [ "$variant" = threads ]; then
    tools/package_threads.sh "$out/threads" --features bench
    node tools/package_entry.mjs "$out/threads" --threads-only
    continue
  fi
  RUSTC_WORKSPACE_WRAPPER=$PWD/tools/package/rustc_$variant.sh \
    cargo build --quiet --lib --release --target wasm32-unknown-unknown --features bench
  wasm-bindgen --target web --out-dir "$out/$variant" target/wasm32-unknown-unknown/release/glitchscope.wasm
done
# The native contestants, or their building would count as measuring.
[ -n "${1:-}" ] || cargo bench --quiet --no-run --features bench --bench native --bench gpu --bench graph
for variant in plain relaxed; do
  [ "$variant" = plain ] && features=+simd128 || features=+simd128,+relaxed-simd
  RUSTFLAGS="-C target-feature=$features" cargo build --quiet --release --target wasm32-unknown-unknown \
    --manifest-path benches/peers/Cargo.toml --target-dir "$out/peers-$variant"
  cp "$out/peers-$variant/wasm32-unknown-unknown/release/glitchscope_bench_peers.wasm" "$out/peers-$variant.wasm"
done
