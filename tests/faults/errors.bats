#!/usr/bin/env bats
# The disk fails at some call of a build: the store is sound after the next one, whatever was cut off.

load ../interop/helper

setup() {
    setup_store "$BATS_TEST_TMPDIR/store"
    import_busybox
    context "$BATS_TEST_TMPDIR/app" <<'END'
FROM busybox
ARG ROUND
RUN echo "$ROUND" > /one
END
}

teardown() {
    unmount_store
}

build() { # $1: round
    bud build -q --build-arg ROUND="$1" -t app "$BATS_TEST_TMPDIR/app"
}

# The calls are those of one thread: which is which depends on the build, so all that matter are taken.
@test "an I/O error or a full disk at any call that changes the shared part of the store" {
    for fault in fsync:error=EIO pwrite64:error=ENOSPC renameat:error=ENOSPC; do
        for nth in 1 3 4 5 7 9 12 15; do
            status=0
            strace -f -o /dev/null -e trace="${fault%%:*}" -e inject="$fault:when=$nth" "$BUD" "${STORAGE[@]}" \
                build -q --build-arg ROUND="$fault$nth" -t app "$BATS_TEST_TMPDIR/app" > /dev/null 2> "$BATS_TEST_TMPDIR/log" ||
                status=$?
            # It is an error, or a word about what is left for the next one.
            [ "$status" = 0 ] || [ "$status" = 125 ]
            [ "$status" = 0 ] || grep -q '^error: ' "$BATS_TEST_TMPDIR/log"
            # Without its cache a build does what it should all the same.
            run ! grep '^error: .*cache.mdb' "$BATS_TEST_TMPDIR/log"
            build "next $fault$nth" > /dev/null
            bud info --check || { echo "$fault $nth" && return 1; }
        done
    done
}
