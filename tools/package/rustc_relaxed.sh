#!/usr/bin/env bash
# As rustc_plain.sh, for the wasm files that may use relaxed SIMD: dependencies have no kernels, and are therefore compiled once
# for both files.
set -euo pipefail
exec "$(dirname "$0")/rustc_plain.sh" "$@" -C target-feature=+relaxed-simd
