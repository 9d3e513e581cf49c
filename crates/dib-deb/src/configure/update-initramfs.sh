#!/bin/sh
# Stands in while packages are being configured: what is asked for here is made once, afterwards.
case "$*" in
    # The hook that runs for kernels asks first whose program this is.
    --version | -V | --help | -h) exec /usr/sbin/update-initramfs.REAL "$@" ;;
esac
echo "$*" >> /var/lib/dpkg/dib/requests
create=
directory=/boot
version=
while [ $# -gt 0 ]; do
    case "$1" in
        -c) create=1 ;;
        -k) version=$2; shift ;;
        -b) directory=$2; shift ;;
    esac
    shift
done
# The real program may put its image there at this very moment: only a file that is not there is made.
if [ -n "$create" ]; then
    (set -C && : > "$directory/initrd.img-$version") 2> /dev/null || :
fi
