#!/usr/bin/env bats
# `bud plan`: what a build would do, and nothing of it done.
load build_helper

two_stages() {
    echo 1 > file
    dockerfile <<'END'
FROM busybox AS make
ARG V=1
RUN echo "$V" > /made
FROM scratch AS unused
COPY file /
FROM busybox
WORKDIR /srv
COPY --from=make /made .
COPY file .
CMD ["cat", "file"]
END
}

@test "the tree: stages, steps, their state, their line, and the reason" {
    two_stages
    run_bud 0 plan .
    contains "$output" "make"
    contains "$output" '1/2     HIT      FROM busybox AS make  :1'
    contains "$output" '2/2     MISS     RUN echo "$V" > /made  :3  ← no record: first build'
    contains "$output" "DEFERRED COPY --from=make /made .  :8"
    contains "$output" "COPY file .  :9 (1 file, 2 B)"
    contains "$output" 'CMD ["cat", "file"]  :10'
    contains "$output" "not built: unused  :4"
    contains "$output" "image  "
    build
    run_bud 0 plan .
    contains "$output" "image  HIT  $(image_id | cut -c1-12)"
    is "${lines[-1]}" "nothing to do"
    run ! grep -E 'MISS|DEFERRED' <<< "$output"
}

@test "JSON for programs" {
    two_stages
    run_bud 0 plan --format json .
    is "$(jq -r '.version, .target' <<< "$output" | xargs)" "1 stage-2"
    is "$(jq -r '.steps[] | select(.kind == "exec") | .state, .line, .text' <<< "$output")" $'miss\n3\nRUN echo "$V" > /made'
    is "$(jq -r '[.stages[].label] | join(" ")' <<< "$output")" "make stage-2"
    is "$(jq -r '.skipped[].label' <<< "$output")" unused
    is "$(jq -r '.steps[-1] | .kind, .state' <<< "$output" | xargs)" "image deferred"
    # every input and parent comes before its step
    is "$(jq '[.steps[] | .id as $id | (.parent, .inputs[].step) | select(. != null and . >= $id)] | length' <<< "$output")" 0
}

@test "nothing is run: no process, no image, no file in the store but the cache's" {
    two_stages
    local images before
    images=$(bud images --json | jq -c '[.[].id]')
    bud plan . > /dev/null
    before=$(find "$STORE" -not -name 'cache.mdb*' -printf '%p %s %T@\n' | sort)
    # where there is a leak checker: it cannot work under strace
    ASAN_OPTIONS=detect_leaks=0 strace -f -o "$BATS_TEST_TMPDIR/trace" "$BUD" "${STORAGE[@]}" plan . > /dev/null || skip "strace does not work here"
    is "$(grep -c 'execve(' "$BATS_TEST_TMPDIR/trace")" 1
    is "$(grep -E 'clone3?\(|fork\(' "$BATS_TEST_TMPDIR/trace" | grep -vc CLONE_THREAD)" 0
    is "$(find "$STORE" -not -name 'cache.mdb*' -printf '%p %s %T@\n' | sort)" "$before"
    is "$(bud images --json | jq -c '[.[].id]')" "$images"
}

@test "the options of build change the plan: --target, --build-arg, --no-cache" {
    two_stages
    build
    contains "$(bud plan --target make .)" "make  (target)"
    contains "$(bud plan --build-arg V=2 .)" "← ARG V: 1 → 2"
    contains "$(bud plan --no-cache .)" "MISS"
}

@test "errors are those of build" {
    dockerfile <<< $'FROM busybox\nCOPY missing /'
    run_bud 125 plan .
    contains "$stderr" "Dockerfile:2"
    contains "$stderr" '"/missing": not found'
}

@test "what a Dockerfile says cannot move the cursor" {
    printf 'FROM busybox\nRUN echo "\033[2Jx\tyz"\n' > Dockerfile
    run_bud 0 plan .
    run ! grep -q $'\033' <<< "$output"
}

@test "colours only for a terminal that wants them" {
    two_stages
    unset NO_COLOR
    run_bud 0 plan .
    run ! grep -q $'\033' <<< "$output"
    script -qec "'$BUD' ${STORAGE[*]} plan ." /dev/null > shown < /dev/null
    grep -q $'\033' shown
    NO_COLOR=1 script -qec "'$BUD' ${STORAGE[*]} plan ." /dev/null > shown < /dev/null
    run ! grep -q $'\033' shown
}

@test "a frontend that bud does not have is ignored, with a warning" {
    dockerfile <<< $'# syntax=example.com/front:1 option\nFROM scratch'
    run_bud 0 plan .
    contains "$stderr" 'warning: Dockerfile: `# syntax=example.com/front:1` is ignored, the file is read as a Dockerfile'
    for syntax in docker/dockerfile:1 docker.io/docker/dockerfile-upstream:master dockerfile.v0; do
        dockerfile <<< "# syntax=$syntax"$'\nFROM scratch'
        run_bud 0 plan .
        is "$stderr" ""
    done
}
