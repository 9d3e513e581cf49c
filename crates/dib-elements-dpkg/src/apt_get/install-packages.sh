#!/bin/sh
# Installs, removes or upgrades packages by apt-get: what elements' scripts call, whatever the distribution.
#
# Comes with dib. It needs a POSIX shell, getopt, mountpoint and flock of util-linux, apt-get and, for -m, pkg-map.

set -u

usage() {
    cat <<END
Usage: install-packages [-e] [-m ELEMENT] PACKAGE...
       install-packages -u

  -e          remove the packages
  -m ELEMENT  take them for names that the map of ELEMENT says the packages of
  -u          upgrade all packages that are installed
END
}

archives=/var/cache/apt/archives

apt_get() {
    # Builds share this directory, and apt fails where another is at it.
    if mountpoint -q "$archives" 2>/dev/null; then
        exec 9>>"$archives/dib.lock"
        flock -w 1200 9 || {
            echo "install-packages: another build holds $archives/dib.lock" >&2
            exit 1
        }
    fi
    DEBIAN_FRONTEND=noninteractive \
        http_proxy=${http_proxy:-} https_proxy=${https_proxy:-} no_proxy=${no_proxy:-} \
        apt-get --assume-yes \
        --option Dpkg::Options::=--force-confold \
        --option Dpkg::Options::=--force-confdef \
        "$@" 9>&-
}

words=$(getopt -n install-packages -o hudem: -- "$@") || exit 1
eval "set -- $words"
action=install
element=
while [ $# -gt 0 ]; do
    case $1 in
        -u)
            apt_get dist-upgrade
            exit
            ;;
        -e) action=remove ;;
        -m)
            element=$2
            shift
            ;;
        -h)
            usage
            exit 0
            ;;
        --)
            shift
            break
            ;;
        *)
            echo "install-packages: $1 is not supported" >&2
            exit 1
            ;;
    esac
    shift
done

packages=$*
if [ -n "$element" ]; then
    packages=$(pkg-map --element "$element" "$@") || {
        echo "install-packages: pkg-map failed for $element" >&2
        exit 1
    }
fi
if [ -z "$packages" ]; then
    echo "install-packages: nothing to $action"
    exit 0
fi
# A name may stand for several packages.
# shellcheck disable=SC2086
apt_get "$action" $packages
