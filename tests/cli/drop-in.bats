#!/usr/bin/env bats
# Command lines written for Buildah and Docker.
load build_helper

@test "bud bud, bud build-using-dockerfile, bud build and bud alone are the same" {
    dockerfile <<< $'FROM busybox\nRUN true'
    build
    local id=$output
    for words in bud build-using-dockerfile build ""; do
        # shellcheck disable=SC2086
        run_bud 0 $words -t image .
        is "$output" "$id"
    done
}

@test "a symlink called buildah is buildah, also with options before the command" {
    ln -s "$BUD" "$BATS_TEST_TMPDIR/buildah"
    PATH=$BATS_TEST_TMPDIR:$PATH
    dockerfile <<< $'FROM busybox\nRUN true'
    run --separate-stderr -0 buildah "${STORAGE[@]}" bud --layers -t image -f Dockerfile .
    is "$output" "$(image_id)"
    run --separate-stderr -0 buildah --log-level error "${STORAGE[@]}" build-using-dockerfile -q --tag=image --format=oci .
    is "$output" "$(image_id)"
    run --separate-stderr -0 buildah "${STORAGE[@]}" images -q
    contains "$output" "$(image_id | cut -c1-12)"
    run --separate-stderr -0 buildah "${STORAGE[@]}" rmi image
    run --separate-stderr -0 buildah --version
}

@test "the usual line of a CI job" {
    mkdir app && echo x > app/file
    printf 'ARG BASE\nFROM $BASE AS app\nARG VERSION\nCOPY file /\nENV VERSION=$VERSION\nFROM scratch\n' > app/Dockerfile.ci
    run_bud 0 bud --pull-never --isolation=oci --network=host --rm --force-rm=true --layers=true -f app/Dockerfile.ci \
        --build-arg BASE=busybox --build-arg=VERSION=1.2 --label org.example.commit=abc --target app \
        -t registry.example.com/team/app:1.2 -t app --iidfile iid app
    is "$(config app '.config.Env[1], .config.Labels[]' | xargs)" "VERSION=1.2 abc"
    is "$(cat iid)" "sha256:$(image_id app)"
}

@test "docker build -t NAME -f FILE --progress plain DIR" {
    dockerfile <<< 'FROM scratch'
    run_bud 0 build --progress=plain --platform "linux/$(uname -m)" -t image --provenance=false --sbom=false --load .
}

@test "options that ask for the default pass" {
    dockerfile <<< 'FROM scratch'
    unset HTTP_PROXY HTTPS_PROXY FTP_PROXY NO_PROXY http_proxy https_proxy ftp_proxy no_proxy
    run_bud 0 build --tls-verify=false --no-hosts=false --stdin=false --omit-history=false --http-proxy=true \
        --network=default --force-rm=false --rm --pull=missing --pull=never --pull=false --pull-always=false \
        --squash-all=false --push=false --inherit-labels=true --logsplit=false .
    run_bud 125 build --no-hosts .
    is "${stderr_lines[0]}" "error: --no-hosts is not done yet"
}

@test "what is not done yet says so, and never looks as if it were" {
    dockerfile <<< 'FROM scratch'
    for option in --ssh=default --output=type=tar --cache-from=x --memory=1g --manifest=x; do
        run_bud 125 build "$option" .
        contains "${stderr_lines[0]}" "not done yet"
        contains "${stderr_lines[0]}" "${option%%=*}"
    done
    run_bud 2 build --no-such-option .
}

@test "storage.conf and the environment name the store, as for Podman" {
    dockerfile <<< 'FROM scratch'
    cat > "$BATS_TEST_TMPDIR/storage.conf" <<END
[storage]
driver = "overlay"
graphroot = "$STORE/root"
runroot = "$STORE/run"
END
    CONTAINERS_STORAGE_CONF=$BATS_TEST_TMPDIR/storage.conf run --separate-stderr -0 "$BUD" build -t image .
    is "$output" "$(image_id)"
}
