#!/bin/sh
# Downloads a file to where it is kept, unless what is kept is as new as the server's.
#
# Comes with dib. It needs a POSIX shell and curl.

set -u

usage() {
    cat <<END
Usage: cache-url [-f] URL FILE

Downloads URL to FILE, which may be a named pipe. When FILE is there and not empty, it is downloaded only if the server has a newer one.

  -f  ask caches on the way for a fresh copy, whatever FILE is like

Ends with 44 when the server has no such file, and with 1 when it can't be had for another reason.
END
}

fresh=no
while getopts fh option; do
    case $option in
        f) fresh=yes ;;
        h)
            usage
            exit 0
            ;;
        *)
            usage >&2
            exit 1
            ;;
    esac
done
shift $((OPTIND - 1))
if [ $# -ne 2 ] || [ -z "$1" ] || [ -z "$2" ]; then
    usage >&2
    exit 1
fi
url=$1 file=$2

if [ -p "$file" ]; then
    directory=${TMPDIR:-/tmp}
else
    directory=$(dirname -- "$file")
    mkdir -p -- "$directory" || exit 1
fi
partial=$(mktemp "$directory/.download.XXXXXXXX") || exit 1
trap 'rm -f -- "$partial"' EXIT
trap 'exit 1' HUP INT TERM

set -- --location --output "$partial" --write-out '%{http_code}' --silent --show-error \
    --connect-timeout 10 --retry 3 --retry-delay 30
kept=no
if [ "$fresh" = yes ]; then
    set -- "$@" --header 'Pragma: no-cache, must-revalidate' --header 'Cache-Control: no-cache, must-revalidate'
elif [ -f "$file" ] && [ -s "$file" ]; then
    kept=yes
    # curl takes a file that exists for its time.
    set -- "$@" --time-cond "$file"
fi
status=$(curl "$@" -- "$url") || exit 1

case $status:$url in
    200:* | *:file://*)
        # A server that knows no conditions sends everything, and curl drops what is no newer.
        if [ "$kept" = yes ] && [ ! -s "$partial" ]; then
            echo "cache-url: $file is up to date"
        elif [ -p "$file" ]; then
            cat "$partial" >"$file"
        else
            mv -f -- "$partial" "$file" || exit 1
            echo "cache-url: downloaded $url"
        fi
        ;;
    # 213 is what an FTP server says of a file that is no newer.
    304:* | 213:*) echo "cache-url: $file is up to date" ;;
    404:*)
        echo "cache-url: the server has no $url" >&2
        exit 44
        ;;
    *)
        echo "cache-url: the server answered $status for $url" >&2
        exit 1
        ;;
esac
