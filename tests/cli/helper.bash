# For tests of what a user of bud sees. Each test has a store and a directory of its own; `bud` below is the program,
# pointed at that store.
bats_require_minimum_version 1.5.0
load ../wait

REPOSITORY=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
BUD=${BUD:-$REPOSITORY/build/bud}
BUD=$(realpath "$BUD")

setup() {
    STORE=$BATS_TEST_TMPDIR/store
    mkdir -p "$STORE" "$BATS_TEST_TMPDIR/work"
    STORAGE=(--root "$STORE/root" --runroot "$STORE/run" --storage-driver overlay)
    # What the person who runs the tests has set must not matter.
    unset BUILDAH_FORMAT BUILDAH_LAYERS BUILDAH_ISOLATION BUILDAH_RUNTIME SOURCE_DATE_EPOCH
    export NO_COLOR=1
    cd "$BATS_TEST_TMPDIR/work" || return 1
}

bud() {
    "$BUD" "${STORAGE[@]}" "$@"
}

# What `run --separate-stderr` does, at a third of its cost: standard output and error of bud in $output and $stderr, and their
# lines, the empty ones left out.
run_bud() { # $1: the exit status that is expected; the rest: words for bud
    local status_wanted=$1 out=$BATS_TEST_TMPDIR/.stdout err=$BATS_TEST_TMPDIR/.stderr
    shift
    status=0
    bud "$@" > "$out" 2> "$err" || status=$?
    output=$(< "$out") stderr=$(< "$err")
    IFS=$'\n' read -rd '' -a lines <<< "$output" || true
    IFS=$'\n' read -rd '' -a stderr_lines <<< "$stderr" || true
    [ "$status" = "$status_wanted" ] && return 0
    printf 'bud %s\nstatus %s, not %s\n%s\n' "$*" "$status" "$status_wanted" "$stderr" >&2
    return 1
}

# A Dockerfile of standard input, in the context $1.
context() {
    mkdir -p "$1"
    cat > "$1/Dockerfile"
}

# A tar of a root file system with busybox, beside the program: made once, for making it takes longer than most tests, and
# with few commands, for every test imports it.
BUSYBOX_TAR=${BUD%/*}/tests/busybox.tar
APPLETS="sh ash [ test true false echo printf cat cp mv rm rmdir mkdir ln ls touch stat chmod chown mkfifo mknod readlink
    realpath find du df dd head tail sort uniq tr cut wc seq tee xargs grep egrep sed awk od cmp diff id whoami env pwd
    hostname sleep usleep kill ps date basename dirname expr yes timeout setsid nproc mount umount tar gzip sha256sum ip
    dmesg truncate sync fold rev tac"
make_busybox_tar() {
    local maker=$REPOSITORY/examples/hello/busybox-rootfs
    [ ! "$BUSYBOX_TAR" -nt "$maker" ] || [ ! "$BUSYBOX_TAR" -nt "${BASH_SOURCE[0]}" ] || return 0
    mkdir -p "${BUSYBOX_TAR%/*}"
    # shellcheck disable=SC2086
    "$maker" $APPLETS > "$BUSYBOX_TAR.$$" && mv "$BUSYBOX_TAR.$$" "$BUSYBOX_TAR"
}

import_busybox() {
    make_busybox_tar
    bud import "$BUSYBOX_TAR" busybox > /dev/null
}

# Fails, showing both, unless the text $1 has the part $2.
contains() {
    [[ $1 == *"$2"* ]] && return 0
    printf 'not found: %s\nin:\n%s\n' "$2" "$1" >&2
    return 1
}

is() {
    [ "$1" = "$2" ] && return 0
    printf 'wanted: %s\nfound:  %s\n' "$2" "$1" >&2
    return 1
}

# Fails unless every member of the JSON $2 is named in the file docs/$1: `member`, or {one, member}.
documented() {
    local member
    for member in $(jq -r '[.. | objects | keys[]] | unique[]' <<< "$2"); do
        grep -qE "(^|[ {\`])$member([,:}\`]|\$)" "$REPOSITORY/docs/$1" && continue
        echo "docs/$1 does not name the member $member" >&2
        return 1
    done
}
