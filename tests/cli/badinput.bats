#!/usr/bin/env bats
# Bad input: each is an error with place, reason and what to do; the exit status is 125 or that of the failing RUN; and
# nothing half-made is left (build_fails looks for that).
load build_helper

# Fails unless the error is told at line $1 of the Dockerfile, with the line quoted, and says all of the texts given.
told_at() { # line, texts
    contains "$stderr" " --> Dockerfile:$1:"
    contains "$stderr" "$1 | $(sed -n "$1p" Dockerfile)"
    contains "$stderr" "^"
    told "${@:2}"
}

told() { # texts
    local text
    # what to do: a hint, or the very thing in the message
    [[ $stderr == *"did you mean"* || $stderr == *"missing '"* ]] || contains "$stderr" "hint: "
    for text in "error: " "$@"; do
        contains "$stderr" "$text"
    done
}

# ---- the Dockerfile ----

@test "no Dockerfile" {
    build_fails 125
    told "no Dockerfile: there is neither ./Containerfile nor ./Dockerfile"
    build_fails 125 -f nope
    told "no Dockerfile: nope does not exist"
}

@test "an empty Dockerfile, and one of comments" {
    : > Dockerfile
    build_fails 125
    contains "$stderr" "Dockerfile"
    contains "$stderr" "the Dockerfile cannot be empty"
    dockerfile <<< '# only a remark'
    build_fails 125
    contains "$stderr" "Dockerfile"
}

@test "an unknown instruction" {
    dockerfile <<'END'
FROM busybox
COPPY a b
END
    build_fails 125
    told_at 2 "unknown instruction: COPPY (did you mean COPY?)"
    dockerfile <<'END'
FROM busybox
install nginx
END
    build_fails 125
    told_at 2 "unknown instruction: install"
}

@test "all errors of a file in one run" {
    dockerfile <<'END'
# escape=x
FROM busybox
RUNN make
ENV PATH
COPY --form=build /out /
USER nobody
HEALTHCHECK --interval=5 CMD true
END
    check_all() {
        told_at 1 "invalid escape token 'x'"
        told_at 3 "unknown instruction: RUNN (did you mean RUN?)"
        told_at 4 "ENV must have two arguments"
        told_at 5 "unknown flag: --form (did you mean from?)"
        told_at 7 'time: missing unit in duration "5"'
        is "$(grep -c ^error: <<< "$stderr")" 5
    }
    build_fails 125
    check_all
    run_bud 125 plan .
    check_all
}

@test "FROM is missing" {
    dockerfile <<'END'
# no base
RUN true
END
    build_fails 125
    told_at 2 "no build stage in current context"
}

@test "an image that is not here" {
    dockerfile <<'END'
FROM registry.example.com/not/here:1
END
    build_fails 125
    told_at 1 "there is no image registry.example.com/not/here:1 in the store $STORE/root" \
        "podman --root $STORE/root --runroot $STORE/run --storage-driver overlay pull registry.example.com/not/here:1"
    run -125 "$BUD" --root "$STORE/mistyped" --runroot "$STORE/run" plan .
    contains "$output" "in the store $STORE/mistyped, which does not exist"
    contains "$output" "podman --root $STORE/mistyped --runroot $STORE/run pull"
    run -125 "$BUD" --root "$STORE/mistyped" --runroot "$STORE/run" build .
    contains "$output" "in the store $STORE/mistyped, which has no images"
}

@test "a FROM that is no reference, and one that is empty" {
    dockerfile <<< 'FROM Not/A/Name'
    build_fails 125
    told_at 1 "lowercase" "write not/a/name"
    dockerfile <<< $'ARG BASE\nFROM $BASE'
    build_fails 125
    told_at 2 'base name ($BASE) should not be blank'
}

@test "a flag that does not exist, or is there twice" {
    dockerfile <<< $'FROM busybox\nCOPY --form=x a b'
    build_fails 125
    told_at 2 "unknown flag: --form (did you mean --from?)" || told_at 2 "unknown flag: --form" "from"
    dockerfile <<< $'FROM busybox\nCOPY --chown=1 --chown=2 a b'
    build_fails 125
    told_at 2 "duplicate flag specified: --chown"
}

