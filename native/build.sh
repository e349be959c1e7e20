#!/bin/sh
# Compiles what is no TypeScript into dist/. Without a compiler it says so, and op-dbus refuses states that need the program.
set -eu
cd "$(dirname "$0")"
mkdir -p ../dist
rm -f ../dist/op-dbus-shaper
if command -v "${CC:-cc}" >/dev/null; then
  # Static: it runs in containers whose C library may be another.
  "${CC:-cc}" -std=gnu17 -O2 -Wall -Wextra -Werror -static -s -o ../dist/op-dbus-shaper shaper/*.c
else
  echo 'note: no C compiler (apt-get install gcc libc6-dev): shaping is not available' >&2
fi
