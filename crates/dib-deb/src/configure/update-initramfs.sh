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
if [ -n "$create" ] && [ ! -e "$directory/initrd.img-$version" ]; then
    : > "$directory/initrd.img-$version"
fi
