#!/bin/sh
# Grows the root partition to the end of the disk, or to the next partition, and the file system to the partition.
set -eu

device=$(findmnt --noheadings --nofsroot --output SOURCE --first-only /)
device=$(readlink --canonicalize "$device")
type=$(findmnt --noheadings --output FSTYPE --first-only /)
in_sysfs=$(readlink --canonicalize "/sys/class/block/${device##*/}")

# A file system may also have a whole disk to itself, or a volume that grows by other means.
if [ -e "$in_sysfs/partition" ]; then
    disk=$(dirname "$in_sysfs")
    status=0
    growpart "/dev/${disk##*/}" "$(cat "$in_sysfs/partition")" || status=$?
    # 1 says that there is no room to grow into. The file system may yet be smaller than its partition.
    [ "$status" -le 1 ] || exit "$status"
fi

case $type in
    ext2 | ext3 | ext4) resize2fs "$device" ;;
    xfs) xfs_growfs / ;;
    *) echo "a file system of type $type stays as large as it is" ;;
esac
