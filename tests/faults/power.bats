#!/usr/bin/env bats
# What is believed after the machine went down was on disk before: asked of strace, not of a power cut.

load ../interop/helper

setup() {
    command -v strace > /dev/null || skip "no strace here"
    setup_store "$BATS_TEST_TMPDIR/store"
    import_busybox
}

teardown() {
    unmount_store
}

@test "steps of a stage that adds no layer to the image are synced before they are settled" {
    context "$BATS_TEST_TMPDIR/app" <<'END'
FROM busybox AS made
ARG ROUND
RUN echo "$ROUND" > /round; echo same > /same
FROM busybox
ARG ROUND
COPY --from=made /same /
LABEL round=$ROUND
END
    bud build -q --build-arg ROUND=1 -t app "$BATS_TEST_TMPDIR/app"
    strace -f -qq -e trace=syncfs -o "$BATS_TEST_TMPDIR/trace" \
        "$BUD" "${STORAGE[@]}" build -q --build-arg ROUND=2 -t app "$BATS_TEST_TMPDIR/app"
    grep -q 'syncfs(.*= 0' "$BATS_TEST_TMPDIR/trace"
    # Nothing new: nothing is synced.
    strace -f -qq -e trace=syncfs -o "$BATS_TEST_TMPDIR/trace" \
        "$BUD" "${STORAGE[@]}" build -q --build-arg ROUND=2 -t app "$BATS_TEST_TMPDIR/app"
    run grep -c syncfs "$BATS_TEST_TMPDIR/trace"
    [ "$output" = 0 ]
}
