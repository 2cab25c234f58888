#!/usr/bin/env bats
# What is built again after which change, and what `bud plan` says is the reason. And what a build costs that has nothing
# to do.
load build_helper

# A context with a file, a directory, and a Dockerfile that copies both and runs something.
small_context() {
    mkdir dir && echo 1 > file && echo 2 > dir/inner && echo 3 > unrelated
    dockerfile <<'END'
FROM busybox
ARG X=1
COPY file /file
COPY dir /dir
RUN echo "made with $X"
LABEL version=1
END
}



@test "nothing changed: nothing to do, and the same image" {
    small_context
    build
    local first=$output
    contains "$(bud plan .)" "nothing to do"
    build
    is "$output" "$first"
    is "$(grep -c '(cached)' <<< "$stderr")" 3
}

@test "the first build: there is no record" {
    small_context
    is "$(step 'COPY file')" "miss: no record: first build"
    is "$(step 'COPY dir')" "miss: follows a step that runs"
}

@test "a touched file, another owner on the host, a new file that is not copied: no change" {
    small_context
    build
    touch -d yesterday file dir/inner
    chown 12:34 file
    echo x > new
    rm unrelated
    contains "$(bud plan .)" "nothing to do"
}

@test "contents of a copied file" {
    small_context
    build
    echo changed > dir/inner
    is "$(step 'COPY file')" hit
    is "$(step 'COPY dir')" "miss: dir/inner changed"
    is "$(step RUN)" "miss: follows a step that runs"
    build
    echo 2 > dir/inner # back again: that result is still there
    contains "$(bud plan .)" "nothing to do"
}

@test "the same size and the same time do not hide a change" {
    small_context
    touch -d @1000000000 file
    build
    echo 9 > file
    touch -d @1000000000 file
    is "$(step 'COPY file')" "miss: file changed"
}

@test "the mode of a copied file" {
    small_context
    build
    chmod 755 file
    is "$(step 'COPY file')" "miss: mode of file: 0644 → 0755"
}

@test "names within a copied directory" {
    small_context
    build
    mv dir/inner dir/renamed
    contains "$(step 'COPY dir')" "new file dir/renamed"
    contains "$(step 'COPY dir')" "dir/inner was removed"
}

@test "an empty directory more" {
    small_context
    build
    mkdir dir/empty
    contains "$(step 'COPY dir')" "miss: "
}

@test "a declared argument: RUN sees it, COPY does not" {
    small_context
    build
    PLAN_OPTIONS=(--build-arg X=2)
    is "$(step 'COPY dir')" hit
    is "$(step RUN)" "miss: ARG X: 1 → 2"
    PLAN_OPTIONS=(--build-arg Y=2)
    is "$(step RUN)" hit
}

