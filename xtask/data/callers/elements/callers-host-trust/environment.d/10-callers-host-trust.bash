export PIP_CERT=/tmp/in_target.d/host-certificates.crt
