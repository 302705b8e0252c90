#!/bin/sh
# /init of the stand-in guest: kernel modules, the NTFS volume as C:, the program server, the real qemu-ga, power.
export PATH=/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mount -t tmpfs tmpfs /run; mkdir -p /run/machine /mnt/c
for module in $(cat /modules/order); do insmod "/modules/$module"; done
mkfifo /run/machine/power
exec 3<>/run/machine/power
cat /proc/sys/kernel/random/boot_id >/run/machine/boot_id

find_volume() { # the first partition that begins as an NTFS volume begins
  for device in /dev/vd[a-z][0-9] /dev/sd[a-z][0-9] /dev/nvme?n?p? /dev/vd[a-z]; do
    [ -b "$device" ] && [ "$(dd if="$device" bs=4 skip=3 count=1 iflag=skip_bytes 2>/dev/null)" = NTFS ] &&
      { volume=$device; return; }
  done
  false
}
tries=0
until find_volume; do
  tries=$((tries + 1)); [ $tries -lt 50 ] || { echo "stand-in: no NTFS volume on any disk"; break; }
  usleep 100000
done
volume_flag dirty "$volume" || echo "stand-in: the volume's flags cannot be written"
ntfs-3g -o no_detach,big_writes,noatime "$volume" /mnt/c & ntfs=$!
until grep -q ' /mnt/c ' /proc/mounts; do
  [ -d /proc/$ntfs ] || { echo "stand-in: INACCESSIBLE_BOOT_DEVICE"; break; }
  usleep 20000
done

find_agent() { # the ports of the virtio console come a moment after its module
  for port in /sys/class/virtio-ports/*; do
    [ -f "$port/name" ] && read -r name <"$port/name" && [ "$name" = org.qemu.guest_agent.0 ] &&
      { agent=/dev/${port##*/}; return; }
  done
  false
}
tries=0
until find_agent || [ $tries -ge 50 ]; do tries=$((tries + 1)); usleep 100000; done
faults=/mnt/c/Windows/golden-stand-in/faults.json
if [ -f $faults ]; then # a fault that is switched on acts from the next boot on
  cp $faults /run/machine/faults.json
  grep -q '"agent": *"die-on-write' $faults && echo d >/run/machine/agent-fault
  grep -q '"agent": *"hang"' $faults && echo h >/run/machine/agent-fault
  grep -q '"agent": *"missing"' $faults && agent=
fi
start_agent() { LD_PRELOAD=/lib/shim.so qemu-ga -m virtio-serial -p "$agent" -t /run </dev/null & }
python3 -I -S -B /lib/standin/server.pyc 3<&- &
[ -n "$agent" ] && start_agent
power_button 3<&- &

read -r action <&3
echo "stand-in: $action"
for signal in TERM KILL; do
  for process in /proc/[0-9]*; do
    process=${process#/proc/}
    [ "$process" = 1 ] || [ "$process" = $ntfs ] || kill -$signal "$process" 2>/dev/null
  done
  usleep 100000
done
umount /mnt/c || umount -l /mnt/c
while [ -d /proc/$ntfs ] && [ "$(cut -d' ' -f3 /proc/$ntfs/stat)" != Z ]; do usleep 20000; done
volume_flag clean "$volume"
sync
case $action in reboot) reboot -f ;; *) poweroff -f ;; esac
