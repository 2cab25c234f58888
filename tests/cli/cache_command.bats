#!/usr/bin/env bats
# `bud cache`: what is in the build cache, and how to make it smaller.
load build_helper

setup_file() {
    :
}

setup() { # no container is run here but in one test
    make_setup
    mkdir "$BATS_TEST_TMPDIR/context"
    cd "$BATS_TEST_TMPDIR/context" || return 1
    mkdir src && echo 1 > src/a.c && echo 2 > file
    dockerfile <<'END2'
FROM scratch AS files
COPY src /src
WORKDIR /made
FROM scratch
ARG VERSION=1
COPY --from=files /src /copied
COPY file /file-$VERSION
ENV X=1
END2
}

keys() { # options of ls
    bud cache ls -q "$@"
}

key_of() { # $1: part of the step's text
    keys --filter text="$1" | head -n 1
}

@test "no store, no records" {
    is "$(keys)" ""
    contains "$(bud cache ls)" "KEY"
    is "$(bud cache ls --format json)" "[]"
    contains "$(bud cache du)" "snapshots"
    is "$(bud cache why)" ""
    contains "$(bud cache prune)" "removed 0 records, 0 B"
    contains "$(bud cache prune --all --dry-run)" "would remove 0 records, 0 B"
    run_bud 125 cache rm abc
    [[ ! -e $STORE/root && ! -e $STORE/run ]]
}

@test "a store that only other tools have written to: no records, and nothing is made" {
    rm -rf "$STORE"
    mkdir -p "$STORE/root/overlay" "$STORE/root/overlay-layers"
    for words in 'ls -q' du why 'prune --all --dry-run'; do
        # shellcheck disable=SC2086
        run_bud 0 cache $words
    done
    [ ! -e "$STORE/root/bud" ]
}

@test "ls: a record for every step, with what a person asks for" {
    build
    is "$(keys | wc -l)" 5
    bud cache ls --format json > "$BATS_TEST_TMPDIR/json"
    is "$(jq -r '.[] | select(.text == "COPY src /src") | [.kind, .stage, .state, .reason] | join(" ")' "$BATS_TEST_TMPDIR/json")" \
        "copy files snapshot no record: first build"
    is "$(jq -r '.[] | select(.text | startswith("COPY --from")) | .state' "$BATS_TEST_TMPDIR/json")" layer
    is "$(jq -r '.[] | select(.kind == "output") | .state' "$BATS_TEST_TMPDIR/json")" image
    is "$(jq 'map(select(.size > 0 and (.created | length) > 0 and .hits == 0)) | length' "$BATS_TEST_TMPDIR/json")" 5
    documented cache.md "$(< "$BATS_TEST_TMPDIR/json")"
    contains "$(bud cache ls)" "WORKDIR /made"
    is "$(bud cache ls --sort size -q | sort)" "$(keys | sort)"
    is "$(bud cache ls -q --format json | jq -r '.[]')" "$(keys)"
}

@test "ls: hits are counted by builds that had something to do" {
    build
    build
    is "$(bud cache ls --format json | jq 'map(.hits) | add')" 0
    build --build-arg VERSION=2
    is "$(bud cache ls --format json | jq '.[] | select(.text == "COPY src /src") | .hits')" 1
}

@test "ls: filters" {
    build
    is "$(keys --filter stage=files | wc -l)" 2
    is "$(keys --filter stage=files --filter kind=directory | wc -l)" 1
    is "$(keys --filter kind=output | wc -l)" 1
    is "$(keys --filter unused | wc -l)" 2
    is "$(keys --filter dead)" ""
    is "$(keys --filter older=1h)" ""
    is "$(keys --filter older=0s | wc -l)" 5
    run_bud 2 cache ls --filter colour=red
    contains "$stderr" "there is no filter \`colour=red\`"
    run_bud 2 cache ls --filter kind=foo
    is "${stderr_lines[0]}" "error: --filter kind: there is no \`foo\`"
    is "${stderr_lines[1]}" "hint: known: run, copy, add, directory, output; of prune also context"
    run_bud 2 cache ls --filter older=soon
    contains "$stderr" "no length of time"
    run_bud 2 cache ls --all
    contains "$stderr" "\`bud cache ls\` has no option --all"
    run_bud 2 cache prun
    contains "$stderr" "did you mean \`bud cache prune\`?"
}

