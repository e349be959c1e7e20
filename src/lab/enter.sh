#!/bin/sh
# Runs a program in all namespaces and the cgroup of a lab host, with a clean environment (nsenter(1)); `op-dbus` is
# the repository's. Programs of the folder OP_DBUS_LAB_PATH, when it is given, are the host's as well.
# enter.sh CGROUP PID PROGRAM [ARGUMENT…]
echo $$ > "$1/cgroup.procs" || exit 125
pid=$2
shift 2
# --root: where the machine's / is a chroot, the mount namespace's own root is not the host's.
exec nsenter --target "$pid" --root --mount --uts --ipc --net --pid --cgroup -- \
    env -C / -i PATH="$(cd "$(dirname "$0")/../../bin" && pwd):${OP_DBUS_LAB_PATH:+$OP_DBUS_LAB_PATH:}/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" HOME=/root LANG=C.UTF-8 \
    TERM="${TERM:-dumb}" "$@"
