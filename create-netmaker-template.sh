#!/usr/bin/env bash
# create-netmaker-template.sh: a template of containers that can join a Netmaker mesh, for Proxmox (pct) or plain LXC.
# It holds WireGuard's tools, the netclient binary and what joins at the first boot. netclient is never run in it: each
# of its commands leaves an identity behind, which every container made from the template would share.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
name=netmaker-template
packages=(wireguard-tools iproute2 iputils-ping nftables curl ca-certificates systemd-sysv)
backend='' netclient='' id='' storage=local-lvm images=local bridge=vmbr0
made=''

usage() {
  cat <<USAGE
usage: sudo ./create-netmaker-template.sh [options]
  --backend pct|lxc   pct where Proxmox is, else lxc
  --netclient FILE    the binary; the one on PATH unless told (github.com/gravitl/netclient, releases)
Proxmox:
  --id ID             the template's number; the next that is free unless told
  --storage NAME      where its disk goes ($storage)
  --images NAME       where Debian's own template lies or is put ($images)
  --bridge NAME       a bridge with a way to the Internet, to install packages by ($bridge)
LXC: makes /var/lib/lxc/$name, to be copied with lxc-copy.
USAGE
}

fail() {
  echo "error[host] $1" >&2
  [ -z "${2:-}" ] || echo "  $2" >&2
  exit 1
}

# What was begun and did not come to its end is not left for a template.
clean() {
  local status=$?
  [ "$status" -eq 0 ] || case $made in
    pct) pct stop "$id" >/dev/null 2>&1 || true && pct destroy "$id" >/dev/null 2>&1 || true ;;
    lxc) lxc-destroy -n "$name" >/dev/null 2>&1 || true ;;
  esac
  rm -rf "$work"
}

while [ $# -gt 0 ]; do
  case $1 in
    --backend | --netclient | --id | --storage | --images | --bridge)
      [ $# -ge 2 ] || { usage >&2 && exit 2; }
      declare "${1#--}=$2"
      shift 2
      ;;
    -h | --help) usage && exit 0 ;;
    *) echo "unknown option $1" >&2 && usage >&2 && exit 2 ;;
  esac
done

[ "$(id -u)" -eq 0 ] || fail "root is needed to make containers" "Run it with sudo."
[ -n "$backend" ] || { command -v pct >/dev/null && backend=pct || backend=lxc; }
case $backend in pct | lxc) ;; *) fail "--backend $backend: expected pct or lxc" ;; esac
[ -n "$netclient" ] || netclient=$(command -v netclient || true)
[ -n "$netclient" ] || fail "netclient is not installed" \
  "Put the binary (github.com/gravitl/netclient) into /usr/local/bin, or name it: --netclient FILE"
[ -f "$netclient" ] || fail "$netclient: no such file" "Give --netclient the path of the binary (github.com/gravitl/netclient)."
[ -x "$netclient" ] || fail "$netclient is no program" "chmod +x $netclient"
node=$here/node_modules/.bin/node
[ -x "$node" ] || fail "$node is missing" "Run install.sh first."

work=$(mktemp -d)
trap clean EXIT

# The script and netclient's unit are those that op-dbus itself puts into containers.
ours() {
  "$node" -e 'import(process.argv[1]).then((all) => process.stdout.write(all[process.argv[2]]))' "$here/src/kinds/mesh/script.ts" "$1"
}
ours script >"$work/netmaker-first-boot.sh"
ours netclientUnit >"$work/netclient.service"
# Without op-dbus it joins by Netmaker's own port, once somebody has put a token there; op-dbus puts its own in its place.
cat >"$work/netmaker-first-boot.service" <<'UNIT'
[Unit]
Description=Joins a Netmaker mesh, once
After=network.target
ConditionPathExists=/etc/netmaker.env

[Service]
Type=exec
RemainAfterExit=yes
ExecStart=/usr/local/bin/netmaker-first-boot.sh join 51821
Restart=on-failure
RestartSec=10

[Install]
WantedBy=multi-user.target
UNIT
# Copies would share the host keys of SSH: each makes its own.
printf '[Service]\nExecStartPre=\nExecStartPre=/usr/bin/ssh-keygen -A\nExecStartPre=/usr/sbin/sshd -t\n' >"$work/keys.conf"

