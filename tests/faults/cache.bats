#!/usr/bin/env bats
# What may happen to the cache: damage, a directory that cannot be written, kills, and many processes at once. Builds here
# need no container: they are cheap.

load ../interop/helper

KILLS=${CACHE_KILLS:-10}
FLIPS=${CACHE_FLIPS:-25}

setup() {
    setup_store "$BATS_TEST_TMPDIR/store"
    mkdir -p "$BATS_TEST_TMPDIR/app/data/deeper"
    cd "$BATS_TEST_TMPDIR/app" || return 1
    for i in $(seq 30); do
        echo "$i" > "data/$i"
        echo "$i" > "data/deeper/$i"
    done
    cat > Dockerfile <<'END2'
FROM scratch AS files
COPY data /data
WORKDIR /made
FROM scratch
ARG ROUND
ENV ROUND=$ROUND
COPY --from=files /data/deeper /deeper
COPY data/1 /round-$ROUND
END2
}

build() { # $1: round
    bud build -q --build-arg ROUND="$1" -t "app:$1" .
}

# The states of the steps a plan has, one a line.
states() { # $1: round
    bud plan --format json --build-arg ROUND="$1" . | jq -r '.steps[].state'
}

is_sound() {
    run bud info --check
    [ "$status" = 0 ] || { echo "$output" >&2 && return 1; }
}

@test "a bit flipped at $FLIPS random places: every plan is made, and is right" {
    for round in $(seq 5); do
        build "$round" > /dev/null
    done
    texts=$(bud plan --format json --build-arg ROUND=5 . | jq -r '[.steps[].text]')
    cp -a "$STORE/root/bud" "$BATS_TEST_TMPDIR/sound"
    size=$(stat -c %s "$BATS_TEST_TMPDIR/sound/cache.mdb")
    for i in $(seq "$FLIPS"); do
        rm -f "$STORE"/root/bud/cache.mdb*
        cp -a "$BATS_TEST_TMPDIR"/sound/cache.mdb* "$STORE/root/bud/"
        at=$((RANDOM * 32768 + RANDOM)) at=$((at % size))
        # Half of them where pages have their heads.
        [ $((i % 2)) = 0 ] || at=$((at / 4096 * 4096 + at % 128))
        perl -e 'open F, "+<", $ARGV[0]; seek F, $ARGV[1], 0; read F, $b, 1; seek F, $ARGV[1], 0;
            print F chr(ord($b) ^ 1 << $ARGV[2])' "$STORE/root/bud/cache.mdb" "$at" $((RANDOM % 8))
        run --separate-stderr bud plan --format json --build-arg ROUND=5 .
        [ "$status" = 0 ] || { echo "byte $at: status $status: $stderr" >&2 && return 1; }
        # What is not a hit any more has to run, or waits for what has to: never anything else.
        [ "$(jq -r '[.steps[].text]' <<< "$output")" = "$texts" ]
        run jq -r '.steps[].state' <<< "$output"
        run ! grep -vxE 'hit|miss|deferred' <<< "$output"
    done
    build 5 > /dev/null
    is_sound
}

@test "a damaged, a shortened and a foreign cache.mdb are set aside, and the build goes on" {
    build 1 > /dev/null
    # shellcheck disable=SC2086
    for damage in 'truncate -s 5000' 'truncate -s 20000' 'truncate -s 1' 'dd if=/dev/urandom bs=4096 count=20 conv=notrunc of=' \
        'cp /bin/ls'; do
        build 1 > /dev/null
        if [[ $damage == *= ]]; then
            $damage"$STORE/root/bud/cache.mdb" 2> /dev/null
        else
            $damage "$STORE/root/bud/cache.mdb"
        fi
        run --separate-stderr build 1
        [ "$status" = 0 ]
        [[ $stderr == *"was set aside as cache.mdb.damaged-"* ]]
        [[ $(states 1) != *miss* ]]
        is_sound
    done
    bud cache prune > /dev/null
    [ -z "$(find "$STORE/root/bud" -name 'cache.mdb.damaged-*')" ]
}

