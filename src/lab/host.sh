#!/bin/sh
# Makes a lab host and becomes its pid 1: namespaces(7), cgroup_namespaces(7), overlayfs of the kernel's documentation.
# host.sh CGROUP FOLDER NAME [SYSCTL=VALUE…]   CGROUP: the host's cgroup2 folder; FOLDER/etc is laid over /etc,
# FOLDER/lxc is its /var/lib/lxc, FOLDER/pid gets the pid by which the machine knows it, once all is ready.
set -eu
if [ "$1" != inside ]; then
    # The cgroup namespace's root is the cgroup we are in when it is made: so move first.
    echo $$ > "$1/cgroup.procs"
    shift
    exec unshare --mount --propagation unchanged --uts --ipc --net --pid --cgroup --fork --kill-child -- /bin/sh "$0" inside "$@"
fi
folder=$2 name=$3
shift 3
# In a chroot / is no mount point; then its mounts may be shared with the machine, and nothing must be mounted.
if ! mount --make-rprivate / 2> /dev/null; then
    mount -t tmpfs tmpfs /run
    if grep -q '^[^-]* /run [^-]* shared:' /proc/self/mountinfo; then
        umount /run
        echo "the chroot lies on a shared mount: make it a mount point of its own, private (mount --bind, --make-private)"
        exit 1
    fi
fi
# /proc is still the machine's here, so it tells the machine's pid of this shell.
read -r pid rest < /proc/self/stat
# Below, /var/lib is laid over: what we need of the machine's own FOLDER is opened before.
exec 3> "$folder/pid"

mount -t tmpfs -o mode=0755 tmpfs /run
mkdir -p /run/lab/etc/upper /run/lab/etc/work /run/lab/lib/upper /run/lab/lib/work
mkdir -p /run/lab/lxc
mount --bind "$folder/lxc" /run/lab/lxc
mkdir -p /run/lock /run/netns /run/openvswitch /run/wireguard /run/lxc
mount -t overlay -o lowerdir=/etc,upperdir=/run/lab/etc/upper,workdir=/run/lab/etc/work overlay /etc
mount -t overlay -o lowerdir=/var/lib,upperdir=/run/lab/lib/upper,workdir=/run/lab/lib/work overlay /var/lib
# What the machine itself has of ours or of these programs is not the lab host's.
rm -rf /etc/op-dbus /etc/wireguard /etc/openvswitch /var/lib/lxc /var/lib/op-dbus /var/lib/openvswitch
mkdir -p /var/lib/lxc /var/lib/openvswitch /etc/openvswitch
mkdir -m 0700 -p /etc/op-dbus /etc/wireguard
cp -a --remove-destination "$folder/etc/." /etc/
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

echo "$pid" >&3
exec 3>&-
# The shell's wait takes in every orphan of the namespace that ends, so none stays a zombie.
while :; do
    sleep infinity &
    wait
done