@test "show: everything that went into the key, and who uses the result" {
    build
    run_bud 0 cache show "$(key_of 'COPY file' | cut -c 1-12)"
    contains "$output" "destination: /file-1"
    contains "$output" "image       localhost/image:latest"
    contains "$output" "file file: 100644 "
    is "$(bud cache show "$(key_of 'COPY src')" --format json | jq -r '.ingredients[] | select(.name == "kind").value')" copy
    run_bud 0 cache show "$(key_of 'COPY --from')" --format json
    documented cache.md "$output"
    is "$(jq -r '.used_by.records[0]' <<< "$output")" "$(key_of 'COPY file')"
    run_bud 125 cache show 0123456789
    contains "$stderr" "no record has a key that begins with 0123456789"
    run_bud 0 cache show 'COPY file'
    is "${lines[0]##* }" "$(key_of 'COPY file')"
    run_bud 125 cache show zzz
    contains "$stderr" "no record is of a step with \`zzz\` in its text"
}

@test "why: the steps of the last build and their reasons" {
    build
    echo changed > src/a.c
    build
    run_bud 0 cache why
    contains "$output" "COPY src /src"
    contains "$output" "src/a.c changed"
    run_bud 0 cache why 'COPY src'
    contains "$output" "src/a.c changed"
    contains "$output" "which it replaced:"
    contains "$output" "file src/a.c: "
    documented cache.md "$(bud cache why 'COPY src' --format json)"
    run_bud 125 cache why 'RUN nothing'
    contains "$stderr" "no record is of a step with \`RUN nothing\` in its text"
}

@test "why: what was added replaced nothing, and the others what they were" {
    build
    sed -i 's|^COPY --from|COPY file /new\n&|' Dockerfile
    build
    run_bud 0 cache why 'COPY file /new'
    contains "$output" "new instruction"
    [[ $output != *"which it replaced"* ]]
    run_bud 0 cache why 'COPY --from'
    contains "$output" "which it replaced:"
    contains "$output" "  parent: "
    [[ $output != *destination* ]]
}

@test "a build that finds everything is the last one for reasons and prune all the same" {
    build
    build --build-arg VERSION=2
    build
    contains "$(bud cache why)" "the last build found everything and ran nothing"
    is "$(bud cache why --format json)" "[]"
    contains "$(bud plan --build-arg VERSION=3 .)" "destination: /file-1 → /file-3"
    is "$(for key in $(keys --filter superseded); do bud cache show "$key"; done | grep '^  destination')" "  destination: /file-2"
    local before
    before=$(sha256sum "$STORE/root/bud/cache.mdb")
    build
    is "$(sha256sum "$STORE/root/bud/cache.mdb")" "$before"
}

@test "why KEY KEY: ingredient by ingredient" {
    build
    first=$(key_of 'COPY file')
    build --build-arg VERSION=2
    second=$(key_of 'COPY file')
    contains "$(bud cache why "$first" "$second")" "destination: /file-1 → /file-2"
    is "$(bud cache why "$first" "$second" --format json | jq -rc '.differences[] | [.name, .before, .now]')" \
        '["destination","/file-1","/file-2"]'
}

@test "of a record that cannot be read nothing is said but that" {
    build
    local rotten other
    rotten=$(key_of 'COPY file')
    other=$(key_of 'COPY src')
    perl -pi -e 's/COPY file \/file/COPY file \/filf/g' "$STORE/root/bud/cache.mdb"
    is "$(bud cache why "$rotten" "$other")" "${rotten:0:12}  (cannot be read)
${other:0:12}  COPY src /src
  what went into a record that cannot be read is not known"
    is "$(bud cache why "$other" "$rotten" --format json | jq -c .differences)" null
    is "$(bud cache why "$rotten")" "${rotten:0:12}  (cannot be read)
  unreadable: rotten, or not known to be on disk since the machine was started"
    is "$(bud cache why "$rotten" --format json | jq -c '.[0] | del(.key)')" '{"text":null,"stage":null,"reason":null,"created":null}'
    is "$(bud cache show "$rotten" --format json | jq -c '[.state, .ingredients, .used_by]')" '["unreadable",null,null]'
}

