#!/bin/bash
# Runs package.json's scripts one after the other, up to the first that fails; its last lines then say which one failed,
# what node:test's spec reporter called failing, and what was not run.
set -uo pipefail
log=$(mktemp)
trap 'rm -f "$log"' EXIT
while [ "$#" -gt 0 ]; do
  step=$1
  shift
  status=0
  npm run -s "$step" 2>&1 | tee "$log" || status=$?
  [ "$status" -ne 0 ] || continue
  echo
  echo "FAILED: npm run $step"
  # Below this heading the reporter gives each failing test's place and, in the next line, its name.
  sed 's/\x1b\[[0-9;]*m//g' "$log" | sed -n '/failing tests:$/,$p' | grep -A 1 '^ *test at ' | grep -v '^--$' | sed 's/^ */  /'
  [ "$#" -eq 0 ] || echo "not run: $*"
  exit "$status"
done
