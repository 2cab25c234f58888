#!/usr/bin/env bats
# examples/nginx, as its README says: Debian from mmdebstrap, nginx from apt, served by Podman.

load helper

setup_file() {
    load helper
    setup_store "$BATS_FILE_TMPDIR/store"
    bud import "$(debian_tar)" debian:bookworm
    bud build -t nginx "$REPOSITORY/examples/nginx"
}

teardown_file() {
    load helper
    STORE=$BATS_FILE_TMPDIR/store
    unmount_store
}

setup() {
    setup_store "$BATS_FILE_TMPDIR/store"
}

@test "podman serves the page" {
    context "$BATS_TEST_TMPDIR/port" <<'END'
FROM nginx
RUN sed -i 's/listen 80 default_server/listen 127.0.0.1:18080 default_server/; /\[::\]/d' /etc/nginx/sites-available/default
END
    bud build -t nginx-18080 "$BATS_TEST_TMPDIR/port"
    podman run -d --name web --network host nginx-18080
    for _ in $(seq 50); do
        curl -sf http://127.0.0.1:18080/ > "$BATS_TEST_TMPDIR/page" && break
        sleep 0.1
    done
    podman logs web || true
    podman rm -f -t 1 web
    grep -q '^nginx on Debian' "$BATS_TEST_TMPDIR/page"
}

@test "podman inspect shows ENTRYPOINT, the port and the author" {
    run podman inspect --type image nginx
    [ "$(jq -r '.[0].Config.Entrypoint[0]' <<< "$output")" = /usr/sbin/nginx ]
    [ "$(jq -r '.[0].Config.ExposedPorts | keys[0]' <<< "$output")" = 80/tcp ]
    [ "$(jq -r '.[0].Author' <<< "$output")" = "The bud authors <bud@example.org>" ]
}

@test "podman push and skopeo copy give matching digests" {
    podman push nginx "dir:$BATS_TEST_TMPDIR/dir"
    skopeo copy "$(stored localhost/nginx:latest)" "oci:$BATS_TEST_TMPDIR/oci:nginx"
    id=$(bud images -q --no-trunc nginx | sed 's/^sha256://')
    [ "$(jq -r .config.digest "$BATS_TEST_TMPDIR/dir/manifest.json")" = "sha256:$id" ]
    manifest=$(jq -r '.manifests[0].digest' "$BATS_TEST_TMPDIR/oci/index.json")
    [ "$(jq -r .config.digest "$BATS_TEST_TMPDIR/oci/blobs/sha256/${manifest#sha256:}")" = "sha256:$id" ]
}

@test "buildah from nginx works" {
    buildah from --name work nginx
    buildah run --isolation chroot work nginx -v
    buildah rm work
}

@test "the same build again runs nothing and gives the same image" {
    id=$(bud images -q --no-trunc nginx | sed 's/^sha256://')
    run bud build -q -t nginx "$REPOSITORY/examples/nginx"
    [ "$output" = "$id" ]
    run bud plan "$REPOSITORY/examples/nginx"
    [[ "$output" != *MISS* ]]
}
