#!/usr/bin/env bats
# Stages and what stands for them: named contexts, platforms, --from; which of them are built again.
load build_helper

# ---- named contexts ----

@test "a directory as named context: its own ignore file, owners 0:0, for COPY and mounts" {
    mkdir -p ../files/sub
    echo one > ../files/a
    echo two > ../files/sub/b
    echo secret > ../files/hidden
    echo hidden > ../files/.dockerignore
    chown 1234:1234 ../files/a
    dockerfile <<'EOF'
FROM busybox AS look
RUN --mount=from=src,target=/s [ "$(cat /s/a)" = one ] && [ ! -e /s/hidden ]
FROM look
COPY --from=src . /d
EOF
    build --build-context src=../files
    holds /d <<'EOF'
d d 755 0:0
d/.dockerignore f 644 0:0
d/a f 644 0:0
d/sub d 755 0:0
d/sub/b f 644 0:0
EOF
    build --build-context src=../files
    is "$(grep -E '^\[' <<< "$stderr" | grep -vc '(cached)')" 1 # FROM
    echo three > ../files/sub/b
    PLAN_OPTIONS=(--build-context src=../files)
    is "$(step COPY)" "miss: follows a step that runs"
}

@test "a named context that is not there: for an image only where it may be one" {
    dockerfile <<< 'FROM assets'
    build_fails 125 --build-context assets=../asets
    contains "$stderr" "build context assets: cannot open the directory ../asets"
    is "$(grep -c docker-image <<< "$stderr")" 0
    build_fails 125 --build-context assets=debian:12
    contains "$stderr" "for an image write --build-context assets=docker-image://debian:12"
}

@test "a directory in place of a stage: its instructions are not run" {
    mkdir ../root
    echo file > ../root/f
    dockerfile <<'EOF'
FROM nowhere AS base
RUN exit 1
FROM base
LABEL a=b
EOF
    build --build-context base=../root
    is "$(contents f)" file
    is "$(config .config.WorkingDir)" /
    is "$(config .config.Labels.a)" b
    is "$(config '.rootfs.diff_ids | length')" 1
}

@test "an image in place of another, as the first FROM names it or as --from does" {
    bud tag busybox other:1
    printf 'FROM alpine:3.20\nCOPY --from=alpine:3.20 /bin/sh /copied\n' > Dockerfile
    build --build-context docker.io/library/alpine:3.20=docker-image://other:1
    has_file copied
    build --build-context alpine:3.20=container-image://localhost/other:1
    printf 'FROM nowhere\nRUN true\n' > Dockerfile
    build --from busybox
    has_file bin/sh
}

to_layout() { # image, layout[:tag], options
    skopeo --tmpdir "$BATS_TEST_TMPDIR" copy -q "${@:3}" \
        "containers-storage:[overlay@$STORE/root+$STORE/run]localhost/$1" "oci:$2"
}

