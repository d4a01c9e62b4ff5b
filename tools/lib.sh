# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# What tools/check, tools/demo and tools/bench share: installing what is missing, root's part, building. Sourced by bash.

set -euo pipefail
export LC_ALL=C.UTF-8

source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build_root=$source_dir/build
jobs_at_once=$(nproc)

# Debian 12's names. What each is for stands in README.md.
packages_build=(autoconf automake fonts-dejavu-core gcc libc6-dev libcairo2-dev libcups2-dev libgdbm-dev libgpiod-dev libjansson-dev
        libncurses-dev libpango1.0-dev libpcsclite-dev librsvg2-dev libseccomp-dev libsmartcols-dev libssl-dev libsystemd-dev
        libudev-dev libxml2-dev libxxhash-dev libyaml-dev libzint-dev libzip-dev make pkg-config)
packages_desk=(dbus dbus-daemon iproute2 mount pcscd polkitd python3 python3-pycryptodome systemd util-linux
        vsmartcard-vpcd vsmartcard-vpicc)
packages_bench=(check liblmdb-dev libsqlite3-dev)
packages_vm=(busybox-static e2fsprogs mmdebstrap qemu-system-x86 qemu-utils)
# A card printer for the tests.
packages_printer=(avahi-daemon cups-client cups-daemon cups-filters cups-ipp-utils poppler-utils)
# A desktop for the tests: a screen in memory, and a notification server on it.
packages_desktop=(dunst xvfb)
packages_check=("${packages_printer[@]}" "${packages_desktop[@]}" check clang-14 clang-format-14 groff-base libc6-dbg libclang-rt-14-dev libxml2-dev libxml2-utils llvm-14 man-db
        opensc scdaemon tmux umockdev valgrind)
# openssh-server is unpacked and not installed (unpack_sshd): installed, it would start a server and let it start at boot.
# These are the libraries of its that a minimal system may lack, and what tests/bus/test-line-ssh needs besides.
packages_ssh=(libgssapi-krb5-2 libpam0g libwrap0 openssh-client passwd)

say() { printf '%s\n' "$*"; }
heading() { printf '\n== %s\n' "$*"; }
complain() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }

is_root() { [ "$(id -u)" -eq 0 ]; }

# Whether as_root will work. sudo may ask for a password, once, and only at a terminal.
can_be_root() {
        is_root && return 0
        command -v sudo >/dev/null || return 1
        if [ -t 0 ]; then sudo -v; else sudo -n true 2>/dev/null; fi
}

as_root() { if is_root; then "$@"; else sudo "$@"; fi; }

# install_packages PACKAGE...: quick and silent when all are there.
install_packages() {
        local missing=() package log=$build_root/packages.log
        for package in "$@"; do
                dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
        done
        [ ${#missing[@]} -gt 0 ] || return 0
        if ! can_be_root; then
                complain "missing, and only root can install them: ${missing[*]}"
                return 1
        fi
        mkdir -p "$build_root"
        say "Installing ${missing[*]}"
        if ! { as_root apt-get update &&
                       as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
                               "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
                tail -n 30 "$log" >&2
                complain "apt-get failed; all it said is in $log"
                return 1
        fi
}

# unpack_sshd: sets `sshd` to the machine's own sshd, or to one that is unpacked below build/. Nothing of that one is ever
# started but by the test that names it. "" where it cannot be had.
unpack_sshd() {
        local folder=$build_root/openssh-server log=$build_root/packages.log
        sshd=/usr/sbin/sshd
        [ ! -x "$sshd" ] || return 0
        sshd=$folder/usr/sbin/sshd
        [ ! -x "$sshd" ] || return 0
        mkdir -p "$folder"
        say "Unpacking openssh-server"
        if ! (cd "$folder" && { apt-get download openssh-server ||
                { as_root apt-get update && apt-get download openssh-server; }; } &&
                dpkg -x openssh-server_*.deb .) >"$log" 2>&1 </dev/null; then
                sshd=
                tail -n 30 "$log" >&2
                complain "openssh-server cannot be unpacked; all that was said is in $log"
                return 1
        fi
}

# build_flavour NAME TARGETS -- [CONFIGURE ARGUMENT]...: configures build/NAME unless it is, with these arguments, and
# makes TARGETS (words) there. What that prints goes to build/NAME.log, and is shown where it fails.
build_flavour() {
        local name=$1 targets=$2 log=$build_root/$1.log
        shift 3
        mkdir -p "$build_root/$name"
        if [ -e "$source_dir/config.status" ]; then
                complain "the source folder itself is configured; run 'make distclean' in it first"
                return 1
        fi
        if ! build_flavour_steps "$build_root/$name" "$targets" "$@" >"$log" 2>&1 </dev/null; then
                tail -n 60 "$log"
                complain "build/$name failed; all it said is in $log"
                return 1
        fi
}

build_flavour_steps() {
        local folder=$1 targets=$2
        shift 2
        if [ ! -x "$source_dir/configure" ] || [ "$source_dir/configure.ac" -nt "$source_dir/configure" ]; then
                "$source_dir/autogen.sh" || return 1
        fi
        if [ ! -e "$folder/Makefile" ] || [ "$(cat "$folder/arguments" 2>/dev/null)" != "$*" ]; then
                (cd "$folder" && "$source_dir/configure" --quiet "$@") || return 1
                printf '%s\n' "$*" >"$folder/arguments"
        fi
        # shellcheck disable=SC2086 # several words
        make -C "$folder" -j"$jobs_at_once" $targets
}
