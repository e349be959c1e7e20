#!/bin/sh
# The hook that LXC runs for each of op-dbus's containers (lxc.container.conf(5) "CONTAINER HOOKS"): argv NAME lxc TYPE.
# pre-start: the host's filter is loaded and the switch's port has its device. start-host: the device goes inside with
# its address, sysctls and filter, before init runs. stop: the device comes back. A failure aborts the start. attach: the
# same for one that runs. With --any before it, LXC runs it for every container of the host, by Proxmox's numbers (our
# drop-in of common.conf.d): vmid/NUMBER leads to the record of one of ours, and the others are let pass at once.
set -u
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
root=${0%/*}
if [ "$1" = --any ]; then
  shift
  [ -L "$root/vmid/$1" ] || exit 0
  own=$(readlink "$root/vmid/$1") || exit 1
  shift
  set -- "${own##*/}" "$@"
fi
name=$1
type=$3
folder=$root/container/$name

fail() {
  echo "op-dbus: $name: $type: $*" >&2
  echo "$type: $*" >"$folder/failure"
  exit 1
}

[ -r "$folder/hook.env" ] || fail "no $folder/hook.env"
# MODE BRIDGE ROW DEVICE PEER OFPORT MAC ADDRESS GATEWAY MARK SYSCTL
. "$folder/hook.env"
case $MODE in
  socket) outer=$DEVICE inner=$DEVICE kind=internal ;;
  veth) outer=$PEER inner=eth0 kind='""' ;;
  plugged) outer=$DEVICE inner=eth0 ;;
  *) fail "unknown mode $MODE" ;;
esac

vsctl() { ovs-vsctl --retry --timeout=20 "$@"; }
exists() { ip link show dev "$1" >/dev/null 2>&1; }
ours() { ip link show dev "$1" 2>/dev/null | grep -qx ' *alias op-dbus'; }
inside() { nsenter --net="/proc/$LXC_PID/ns/net" "$@"; }

# The process and when it was started, so that a reader can tell when the number has been given to another one.
process() {
  stat=$(cat "/proc/$1/stat") || return 1
  pid=$1
  # shellcheck disable=SC2086
  set -- ${stat##*) }
  shift 19
  echo "$pid $1"
}

# After a boot: first the host's filter and the rules that rely on it, and only then forwarding.
host_filter() {
  file=$root/filter/host.nft
  [ -e "$file" ] || return 0
  nft list table inet op_dbus >/dev/null 2>&1 || nft -f "$file" || fail "the host's packet filter $file doesn't load"
  host_rules 4
  [ ! -e /proc/sys/net/ipv6 ] || host_rules 6
  [ ! -e "$root/sysctl.conf" ] || sysctl -qp "$root/sysctl.conf" || fail "$root/sysctl.conf can't be set"
}

# What the filter has not marked is not forwarded. Each line of the file is one rule; all of them are there, or are made anew.
host_rules() {
  file=$root/rule/ipv$1
  [ -e "$file" ] || return 0
  [ "$(ip "-$1" rule show | grep -c ' proto 219 *$')" != "$(grep -c '^rule add ' "$file")" ] || return 0
  ip "-$1" rule flush protocol 219 && ip "-$1" -batch "$file" || fail "the routing rules $file can't be added"
}

# Makes the device anew. Two transactions: deleted and added in one, the switch would see no change.
restore_port() {
  marks=$(vsctl --if-exists get Port "$ROW" external_ids) || fail "the switch's database doesn't answer"
  case $marks in
    *op-dbus=*) ;;
    *[!{}]*) fail "port $ROW of the switch is not op-dbus's" ;;
    '{}') fail "port $ROW of the switch is not op-dbus's" ;;
    *) marks="{op-dbus=\"$MARK\"}" ;;
  esac
  vsctl --if-exists del-port "$BRIDGE" "$ROW" || fail "port $ROW can't be taken off $BRIDGE"
  if [ "$MODE" = veth ]; then
    exists "$DEVICE" && ip link delete dev "$DEVICE"
    if exists "$PEER"; then
      ours "$PEER" || fail "device $PEER of the host is not op-dbus's"
      ip link delete dev "$PEER"
    fi
    ip link add name "$DEVICE" type veth peer name "$PEER" || fail "veth pair $DEVICE, $PEER can't be made"
    ip link set dev "$PEER" alias op-dbus || fail "$PEER can't be marked"
    ip link set dev "$DEVICE" up || fail "$DEVICE doesn't come up"
    set --
  else
    set -- "mac=\"$MAC\""
  fi
  vsctl --id=@i create Interface "name=\"$DEVICE\"" "type=$kind" "ofport_request=$OFPORT" "$@" \
    -- --id=@p create Port "name=\"$ROW\"" interfaces=@i "external_ids=$marks" \
    -- add Bridge "$BRIDGE" ports @p >/dev/null || fail "port $ROW can't be put on $BRIDGE"
  exists "$outer" || fail "the switch made no device $DEVICE"
}

