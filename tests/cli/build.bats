#!/usr/bin/env bats
# What an image is made of: stages, arguments, configuration, names, and the options that change the whole.
load build_helper

# ---- stages ----

@test "FROM scratch: only what was copied is in the image" {
    echo hello > greeting
    dockerfile <<'END'
FROM scratch
COPY greeting /
END
    build
    is "$(entries .)" "./greeting f 644 0:0"
    is "$(config '.config.WorkingDir, .config.Env[]')" $'/\nPATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
}

@test "FROM scratch alone is an image without layers" {
    dockerfile <<< 'FROM scratch'
    build
    is "$(config '.rootfs.diff_ids, (.history // [])')" $'[]\n[]'
    is "$(layer_directories image)" ""
}

@test "several stages: one makes, the last ships" {
    dockerfile <<'END'
FROM busybox AS make
RUN echo made > /made && echo left > /left
FROM scratch
COPY --from=make /made /
END
    build
    is "$(entries .)" "./made f 644 0:0"
    is "$(contents made)" made
    is "$(config '.rootfs.diff_ids | length')" 1
}

@test "a stage on top of a stage has its files, environment and arguments" {
    dockerfile <<'END'
FROM busybox AS base
ENV E=env
ARG A=arg
WORKDIR /srv
RUN echo base > file
FROM base
RUN echo "$E $A $(pwd) $(cat file)"
END
    build
    contains "$stderr" "env arg /srv base"
    is "$(config '.config.WorkingDir')" /srv
    is "$(config '.config.Env[] | select(startswith("A="))')" ""
}

@test "a stage's files by its number, and by its name in any case" {
    dockerfile <<'END'
FROM busybox AS One
RUN echo 1 > /1
FROM busybox
RUN echo 2 > /2
FROM scratch
COPY --from=0 /1 /
COPY --from=1 /2 /
COPY --from=oNE /1 /one
END
    build
    is "$(entries 1 2 one)" $'1 f 644 0:0\n2 f 644 0:0\none f 644 0:0'
}

@test "of two stages with one name, the later one is meant" {
    dockerfile <<'END'
FROM busybox AS x
RUN echo one > /which
FROM busybox AS x
RUN echo two > /which
FROM x
RUN cat /which
END
    build
    contains "$stderr" "two"
}

@test "stages that the target does not need are not built" {
    dockerfile <<'END'
FROM busybox AS x
FROM no-such-image AS y
RUN exit 1
FROM x
COPY Dockerfile /
END
    build
    contains "$(bud plan .)" "not built: y"
}

@test "--target builds up to a stage" {
    dockerfile <<'END'
FROM scratch AS first
LABEL stage=first
FROM scratch AS Second
LABEL stage=second
FROM scratch
LABEL stage=last
END
    build
    is "$(config '.config.Labels.stage')" last
    build --target first
    is "$(config '.config.Labels.stage')" first
    build --target SECOND
    is "$(config '.config.Labels.stage')" second
    run_bud 125 build --target frist .
    contains "$stderr" 'target stage "frist" could not be found'
    contains "$stderr" 'did you mean first?'
}

@test "FROM an image by name, by ID and by a name of the registry's form" {
    bud tag busybox registry.example.com/base/busybox:1
    for base in busybox localhost/busybox:latest registry.example.com/base/busybox:1 "$BUSYBOX"; do
        build -f - <<< "FROM $base"
    done
}

# ---- arguments and environment ----

@test "ARG: the default, --build-arg, and the environment of the caller" {
    dockerfile <<'END'
FROM busybox
ARG ONE=1
ARG TWO
RUN echo "one=$ONE two=${TWO-unset}"
END
    build
    contains "$stderr" "one=1 two=unset"
    build --build-arg ONE=uno --build-arg=TWO=
    contains "$stderr" "one=uno two="
    TWO=due build --build-arg TWO
    contains "$stderr" "one=1 two=due"
    is "$(config '.config.Env | length')" 1
}

@test "a global ARG is for FROM; a stage has to name it to see it" {
    dockerfile <<'END'
ARG BASE=busybox
FROM $BASE
RUN echo "1: $BASE"
ARG BASE
RUN echo "2: $BASE"
ARG BASE=other
RUN echo "3: $BASE"
END
    build
    contains "$stderr" $'[1/4] FROM $BASE = busybox\n'
    is "$(printed)" $'1: \n2: busybox\n3: other'
    build --no-cache --build-arg BASE=localhost/busybox
    is "$(printed)" $'1: \n2: localhost/busybox\n3: localhost/busybox'
}

