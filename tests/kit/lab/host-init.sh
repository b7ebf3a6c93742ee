# The first process of a host. Arguments: what it stands on (its layers and base), folder, storage, name, IPv4, IPv6, memory.
# Says its process id (as seen from outside), waits until its network card is plugged in,
# makes the host, says "ready", and stays until its owner goes away.
set -eu
base=$1 dir=$2 storage=$3 name=$4 v4=$5 v6=$6 memory=$7
read -r pid rest </proc/self/stat
echo "$pid"
read -r life

echo "$name" >/proc/sys/kernel/hostname
ip -batch - <<BATCH
link set lo up
addr add $v4/24 dev eth0
addr add $v6/64 dev eth0 nodad
link set eth0 up
BATCH

if [ "$storage" = memory ]; then mount -t tmpfs -o "mode=755,size=$memory" lab "$dir"; fi
mkdir -p "$dir/upper" "$dir/work" "$dir/root"
# A directory of a layer can be renamed as on any disk.
mount -t overlay -o "lowerdir=$base,upperdir=$dir/upper,workdir=$dir/work,redirect_dir=on" overlay "$dir/root"
cd "$dir/root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=1777 tmp tmp
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777 shm dev/shm
# What a host writes stays reachable at run/lab/disk, so that a test can make it full.
mkdir -p run/lock run/lab/disk run/lab/old
chmod 1777 run/lock
chmod 700 run/lab
mount --bind "$dir" run/lab/disk
echo "$name" >etc/hostname

pivot_root . run/lab/old
# "wait" also collects orphans, which is what a first process is for.
exec chroot . /bin/sh -c '
  umount -l /run/lab/old
  rmdir /run/lab/old
  cd /
  echo ready
  exec 3<&0 </dev/null >/dev/null 2>&1
  if [ "$1" = stay ]; then exec 3<&-; sleep infinity & else cat <&3 & fi
  wait $!' init "$life"