@test "an image of an OCI layout: read when a step needs it, and then as one of the store" {
    local base digest
    to_layout busybox:latest ../layout:v1
    digest=$(jq -r '.manifests[0].digest' ../layout/index.json)
    printf 'FROM base\nLABEL a=b\nCOPY --from=base /bin/sh /copied\n' > Dockerfile
    build --build-context base=oci-layout://../layout:v1
    is "$(grep -c 'reading the image' <<< "$stderr")" 0 # the store has it
    base=$(image_id busybox)
    bud rmi -f busybox image
    # A plan changes nothing.
    run_bud 0 plan --build-context base=oci-layout:../layout:v1 .
    contains "$output" "FROM base (build context oci-layout:../layout:v1)  :1"
    contains "$output" "read from its OCI layout first"
    is "$(bud plan --format json --build-context base=oci-layout:../layout:v1 . | jq -r '.steps[0].layout')" ../layout
    is "$(bud images -aq)" ""
    build --build-context base=oci-layout:../layout:v1
    contains "$stderr" "reading the image ${base:0:12} from the OCI layout ../layout"
    is "$(config .config.Labels.a)" b
    has_file copied
    run_bud 0 info --check --deep
    # It has no name.
    is "$(bud images -a --json | jq -r '.[] | select(.names == []) | .id')" "$base"
    podman "${STORAGE[@]}" --tmpdir "$STORE/libpod" images -a --no-trunc --format '{{.ID}} {{.Repository}}' > ../list
    grep -qx "sha256:$base <none>" ../list
    # All that is known is used.
    build --build-context "base=oci-layout://../layout:none@$digest"
    is "$(grep -E '^\[' <<< "$stderr" | grep -vc '(cached)')" 1 # FROM
    build --build-context base=oci-layout:../layout
    bud rmi -af > /dev/null
    is "$(bud import oci:../layout:v1 again)" "$base"
    is "$(image_id again)" "$base"
    run_bud 125 import ../layout again
    contains "$stderr" "bud import oci:../layout NAME"
    run_bud 2 import --author me oci:../layout again
    contains "$stderr" "has an author and a time already"
}

@test "an image of an OCI layout is called as the Dockerfile calls it, not by its ID" {
    local options=(--build-context base=oci-layout:../layout:v1 --build-context docker.io/library/files=oci-layout:../layout:v1)
    to_layout busybox:latest ../layout:v1
    bud rmi -f busybox
    printf 'ARG B=base\nFROM $B\nCOPY --from=files /bin/sh /copied\nRUN true\n' > Dockerfile
    run_bud 0 plan "${options[@]}" .
    contains "$output" "FROM \$B (build context oci-layout:../layout:v1) = base  :2"
    printf 'FROM scratch\nCOPY --from=files /bin/sh /copied\n' > Dockerfile
    run_bud 0 plan "${options[@]}" .
    contains "$output" "image files  HIT  ← read from its OCI layout first"
    is "$(bud plan --format json "${options[@]}" . | jq -r '.steps[0].image')" files
    build "${options[@]}"
    contains "$stderr" "image files"
    # The store has it now; then the layout gets another one.
    printf 'FROM base\nRUN true\n' > Dockerfile
    PLAN_OPTIONS=("${options[@]}")
    is "$(bud plan --format json "${options[@]}" . | jq -r '.steps[0] | "\(.image) \(.layout)"')" "base null"
    build "${options[@]}"
    printf 'FROM base\nLABEL a=b\n' | build "${options[@]}" -f -
    to_layout image:latest ../layout:v1
    is "$(step RUN)" "miss: base image base (build context oci-layout:../layout:v1) moved"
}

# All there is in the store $1 of the layers whose IDs are in the file ids.
layers_of() {
    local layer
    while read -r layer; do
        jq -cS --arg id "$layer" '.[] | select(.id == $id) | del(.created)' "$1/overlay-layers/layers.json"
        (cd "$1/overlay/$layer/diff" && find . -mindepth 1 -print0 | sort -z | xargs -0 stat -c '%N %f %u:%g %h %t,%T' &&
            find . -mindepth 1 ! -type c -print0 | sort -z | xargs -0 stat -c %Y)
        # Other programs end the log with a segment of nothing.
        zcat "$1/overlay-layers/$layer.tar-split.gz" | grep -v '"payload":"",' | sha256sum
    done < ../ids
}

