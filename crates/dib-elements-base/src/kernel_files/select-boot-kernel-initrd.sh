#!/bin/bash
# Prints the names of the kernel and of the initial ramdisk that the image boots, separated by a colon.
#
# Comes with dib. It needs bash, and the functions that the build puts into the image for its time.

set -eu -o pipefail

source /lib/diskimage-builder/img-functions
select_boot_kernel_initrd /
echo "$KERNEL:$RAMDISK"
