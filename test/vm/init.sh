#!/bin/busybox sh
# The guest's /init: finds the machine's / (9p, read-only), lays a scratch disk over it (overlayfs), and becomes guest.sh.
# Kernel parameters that are for us: vm.init=PATH, the script; it finds the rest (vm.*) in /proc/cmdline itself.
set -e
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t devtmpfs devtmpfs /dev
for module in /modules/*; do insmod "$module" || echo "vm: $module doesn't load" >/dev/kmsg; done
mkdir -p /machine /scratch /root
mount -t 9p -o trans=virtio,version=9p2000.L,ro,access=any,cache=loose,noxattr,msize=512000 machine /machine
mount -t ext4 /dev/vda /scratch
mkdir -p /scratch/upper /scratch/work
mount -t overlay -o lowerdir=/machine,upperdir=/scratch/upper,workdir=/scratch/work overlay /root
for argument in $(cat /proc/cmdline); do
    case $argument in vm.init=*) init=${argument#vm.init=} ;; esac
done
mount -t tmpfs -o mode=0755 tmpfs /root/run
mkdir /root/run/scratch
mount --move /scratch /root/run/scratch
umount /proc /dev
exec switch_root /root /bin/sh "$init"
