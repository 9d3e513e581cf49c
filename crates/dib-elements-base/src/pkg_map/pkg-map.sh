#!/bin/sh
# Prints what names of packages stand for on a distribution, by the map of an element.
#
# Comes with dib. It needs a POSIX shell and awk.

set -u

directory=/usr/share/pkg-map

say() {
    printf 'pkg-map: %s\n' "$*" >&2
}

usage() {
    cat <<END
Usage: pkg-map --element ELEMENT [options] NAME...

Prints the packages that NAMEs stand for, a line each. Ends with 1 when something is wrong or a name is not mapped, and with 2
when the element has no map.

  --element ELEMENT  whose map to look in
  --pkg-map FILE     the map itself, in place of an element's
  --distro NAME      the distribution; else DISTRO_NAME
  --release NAME     its release; else DIB_RELEASE
  --missing-ok       a name that is not mapped stands for itself
  --prefix TEXT      what stands before each package that is printed
  --debug            accepted, and does nothing
END
}

element='' map='' prefix='' missing_ok=no
distro=${DISTRO_NAME:-} release=${DIB_RELEASE:-}
count=$#
while [ "$count" -gt 0 ]; do
    word=$1
    shift
    count=$((count - 1))
    case $word in
        --element=* | --pkg-map=* | --distro=* | --release=* | --prefix=*) value=${word#*=} ;;
        --element | --pkg-map | --distro | --release | --prefix)
            if [ "$count" -eq 0 ]; then
                say "$word needs a value"
                exit 2
            fi
            value=$1
            shift
            count=$((count - 1))
            ;;
    esac
    case $word in
        --element | --element=*) element=$value ;;
        --pkg-map | --pkg-map=*) map=$value ;;
        --distro | --distro=*) distro=$value ;;
        --release | --release=*) release=$value ;;
        --prefix | --prefix=*) prefix=$value ;;
        --missing-ok) missing_ok=yes ;;
        --debug) ;;
        -h | --help)
            usage
            exit 0
            ;;
        # A name, which goes to the end of the arguments.
        *) set -- "$@" "$word" ;;
    esac
done

if [ -z "$element$map" ]; then
    say 'name an element by --element'
    exit 1
fi
if [ -n "$element" ] && [ -n "$map" ]; then
    say 'give either --element or --pkg-map'
    exit 1
fi
if [ -z "$distro" ]; then
    say 'name the distribution by --distro or DISTRO_NAME'
    exit 1
fi
if [ -n "$element" ]; then
    map=$directory/$element
fi
if [ ! -e "$map" ]; then
    if [ "$missing_ok" = no ]; then
        say "there is no map $map"
        exit 2
    fi
    for name in "$@"; do
        printf '%s\n' "$prefix$name"
    done
    exit 0
fi

case $distro in
    almalinux | fedora | rhel | centos | openeuler | rocky) family=redhat ;;
    debian | ubuntu) family=debian ;;
    opensuse) family=suse ;;
    gentoo) family=gentoo ;;
    *) family='' ;;
esac
case $release in
    8-stream) release=8 ;;
esac

# Words go by the environment, where awk takes no backslash in them for anything.
export map distro family release prefix missing_ok
exec awk '
function fail(message) {
    print "pkg-map: " message > "/dev/stderr"
    exit 1
}

function no_json() {
    fail("failed to read " ENVIRON["map"] " as JSON near " substr(text, 1, 40))
}

function next_character() {
    sub(/^[ \t\r\n]+/, "", text)
    return substr(text, 1, 1)
}

function take(wanted) {
    if (next_character() != wanted) no_json()
    text = substr(text, 2)
}

function string(    result) {
    next_character()
    if (!match(text, /^"([^"\\]|\\.)*"/)) no_json()
    result = substr(text, 2, RLENGTH - 2)
    text = substr(text, RLENGTH + 1)
    gsub(/\\"/, "\"", result)
    gsub(/\\\//, "/", result)
    return result
}

# Keeps each text of an object under the keys that lead to it.
function value(path,    key) {
    if (next_character() != "{") {
        names[path] = string()
        return
    }
    take("{")
    if (next_character() == "}") {
        take("}")
        return
    }
    for (;;) {
        key = string()
        take(":")
        value(path SUBSEP key)
        if (next_character() == "}") {
            take("}")
            return
        }
        take(",")
    }
}

BEGIN {
    while ((got = (getline line < ENVIRON["map"])) > 0) text = text line "\n"
    if (got < 0) fail("failed to read " ENVIRON["map"])
    value("")
    if (next_character() != "") no_json()
    distro = SUBSEP "distro" SUBSEP ENVIRON["distro"] SUBSEP
    family = SUBSEP "family" SUBSEP ENVIRON["family"] SUBSEP
    release = SUBSEP "release" SUBSEP ENVIRON["distro"] SUBSEP ENVIRON["release"] SUBSEP
    for (i = 1; i < ARGC; i++) {
        name = ARGV[i]
        if ((release name) in names) found = names[release name]
        else if ((distro name) in names) found = names[distro name]
        else if ((family name) in names) found = names[family name]
        else if ((SUBSEP "default" SUBSEP name) in names) found = names[SUBSEP "default" SUBSEP name]
        else if (ENVIRON["missing_ok"] == "yes") found = name
        else fail(ENVIRON["map"] " has no mapping for package " name)
        # A name that stands for no package has nothing printed.
        if (found != "") print ENVIRON["prefix"] found
    }
    exit 0
}
' "$@"
