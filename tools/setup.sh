#!/usr/bin/env bash
# Installs what a build needs and is missing: the wasm32 target, the standard library's source, wasm-pack, clang for SQLite,
# and the wasm-bindgen command of exactly the version in Cargo.lock (the two refuse to work together otherwise). Says nothing
# when there is nothing to do.
set -euo pipefail
cd "$(dirname "$0")/.."

for tool in cargo rustup node npm; do
  command -v "$tool" >/dev/null || {
    echo "error: $tool is missing. Rust comes from https://rustup.rs, Node 20 or newer from https://nodejs.org" >&2
    exit 1
  }
done
node_major=$(node -p 'process.versions.node.split(".")[0]')
[ "$node_major" -ge 20 ] || { echo "error: Node $(node -v) is too old, 20 or newer is needed" >&2; exit 1; }

rustup target list --installed 2>/dev/null | grep -q '^wasm32-unknown-unknown$' || rustup target add wasm32-unknown-unknown
# The standard library's source, for the build with threads.
rustup component list --installed 2>/dev/null | grep -q '^rust-src' || rustup component add rust-src

# The two tools work for seconds and compile for minutes: each is optimised as much as it pays, and they are built at once.
export CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16
wasm_pack=
command -v wasm-pack >/dev/null || {
  echo "installing wasm-pack (once, about two minutes)" >&2
  CARGO_PROFILE_RELEASE_OPT_LEVEL=0 cargo install --quiet wasm-pack --locked &
  wasm_pack=$!
}
# SQLite is C, and for wasm clang compiles it.
echo 'int main;' | clang --target=wasm32-unknown-unknown -c -x c -o /dev/null - 2>/dev/null && command -v llvm-ar >/dev/null || {
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing clang and llvm" >&2
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends clang llvm >/dev/null
  else
    echo "error: clang with its wasm32 target, or llvm-ar, is missing. On Debian or Ubuntu: sudo apt-get install clang llvm" >&2
    exit 1
  fi
}
wanted=$(awk '/^name = "wasm-bindgen"$/ { getline; gsub(/version = |"/, ""); print }' Cargo.lock)
installed=$(wasm-bindgen --version 2>/dev/null | awk '{ print $2 }' || true)
[ "$installed" = "$wanted" ] || {
  echo "installing wasm-bindgen-cli $wanted (once, about three minutes)" >&2
  CARGO_PROFILE_RELEASE_OPT_LEVEL=1 cargo install --quiet wasm-bindgen-cli --version "$wanted" --bin wasm-bindgen
}
[ -z "$wasm_pack" ] || wait "$wasm_pack"
