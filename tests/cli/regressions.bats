#!/usr/bin/env bats
# What once went wrong.
load build_helper

# The image $2 is $1 with its config changed by the jq filter $3.
edit_config() {
    local directory=$BATS_TEST_TMPDIR/edit stored="containers-storage:[overlay@$STORE/root+$STORE/run]localhost" old new
    skopeo copy -q "$stored/$1" "dir:$directory"
    old=$(jq -r .config.digest "$directory/manifest.json")
    jq -c "$3" "$directory/${old#sha256:}" > "$directory/config"
    new=$(sha256sum < "$directory/config")
    mv "$directory/config" "$directory/${new%% *}"
    jq -c --arg digest "sha256:${new%% *}" --argjson size "$(stat -c %s "$directory/${new%% *}")" \
        '.config.digest = $digest | .config.size = $size' "$directory/manifest.json" > "$directory/manifest"
    mv "$directory/manifest" "$directory/manifest.json"
    skopeo copy -q "dir:$directory" "$stored/$2"
}

@test "an image gets back the manifest that its build asks for" {
    dockerfile <<< 'FROM busybox'
    run_bud 0 build -q -t plain .
    local id=$output
    run_bud 0 build -q -t annotated --annotation k=v .
    is "$output" "$id" # the config says nothing of annotations
    is "$(bud inspect annotated | jq -c .ImageAnnotations)" '{"k":"v"}'
    run_bud 0 build -q -t plain .
    is "$(bud inspect plain | jq -c .ImageAnnotations)" null
    run_bud 0 build -q --format docker -t plain .
    is "$(bud inspect plain | jq -r .ManifestType)" application/vnd.docker.distribution.manifest.v2+json
    run_bud 0 build -q -t plain .
    is "$(bud inspect plain | jq -r .ManifestType)" application/vnd.oci.image.manifest.v1+json
    run_bud 0 info --check
}

@test "a context that changes before a RUN binds it is noticed" {
    mkdir in
    echo old > in/file
    dockerfile << 'DOCKERFILE'
FROM busybox
RUN touch /signal/started; while [ ! -e /signal/changed ]; do sleep 0.1; done
RUN --mount=type=bind,source=in,target=/in cp /in/file /got
DOCKERFILE
    mkdir "$BATS_TEST_TMPDIR/signal"
    (
        while [ ! -e "$BATS_TEST_TMPDIR/signal/started" ]; do sleep 0.1; done
        echo new > in/file
        touch "$BATS_TEST_TMPDIR/signal/changed"
    ) &
    build -v "$BATS_TEST_TMPDIR/signal:/signal"
    wait
    contains "$stderr" "warning: beginning anew: "
    echo old > in/file # the key of the first build: it must not have kept the new file for it
    build -v "$BATS_TEST_TMPDIR/signal:/signal"
    run_bud 0 build -q -f - . <<< $'FROM image\nRUN cat /got >&2; grep old /got'
}

@test "a bind mount of the context takes its source for a name, not for a pattern" {
    mkdir 'a[1]' a1
    echo right > 'a[1]/file'
    echo wrong > a1/file
    dockerfile <<< $'FROM busybox\nRUN --mount=type=bind,source=a[1],target=/in grep right /in/file'
    build
}

@test "squashing nothing gives an image without layers, and a history that says so" {
    dockerfile <<< $'FROM scratch\nLABEL a=b'
    build --squash
    is "$(bud inspect image | jq -c '[.RootFS.diff_ids, .History[].empty_layer]')" '[[],true]'
}

@test "--squash --timestamp reaches the files of the base image" {
    mkdir root
    echo x > root/file
    tar -C root -c . | bud import - base
    dockerfile <<< 'FROM base'
    build --squash --timestamp 7
    local layer
    layer=$(bud inspect image | jq -r .TopLayer)
    is "$(stat -c %Y "$STORE/root/overlay/$layer/diff/file")" 7
}

@test "a base image whose history claims too many layers is put right" {
    edit_config busybox liar '.history = [{created_by: "a"}, {created_by: "b"}]'
    dockerfile <<< $'FROM liar\nRUN touch /x'
    build
    is "$(bud inspect image | jq -c '[.History[] | select(.empty_layer != true)] | length')" 2
}

@test "under nohup a build outlives the terminal" {
    dockerfile <<< $'FROM busybox\nRUN touch /signal/started; sleep 1'
    mkdir "$BATS_TEST_TMPDIR/signal"
    (trap '' HUP; exec "$BUD" "${STORAGE[@]}" build -q -t image -v "$BATS_TEST_TMPDIR/signal:/signal" .) 3>&- &
    while [ ! -e "$BATS_TEST_TMPDIR/signal/started" ]; do sleep 0.1; done
    kill -HUP $!
    wait $!
}

@test "a build goes on when nobody reads its progress any more" {
    dockerfile <<< $'FROM busybox\nRUN echo a; sleep 0.1; echo b; touch /x\nCOPY Dockerfile /'
    for _ in 1 2 3; do
        { bud build --no-cache -t image . > id || echo "status $?" > failed; } 2>&1 | true
        [ ! -e failed ]
        is "$(wc -c < id)" 65
    done
}

@test "what the command line asks of RUN is checked also when nothing runs" {
    dockerfile <<< 'FROM busybox'
    run_bud 2 build --ulimit bogus .
    contains "$stderr" '--ulimit bogus is not NAME=SOFT[:HARD]'
    run_bud 2 build --ulimit nofile=9:3 .
    run_bud 2 build --cap-add nope .
    contains "$stderr" 'unknown capability CAP_NOPE'
    run_bud 2 build --cap-add net_admin --cap-drop net_admin .
    run_bud 2 build --security-opt foo=bar .
    contains "$stderr" '--security-opt: there is no `foo=bar`'
    run_bud 125 build --security-opt label=type:x .
    contains "$stderr" '--security-opt label=type:x is not done yet'
    run_bud 125 build --security-opt seccomp=/nonexistent .
    contains "$stderr" 'cannot use the seccomp profile /nonexistent'
    run_bud 125 build --runtime nonexistent .
    contains "$stderr" 'the runtime nonexistent is not installed'
}

@test "--add-host takes Docker's NAME=ADDRESS, too" {
    dockerfile <<< $'FROM busybox\nRUN grep "10.1.2.3.*db.example" /etc/hosts && grep "::1.*six.example" /etc/hosts'
    build --add-host db.example=10.1.2.3 --add-host 'six.example=[::1]'
}

@test "a base image with a NUL in its environment is refused" {
    edit_config busybox nul '.config.Env += ["A\u0000B=1"]'
    dockerfile <<< $'FROM nul\nRUN env'
    build_fails 125
    contains "$stderr" 'because: "Env" holds a NUL character'
}

@test "a layer that cannot be digested ends the build at once" {
    dockerfile <<< $'FROM busybox\nRUN for s in /snapshots/*; do mkdir $s/tar-split.gz; done\nRUN sleep 100'
    SECONDS=0
    build_fails 125 -v "$STORE/root/bud/snapshots:/snapshots"
    [ "$SECONDS" -lt 50 ]
    contains "$stderr" 'tar-split'
    contains "$stderr" ' --> Dockerfile:2:1'
}
