#!/bin/bash
# Writes down what a hook of a phase sees.
set -eu
phase=$(basename "$(dirname "$0")" .d)
if [ -d "$COMPAT_PROBE" ]; then
    out=$COMPAT_PROBE
else
    out=/var/lib/compat-probe
    mkdir -p "$out"
fi
env -0 > "$out/$phase.environment"
{
    echo "umask $(umask)"
    echo "directory $PWD"
    echo "user $(id -u):$(id -g)"
    echo "program $0"
    echo "arguments $#"
    declare -Fx
} > "$out/$phase.world"
if [ -d "${TMP_HOOKS_PATH:-/nowhere}" ]; then
    ( cd "$TMP_HOOKS_PATH" && find . -mindepth 1 \( -type f -path './*/*' -printf '%P f %m %s\n' -o -printf '%P %y %m %l\n' \) ) | sort > "$out/$phase.hooks"
else
    ( cd /tmp/in_target.d && find . -mindepth 1 \( -type f -path './*/*' -printf '%P f %m %s\n' -o -printf '%P %y %m %l\n' \) ) | sort > "$out/$phase.hooks"
fi