@test "a cache that is missing, that cannot be written, or whose directory cannot: no record, a word about it, no harm" {
    build 1 > /dev/null
    rm "$STORE"/root/bud/cache.mdb*
    [[ $(states 1) == *miss* ]]
    build 1 > /dev/null
    [[ $(states 1) != *miss* ]]
    # the file: a bind mount that is read-only
    mount --bind "$STORE/root/bud/cache.mdb" "$STORE/root/bud/cache.mdb"
    mount -o remount,bind,ro "$STORE/root/bud/cache.mdb"
    run --separate-stderr build 2
    umount "$STORE/root/bud/cache.mdb"
    [ "$status" = 0 ]
    [[ $stderr == *"cannot be written: nothing will be remembered"* ]]
    [[ $(states 2) == *miss* ]]
    is_sound
    # the directory: a plan reads
    mount --bind "$STORE/root/bud" "$STORE/root/bud"
    mount -o remount,bind,ro "$STORE/root/bud"
    run --separate-stderr bud plan --build-arg ROUND=1 .
    [ "$status" = 0 ]
    [[ $output == *"nothing to do"* ]]
    [[ $stderr == *"cannot be written: nothing will be remembered"* ]]
    run --separate-stderr bud cache prune
    [ "$status" = 125 ]
    [[ $stderr == *"the build cache in"*"cannot be written"* ]]
    [[ $stderr != *"remembered"* ]]
    run --separate-stderr bud cache ls -q
    [ "$status" = 0 ]
    [ -n "$output" ]
    run --separate-stderr bud cache du
    [ "$status" = 0 ]
    run --separate-stderr build 3
    [ "$status" = 125 ]
    [[ $stderr == *"cannot register the build in"*"hint: what steps make is kept there: it must be writable"* ]]
    umount "$STORE/root/bud"
    # a directory that is none at all
    mv "$STORE/root/bud" "$STORE/root/elsewhere"
    run --separate-stderr bud plan --build-arg ROUND=1 .
    [ "$status" = 0 ]
    [[ $output == *MISS* ]]
    build 1 > /dev/null
    is_sound
}

@test "a FIFO, a directory, a link to nowhere in the place of the cache's files: nobody waits for them, and the next build heals" {
    build 1 > /dev/null
    cp -a "$STORE/root/bud" "$BATS_TEST_TMPDIR/sound"
    for suffix in '' -stamp -unsynced -lock; do
        for make in mkfifo mkdir 'ln -s /nowhere/at/all'; do
            # builds say of a file behind a link that leads nowhere that they do without
            [ "$suffix$make" != 'ln -s /nowhere/at/all' ] || continue
            rm -rf "$STORE/root/bud"
            cp -a "$BATS_TEST_TMPDIR/sound" "$STORE/root/bud"
            rm -f "$STORE/root/bud/cache.mdb$suffix"
            $make "$STORE/root/bud/cache.mdb$suffix"
            for words in 'cache ls' 'plan --build-arg ROUND=1 .' 'build -q --build-arg ROUND=1 -t app:1 .'; do
                # shellcheck disable=SC2086
                run timeout 20 "$BUD" "${STORAGE[@]}" $words
                [ "$status" = 0 ] || [[ $words == *ls && $output == *"is not used: "* ]] || {
                    echo "$make cache.mdb$suffix: $words: $status: $output" >&2
                    return 1
                }
            done
            build 1 > /dev/null
            run --separate-stderr bud plan --build-arg ROUND=1 .
            [[ $output == *"nothing to do"* ]]
            [ -z "$stderr" ] || { echo "$make cache.mdb$suffix: $stderr" >&2 && return 1; }
            [ -f "$STORE/root/bud/cache.mdb" ]
            [ -f "$STORE/root/bud/cache.mdb-stamp" ]
            [ -f "$STORE/root/bud/cache.mdb-lock" ]
            [ ! -e "$STORE/root/bud/cache.mdb-unsynced" ]
        done
    done
}

# Does $@ find the records, with no more than one word about that nothing is remembered?
reads() {
    run --separate-stderr "$@"
    [ "$status" = 0 ]
    [[ $output != *MISS* ]]
    [ -n "$output" ]
    [ "$(wc -l <<< "$stderr")" -le 1 ]
    [ -z "$stderr" ] || [[ $stderr == *"cannot be written: nothing will be remembered"* ]]
}

@test "a cache file that cannot be written, whatever is the reason, is read; looking makes nothing" {
    build 1 > /dev/null
    # by an attribute that keeps even root from it
    chattr +i "$STORE/root/bud/cache.mdb" || skip "no chattr here"
    run reads bud plan --build-arg ROUND=1 .
    chattr -i "$STORE/root/bud/cache.mdb"
    [ "$status" = 0 ] || { echo "$output" >&2 && return 1; }
    # by a lock file that cannot be written
    chattr +i "$STORE/root/bud/cache.mdb-lock"
    run reads bud plan --build-arg ROUND=1 .
    first=$status
    run reads bud cache ls
    chattr -i "$STORE/root/bud/cache.mdb-lock"
    [ "$first$status" = 00 ]
    # nothing in the directory
    rm "$STORE/root/bud/cache.mdb-lock"
    before=$(find "$STORE/root/bud" -printf '%p %s %C@\n' | sort)
    for words in 'cache ls' 'cache du' 'cache prune --dry-run --all'; do
        # shellcheck disable=SC2086
        reads bud $words
    done
    [ "$(find "$STORE/root/bud" -printf '%p %s %C@\n' | sort)" = "$before" ]
    build 1 > /dev/null
    [ -f "$STORE/root/bud/cache.mdb-lock" ]
}

