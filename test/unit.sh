#!/bin/sh
# The unit tests, in two halves at once: one a core. What a failing half says comes last.
folder=$(mktemp -d)
half() {
  node --test --test-isolation=none --test-reporter=spec --test-shard="$1/2" 'src/**/!(*.root).test.ts' 'test/*.test.ts' >"$folder/$1" 2>&1
}
half 1 &
half 2
second=$?
wait $!
first=$?
if [ "$first" -eq 0 ]; then cat "$folder/1" "$folder/2"; else cat "$folder/2" "$folder/1"; fi
rm -r "$folder"
[ "$first" -eq 0 ] && [ "$second" -eq 0 ]
