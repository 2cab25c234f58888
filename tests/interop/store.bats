#!/usr/bin/env bats
# Images bud made, in the hands of Podman, Buildah and Skopeo.

load helper

setup() {
    setup_store "$BATS_TEST_TMPDIR/store"
    import_busybox
}

teardown() {
    unmount_store
}

build_app() {
    echo data > "$BATS_TEST_TMPDIR/file"
    context "$BATS_TEST_TMPDIR/app" <<'END'
FROM busybox
ENV GREETING="hello world"
WORKDIR /srv
RUN echo "$GREETING" > greeting && rm /etc/group && mkdir -p deep/er && ln greeting deep/hard
COPY --chown=7:8 file /data/
RUN rm -rf deep && mkdir deep && echo new > deep/new
LABEL who="bud tests"
EXPOSE 8080/tcp
USER 1000:1000
ENTRYPOINT ["/bin/sh", "-c"]
CMD ["cat greeting"]
END
    cp "$BATS_TEST_TMPDIR/file" "$BATS_TEST_TMPDIR/app/file"
    bud build -q -t app "$BATS_TEST_TMPDIR/app"
}

@test "podman lists an image bud built under its local name" {
    id=$(build_app)
    run podman images --no-trunc --format '{{.ID}} {{.Repository}}:{{.Tag}}'
    [ "$status" = 0 ]
    [[ "$output" == *"$id localhost/app:latest"* ]]
}

@test "podman run starts it at once, with its files, user and environment" {
    build_app
    run podman run --rm --network none app
    [ "$status" = 0 ]
    [ "$output" = "hello world" ]
    run podman run --rm --network none app 'id -u; ls deep; stat -c "%u:%g" /data/file'
    [ "${lines[0]}" = 1000 ]
    [ "${lines[1]}" = new ]
    [ "${lines[2]}" = 7:8 ]
}

@test "podman inspect shows the configuration" {
    build_app
    run podman inspect --type image app
    [ "$status" = 0 ]
    [ "$(jq -r '.[0].Config.Entrypoint | join(" ")' <<< "$output")" = "/bin/sh -c" ]
    [ "$(jq -r '.[0].Config.ExposedPorts | keys[0]' <<< "$output")" = "8080/tcp" ]
    [ "$(jq -r '.[0].Config.Labels.who' <<< "$output")" = "bud tests" ]
    [ "$(jq -r '.[0].Config.WorkingDir' <<< "$output")" = "/srv" ]
    [ "$(jq -r '.[0].User' <<< "$output")" = "1000:1000" ]
}