@test "who looks at a copy while others write sees what one of them had left" {
    build 0 > /dev/null
    (
        exec > /dev/null 2>&1 3>&-
        for round in $(seq 60); do
            build "$round"
        done
        touch "$BATS_TEST_TMPDIR/done"
    ) &
    # a mount of its own, which is read-only: the lock file cannot be written there
    unshare --mount bash -c 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"; shift
        while [ ! -e "$1" ]; do "${@:2}" cache ls -q > /dev/null || exit 1; done' bash \
        "$STORE/root/bud" "$BATS_TEST_TMPDIR/done" "$BUD" "${STORAGE[@]}" 2> "$BATS_TEST_TMPDIR/said"
    wait
    cat "$BATS_TEST_TMPDIR/said"
    [ ! -s "$BATS_TEST_TMPDIR/said" ]
}

@test "what was set aside is not lost to a mark that cannot be removed at once" {
    build 1 > /dev/null
    sum=$(sha256sum < "$STORE/root/bud/cache.mdb")
    mkdir "$STORE/root/bud/cache.mdb-unsynced"
    mount -t tmpfs tmpfs "$STORE/root/bud/cache.mdb-unsynced"
    for _ in 1 2; do
        run bud plan .
        [ "$(sha256sum < "$(echo "$STORE"/root/bud/cache.mdb.damaged-*)")" = "$sum" ]
    done
    umount "$STORE/root/bud/cache.mdb-unsynced"
    bud plan . > /dev/null
    run --separate-stderr bud plan .
    [ -z "$stderr" ]
    [ "$(sha256sum < "$(echo "$STORE"/root/bud/cache.mdb.damaged-*)")" = "$sum" ]
}

@test "SIGKILL at random points of $KILLS plans, builds and prunes each" {
    build 0 > /dev/null
    for round in $(seq "$KILLS"); do
        for what in "plan --build-arg ROUND=$round ." "build -q --build-arg ROUND=$round -t app:$round ." \
            "cache prune --all"; do
            echo "$round" > data/deeper/1
            # shellcheck disable=SC2086
            "$BUD" "${STORAGE[@]}" $what > /dev/null 2>&1 3>&- &
            pid=$!
            sleep "0.0$((RANDOM % 4))$((RANDOM % 10))"
            kill -KILL "$pid" 2> /dev/null || true
            wait "$pid" || true
        done
        run --separate-stderr build "$round"
        [ "$status" = 0 ] || { echo "$stderr" >&2 && return 1; }
        [ -z "$stderr" ]
        is_sound
        [[ $(states "$round") != *miss* ]]
    done
    bud cache prune --all > /dev/null
    # Nothing is left that nobody knows.
    run find "$STORE/root/bud/snapshots" "$STORE/root/bud/builds" "$STORE/root/bud/trash" -mindepth 1 -maxdepth 1
    [ -z "$output" ] || { echo "$output" >&2 && return 1; }
}

@test "SIGKILL before the mark of unsynced commits has its name: the next build leaves nothing of it" {
    command -v strace > /dev/null || skip "no strace here"
    build 1 > /dev/null
    run strace -f -qq -P cache.mdb-unsynced -e trace=renameat -e inject=renameat:signal=KILL -o "$BATS_TEST_TMPDIR/trace" \
        "$BUD" "${STORAGE[@]}" build -q --build-arg ROUND=2 -t app:2 .
    [ "$status" = 137 ]
    [ -n "$(find "$STORE/root/bud" -name '*unsynced*')" ]
    run --separate-stderr build 2
    [ "$status" = 0 ]
    [ -z "$stderr" ]
    [ -z "$(find "$STORE/root/bud" -name '*unsynced*')" ]
}

# Runs bud as after the next boot.
after_boot() { # words
    tr 0-9a-f 1-9a-f0 < /proc/sys/kernel/random/boot_id > "$BATS_TEST_TMPDIR/boot"
    unshare --mount bash -euc 'mount --bind "$1" /proc/sys/kernel/random/boot_id; shift; exec "$@"' bash \
        "$BATS_TEST_TMPDIR/boot" "$BUD" "${STORAGE[@]}" "$@"
}

# Begins a build whose last step takes long, in the background: its process is $slow.
begin_slow_build() {
    import_busybox > /dev/null
    printf 'FROM busybox\nCOPY data/1 /\nRUN sleep 60\n' > "$BATS_TEST_TMPDIR/Slow"
    "$BUD" "${STORAGE[@]}" build -q -f "$BATS_TEST_TMPDIR/Slow" . > /dev/null 2>&1 3>&- &
    slow=$!
}