@test "an image of an OCI layout has the layers that Skopeo would make of it" {
    dockerfile <<'EOF'
FROM busybox
RUN mkdir -p /d/e /r && echo x > /d/e/f && touch /gone "/ä ö" /r/file && ln -s x /link && mkfifo /p && chmod 4755 /gone
RUN rm -r /gone /d && mkdir /d && echo new > /d/new && ln /d/new /hard && chown 12:34 /d && rm /r/file
RUN rm -r /r && echo file > /r && head -c 300000 /dev/zero > /zeros
EOF
    build
    to_layout image:latest ../layout:v1 --dest-compress-format zstd --dest-compress
    STORE=$BATS_TEST_TMPDIR/new
    mkdir "$STORE"
    STORAGE=(--root "$STORE/root" --runroot "$STORE/run" --storage-driver overlay)
    printf 'FROM base\nCOPY Dockerfile /\n' > Dockerfile
    build --build-context base=oci-layout:../layout:v1
    run_bud 0 info --check --deep
    is "$(entries /d /gone 2> /dev/null)" $'d d 755 12:34\nd/new f 644 0:0'
    skopeo --tmpdir "$BATS_TEST_TMPDIR" copy -q oci:../layout:v1 \
        "containers-storage:[overlay@$STORE/other+$STORE/other.run]localhost/image"
    jq -r '.[].id' "$STORE/other/overlay-layers/layers.json" > ../ids
    is "$(wc -l < ../ids)" 4
    is "$(layers_of "$STORE/root")" "$(layers_of "$STORE/other")"
}

@test "an OCI layout without the image, or with other bytes than it says" {
    local blob
    printf 'FROM base\nCOPY Dockerfile /\n' > Dockerfile
    to_layout busybox:latest ../layout:v1
    bud rmi -f busybox
    run_bud 125 plan --build-context base=oci-layout:../layout:v2 .
    contains "$stderr" "has no image v2"
    contains "$stderr" "did you mean v1?"
    is "$(grep -c 'There are' <<< "$stderr")" 0
    run_bud 125 plan --build-context base=oci-layout:../nowhere .
    contains "$stderr" "cannot open the OCI layout ../nowhere"
    run_bud 125 plan --platform linux/s390x --build-context base=oci-layout:../layout .
    contains "$stderr" "the build context base has no image for platform linux/s390x"
    blob=$(find ../layout/blobs -size +100k)
    printf x | dd of="$blob" bs=1 seek=5000 conv=notrunc status=none
    build_fails 125 --build-context base=oci-layout:../layout:v1
    contains "$stderr" "is not what its digest says"
    is "$(ls "$STORE/root/bud/snapshots")" ""
    echo x >> "$blob"
    build_fails 125 --build-context base=oci-layout:../layout:v1
    contains "$stderr" "bytes, and should have"
    find ../layout/blobs -type f -size -2k -exec sh -c 'echo x >> "$1"' _ {} \;
    run_bud 125 plan --build-context base=oci-layout:../layout:v1 .
    contains "$stderr" "a blob has another size than its descriptor says"
}

@test "what no named context can be is an error that says why" {
    printf 'FROM scratch\n' > Dockerfile
    run_bud 2 plan --build-context x .
    is "${stderr_lines[0]}" "error: --build-context: \`x\` is not NAME=VALUE"
    run_bud 125 plan --build-context x=busybox .
    is "${stderr_lines[1]}" "hint: for an image write --build-context x=docker-image://busybox"
    run_bud 2 plan --build-context "x=https://example.com/a b" .
    contains "$stderr" "malformed URL: https://example.com/a b"
    run_bud 2 plan --build-context X=. .
    is "${stderr_lines[0]}" "error: invalid context name X"
    run_bud 0 plan --build-context x=. .
    contains "$stderr" "build context x is not used"
}

# ---- platforms ----

