#!/bin/sh
# Has the kernel's parameter NAME be VALUE now and from the next boot on, unless another value stands written down for it.
#
# Comes with dib. It needs a POSIX shell, grep, sysctl and sysctl-write-value.

set -u

name=${1:-} value=${2:-}
if [ -z "$name" ] || [ -z "$value" ]; then
    echo "Usage: sysctl-set-value NAME VALUE [COMMENT]"
    exit 1
fi

file=/etc/sysctl.d/$name.conf
if [ -f "$file" ]; then
    # There is nothing to do, or it is an error.
    exec sysctl-write-value "$@"
fi
if ! sysctl -a 2>/dev/null | grep -qF -e "$name"; then
    echo "sysctl-set-value: the kernel has no parameter $name" >&2
    exit 1
fi
sysctl-write-value "$@" && exec sysctl -p "$file"
