#!/bin/sh
# The unit tests, in four parts at once, which keep two cores busy to the end. What a failing part says comes last.
folder=$(mktemp -d)
# What was compiled once needs not be again.
export NODE_COMPILE_CACHE="$PWD/node_modules/.cache/compile"
parts='1 2 3 4'
for part in $parts; do
  {
    node --test --test-isolation=none --test-reporter=spec --test-shard="$part/4" 'src/**/!(*.root).test.ts' 'test/*.test.ts' 'test/pve/!(*.root).test.ts' >"$folder/$part" 2>&1
    echo $? >"$folder/$part.status"
  } &
done
wait
status=0
for part in $parts; do [ "$(cat "$folder/$part.status")" -ne 0 ] || cat "$folder/$part"; done
for part in $parts; do [ "$(cat "$folder/$part.status")" -eq 0 ] || { status=1; cat "$folder/$part"; }; done
rm -r "$folder"
exit $status
