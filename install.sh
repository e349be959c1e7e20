#!/usr/bin/env bash
# install.sh: the only thing a bare Debian machine needs. It installs what is missing, builds op-dbus, and runs it.
#
#   sudo ./install.sh         asks which of the five modes, and installs it (install/mode.sh)
#   sudo ./install.sh lab     the whole privacy chain on this one machine, proven hop by hop
#   sudo ./install.sh test    every test, the lab included
#
# Safe to run again. Everything is logged to /var/log/op-dbus-install.log; with lab and test nothing starts or changes on
# this machine except packages from Debian and npm, and the lab's own namespaces.
set -euo pipefail
# One order of sorting, whoever runs it: lists that one run keeps are compared by another.
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
log=/var/log/op-dbus-install.log
packages=(openvswitch-switch lxc uidmap wireguard-tools wireguard-go nftables iproute2 conntrack
  iputils-ping mmdebstrap gcc-bpf curl openssl ca-certificates tcpdump procps kmod netbase)
# Node's own packages conflict with Debian's, so a machine that has npm keeps it.
needs_npm() {
  command -v npm >/dev/null || echo nodejs npm
}
quiet=(--no-audit --no-fund --fetch-timeout=60000 --fetch-retries=2)
guard=/usr/sbin/policy-rc.d
# What of the package manager's is at work, and whether it is the last: see `whole`.
manager='' interrupted=''
guard_mark='# op-dbus install.sh, while it installs'
test_packages=(tshark libndpi-bin v2ray git btrfs-progs openssh-client strace zip gcc libc6-dev)

usage() {
  cat <<'END'
usage: sudo ./install.sh [--mode full|standalone|privacy-client|privacy-vps|agent] [options]
       sudo ./install.sh --uninstall [--purge] [--dry-run]
       sudo ./install.sh lab | test
  without a mode, on a terminal, it asks
  --dry-run           change nothing, say what would be done
  --apply             apply /etc/op-dbus/state.json, if everything in it is filled in
  --xray FILE|URL     an Xray release (zip) or program, with
  --xray-sha256 SUM   its SHA-256, which is yours to know; without both, containers run Debian's v2ray
  --uninstall         remove all that was installed and made; --purge: /etc/op-dbus and the keys in it too
  lab                 set up, then run the whole chain on this machine and prove it
  test                set up, then run all the tests
END
}

fail() {
  echo "error[host] $1" >&2
  [ -z "${2:-}" ] || echo "  $2" >&2
  exit 1
}

# Runs a step with its output in the log; on a terminal and elsewhere says what it does and how long it took.
step() {
  local title=$1 started=$SECONDS
  shift
  printf '%s ... ' "$title"
  if "$@" >>"$log" 2>&1; then
    echo "done ($((SECONDS - started)) s)"
  else
    echo "failed"
    tail -n 15 "$log" >&2
    fail "$title: failed" "The whole log is $log. Once its cause is gone, run this again: it goes on where it stopped."
  fi
}

missing() {
  local name
  for name in "$@"; do
    dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null | grep -qx installed || echo "$name"
  done
}

# Packages are installed without starting their services: the lab runs its own copies in its own namespaces. The guard
# that sees to it also holds what must be disabled before it may go, so that a run that was killed is finished by the next.
install_packages() {
  local wanted unit status=0
  units=
  mapfile -t wanted < <(missing "$@")
  if ours; then
    units=$(sed -n 's/^# then disable: //p' "$guard")
  elif [ "${#wanted[@]}" -eq 0 ]; then
    return 0
  fi
  # What was not there before doesn't start at the next boot either: that is for the installer's modes to decide.
  for unit in openvswitch-switch lxc lxc-net; do
    case " ${wanted[*]} " in *" ${unit%-net} "*) units="$units $unit" ;; esac
  done
  if [ ! -e "$guard" ] || ours; then
    trap settle EXIT
    trap finish INT TERM HUP
    { printf '#!/bin/sh\n%s\n# then disable: %s\nexit 101\n' "$guard_mark" "$units" >"$guard.new" &&
      chmod 755 "$guard.new" && mv "$guard.new" "$guard"; } || return 1
  fi
  finish_killed || status=$?
  if [ "${#wanted[@]}" -gt 0 ]; then
    [ "$status" -ne 0 ] || whole apt-get -o APT::Update::Error-Mode=any update || status=$?
    [ "$status" -ne 0 ] ||
      DEBIAN_FRONTEND=noninteractive whole apt-get -o DPkg::Lock::Timeout=300 install -y --no-remove --no-install-recommends "${wanted[@]}" || status=$?
  fi
  settle
  trap - EXIT INT TERM HUP
  return "$status"
}

