#!/usr/bin/env bats
# SIGKILL in the middle of builds: nothing is lost, nothing half-written is visible, the next build goes on.

load ../interop/helper

ROUNDS=${KILL_ROUNDS:-50}

setup() {
    setup_store "$BATS_TEST_TMPDIR/store"
    import_busybox
    mkdir -p "$BATS_TEST_TMPDIR/app/data"
    for i in $(seq 200); do
        echo "$i" > "$BATS_TEST_TMPDIR/app/data/$i"
    done
    cat > "$BATS_TEST_TMPDIR/app/Dockerfile" <<'END'
FROM busybox AS one
ARG ROUND
RUN echo "$ROUND" > /one && dd if=/dev/zero of=/big bs=64k count=64 2>/dev/null
FROM busybox
ARG ROUND
COPY data /data
RUN echo "$ROUND" > /two
COPY --from=one /one /big /from/
RUN rm -r /data/1* && cat /from/one /two
END
}

teardown() {
    unmount_store
}

build() { # $1: round
    bud build -q --build-arg ROUND="$1" -t "app:$1" "$BATS_TEST_TMPDIR/app"
}

@test "SIGKILL at random points of $ROUNDS builds" {
    start=$(date +%s%N)
    build warm-up
    whole=$((($(date +%s%N) - start) / 1000000))
    for round in $(seq "$ROUNDS"); do
        "$BUD" "${STORAGE[@]}" build -q --build-arg ROUND="$round" -t "app:$round" "$BATS_TEST_TMPDIR/app" \
            > /dev/null 2>&1 3>&- &
        pid=$!
        sleep "$(awk -v r="$RANDOM" -v w="$whole" 'BEGIN { printf "%.3f", r / 32768 * w / 1000 }')"
        kill -KILL "$pid" 2>/dev/null || true
        wait "$pid" || true
        # Nobody is left running, and nothing is left mounted.
        run ! grep -q "$STORE/run/bud" /proc/mounts
        ((round % 10)) || podman images > /dev/null
        # Killed while publishing, it may leave directories without a row, and nothing else.
        run bud info --check
        echo "killed: $output"
        run ! grep -Ev '^I9 overlay/|things? (is|are) wrong in the store|nothing is wrong$' <<< "$output"
        build "$round" > /dev/null
        # Killed after its image was there, it has left that build nothing to do, not even to sweep: the next one does.
        [ -z "$(ls "$STORE/root/bud/builds")" ] || build "$round.next" > /dev/null
        bud info --check
    done
    bud info --check --deep
    run podman run --rm --network none "app:$ROUNDS" cat /two
    [ "$output" = "$ROUNDS" ]
    # What the killed builds left has been swept: no snapshot in the making, no row of theirs.
    [ "$(find "$STORE/root/bud/builds" -type f | wc -l)" -le 1 ]
    run ! grep -q '"bud-' "$STORE/root/overlay-containers/containers.json"
}

@test "a killed build leaves no process behind" {
    context "$BATS_TEST_TMPDIR/long" <<'END'
FROM busybox
RUN (sleep 3141 &) ; echo started ; sleep 3141
END
    "$BUD" "${STORAGE[@]}" build -t long "$BATS_TEST_TMPDIR/long" > "$BATS_TEST_TMPDIR/log" 2>&1 3>&- &
    pid=$!
    for _ in $(seq 100); do
        grep -q started "$BATS_TEST_TMPDIR/log" && break
        sleep 0.1
    done
    kill -KILL "$pid"
    wait "$pid" || true
    for _ in $(seq 50); do
        pgrep -f 'sleep 3141' > /dev/null || break
        sleep 0.1
    done
    run ! pgrep -f 'sleep 3141'
}
