#!/usr/bin/env bash
# Unpacks the programs of packages.txt, or of another list that is named, under build/servers, each with all libraries
# beyond those of every Debian, whether or not this machine has them: what else is installed here, now or later, makes no difference.
# Debian lets only one FTP server be installed at a time, and an installed one would start: so nothing is installed
# and nothing is started, root is not needed, and removing the folder undoes it.
set -euo pipefail
cd "$(dirname "$0")/../.."
place=$PWD/build/servers
list=${1:-test/servers/packages.txt}

missing=()
while read -r line; do
  [ -e "$place/${line%% *}/.complete" ] || missing+=("$line")
done < <(grep -v '^#' "$list")
[ ${#missing[@]} -gt 0 ] || exit 0

if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
  echo "The tests start real servers from Debian's packages, which needs apt-get and dpkg-deb: run them on Debian or Ubuntu." >&2
  exit 1
fi
[ "$(id -u)" -ne 0 ] || apt-get -o DPkg::Lock::Timeout=600 update -q

# For apt, only the packages that every Debian has are installed here, and whatever they depend on. The C library is among
# them, since it must be the one that belongs to this machine's loader of programs.
base=$place/base-status
mkdir -p "$place"
awk -v RS= -v ORS='\n\n' '
  /\nStatus: install ok installed/ &&
  (/\nEssential: yes/ || /\nPriority: required/ || /^Package: (lib(c6|gcc-s1|stdc\+\+6|crypt1)|gcc-[0-9]+-base)\n/) {
    gsub(/\n(Pre-)?Depends: [^\n]*/, "")
    print
  }' /var/lib/dpkg/status >"$base"
# Only scripts beside the programs use it.
printf 'Package: perl\nStatus: install ok installed\nArchitecture: %s\nMulti-Arch: allowed\nVersion: 99\n\n' \
  "$(dpkg --print-architecture)" >>"$base"

# Of the packages that are not named, what is no library is left out.
unpack() {
  local package=$1 folder=$2 names=$3 name
  local -a without=()
  name=$(basename "$package")
  [[ " $names " == *" ${name%%_*} "* ]] || without=(--exclude=./usr/share --exclude=./usr/bin --exclude=./etc --exclude=./var)
  dpkg-deb --fsys-tarfile "$package" | tar -x -C "$folder" "${without[@]}"
}

for line in "${missing[@]}"; do
  name=${line%% *}
  archives=$place/$name.debs
  rm -rf "${place:?}/$name" "$archives"
  mkdir -p "$place/$name" "$archives/partial"
  # shellcheck disable=SC2086 # a line is several packages
  if ! apt-get install -q -y --download-only --reinstall --no-install-recommends \
    -o Dir::State::status="$base" -o Debug::NoLocking=1 -o APT::Sandbox::User="$(id -un)" -o Dir::Cache::archives="$archives" $line; then
    echo "The package lists may be missing or old: run sudo apt-get update, then this again." >&2
    exit 1
  fi
  for package in "$archives"/*.deb; do unpack "$package" "$place/$name" "$line"; done
  rm -rf "$archives"
  touch "$place/$name/.complete"
done
