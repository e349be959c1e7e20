#!/bin/sh
# Makes a lab host and becomes its pid 1: namespaces(7), cgroup_namespaces(7), overlayfs of the kernel's documentation.
# host.sh CGROUP FOLDER NAME [SYSCTL=VALUE…]   CGROUP: the host's cgroup2 folder; FOLDER/etc is laid over /etc,
# FOLDER/lxc is its /var/lib/lxc, FOLDER/pid gets the pid by which the machine knows it, once all is ready.
set -eu
if [ "$1" != inside ]; then
    # The cgroup namespace's root is the cgroup we are in when it is made: so move first.
    echo $$ > "$1/cgroup.procs"
    shift
    exec unshare --mount --propagation unchanged --uts --ipc --net --pid --cgroup --fork --kill-child -- \
        perl "${0%/*}/../drivers/private-root.pl" /bin/sh "$0" inside "$@"
fi
folder=$2 name=$3
shift 3
# /proc is still the machine's here, so it tells the machine's pid of this shell.
read -r pid rest < /proc/self/stat
mount -t tmpfs -o mode=0755 tmpfs /run
# Below, /var/lib is laid over and / is shut: what we need of the machine's own FOLDER gets mounts of its own before.
mkdir -p /run/lab/lxc /run/lab/own
mount --bind "$folder/lxc" /run/lab/lxc
mount --bind "$folder" /run/lab/own
mkdir -p /run/lock /run/netns /run/openvswitch /run/wireguard /run/lxc
# The host's own are /etc, /var/lib, /root and /tmp, on top of the machine's; the rest of the machine can only be read.
for path in etc var/lib root tmp; do
    mkdir -p "/run/lab/$path/upper" "/run/lab/$path/work"
    chmod --reference="/$path" "/run/lab/$path/upper"
    mount -t overlay -o "lowerdir=/$path,upperdir=/run/lab/$path/upper,workdir=/run/lab/$path/work" overlay "/$path"
done
# Every container of the host trusts the authorities that the host trusts (lxc.container.conf(5), common.conf.d).
conf=/usr/share/lxc/config/common.conf.d bundle=/etc/ssl/certs/ca-certificates.crt
cp -a "$conf" /run/lab/conf
echo "lxc.mount.entry = $bundle ${bundle#/} none bind,ro,create=file 0 0" > /run/lab/conf/lab.conf
mount --bind /run/lab/conf "$conf"
# A machine's own Proxmox is not the lab host's: what keeps its containers is not here.
if path=$(command -v pct); then mount --bind /dev/null "$path"; fi
mkdir -p /var/cache/op-dbus
mount --bind /var/cache/op-dbus /var/cache/op-dbus
mount -o remount,bind,ro /
# What the machine itself has of ours or of these programs is not the lab host's.
rm -rf /etc/op-dbus /etc/wireguard /etc/openvswitch /var/lib/lxc /var/lib/op-dbus /var/lib/openvswitch
mkdir -p /var/lib/lxc /var/lib/openvswitch /etc/openvswitch
mkdir -m 0700 -p /etc/op-dbus /etc/wireguard
cp -a --remove-destination /run/lab/own/etc/. /etc/
mount --move /run/lab/lxc /var/lib/lxc
mount -t tmpfs -o mode=0755 tmpfs /var/log
mkdir -p /var/log/openvswitch /var/log/lxc
mount -t proc proc /proc
# LXC would take the machine's cgroup mounts below the new /sys for usable.
umount -l -R /sys 2> /dev/null || :
mount -t sysfs sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
hostname "$name"
ip link set lo up
for setting in "$@"; do echo "${setting#*=}" > "/proc/sys/net/${setting%%=*}"; done

echo "$pid" > /run/lab/own/pid
umount /run/lab/own
# The shell's wait takes in every orphan of the namespace that ends, so none stays a zombie.
while :; do
    sleep infinity &
    wait
done
