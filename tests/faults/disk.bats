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
