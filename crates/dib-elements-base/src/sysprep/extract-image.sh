#!/bin/bash
# Extracts a published disk image into the target: extract-image FILE ARCHIVE ADDRESS CACHED
#
# The image at ADDRESS is kept as CACHED, unless DIB_LOCAL_IMAGE says that it is there already, and its files as the archive ARCHIVE in
# the image cache. FILE is the image's name, for the messages.
#
# Comes with dib, for elements' scripts of the phase root. It needs bash, qemu-img, partx, blkid, flock, tar and, where
# an ordinary user builds, debugfs and mtools.

if [ "${DIB_DEBUG_TRACE:-0}" -gt 0 ]; then
    set -x
fi
set -eu -o pipefail

if [ $# -ne 4 ]; then
    echo "Usage: extract-image FILE ARCHIVE ADDRESS CACHED" >&2
    exit 1
fi
file=$1 archive=$DIB_IMAGE_CACHE/$2 address=$3 cached=$4

# Types of partitions. Source: the UAPI group's Discoverable Partitions Specification.
efi_system=c12a7328-f81f-11d2-ba4b-00a0c93ec93b
extended_boot=bc13c2ff-59e6-4262-a352-b275fd6f7172

die() {
    echo "extract-image: $*" >&2
    exit 1
}

fetch() {
    local status=0
    "$TMP_HOOKS_PATH/bin/cache-url" "$address" "$cached" || status=$?
    # Not every mirror of a distribution has each image; another may be asked the second time.
    if [ "$status" -eq 44 ]; then
        "$TMP_HOOKS_PATH/bin/cache-url" "$address" "$cached"
    elif [ "$status" -ne 0 ]; then
        die "failed to fetch $file from $address"
    fi
}

# Puts the files of a file system, at START sectors of 512 bytes in the disk and SECTORS of them long, below a directory.
provide() {
    local start=$1 sectors=$2 type=$3 directory=$4
    local offset=$((start * 512)) size=$((sectors * 512)) options=ro
    case $type in
        xfs) options+=,nouuid ;;
        btrfs) options+=,subvol=root ;;
    esac
    if mount -t "$type" -o "loop,$options,offset=$offset,sizelimit=$size" "$disk" "$directory" 2>"$work/said"; then
        mounted=("$directory" "${mounted[@]}")
        return
    fi
    # What an ordinary user can do.
    case $type in
        # All but hard links and extended attributes come along.
        ext[234])
            debugfs -R "rdump / $directory" "$disk?offset=$offset" >/dev/null 2>"$work/said" ||
                die "debugfs failed: $(<"$work/said")"
            ;;
        vfat) mcopy -s -p -m -i "$disk@@$offset" ::* "$directory" ;;
        *)
            cat "$work/said" >&2
            die "the file system $type of $file can be read by root only"
            ;;
    esac
}

# Makes the archive of the files of the disk.
repack() {
    local source=$cached number start sectors guid type label root=() boot=() efi=()
    if [ "${cached%.xz}" != "$cached" ]; then
        source=$work/image
        xz --decompress --stdout "$cached" >"$source"
    fi
    qemu-img convert -O raw "$source" "$disk"

    while read -r number start sectors guid; do
        type=$(blkid -p -O $((start * 512)) -S $((sectors * 512)) -o value -s TYPE "$disk") || type=
        label=$(blkid -p -O $((start * 512)) -S $((sectors * 512)) -o value -s LABEL "$disk") || label=
        if [ -z "$type" ]; then
            continue
        elif [ -z "${efi[*]}" ] && [ "$guid" = "$efi_system" ]; then
            efi=("$start" "$sectors" "$type")
        elif [ -z "${boot[*]}" ] && { [ "$guid" = "$extended_boot" ] || [ "$label" = boot ]; }; then
            boot=("$start" "$sectors" "$type")
        elif [ -z "${root[*]}" ]; then
            root=("$start" "$sectors" "$type")
        fi
    done < <(partx --raw --noheadings --output NR,START,SECTORS,TYPE "$disk" | LC_ALL=C sort -r)
    if [ -z "${root[*]}" ]; then
        root=("${boot[@]}")
        boot=()
    fi
    if [ -z "${root[*]}" ]; then
        die "$file has no partition with a file system that is known"
    fi

    mkdir "$work/tree"
    provide "${root[@]}" "$work/tree"
    if [ -n "${boot[*]}" ]; then
        provide "${boot[@]}" "$work/tree/boot"
    fi
    if [ -n "${efi[*]}" ]; then
        provide "${efi[@]}" "$work/tree/boot/efi"
    fi
    tar --create --gzip --numeric-owner --xattrs '--xattrs-include=*' --xattrs-exclude=security.selinux \
        --directory "$work/tree" --file "$work/archive" .
    mv "$work/archive" "$archive"
}

clean_up() {
    local directory
    for directory in "${mounted[@]}"; do
        umount "$directory"
    done
    rm -rf --one-file-system "$work"
}

mkdir -p "$(dirname "$archive")"
exec 9>"$archive.lock"
flock -w 1200 9 || die "another build holds $archive.lock"
if [ -n "${DIB_OFFLINE:-}" ] && [ -f "$archive" ]; then
    echo "extract-image: $archive is taken as it is"
else
    if [ -z "${DIB_LOCAL_IMAGE:-}" ]; then
        fetch
    fi
    if [ ! -f "$archive" ] || [ "$cached" -nt "$archive" ]; then
        echo "extract-image: making an archive of $file"
        work=$(mktemp -d "${TMP_DIR:-/tmp}/extract-image.XXXXXXXX")
        disk=$work/disk mounted=()
        trap clean_up EXIT
        repack
    fi
fi
echo "extract-image: extracting $archive"
tar --extract --gunzip --numeric-owner --xattrs '--xattrs-include=*' --xattrs-exclude=security.selinux \
    --directory "$TARGET_ROOT" --file "$archive"