@test "who asks about one record measures no other" {
    build
    sed -i 's|^WORKDIR.*|COPY file /other|' Dockerfile
    build
    local key
    key=$(key_of 'COPY file /other')
    for words in "show $key" "rm --dry-run $key" 'ls --filter text=/other'; do
        # shellcheck disable=SC2086
        ASAN_OPTIONS=detect_leaks=0 strace -f -y -e trace=getdents64 -o "$BATS_TEST_TMPDIR/trace" "$BUD" "${STORAGE[@]}" cache $words
        is "$(grep -oE 'snapshots/[0-9a-z]+|/overlay/[0-9a-f]{64}' "$BATS_TEST_TMPDIR/trace" | sort -u | wc -l)" 1
    done
    is "$(bud cache show "$key" --format json | jq .size)" \
        "$(du -sB1 "$STORE/root/bud/snapshots/$(bud cache show "$key" --format json | jq -r .result)" | cut -f 1)"
    contains "$(bud cache rm --dry-run "$key")" "would remove 1 record, "
}

@test "du: what the file system says" {
    head -c 300000 /dev/urandom > src/large
    ln src/large src/twice
    build
    bud cache du --format json > "$BATS_TEST_TMPDIR/json"
    is "$(jq .own "$BATS_TEST_TMPDIR/json")" "$(du -sB1 "$STORE/root/bud" | cut -f 1)"
    documented cache.md "$(< "$BATS_TEST_TMPDIR/json")"
    local layers
    layers=$(bud cache ls --format json | jq -r --arg root "$STORE/root/overlay/" '.[] | .layer // empty | $root + .')
    # shellcheck disable=SC2086
    is "$(jq .total "$BATS_TEST_TMPDIR/json")" "$(du -cB1 "$STORE/root/bud" $layers | tail -n 1 | cut -f 1)"
    contains "$(bud cache du)" "shared layers"
}

@test "a file without a byte, of who was killed at once, is an empty cache" {
    build
    rm "$STORE"/root/bud/cache.mdb*
    touch "$STORE/root/bud/cache.mdb"
    for words in 'ls -q' why 'prune --dry-run'; do
        # shellcheck disable=SC2086
        run_bud 0 cache $words
        is "$stderr" ""
    done
    build
    run ! grep warning: <<< "$stderr"
    is "$(keys | wc -l)" 5
}

@test "a file that is not used: the reason, and a word about the next build where that will begin a new one" {
    build
    cp -a "$STORE/root/bud" "$BATS_TEST_TMPDIR/sound"
    local file=$STORE/root/bud/cache.mdb hint="hint: the next build sets it aside and begins a new one"
    while IFS='|' read -r change reason wanted; do
        rm -rf "$STORE/root/bud"
        cp -a "$BATS_TEST_TMPDIR/sound" "$STORE/root/bud"
        eval "$change"
        run_bud 125 cache ls
        contains "${stderr_lines[0]}" "$reason"
        contains "${stderr_lines[1]}" "error: the build cache in $STORE/root/bud cannot be read"
        is "${stderr_lines[2]:-}" "$wanted"
    done <<END2
echo text > $file|is not used: it is no LMDB file|$hint
rm $file; mkdir $file|is not used: it is no LMDB file|$hint
rm $file; ln -s nowhere/cache.mdb $file|is not used: No such file or directory|
rm -r $STORE/root/bud; touch $STORE/root/bud|cannot be read: Not a directory|
END2
}

@test "a link that leads nowhere: builds say that they remember nothing" {
    rm -f "$STORE"/root/bud/cache.mdb*
    mkdir -p "$STORE/root/bud"
    ln -s "$BATS_TEST_TMPDIR/unmounted/cache.mdb" "$STORE/root/bud/cache.mdb"
    build
    contains "$stderr" "warning: the build cache $STORE/root/bud/cache.mdb is not used: No such file or directory"
    mkdir "$BATS_TEST_TMPDIR/unmounted"
    build
    build
    contains "$(bud plan .)" "nothing to do"
}

