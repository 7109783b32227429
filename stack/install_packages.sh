#!/bin/sh
# Installs Debian packages, and leaves none of their services started or enabled: the stack runs servers of its own.
# As root: sh install_packages.sh SECONDS PACKAGE...
set -eu

seconds=$1
shift
policy=${POLICY_RC_D:-/usr/sbin/policy-rc.d}
mark='# Made by the orderscope stack for the time of an installation.'
made=
export DEBIAN_FRONTEND=noninteractive LC_ALL=C

restore() {
    if [ -n "$made" ]; then rm -f "$policy"; fi
}
trap restore EXIT
trap 'exit 130' HUP INT TERM

say() {
    echo "install: $*"
}

# Maintainer scripts ask policy-rc.d before they start a service; 101 forbids it (invoke-rc.d(8)).
forbid_starting() {
    if [ -e "$policy" ] && ! grep -qF "$mark" "$policy"; then
        status=0
        "$policy" orderscope start >/dev/null 2>&1 || status=$?
        if [ "$status" -ne 101 ]; then
            say "$policy is there and lets services start. Install these yourself, then stop their services: $*"
            exit 1
        fi
    else
        made=yes
        printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy"
        chmod 755 "$policy"
    fi
}

packages() {
    dpkg-query --show --showformat '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p' | sort
}

apt() {
    timeout --kill-after=10 "$seconds" apt-get -q -y -o DPkg::Lock::Timeout=120 "$@" </dev/null
}

known() {
    for package; do apt-cache show "$package" >/dev/null 2>&1 || return 1; done
}

# What a package enables would start with the next boot.
disable() {
    [ -d /run/systemd/system ] || return 0
    for package in $1; do
        dpkg-query --listfiles "$package" | sed -n 's#.*/lib/systemd/system/\([^/@]*\.\(service\|socket\|timer\)\)$#\1#p'
    done | while read -r unit; do
        if systemctl --quiet is-enabled "$unit" 2>/dev/null; then
            systemctl --quiet disable "$unit"
            say "disabled $unit"
        fi
    done
}

forbid_starting "$@"
before=$(packages)
known "$@" || { say "updating the list of packages"; apt update; }
# A list that is too old names files that the mirror no longer has.
apt install --no-install-recommends "$@" || {
    say "updating the list of packages"
    apt update
    apt install --no-install-recommends "$@"
}
disable "$(packages | grep -vxF "$before" || true)"
