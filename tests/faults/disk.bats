#!/usr/bin/env bats
# A full disk: a small file system on a loop device.

load ../interop/helper

setup() {
    truncate -s 48M "$BATS_TEST_TMPDIR/disk"
    mkfs.ext4 -q "$BATS_TEST_TMPDIR/disk"
    mkdir "$BATS_TEST_TMPDIR/mnt"
    mount -o loop "$BATS_TEST_TMPDIR/disk" "$BATS_TEST_TMPDIR/mnt" || skip "no loop devices here"
    setup_store "$BATS_TEST_TMPDIR/mnt/store"
    import_busybox
}

teardown() {
    unmount_store
    umount -l "$BATS_TEST_TMPDIR/mnt" || true
}

@test "a COPY that does not fit fails clearly and leaves the store sound" {
    context "$BATS_TEST_TMPDIR/app" <<'END'
FROM busybox
COPY big /
END
    head -c 60M /dev/urandom > "$BATS_TEST_TMPDIR/app/big"
    run bud build -t app "$BATS_TEST_TMPDIR/app"
    [ "$status" = 125 ]
    [[ "$output" == *"No space left on device"* ]]
    run bud images
    [[ "$output" != *app* ]]
    bud info --check
    # room again: the next build works
    echo small > "$BATS_TEST_TMPDIR/app/big"
    bud build -t app "$BATS_TEST_TMPDIR/app"
    podman run --rm --network none app cat /big
}

@test "a RUN that fills the disk fails with its own status and leaves the store sound" {
    context "$BATS_TEST_TMPDIR/app" <<'END'
FROM busybox
RUN dd if=/dev/zero of=/big bs=1M count=200 || exit 9
END
    run bud build -t app "$BATS_TEST_TMPDIR/app"
    [ "$status" = 9 ]
    bud info --check
    podman images
}

# Until no block is left, also none of those that are kept for root.
fill_disk() {
    local size
    for size in 1M 4k 1k; do
        dd if=/dev/zero of="$BATS_TEST_TMPDIR/mnt/filler-$size" bs=$size oflag=append conv=notrunc 2> /dev/null || true
    done
    ! dd if=/dev/zero of="$BATS_TEST_TMPDIR/mnt/filler" bs=1k count=1 2> /dev/null
}

@test "prune and rm make room on a full disk" {
    context "$BATS_TEST_TMPDIR/app" <<'END'
FROM scratch AS files
ARG ROUND
COPY big /big-$ROUND
COPY small /
FROM scratch
COPY --from=files /small /
END
    echo small > "$BATS_TEST_TMPDIR/app/small"
    head -c 2M /dev/urandom > "$BATS_TEST_TMPDIR/app/big"
    for round in 1 2 3; do
        bud build -q --build-arg ROUND=$round -t app "$BATS_TEST_TMPDIR/app"
    done
    key=$(bud cache ls --filter superseded --filter text=big --format json | jq -r '.[0].key')
    for words in "rm $key" prune; do
        fill_disk
        # shellcheck disable=SC2086
        run --separate-stderr bud cache $words
        echo "$output" "$stderr"
        [ "$status" = 0 ]
        [ -z "$stderr" ]
        [[ ${lines[-1]} == "removed 2 records, 2."*" MB" ]]
        head -c 1500000 /dev/zero > "$BATS_TEST_TMPDIR/mnt/room"
    done
    [ -z "$(bud cache ls -q --filter superseded)$(bud cache ls -q --filter dead)" ]
    bud info --check
    run bud plan --build-arg ROUND=3 "$BATS_TEST_TMPDIR/app"
    [[ $output == *"nothing to do"* ]]
}

@test "on a full disk, a prune that finds nothing is none the worse, and an rm that frees nothing says what it lacks" {
    context "$BATS_TEST_TMPDIR/app" <<< $'FROM scratch\nCOPY Dockerfile /'
    bud build -q -t app "$BATS_TEST_TMPDIR/app"
    fill_disk
    bud cache prune
    run bud cache rm "$(bud cache ls -q | tail -1)"
    [ "$status" = 125 ]
    [[ $output == *"cannot write the build cache"*"No space left on device"* ]]
    [ "$(bud cache ls -q | wc -l)" = 2 ]
}

@test "a damaged cache on a full disk makes room for a new one" {
    context "$BATS_TEST_TMPDIR/app" <<< $'FROM scratch\nCOPY Dockerfile /'
    bud build -q -t app "$BATS_TEST_TMPDIR/app"
    printf x | dd of="$STORE/root/bud/cache.mdb" conv=notrunc 2> /dev/null
    fill_disk
    run bud cache prune
    echo "$output"
    [ "$status" = 0 ]
    [[ $output == *"it is no LMDB file; it was set aside"*"the one that was set aside is removed"* ]]
    run --separate-stderr bud cache ls -q
    [ "$status" = 0 ]
    [ -z "$stderr" ]
}

@test "a cache whose lock file finds no room is not used: a warning, no bus error" {
    context "$BATS_TEST_TMPDIR/app" <<< $'FROM scratch\nCOPY Dockerfile /'
    bud build -q -t app "$BATS_TEST_TMPDIR/app"
    rm "$STORE/root/bud/cache.mdb-lock"
    fill_disk
    run --separate-stderr bud plan "$BATS_TEST_TMPDIR/app"
    [ "$status" = 0 ]
    [[ $stderr == *"cache.mdb is not used: No space left on device" ]]
}
