#!/usr/bin/env bash
# Makes sure that tests find Chromium, and a software Vulkan for the native GPU tests. Installs both with apt-get when
# the user is root on Debian, otherwise says exactly what to install.
set -euo pipefail

has_chromium() { command -v "${CHROMIUM:-chromium}" >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null; }
has_vulkan() { compgen -G '/usr/share/vulkan/icd.d/*.json' >/dev/null || compgen -G '/etc/vulkan/icd.d/*.json' >/dev/null; }

missing=()
has_chromium || missing+=(chromium)
[ "$(uname)" != Linux ] || has_vulkan || missing+=(mesa-vulkan-drivers)
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing ${missing[*]}" >&2
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
else
  echo "error: the tests need ${missing[*]}. On Debian or Ubuntu: sudo apt-get install ${missing[*]}" >&2
  echo "hint: another browser can be named with CHROMIUM=/path/to/chrome" >&2
  exit 1
fi