@test "quotes, substitutions and heredocs without an end" {
    dockerfile <<< $'FROM busybox\nLABEL a="b'
    build_fails 125
    told_at 2 "unexpected end of statement while looking for matching double-quote"
    dockerfile <<< $'FROM busybox\nLABEL a=${b'
    build_fails 125
    told_at 2 "missing '}'"
    dockerfile <<< $'FROM busybox\nRUN <<EOF\necho'
    build_fails 125
    told_at 2 "unterminated heredoc"
}

@test "bytes that are no text do not crash it" {
    head -c 10000 /dev/urandom > Dockerfile
    build_fails 125
    printf 'FROM busybox\nRUN \0\n' > Dockerfile
    build_fails 125
    contains "$stderr" " --> Dockerfile:2:"
    told "NUL"
    printf 'FROM busybox\nRUN <<E\n\0\nE\n' > Dockerfile
    build_fails 125
    dockerfile <<< $'FROM busybox\nCOPY ["Dockerfile\\u0000x", "/"]'
    build_fails 125
    told_at 2 "NUL"
    printf 'FROM %s\n' "$(head -c 100000 /dev/zero | tr '\0' a)" > Dockerfile
    build_fails 125
    yes 'FROM scratch' | head -n 20000 > Dockerfile
    run_bud 0 plan .
}

# ---- stages ----

@test "a stage in --from that there is not" {
    dockerfile <<'END'
FROM busybox AS builder
FROM scratch
COPY --from=bulider /x /
END
    build_fails 125
    told_at 3 "bulider" "did you mean the stage builder?" || told_at 3 "bulider" "builder"
    dockerfile <<< $'FROM busybox\nFROM scratch\nCOPY --from=5 /x /'
    build_fails 125
    told_at 3 "invalid stage index 5" "0 to 0"
}

@test "stages that need each other" {
    dockerfile <<'END'
FROM busybox AS a
COPY --from=b /x /
FROM busybox AS b
COPY --from=a /x /
FROM b
END
    build_fails 125
    told_at 2 "circular dependency detected on stage: b" "line"
    dockerfile <<< $'FROM busybox AS self\nCOPY --from=self /x /'
    build_fails 125
    told_at 2 "circular dependency detected on stage: self"
}

@test "a stage that comes later" {
    dockerfile <<< $'FROM busybox AS a\nCOPY --from=b /x /\nFROM busybox AS b\nFROM a'
    build_fails 125
    told_at 2 'cannot copy from stage "b", it needs to be defined before current stage "a"' "line 3"
}

@test "a --target that there is not" {
    dockerfile <<< $'FROM busybox AS builder'
    build_fails 125 --target bulider
    told 'target stage "bulider" could not be found' "did you mean builder?"
}

# ---- COPY ----

@test "COPY of a path that does not exist" {
    touch config.yaml
    dockerfile <<'END'
FROM busybox
RUN true
COPY config.yml /etc/
END
    build_fails 125
    told_at 3 '"/config.yml": not found' "did you mean config.yaml?"
    run ! grep -q 'RUN true' <<< "$stderr" # found before anything was run
}

@test "COPY of a path that a stage does not have: the nearest one, from the root of the stage" {
    dockerfile <<< $'FROM busybox AS one\nFROM scratch\nCOPY --from=one /bni /'
    build_fails 125
    told_at 3 '"/bni": not found in stage one' "did you mean /bin?"
}

@test "COPY cannot leave the context: ../ and absolute paths stay inside" {
    echo secret > "$BATS_TEST_TMPDIR/outside"
    for source in ../outside ../../../../../../../../etc/shadow /etc/shadow "$BATS_TEST_TMPDIR/outside" sub/../../outside; do
        printf 'FROM scratch\nCOPY %s /\n' "$source" > Dockerfile
        build_fails 125
        told_at 2 "not found"
        [[ $source != *..* ]] || contains "$stderr" "\`..\` stops at the root of the build context"
    done
    # as with BuildKit, `..` stops at the context
    echo inside > outside
    dockerfile <<< $'FROM scratch\nCOPY ../outside /'
    build
    is "$(contents outside)" inside
}