@test "the last of ARG and ENV with one name wins, the image keeps the ENV" {
    dockerfile <<'END'
FROM busybox
ARG A=arg
ENV A=env
ENV B=env
ARG B=arg
RUN echo "$A $B"
END
    build
    contains "$(printed)" "env arg"
    is "$(config '.config.Env[1:][]')" $'A=env\nB=env'
}

@test "ENV sees the values from before its instruction" {
    dockerfile <<'END'
FROM scratch
ENV abc=hello
ENV abc=bye def=$abc
ENV quoted="a  b" escaped=a\ b single='$abc'
ENV old form  of it
END
    build
    is "$(config '.config.Env[1:][]')" 'abc=bye
def=hello
quoted=a  b
escaped=a b
single=$abc
old=form  of it'
}

@test "a --build-arg that no ARG takes is a warning" {
    dockerfile <<< 'FROM scratch'
    build --build-arg NOBODY=x
    contains "$stderr" "NOBODY"
}

@test "automatic arguments name the platform" {
    dockerfile <<'END'
FROM --platform=$BUILDPLATFORM busybox
ARG TARGETPLATFORM
ARG TARGETARCH
RUN echo "$TARGETPLATFORM $TARGETARCH"
END
    build
    contains "$(printed)" "linux/$(config .architecture) $(config .architecture)"
}

@test "\${NAME:?text} stops a build without the argument" {
    dockerfile <<'END'
FROM scratch
ARG VERSION
LABEL version="${VERSION:?give --build-arg VERSION}"
END
    build_fails 125
    contains "$stderr" "Dockerfile:3"
    contains "$stderr" "VERSION: give --build-arg VERSION"
    build --build-arg VERSION=2
    is "$(config .config.Labels.version)" 2
}

# ---- configuration ----

@test "every instruction of the configuration reaches the image" {
    dockerfile <<'END'
FROM scratch
MAINTAINER Me <me@example.org>
LABEL one=1 two="a b"
EXPOSE 80 53/udp 8000-8002
VOLUME /data /more
VOLUME ["/cache"]
USER 1000:1000
WORKDIR /srv
STOPSIGNAL SIGINT
HEALTHCHECK --interval=5s --retries=2 CMD true x
SHELL ["/bin/sh", "-ec"]
ENTRYPOINT ["/entry", "point"]
CMD echo "a b"
ONBUILD RUN echo later
END
    build
    is "$(config .author)" "Me <me@example.org>"
    is "$(config .config.Labels)" '{"one":"1","two":"a b"}'
    is "$(config '.config.ExposedPorts | keys')" '["53/udp","80/tcp","8000/tcp","8001/tcp","8002/tcp"]'
    is "$(config '.config.Volumes | keys')" '["/cache","/data","/more"]'
    is "$(config '.config | .User, .WorkingDir, .StopSignal' | xargs)" "1000:1000 /srv SIGINT"
    is "$(config .config.Healthcheck)" '{"Test":["CMD-SHELL","true x"],"Interval":5000000000,"Retries":2}'
    is "$(config '.config | .Shell, .Entrypoint, .Cmd, .OnBuild')" '["/bin/sh","-ec"]
["/entry","point"]
["/bin/sh","-ec","echo \"a b\""]
["RUN echo later"]'
}

@test "ENTRYPOINT forgets the CMD of the base, unless the stage set one before it" {
    dockerfile <<'END'
FROM scratch AS base
ENTRYPOINT ["e"]
CMD ["c"]
FROM base AS reset
ENTRYPOINT ["f"]
FROM base AS kept
CMD ["d"]
ENTRYPOINT ["f"]
END
    build --target base
    is "$(config '.config.Cmd')" '["c"]'
    build --target reset
    is "$(config '.config.Cmd')" null
    build --target kept
    is "$(config '.config.Cmd')" '["d"]'
}

