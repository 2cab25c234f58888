#!/usr/bin/env bats
# Listing, naming and removing images. The images are made with `bud import`.
load helper

# An image $1 that holds one file.
small_image() {
    mkdir -p rootfs
    echo "$1" > rootfs/name
    tar -C rootfs -c . | bud import - "$1"
}

@test "an empty store has no images" {
    run_bud 0 images
    is "$output" "REPOSITORY   TAG   IMAGE ID   CREATED   SIZE"
    run_bud 0 images -n
    is "$output" ""
    run_bud 0 images -q
    is "$output" ""
    run_bud 0 images --json
    is "$(jq -c . <<< "$output")" "[]"
}

@test "looking at a store that is not there does not make one" {
    run_bud 0 images
    run_bud 0 info
    [ ! -e "$STORE/root" ]
    run_bud 125 inspect nothing
    is "${stderr_lines[0]}" "error: nothing: there is no such image"
    run_bud 125 history nothing
    run_bud 125 images nothing
    run_bud 125 info --check
    contains "$stderr" "error: there is no store in $STORE/root"
    run_bud 125 rmi nothing
    run_bud 0 rmi --all
    run_bud 125 tag nothing something
    [ ! -e "$STORE/root" ]
}

@test "an imported image is listed under its full name" {
    id=$(small_image app)
    run_bud 125 inspect spp
    is "$stderr" $'error: spp: there is no such image\nhint: did you mean app? `bud images` lists all'
    run_bud 0 images
    contains "${lines[1]}" "localhost/app   latest   ${id:0:12}   "
    run_bud 0 images -q
    is "$output" "${id:0:12}"
    run_bud 0 images -q --no-trunc app
    is "$output" "sha256:$id"
    run_bud 0 images --json
    is "$(jq -r '.[0].id, .[0].names[0]' <<< "$output" | xargs)" "$id localhost/app:latest"
}

@test "import takes plain and compressed archives, and names are optional" {
    mkdir rootfs && echo '[{"Config": "of something else"}]' > rootfs/manifest.json
    tar -C rootfs -cf x.tar .
    gzip -k x.tar
    zstd -q x.tar
    for archive in x.tar x.tar.gz x.tar.zst; do
        run_bud 0 import "$archive" "$archive"
        run_bud 0 inspect "$archive"
    done
    run_bud 0 import --author me --timestamp 1000 x.tar
    run_bud 0 inspect "$output"
    is "$(jq -r '.Author, .Created' <<< "$output" | xargs)" "me 1970-01-01T00:16:40Z"
}

@test "import of what is no archive is an error and leaves nothing" {
    echo nonsense > file
    run_bud 125 import file x
    contains "$stderr" "error: "
    run_bud 125 import nowhere x
    run_bud 125 import . x
    is "${stderr_lines[0]}" "error: . is a directory, not an archive"
    run_bud 125 import http://example.com/x.tar x
    run_bud 125 import oci-archive:x.tar x
    contains "$stderr" "bud import oci:DIRECTORY NAME"
    run_bud 125 import docker-archive:x.tar x
    contains "$stderr" "podman load -i FILE"
    mkdir saved
    echo '{"imageLayoutVersion":"1.0.0"}' > saved/oci-layout
    tar -C saved -cf saved.tar .
    run_bud 125 import saved.tar x
    is "${stderr_lines[0]}" "error: saved.tar is an image that was saved (it has oci-layout at its top), not a root file system"
    rm saved/oci-layout
    echo '[{"Config":"a.json","RepoTags":null,"Layers":["a/layer.tar"]}]' > saved/manifest.json
    tar -C saved -c . | run_bud 125 import - x
    run_bud 0 images -q
    is "$output" ""
}

@test "tag gives an image more names, and moves names" {
    one=$(small_image one)
    two=$(small_image two)
    bud tag one second registry.example.com/a/b:v1
    run_bud 0 images -q --no-trunc registry.example.com/a/b:v1
    is "$output" "sha256:$one"
    bud tag "${two:0:12}" second
    run_bud 0 images -q --no-trunc second
    is "$output" "sha256:$two"
    run_bud 125 tag nothing x
    is "${stderr_lines[0]}" "error: nothing: there is no such image"
    run_bud 125 tag one 'NO NAME'
}

@test "a name without a tag lists all tags of it" {
    small_image app
    small_image app:v2
    small_image other/app
    run_bud 0 images -n app
    is "$(awk '{ print $1 ":" $2 }' <<< "$output" | sort | xargs)" "localhost/app:latest localhost/app:v2"
    run_bud 0 images -n localhost/app:v2
    is "$(awk '{ print $1 ":" $2 }' <<< "$output")" "localhost/app:v2"
    run_bud 0 images -q app
    is "${#lines[@]}" 2
    run_bud 125 images app:v3
}

@test "rmi removes a name, and with the last one the image" {
    id=$(small_image one)
    bud tag one two
    run_bud 0 rmi two
    is "$output" "untagged: localhost/two:latest"
    run_bud 0 rmi one
    is "${lines[0]}" "untagged: localhost/one:latest"
    is "${lines[1]}" "$id"
    run_bud 0 images -q
    is "$output" ""
    run_bud 0 info --check
}

@test "rmi by ID of an image with several names needs --force" {
    id=$(small_image one)
    bud tag one two
    run_bud 125 rmi "$id"
    run_bud 0 rmi -f "$id"
    is "${lines[2]}" "$id"
}

@test "rmi goes on after an image that cannot be removed" {
    small_image one
    run_bud 125 rmi nothing one
    contains "$output" "untagged: localhost/one:latest"
    contains "$stderr" "nothing: there is no such image"
}

@test "rmi --prune removes images without a name, --all every one" {
    small_image one
    small_image two
    bud tag two one # the first has no name now
    run_bud 0 rmi --prune
    run_bud 0 images -n
    [ "${#lines[@]}" = 2 ]
    run_bud 0 rmi --all
    run_bud 0 images -q
    is "$output" ""
    run_bud 0 rmi --all
}

@test "inspect shows what Buildah and Podman would, as JSON" {
    id=$(small_image one)
    run_bud 0 inspect --type image one
    is "$(jq -r '.FromImageID, .Id, .FromImage, .RepoTags[0]' <<< "$output" | xargs)" \
        "$id $id localhost/one:latest localhost/one:latest"
    is "$(jq -r '.Config | fromjson | .rootfs.diff_ids | length' <<< "$output")" 1
    is "$(jq -r '.OCIv1.rootfs.type' <<< "$output")" layers
    run_bud 125 inspect --format '{{.ID}}' one
    contains "${stderr_lines[1]}" "use jq"
}

@test "history lists the steps, newest first" {
    small_image one
    run_bud 0 history one
    contains "${lines[0]}" "CREATED BY"
    [ "${#lines[@]}" = 2 ]
    run_bud 0 history --json one
    is "$(jq length <<< "$output")" 1
}

@test "info names the store, info --check finds nothing wrong" {
    small_image one
    run_bud 0 info
    is "$(jq -r '.store.GraphRoot, .store.GraphDriverName, .store.ImageStore.number' <<< "$output" | xargs)" \
        "$STORE/root overlay 1"
    run_bud 0 info --check
    run_bud 0 info --check --deep
}