@test "a directory that was set aside goes with the next prune" {
    build
    rm "$STORE"/root/bud/cache.mdb*
    mkdir -p "$STORE/root/bud/cache.mdb/inner"
    build
    contains "$stderr" "it is no LMDB file; it was set aside as cache.mdb.damaged-"
    run_bud 0 cache prune
    is "$(find "$STORE/root/bud" -name '*damaged*')" ""
}

@test "prune: what no last build used" {
    build
    echo changed > src/a.c
    build
    bud rmi --all > /dev/null
    build
    run_bud 0 cache prune --dry-run
    local foretold=$output
    [ -n "$(keys --filter superseded)" ]
    [ -n "$(keys --filter dead)" ]
    run_bud 0 cache prune
    is "$(grep -c . <<< "$output")" "$(grep -c . <<< "$foretold")"
    is "$(keys --filter superseded)$(keys --filter dead)" ""
    contains "$(bud plan .)" "nothing to do"
    run_bud 0 info --check
}

@test "prune: what only images without a name keep is told, and how it goes" {
    build
    echo changed > file
    build
    run_bud 0 cache prune
    contains "$output" "removed 0 records, 0 B"
    is "${lines[-1]}" "2 superseded records stay, they are of images without a name: \`bud rmi --prune\` removes those"
    is "$(keys --filter superseded | wc -l)" 2
    bud rmi --prune > /dev/null
    run_bud 0 cache prune
    contains "$output" "removed 2 records"
    is "$(keys --filter superseded)$(keys --filter dead)" ""
    echo again > file
    build -t kept
    bud rmi --prune > /dev/null
    bud cache prune > /dev/null
    echo once more > file
    build
    run_bud 0 cache prune # it has a name still
    is "${lines[-1]}" "removed 0 records, 0 B"
}

@test "prune: of a context that is gone nothing is remembered, not even that its steps were pruned" {
    build
    bud cache prune --all > /dev/null
    is "$(step 'COPY src')" "miss: its record was pruned"
    cd ..
    mv context elsewhere
    bud cache prune > /dev/null
    mv elsewhere context
    cd context || return 1
    is "$(step 'COPY src')" "miss: no record: first build"
}

@test "prune --all: an image keeps its steps, all else goes" {
    build
    run_bud 0 cache prune --all
    contains "$output" "removed 2 records"
    is "$(keys | wc -l)" 3
    is "$(find "$STORE/root/bud/snapshots" -mindepth 1)" ""
    run_bud 0 info --check
    build
    run_bud 0 info --check
    contains "$(bud plan .)" "nothing to do"
}

@test "prune: by age, by filter, by size" {
    build
    contains "$(bud cache prune --older-than 1h)" "removed 0 records"
    contains "$(bud cache prune --keep-size 1.5GB)" "removed 0 records"
    contains "$(bud cache prune --filter kind=directory)" "removed 1 record,"
    contains "$(bud cache prune --keep-size 0)" "removed 1 record,"
    is "$(keys --filter unused)" ""
    run_bud 2 cache prune --older-than yesterday
    is "$output" ""
    for words in '--keep-size much' '--keep-size 1x' '--keep-size -1' '--filter kind=foo'; do
        # shellcheck disable=SC2086
        run_bud 2 cache prune $words
        is "$output" ""
    done
    run_bud 125 cache prune --mount nope
    is "$output" ""
}

@test "rm: the record and what is built upon it" {
    build
    run_bud 0 cache rm "$(key_of 'COPY src')"
    contains "$output" "WORKDIR /made"
    contains "$output" "removed 2 records"
    is "$(step 'COPY src')" "miss: its record was pruned"
    build
    run_bud 0 info --check
}

