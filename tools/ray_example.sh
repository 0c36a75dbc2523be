#!/usr/bin/env bash
# examples/ray with two local workers: the joined report has to equal that of one machine, timings aside. Ray is installed
# once, into .cache/ray (pip, the versions in examples/ray/requirements.txt); RAY names another Python that has it. Skipped
# only where pip finds no registry, or none of Ray's wheels for this platform.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -z "${RAY:-}" ]; then
  command -v python3 >/dev/null || { echo "error: python3 is missing" >&2; exit 1; }
  RAY=$PWD/.cache/ray/bin/python
  wanted=$(cat examples/ray/requirements.txt <(python3 -VV) | sha256sum | cut -d ' ' -f 1)
  if [ "$(cat .cache/ray/.installed 2>/dev/null)" != "$wanted" ]; then
    echo "installing Ray into .cache/ray (once, about a minute)"
    rm -rf .cache/ray
    python3 -m venv .cache/ray
    said=$(mktemp)
    if ! "$RAY" -m pip install --quiet --disable-pip-version-check --only-binary :all: --retries 2 --timeout 15 \
      -r examples/ray/requirements.txt >"$said" 2>&1; then
      why=$(grep -m 1 -E 'No matching distribution|ResolutionImpossible' "$said" || true)
      if [ -z "$why" ]; then
        cat "$said" >&2
        echo "error: Ray could not be installed into .cache/ray; what pip said is above" >&2
        exit 1
      fi
      # pip says the same of a registry out of reach and of one without a wheel; its warnings tell which.
      ! grep -q -m 1 'connection broken' "$said" || why="pip reaches no registry"
      echo "SKIPPED: examples/ray ($why)"
      exit 0
    fi
    rm -f "$said"
    echo "$wanted" >.cache/ray/.installed
  fi
fi

command=$PWD/${1:-target/debug/glitchscope}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# Ray would report its use to its makers.
export RAY_USAGE_STATS_ENABLED=0
"$RAY" examples/ray/scan.py --command "$command" --model "$PWD/www/public/specimen" --workers 2 --parts 3 --out "$folder/joined.json" >/dev/null
"$command" scan --model "$PWD/www/public/specimen" --device cpu --method exhaustive --out "$folder/whole.json" --json >/dev/null
"$RAY" - "$folder" <<'PYTHON'
import json, sys
reports = [json.load(open(f"{sys.argv[1]}/{name}.json")) for name in ("joined", "whole")]
for report in reports:
    assert report.pop("timings")
assert reports[0] == reports[1], "the joined report is another"
# Negative control.
reports[0]["probes"][0]["passed"] ^= True
assert reports[0] != reports[1]
print(f"examples/ray: {len(reports[1]['probes'])} verdicts from two workers, as from one machine")
PYTHON
