#!/usr/bin/env bats
# Building without root, in a user namespace with subordinate IDs. The machine's /etc/subuid, /etc/subgid and /etc/passwd
# stay as they are: the user has others mounted over them.
load build_helper

setup() {
    make_setup
    [ "$(id -u)" = 0 ] || skip "root gives the user subordinate IDs here"
    command -v newuidmap > /dev/null || skip "newuidmap (package uidmap) is not installed"
    mkdir "$BATS_TEST_TMPDIR/context"
    cd "$BATS_TEST_TMPDIR/context" || return 1
    make_somebody
    echo 54321:600000:65536 > "$BATS_TEST_TMPDIR/subids"
    { cat /etc/passwd; echo "somebody:x:54321:54321::$BATS_TEST_TMPDIR/home:/bin/sh"; } > "$BATS_TEST_TMPDIR/passwd"
    cp "$BUSYBOX_TAR" "$BATS_TEST_TMPDIR/home/busybox.tar"
    as_user unshare --user --map-root-user true || skip "a user without root gets no user namespace here"
}

as_user() { # command
    unshare --mount bash -euc '
        mount --bind "$1/subids" /etc/subuid
        mount --bind "$1/subids" /etc/subgid
        mount --bind "$1/passwd" /etc/passwd
        shift
        exec "$@"' bash "$BATS_TEST_TMPDIR" \
        setpriv --reuid 54321 --regid 54321 --clear-groups \
        env -u SUDO_UID HOME="$BATS_TEST_TMPDIR/home" XDG_RUNTIME_DIR="$BATS_TEST_TMPDIR/home/runtime" "$@"
}

# bud as that user, with an overlay store where the user's own is by default.
run_user_bud() { # status, words
    local wanted=$1
    shift
    run --separate-stderr "-$wanted" as_user env STORAGE_DRIVER=overlay "$BATS_TEST_TMPDIR/program/bud" "$@"
}

@test "FROM scratch and COPY: the image is in the user's own store" {
    echo x > file
    dockerfile <<'END'
FROM scratch
COPY --chown=5:6 file /
WORKDIR /srv
LABEL a=b
END
    run_user_bud 0 build -t image .
    local id=$output
    run_user_bud 0 images -q --no-trunc image
    is "$output" "sha256:$id"
    run_user_bud 0 info
    is "$(jq -r '.store.GraphRoot, .host.rootless' <<< "$output" | xargs)" \
        "$BATS_TEST_TMPDIR/home/.local/share/containers/storage true"
    run_user_bud 0 info --check
    # what is 5:6 inside belongs to the user's subordinate IDs outside
    is "$(find "$BATS_TEST_TMPDIR/home" -name file -path '*/diff/*' -printf '%U:%G\n')" 600004:600005
    # and again: nothing to do
    run_user_bud 0 build -t image .
    is "$output" "$id"
}

@test "looks need no subordinate IDs, not even where overlay leaves directories that nobody may read" {
    echo x > file
    dockerfile <<< $'FROM scratch AS one\nCOPY --chown=5:6 file /made\nFROM scratch\nCOPY --from=one /made /'
    run_user_bud 0 build -t image .
    local snapshots=$BATS_TEST_TMPDIR/home/.local/share/containers/storage/bud/snapshots
    as_user bash -c 'mkdir -p "$1"/*/work/work && chmod 000 "$1"/*/work/work' bash "$snapshots"
    : > "$BATS_TEST_TMPDIR/subids"
    for words in 'cache ls' 'cache du' 'cache show made' 'cache prune --dry-run --all' 'plan .'; do
        # shellcheck disable=SC2086
        run_user_bud 0 $words
        is "$stderr" ""
        [ -n "$output" ]
    done
}