# An earlier run that was killed may still have its apt at work, or have left its work half done.
finish_killed() {
  local try status
  for try in $(seq 150); do
    status=0
    whole dpkg --configure -a && break || status=$?
    sleep 2
  done
  return "$status"
}

# Runs a program of the package manager's to its end, in a process group of its own: Ctrl-C reaches it by `finish` alone.
whole() {
  local status=0
  set -m
  "$@" </dev/null 3>&- &
  manager=$!
  set +m
  wait "$manager" || status=$?
  while kill -0 "$manager" 2>/dev/null; do
    status=0
    wait "$manager" || status=$?
  done
  manager=
  [ -z "$interrupted" ] || exit 130
  return "$status"
}

# apt stops at once while it downloads, and goes on to its end while dpkg is at work.
finish() {
  [ -n "$interrupted" ] || printf "\nfinishing the package manager's work\n" >&3
  interrupted=1
  if [ -n "$manager" ]; then kill -INT "$manager" 2>/dev/null || :; else exit 130; fi
}

ours() {
  grep -qsxF "$guard_mark" "$guard"
}

# Also when apt failed half-way.
settle() {
  local unit
  if [ -d /run/systemd/system ]; then
    for unit in $units; do systemctl disable "$unit" || true; done
  fi
  rm -f "$guard.new"
  if ours; then rm -f "$guard"; fi
}

modules_there() {
  cmp -s "$here/package-lock.json" "$here/node_modules/.op-dbus-lock" && [ -x "$here/node_modules/.bin/node" ]
}

# npm ci only when the lockfile changed since the last whole run; an interrupted one has no stamp and starts over.
install_modules() {
  local stamp=$here/node_modules/.op-dbus-lock
  ! modules_there || return 0
  # Its cache would stay in root's home. npm leaves out packages that don't fit the Node it runs on (Debian's is old), so it gets the right one first.
  local path=$PATH status=0 bootstrap
  bootstrap=$(mktemp -d)
  if ! node -e 'process.exit(Number(process.versions.node.split(".")[0]) < 24 ? 1 : 0)'; then
    npm install "${quiet[@]}" --cache "$bootstrap/cache" --prefix "$bootstrap" "node@$(node -p "require('$here/package.json').dependencies.node")" ||
      status=$?
    path=$bootstrap/node_modules/.bin:$PATH
  fi
  [ "$status" -ne 0 ] || (cd "$here" && PATH=$path npm ci "${quiet[@]}" --cache "$bootstrap/cache") || status=$?
  rm -rf "$bootstrap"
  [ "$status" -eq 0 ] || return "$status"
  cp "$here/package-lock.json" "$stamp"
}

# As package.json has it, without npm, which a machine that has the libraries need not have.
build() {
  local script
  script=$("$here/node_modules/.bin/node" -p "require('$here/package.json').scripts.build") || return 1
  (cd "$here" && PATH=$here/node_modules/.bin:$PATH sh -c "$script")
}

# shellcheck source=install/mode.sh
. "$here/install/mode.sh"

