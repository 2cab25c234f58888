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
    contains "$output" "MISS     COPY --from=make /made .  :8  ← follows a step that runs"
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
    is "$(jq -r '.steps[-1] | .kind, .state' <<< "$output" | xargs)" "image miss"
    documented plan.md "$output"
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

@test "where no record is asked for, nothing is decided later: with --no-cache, --cache-ttl 0, a filter" {
    two_stages
    build
    local option
    for option in --no-cache "--cache-ttl 0" --layers=false; do
        # shellcheck disable=SC2086
        run_bud 0 plan $option .
        contains "$output" "the cache is not used"
        contains "$output" " 0 cached"
        run ! grep -E 'DEFERRED|decided later' <<< "$output"
    done
    sed -i 's/^FROM busybox$/& AS last/' Dockerfile
    run_bud 0 plan --no-cache-filter make,last .
    contains "$output" "its stage is in --no-cache-filter"
    run ! grep -E 'DEFERRED|decided later' <<< "$output"
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
    printf 'FROM busybox\nCOPY d /d\nRUN : "\033[2Jx\tyz"\n' > Dockerfile
    mkdir d && build
    touch d/$'a\033[2J'
    build --explain
    contains "$stderr" "because: new file d/a [2J"
    run ! grep -q $'\033' <<< "$stderr"
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

# How often files of the context (f-NUMBER) were opened and looked at by `bud build`, in $opened and $looked.
trace_build() {
    ASAN_OPTIONS=detect_leaks=0 strace -f -y -o "$BATS_TEST_TMPDIR/trace" "$BUD" "${STORAGE[@]}" build -q -t image . > /dev/null ||
        skip "strace does not work here"
    opened=$(grep -E '^[0-9]+ +open' "$BATS_TEST_TMPDIR/trace" | grep -o 'f-[0-9]*' | sort -u | xargs)
    looked=$(grep -cE "stat[a-z0-9]*\\([0-9]+<$PWD/[^>]*>, \"f-[0-9]+\"" "$BATS_TEST_TMPDIR/trace" || true)
}

@test "a file that did not change is looked at once and not opened, and nothing is written" {
    local i
    mkdir -p files/deep
    for i in {1..150}; do echo "$i" > "files/f-$i"; done
    for i in {151..300}; do echo "$i" > "files/deep/f-$i"; done
    dockerfile <<< $'FROM scratch\nCOPY files /'
    sleep 0.1
    build
    trace_build
    is "$opened" ""
    is "$looked" 300
    run ! grep -E 'fsync|fdatasync|msync|pwrite|clone|execve.*runc' "$BATS_TEST_TMPDIR/trace"
}

@test "after a change the plan opens only what changed" {
    local i
    mkdir files
    for i in {1..200}; do echo "$i" > "files/f-$i"; done
    dockerfile <<< $'FROM scratch\nCOPY files /'
    sleep 0.1
    bud plan . > /dev/null
    echo other > files/f-77
    sleep 0.1
    ASAN_OPTIONS=detect_leaks=0 strace -f -o "$BATS_TEST_TMPDIR/trace" "$BUD" "${STORAGE[@]}" plan . > /dev/null || skip "strace does not work here"
    is "$(grep -E '^[0-9]+ +open' "$BATS_TEST_TMPDIR/trace" | grep -o 'f-[0-9]*' | sort -u)" f-77
}

@test "drawings: dot and Mermaid, and svg where Graphviz is" {
    two_stages
    run_bud 0 plan --format dot .
    contains "$output" 'subgraph cluster_0 {'
    contains "$output" 'RUN echo \"$V\" > /made\nMISS\nno record: first build'
    run_bud 0 plan --format mermaid .
    contains "$output" 'flowchart TB'
    contains "$output" 'RUN echo #34;$V#34; #62; /made<br>MISS<br>no record: first build"]:::miss'
    if type dot > /dev/null; then
        run_bud 0 plan --format svg .
        contains "$output" "</svg>"
    fi
    mkdir "$BATS_TEST_TMPDIR/nothing"
    run -125 env PATH="$BATS_TEST_TMPDIR/nothing" "$BUD" "${STORAGE[@]}" plan --format svg .
    contains "$output" "install the package graphviz"
}

@test "how long it took, the critical path, and the image a variable means" {
    dockerfile <<'END'
ARG BASE=busybox
FROM $BASE AS make
RUN usleep 120000; echo 1 > /made
FROM scratch
COPY --from=make /made /
END
    build
    run_bud 0 plan .
    contains "$output" 'FROM $BASE AS make = busybox'
    run_bud 0 plan --no-cache --format json .
    is "$(jq '.estimate.duration >= 120000000, .estimate.unknown == 0' <<< "$output" | xargs)" "true true"
    is "$(jq -r '.estimate.critical as $c | [.steps[$c[]].text] | join("; ")' <<< "$output")" \
        "RUN usleep 120000; echo 1 > /made; COPY --from=make /made /; image"
    run_bud 0 plan --no-cache .
    contains "$output" "critical path: make 2/2 → stage-1 1/1 → image"
    grep -qE 'last time' <<< "$output"
    # What others do beside it in no time is no other number.
    run ! grep -E 'about (.*) \(\1 of work\)' <<< "$output"
}

@test "--ignorefile: a file that is none is an error, also when nothing is read of the context" {
    printf 'FROM scratch\nENV a=b\n' > Dockerfile
    mkdir no-file
    printf '[\n' > wrong
    for command in plan "check Dockerfile" "check ."; do
        # shellcheck disable=SC2086
        run_bud 125 $command --ignorefile missing
        contains "$stderr" "error: the ignore file missing does not exist"
        # shellcheck disable=SC2086
        run_bud 125 $command --ignorefile no-file
        contains "$stderr" "cannot read the ignore file no-file"
        # shellcheck disable=SC2086
        run_bud 125 $command --ignorefile wrong
        contains "$stderr" " --> wrong:1"
    done
    printf 'b\n' > right
    run_bud 0 plan --ignorefile right
    printf 'FROM scratch\nCOPY b /\n' > Dockerfile
    run_bud 1 check Dockerfile --ignorefile right
    contains "$output" "right, line 1 excludes it: b"
}

@test "a build line of buildah is a plan line: --format docker is that of the image" {
    two_stages
    build --format docker
    contains "$(bud plan --format docker .)" "nothing to do"
    contains "$(bud plan .)" "format: docker → oci"
    # That of the plan stands beside it, before or after.
    for format in '--format json --format docker' '--format docker --format json'; do
        # shellcheck disable=SC2086
        is "$(bud plan $format . | jq -r .steps[-1].state)" hit
    done
}

@test "the layer a result has become is in the JSON" {
    two_stages
    build
    run_bud 0 plan --format json .
    local layer
    layer=$(jq -r '.steps[] | select(.text == "COPY file .") | .layer' <<< "$output")
    [ -d "$STORE/root/overlay/$layer/diff" ]
    is "$(jq -r '.steps[] | select(.text | startswith("RUN")) | .layer' <<< "$output")" null
    documented plan.md "$output"
}

@test "what a failed build did not come to is not built yet, it is no new instruction" {
    printf 'FROM busybox\nRUN echo one\nRUN false\nRUN echo three\n' > Dockerfile
    build_fails 1
    is "$(step 'RUN echo one')" hit
    is "$(step 'RUN false')" "miss: not built yet"
    sed -i 's/RUN false/RUN true/' Dockerfile
    build
    sed -i '/RUN true/i RUN echo new' Dockerfile
    is "$(step 'RUN echo new')" "miss: new instruction"
}

@test "an argument that is gone is called one" {
    printf 'FROM busybox\nARG A\nENV E=1\nRUN true\n' > Dockerfile
    build --build-arg A=1
    sed -i '/ENV/d' Dockerfile
    is "$(step 'RUN true')" "miss: ARG A is gone, ENV E is gone"
}

@test "a heredoc is shown by its beginning, a trigger as one" {
    printf 'FROM scratch\nONBUILD RUN true\n' | build -f -
    bud tag image base
    printf 'FROM base\nRUN <<E\n\n  set -e\nE\nRUN <<E\nE\n' > Dockerfile
    run_bud 0 plan .
    contains "$output" "ONBUILD RUN true  :1"
    contains "$output" "RUN <<E (set -e…)  :2"
    contains "$output" "RUN <<E  :6"
}

@test "of several missing images the first in the file is told" {
    printf 'FROM nowhere AS a\nFROM nowhere AS b\nCOPY --from=a /x /\nFROM b\n' > Dockerfile
    run_bud 125 plan .
    contains "$stderr" "Dockerfile:1:"
}

@test "stages that have no name, and those that do, are told where a stage is asked for" {
    printf 'FROM scratch AS one\nFROM scratch\nCOPY Dockerfile /\n' > Dockerfile
    run_bud 125 plan --target stage-1 .
    contains "$stderr" "hint: stage-1 has no name to be called by: give it one, FROM … AS name"
    run_bud 125 plan --target somewhere .
    contains "$stderr" "hint: stages with a name: one"
    run_bud 0 plan --no-cache-filter stage-1 .
    contains "$stderr" "warning: --no-cache-filter: stage-1 has no name to be called by"
}

@test "times too short to be told are left out of the summary" {
    printf 'FROM scratch\nCOPY Dockerfile /a\nCOPY Dockerfile /b\n' > Dockerfile
    build
    run_bud 0 cache rm "$(bud cache ls -q --filter text=/b)"
    run_bud 0 plan .
    is "${lines[-1]}" "1 to run, 1 cached, $(stat -c %s Dockerfile) B to copy"
}

@test "what the checks say of a build they say of its plan, and where they are errors there is none" {
    printf 'FROM scratch\nCOPY Dockerfile /\nMAINTAINER me\n' > Dockerfile
    run_bud 0 plan .
    contains "$stderr" "warning: MaintainerDeprecated: "
    sed -i '1i # check=error=true' Dockerfile
    run_bud 125 plan .
    is "$output" ""
}

@test "what follows a step that runs is no question, whatever its other inputs come to" {
    dockerfile <<'END'
FROM busybox AS made
RUN echo 1 > /t
FROM busybox
ARG X
RUN echo $X > /x
COPY --from=made /t /t
RUN true
END
    build --build-arg X=1
    sed -i 's/echo 1/echo  1/' Dockerfile
    # only the files of the stage are in question
    PLAN_OPTIONS=(--build-arg X=1)
    is "$(step COPY)" "deferred: decided when stage made is built"
    PLAN_OPTIONS=(--build-arg X=2)
    is "$(step COPY)" "miss: follows a step that runs"
    is "$(step 'RUN true')" "miss: follows a step that runs"
    contains "$(bud plan "${PLAN_OPTIONS[@]}" .)" "4 to run, 0 cached, "
    build --build-arg X=2 --explain
    contains "$stderr" $'COPY --from=made /t /t\n    because: follows a step that runs'
}

@test "stages of one name have their own places" {
    dockerfile <<'END'
FROM busybox AS x
RUN echo one > /one
FROM busybox AS x
RUN echo two > /two
FROM busybox
COPY --from=0 /one /
COPY --from=x /two /
END
    build
    trace_build
    run ! grep -E 'pwrite|fsync' "$BATS_TEST_TMPDIR/trace"
    run_bud 0 cache prune
    is "$(step 'RUN echo one')" hit
    sed -i 's/echo one/echo  one/' Dockerfile
    is "$(step 'RUN echo one')" "miss: the command changed"
    is "$(step 'RUN echo two')" hit
}

@test "files are named by where they are: in which context, behind which link" {
    mkdir ../nc d
    echo one > a
    echo two > ../nc/a
    echo f > d/f
    ln -s d/f link
    dockerfile <<'END'
FROM busybox
ENV V=1
COPY link /x
RUN --mount=type=bind,target=/m --mount=type=bind,from=nc,target=/n cat /m/a /n/a > /out
END
    PLAN_OPTIONS=(--build-context nc=../nc)
    build "${PLAN_OPTIONS[@]}"
    sed -i 's/V=1/V=2/' Dockerfile
    echo Dockerfile > .dockerignore # it changed, and is mounted
    build "${PLAN_OPTIONS[@]}"
    sed -i 's/V=2/V=1/' Dockerfile
    is "$(step 'RUN')" "miss: ENV V: 2 → 1"
    echo three > ../nc/a
    is "$(step 'RUN')" "miss: ENV V: 2 → 1, [nc] a changed"
    echo more >> d/f
    is "$(step 'COPY link')" "miss: d/f changed"
}

@test "a source that is taken no more is told of, not its file" {
    mkdir dir
    echo a | tee dir/a > a
    echo b | tee dir/b > b
    dockerfile <<< $'FROM scratch\nCOPY a b /d/\nCOPY --exclude=a dir /e/'
    build
    sed -i 's/a b/a/' Dockerfile
    is "$(step 'COPY a')" "miss: sources: a b → a"
    sed -i 's/COPY a/COPY a b/; s/--exclude=a //' Dockerfile
    is "$(step 'COPY dir')" "miss: excluded: a → none"
    # as written otherwise, the same
    sed -i 's/a b/.\/a b/; s/COPY dir/COPY --exclude=a dir/' Dockerfile
    is "$(step 'COPY ./a')" hit
    sed -i 's/\/d\//\/f\//' Dockerfile
    is "$(step 'COPY ./a')" "miss: destination: /d/ → /f/"
}

@test "a reason is the same whether another step has read more of the context or not" {
    mkdir d
    echo 1 > d/f
    echo 2 > d/g
    dockerfile <<< $'FROM scratch\nCOPY d/f /x/'
    build
    echo changed > d/f
    is "$(step 'COPY d/f')" "miss: d/f changed"
    echo 'COPY d /y' >> Dockerfile
    is "$(step 'COPY d/f')" "miss: d/f changed"
    is "$(step 'COPY d/f')" "miss: d/f changed"
}

@test "a reason is told whole" {
    local directory=src/main/java/com/example/company/product/module/submodule/deeper/and/deeper
    mkdir -p "$directory"
    echo 1 > "$directory/SomeServiceImplementation.java"
    dockerfile <<< $'FROM scratch\nCOPY src /src'
    build
    echo 2 > "$directory/SomeServiceImplementation.java"
    contains "$(bud plan .)" "← $directory/SomeServiceImplementation.java changed"
    contains "$(bud plan --format dot .)" "$directory/SomeServiceImplementation.java changed"
}

# A build of instruction $2 in a context that $1 makes; then $3 is done to it, and the reason must be $4.
becomes() {
    rm -rf ./* .dockerignore "$STORE"/root/bud/cache.mdb*
    eval "$1"
    dockerfile <<< $'FROM busybox\n'"$2"
    build
    eval "$3"
    is "$(step "${2%% *}")" "miss: $4" || return 1
    build --explain
    contains "$stderr" "because: $4"
}

@test "what became of a file that is not taken any more, or is another" {
    local files='echo b > b; echo m > m'
    becomes "$files" 'COPY b /b' 'rm b; mkdir b' 'b is a directory now'
    becomes "$files" 'COPY b /b' 'rm b; mkdir b; echo x > b/x' 'b is a directory now'
    becomes "$files" 'RUN --mount=source=m,target=/m true' 'rm m; mkdir m; echo x > m/x' 'm is a directory now'
    becomes "$files" 'COPY b m /d/' 'rm b; mkdir b; rm m; mkfifo m' 'm is a special file now, b is a directory now'
    becomes "$files" 'COPY b /b' 'ln -sf m b' 'm is taken now, b is a link now'
    becomes "$files; ln -s m l" 'COPY l /b' 'rm l; echo m > l; echo >> l' 'l is a file now, m is not taken now'
    becomes "$files; ln -s m l" 'COPY l /b' 'ln -sf b l' 'b is taken now, m is not taken now'
    becomes 'mkdir b; echo x > b/x' 'COPY b /b' 'rm -r b; echo b > b' 'b is a file now'
    becomes 'mkdir b; echo x > b/x' 'COPY . /b' 'rm -r b; echo b > b' 'b is a file now'
    becomes 'mkdir b' 'COPY b /b' 'rm -r b; echo b > b' 'b is a file now'
    becomes "$files" 'COPY [bm] /d/' 'echo m > .dockerignore' 'm is left out now'
    becomes "$files" 'COPY [bm] /d/' 'rm m' 'm was removed'
}

@test "a directory that came or went is named for all in it, beside others" {
    becomes 'echo 1 > n1; mkdir d' 'COPY . /x' 'rmdir d' 'd was removed'
    becomes 'echo 1 > n1; mkdir d' 'COPY . /x' 'rmdir d; rm n1' 'd was removed, n1 was removed'
    becomes 'mkdir -p x/y d; touch x/1 x/y/2' 'COPY . /x' 'rm -r x' 'x was removed'
    becomes 'touch a' 'COPY . /x' 'mkdir -p e/f/g; touch e/f/h' 'new directory e'
    becomes 'mkdir e' 'COPY . /x' 'mkdir -p e/f/g; touch n' 'new file n, new directory e/f'
    becomes 'mkdir -p 1/2 3/4 5/6 7/8 9' 'COPY . /x' 'rm -r ?' '1 was removed, 3 was removed, 5 was removed and 2 more'
}

@test "what was there all along is not new" {
    local files='touch a b; mkdir d x y; touch d/in x/in y/a'
    becomes "$files; printf '%s\n' a d .dockerignore > .dockerignore" 'COPY . /x' 'sed -i 1,2d .dockerignore; touch n' \
        'a is taken now, d is taken now, new file n'
    becomes "$files" 'COPY x /x' 'rm -r x; ln -s y x' 'y/a is taken now, x is a link now'
    becomes "$files" 'COPY x /x' 'rm -r x; ln -s y x; touch y/b' 'y/a is taken now, new file y/b, x is a link now'
    becomes "$files; ln -s a l" 'COPY l /x' 'echo b > b; ln -sf b l' 'b is taken now, a is not taken now'
    becomes "$files; ln -s a l" 'COPY l /x' 'echo n > n; ln -sf n l' 'new file n, a is not taken now'
}

@test "what became of directories where files are too many to be kept" {
    local files='mkdir -p e src m/p{1..300}/lib; touch src/a; touch m/p{1..300}/lib/{f,g,h}'
    becomes "$files" 'COPY . /x' 'echo m > .dockerignore; echo b > src/a' 'files in src/ changed, m is left out now'
    becomes "$files; echo m > .dockerignore" 'COPY . /x' 'rm .dockerignore' 'm is taken now'
    becomes "$files" 'COPY . /x' 'rm -r m/p7' 'm/p7 was removed'
    becomes "$files" 'COPY . /x' 'rm -r m/p7; ln -s p8 m/p7' 'm/p7 is a link now'
    becomes "$files" 'COPY . /x' 'mkdir -p n/a/b; touch n/a/b/c' 'new directory n'
    becomes "$files" 'COPY . /x' 'touch e/f' 'new files in e/'
    becomes "$files" 'COPY . /x' 'rm src/a' 'the files of src/ were removed'
    becomes "$files" 'COPY . /x' 'echo "src/*" > .dockerignore' 'the files of src/ are not taken now'
    files='mkdir -p src m/p{1..600}/lib; touch src/a; touch m/p{1..600}/lib/f'
    becomes "$files" 'COPY . /x' 'echo m > .dockerignore; echo b > src/a' 'files in src/ changed, m is left out now'
    becomes "$files; echo m > .dockerignore" 'COPY . /x' 'rm .dockerignore' 'm is taken now'
    becomes "$files" 'COPY . /x' 'rm -r m' 'm was removed'
}

@test "how sources are written is a reason for what nothing else explains" {
    becomes 'touch b m' 'COPY b m /d/' 'echo m > .dockerignore; sed -i "s/b m/[bm]/" Dockerfile' 'm is left out now'
    becomes 'touch b m' 'COPY b m /d/' 'rm m; sed -i "s/b m/[bm]/" Dockerfile' 'm was removed'
    becomes 'touch b m n' 'COPY b m /d/' 'echo m > .dockerignore; sed -i "s/b m/[bmn]/" Dockerfile' \
        'm is left out now, sources: b m → [bmn]'
    becomes 'mkdir s t; touch s/a; echo a > t/a' 'RUN --mount=source=s,target=/m true' 'sed -i s/=s,/=t,/ Dockerfile' \
        'mounted on /m: context /s → context /t'
}

@test "reasons compare with what the last build said, also when it found all" {
    local before
    mkdir s t
    touch b m s/x t/x
    dockerfile <<< $'FROM busybox\nCOPY --exclude=*.x b m /d/\nRUN --mount=source=s,target=/m true'
    build
    bud tag busybox same
    sed -i 's/busybox/same/; s/b m/[bm]/; s/[*].x/*.y/; s/source=s/source=t/' Dockerfile
    contains "$(bud plan .)" '2 cached'
    build
    contains "$(bud plan .)" 'nothing to do'
    before=$(sha256sum "$STORE/root/bud/cache.mdb")
    build
    is "$(sha256sum "$STORE/root/bud/cache.mdb")" "$before"
    echo changed | tee m > t/x
    is "$(step COPY)" 'miss: m changed'
    sed -i /COPY/d Dockerfile
    is "$(step RUN)" 'miss: t/x changed'
    sed -i '1a COPY --exclude=*.y [bm] /d/' Dockerfile
    echo m > .dockerignore
    is "$(step COPY)" 'miss: m is left out now'
    rm .dockerignore
    : > m
    build -f - <<< $'FROM same\nLABEL new=base'
    bud tag image same
    is "$(step COPY)" 'miss: base image same moved'
}

@test "steps that find one record, written differently, are no news in each build" {
    touch b m
    dockerfile <<< $'FROM busybox AS one\nCOPY b m /d/\nFROM busybox\nCOPY [bm] /d/\nCOPY --from=one /d /e'
    build
    build
    local before
    before=$(sha256sum "$STORE/root/bud/cache.mdb")
    build
    is "$(sha256sum "$STORE/root/bud/cache.mdb")" "$before"
}

@test "a record that several Dockerfiles or stages find says how the one wrote it that made it, and the others say no untruth" {
    mkdir d
    touch f d/f d/g
    bud tag busybox app:1
    bud tag busybox app:2
    printf 'FROM app:1\nCOPY f /o/\n' > A
    printf 'FROM app:2\nCOPY ./d/f /o/\n' > B
    printf 'FROM app:2 AS x\nCOPY f /p/\nFROM app:1 AS y\nCOPY ./f /p/\n' > C
    build -f A
    local file before
    for file in B 'C --target x' 'C --target y'; do
        # shellcheck disable=SC2086
        build -f $file
    done
    before=$(sha256sum "$STORE/root/bud/cache.mdb")
    for file in A B 'C --target x' 'C --target y' A; do
        # shellcheck disable=SC2086
        build -f $file
    done
    is "$(sha256sum "$STORE/root/bud/cache.mdb")" "$before"
    local PLAN_OPTIONS
    echo changed | tee f > d/f
    PLAN_OPTIONS=(-f A)
    is "$(step COPY)" 'miss: f changed'
    PLAN_OPTIONS=(-f B) # what A took was f
    is "$(step COPY)" 'miss: the files from context changed'
    : | tee f > d/f
    build -q -t other -f - <<< $'FROM busybox\nLABEL a=b'
    bud tag other app:1
    bud tag other app:2
    PLAN_OPTIONS=(-f A)
    is "$(step COPY)" 'miss: base image app:1 moved'
    PLAN_OPTIONS=(-f B)
    is "$(step COPY)" 'miss: the base image app:2 is another one'
}

@test "a stage that was called otherwise, a Dockerfile that was elsewhere, another checkout: compared with its like" {
    mkdir w
    echo b > w/b
    echo l > lock
    printf 'FROM busybox AS build\nRUN true\nFROM busybox\nCOPY lock /\nRUN sleep 0.1\nCOPY w /w\nRUN sleep 0.12; cat /w/b\n' > Dockerfile
    build
    cp -r . ../checkout
    echo changed > w/b
    changed_there() { # words of bud plan
        run_bud 0 plan "$@"
        contains "$output" 'COPY w /w'
        contains "$output" '← w/b changed'
        [[ $output =~ '← follows a step that runs  took '[0-9.]+' '(ms|s)' last time' ]]
        run ! grep -F 'no record' <<< "$output"
    }
    changed_there .
    sed '3i FROM busybox AS between\nRUN true\n' Dockerfile > Inserted
    sed 's/^FROM busybox$/& AS final/' Dockerfile > Named
    local file
    for file in Inserted Named; do
        cp Dockerfile kept
        cp "$file" Dockerfile
        changed_there .
        mv kept Dockerfile
    done
    changed_there -f Named .
    changed_there -f - . < Dockerfile
    cp w/b ../checkout/w/b
    cd ../checkout
    changed_there .
    # but what another project builds upon the same image is no news of this one
    mkdir ../other
    cd ../other
    mkdir w
    printf 'FROM busybox\nCOPY w /w\n' > Dockerfile
    (cd ../context && printf 'FROM busybox\nCOPY w /w\n' | bud build -q -f - . > /dev/null)
    is "$(step COPY)" "miss: no record: first build"
}

@test "a directory in the place of a stage is like none of its instructions" {
    echo a > a
    dockerfile <<< $'FROM busybox AS base\nCOPY a /a\nFROM busybox\nCOPY --from=base /a /'
    build
    PLAN_OPTIONS=(--target base --build-context base=.)
    is "$(step FROM)" 'miss: the base is a directory now'
}

@test "a directory in the place of an image" {
    mkdir one two
    echo 1 > one/a
    dockerfile <<< $'FROM busybox AS b\nCOPY Dockerfile /'
    build
    PLAN_OPTIONS=(--build-context busybox=one)
    is "$(step FROM)" 'miss: the base is a directory now'
    bud rmi image
    bud cache prune --all
    is "$(step FROM)" 'miss: no record: pruned, or the base was another'
    build --build-context busybox=one
    is "$(step FROM)" hit
    echo 2 > one/a
    is "$(step FROM)" 'miss: [busybox] a changed'
    PLAN_OPTIONS=(--build-context b=two)
    is "$(step FROM)" 'miss: another base directory: one → two'
}

@test "a trigger that the base has got since" {
    build -q -t base -f - <<< $'FROM busybox\nLABEL a=b'
    echo a > a
    dockerfile <<< $'FROM base\nRUN true'
    build
    build -q -t base -f - <<< $'FROM busybox\nONBUILD COPY a /a'
    is "$(step ONBUILD)" 'miss: new instruction of the image base'
    build
    build -q -t base -f - <<< $'FROM busybox\nONBUILD COPY a /b'
    is "$(step ONBUILD)" 'miss: destination: /a → /b'
}

@test "what of an image's config changed" {
    local before=$'ENV P=1\nLABEL v=1 w="two words"\nEXPOSE 80\nCMD ["a"]\nUSER u\nCOPY a /a' reason
    # of the image, when sed does $1 to that Dockerfile
    image_reason() {
        dockerfile <<< $'FROM busybox\n'"$before"
        build
        sed -i "$1" Dockerfile
        reason=$(bud plan --format json "${@:2}" . | jq -r '.steps[-1].reason')
        build --explain "${@:2}"
        contains "$stderr" $'\nimage\n    because: '"$reason"
    }
    echo a > a
    image_reason 's/v=1/v=2/; s/P=1/P=2/; s/"a"/"b"/'
    is "$reason" 'ENV P: 1 → 2, LABEL v: 1 → 2, CMD changed'
    contains "$(bud cache why)" 'ENV P: 1 → 2, LABEL v: 1 → 2, CMD changed'
    is "$(bud cache why image | tail -n 3)" $'  config: ENV P: 1 → 2\n  config: LABEL v: 1 → 2\n  config: CMD changed'
    image_reason 's/USER u/USER v/; s/^EXPOSE.*/STOPSIGNAL 9/; s/v=1 //'
    is "$reason" 'LABEL v is gone, USER: u → v, EXPOSE is gone and 1 more'
    image_reason 's/COPY a/COPY .\/a/'
    is "$reason" 'history: COPY a /a # buildkit → COPY ./a /a # buildkit'
    before+=$'\nARG A=1'
    image_reason 's/A=1/A=2/'
    is "$reason" 'history: ARG A=1 → ARG A=2'
    image_reason '$a ARG B'
    is "$reason" 'history: none → ARG B'
    before+=$'\nARG TOKEN=1'
    image_reason 's/TOKEN=1/TOKEN=2/'
    is "$reason" 'the history changed'
    image_reason '' --annotation x=1
    is "$reason" 'annotation x: none → 1'
    image_reason '' --squash
    is "$reason" '--squash is new'
    build -q --explain
    is "$stderr" ''
}

@test "what options and mounts changed" {
    echo a > a
    # of the RUN $1, built with the options $2, when planned with the options $4 and $3 instead of the $1
    run_reason() {
        rm -f "$STORE"/root/bud/cache.mdb*
        dockerfile <<< $'FROM busybox AS s\nCOPY a /a\nFROM busybox\nRUN '"$1 true"
        # shellcheck disable=SC2086
        build $2
        dockerfile <<< $'FROM busybox AS s\nCOPY a /a\nFROM busybox\nRUN '"$3 true"
        # shellcheck disable=SC2206
        PLAN_OPTIONS=($4)
        is "$(step RUN)" "miss: $5"
    }
    run_reason '' '' '' '--add-host=foo:1.2.3.4' '--add-host foo is new'
    run_reason '' '--add-host=a:1.2.3.4' '' '--add-host=b:1.2.3.4 --add-host=a:1.2.3.4' '--add-host b is new'
    run_reason '' '--ulimit=nofile=99' '' '' '--ulimit nofile=99 is gone'
    run_reason '' '' '' '--cap-add=sys_admin --cap-drop=chown' '--cap-add CAP_SYS_ADMIN is new, --cap-drop CAP_CHOWN is new'
    run_reason '--mount=type=tmpfs,target=/t' '' '--mount=type=tmpfs,target=/t,size=1048576' '' \
        'mount /t: size the default → 1.05 MB'
    run_reason '--mount=type=cache,target=/c,uid=5,mode=0700' '' '--mount=type=cache,target=/c,sharing=locked' '' \
        'mount /c: sharing shared → locked, mode 700 → 755, owner 5:0 → 0:0'
    run_reason '--mount=type=cache,target=/c' '' '--mount=type=tmpfs,target=/c' '' 'mount /c: cache → tmpfs'
    run_reason '' '' '--mount=type=cache,target=/c' '' 'mount /c is new'
    run_reason '--mount=type=cache,target=/c' '' '--mount=type=cache,target=/c,from=n' '--build-context n=.' \
        'mount /c: begins with files now, new file [n] Dockerfile, [n] a is taken now'
    run_reason '--mount=type=cache,target=/c,from=n,id=x' '--build-context n=.' '--mount=type=cache,target=/c,id=y' '' \
        'mount /c: begins empty now, id x → y'
    run_reason '' '' '--mount=target=/c' '' 'mount /c is new'
    run_reason '--mount=target=/c' '' '' '' 'mount /c is gone'
    run_reason '--mount=from=s,target=/in' '' '--mount=from=s,target=/in,rw' '' 'mount /in: ro → rw'
    run_reason '--mount=type=secret,id=s' '' '--mount=type=secret,id=s,required' '' 'mount /run/secrets/s: optional → required'
    run_reason '' '' '--mount=type=secret,id=s,env=S' '' 'secret S is new'
    dockerfile <<< $'FROM busybox AS s\nCOPY a /a\nFROM busybox\nRUN --mount=from=s,target=/in true'
    build
    echo b > a
    build --explain
    contains "$stderr" 'because: the files of stage s on /in changed'
    sed -i 's/type=bind,//; s/=s,/=t,/; s/AS s/AS t/; s/COPY a/COPY Dockerfile/' Dockerfile
    build --explain
    contains "$stderr" 'because: mounted on /in: stage s → stage t'
}

@test "long values are shown from where they differ" {
    local long=/opt/a/bin:/opt/b/bin:/opt/c/bin:/opt/d/bin:/opt/e/bin
    dockerfile <<< $'FROM busybox\nENV P='"$long:/one"$'\nRUN true'
    build
    sed -i 's/one/two/' Dockerfile
    is "$(step RUN)" 'miss: ENV P: …pt/e/bin:/one → …pt/e/bin:/two'
}

@test "a time is told once" {
    echo a > a
    dockerfile <<< $'FROM busybox\nCOPY a /a\nRUN true'
    build
    PLAN_OPTIONS=(--timestamp 5)
    is "$(step COPY)" 'miss: timestamp: none → 5'
    sed -i /COPY/d Dockerfile
    is "$(step RUN)" 'miss: file times: none → 5'
}

@test "values of what is called a secret are told by nothing" {
    dockerfile <<< $'FROM busybox\nARG TOKEN\nARG V=1\nRUN echo $V\nENV API_KEY=k3y1 PUBLIC_KEY=p1'
    build --build-arg TOKEN=s3cret1
    PLAN_OPTIONS=(--build-arg TOKEN=s3cret2)
    is "$(step RUN)" 'miss: ARG TOKEN changed'
    build --build-arg TOKEN=s3cret2
    contains "$(bud cache why RUN)" 'env TOKEN: (hidden) → (hidden)'
    is "$(bud cache why RUN --format json | jq -c '.[].differences[] | select(.name == "env TOKEN") | [.before, .now]')" \
        '["(hidden)","(hidden)"]'
    sed -i 's/k3y1/k3y2/; s/p1/p2/' Dockerfile
    build --build-arg TOKEN=s3cret2
    contains "$(bud cache why)" 'ENV API_KEY changed, ENV PUBLIC_KEY: p1 → p2'
    is "$(bud cache show RUN | grep 'env [TV]')" $'  env TOKEN: (hidden)\n  env V: 1'
    contains "$(bud cache show image)" '"API_KEY=(hidden)","PUBLIC_KEY=p2"'
    local what all
    for what in 'show RUN' 'show image' 'why RUN' 'why image' 'why' 'ls'; do
        # shellcheck disable=SC2086
        all+=$(bud cache $what; bud cache $what --format json)
    done
    run ! grep -E 's3cret|k3y' <<< "$all"
}
