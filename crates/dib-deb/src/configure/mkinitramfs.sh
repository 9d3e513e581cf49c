#!/bin/sh
# Gives the image that an earlier build made of the same, where it is offered. Otherwise runs mkinitramfs, with functions
# for what it would start some ten thousand programs for: two or three of these for every kernel module, most of which
# are there already. Whatever is not plain is left to the programs.

if [ $# = 3 ] && [ "$1" = -o ] && [ -e "/var/lib/dpkg/dib/initramfs-$3" ]; then
    # A tree shows by the time of this directory that one was made, so it shall show it either way.
    rm -f "$(mktemp "${TMPDIR:-/var/tmp}/mkinitramfs_XXXXXX")"
    exec cp "/var/lib/dpkg/dib/initramfs-$3" "$2"
fi

usr_merged_bin=$(readlink -f /bin)

readlink() {
    if [ $# = 2 ] && [ "$1" = -f ]; then
        if [ "$2" = /bin ]; then
            printf '%s\n' "$usr_merged_bin"
            return
        fi
        case "$2" in
            *[!/.]*/*[!/.]*)
                if [ -f "$2" ] && [ ! -L "$2" ]; then
                    (CDPATH='' cd -P -- "${2%/*}" && printf '%s\n' "${PWD%/}/${2##*/}")
                    return
                fi
                ;;
        esac
    fi
    command readlink "$@"
}

realpath() {
    if [ $# = 2 ]; then
        case "$1:$2" in
            *///* | *//*//* | */./* | */../* | */. | */.. | */) ;;
            -ms://*)
                printf '%s\n' "${2#/}"
                return
                ;;
            -s:/*//*) ;;
            -s:/*)
                if [ -e "$2" ]; then
                    printf '%s\n' "$2"
                    return
                fi
                ;;
        esac
    fi
    command realpath "$@"
}

mkdir() {
    if [ $# = 2 ] && [ "$1" = -p ] && [ -d "$2" ]; then
        return 0
    fi
    command mkdir "$@"
}

# Who runs this compresses on all processors what a line names, if it says that it does, and then removes the question.
gzip() {
    case "${DIB_COMPRESSES-}:$*" in
        yes:-c | "yes:-n -c") ;;
        *)
            command gzip "$@"
            return
            ;;
    esac
    data=/var/lib/dpkg/dib/gzip-$$
    : > "$data.asked"
    cat > "$data" || return
    echo "dib: gzip $$" >&2
    # A program in between may keep lines to itself.
    tries=0
    while [ -e "$data.asked" ] && [ "$tries" -lt 1000 ]; do
        tries=$((tries + 1))
        sleep 0.02
    done
    if [ ! -e "$data.asked" ] && [ -e "$data.gz" ]; then
        cat "$data.gz"
    else
        command gzip "$@" < "$data"
    fi
    set -- $?
    rm -f "$data" "$data.asked" "$data.gz"
    return "$1"
}

# Where the kernel's modules are there decompressed, under their names, so that nobody has to do it again, what was copied
# of them gives way to what the package ships. Until the last program has looked into them they stay as they are.
for packed in /var/lib/dpkg/dib/packed-*/kernel; do
    if [ ! -e "$packed" ]; then
        continue
    fi
    rm -f "${packed%/kernel}.copied"
    depmod() {
        command depmod "$@" || return
        if [ "$1 $2 $3" = "-a -b $DESTDIR" ]; then
            (cd "$DESTDIR/lib/modules/$4" && find . -type f -name '*.ko.xz' -print0) |
                (cd "${packed%/kernel}" && xargs -0 -r cp --parents -p -t "$DESTDIR/lib/modules/$4") || exit
            : > "${packed%/kernel}.copied"
        fi
    }
    (. /usr/sbin/mkinitramfs) || exit
    # An image with others is none.
    [ -e "${packed%/kernel}.copied" ]
    exit
done

. /usr/sbin/mkinitramfs
