# shellcheck shell=bash
# Installs what the tests need: Debian packages, Python tools in target/test-tools, node modules.
# shellcheck disable=SC2154,SC2329 # $tools is local/test's; its functions are called by name

install_packages() {
    local missing=()
    command -v ffmpeg >/dev/null && command -v ffprobe >/dev/null || missing+=(ffmpeg)
    command -v nginx >/dev/null || [[ -x /usr/sbin/nginx ]] || missing+=(nginx)
    command -v cc >/dev/null || missing+=(gcc libc6-dev)
    command -v node >/dev/null || missing+=(nodejs)
    command -v docker-compose >/dev/null || missing+=(docker-compose)
    command -v dockerd >/dev/null || [[ -x /usr/sbin/dockerd ]] || missing+=(docker.io cgroupfs-mount)
    command -v debootstrap >/dev/null || [[ -x /usr/sbin/debootstrap ]] || missing+=(debootstrap)
    command -v envsubst >/dev/null || missing+=(gettext-base)
    command -v openssl >/dev/null || missing+=(openssl)
    command -v strip >/dev/null || missing+=(binutils)
    command -v unshare >/dev/null || missing+=(util-linux)
    command -v ip >/dev/null || missing+=(iproute2)
    command -v faketime >/dev/null || missing+=(faketime)
    command -v npm >/dev/null || missing+=(npm)
    [[ -x /usr/bin/chromium ]] || missing+=(chromium)
    python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3-venv)
    ((${#missing[@]})) || return 0
    local sudo=()
    [[ $EUID -eq 0 ]] || sudo=(sudo -n)
    # Debian starts nginx and dockerd as soon as they are installed; the tests start their own.
    local policy=/usr/sbin/policy-rc.d made='' status
    if [[ ! -e $policy ]]; then
        made=1
        printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null && "${sudo[@]}" chmod 755 "$policy"
    fi
    "${sudo[@]}" apt-get -qq update &&
        "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}"
    status=$?
    [[ -z $made ]] || "${sudo[@]}" rm -f "$policy"
    return "$status"
}

install_tools() {
    if ! cmp -s tests/requirements.txt "$tools/requirements.txt"; then
        python3 -m venv "$tools" &&
            "$tools/bin/pip" install --quiet --disable-pip-version-check -r tests/requirements.txt &&
            cp tests/requirements.txt "$tools/requirements.txt" || return 1
    fi
    command -v cargo-nextest >/dev/null || cargo install --quiet --locked cargo-nextest
}

# What the pages are built with, and what drives the browser; again when a lock file is another one.
install_node_modules() {
    local folder stamp
    for folder in web tests/browser; do
        stamp=$folder/node_modules/.clipset-lock
        cmp -s "$folder/package-lock.json" "$stamp" && continue
        npm --prefix "$folder" ci --ignore-scripts --no-audit --no-fund --loglevel=error &&
            cp "$folder/package-lock.json" "$stamp" || return 1
    done
}

# Tools and node modules come while the compiler works: it needs neither.
set_up() {
    need "packages" install_packages
    begin "tools" install_tools
    begin "node modules" install_node_modules
}

set_up_ended() {
    need "tools" ended "tools"
    need "node modules" ended "node modules"
}
