#!/bin/sh
# nginx asks for the addresses of its upstreams once, when it reads its configuration; a container that comes back may have
# another. So this asks every two seconds, and lets nginx read its configuration again when an address is a new one. In the
# official nginx image: /docker-entrypoint.d/40-follow-addresses.sh. (`resolve` in upstreams needs nginx 1.27.3, and the
# template is also Debian's.)
set -eu

# addresses UPSTREAM…: an address for each; fails while a name has none, for nginx would refuse its configuration then.
addresses() {
    for upstream in "$@"; do
        found=$(getent ahosts "${upstream%:*}") || return 1
        printf '%s ' "${found%% *}"
    done
}

# nginx is told twice, for it may have found a name without an address at the first time.
follow() {
    known=$1 seen=$1
    while sleep 2; do
        now=$(addresses "$API_UPSTREAM" "$BUCKET_UPSTREAM") || continue
        [ "$now" != "$known" ] || continue
        echo "follow-addresses: api and bucket are at $now"
        kill -HUP "$(cat /run/nginx.pid)" || continue
        [ "$now" != "$seen" ] || known=$now
        seen=$now
    done
}

follow "$(addresses "$API_UPSTREAM" "$BUCKET_UPSTREAM")" &
