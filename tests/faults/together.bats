#!/usr/bin/env bats
# Several writers on one store.

load ../interop/helper

ROUNDS=${TOGETHER_ROUNDS:-20}

setup() {
    setup_store "$BATS_TEST_TMPDIR/store"
    import_busybox
}

teardown() {
    unmount_store
}

@test "two bud builds and a podman build at once, $ROUNDS rounds" {
    for name in one two three; do
        context "$BATS_TEST_TMPDIR/$name" <<'END'
FROM localhost/busybox
ARG ROUND
RUN echo "$ROUND" > /round
COPY Dockerfile /
END
    done
    for round in $(seq "$ROUNDS"); do
        "$BUD" "${STORAGE[@]}" build -q --build-arg ROUND="a$round" -t "one:$round" "$BATS_TEST_TMPDIR/one" 3>&- &
        one=$!
        "$BUD" "${STORAGE[@]}" build -q --build-arg ROUND="b$round" -t "two:$round" "$BATS_TEST_TMPDIR/two" 3>&- &
        two=$!
        podman build --isolation chroot -q --build-arg ROUND="c$round" -t "three:$round" \
            "$BATS_TEST_TMPDIR/three" 3>&- &
        three=$!
        wait $one
        wait $two
        wait $three
    done
    run bud images
    for name in one two three; do
        [ "$(grep -c "^localhost/$name " <<< "$output")" = "$ROUNDS" ]
    done
    bud info --check --deep
    run podman run --rm --network none "two:$ROUNDS" cat /round
    [ "$output" = "b$ROUNDS" ]
}

@test "the same build eight times at once makes one image" {
    context "$BATS_TEST_TMPDIR/app" <<'END'
FROM busybox
RUN sleep 0.2; echo x > /x
COPY Dockerfile /
END
    pids=()
    for i in $(seq 8); do
        "$BUD" "${STORAGE[@]}" build -q -t "same:$i" "$BATS_TEST_TMPDIR/app" 3>&- &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid"
    done
    for i in $(seq 8); do
        podman image exists "same:$i"
    done
    bud info --check --deep
    # and all of them are found the next time
    run bud plan "$BATS_TEST_TMPDIR/app"
    [[ "$output" != *MISS* ]]
}

@test "podman rmi of the base image while it is being built upon is refused" {
    context "$BATS_TEST_TMPDIR/app" <<'END'
FROM busybox
RUN echo started; sleep 3; echo done > /done
END
    "$BUD" "${STORAGE[@]}" build -t app "$BATS_TEST_TMPDIR/app" > "$BATS_TEST_TMPDIR/log" 2>&1 3>&- &
    pid=$!
    wait_for grep -q started "$BATS_TEST_TMPDIR/log"
    run podman rmi localhost/busybox
    [ "$status" != 0 ]
    wait "$pid"
    podman run --rm --network none app cat /done
    # afterwards nothing protects it any more
    podman rmi app
    podman rmi localhost/busybox
}

@test "images removed between builds are a miss, never an error" {
    context "$BATS_TEST_TMPDIR/app" <<'END'
FROM busybox
RUN echo x > /x
RUN echo y > /y
END
    bud build -q -t app "$BATS_TEST_TMPDIR/app"
    podman rmi app
    run bud plan "$BATS_TEST_TMPDIR/app"
    [ "$status" = 0 ]
    [[ "$output" == *MISS* ]]
    bud build -q -t app "$BATS_TEST_TMPDIR/app"
    podman run --rm --network none app cat /x /y
    bud info --check
}

@test "rmi and builds at once: builds succeed or say that the store changed" {
    context "$BATS_TEST_TMPDIR/app" <<'END'
FROM busybox
RUN echo x > /x
RUN echo y > /y
END
    for round in $(seq 10); do
        "$BUD" "${STORAGE[@]}" build -q -t app "$BATS_TEST_TMPDIR/app" > /dev/null 2> "$BATS_TEST_TMPDIR/log" 3>&- &
        pid=$!
        podman rmi app > /dev/null 2>&1 || true
        wait "$pid"
        bud info --check
    done
}

@test "a result found late in an image is protected while steps run on it" {
    context "$BATS_TEST_TMPDIR/app" <<'END'
FROM busybox AS made
ARG ROUND
RUN echo "$ROUND" > /round; echo same > /same
FROM busybox AS first
COPY --from=made /same /
FROM first
RUN echo started; sleep 3; cat /same
END
    bud build -q --build-arg ROUND=1 --target first -t first "$BATS_TEST_TMPDIR/app"
    # The COPY is decided when its source has been made anew.
    "$BUD" "${STORAGE[@]}" build --build-arg ROUND=2 -t app "$BATS_TEST_TMPDIR/app" > "$BATS_TEST_TMPDIR/log" 2>&1 3>&- &
    pid=$!
    wait_for grep -q 'started$' "$BATS_TEST_TMPDIR/log"
    podman rmi first
    wait "$pid"
    podman run --rm --network none app cat /same
    bud info --check
}