@test "what a killed build had not written out, the next command that could write does; older records survive the next boot" {
    build 1 > /dev/null
    local mark=$STORE/root/bud/cache.mdb-unsynced
    begin_slow_build
    wait_for test -e "$mark"
    kill -KILL "$slow"
    wait "$slow" || true
    [ -e "$mark" ]
    # who only looks writes nothing, and what finds everything syncs this once
    bud cache ls > /dev/null
    [ -e "$mark" ]
    strace -f -qq -e trace=fdatasync,fsync -o "$BATS_TEST_TMPDIR/trace" "$BUD" "${STORAGE[@]}" plan --build-arg ROUND=1 . > /dev/null
    grep -q 'fdatasync' "$BATS_TEST_TMPDIR/trace"
    [ ! -e "$mark" ]
    strace -f -qq -e trace=fdatasync,fsync -o "$BATS_TEST_TMPDIR/trace" "$BUD" "${STORAGE[@]}" plan --build-arg ROUND=1 . > /dev/null
    [ ! -s "$BATS_TEST_TMPDIR/trace" ]
    run --separate-stderr after_boot plan --build-arg ROUND=1 .
    [[ $output == *"nothing to do"* ]]
    [ -z "$stderr" ]
    is_sound
}

@test "a step that takes long: what was committed before is on the disk when the power fails" {
    build 1 > /dev/null
    local mark=$STORE/root/bud/cache.mdb-unsynced
    begin_slow_build
    wait_for test -e "$mark"
    # somebody is at it: who finds everything does not do it for him
    strace -f -qq -e trace=fdatasync,fsync -o "$BATS_TEST_TMPDIR/trace" "$BUD" "${STORAGE[@]}" plan --build-arg ROUND=1 . > /dev/null
    [ ! -s "$BATS_TEST_TMPDIR/trace" ]
    wait_for test ! -e "$mark"
    kill -KILL "$slow"
    wait "$slow" || true
    run --separate-stderr after_boot plan --build-arg ROUND=1 .
    [[ $output == *"nothing to do"* ]]
    [ -z "$stderr" ]
}

@test "who looks at the file while others write to it finds nothing wrong with it" {
    command -v strace > /dev/null || skip "no strace here"
    build 0 > /dev/null
    (
        exec > /dev/null 2>&1 3>&-
        for round in $(seq 1000); do
            [ ! -e "$BATS_TEST_TMPDIR/done" ] || exit 0
            build "$round"
        done
    ) &
    for what in "plan ." "cache ls -q" "plan --build-arg ROUND=x ."; do
        # shellcheck disable=SC2086
        ASAN_OPTIONS=detect_leaks=0 strace -f -qq -e trace=pread64 -e inject=pread64:delay_enter=30000 -o "$BATS_TEST_TMPDIR/trace" \
            "$BUD" "${STORAGE[@]}" $what > /dev/null 2>> "$BATS_TEST_TMPDIR/said" || true
    done
    touch "$BATS_TEST_TMPDIR/done"
    wait
    cat "$BATS_TEST_TMPDIR/said"
    [ ! -s "$BATS_TEST_TMPDIR/said" ]
    [ -z "$(find "$STORE/root/bud" -name '*damaged*')" ]
    grep -q pread64 "$BATS_TEST_TMPDIR/trace"
}

@test "two hundred plans, builds and prunes at once: no error, no record lost" {
    commands=("plan -q" "build" "prune" "build" "plan" "ls" "build" "prune-all")
    for wave in $(seq 25); do
        pids=()
        for i in 0 1 2 3 4 5 6 7; do
            round=$((wave % 5 * 3 + i % 3))
            case ${commands[i]} in
            build) words="build -q --build-arg ROUND=$round -t app:$round ." ;;
            prune) words="cache prune" ;;
            prune-all) words="cache prune --all" ;;
            ls) words="cache ls" ;;
            *) words="plan --build-arg ROUND=$round ." ;;
            esac
            # shellcheck disable=SC2086
            "$BUD" "${STORAGE[@]}" $words > "$BATS_TEST_TMPDIR/out-$wave-$i" 2>&1 3>&- &
            pids+=($!)
        done
        for i in 0 1 2 3 4 5 6 7; do
            wait "${pids[i]}" || { cat "$BATS_TEST_TMPDIR/out-$wave-$i" >&2 && echo "${commands[i]}" >&2 && return 1; }
        done
        run ! grep -l 'warning:' "$BATS_TEST_TMPDIR"/out-*
        [ -z "$output" ] || { echo "warnings in $output" >&2 && return 1; }
    done
    is_sound
    # What images have is all there still: their steps are hits.
    for round in 0 5 10; do
        build "$round" > /dev/null
        [[ $(states "$round") != *miss* ]]
    done
    is_sound
}