# What goes in: from, to, mode.
files=(
  "$netclient" /usr/local/bin/netclient 0755
  "$work/netmaker-first-boot.sh" /usr/local/bin/netmaker-first-boot.sh 0755
  "$work/netmaker-first-boot.service" /etc/systemd/system/netmaker-first-boot.service 0644
  "$work/netclient.service" /etc/systemd/system/netclient.service 0644
  "$work/keys.conf" /etc/systemd/system/ssh.service.d/keys.conf 0644
)
# What a copy must not share: identities, tokens, keys.
wiped='rm -rf /etc/netclient /etc/netmaker.env /var/lib/netmaker-first-boot /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub
: >/etc/machine-id'

by_pct() {
  command -v pct >/dev/null || fail "pct is not here" "This is no Proxmox: --backend lxc"
  [ -n "$id" ] || id=$(pvesh get /cluster/nextid)
  local image
  image=$(pveam list "$images" | sed -n 's#^\([^ ]*:vztmpl/debian-12-standard_[^ ]*\).*#\1#p' | sort -V | tail -n 1)
  if [ -z "$image" ]; then
    local newest
    pveam update >/dev/null
    newest=$(pveam available --section system | sed -n 's/.* \(debian-12-standard_[^ ]*\).*/\1/p' | sort -V | tail -n 1)
    [ -n "$newest" ] || fail "pveam has no debian-12-standard" "pveam available --section system"
    pveam download "$images" "$newest"
    image=$images:vztmpl/$newest
  fi
  made=pct
  pct create "$id" "$image" --hostname "$name" --unprivileged 1 --features nesting=1 --memory 512 \
    --rootfs "$storage:4" --net0 "name=eth0,bridge=$bridge,ip=dhcp" --dev0 /dev/net/tun,mode=0666
  pct start "$id"
  inside() { pct exec "$id" -- "$@"; }
  # Its first boot may still be at its address.
  inside sh -c 'for try in 1 2 3 4 5 6 7 8 9 10; do apt-get update -q && exit 0; sleep 3; done; exit 1'
  inside env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${packages[@]}"
  local at
  for ((at = 0; at < ${#files[@]}; at += 3)); do
    inside mkdir -p "$(dirname "${files[at + 1]}")"
    pct push "$id" "${files[at]}" "${files[at + 1]}" --perms "${files[at + 2]}"
    # Its exit status tells nothing of a copy that failed.
    [ "$(inside sha256sum "${files[at + 1]}" | cut -d ' ' -f 1)" = "$(sha256sum "${files[at]}" | cut -d ' ' -f 1)" ] ||
      fail "pct push: ${files[at + 1]} did not arrive whole in $id"
  done
  inside systemctl enable netmaker-first-boot.service
  inside apt-get clean
  inside sh -c "$wiped"
  pct stop "$id"
  pct set "$id" --delete net0
  pct template "$id"
  pct config "$id" | grep -q '^template: 1' || fail "pct template $id: it is none" "pct config $id"
  echo "The template is $id: pct clone $id NEW-ID --full 1"
}

by_lxc() {
  command -v lxc-create >/dev/null || fail "lxc-create is not here" "apt-get install lxc"
  [ -e /usr/share/lxc/templates/lxc-debian ] || fail "LXC's template debian is not here" "apt-get install lxc-templates debootstrap"
  ! lxc-info -n "$name" >/dev/null 2>&1 || fail "a container $name exists" "lxc-destroy -n $name"
  made=lxc
  lxc-create -n "$name" -t debian -- -r bookworm --packages="$(IFS=,; echo "${packages[*]}")"
  local root at
  root=$(lxc-info -n "$name" -c lxc.rootfs.path -H)
  root=${root#*:}
  # Where its apt reaches nobody, LXC's template leaves packages out and goes on.
  [ -x "$root/usr/bin/wg" ] || fail "the packages were not installed into $root" "See what lxc-create printed above."
  for ((at = 0; at < ${#files[@]}; at += 3)); do
    install -D -m "${files[at + 2]}" "${files[at]}" "$root${files[at + 1]}"
  done
  mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
  ln -sf /etc/systemd/system/netmaker-first-boot.service "$root/etc/systemd/system/multi-user.target.wants/"
  chroot "$root" sh -c "$wiped"
  echo "The template is $root: lxc-copy -n $name -N NEW-NAME"
}

"by_$backend"
