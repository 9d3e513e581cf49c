#!/bin/sh
# Runs the executable files of a directory one after the other, in the order of the numbers their names begin with,
# and stops at the first that fails. Files of a sibling directory environment.d are read into the environment first.
#
# Comes with dib. It needs a POSIX shell, grep and sort.

set -u

name=dib-run-parts
allowed=${RUN_PARTS_REGEX:-'^[0-9A-Za-z_-]+$'}

say() {
    printf '%s %s\n' "$name" "$*" >&2
}

usage() {
    {
        echo "Usage: $name [--list] DIRECTORY"
        echo
        echo "Runs the executable files of DIRECTORY whose names hold nothing but letters, digits, - and _ (or match"
        echo "RUN_PARTS_REGEX), in the order of the numbers they begin with."
        echo
        echo "  --list  print their paths and run nothing"
    } >&2
    exit "$1"
}

# Prints the names of a directory's files that match a pattern, in order.
names() {
    (cd "$1" && for file in *; do
        [ -f "$file" ] && printf '%s\n' "$file"
    done) | grep -E -e "$2" | LC_ALL=C sort -n
}

list=no
while [ $# -gt 0 ]; do
    case $1 in
        --list) list=yes ;;
        -h | --help) usage 0 ;;
        -*) say "there is no option $1"; usage 1 ;;
        *) break ;;
    esac
    shift
done
[ $# -eq 1 ] || usage 1
directory=${1%/}
if ! [ -d "$directory" ]; then
    say "$directory is no directory"
    usage 1
fi

targets=$(names "$directory" "$allowed" | while read -r target; do
    if [ -x "$directory/$target" ]; then printf '%s\n' "$target"; fi
done)

if [ "$list" = yes ]; then
    for target in $targets; do
        printf '%s/%s\n' "$directory" "$target"
    done
    exit 0
fi

environment=$directory/../environment.d
if [ -d "$environment" ]; then
    for file in $(names "$environment" '^[0-9A-Za-z_.-]+$'); do
        say "Sourcing environment file $environment/$file"
        . "$environment/$file"
    done
fi

for target in $targets; do
    say "Running $directory/$target"
    "$directory/$target" || {
        status=$?
        say "$directory/$target failed with status $status"
        exit "$status"
    }
    say "$target completed"
done