@test "COPY cannot leave the context through chains of links" {
    echo secret > "$BATS_TEST_TMPDIR/outside"
    mkdir sub
    ln -s ../outside up
    ln -s "$BATS_TEST_TMPDIR/outside" absolute
    ln -s "$BATS_TEST_TMPDIR" directory
    ln -s ../../../../../../../../../../etc etc
    ln -s sub/second first && ln -s ../third sub/second && ln -s ../outside third
    ln -s loop loop
    for source in up absolute directory/outside etc/shadow first loop; do
        printf 'FROM scratch\nCOPY %s /x\n' "$source" > Dockerfile
        build_fails 125
        told_at 2
        contains "$stderr" "link"
    done
    # inside a tree a link is copied as it is, and shows nothing of what it points at
    dockerfile <<< $'FROM scratch\nCOPY . /'
    build
    is "$(entries absolute)" "absolute l 0:0 -> $BATS_TEST_TMPDIR/outside"
}

@test "a destination in the image cannot lead out of it" {
    mkdir "$BATS_TEST_TMPDIR/victim"
    echo x > file
    dockerfile <<END
FROM busybox
RUN ln -s $BATS_TEST_TMPDIR/victim /abs && ln -s ../../../../../../../../../..$BATS_TEST_TMPDIR/victim /rel
COPY file /abs/one
COPY file /rel/two
WORKDIR /abs/dir
COPY file ../../../../../../../../../../../../three
END
    build
    is "$(ls -A "$BATS_TEST_TMPDIR/victim")" ""
    is "$(entries "${BATS_TEST_TMPDIR#/}/victim" | grep -c victim/)" 3
}

@test "several sources need a directory; files and directories are not mixed up" {
    mkdir -p d && touch f g d/h
    dockerfile <<< $'FROM busybox\nCOPY f g /x'
    build_fails 125
    told_at 2 "directory"
    dockerfile <<< $'FROM busybox\nRUN touch /x\nCOPY d /x'
    build_fails 125
    told_at 3 "cannot copy to non-directory"
    dockerfile <<< $'FROM busybox\nRUN touch /x\nCOPY f /x/'
    build_fails 125
    contains "$stderr" "Dockerfile:3"
    dockerfile <<< $'FROM busybox\nRUN mkdir -p /x/f\nCOPY f /x/'
    build_fails 125
    told_at 3 "cannot replace to directory"
}

@test "a pattern that is none" {
    touch 'a['
    dockerfile <<< $'FROM busybox\nCOPY a[ /x/'
    build_fails 125
    told_at 2 "syntax error in pattern"
    echo 'a[' > .dockerignore
    dockerfile <<< $'FROM busybox\nCOPY . /x/'
    build_fails 125
    contains "$stderr" ".dockerignore:1"
    contains "$stderr" "syntax error in pattern"
}

@test "a user or group that the image does not have" {
    : > f
    dockerfile <<< $'FROM busybox\nUSER nosuch\nRUN true'
    build_fails 125
    told_at 3 "unable to find user nosuch" "make the user in a RUN before"
    dockerfile <<< $'FROM busybox\nCOPY --chown=0:nosuch f /'
    build_fails 125
    told_at 2 'group "nosuch" not found in /etc/group' "make the group in a RUN before"
}

@test "a Dockerfile that may not be read" {
    make_somebody
    dockerfile <<< 'FROM scratch'
    chmod 0 Dockerfile
    run as_somebody "$BATS_TEST_TMPDIR/program/bud" targets
    contains "$output" "error: cannot open ./Dockerfile: Permission denied"
    contains "$output" "hint: you may not read it"
}

@test "a --volume that is not there is told of the plan already" {
    dockerfile <<< $'FROM busybox\nRUN true'
    for command in build plan; do
        run_bud 125 "$command" --volume /nope:/x .
        told "--volume /nope:/x: /nope: No such file or directory"
    done
}

@test "a file of the context that cannot be read" {
    echo x > secret && chmod 000 secret && chown 12345 secret
    dockerfile <<< $'FROM scratch\nCOPY . /'
    # root without the capabilities that let root read everything
    local images
    images=$(< "$STORE/root/overlay-images/images.json")
    run --separate-stderr -125 setpriv --bounding-set=-dac_override,-dac_read_search \
        "$BUD" "${STORAGE[@]}" build -t broken .
    told_at 2 "secret" "Permission denied" "make the file readable"
    is "$(< "$STORE/root/overlay-images/images.json")" "$images"
    run_bud 0 info --check
}

@test "sockets and devices in the context" {
    mknod device c 1 3 || skip "no devices here"
    dockerfile <<< $'FROM scratch\nCOPY . /'
    build_fails 125
    told_at 2 "device is a character device" ".dockerignore"
}

# ---- ADD ----

@test "a corrupt archive and one that is cut off" {
    mkdir tree && head -c 200000 /dev/urandom > tree/data
    tar -C tree -czf good.tar.gz .
    head -c 100000 good.tar.gz > cut.tar.gz
    cp good.tar.gz bad.tar.gz
    printf 'XXXXXXXXXXXXXXXX' | dd of=bad.tar.gz bs=1 seek=50000 conv=notrunc status=none
    tar -C tree -cf whole.tar . && head -c 100000 whole.tar > cut.tar
    for archive in cut.tar.gz bad.tar.gz cut.tar; do
        printf 'FROM busybox\nRUN true\nADD %s /\n' "$archive" > Dockerfile
        build_fails 125
        told_at 3 "archive" "$archive" "damaged"
    done
}

# An archive with what python's tarfile is told: NAME, or NAME=CONTENT, or NAME->TARGET for a link, NAME=>TARGET for a hard
# link.
archive() { # file, entries
    python3 - "$@" <<'END'
import io, sys, tarfile
with tarfile.open(sys.argv[1], "w") as tar:
    for entry in sys.argv[2:]:
        if "->" in entry:
            info = tarfile.TarInfo(entry.split("->")[0])
            info.type, info.linkname = tarfile.SYMTYPE, entry.split("->")[1]
            tar.addfile(info)
        elif "=>" in entry:
            info = tarfile.TarInfo(entry.split("=>")[0])
            info.type, info.linkname = tarfile.LNKTYPE, entry.split("=>")[1]
            tar.addfile(info)
        else:
            name, _, content = entry.partition("=")
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content.encode()))
END
}