@test "RUN with the host's network, as several users" {
    run_user_bud 0 import "$BATS_TEST_TMPDIR/home/busybox.tar" busybox
    dockerfile <<'END'
FROM busybox
RUN id -u; touch /made && chown 7:8 /made
USER 1000
RUN id -u; ! touch /denied 2>/dev/null && echo denied
RUN --mount=type=secret,id=token,uid=1000 stat -c %a:%u /run/secrets/token && cat /run/secrets/token
END
    echo told > token
    run_user_bud 0 build --network host --secret id=token,src=token -t image .
    is "$(printed)" $'0\n1000\ndenied\n400:1000\ntold'
    run_user_bud 0 info --check
    is "$(find "$BATS_TEST_TMPDIR/home" -name made -path '*/diff/*' -printf '%U:%G\n')" 600006:600007
}

@test "RUN without a network" {
    run_user_bud 0 import "$BATS_TEST_TMPDIR/home/busybox.tar" busybox
    dockerfile <<< $'FROM busybox\nRUN ls /sys/class/net | xargs'
    run_user_bud 0 build --network none -t image .
    is "$(printed)" lo
}

@test "COPY --from between stages, a failing RUN, and rmi" {
    run_user_bud 0 import "$BATS_TEST_TMPDIR/home/busybox.tar" busybox
    dockerfile <<'END'
FROM busybox AS make
RUN echo x > /x && chown 9 /x && chmod 600 /x
FROM busybox
COPY --from=make /x /
RUN cat /x; exit 3
END
    run_user_bud 3 build -t image .
    contains "$stderr" "x"
    contains "$stderr" "Dockerfile:5:"
    run_user_bud 0 rmi busybox
    run_user_bud 0 images -q
    is "$output" ""
    run_user_bud 0 info --check
}

@test "an archive as context: what only root could write to, and directories it does not name" {
    mkdir -p closed/in without/entry
    echo x | tee closed/in/file > without/entry/file
    dockerfile <<< $'FROM scratch\nCOPY . /'
    tar -cf "$BATS_TEST_TMPDIR/archive" --mode=a-w Dockerfile closed without/entry/file
    run_user_bud 0 build -t image - < "$BATS_TEST_TMPDIR/archive"
    run_user_bud 0 build -q -t image - < "$BATS_TEST_TMPDIR/archive"
    is "$(find "$BATS_TEST_TMPDIR/home" -path '*/diff/closed*' -printf '%f %m\n' | sort)" \
        $'closed 555\nfile 444\nin 555'
    run_user_bud 0 cache prune --all
    is "$(ls -A "$BATS_TEST_TMPDIR/home/.local/share/containers/storage/bud/contexts")" ""
}

@test "without any configuration podman and buildah see the images: the driver is theirs, and how to get another is told once" {
    [ ! -e /etc/containers/storage.conf ] && [ ! -e /usr/share/containers/storage.conf ] || skip "this machine has a storage.conf"
    local bud=$BATS_TEST_TMPDIR/program/bud id
    run --separate-stderr -0 as_user "$bud" import "$BATS_TEST_TMPDIR/home/busybox.tar" busybox
    id=$output
    [[ "$stderr" == 'warning: the new store '*'driver = "overlay"'* ]]
    is "${#stderr_lines[@]}" 1
    run --separate-stderr -0 as_user "$bud" images -q --no-trunc
    is "$output" "sha256:$id"
    is "$stderr" ''
    for tool in podman buildah; do
        if command -v "$tool" > /dev/null; then
            run --separate-stderr -0 as_user "$tool" images -q --no-trunc
            is "$output" "sha256:$id"
        fi
    done
}

@test "directories of one's own that are closed to oneself are in a plan, a build and a listing alike" {
    mkdir closed
    echo 1 > closed/file
    chown -R 54321:54321 .
    chmod 0 closed
    dockerfile <<< $'FROM scratch\nCOPY closed /closed'
    run_user_bud 0 plan .
    contains "$output" "(1 file, 2 B)"
    run_user_bud 0 build .
    run_user_bud 0 context
    contains "$output" "2 B  └─ closed/  (1 file)"
}
