#!/bin/sh
# Makes those SSH host keys that the machine does not have yet.
set -eu

for type in ecdsa ed25519 rsa; do
    key=/etc/ssh/ssh_host_${type}_key
    [ -f "$key" ] && continue
    # Something else may have made the key meanwhile: it is not to be overwritten, and that is no failure.
    echo n | ssh-keygen -q -t "$type" -N '' -f "$key" || [ -f "$key" ]
done
