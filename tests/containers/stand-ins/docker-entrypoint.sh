#!/bin/sh
# Does what the official image's entry point does, as far as ours rely on it.
set -e
for script in $(find /docker-entrypoint.d -follow -type f | sort); do
    # shellcheck disable=SC1090 # whatever the image holds
    case $script in
        *.envsh) . "$script" ;;
        *.sh) "$script" ;;
    esac
done
names=$(env | sed 's/=.*//' | grep -E '^[A-Z_]+$' | sed 's/.*/${&}/' | tr -d '\n')
for template in /etc/nginx/templates/*.template; do
    site=$(basename "$template" .template)
    envsubst "$names" <"$template" >"/etc/nginx/conf.d/$site"
done
exec "$@"