mode='' dry_run='' apply='' purge='' remove='' xray='' xray_sha256=''
wrong() {
  echo "error[usage] $1" >&2
  usage >&2
  exit 1
}
[ "$#" -gt 0 ] || [ -t 0 ] || wrong 'expected a mode'
while [ "$#" -gt 0 ]; do
  case "$1" in
    lab | test) [ -z "$mode" ] || wrong "one mode at a time"; mode=$1 ;;
    --mode | --xray | --xray-sha256)
      [ "$#" -gt 1 ] || wrong "expected a value after $1"
      case "$1" in
        --mode)
          case "$2" in full | standalone | privacy-client | privacy-vps | agent) mode=$2 ;; *) wrong "no mode $2" ;; esac ;;
        --xray) xray=$2 ;;
        *) xray_sha256=$2 ;;
      esac
      shift ;;
    --dry-run) dry_run=1 ;;
    --apply) apply=1 ;;
    --uninstall) remove=1 ;;
    --purge) purge=1 ;;
    -h | --help) usage && exit 0 ;;
    *) wrong "unknown: $1" ;;
  esac
  shift
done
[ -z "$purge" ] || [ -n "$remove" ] || wrong '--purge belongs to --uninstall'
[ -z "$remove" ] || [ -z "$mode$apply$xray$xray_sha256" ] || wrong '--uninstall takes --purge and --dry-run alone'
case "$mode" in lab | test) [ -z "$dry_run$apply$xray$xray_sha256" ] || wrong "$mode takes no options" ;; esac
[ -z "$xray$xray_sha256" ] || [[ "$xray_sha256" =~ ^[0-9a-f]{64}$ && -n "$xray" ]] ||
  wrong "--xray and --xray-sha256 (64 hexadecimal digits) belong together: nothing that is not checked is installed"
case "$xray" in '' | https://*) ;; *) [ -f "$xray" ] || wrong "$xray: no such file; an address begins with https://" ;; esac
[ -n "$dry_run" ] || [ "$(id -u)" -eq 0 ] || fail "root is needed" "Run it again with sudo."
[ -r /etc/debian_version ] || fail "this is not Debian" "Debian 12 or newer, or Proxmox VE 8 or newer, is needed."
case "$(dpkg --print-architecture)" in amd64 | arm64) ;; *) fail "no Node.js for this processor" "amd64 or arm64 is needed." ;; esac
[ -n "$remove$mode" ] || choose_mode
case "$mode" in standalone | agent) [ -z "$xray" ] || wrong "--xray has no place in mode $mode: it has no containers" ;; esac
[ -n "$dry_run" ] || : >"$log"
# A step's own output goes to the log; what must be seen at once goes here.
exec 3>&1

# A signal for this script is one for what it runs, and which still cleans up.
watched() {
  local child status=0 signalled=
  "$@" </dev/null 3>&- &
  child=$!
  trap 'signalled=1; kill "$child" 2>/dev/null || :' INT TERM HUP
  wait "$child" || status=$?
  while [ -n "$signalled" ] && kill -0 "$child" 2>/dev/null; do
    status=0
    wait "$child" || status=$?
  done
  trap - INT TERM HUP
  [ -z "$signalled" ] || exit $((status == 0 ? 143 : status))
  return "$status"
}

if [ -n "$remove" ]; then
  uninstall
  exit 0
fi
if [ "$mode" != lab ] && [ "$mode" != test ]; then
  install_mode
  exit 0
fi

# shellcheck disable=SC2046
step "[1/3] Packages from Debian" install_packages "${packages[@]}" $(needs_npm)
[ "$mode" = lab ] || step "[1/3] Packages for the tests" install_packages "${test_packages[@]}"
step "[2/3] Node.js 24 and libraries from npm" install_modules
step "[3/3] Building op-dbus" build

cd "$here"
if [ "$mode" = lab ]; then
  watched bin/op-dbus lab up
  watched bin/op-dbus lab prove
  echo
  echo "The lab is still up. Try:  sudo bin/op-dbus lab exec client -- curl https://ifconfig.me"
  echo "Take it down with:         sudo bin/op-dbus lab down"
else
  watched npm run -s test
fi
