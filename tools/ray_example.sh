#!/usr/bin/env bash
# examples/ray with two local workers: the joined report has to equal that of one machine, timings aside. Ray is 80 MB of
# download and takes a minute to install and start, so this runs where RAY names a Python that has it.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -z "${RAY:-}" ]; then
  echo "SKIPPED: examples/ray (set RAY to a Python with examples/ray/requirements.txt)"
  exit 0
fi
command=$PWD/${1:-target/debug/glitchscope}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
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
