#!/bin/sh
# The double of unit pve-container@VMID: lxc-start in the foreground, and once more when a reboot was asked for.
# supervise.sh LXC VMID     LXC: the folder of the containers. How it ended is then in LXC/VMID/exit.
folder=$1/$2
while :; do
  rm -f "$folder/log" "$folder/reboot" "$folder/hook-error"
  lxc-start -P "$1" -n "$2" -F -l WARN -o "$folder/log" </dev/null >/dev/null 2>&1
  status=$?
  [ -e "$folder/reboot" ] || break
done
[ ! -d "$folder" ] || echo "$status" >"$folder/exit"