@test "rm: what stands on a stack of links goes with any of them; the links do not need each other" {
    dockerfile <<'END2'
FROM scratch AS files
COPY src /src
COPY --link file /one
COPY --link src /two
WORKDIR /made
FROM scratch
COPY --from=files /made /
END2
    build
    run_bud 0 cache show "$(key_of 'WORKDIR')" --format json
    is "$(jq -r .parent_key <<< "$output")" "$(key_of '/two')"
    run_bud 0 cache show "$(key_of 'file /one')" --format json
    is "$(jq -r '.used_by.records[]' <<< "$output")" "$(key_of 'WORKDIR')"
    run_bud 0 cache show "$(key_of 'WORKDIR')"
    is "$(grep -c ^upon <<< "$output")" 3
    run_bud 0 cache prune --dry-run # the last build used them
    is "$output" "would remove 0 records, 0 B"
    run_bud 0 cache rm "$(key_of '/one')"
    contains "$output" "WORKDIR /made"
    contains "$output" "removed 2 records"
    build
    is "$(grep -c "(cached)" <<< "$stderr")" 3
}

@test "a cache mount: listed, and removed by its id" {
    [ "$(id -u)" = 0 ] || skip "containers are run as root here"
    import_busybox
    dockerfile <<< $'FROM busybox\nRUN --mount=type=cache,id=things,target=/c echo x > /c/x'
    build
    contains "$(bud cache du)" "things"
    is "$(bud cache du --format json | jq -r '.cache_mounts[0].id')" things
    run_bud 125 cache prune --mount nothing
    contains "$stderr" "there is no cache mount nothing"
    contains "$(bud cache prune --mount things)" "and 1 cache mount"
    is "$(bud cache du --format json | jq -c '.cache_mounts')" "[]"
    contains "$(bud plan .)" "nothing to do"
}

@test "a cache mount that is named is the only one that goes, whatever stands beside it" {
    mounts() {
        bud cache du --format json | jq -rc '[.cache_mounts[].id] | sort'
    }
    make_mounts() {
        bud cache prune --all > /dev/null
        bud build -q --no-cache -f - . <<< $'FROM busybox\nRUN --mount=type=cache,id=a,target=/c --mount=type=cache,id=b,target=/d echo x > /c/x\nCOPY file /' > /dev/null
    }
    [ "$(id -u)" = 0 ] || skip "containers are run as root here"
    import_busybox
    make_mounts
    run_bud 0 cache prune --mount a --older-than 1h
    contains "${lines[-1]}" "removed 0 records and 1 cache mount"
    is "$(mounts)" '["b"]'
    make_mounts
    bud rmi -af > /dev/null
    run_bud 0 cache prune --mount a --all
    is "$(mounts)" '["b"]'
    is "$(keys)" ""
    run_bud 0 cache prune --all --filter unused
    is "$(mounts)" '["b"]'
    run_bud 0 cache prune --all --older-than 0s
    is "$(mounts)" '[]'
}

@test "a cache mount that RUNs share is in use, and looking at it keeps nobody from it" {
    [ "$(id -u)" = 0 ] || skip "containers are run as root here"
    import_busybox
    dockerfile <<< $'FROM busybox\nRUN --mount=type=cache,id=things,target=/c for i in $(seq 200); do [ ! -e /c/done ] || break; sleep 0.05; done'
    "$BUD" "${STORAGE[@]}" build -t image . > "$BATS_TEST_TMPDIR/log" 2>&1 3>&- &
    local pid=$! directory
    directory=$STORE/root/bud/cache-mounts/$(echo -n things | sha256sum | cut -d ' ' -f 1)
    for _ in $(seq 100); do
        [ ! -d "$directory" ] || break
        sleep 0.05
    done
    is "$(bud cache du --format json | jq -c '.cache_mounts[0].busy, .mounts.reclaimable')" $'true\n0'
    run_bud 0 cache prune --mount things --dry-run
    contains "$stderr" "the cache mount things is in use, and stays"
    ASAN_OPTIONS=detect_leaks=0 strace -f -y -e trace=fcntl -o "$BATS_TEST_TMPDIR/trace" "$BUD" "${STORAGE[@]}" cache du
    is "$(grep 'cache-mounts.*SETLK' "$BATS_TEST_TMPDIR/trace")" ""
    touch "$directory/done"
    wait "$pid"
    is "$(bud cache du --format json | jq -c '.cache_mounts[0].busy')" false
}