@test "an archive with ../" {
    for name in ../evil a/../../evil /../evil; do
        archive evil.tar good=1 "$name=evil"
        dockerfile <<< $'FROM busybox\nADD evil.tar /dir'
        build_fails 125
        told_at 2 "evil.tar" "would leave the target directory"
    done
    is "$(find "$BATS_TEST_TMPDIR" -name evil)" ""
}

@test "an archive with absolute names stays below the destination" {
    archive abs.tar /etc/evil=1 //evil=2
    dockerfile <<< $'FROM busybox\nADD abs.tar /dir'
    build
    is "$(entries dir | grep ' f ' | cut -d' ' -f1)" $'dir/etc/evil\ndir/evil'
    [ ! -e /etc/evil ]
}

@test "an archive whose links point out, and files through them" {
    mkdir "$BATS_TEST_TMPDIR/victim" && echo safe > "$BATS_TEST_TMPDIR/victim/file"
    archive links.tar "abs->$BATS_TEST_TMPDIR/victim" "abs/one=evil" \
        "rel->../../../../../../../../../../../$BATS_TEST_TMPDIR/victim" "rel/two=evil" \
        "file->$BATS_TEST_TMPDIR/victim/file" "file=evil"
    dockerfile <<< $'FROM busybox\nADD links.tar /dir'
    # what goes through a link lands inside of the image, if anywhere
    run --separate-stderr bud build -t image .
    [ "$status" = 0 ] || [ "$status" = 125 ]
    is "$(find "$BATS_TEST_TMPDIR/victim" -printf '%P %s\n' | sort | xargs)" "4096 file 5" ||
        is "$(ls -A "$BATS_TEST_TMPDIR/victim")" file
    is "$(cat "$BATS_TEST_TMPDIR/victim/file")" safe
    run_bud 0 info --check
}

@test "an archive with a hard link to outside" {
    for target in ../../../../../etc/passwd /../../../../etc/passwd; do
        archive hard.tar "link=>$target"
        dockerfile <<< $'FROM scratch\nADD hard.tar /dir'
        build_fails 125
        told_at 2 "hard.tar" "link"
    done
    # an absolute one is below the destination, where there is no such file
    archive hard.tar "link=>/etc/passwd"
    build_fails 125
    told_at 2 "hard.tar"
}

# ---- RUN ----

@test "RUN that exits 3" {
    dockerfile <<'END'
FROM busybox
RUN touch /kept
RUN echo reason >&2; exit 3
RUN echo never
END
    build_fails 3
    contains "$stderr" "Dockerfile:3:"
    contains "$stderr" "3 | RUN echo reason >&2; exit 3"
    contains "$stderr" "error: RUN echo reason >&2; exit 3: exit status 3"
    contains "$stderr" $'\nreason'
    run ! grep -q never <<< "$stderr"
}

