#!/bin/sh
# Has the kernel's parameter NAME be VALUE from the next boot on, unless another value stands written down for it.
#
# Comes with dib. It needs a POSIX shell and grep.

set -u

name=${1:-} value=${2:-} comment=${3:-This file was created by diskimage-builder.}
if [ -z "$name" ] || [ -z "$value" ]; then
    echo "Usage: sysctl-write-value NAME VALUE [COMMENT]"
    exit 1
fi

file=/etc/sysctl.d/$name.conf
if [ -f "$file" ]; then
    if grep -qxF -e "$name = $value" "$file"; then
        exit 0
    fi
    echo "sysctl-write-value: $file gives $name another value than $value:" >&2
    grep -F -e "$name" "$file" >&2
    exit 1
fi
printf '# %s\n%s = %s\n' "$comment" "$name" "$value" >"$file"