@test "a fetched context, and one that is being made, are nobody's while somebody measures them" {
    build
    local contexts=$STORE/root/bud/contexts key
    key=$(sha256sum < /dev/null | cut -d ' ' -f 1)
    mkdir -p "$contexts/$key/files" "$contexts/.new-left0ver/files"
    echo elsewhere > "$contexts/$key/origin"
    for words in du 'prune --dry-run --all'; do
        # shellcheck disable=SC2086
        ASAN_OPTIONS=detect_leaks=0 strace -f -y -e trace=flock,close,getdents64 -o "$BATS_TEST_TMPDIR/trace" \
            "$BUD" "${STORAGE[@]}" cache $words
        is "$(grep -cE 'flock.*LOCK_EX' "$BATS_TEST_TMPDIR/trace")" 2
        # at once the lock is let go, before anything is read
        is "$(grep -A 1 -E 'flock.*LOCK_EX' "$BATS_TEST_TMPDIR/trace" | grep -cE 'close\(|LOCK_UN')" 2
    done
    contains "$(bud cache du --format json | jq -r '.fetched_contexts[0].origin')" elsewhere
    # one that somebody has is in use all the same
    exec {held}< "$contexts/$key"
    flock -s "$held"
    is "$(bud cache du --format json | jq -c '.fetched_contexts[0].busy')" true
    exec {held}<&-
}

@test "what a running build uses stays" {
    [ "$(id -u)" = 0 ] || skip "containers are run as root here"
    import_busybox
    dockerfile <<< $'FROM busybox AS made\nRUN echo made > /made\nFROM made\nRUN exit 1'
    build_fails 1
    dockerfile <<< $'FROM busybox AS made\nRUN echo made > /made\nFROM made\nRUN echo started; sleep 3; cat /made > /again'
    "$BUD" "${STORAGE[@]}" build -t image . > "$BATS_TEST_TMPDIR/log" 2>&1 3>&- &
    local pid=$!
    wait_for grep -q 'started$' "$BATS_TEST_TMPDIR/log"
    run_bud 125 cache rm "$(key_of 'RUN echo made')"
    contains "$stderr" "a running build uses"
    contains "$(bud cache prune --all)" "removed 0 records"
    wait "$pid"
    contains "$(bud plan .)" "nothing to do"
    run_bud 0 info --check
}

@test "what was built where nothing is any more is superseded, and goes" {
    local directory
    directory=$(mktemp -d "$BATS_TEST_TMPDIR/gone.XXXX")
    echo 1 > "$directory/file"
    printf 'FROM scratch AS one\nCOPY file /made\nFROM scratch\nCOPY --from=one /made /\n' > "$directory/Dockerfile"
    run_bud 0 build -q "$directory"
    run_bud 0 cache ls -q --filter superseded
    is "$output" ""
    mv "$directory" "$directory.moved"
    run_bud 0 cache ls --filter superseded --filter stage=one --format json
    is "$(jq -r '.[].text' <<< "$output")" "COPY file /made"
    run_bud 0 rmi --all
    run_bud 0 cache prune
    run_bud 0 cache ls -q
    is "$output" ""
}

@test "a Dockerfile that is a pipe is as one on standard input: its steps are current after it is gone" {
    echo 1 > file
    printf 'FROM scratch AS one\nCOPY file /made\nFROM scratch\nCOPY --from=one /made /\n' > "$BATS_TEST_TMPDIR/Other"
    run_bud 0 build -q -f <(cat "$BATS_TEST_TMPDIR/Other") .
    is "$(keys --filter superseded)" ""
    run_bud 0 cache prune
    contains "$output" "removed 0 records"
    run_bud 0 plan -f - . < "$BATS_TEST_TMPDIR/Other"
    contains "$output" "nothing to do"
    sed -i 's|/made|/new|' "$BATS_TEST_TMPDIR/Other"
    run_bud 0 plan -f <(cat "$BATS_TEST_TMPDIR/Other") .
    contains "$output" "destination: /made → /new"
}

