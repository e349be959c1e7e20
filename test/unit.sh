#!/bin/sh
# The unit tests, in two halves at once: one a core.
half() {
  node --test --test-isolation=none --test-reporter=spec --test-shard="$1/2" 'src/**/!(*.root).test.ts' 'test/*.test.ts'
}
first=$(mktemp)
half 1 >"$first" 2>&1 &
half 2
second=$?
wait $!
status=$?
cat "$first"
rm -f "$first"
[ "$status" -eq 0 ] && [ "$second" -eq 0 ]