@test "a platform of one's own: arguments, configuration, key" {
    printf 'FROM scratch\nARG TARGETPLATFORM\nARG BUILDPLATFORM\nLABEL p=$TARGETPLATFORM b=$BUILDPLATFORM\n' > Dockerfile
    build --platform linux/arm/v6
    is "$(config '[.os, .architecture, .variant] | join("/")')" linux/arm/v6
    is "$(config .config.Labels.p)" linux/arm/v6
    contains "$(config .config.Labels.b)" linux/
    build --arch arm64
    is "$(config '[.architecture, .variant]')" '["arm64",null]'
    printf 'FROM busybox\nRUN true\n' > Dockerfile
    run_bud 125 plan --platform linux/s390x .
    contains "$stderr" "no image busybox for platform linux/s390x is stored"
    contains "$stderr" "pull --platform linux/s390x busybox"
    run_bud 125 plan --platform linux/s390z .
    contains "$stderr" "hint: did you mean linux/s390x? The stored one is for "
    run_bud 125 plan --build-context shared=/ -f - . <<< $'FROM scratch\nCOPY --from=share /a /'
    contains "$stderr" "hint: did you mean the build context shared?"
    run_bud 0 plan --platform "linux/$(uname -m)" .
    run_bud 0 plan --platform local .
    run_bud 0 plan --platform "" --arch "" --os "" --variant "" --from "" .
    run_bud 2 plan --platform linux/arm64 --arch arm64 .
    run_bud 2 plan --platform 'linux/a b/c/d' .
}

@test "what stands for a name on one platform: of a FROM its own, of --from that of the build" {
    mkdir ../plain ../other
    echo plain > ../plain/f
    echo other > ../other/f
    dockerfile <<'EOF'
FROM --platform=linux/s390x data AS there
FROM --platform=$BUILDPLATFORM data AS here
COPY --from=there f /there
COPY --from=data f /from
EOF
    build --build-context data=../plain --build-context data::linux/s390x=../other
    is "$(contents f)" plain
    is "$(contents there)" other
    is "$(contents from)" plain
    build --platform linux/s390x --build-context data=../plain --build-context data::linux/s390x=../other
    is "$(contents f)" plain
    is "$(contents there)" other
    is "$(contents from)" other
}

@test "an image that was pulled for two platforms, one after the other" {
    printf 'FROM scratch\nCOPY --from=busybox / /\nLABEL for=arm\n' > ../Dockerfile.arm
    bud build -q -f ../Dockerfile.arm --platform linux/arm64 -t both .
    printf 'FROM busybox\nLABEL for=host\n' | bud build -q -f - --platform local -t both .
    printf 'FROM both\n' > Dockerfile
    build --platform linux/arm64
    is "$(config .config.Labels.for)" arm
    contains "$stderr" "for linux/arm64 the image "
    build --platform local
    is "$(config .config.Labels.for)" host
    run_bud 125 plan --platform linux/s390x .
    run_bud 0 plan --platform "linux/arm64,local" .
    printf 'FROM scratch\nCOPY --from=both /bin/sh /\n' > Dockerfile
    run_bud 0 plan --platform linux/arm64 .
    is "$stderr" ""
    run_bud 0 plan --platform linux/s390x .
    contains "$stderr" "files are copied from both, an image for "
}

@test "--from takes an image for the platform of the build, whatever the FROM asks for" {
    printf 'FROM scratch\nCOPY f /\n' > ../Dockerfile.both
    echo arm > f
    bud build -q -f ../Dockerfile.both --platform linux/arm64 -t both .
    echo host > f
    bud build -q -f ../Dockerfile.both --platform local -t both .
    dockerfile <<'EOF'
FROM --platform=$BUILDPLATFORM busybox
COPY --from=both /f /copied
RUN --mount=from=both,target=/m cp /m/f /mounted
EOF
    build --platform linux/arm64
    is "$(contents copied) $(contents mounted)" "arm arm"
    build
    is "$(contents copied) $(contents mounted)" "host host"
}