@test "why speaks of no build that found everything when the last one ran steps" {
    printf 'FROM scratch\nARG V\nCOPY file /$V\n' > Dockerfile
    echo 1 > file
    for v in 1 2 1; do
        run_bud 0 build -q --build-arg V="$v" .
    done
    run_bud 0 cache why
    is "$output" "the last build found everything and ran nothing"
    run_bud 0 build -q --build-arg V=3 .
    run_bud 0 cache rm "$(bud cache ls -q --filter kind=copy | head -n 1)"
    run_bud 0 cache why
    [[ $output != *"found everything"* ]]
}

# A build that only waits, for as long as the test wants.
begin_other_build() {
    mkdir -p "$BATS_TEST_TMPDIR/other"
    printf 'FROM busybox\nRUN echo started; sleep 30\n' > "$BATS_TEST_TMPDIR/other/Dockerfile"
    "$BUD" "${STORAGE[@]}" build "$BATS_TEST_TMPDIR/other" > "$BATS_TEST_TMPDIR/log" 2>&1 3>&- &
    OTHER=$!
    wait_for grep -q 'started$' "$BATS_TEST_TMPDIR/log"
}

end_other_build() {
    kill "$OTHER"
    wait "$OTHER" || true
}

@test "prune: a step whose layer another build made at the same time is a leftover, and frees what its line says" {
    [ "$(id -u)" = 0 ] || skip "containers are run as root here"
    import_busybox
    head -c 100000 /dev/urandom > file
    printf 'FROM scratch\nCOPY file /\n' > Dockerfile
    build
    begin_other_build
    run_bud 0 build -q --no-cache -t image .
    is "$(find "$STORE/root/bud/snapshots" -name file | wc -l)" 1
    is "$(bud cache ls --filter text='COPY file' --format json | jq -r '.[].state')" layer
    contains "$(bud cache prune --all)" "removed 0 records, 0 B" # somebody may be using it
    is "$(find "$STORE/root/bud/snapshots" -name file | wc -l)" 1
    end_other_build
    is "$(bud cache du --format json | jq '.snapshots | .count == 0 and .reclaimable > 100000')" true
    run_bud 0 cache prune --dry-run --format json
    documented cache.md "$output"
    local bytes
    bytes=$(jq .bytes <<< "$output")
    is "$(jq '.bytes == .leftovers.snapshots and .bytes > 100000, .dry_run, .records' <<< "$output" | xargs)" "true true []"
    run_bud 0 cache prune
    [[ ${lines[0]} == "leftovers     "*"  snapshots that no build needs" ]]
    is "$(sed -n '$s/.*, //p' <<< "$output")" "$(sed 's/leftovers *//; s/  .*//; q' <<< "$output")"
    is "$(find "$STORE/root/bud/snapshots" -mindepth 1)" ""
    [ "$bytes" -gt 0 ]
    contains "$(bud plan .)" "nothing to do"
    run_bud 0 info --check
}

@test "prune: what is dead is of no use to an image that has what was built upon it" {
    printf 'FROM scratch\nCOPY file /a\nCOPY file /b\n' > Dockerfile
    build
    printf 'FROM scratch\nCOPY file /a\n' > Other
    run_bud 0 build -q -f Other --no-cache -t other . # the second step stands on what is no result any more
    is "$(keys --filter dead | wc -l)" 2
    run_bud 0 cache prune
    contains "$output" "removed 2 records, 0 B"
    is "$(keys --filter dead)" ""
    contains "$(bud plan -f Other .)" "nothing to do"
    run_bud 0 info --check
}

@test "prune and rm --format json" {
    build
    run_bud 0 cache prune --all --format json
    documented cache.md "$output"
    is "$(jq -c '[.dry_run, (.records | length), (.records[0] | .kind, .state), .mounts, .contexts, .spared, .nameless]' <<< "$output")" \
        '[false,2,"directory","snapshot",[],[],0,0]'
    is "$(jq '.bytes == ([.records[] | select(.state == "snapshot").size] | add) + ([.leftovers[]] | add)' <<< "$output")" true
    run_bud 0 cache rm --format json "$(key_of 'COPY file')"
    is "$(jq -c '[.records[].state] | sort' <<< "$output")" '["image","layer"]'
}
