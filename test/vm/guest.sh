#!/bin/sh
# Pid 1 of the guest: gives it what systemd would have mounted, loads the modules, runs the proof, says its exit status
# on the third serial port, and turns the guest off. Output is the second port; the first is the kernel's.
set -e
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
HOME=/root LANG=C.UTF-8
export PATH HOME LANG
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t securityfs securityfs /sys/kernel/security
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts -o mode=0620,ptmxmode=0666 devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
ln -s /proc/self/fd /dev/fd
ln -s fd/1 /dev/stdout
ln -s fd/2 /dev/stderr
mount -t tmpfs -o mode=1777 tmpfs /tmp
for argument in $(cat /proc/cmdline); do
    case $argument in
    vm.modules=*) modules=${argument#vm.modules=} ;;
    vm.node=*) node=${argument#vm.node=} ;;
    vm.test=*) test=${argument#vm.test=} ;;
    esac
done
# Overlays can't write on overlays: what the lab lays over others lies on the scratch disk itself.
mkdir -p /run/scratch/lib /run/lock
mount --bind /run/scratch/lib /var/lib
mkdir -p "/lib/modules/${modules##*/}"
mount --bind "$modules" "/lib/modules/${modules##*/}"
hostname vm
ip link set lo up
stty -F /dev/ttyS1 raw -echo
{
    for module in openvswitch wireguard; do modprobe "$module" || echo "vm: $module doesn't load"; done
    # Until then Open vSwitch 3.1.0 counts no processors and loses every packet on the kernel datapath (fixed in 3.1.1).
    while read -r up rest </proc/uptime && [ "${up%.*}" -lt 11 ]; do sleep 0.2; done
    echo "vm: Linux $(uname -r), up after $up s"
    status=0
    setsid "$node" --test --test-isolation=none --test-reporter=spec "$test" || status=$?
    echo "$status" >/dev/ttyS2
} >/dev/ttyS1 2>&1 </dev/null
echo o >/proc/sysrq-trigger
while :; do sleep 1; done
