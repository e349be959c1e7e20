#!/bin/sh
# The hook that LXC runs for each of the double's containers: NAME lxc TYPE. The work is in lxc-hook.ts.
here=${0%/*}
"$here/../../node_modules/.bin/node" "$here/main.ts" lxc-hook "$@" 2>"/run/.pve-double.$$"
status=$?
[ "$status" -eq 0 ] || cp "/run/.pve-double.$$" "${LXC_CONFIG_FILE%/*}/hook-error"
rm -f "/run/.pve-double.$$"
exit "$status"