@test "several platforms: one plan, what they share is there once; no image yet" {
    dockerfile <<'EOF'
FROM --platform=$BUILDPLATFORM busybox AS tools
RUN true
FROM scratch
ARG TARGETARCH
COPY --from=tools /bin/sh /$TARGETARCH
EOF
    PLAN_OPTIONS=(--platform "linux/$(uname -m),linux/riscv64")
    run_bud 0 plan "${PLAN_OPTIONS[@]}" --format json .
    is "$(jq '[.steps[] | select(.text == "RUN true")] | length' <<< "$output")" 1
    is "$(jq '[.steps[] | select(.kind == "image")] | length' <<< "$output")" 2
    is "$(jq '[.steps[] | select(.text | startswith("COPY"))] | length' <<< "$output")" 2
    is "$(jq -c '[.images[] | .platform == .target[:(.platform | length)]]' <<< "$output")" "[true,true]"
    is "$(jq -r '.images[1] | .platform, .target' <<< "$output" | xargs)" "linux/riscv64 linux/riscv64 stage-1"
    is "$(jq -c '.steps as $s | [.images[].step | $s[.].kind]' <<< "$output")" '["image","image"]'
    documented plan.md "$output"
    run_bud 0 plan "${PLAN_OPTIONS[@]}" .
    contains "$output" "image linux/riscv64"
    build_fails 125 "${PLAN_OPTIONS[@]}"
    is "${stderr_lines[0]}" "error: one image for 2 platforms is not done yet"
}

# ---- arguments ----

@test "--build-arg-file: comments, blank lines; the command line comes after" {
    printf '# these\n\nA=1\nB = 2\n  C=3\nD=4 # no comment\n' > ../args
    printf 'FROM scratch\nARG A\nARG C\nARG D\nLABEL a=$A c=$C d=$D\n' > Dockerfile
    build --build-arg-file ../args --build-arg C=5
    is "$(config '.config.Labels | "\(.a) \(.c) \(.d)"')" "1 5 4 # no comment"
    contains "$stderr" 'warning: ../args:4 is left out: `B ` is no name; lines are NAME=VALUE'
    printf 'no equals here\n=x\n' > ../args
    run_bud 0 plan --build-arg-file ../args .
    is "${stderr_lines[0]}" 'warning: ../args:1 is left out: `no equals here` is no name; lines are NAME=VALUE'
    is "${stderr_lines[1]}" 'warning: ../args:2 is left out: `` is no name; lines are NAME=VALUE'
    run_bud 125 plan --build-arg-file nowhere .
    contains "${stderr_lines[0]}" "cannot read --build-arg-file nowhere"
}

@test "a misspelt argument of the builder is told" {
    printf 'FROM scratch\n' > Dockerfile
    run_bud 0 plan --build-arg BUILDKIT_SANBOX_HOSTNAME=h .
    contains "$stderr" "did you mean BUILDKIT_SANDBOX_HOSTNAME?"
    run_bud 0 plan --build-arg BUILDKIT_SANDBOX_HOSTNAME=h .
    is "$stderr" ""
}

# ---- what is not there ----

@test "near names: of stages, images, targets and files" {
    printf 'FROM busybox AS builder\nFROM bulder\n' > Dockerfile
    run_bud 125 plan .
    contains "$stderr" "did you mean the stage builder?"
    printf 'FROM busibox\n' > Dockerfile
    run_bud 125 plan .
    contains "$stderr" "did you mean the image busybox?"
    printf 'FROM scratch AS build\nFROM scratch\nCOPY --from=biuld /a /b\n' > Dockerfile
    run_bud 125 plan .
    contains "$stderr" "did you mean the stage build?"
    printf 'FROM scratch AS build\n' > Dockerfile
    run_bud 125 plan --target biuld .
    contains "$stderr" "did you mean build?"
    mkdir d
    touch d/package.json
    printf 'FROM scratch\nCOPY d/packge.json /\n' > Dockerfile
    run_bud 125 plan .
    contains "$stderr" "did you mean d/package.json?"
}

@test "a cycle is shown as the way round" {
    printf 'FROM scratch AS a\nCOPY --from=c /x /\nFROM a AS b\nFROM scratch AS c\nCOPY --from=b /x /\n' > Dockerfile
    run_bud 125 plan .
    is "${stderr_lines[0]}" "error: circular dependency detected on stage: c"
    contains "$stderr" "hint: a (line 1) → c (line 4) → b (line 3) → a"
}

