#!/usr/bin/env bash
# Every parser of hostile files under a coverage-guided fuzzer, FUZZ_SECONDS each (60 unless told otherwise); seeds are the
# repository's own small files. A finding is left in fuzz/artifacts/ and fails the run.
#
# The stable compiler does: coverage needs no nightly, only a sanitizer would. Bounds are checked by Rust, memory by
# -rss_limit_mb and by the counting allocator of tests/checkpoint_fuzz.rs.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$HOME/.cargo/bin:$PATH" RUSTC_BOOTSTRAP=1
command -v cargo-fuzz > /dev/null || cargo install cargo-fuzz --locked --quiet

seed() { # target, files: copied under names that cannot collide
  local target=$1 i=0
  shift
  mkdir -p "fuzz/corpus/$target"
  for file in "$@"; do
    [ "$(stat -c %s "$file")" -gt 200000 ] || cp "$file" "fuzz/corpus/$target/seed-$((i += 1))"
  done
}
seed config tests/golden/models/*/config.json www/public/specimen/config.json
seed safetensors tests/golden/models/*/model.safetensors
seed tokenizer tests/golden/tokenizer/*/tokenizer.json www/public/specimen/tokenizer.json
seed gguf $(find tests/golden -name '*.gguf' 2> /dev/null)

for target in fuzz/fuzz_targets/*.rs; do
  name=$(basename "$target" .rs)
  echo
  echo "== fuzz: $name"
  cargo fuzz run --sanitizer none "$name" -- -max_total_time="${FUZZ_SECONDS:-60}" -rss_limit_mb=2048 -max_len=262144 \
    -timeout=20 -print_final_stats=1 -verbosity=0 2>&1 | grep -vE '^(INFO|#[0-9]+.*(NEW|REDUCE|pulse))' | tail -n 25
done
