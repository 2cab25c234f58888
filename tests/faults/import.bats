#!/usr/bin/env bats
# Images that are taken from archives and OCI layouts: SIGKILL in the middle, and somebody who removes them at once. strace says
# when: at the same system call in every run.

load ../interop/helper

KILLS=${IMPORT_KILLS:-3}

setup() {
    command -v strace > /dev/null || skip "no strace here"
    setup_store "$BATS_TEST_TMPDIR/store"
    cd "$BATS_TEST_TMPDIR" || return 1
    context app <<< $'FROM base\nCOPY Dockerfile /'
    tar -cf base.tar app
    bud import base.tar base
    skopeo copy -q "$(stored localhost/base)" oci:layout:v1
    bud rmi base
}

teardown() {
    unmount_store
}

traced() { # options of strace, --, words for bud
    local options=()
    while [ "$1" != -- ]; do
        options+=("$1") && shift
    done
    ASAN_OPTIONS=detect_leaks=0 strace -f -qq -o trace "${options[@]}" "$BUD" "${STORAGE[@]}" "${@:2}"
}

# A rename makes something visible, or takes it away: what is between two is as if it had not been.
@test "SIGKILL at $KILLS renames each of an import of an archive and of a layout" {
    local from shift=0
    for from in base.tar oci:layout:v1; do
        traced -e trace=renameat -- import "$from" base
        count=$(wc -l < trace)
        bud rmi base
        for i in $(seq "$KILLS"); do
            when=$(((2 * i - 1) * count / (2 * KILLS) + shift))
            run traced -e trace=renameat -e "inject=renameat:signal=KILL:when=$when" -- import "$from" base
            echo "killed: $(tail -2 trace)"
            [ "$status" = 137 ]
            # Nothing but directories nobody knows.
            run bud info --check
            run ! grep -Ev '^I9 overlay/|things? (is|are) wrong in the store|nothing is wrong$' <<< "$output"
            [ "$i" != "$KILLS" ] || podman images > /dev/null
            bud import "$from" base
            bud info --check
            bud rmi base
        done
        shift=1
    done
    # What was being unpacked goes with the next build or prune.
    bud cache prune
    [ -z "$(find "$STORE/root/bud/snapshots" -mindepth 1 -maxdepth 1)" ]
    bud import oci:layout:v1 base
    podman image inspect base > /dev/null
    skopeo copy -q "$(stored localhost/base)" oci:again:v1
}

@test "an image of a layout that is removed before the build holds it: the build begins again" {
    traced -e trace=openat,renameat -- build -q --build-context base=oci-layout:layout:v1 app
    # What is opened first once it is there.
    opened=$(awk '/renameat.*"images.json"/ { exit } /builds.lock/ { n++ } END { print n + 1 }' trace)
    # shellcheck disable=SC2046
    bud rmi $(bud images -aq)
    bud cache prune --all
    traced -P "$STORE/root/bud/builds.lock" -e trace=openat -e inject=openat:signal=STOP:when="$opened" -- \
        --log-level info build --iidfile id --build-context base=oci-layout:layout:v1 app > log 2>&1 3>&- &
    for _ in $(seq 200); do
        grep -q 'stopped by SIGSTOP' trace && break
        sleep 0.02
    done
    pid=$(awk '/SIGSTOP/ { print $1; exit }' trace)
    base=$(bud images -aq)
    bud rmi "$base"
    kill -CONT "$pid"
    wait $!
    grep -q "beginning anew: image base was removed while it was being used" log || { cat log >&2 && return 1; }
    podman image inspect "$(cut -d: -f2 id)" > /dev/null
    bud info --check --deep
}