@test "RUN that is killed" {
    dockerfile <<< $'FROM busybox\nRUN sh -c \'kill -9 $$\'; exit $?'
    build_fails 125 || build_fails 1 || true
    dockerfile <<< $'FROM busybox\nRUN echo started; sleep 300'
    "$BUD" "${STORAGE[@]}" build -t broken . > "$BATS_TEST_TMPDIR/out" 2> "$BATS_TEST_TMPDIR/log" 3>&- &
    local pid=$! i container status=0
    for i in $(seq 200); do
        grep -q ^started "$BATS_TEST_TMPDIR/log" && break
        sleep 0.05
    done
    # the container's own first process, found as a grandchild of this build
    container=$(descendants "$pid" | while read -r child; do
        [ "$(cat "/proc/$child/comm" 2> /dev/null)" != sleep ] || echo "$child"
        [ "$(tr '\0' ' ' < "/proc/$child/cmdline" 2> /dev/null)" != "/bin/sh -c echo started; sleep 300 " ] || echo "$child"
    done | head -n 1)
    kill -KILL "$container"
    wait "$pid" || status=$?
    is "$status" 1 || is "$status" 137
    stderr=$(cat "$BATS_TEST_TMPDIR/log")
    contains "$stderr" "error: RUN echo started; sleep 300: exit status 137 (killed by SIGKILL)"
    contains "$stderr" "Dockerfile:2:"
    run_bud 0 info --check
}

