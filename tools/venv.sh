#!/usr/bin/env bash
# A Python with some packages, for tests that have one as their oracle: tools/venv.sh NAME PACKAGE==VERSION…
#
# Prints the Python of .cache/venv-NAME, which is made or completed first. Exits with 3 when the packages cannot be had,
# without a registry for example; pip's own words go to standard error.
set -euo pipefail
cd "$(dirname "$0")/.."

name=$1
shift
folder=$PWD/.cache/venv-$name
stamp=$folder/.installed
if [ "$(cat "$stamp" 2>/dev/null)" != "$*" ]; then
  [ -x "$folder/bin/python" ] || python3 -m venv "$folder" >&2 || exit 3
  "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@" >&2 || exit 3
  echo "$*" >"$stamp"
fi
echo "$folder/bin/python"
