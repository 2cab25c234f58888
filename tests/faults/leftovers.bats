#!/usr/bin/env bats
# What kills leave goes with the next prune, and with the next build that has a step to run. A build is killed for real; what the
# others leave is made by hand.

load ../interop/helper

setup() {
    setup_store "$BATS_TEST_TMPDIR/store"
    import_busybox
    ROOT=$STORE/root
    HASH=$(echo -n things | sha256sum | cut -d ' ' -f 1)
    context "$BATS_TEST_TMPDIR/app" <<'END'
FROM busybox
ARG ROUND
COPY Dockerfile /
RUN for i in $(seq $ROUND); do echo waiting; sleep 0.1; done
END
    bud build -q --build-arg ROUND=0 -t app "$BATS_TEST_TMPDIR/app"
}

teardown() {
    unmount_store
}

# In the background, until it runs the step; $PID. It ends by itself after $1 tenths of a second.
start_build() { # $1: round
    "$BUD" "${STORAGE[@]}" build --build-arg ROUND="$1" -t app "$BATS_TEST_TMPDIR/app" > "$BATS_TEST_TMPDIR/log" 2>&1 3>&- &
    PID=$!
    wait_for grep -q '^waiting' "$BATS_TEST_TMPDIR/log"
}

make_leftovers() {
    start_build 500
    kill -KILL "$PID"
    wait "$PID" || true
    # a build that was publishing
    mkdir -p "$ROOT/overlay/$HASH/diff"
    touch "$ROOT/overlay-containers/.tmp-containers.json-abcdefgh"
    # rmi, prune, RUN --mount=type=cache, a fetch
    mkdir "$ROOT/bud/trash/removed"
    mkdir -p "$ROOT/bud/cache-mounts/$HASH" "$ROOT/bud/cache-mounts/$HASH.new-abcdefgh" \
        "$ROOT/bud/cache-mounts/.removed-$HASH-abcdefgh"
    echo -n things > "$ROOT/bud/cache-mounts/$HASH.lock"
    mkdir -p "$ROOT/bud/contexts/.new-abcdefghijkl" "$ROOT/bud/contexts/.removed-abcdefghijkl"
    mkdir "$ROOT/bud/snapshots/.removed-$(printf 'x%.0s' {1..32})"
    for place in trash/removed "cache-mounts/$HASH.new-abcdefgh" contexts/.new-abcdefghijkl; do
        head -c 100000 /dev/zero > "$ROOT/bud/$place/file"
    done
}

# What of it is there, one a line.
leftovers() {
    find "$ROOT/bud/builds" "$ROOT/bud/trash" "$ROOT/bud/contexts" "$STORE/run/bud" -mindepth 1 -maxdepth 1
    find "$ROOT/bud/cache-mounts" "$ROOT/bud/snapshots" "$ROOT/overlay-containers" -name '.*' -o -name '*.new-*'
    find "$ROOT/overlay" -maxdepth 1 -name "$HASH"
    grep -o '"bud-[^"]*"' "$ROOT/overlay-containers/containers.json" "$ROOT/overlay-layers/layers.json" || true
}

@test "a prune takes out what kills left" {
    make_leftovers
    leftovers | sort
    [ "$(leftovers | wc -l)" -ge 12 ]
    run bud cache prune --dry-run
    [ "$(leftovers | wc -l)" -ge 12 ]
    [[ $output == "leftovers "*"  snapshots that no build needs"*"would remove 0 records, "*" kB" ]]
    bud cache prune
    leftovers
    [ -z "$(leftovers)" ]
    [ -d "$ROOT/bud/cache-mounts/$HASH" ]
    bud info --check
}

@test "the next build that has a step to run takes out what kills left, one that has none does not look" {
    make_leftovers
    before=$(leftovers)
    bud build -q --build-arg ROUND=0 -t app "$BATS_TEST_TMPDIR/app"
    [ "$(leftovers)" = "$before" ]
    bud build -q --build-arg ROUND=1 -t app "$BATS_TEST_TMPDIR/app"
    leftovers
    [ -z "$(leftovers)" ]
    [ -d "$ROOT/bud/cache-mounts/$HASH" ]
    bud info --check
}

@test "du tells what of it a prune would free, and where" {
    make_leftovers
    run bud cache du --format json
    for part in mounts contexts other; do
        [ "$(jq ".$part.reclaimable" <<< "$output")" -ge 100000 ]
    done
    bud cache prune --all
    run bud cache du --format json
    [ "$(jq '[.snapshots, .mounts, .contexts, .other | .reclaimable] | add' <<< "$output")" = 0 ]
}

@test "beside a running build, what is its own stays, and it ends well" {
    start_build 20
    running=$(ls "$ROOT/bud/builds")
    bud cache prune --all
    [ "$(ls "$ROOT/bud/builds")" = "$running" ]
    grep -q "\"bud-$running" "$ROOT/overlay-containers/containers.json"
    [ -d "$STORE/run/bud/$running" ]
    wait "$PID"
    [ -z "$(leftovers)" ]
    bud info --check
}