descendants() { # pid
    local child
    for child in $(cat /proc/"$1"/task/*/children 2> /dev/null); do
        echo "$child"
        descendants "$child"
    done
}

@test "RUN of a program that is not found, or not executable" {
    dockerfile <<< $'FROM busybox\nRUN no-such-program'
    build_fails 127
    told_at 2 "exit status 127" "PATH"
    dockerfile <<< $'FROM busybox\nRUN ["/no/such/program"]'
    build_fails 127
    told_at 2 "/no/such/program" "is it installed in the image"
    dockerfile <<< $'FROM busybox\nRUN ["/etc/passwd"]'
    build_fails 126
    told_at 2 "/etc/passwd" "executable"
    dockerfile <<< $'FROM scratch\nRUN true'
    build_fails 127
    told_at 2 "the image has no /bin/sh"
}

@test "a failing stage ends the others" {
    dockerfile <<'END'
FROM busybox AS slow
RUN sleep 300
FROM busybox AS bad
RUN sleep 0.3; exit 9
FROM scratch
COPY --from=slow /x /
COPY --from=bad /x /
END
    SECONDS=0
    build_fails 9
    [ "$SECONDS" -lt 100 ]
    contains "$stderr" "Dockerfile:4:"
}

# ---- the store ----

@test "images removed by podman rmi, with all their rows" {
    dockerfile <<< $'FROM busybox\nRUN echo x > /x\nRUN echo y > /y'
    build
    podman "${STORAGE[@]}" rmi image busybox > /dev/null
    build_fails 125
    told_at 1 "there is no image busybox"
    bud import "$BUSYBOX_TAR" busybox
    build
    is "$(contents x)" x
    run_bud 0 info --check
}

@test "a base image with a missing or damaged part" {
    local dir=$STORE/root/overlay-images/$BUSYBOX
    dockerfile <<< $'FROM busybox\nRUN true'
    mkdir "$BATS_TEST_TMPDIR/kept"
    cp -a "$dir" "$BATS_TEST_TMPDIR/kept/"
    for file in "$dir"/=*; do
        echo '{"rootfs": 7' > "$file"
    done
    run_bud 125 build -t broken .
    told "busybox"
    rm -r "$dir"
    run_bud 125 build -t broken .
    told "busybox"
}

@test "a store that cannot be written, and one of an unknown driver" {
    dockerfile <<< 'FROM scratch'
    STORAGE=(--root /proc/nowhere --runroot /proc/nowhere --storage-driver overlay)
    run_bud 125 build .
    contains "$stderr" "/proc/nowhere"
    STORAGE=(--root "$STORE/root" --runroot "$STORE/run" --storage-driver btrfs)
    run_bud 125 build .
    contains "$stderr" "btrfs"
    contains "$stderr" "hint: "
}

@test "/ is a plain directory, where no mount can be made private, and /proc is missing" {
    dockerfile <<< $'FROM scratch\nCOPY Dockerfile /'
    local changed=$BATS_TEST_TMPDIR/changed name
    mkdir -p "$changed"/{host,proc,tmp}
    for name in bin etc lib lib64 usr; do
        ln -s "host/$name" "$changed/$name"
    done
    # Mounted in a namespace of its own: nobody who cleans up here may find the machine's files below.
    changed_build() { # mount of /proc
        run --separate-stderr -125 unshare --mount bash -euc '
            mount --bind / "$1/host"
            $2
            exec chroot "$1" "/host$3" --root /tmp/root --runroot /tmp/run --storage-driver overlay build "/host$PWD"' \
            bash "$changed" "$1" "$BUD"
    }
    changed_build ""
    told "cannot list the extended attributes of Dockerfile: /proc is not mounted"
    changed_build "mount -t proc proc $changed/proc"
    told "cannot make the mounts private" "hint: / is a plain directory"
}

# ---- without root ----

@test "not root and no subordinate IDs: the hint gives some that nobody has, and only what is missing" {
    dockerfile <<< $'FROM scratch\nCOPY Dockerfile /'
    make_somebody
    without_ids() { # lines of /etc/subuid, of /etc/subgid; status; command of bud
        printf '%s\n' "$1" > uids
        printf '%s\n' "$2" > gids
        run --separate-stderr "-$3" unshare --mount bash -euc '
            mount --bind uids /etc/subuid
            mount --bind gids /etc/subgid
            exec setpriv --reuid 54321 --regid 54321 --clear-groups "$@"' bash env HOME="$BATS_TEST_TMPDIR/home" \
            "$BATS_TEST_TMPDIR/program/bud" --root "$BATS_TEST_TMPDIR/home/root" --runroot "$BATS_TEST_TMPDIR/home/run" "$4" .
    }
    without_ids you:100000:65536 you:200000:65536 125 build
    told "not root and no user namespace: /etc/subuid, like /etc/subgid, has no subordinate IDs for 54321" \
        "as root: usermod --add-subuids 265536-331071 --add-subgids 265536-331071 54321"
    [ ! -e "$BATS_TEST_TMPDIR/home/root" ]
    # who only reads needs none
    without_ids you:100000:65536 you:200000:65536 0 plan
    contains "$output" "COPY Dockerfile /"
    without_ids 54321:100000:65536 you:100000:65536 125 build
    told "not root and no user namespace: /etc/subgid has no subordinate IDs for 54321" \
        "as root: usermod --add-subgids 165536-231071 54321"
}

@test "not root and the kernel allows no user namespace" {
    dockerfile <<< $'FROM scratch\nCOPY Dockerfile /'
    make_somebody
    echo 54321:200000:65536 > "$BATS_TEST_TMPDIR/subids"
    # A user namespace has a limit of its own: the machine's stays as it is.
    cat > "$BATS_TEST_TMPDIR/inside" <<'END'
read -r _ < "$1/go" # until the maps are written; only what is executed then has root's capabilities
sh -c 'echo 0 > /proc/sys/user/max_user_namespaces'
mount --bind "$1/subids" /etc/subuid
mount --bind "$1/subids" /etc/subgid
shift
"$@"
END
    mkfifo "$BATS_TEST_TMPDIR/go"
    unshare --mount --user bash -eu "$BATS_TEST_TMPDIR/inside" "$BATS_TEST_TMPDIR" \
        setpriv --reuid 54321 --regid 54321 --clear-groups env HOME="$BATS_TEST_TMPDIR/home" \
        "$BATS_TEST_TMPDIR/program/bud" --root "$BATS_TEST_TMPDIR/home/root" --runroot "$BATS_TEST_TMPDIR/home/run" build . \
        2> "$BATS_TEST_TMPDIR/log" 3>&- &
    local pid=$! status=0 i
    for i in $(seq 200); do
        [ "$(readlink /proc/$pid/ns/user)" = "$(readlink /proc/self/ns/user)" ] || break
        sleep 0.02
    done
    echo 0 0 300000 > /proc/$pid/uid_map
    echo 0 0 300000 > /proc/$pid/gid_map
    echo > "$BATS_TEST_TMPDIR/go"
    wait "$pid" || status=$?
    stderr=$(cat "$BATS_TEST_TMPDIR/log")
    told "not root and no user namespace" "user.max_user_namespaces is too low"
    is "$status" 125
}
