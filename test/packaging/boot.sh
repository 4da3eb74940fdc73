#!/bin/bash
# Boots systemd from the folder $1 in namespaces of its own: mounts, processes, network, host name and control groups. Nothing
# of this machine is seen there but its kernel. Ends with the process that it becomes.
#
# Usage: boot.sh FOLDER CGROUP      CGROUP is a new folder in the cgroup2 hierarchy
set -e
if [ -z "${IN_NAMESPACE:-}" ]; then
  mkdir -p "$2"
  export IN_NAMESPACE=1
  exec unshare --mount --pid --fork --kill-child --uts --ipc --net bash "$0" "$@"
fi
if [ "$IN_NAMESPACE" = 1 ]; then
  echo 0 >"$2/cgroup.procs"
  export IN_NAMESPACE=2
  exec unshare --cgroup bash "$0" "$@"
fi

root=$1
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0 loop-control:10:237; do
  IFS=: read -r name major minor <<<"$node"
  mknod -m 666 "$root/dev/$name" c "$major" "$minor"
done
for number in {0..63}; do mknod -m 660 "$root/dev/loop$number" b 7 "$number"; done
ln -s /proc/self/fd "$root/dev/fd"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
ip link set lo up
hostname drone
mkdir -p "$root/.old"
cd "$root"
pivot_root . .old
# In a container, systemd leaves this to the program that started it; services see what is mounted later only if mounts are shared.
mount --make-rshared /
umount -l /.old
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --log-target=null --show-status=0
