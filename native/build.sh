#!/bin/sh
# Compiles what is no TypeScript into dist/. What lacks its compiler is left out, which `op-dbus doctor` tells.
set -eu
cd "$(dirname "$0")/.."
mkdir -p dist

# What pads, for the kernel.
if command -v bpf-gcc >/dev/null; then
  bpf-gcc -O2 -Wall -Werror -c native/pad.c -o dist/pad.o.new
  mv dist/pad.o.new dist/pad.o
else
  rm -f dist/pad.o
  echo 'dist/pad.o is not made: it wants the package gcc-bpf (padding at level 2 wants it)' >&2
fi

# The shaper: static, for it runs in containers whose C library may be another.
if command -v "${CC:-cc}" >/dev/null; then
  "${CC:-cc}" -std=gnu17 -O2 -Wall -Wextra -Werror -static -s -o dist/op-dbus-shaper.new native/shaper/*.c
  mv dist/op-dbus-shaper.new dist/op-dbus-shaper
else
  rm -f dist/op-dbus-shaper
  echo 'dist/op-dbus-shaper is not made: it wants the packages gcc and libc6-dev (shaping wants it)' >&2
fi