@test "podman push to a directory gives back every digest" {
    build_app
    podman push app "dir:$BATS_TEST_TMPDIR/out"
    config=$(jq -r .config.digest "$BATS_TEST_TMPDIR/out/manifest.json")
    [ "$config" = "sha256:$(bud images -q --no-trunc app | sed 's/^sha256://')" ]
    for digest in $(jq -r '.layers[].digest' "$BATS_TEST_TMPDIR/out/manifest.json"); do
        [ "$(sha256sum < "$BATS_TEST_TMPDIR/out/${digest#sha256:}" | cut -d' ' -f1)" = "${digest#sha256:}" ]
    done
}

@test "skopeo copy to an OCI layout succeeds, and the layers are the diff IDs" {
    build_app
    skopeo copy --dest-oci-accept-uncompressed-layers "$(stored localhost/app:latest)" "oci:$BATS_TEST_TMPDIR/oci:app" || \
        skopeo copy "$(stored localhost/app:latest)" "oci:$BATS_TEST_TMPDIR/oci:app"
    manifest=$(jq -r '.manifests[0].digest' "$BATS_TEST_TMPDIR/oci/index.json")
    config=$(jq -r .config.digest "$BATS_TEST_TMPDIR/oci/blobs/sha256/${manifest#sha256:}")
    [ "${config#sha256:}" = "$(bud images -q --no-trunc app | sed 's/^sha256://')" ]
    count=$(jq '.layers | length' "$BATS_TEST_TMPDIR/oci/blobs/sha256/${manifest#sha256:}")
    [ "$count" = "$(jq '.rootfs.diff_ids | length' "$BATS_TEST_TMPDIR/oci/blobs/sha256/${config#sha256:}")" ]
}

@test "umoci unpacks the layers to the same files" {
    build_app
    skopeo copy "$(stored localhost/app:latest)" "oci:$BATS_TEST_TMPDIR/oci:app"
    umoci unpack --image "$BATS_TEST_TMPDIR/oci:app" "$BATS_TEST_TMPDIR/bundle"
    [ "$(cat "$BATS_TEST_TMPDIR/bundle/rootfs/srv/deep/new")" = new ]
    [ ! -e "$BATS_TEST_TMPDIR/bundle/rootfs/srv/deep/hard" ]
    [ ! -e "$BATS_TEST_TMPDIR/bundle/rootfs/etc/group" ]
    [ "$(stat -c '%u:%g' "$BATS_TEST_TMPDIR/bundle/rootfs/data/file")" = 7:8 ]
}

@test "buildah from makes a working container of it" {
    build_app
    run buildah from --name work app
    [ "$status" = 0 ]
    run buildah run --isolation chroot work cat greeting
    buildah rm work
}

@test "buildah builds on top of it and bud on top of that" {
    build_app
    context "$BATS_TEST_TMPDIR/b" <<'END'
FROM localhost/app
USER root
COPY Dockerfile /from-buildah
END
    buildah bud --isolation chroot -t second "$BATS_TEST_TMPDIR/b"
    context "$BATS_TEST_TMPDIR/c" <<'END'
FROM second
RUN cat /from-buildah > /from-bud
ENTRYPOINT []
CMD ["cat", "/from-bud"]
END
    bud build -t third "$BATS_TEST_TMPDIR/c"
    run podman run --rm --network none third
    [ "${lines[0]}" = "FROM localhost/app" ]
}

@test "podman rmi removes it, and the next build works from a cold cache" {
    build_app
    podman rmi app
    run bud images
    [[ "$output" != *app* ]]
    build_app
    run podman run --rm --network none app
    [ "$output" = "hello world" ]
    bud info --check
}

@test "bud rmi removes what podman pulled or imported" {
    podman import "$(busybox_tar)" other:1
    bud rmi localhost/other:1 || bud rmi docker.io/library/other:1
    run podman images --format '{{.Repository}}'
    [[ "$output" != *other* ]]
    bud info --check
}

@test "an image with the docker format is one for podman too" {
    context "$BATS_TEST_TMPDIR/app" <<'END'
FROM busybox
HEALTHCHECK --interval=5s CMD true
SHELL ["/bin/sh", "-ec"]
CMD exit 0
END
    bud build --format docker -t app "$BATS_TEST_TMPDIR/app"
    run podman inspect --type image app
    [ "$(jq -r '.[0].ManifestType' <<< "$output")" = "application/vnd.docker.distribution.manifest.v2+json" ]
    [ "$(jq -r '.[0].Healthcheck.Test[0]' <<< "$output")" = "CMD-SHELL" ]
    podman run --rm --network none app
}

@test "a store is found sound after all of that" {
    build_app
    podman run --rm --network none app true
    podman tag app app:2
    bud tag app app:3
    buildah rmi app:2
    bud info --check --deep
}

@test "FROM a manifest list takes the image of the platform, as buildah does" {
    context "$BATS_TEST_TMPDIR/arm" <<< $'FROM scratch\nENV which=arm'
    bud build -q --platform linux/arm64 -t arm "$BATS_TEST_TMPDIR/arm"
    buildah manifest create several localhost/arm localhost/busybox
    context "$BATS_TEST_TMPDIR/app" <<< $'FROM several\nENV more=1'
    for builder in bud buildah; do
        "$builder" build -q --platform linux/arm64 -t "$builder" "$BATS_TEST_TMPDIR/app"
        bud inspect "$builder" | jq -c '[.OCIv1.architecture, .OCIv1.config.Env]' > "$BATS_TEST_TMPDIR/$builder"
    done
    diff "$BATS_TEST_TMPDIR/bud" "$BATS_TEST_TMPDIR/buildah"
    run -125 bud plan --platform linux/s390x "$BATS_TEST_TMPDIR/app"
    [[ "$output" == *'the manifest list several has no image for platform linux/s390x'*'there are linux/arm64, linux/amd64'* ]]
    [ "$(bud history -q several)" = "$(bud history -q busybox)" ]
    [ "$(bud inspect several | jq -r .Id)" = "$(podman inspect several | jq -r '.[0].Id')" ]
    bud info --check
}
