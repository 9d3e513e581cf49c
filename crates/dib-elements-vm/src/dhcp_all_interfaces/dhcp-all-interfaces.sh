#!/bin/sh
# Has network interfaces ask for their addresses, at this boot and those to come: the one that is named, or all.
# An interface counts when nothing configures it yet, its hardware address is its own, and something is at its other end.
set -eu

PATH=/usr/local/sbin:/usr/sbin:/sbin:$PATH
interfaces=/etc/network/interfaces
# In seconds: how long to wait for a link, and then for routers.
timeout=@TIMEOUT@

# Prints 0 for an address that the hardware has, 2 for one that is another interface's.
# Source: Documentation/ABI/testing/sysfs-class-net of Linux.
kind_of_address() {
    cat "/sys/class/net/$1/addr_assign_type" 2>/dev/null || echo unknown
}

# VLANs count too: they are called INTERFACE.NUMBER, and have the address of their interface.
has_own_address() {
    case $(kind_of_address "$1") in
        0) true ;;
        2) [ "$(kind_of_address "${1%%.*}")" = 0 ] ;;
        *) false ;;
    esac
}

is_configured() {
    [ -n "$(ifquery "$1" 2>/dev/null)" ]
}

has_link() {
    left=$timeout
    while [ "$left" -gt 0 ]; do
        # An interface that is down knows of no link, and some go down again.
        ip link set dev "$1" up || true
        if [ "$(cat "/sys/class/net/$1/carrier" 2>/dev/null)" = 1 ]; then
            return 0
        fi
        sleep 1
        left=$((left - 1))
    done
    return 1
}

# Prints what a router of the network advertises; fails when none does.
advertisement() {
    command -v rdisc6 >/dev/null || return 1
    left=$timeout
    while [ "$left" -gt 0 ]; do
        status=0
        rdisc6 --retry 3 --single "$1" 2>/dev/null || status=$?
        case $status in
            0) return 0 ;;
            # Nobody answered.
            2) return 1 ;;
        esac
        # The interface may have no address to ask from yet.
        sleep 1
        left=$((left - 1))
    done
    return 1
}

# Prints the lines that configure an interface.
stanzas() {
    printf 'auto %s\niface %s inet dhcp\n\n' "$1" "$1"
    advertised=$(advertisement "$1") || return 0
    says_yes() {
        printf '%s\n' "$advertised" | grep -q "^Stateful $1 conf\. *: *Yes"
    }
    if says_yes address; then
        printf 'iface %s inet6 dhcp\n\n' "$1"
    elif says_yes other; then
        printf 'iface %s inet6 auto\n\tdhcp 1\n\n' "$1"
    else
        printf 'iface %s inet6 auto\n\tdhcp 0\n\n' "$1"
    fi
}

# Adds lines to the configuration. Interfaces come up side by side, and the same one may come twice.
add() {
    (
        flock 9
        is_configured "$1" || printf '%s\n\n' "$2" >&9
    ) 9>>"$interfaces"
}

inspect() {
    if is_configured "$1"; then
        echo "$1: has a configuration"
    elif ! has_own_address "$1"; then
        echo "$1: has an address that was made up"
    elif ! has_link "$1"; then
        echo "$1: has no link"
    else
        lines=$(stanzas "$1")
        add "$1" "$lines"
        echo "$1: is configured now"
    fi
}

if [ $# -gt 0 ]; then
    inspect "$1"
    exit
fi
for directory in /sys/class/net/*; do
    name=${directory##*/}
    # There are files beside the directories of interfaces.
    if [ -d "$directory" ] && [ "$name" != lo ]; then
        inspect "$name"
    fi
done