# Proxmox makes the pair and the switch's port anew at each start, under another number and without a mark: both are put
# back, as the flows know the port by its number. A bridge of the kernel's own has neither.
claim() {
  [ ! -e "/sys/class/net/$BRIDGE/bridge" ] || return 0
  [ "$(vsctl port-to-br "$DEVICE" 2>/dev/null)" = "$BRIDGE" ] || fail "Proxmox has not put $DEVICE on $BRIDGE"
  vsctl set Port "$DEVICE" "external_ids:op-dbus=$MARK" -- set Interface "$DEVICE" "ofport_request=$OFPORT" ||
    fail "port $DEVICE can't be marked"
}

# Lines `path value`, path below /proc/sys, chosen by grep's arguments. Without IPv6 in the kernel there is none to shut.
sysctls() {
  printf '%s\n' "$SYSCTL" | grep "$@" | inside sh -eu -c '
    while read -r path value; do
      case $path in net/ipv6/*) [ -e /proc/sys/net/ipv6 ] || continue ;; esac
      printf "%s\n" "$value" >"/proc/sys/$path"
    done' || fail "a sysctl can't be set"
}

# The userspace datapath takes packets off a veth as they are, so the sender has to fill in checksums itself:
# ethtool(8) -K DEVICE tx off, by ioctl SIOCETHTOOL, ETHTOOL_STXCSUM (perl-base is on every Debian, ethtool isn't).
fill_checksums() {
  [ "$(vsctl get Bridge "$BRIDGE" datapath_type)" = netdev ] || return 0
  inside perl -e '
    socket(my $socket, 2, 2, 0) or die;
    my $off = pack("LL", 0x17, 0);
    my $request = pack("a16 P8 x16", $ARGV[0], $off);
    ioctl($socket, 0x8946, $request) or die "$!"' "$1" || fail "$1 doesn't let go of checksum offloading"
}

pre_start() {
  rm -f "$folder/failure"
  # Our parent is LXC's monitor. It lives until the container is stopped, and only root can have it noted here.
  process "$PPID" >"$folder/monitor" || fail "$folder/monitor can't be written"
  host_filter
  [ "$MODE" = plugged ] || { exists "$DEVICE" && exists "$outer"; } || restore_port
}

start_host() {
  sysctls -v -e "/$inner/" -e '^$'
  if [ -e "$folder/filter.nft" ]; then
    inside nft -f "$folder/filter.nft" || fail "the packet filter $folder/filter.nft doesn't load"
  fi
  move_in
  # Its root is beside it: nobody inside runs yet who could put another in its place.
  init=$(process "$LXC_PID") && top=$(stat -c '%d %i' "/proc/$LXC_PID/root/") || fail "init is gone"
  echo "$init $top" >"$folder/pid" || fail "$folder/pid can't be written"
}

# The device goes inside with its address and the way out; one that Proxmox has plugged is there, and has them by it.
move_in() {
  if [ "$MODE" = plugged ]; then
    claim
    ! inside ip link show dev "$inner" >/dev/null 2>&1 || fill_checksums "$inner"
    sysctls -e "/$inner/"
    return
  fi
  if [ "$outer" = "$inner" ]; then
    ip link set dev "$outer" netns "$LXC_PID"
  else
    ip link set dev "$outer" netns "$LXC_PID" name "$inner"
  fi || fail "$outer can't be moved in"
  [ "$MODE" = socket ] || fill_checksums "$inner"
  sysctls -e "/$inner/"
  inside ip -batch - <<BATCH || fail "$inner can't be given its address and route"
link set dev lo up
link set dev $inner address $MAC
address add $ADDRESS dev $inner
link set dev $inner up
route add default via $GATEWAY dev $inner
BATCH
}

# By op-dbus, not LXC: a running container gets the device that the switch has made anew, in place of the dead one.
attach() {
  read -r LXC_PID start _ <"$folder/pid" || fail "it isn't running"
  [ "$(process "$LXC_PID")" = "$LXC_PID $start" ] || fail "it isn't running"
  if [ "$MODE" != plugged ]; then
    ! inside ip link show dev "$inner" >/dev/null 2>&1 || inside ip link delete dev "$inner" || fail "$inner doesn't go"
    exists "$DEVICE" && exists "$outer" || restore_port
  fi
  move_in
}

# Without this the device would die with the network namespace, and the switch would go on using what is left of it.
stop() {
  rm -f "$folder/pid"
  [ "$MODE" != plugged ] || return 0
  space=${LXC_NET_NS-}
  for argument in "$@"; do
    case $argument in net:*) space=${argument#net:} ;; esac
  done
  [ -n "$space" ] || return 0
  if [ "$outer" = "$inner" ]; then set --; else set -- name "$outer"; fi
  if nsenter --net="$space" ip link set dev "$inner" netns $$ "$@"; then
    # Inside, the mark may have been taken off.
    [ "$MODE" = socket ] || ip link set dev "$outer" alias op-dbus
  else
    echo "op-dbus: $name: $inner was not there to take back; the next start makes it anew" >&2
  fi
}

case $type in
  pre-start) pre_start ;;
  start-host) start_host ;;
  stop) stop "$@" ;;
  attach) attach ;;
esac
