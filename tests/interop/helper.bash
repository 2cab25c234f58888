# For tests that run the other tools on a store bud wrote. Each test has a store of its own; `bud`, `podman`, `buildah` and
# `skopeo` below are the programs, pointed at it.

bats_require_minimum_version 1.5.0
load ../wait

BUD=${BUD:-$PWD/build/bud}
REPOSITORY=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)

setup_store() { # $1: directory
    STORE=$1
    mkdir -p "$STORE"
    export CONTAINERS_CONF=$STORE/containers.conf
    cat > "$CONTAINERS_CONF" <<'END'
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
END
    STORAGE=(--root "$STORE/root" --runroot "$STORE/run" --storage-driver overlay)
}

bud() {
    "$BUD" "${STORAGE[@]}" "$@"
}

podman() {
    command podman "${STORAGE[@]}" --tmpdir "$STORE/libpod" "$@"
}

buildah() {
    command buildah "${STORAGE[@]}" "$@"
}

skopeo() {
    command skopeo "$@"
}

# The store as skopeo names it.
stored() { # $1: image name
    echo "containers-storage:[overlay@$STORE/root+$STORE/run]$1"
}

# A tar of a root file system with busybox, made once for all tests of a file.
busybox_tar() {
    local tar=$BATS_FILE_TMPDIR/busybox.tar
    [ -e "$tar" ] || "$REPOSITORY/examples/hello/busybox-rootfs" > "$tar"
    echo "$tar"
}

import_busybox() {
    bud import "$(busybox_tar)" busybox
}

# A tar of a minimal Debian, made once for all runs on this machine.
debian_tar() {
    local tar=$REPOSITORY/build/tests/debian.tar
    if [ ! -e "$tar" ]; then
        mkdir -p "$(dirname "$tar")"
        mmdebstrap --quiet --variant=apt bookworm "${tar%.tar}-new.tar" >&2 &&
            mv "${tar%.tar}-new.tar" "$tar"
    fi
    echo "$tar"
}

# A context in $1 with what follows on standard input as its Dockerfile.
context() {
    mkdir -p "$1"
    cat > "$1/Dockerfile"
}

# The mounts of the store that are left on the machine.
unmount_store() {
    local mount
    for mount in $(awk -v store="$STORE" 'index($2, store) == 1 { print $2 }' /proc/mounts | sort -r); do
        umount -l "$mount" || true
    done
}
