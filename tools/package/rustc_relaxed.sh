#!/usr/bin/env bash
# Cargo's wrapper (RUSTC_WORKSPACE_WRAPPER) around the compiler of this repository's own crates, for the wasm files that may
# use relaxed SIMD: dependencies have no kernels, and are therefore compiled once for both files.
#
# The inlining threshold (275 otherwise): what the kernels need inlined says so.
set -euo pipefail
exec "$@" -C target-feature=+relaxed-simd -C llvm-args=-inline-threshold=75