# ---- what is used again ----

@test "--no-cache-filter: the steps of a stage run again, what copies the same from it does not" {
    dockerfile <<'EOF'
FROM busybox AS make
RUN echo same > /out; cat /proc/sys/kernel/random/uuid > /other
FROM busybox
COPY --from=make /out /out
RUN echo after
EOF
    build
    build --no-cache-filter MAKE
    contains "$stderr" "RUN echo after  (cached)"
    contains "$stderr" "COPY --from=make /out /out  (cached)"
    PLAN_OPTIONS=(--no-cache-filter make)
    is "$(step 'RUN echo same')" "miss: its stage is in --no-cache-filter"
}

@test "--cache-ttl: results that are older are none" {
    printf 'FROM busybox\nRUN true\n' > Dockerfile
    build
    PLAN_OPTIONS=(--cache-ttl 1h)
    is "$(step RUN)" hit
    PLAN_OPTIONS=(--cache-ttl 1ms)
    is "$(step RUN)" "miss: its record is older than --cache-ttl"
    PLAN_OPTIONS=(--cache-ttl 0s)
    is "$(step RUN)" "miss: the cache is not used"
    run_bud 2 plan --cache-ttl soon .
    is "${stderr_lines[0]}" "error: --cache-ttl: \`soon\` is no duration"
}

@test "a seccomp profile counts by what is in it, an added host by its name" {
    printf 'FROM busybox\nRUN true\n' > Dockerfile
    printf '{"defaultAction":"SCMP_ACT_ALLOW"}' > ../p1
    cp ../p1 ../p2
    build --security-opt seccomp=../p1 --add-host a:192.0.2.1
    PLAN_OPTIONS=(--security-opt seccomp=../p2 --add-host a=192.0.2.2)
    is "$(step RUN)" hit
    printf '{"defaultAction":"SCMP_ACT_ALLOW", "syscalls":[]}' > ../p1
    PLAN_OPTIONS=(--security-opt seccomp=../p1 --add-host a:192.0.2.1)
    is "$(step RUN)" "miss: the seccomp profile changed"
    PLAN_OPTIONS=(--security-opt seccomp=../p2 --add-host b:192.0.2.1)
    contains "$(step RUN)" "miss: --add-host b is new, --add-host a is gone"
    mv ../p2 ../un-unconfined
    build --security-opt seccomp=../un-unconfined
    PLAN_OPTIONS=(--security-opt seccomp=../un-unconfined)
    is "$(step RUN)" hit
    mv ../p1 ../un-unconfined
    is "$(step RUN)" "miss: the seccomp profile changed"
}

@test "a Dockerfile from standard input has a place, too" {
    printf 'FROM busybox\nRUN echo 1\n' | build -f -
    is "$(printf 'FROM busybox\nRUN echo 2\n' | bud plan -f - --format json . |
        jq -r '.steps[] | select(.text | startswith("RUN")) | .reason')" "the command changed"
    printf 'FROM busybox\nRUN echo 3\n' > Dockerfile
    build -f ./Dockerfile
    printf 'FROM busybox\nRUN echo 4\n' > Dockerfile
    is "$(step RUN)" "miss: the command changed"
}

# ---- COPY --link ----