@test "a proxy for RUN is no change" {
    small_context
    build
    PLAN_OPTIONS=(--build-arg HTTP_PROXY=http://proxy.example)
    is "$(step RUN)" hit
    PLAN_OPTIONS=(--http-proxy)
    export no_proxy=example.com
    is "$(step RUN)" hit
    sed -i 's/^RUN .*/RUN env | grep -i no_proxy | sort/' Dockerfile
    build --http-proxy
    is "$(printed)" $'NO_PROXY=example.com\nno_proxy=example.com'
    build --no-cache
    is "$(printed)" ""
}

@test "labels and the like change the image only" {
    small_context
    build
    sed -i 's/version=1/version=2/; s/^COPY dir/LABEL other=1\nCMD ["x"]\nCOPY dir/' Dockerfile
    is "$(step RUN)" hit
    build
    is "$(grep -vc '(cached)' <<< "$stderr" || true)" 1 # FROM
    is "$(config '.config.Labels.version, .config.Cmd')" $'2\n["x"]'
}

@test "ENV above RUN is a change, ENV above COPY only is none" {
    small_context
    build
    sed -i 's/^COPY file/ENV E=1\nCOPY file/' Dockerfile
    is "$(step 'COPY dir')" hit
    is "$(step RUN)" "miss: ENV E is new"
}

@test "spaces and comments around a command are no change, those within are" {
    small_context
    build
    sed -i 's/^RUN .*/# remark\nrun   echo \\\n# another\n "made with $X"   /' Dockerfile
    sed -i 's/^run   echo /run   echo/; s/^ "made/ "made/' Dockerfile
    is "$(step run)" hit
    sed -i 's/^ "made/  "made/' Dockerfile
    is "$(step run)" "miss: the command changed"
}

@test "the exec form of the same command is the same" {
    dockerfile <<< $'FROM busybox\nRUN true'
    build
    dockerfile <<< $'FROM busybox\nRUN ["/bin/sh", "-c", "true"]'
    is "$(step RUN)" hit
}

@test "USER and WORKDIR above RUN are a change" {
    dockerfile <<< $'FROM busybox\nRUN true'
    build
    dockerfile <<< $'FROM busybox\nUSER 5\nRUN true'
    contains "$(step RUN)" "miss: user: "
}

@test "what --network, --cap-add and --ulimit say belongs to RUN" {
    dockerfile <<< $'FROM busybox\nCOPY Dockerfile /\nRUN true'
    build
    for option in --network=none --cap-add=sys_time --ulimit=nofile=99; do
        PLAN_OPTIONS=("$option")
        is "$(step COPY)" hit
        contains "$(step RUN)" "miss: "
    done
}

@test "the base image moved" {
    small_context
    build
    build -f - <<< $'FROM busybox\nLABEL new=base'
    bud tag image busybox
    is "$(step 'COPY file')" "miss: base image busybox moved"
}

@test "editing .dockerignore without effect is no change" {
    small_context
    build
    echo unrelated > .dockerignore
    contains "$(bud plan .)" "nothing to do"
    echo dir/inner > .dockerignore
    contains "$(step 'COPY dir')" "dir/inner is left out now"
}

@test "a stage that is made again with the same files stops there" {
    echo 1 > source
    dockerfile <<'END'
FROM busybox AS make
COPY source /source
RUN echo fixed > /result
FROM busybox
COPY --from=make /result /
RUN cat /result
END
    build
    local first=$output
    echo 2 > source
    is "$(step 'COPY source')" "miss: source changed"
    is "$(step 'COPY --from')" "deferred: decided when stage make is built"
    build
    is "$output" "$first"
    contains "$stderr" "[make 3/3] RUN echo fixed > /result"
    contains "$stderr" "COPY --from=make /result /  (cached)"
    contains "$stderr" "RUN cat /result  (cached)"
}

@test "another file in a stage is no change for what copies this one" {
    dockerfile <<'END'
FROM busybox AS make
RUN echo fixed > /result
RUN echo 1 > /other
FROM scratch
COPY --from=make /result /
END
    build
    local first=$output
    sed -i 's/echo 1/echo 2/' Dockerfile
    build
    is "$output" "$first"
}

@test "a bind mount's files belong to RUN" {
    mkdir dir && echo 1 > dir/file
    dockerfile <<< $'FROM busybox\nRUN --mount=source=dir,target=/dir cat /dir/file'
    build
    is "$(step RUN)" hit
    echo 2 > dir/file
    contains "$(step RUN)" "dir/file changed"
}

@test "two Dockerfiles share what they have in common" {
    dockerfile <<< $'FROM busybox\nRUN echo common\nRUN echo one'
    build
    dockerfile <<< $'FROM busybox AS other\nRUN echo common\nRUN echo two'
    is "$(step 'RUN echo common')" hit
    contains "$(step 'RUN echo two')" "miss: "
}

@test "a step that failed is tried again, those before it are kept" {
    dockerfile <<< $'FROM busybox\nRUN echo good\nRUN exit 3'
    build_fails 3
    is "$(step 'RUN echo')" hit
    contains "$(step 'RUN exit')" "miss: "
}

@test "results of removed images are misses, never errors" {
    small_context
    build
    bud rmi image
    contains "$(step 'COPY file')" "miss: its layer was removed with an image"
    build
    run_bud 0 info --check
}

@test "a base image whose files are gone is told, in a plan as well" {
    dockerfile <<< $'FROM busybox\nLABEL a=b'
    build
    mv "$(dirname "$(layer_directories busybox)")" "$BATS_TEST_TMPDIR/elsewhere"
    run_bud 125 plan .
    contains "$stderr" "the files of the image busybox are gone"
    contains "$stderr" "hint: remove the image"
}

@test "results that somebody changed are misses" {
    dockerfile <<< $'FROM scratch AS files\nCOPY file /made\nFROM scratch\nCOPY --from=files /made /file'
    echo 1 > file
    build
    # of a stage no image has: a snapshot
    is "$(step 'COPY file')" hit
    echo more > "$(echo "$STORE"/root/bud/snapshots/*/diff)"/more
    is "$(step 'COPY file')" "miss: its result was changed by somebody else"
    build
    is "$(step 'COPY file')" hit
    # of an image: a layer
    rm "$STORE"/root/overlay/*/diff/file
    is "$(step 'COPY --from')" "miss: its result was changed by somebody else"
}

@test "a file further down that was changed in place is seen, too" {
    mkdir -p dir/deeper
    echo 12345 > dir/deeper/file
    dockerfile <<< $'FROM scratch AS files\nCOPY dir /made\nFROM scratch\nCOPY --from=files /made /dir'
    build
    truncate -s 2 "$STORE"/root/bud/snapshots/*/diff/made/deeper/file
    is "$(step 'COPY dir')" "miss: its result was changed by somebody else"
    build
    truncate -s 2 "$STORE"/root/overlay/*/diff/dir/deeper/file
    is "$(step 'COPY --from')" "miss: its result was changed by somebody else"
}

@test "owners, attributes and capabilities of a result, and its top directory, are seen" {
    dockerfile <<< $'FROM scratch AS files\nCOPY file /made\nFROM scratch\nCOPY --from=files /made /file'
    echo 1 > file
    local file top place change
    # of a stage no image has, and of a layer
    for place in 'COPY file' 'COPY --from'; do
        for change in 'chown 1:2 $file' 'setfattr -n user.x -v 1 $file' 'setcap cap_net_raw+ep $file' 'chmod 700 $top'; do
            build
            bud cache prune > /dev/null # what was replaced
            top=$(echo "$STORE"/root/bud/snapshots/*/diff) file=$top/made
            [ "$place" = 'COPY file' ] || { top=$(layer_directories) && file=$top/file; }
            command -v "${change%% *}" > /dev/null || continue
            is "$(step "$place")" hit
            eval "$change"
            is "$(step "$place")" "miss: its result was changed by somebody else"
        done
    done
    # of a stage's also the owner of the top directory; of a layer's others may set it
    bud cache prune --all > /dev/null
    bud rmi --all > /dev/null
    build
    chown 1:2 "$STORE"/root/bud/snapshots/*/diff
    is "$(step 'COPY file')" "miss: its result was changed by somebody else"
}

@test "a layer that somebody changed is replaced by what is built, not built upon" {
    dockerfile <<< $'FROM scratch\nCOPY precious other /'
    echo precious > precious
    echo other > other
    build
    local diff
    diff=$(layer_directories)
    rm "$diff/precious"
    build
    contains "$stderr" "was changed by somebody else: it is replaced by what was built"
    is "$(< "$diff/precious")" precious
    run_bud 0 info --check --deep
    contains "$(bud plan .)" "nothing to do"
    # nobody has to notice before
    rm "$diff/precious"
    build --no-cache
    is "$(< "$diff/precious")" precious
    # and of what is replaced the next change is seen
    rm "$diff/precious"
    is "$(step 'COPY precious')" "miss: its result was changed by somebody else"
    is "$(ls "$STORE/root/bud/trash")" ""
    # made once more, the same layer is left alone
    build
    build --no-cache
    [[ $stderr != *warning* ]]
}

@test "a layer that somebody changed and a container uses is an error" {
    dockerfile <<< $'FROM scratch\nCOPY precious /'
    echo precious > precious
    build
    # as Buildah does: a container of the image, whose own layer stands on the image's
    local containers=$STORE/root/overlay-containers/containers.json layers=$STORE/root/overlay-layers/layers.json layer
    layer=$(basename "$(dirname "$(layer_directories)")")
    jq -c --arg parent "$layer" '. + [{id: ("c" * 64), parent: $parent, created: "2020-01-01T00:00:00Z"}]' "$layers" > "$layers.new"
    jq -nc '[{id: ("d" * 64), image: "", layer: ("c" * 64), created: "2020-01-01T00:00:00Z", flags: {}}]' > "$containers"
    mv "$layers.new" "$layers"
    rm "$STORE/root/overlay/$layer/diff/precious"
    run_bud 125 build -t image .
    contains "$stderr" "was changed by somebody else, and the container dddddddddddd uses it"
    contains "$stderr" "hint: remove the container, then build again"
}

@test "what a failed build made is believed after the machine went down, once an image stands on it" {
    dockerfile <<< $'FROM busybox\nRUN echo a > /a\nRUN false'
    build_fails 1
    sed -i 's/RUN false/RUN true/' Dockerfile
    build
    tr 0-9a-f 1-9a-f0 < /proc/sys/kernel/random/boot_id > "$BATS_TEST_TMPDIR/boot"
    after_boot() { # words of bud
        unshare --mount bash -euc 'mount --bind "$1" /proc/sys/kernel/random/boot_id; shift; exec "$@"' bash \
            "$BATS_TEST_TMPDIR/boot" "$BUD" "${STORAGE[@]}" "$@"
    }
    contains "$(after_boot plan .)" "nothing to do"
    # one that nothing stands on is not
    dockerfile <<< $'FROM busybox\nRUN echo b > /b\nRUN false'
    build_fails 1
    contains "$(after_boot plan .)" "← its result may not have been written out when the machine went down"
}

@test "a record that rotted cannot be read: that is the reason, it was not pruned" {
    small_context
    build
    # a byte of the step's text, wherever it is
    perl -pi -e 's/COPY file \/file/COPY file \/filf/g' "$STORE/root/bud/cache.mdb"
    is "$(step 'COPY file')" "miss: its record cannot be read"
    build
    is "$(step 'COPY file')" hit
}

@test "without the cache's file everything is built again" {
    small_context
    build
    rm "$STORE"/root/bud/cache.mdb*
    is "$(step 'COPY file')" "miss: no record: first build"
    build
    run_bud 0 info --check
}

@test "--explain says why a step runs" {
    small_context
    build
    echo changed > file
    build --explain
    contains "$stderr" $'COPY file /file\n    because: file changed'
}

# ---- a build with nothing to do ----

# The system calls of `bud build` here, one a line, in $TRACE.
trace_build() {
    TRACE=$BATS_TEST_TMPDIR/trace
    # where there is a leak checker: it cannot work under strace
    ASAN_OPTIONS=detect_leaks=0 strace -f -y -s 200 -o "$TRACE" "$BUD" "${STORAGE[@]}" build -q -t image . > "$BATS_TEST_TMPDIR/id" ||
        skip "strace does not work here"
}

# Fails when a line of the trace matches $1.
never() {
    run ! grep -E "$1" "$TRACE"
}

@test "a build with nothing to do starts no process, locks nothing exclusively, writes nothing" {
    small_context
    build
    local id=$output before
    before=$(find "$STORE" -printf '%p %s %T@ %C@\n' | grep -v 'cache.mdb-lock' | sort)
    trace_build
    is "$(cat "$BATS_TEST_TMPDIR/id")" "$id"
    is "$(find "$STORE" -printf '%p %s %T@ %C@\n' | grep -v 'cache.mdb-lock' | sort)" "$before"

    is "$(grep -c 'execve(' "$TRACE")" 1
    never 'fork\('
    is "$(grep -E 'clone3?\(' "$TRACE" | grep -vc CLONE_THREAD)" 0 # threads are no processes
    never 'f(data)?sync\(|syncfs\(|msync\('
    # but for two bytes of LMDB's lock file: its first, until it is known whether anybody else is there, and that of our process
    local exclusive pid
    pid=$(grep -m 1 'execve(' "$TRACE" | cut -d ' ' -f 1)
    exclusive=$(grep -E 'SETLKW?, \{l_type=F_WRLCK|flock\(.*LOCK_EX' "$TRACE")
    is "$(grep -oE '/cache\.mdb-lock>, F_SETLK, .*l_len=1\}' <<< "$exclusive" | grep -oE 'l_start=[0-9]+')" "l_start=0
l_start=$pid"
    is "$(wc -l <<< "$exclusive")" 2
    is "$(grep -A 20 'F_WRLCK.*l_start=0' "$TRACE" | grep -cE 'cache\.mdb-lock>, F_SETLK, \{l_type=F_RDLCK, l_whence=SEEK_SET, l_start=0, l_len=1\}')" 1
    never ' (mkdir|unlink|rename|symlink|link|mknod|fchmod|fchown|utimens|truncate|fallocate|setxattr|mount|unshare|setns)[a-z0-9]*\('
    # LMDB's lock file has the list of readers, in which we are in memory; nothing is written to any file but standard output
    is "$(grep -E 'open(at2?)?\(.*O_(WRONLY|RDWR|CREAT|TMPFILE)' "$TRACE" | grep -vcE '"[^"]*/cache\.mdb-lock"|"/dev/(null|tty)"')" 0
    is "$(grep -E '(p?write(v|64)?|sendfile|copy_file_range)\(' "$TRACE" | grep -vcE 'write\(1<')" 0
}

@test "a build with nothing to do maps few shared objects" {
    small_context
    build
    trace_build
    # libc, libm and the loader's cache
    local objects
    objects=$(grep -oE 'open(at)?\(.*\.so[^"]*"' "$TRACE" | grep -oE '[^/"]+\.so[^"]*' | sort -u | xargs)
    [ "$(wc -w <<< "$objects")" -le 3 ] || contains "$objects" asan
}

@test "a build with nothing to do opens none of the files of its context" {
    small_context
    touch -d @1000000000 file dir/inner unrelated
    build
    sleep 1.1 # what is as new as the index itself is not trusted: it is read once more
    build
    trace_build
    never 'open(at2?)?\(.*"(file|inner|unrelated)"'
}
