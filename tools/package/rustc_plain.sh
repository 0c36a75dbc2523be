#!/usr/bin/env bash
# Cargo's wrapper (RUSTC_WORKSPACE_WRAPPER) around the compiler of this repository's own crates, for the wasm files.
#
# Cargo gives the crates of every wrapper other metadata, and with it other names to exported functions; here they are given
# the same, so that one JavaScript fits two files. The inlining threshold is 275 otherwise: what the kernels need inlined says
# so, and 44 KB of gzipped code are saved. Cargo does not see when this file changes: touch src/math.rs and src/lib.rs.
set -euo pipefail
arguments=()
for argument in "$@"; do
  [[ $argument != metadata=* ]] || argument=metadata=glitchscope
  arguments+=("$argument")
done
exec "${arguments[@]}" -C llvm-args=-inline-threshold=75