@test "COPY --link is used again on another base, and the image is right" {
    printf 'FROM busybox\nRUN echo 1 > /base; mkdir /d; ln -s d /l; echo old > /d/f\n' | build -t base -f -
    mkdir d
    echo new > d/f
    echo more > d/g
    dockerfile <<'EOF'
FROM base
COPY --link d /d/
COPY --link --chown=5:6 d /l/
RUN cat /d/f /l/g /base
EOF
    build
    is "$(printed)" $'new\nmore\n1'
    local layers
    layers=$(config '.rootfs.diff_ids[-3:-1]')
    printf 'FROM busybox\nRUN echo 2 > /base; mkdir /d; ln -s d /l\n' | build -t base -f -
    is "$(step 'COPY --link d')" hit
    is "$(step 'COPY --link --chown')" hit
    is "$(step RUN)" "miss: base image base moved"
    build
    is "$(printed)" $'new\nmore\n2'
    is "$(config '.rootfs.diff_ids[-3:-1]')" "$layers"
    holds /d /l /base <<'EOF'
base f 644 0:0
d d 755 0:0
d/f f 644 0:0
d/g f 644 0:0
l d 755 5:6
l/f f 644 5:6
l/g f 644 5:6
EOF
    run_bud 0 info --check
    # Nothing to do; and with another step on top the layer that was made for this base is found.
    build
    is "$(grep -E '^\[' <<< "$stderr" | grep -vc '(cached)')" 1
    sed -i 's/RUN .*/RUN cat \/base/' Dockerfile
    build
    is "$(printed)" 2
    # The base goes; the other image keeps the layer.
    bud rmi -f base image
    printf 'FROM scratch\nCOPY --link d /d/\n' > Dockerfile
    build
    holds /d <<'EOF'
d d 755 0:0
d/f f 644 0:0
d/g f 644 0:0
EOF
    run_bud 0 info --check
}

@test "COPY --link twice of the same, in one stage and in two" {
    echo a > f
    dockerfile <<'EOF'
FROM scratch AS one
COPY --link f /a/
FROM busybox AS two
COPY --link f /a/
RUN echo changed > /a/f
COPY --link f /a/
COPY --link f /a/
RUN cat /a/f > /out
FROM two
COPY --from=one /a/f /b
COPY --link --from=one /a/f /c
EOF
    build
    is "$(contents out)" a
    is "$(contents b)" a
    is "$(contents c)" a
    run_bud 0 info --check
    build
    is "$(bud plan . | tail -n 1)" "nothing to do"
}

@test "COPY --link of a stage's files on a base that has to be built" {
    dockerfile <<'EOF'
FROM busybox AS files
RUN echo 1 > /f
FROM busybox AS base
RUN echo x > /x
FROM base
COPY --link --from=files /f /f
RUN cat /f /x > /out
EOF
    build
    is "$(contents out)" $'1\nx'
    sed -i 's/echo x/echo y/' Dockerfile
    is "$(step COPY)" hit
    build
    is "$(contents out)" $'1\ny'
    build --no-cache-filter files
    is "$(grep -c 'RUN cat.*(cached)' <<< "$stderr")" 1
    run_bud 0 info --check
}

@test "a bind mount's files decide: built again with the same, the RUN is used again; also the mode of the directory" {
    dockerfile <<'EOF'
FROM busybox AS files
RUN mkdir /d; echo 1 > /d/f; cat /proc/sys/kernel/random/uuid > /other
FROM busybox
RUN --mount=from=files,source=/d,target=/m stat -c %a /m > /out; cat /m/f >> /out
RUN echo after
EOF
    build
    is "$(contents out)" $'755\n1'
    build --no-cache-filter files
    contains "$stderr" "target=/m stat -c %a /m > /out; cat /m/f >> /out  (cached)"
    contains "$stderr" "RUN echo after  (cached)"
    sed -i 's/mkdir \/d;/mkdir -m 750 \/d;/' Dockerfile
    build
    is "$(contents out)" $'750\n1'

    mkdir -m 710 c
    printf 'FROM busybox\nRUN --mount=source=c,target=/m --mount=target=/w stat -c %%a /m /w > /out\n' > Dockerfile
    build
    is "$(contents out)" $'710\n755'
    chmod 711 c
    build
    is "$(contents out)" $'711\n755'
    echo 1 > c/x
    is "$(step RUN)" "miss: new file c/x"
    build
    echo 2 > c/x
    is "$(step RUN)" "miss: c/x changed"
}

