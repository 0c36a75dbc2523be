#!/usr/bin/env bash
# Every parser of hostile files under a coverage-guided fuzzer, FUZZ_SECONDS each (60 unless told otherwise); seeds are the
# repository's own small files. A finding is left in fuzz/artifacts/ and fails the run.
#
# The stable compiler does, and cargo-fuzz is not needed: these are the flags it would pass for coverage, without a
# sanitizer. Bounds are checked by Rust, memory by -rss_limit_mb and by the counting allocator of tests/checkpoint_fuzz.rs.
set -euo pipefail
cd "$(dirname "$0")/../fuzz"
export PATH="$HOME/.cargo/bin:$PATH"
target=$(rustc -vV | sed -n 's/^host: //p')
RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table" \
  cargo build --quiet --release --bins --target "$target"

seed() { # fuzz target, files: copied under names that cannot collide
  local name=$1 i=0
  shift
  mkdir -p "corpus/$name" "artifacts/$name"
  for file in "$@"; do
    [ "$(stat -c %s "$file")" -gt 200000 ] || cp "$file" "corpus/$name/seed-$((i += 1))"
  done
}
seed_behind() { # a beginning as printf writes it, fuzz target, files
  local beginning=$1 name=$2 file
  shift 2
  mkdir -p "corpus/$name" "artifacts/$name"
  for file in "$@"; do
    { printf "$beginning" && cat "$file"; } >"corpus/$name/seed-$(basename "$file")"
  done
}
golden=../tests/golden
seed config $golden/models/*/config.json ../www/public/specimen/config.json
seed safetensors $golden/models/*/model.safetensors
seed shard_index
seed tokenizer $golden/tokenizer/*/tokenizer.json ../www/public/specimen/tokenizer.json
mapfile -t gguf < <(find $golden -name '*.gguf')
seed gguf "${gguf[@]}"
# The format and where to cut, as fuzz_targets/corpus.rs reads them.
texts=$golden/corpus
seed_behind '\x00\x06' corpus $texts/plain.txt
seed_behind '\x01\x04' corpus $texts/lines.txt
seed_behind '\x02\x0c' corpus $texts/{alpaca,data,sharegpt,strings}.json
seed_behind '\x03\x01' corpus $texts/{messages,sharegpt}.jsonl
seed_behind '\x04\x02' corpus $texts/table.csv
seed_behind '\x06\x00' corpus $texts/*.parquet
seed report $golden/report_version_*.json seeds/parts
seed scan_state seeds/scan.state

# One process for each core; what one says is printed when it is through.
fuzz() {
  local name=$1 log status=0
  log=$(mktemp)
  "target/$target/release/$name" "corpus/$name" -artifact_prefix="artifacts/$name/" -max_total_time="${FUZZ_SECONDS:-60}" \
    -rss_limit_mb=2048 -max_len=262144 -timeout=20 -print_final_stats=1 -verbosity=0 >"$log" 2>&1 || status=$?
  printf '\n== fuzz: %s\n%s\n' "$name" "$(cat "$log")"
  rm -f "$log"
  return $status
}
export target
export -f fuzz
# xargs ends with 123 when one of them found something.
for file in fuzz_targets/*.rs; do basename "$file" .rs; done | xargs -P "$(nproc)" -I NAME bash -c 'fuzz NAME'
