#!/usr/bin/env bash
# Every test. Those with budgets of time and memory run alone; then three processes run side by side: one computes, two wait
# for servers, links and children most of their time. The output of these follows, then a line with the sum of all.
#
# Usage: scripts/test.sh [options of mocha, such as --grep PATTERN]
set -uo pipefail
cd "$(dirname "$0")/.."

ALONE='fuzz'
COMPUTE='unit model powercut'
SERVERS='conformance faults ros'
CHILDREN='e2e packaging page soak'
LAST_LINE='^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$'

# A folder that is in none of the lists would be left out.
with_tests=$(find test -name '*.test.ts' | cut -d/ -f2 | sort -u)
listed=$(printf '%s\n' $ALONE $COMPUTE $SERVERS $CHILDREN | sort)
[ "$with_tests" = "$listed" ] || { echo "scripts/test.sh lists other folders than test has" >&2; exit 2; }

# Usage: run_mocha "FOLDERS" [options]
run_mocha() {
  local folders=$1 files
  shift
  mapfile -t files < <(cd test && find $folders -name '*.test.ts' | sort | sed 's#^#test/#')
  node node_modules/mocha/bin/mocha.js "$@" "${files[@]}"
}

output=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null; rm -rf "$output"' EXIT
run_mocha "$ALONE" "$@" 2>&1 | tee "$output/alone"
codes=${PIPESTATUS[0]}
run_mocha "$SERVERS" "$@" >"$output/servers" 2>&1 &
servers=$!
run_mocha "$CHILDREN" "$@" >"$output/children" 2>&1 &
children=$!
run_mocha "$COMPUTE" "$@" 2>&1 | tee "$output/compute"
codes+=${PIPESTATUS[0]}
for part in servers children; do
  tail --follow --lines=+1 --pid="${!part}" "$output/$part"
  wait "${!part}"
  codes+=$?
done

for part in alone compute servers children; do grep -E "$LAST_LINE" "$output/$part" | tail -n 1; done |
  awk '{ passed += $1; failed += $3; skipped += $5 } END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }'
[ "$codes" = 0000 ]
