#!/bin/sh
# Comes before the real program while packages are configured: what it has already done for a kernel need not be done
# again, unless modules or configuration have come since it began.
done=/var/lib/dpkg/dib/depmod-$1.done
if [ $# = 1 ] && [ -e "$done" ] &&
    [ -z "$(find /lib/modules/"$1"/*/ /etc/depmod.d /lib/depmod.d -newer "$done" -print -quit 2> /dev/null)" ]; then
    exit 0
fi
for program in /usr/sbin/depmod /sbin/depmod /usr/bin/depmod; do
    if [ -x "$program" ]; then
        exec "$program" "$@"
    fi
done
echo "depmod: not found" >&2
exit 127
