#!/bin/sh
# Refuses to start an edge that anyone could open. In the official nginx image: /docker-entrypoint.d/05-check-secrets.sh.
set -eu
LC_ALL=C

# usable VALUE: at least 22 characters (128 bits in base64url), none but 0-9 A-Z a-z _ -
usable() {
    case $1 in
        *[!0-9A-Za-z_-]*) return 1 ;;
    esac
    [ "${#1}" -ge 22 ]
}

refuse() {
    echo "check-secrets: $1" >&2
    exit 1
}

rule='at least 22 characters of 0-9 A-Z a-z _ -; make one with "clipset secret hls" or "openssl rand -hex 16"'

secret=${HLS_SIGNING_SECRET-}
[ -n "$secret" ] || refuse "HLS_SIGNING_SECRET is not set, and without it every video would be open. Set it to the secret that the API signs with: $rule."
usable "$secret" || refuse "HLS_SIGNING_SECRET is too short or has other characters. It needs $rule."

previous=${HLS_SIGNING_SECRET_PREVIOUS-}
[ -z "$previous" ] || usable "$previous" ||
    refuse "HLS_SIGNING_SECRET_PREVIOUS is too short or has other characters. Leave it empty when there is none; else it needs $rule."
