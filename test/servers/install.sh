#!/usr/bin/env bash
# Unpacks the programs of packages.txt under build/servers, each with the libraries that this machine lacks.
# Debian lets only one FTP server be installed at a time, and an installed one would start: so nothing is installed
# and nothing is started, root is not needed, and removing the folder undoes it.
set -euo pipefail
cd "$(dirname "$0")/../.."
place=$PWD/build/servers

missing=()
while read -r line; do
  [ -e "$place/${line%% *}/.complete" ] || missing+=("$line")
done < <(grep -v '^#' test/servers/packages.txt)
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
  echo "The tests start real servers from Debian's packages, which needs apt-get and dpkg-deb: run them on Debian or Ubuntu." >&2
  exit 1
fi
[ "$(id -u)" -ne 0 ] || apt-get -o DPkg::Lock::Timeout=600 update -q

for line in "${missing[@]}"; do
  name=${line%% *}
  archives=$place/$name.debs
  rm -rf "${place:?}/$name" "$archives"
  mkdir -p "$place/$name" "$archives/partial"
  # shellcheck disable=SC2086 # a line is several packages
  if ! apt-get install -q -y --download-only --reinstall --no-install-recommends \
    -o Debug::NoLocking=1 -o APT::Sandbox::User="$(id -un)" -o Dir::Cache::archives="$archives" $line; then
    echo "The package lists may be missing or old: run sudo apt-get update, then this again." >&2
    exit 1
  fi
  for package in "$archives"/*.deb; do dpkg-deb -x "$package" "$place/$name"; done
  rm -rf "$archives"
  touch "$place/$name/.complete"
done
