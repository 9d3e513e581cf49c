#!/bin/sh
# Prints what services are called here, a line for each name.
#
# Comes with dib. It needs nothing but a POSIX shell.

set -u

services=/usr/share/svc-map/services

# Prints a text without the quotes that YAML may have around it; a quote within single quotes is written twice.
unquoted() {
    case $1 in
        \'*\')
            text=${1#\'}
            text=${text%\'}
            plain=
            while [ "$text" != "${text#*\'\'}" ]; do
                plain=$plain${text%%\'\'*}\'
                text=${text#*\'\'}
            done
            printf '%s\n' "$plain$text"
            ;;
        \"*\")
            text=${1#\"}
            printf '%s\n' "${text%\"}"
            ;;
        *) printf '%s\n' "$1" ;;
    esac
}

mapped() {
    if [ -f "$services" ]; then
        while IFS= read -r line; do
            case $line in
                *': '*)
                    if [ "$(unquoted "${line%%: *}")" = "$1" ]; then
                        unquoted "${line#*: }"
                        return
                    fi
                    ;;
            esac
        done <"$services"
    fi
    printf '%s\n' "$1"
}

for service in "$@"; do
    # What is installed from source may go by the name that its element has for it.
    if [ -e "/lib/systemd/system/$service.service" ] || [ -e "/etc/init/$service.conf" ]; then
        printf '%s\n' "$service"
    else
        mapped "$service"
    fi
done