@test "history has an entry for every instruction, in BuildKit's words" {
    dockerfile <<'END'
FROM scratch
ARG A=1 B
ENV X=1 Y="2 3"
WORKDIR /srv
COPY Dockerfile file
EXPOSE 80
CMD ["a", "b c"]
END
    build
    is "$(config '.history[] | "\(.empty_layer // false) \(.created_by)"')" 'true ARG A=1 B
true ENV X=1 Y=2 3
false WORKDIR /srv
false COPY Dockerfile file # buildkit
true EXPOSE [80/tcp]
true CMD ["a" "b c"]'
    is "$(config '.rootfs.diff_ids | length')" 2
}

@test "history of RUN has the arguments it saw" {
    dockerfile <<'END'
FROM busybox
ARG A=1
ARG B
RUN true
RUN ["true", "x"]
END
    build
    is "$(config '.history[-2:][] | .created_by')" 'RUN |2 A=1 B= /bin/sh -c true # buildkit
RUN |2 A=1 B= true x # buildkit'
}

@test "an instruction that changes no file makes an empty layer" {
    dockerfile <<'END'
FROM busybox
RUN true
END
    build
    # the digest of a tar archive without entries
    is "$(config '.rootfs.diff_ids[-1]')" sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef
}

@test "--label, --annotation and --env add to the image, and change no step" {
    dockerfile <<'END'
FROM busybox
LABEL a=1 b=2
ENV E=1
RUN echo "E=$E F=$F"
END
    FROM_HERE=there build --label a=9 --label c=3 --annotation who=me --env E=2 --env F=3 --env FROM_HERE
    is "$(config .config.Labels)" '{"a":"9","b":"2","c":"3"}'
    contains "$(printed)" "E=1 F="
    is "$(config '.config.Env[1:][]' | xargs)" "E=2 F=3 FROM_HERE=there"
    is "$(jq -rc '.annotations.who' "$STORE/root/overlay-images/$(image_id)/manifest")" me
}

# ---- the result ----

@test "standard output is the image ID and nothing else" {
    dockerfile <<'END'
FROM busybox
RUN echo noise
END
    build
    is "$output" "$(image_id)"
    contains "$stderr" noise
}

@test "--quiet says nothing but the ID" {
    dockerfile <<'END'
FROM busybox
RUN echo noise; echo more noise >&2
END
    build --quiet
    is "$output" "$(image_id)"
    is "$stderr" ""
}

@test "--quiet shows every line of a step that fails as the progress would, with its stage" {
    dockerfile <<< $'FROM busybox AS one\nRUN echo a; echo; echo b; exit 4\nFROM one'
    build_fails 4 -q
    is "$(grep '^\[' <<< "$stderr")" $'[one 2/2] a\n[one 2/2] \n[one 2/2] b'
}

@test "an image that only a mount names is told by its name, it has no number" {
    dockerfile <<< $'FROM busybox\nLABEL a=b'
    run_bud 0 build -t mybase .
    dockerfile <<< $'FROM busybox AS use\nRUN --mount=from=mybase,target=/m true\nFROM use'
    build
    is "$(grep mybase <<< "$stderr" | head -n 1)" "[image mybase]"
}

@test "--quiet shows the output of a step that fails" {
    dockerfile <<'END'
FROM busybox
RUN echo what went wrong; exit 4
END
    build_fails 4 -q
    contains "$stderr" "what went wrong"
    run ! grep -qx '' <<< "$stderr"
}

@test "--iidfile has the ID; a build that fails leaves no such file" {
    dockerfile <<< 'FROM scratch'
    build --iidfile id
    is "$(cat id)" "sha256:$(image_id)"
    rm id
    run_bud 125 build --iidfile id -f - . <<< 'FROM nothing-here'
    [ ! -e id ]
}

@test "several names, and none" {
    dockerfile <<< 'FROM scratch'
    run_bud 0 build -t one -t two:2 -t registry.example.com/x/three -t one .
    is "$(bud images --json | jq -rc '[.[] | select(.names | contains(["localhost/one:latest"])) | .names[]] | sort[]')" \
        'localhost/one:latest
localhost/two:2
registry.example.com/x/three:latest'
    run_bud 0 build --label x=y .
    is "$(bud images --json | jq -rc --arg id "$output" '.[] | select(.id == $id) | .names // [] | length')" 0
}

@test "a name moves to the new image" {
    build -f - <<< $'FROM scratch\nLABEL v=1'
    local first=$output
    build -f - <<< $'FROM scratch\nLABEL v=2'
    [ "$output" != "$first" ]
    is "$(image_id)" "$output"
    run_bud 0 inspect "$first" # is still there, without a name
}

@test "Containerfile, then Dockerfile, or -f FILE, or -f -" {
    printf 'FROM scratch\nLABEL file=Dockerfile\n' > Dockerfile
    build
    is "$(config .config.Labels.file)" Dockerfile
    printf 'FROM scratch\nLABEL file=Containerfile\n' > Containerfile
    build
    is "$(config .config.Labels.file)" Containerfile
    printf 'FROM scratch\nLABEL file=other\n' > other
    build -f other
    is "$(config .config.Labels.file)" other
    build -f - <<< $'FROM scratch\nLABEL file=stdin\nCOPY other /'
    is "$(config .config.Labels.file)" stdin
    is "$(entries other)" "other f 644 0:0"
}

# ---- options that change the whole ----

@test "--squash makes one layer of everything, also of the base" {
    dockerfile <<'END'
FROM busybox
RUN echo 1 > /one && echo 2 > /two && rm /etc/group
RUN rm /one
WORKDIR /srv
LABEL a=b
END
    build --squash
    is "$(config '.rootfs.diff_ids | length')" 1
    is "$(config '.history | map(select(.empty_layer | not)) | length')" 1
    is "$(config .config.Labels.a)" b
    is "$(entries two srv bin/busybox | cut -d' ' -f1 | xargs)" "bin/busybox srv two"
    run ! has_file one
    run ! has_file etc/group
}

@test "--timestamp: the same image in any store at any time" {
    dockerfile <<'END'
FROM busybox
RUN echo x > /x && mkdir /d
COPY file /
WORKDIR /srv
END
    echo x > file
    bud import --timestamp 1 "$BUSYBOX_TAR" busybox > /dev/null
    build --timestamp 1000
    local first=$output
    is "$(config .created)" 1970-01-01T00:16:40Z
    look_into
    is "$(cd "$ROOTFS" && stat -c %Y x d file srv | xargs)" "1000 1000 1000 1000"
    umount "$ROOTFS"

    STORAGE=(--root "$STORE/other" --runroot "$STORE/other-run" --storage-driver overlay)
    touch file
    bud import --timestamp 1 "$BUSYBOX_TAR" busybox > /dev/null
    SOURCE_DATE_EPOCH=1000 build
    local epoch=$output
    build --timestamp 1000
    is "$output" "$first"
    # SOURCE_DATE_EPOCH is the time of the image; that of a copied file stays (files.md of the frontend).
    [ -n "$epoch" ]
}

@test "--format docker writes Docker's media types" {
    dockerfile <<'END'
FROM busybox
COPY Dockerfile /
END
    build
    is "$(jq -r '.mediaType, .config.mediaType, .layers[].mediaType' "$STORE/root/overlay-images/$(image_id)/manifest" | sort -u)" \
        'application/vnd.oci.image.config.v1+json
application/vnd.oci.image.layer.v1.tar
application/vnd.oci.image.manifest.v1+json'
    build --format docker
    is "$(jq -r '.mediaType, .config.mediaType, .layers[].mediaType' "$STORE/root/overlay-images/$(image_id)/manifest" | sort -u)" \
        'application/vnd.docker.container.image.v1+json
application/vnd.docker.distribution.manifest.v2+json
application/vnd.docker.image.rootfs.diff.tar'
}

@test "--layers=false and --no-cache run everything again" {
    dockerfile <<'END'
FROM busybox
RUN cat /proc/sys/kernel/random/uuid > /random
END
    build
    local first
    first=$(contents random)
    build
    is "$(contents random)" "$first"
    build --no-cache
    local second
    second=$(contents random)
    [ "$second" != "$first" ]
    build # what --no-cache made is the cached result now
    is "$(contents random)" "$second"
    build --layers=false
    [ "$(contents random)" != "$second" ]
    build # --layers=false leaves the cache as it was
    is "$(contents random)" "$second"
}

@test "--jobs 1 builds the same image as many at once" {
    dockerfile <<'END'
FROM busybox AS a
RUN echo a > /a
FROM busybox AS b
RUN echo b > /b
FROM scratch
COPY --from=a /a /
COPY --from=b /b /
END
    build --jobs 1 --timestamp 0
    local one=$output
    build --jobs 8 --timestamp 0 --no-cache
    is "$output" "$one"
}