@test "a RUN of another architecture says what is missing" {
    [ ! -e /proc/sys/fs/binfmt_misc/qemu-s390x ] || skip "this machine runs it"
    # The header of an ELF file for s390x.
    printf '\x7fELF\x02\x02\x01\0\0\0\0\0\0\0\0\0\0\x02\0\x16\0\0\0\x01%040d' 0 > sh
    chmod 755 sh
    printf 'FROM scratch\nCOPY sh /bin/sh\nRUN true\n' > Dockerfile
    build_fails 126 --platform linux/s390x
    contains "$stderr" "hint: the image is for s390x and this machine is "
    contains "$stderr" "qemu-user-static"
}

@test "COPY --link of what the base image has already" {
    echo a > f
    printf 'FROM busybox\nCOPY --link f /a/\nRUN rm /a/f; echo other > /a/g\n' | build -t base -f -
    printf 'FROM base\nCOPY --link f /a/\nRUN cat /a/f /a/g\n' > Dockerfile
    is "$(step COPY)" hit
    build
    is "$(printed)" $'a\nother'
    is "$(contents a/f)" a
    run_bud 0 info --check
}

@test "the source of a bind mount is cleaned as it is written: what counts is what is mounted" {
    dockerfile <<'EOF'
FROM busybox AS files
ARG A=1
RUN mkdir -p /d/e; echo inner$A > /d/x; ln -s d/e /l; echo top > /x
FROM busybox
RUN --mount=from=files,source=l/../x,target=/m --mount=from=files,source=/l/../d/../l,target=/e ls -d /e/. > /out && cat /m >> /out
EOF
    build
    is "$(contents out)" $'/e/.\ntop'
    build --build-arg A=2
    contains "$stderr" "cat /m >> /out  (cached)"
}

@test "extended attributes of the directory that is mounted count, as those within" {
    mkdir -p root/d
    setfattr -n user.color -v blue root/d 2>/dev/null || skip "no extended attributes here"
    tar -C root --xattrs -cf 1.tar .
    setfattr -n user.color -v red root/d
    tar -C root --xattrs -cf 2.tar .
    bud import 1.tar one
    bud import 2.tar two
    printf 'FROM %s AS s\nFROM busybox\nRUN --mount=from=s,source=/d,target=/m echo seen\n' one > Dockerfile
    build
    contains "$stderr" seen
    sed -i 's/one/two/' Dockerfile
    build
    contains "$stderr" seen
}

@test "the root directory is that of what COPY --link is laid over, also when it is used again" {
    mkdir root
    tar -xf "$BUSYBOX_TAR" -C root
    touch root/closed
    chmod 700 root
    tar -C root -cf root.tar .
    bud import root.tar closed
    rm -r root root.tar
    echo a > f
    printf 'FROM closed\nCOPY --link f /a/\nRUN stat -c %%a /\n' > Dockerfile
    build
    is "$(printed)" 700
    printf 'FROM busybox\nCOPY --link f /a/\nRUN stat -c %%a /\n' > Dockerfile
    is "$(step COPY)" hit
    build
    is "$(printed)" 755
    # the same where it is mounted
    printf 'FROM busybox AS s\nCOPY --link f /a/\nFROM busybox\nRUN --mount=from=s,target=/m stat -c %%a /m > /out\n' > Dockerfile
    build
    contains "$stderr" "COPY --link f /a/  (cached)"
    is "$(contents out)" 755
    sed -i 's/^FROM busybox AS/FROM closed AS/' Dockerfile
    build
    is "$(contents out)" 700
    printf 'FROM busybox\nCOPY --link f /a/\n' > Dockerfile
    build
    printf 'FROM image\nRUN stat -c %%a:%%u /\n' > Dockerfile
    build
    is "$(printed)" 755:0
}
