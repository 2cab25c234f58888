#!/usr/bin/env bats
# What a command of RUN sees and may do.
load build_helper

# ---- the command ----

@test "shell form, exec form, continuation and heredocs" {
    dockerfile <<'END'
FROM busybox
RUN echo shell $((1 + 1)) && \
    # a comment within
    echo more
RUN ["echo", "exec", "$HOME"]
RUN <<EOF
x=heredoc
echo "$x" with 'quotes'
EOF
RUN cat <<A - <<B
not shown
A
redirected
B
RUN <<EOF
#!/bin/sh
echo script $0
EOF
END
    build
    is "$(printed)" 'shell 2
more
exec $HOME
heredoc with quotes
redirected
script /dev/pipes/EOF'
    run ! has_file dev/pipes
}

@test "output is shown as it comes, both of its streams, also without a last newline" {
    dockerfile <<'END'
FROM busybox
RUN for i in 1 2 3 4 5; do echo out $i; printf err >&2; echo " $i" >&2; done; printf 'no newline'
END
    build
    is "$(printed | sort | xargs)" 'err 1 err 2 err 3 err 4 err 5 no newline out 1 out 2 out 3 out 4 out 5'
}

@test "a step's output is labelled with its stage when there are several" {
    dockerfile <<'END'
FROM busybox AS one
RUN echo hello
FROM one AS two
RUN echo world
END
    build
    contains "$stderr" "[one 2/2] hello"
    contains "$stderr" "[two 1/1] world" # a stage as base is no step
}

@test "a failing command: its output, its line, its exit status" {
    dockerfile <<'END'
FROM busybox

RUN echo before && \
    exit 7
END
    build_fails 7
    contains "$stderr" "before"
    contains "$stderr" "error: RUN echo before"
    contains "$stderr" "exit status 7"
    contains "$stderr" "Dockerfile:3"
    contains "$stderr" "3 | RUN echo before"
}

@test "SHELL is what runs the shell form" {
    dockerfile <<'END'
FROM busybox
SHELL ["/bin/sh", "-xc"]
RUN echo hello
SHELL ["/bin/echo", "shell:"]
RUN echo hello
END
    build
    is "$(printed | sort)" '+ echo hello
hello
shell: echo hello'
}

@test "USER, WORKDIR and ENV" {
    dockerfile <<'END'
FROM busybox
RUN echo 'web:x:1001:1002::/home/web:/bin/sh' >> /etc/passwd && \
    echo 'web:x:1002:' >> /etc/group && echo 'extra:x:2000:web' >> /etc/group
ENV GREETING="hello  world"
WORKDIR /srv
RUN echo "$(pwd) $(id -u):$(id -g) $HOME $GREETING"
USER web
RUN echo "$(id -u):$(id -G) $HOME"
USER web:extra
RUN echo "$(id -u):$(id -G)"
USER 1001
RUN echo "$(id -u):$(id -g)"
USER 77:88
RUN echo "$(id -u):$(id -G) $HOME"
USER 99
RUN echo "$(id -u):$(id -g)"
END
    build
    is "$(printed)" '/srv 0:0 /root hello  world
1001:1002 2000 /home/web
1001:2000
1001:1002
77:88 /
99:0'
}

@test "a USER the image does not know is an error" {
    dockerfile <<'END'
FROM busybox
USER nobody-there
RUN true
END
    build_fails 125
    contains "$stderr" "Dockerfile:3"
    contains "$stderr" "nobody-there"
}

@test "a working directory that is gone is made again, for the user" {
    dockerfile <<'END'
FROM busybox
WORKDIR /gone
RUN cd / && rmdir /gone
USER 5:6
RUN stat -c '%u:%g %a' .
END
    build
    is "$(printed)" "5:6 755"
}

# ---- the sandbox ----

@test "standard input is empty, nothing is a terminal, no descriptor leaks" {
    dockerfile <<'END'
FROM busybox
RUN cat; ls /proc/self/fd | xargs; ! test -t 0 && ! test -t 1 && ! test -t 2 && echo no terminal; umask
END
    build 5< /etc/passwd <<< "not for RUN"
    # 3 is the directory that ls reads
    is "$(printed)" $'0 1 2 3\nno terminal\n0022'
}

@test "the command is process 1 and sees no other" {
    dockerfile <<'END'
FROM busybox
RUN cat /proc/1/comm; hostname; ! kill -0 2 2>/dev/null
RUN kill -9 $$; echo still here
RUN (sleep 1000 &) ; echo does not wait
END
    SECONDS=0
    build
    [ "$SECONDS" -lt 100 ]
    is "$(printed)" $'sh\nbuildsandbox\nstill here\ndoes not wait'
}

@test "capabilities are Docker's fourteen; --cap-drop and --cap-add change them" {
    dockerfile <<'END'
FROM busybox
RUN grep CapEff /proc/self/status; grep -E 'Seccomp:|NoNewPrivs:' /proc/self/status
USER 1000
RUN grep -E 'CapEff|CapBnd' /proc/self/status
END
    build
    is "$(printed | tr '\t' ' ')" 'CapEff: 00000000a80425fb
NoNewPrivs: 0
Seccomp: 2
CapEff: 0000000000000000
CapBnd: 00000000a80425fb'
    build --cap-drop all --cap-add chown --cap-add CAP_KILL
    contains "$(printed | tr '\t' ' ')" "CapEff: 0000000000000021"
}

@test "--security-opt: no-new-privileges, seccomp=unconfined; another one is an error" {
    dockerfile <<'END'
FROM busybox
RUN grep -E 'Seccomp:|NoNewPrivs:' /proc/self/status
END
    build --security-opt no-new-privileges --security-opt seccomp=unconfined
    is "$(printed | tr '\t' ' ')" $'NoNewPrivs: 1\nSeccomp: 0'
    run_bud 2 build --security-opt nonsense=1 .
    contains "$stderr" "nonsense=1"
}

@test "devices, masked and read-only paths" {
    dockerfile <<'END'
FROM busybox
RUN ls /dev | grep -v core | sort | xargs; \
    ! touch /sys/x 2>/dev/null && ! sh -c 'echo 1 > /proc/sys/kernel/hostname' 2>/dev/null && echo read-only; \
    cat /proc/timer_list 2>/dev/null | wc -c; \
    ! sh -c 'echo x >> /etc/resolv.conf' 2>/dev/null && echo kept; \
    echo x > /run/x; echo x > /dev/shm/x
END
    dockerfile <<< "$(sed 's#echo x > /run/x#mkdir -p /run; &#' Dockerfile)"
    build
    is "$(printed)" 'fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero
read-only
0
kept'
    # what was mounted is not in the image, what was written beside it is
    is "$(entries run)" $'run d 755 0:0\nrun/x f 644 0:0'
    run ! has_file etc/resolv.conf
    run ! has_file proc
    run ! has_file sys
    run ! has_file dev
}

@test "/etc/hosts of the image is hidden during RUN, and kept" {
    dockerfile <<'END'
FROM busybox
COPY <<EOF /etc/hosts
10.0.0.1 mine
EOF
RUN grep -c mine /etc/hosts || true
END
    build
    is "$(printed)" 0
    is "$(contents etc/hosts)" "10.0.0.1 mine"
}

# ---- options ----

@test "--network none has the loopback only, host that of the machine" {
    dockerfile <<'END'
FROM busybox
RUN ls /sys/class/net | xargs; readlink /proc/self/ns/net
END
    build --network none
    is "$(printed | head -n 1)" lo
    build --network host
    is "$(printed | tail -n 1)" "$(readlink /proc/self/ns/net)"
}

@test "RUN --network counts more than the option" {
    dockerfile <<'END'
FROM busybox
RUN --network=none ls /sys/class/net | xargs
END
    build --network host
    is "$(printed)" lo
}

@test "--add-host names an address" {
    dockerfile <<'END'
FROM busybox
RUN grep example /etc/hosts
END
    build --add-host db.example:10.1.2.3 --add-host six.example:::1
    is "$(printed | tr -s '\t ' ' ')" $'10.1.2.3 db.example\n::1 six.example'
}

@test "--ulimit sets a limit" {
    dockerfile <<'END'
FROM busybox
RUN ulimit -Sn; ulimit -Hn
END
    build --ulimit nofile=100:200
    is "$(printed)" $'100\n200'
}

@test "--volume mounts a directory of this machine, and leaves no trace in the image" {
    mkdir "$BATS_TEST_TMPDIR/shared" && echo here > "$BATS_TEST_TMPDIR/shared/file"
    dockerfile <<'END'
FROM busybox
RUN cat /mnt/shared/file; touch /mnt/shared/new || echo read-only
END
    build -v "$BATS_TEST_TMPDIR/shared:/mnt/shared:ro"
    contains "$(printed)" here
    contains "$(printed)" read-only
    [ ! -e "$BATS_TEST_TMPDIR/shared/new" ]
    build -v "$BATS_TEST_TMPDIR/shared:/mnt/shared" --no-cache
    [ -e "$BATS_TEST_TMPDIR/shared/new" ]
    run ! has_file mnt
}

@test "--runtime: another one, and one that is not there" {
    dockerfile <<'END'
FROM busybox
RUN echo hello
END
    build --runtime "$(command -v runc)"
    run_bud 125 build --no-cache --runtime /no/such/runtime .
    contains "$stderr" "the runtime /no/such/runtime is not installed"
    contains "$stderr" "hint: "
}

@test "VOLUME keeps what RUN and COPY write below it" {
    dockerfile <<'END'
FROM busybox
VOLUME /data
RUN mkdir /data && echo kept > /data/run
COPY Dockerfile /data/copy
END
    build
    is "$(entries data)" $'data d 755 0:0\ndata/copy f 644 0:0\ndata/run f 644 0:0'
}

@test "RUN --mount: bind, tmpfs, cache" {
    mkdir src && echo source > src/file
    dockerfile <<'END'
FROM busybox AS other
RUN echo other > /file
FROM busybox
RUN --mount=type=bind,source=src,target=/src cat /src/file && ! touch /src/x 2>/dev/null
RUN --mount=from=other,target=/other cat /other/file
RUN --mount=type=tmpfs,target=/scratch touch /scratch/x && stat -c %a /scratch
RUN --mount=type=cache,target=/cache cat /cache/count 2>/dev/null; echo counted >> /cache/count
END
    build
    contains "$stderr" "] source"
    contains "$stderr" "] other"
    contains "$stderr" "] 1777"
    build --no-cache
    contains "$stderr" "] counted"
    run ! has_file src
    run ! has_file cache
    run ! has_file scratch
}

@test "RUNs that mount the same files of the context share a copy, which none of them can change" {
    mkdir src && echo 1 > src/f
    dockerfile <<'END'
FROM busybox
RUN --mount=source=src,target=/a stat -c %i /a/f
RUN --mount=source=src,target=/b,rw --mount=source=src/f,target=/c stat -c %i /b/f > /dev/null; echo 2 > /b/f; echo 3 > /b/g; cat /c
RUN --mount=source=./src/,target=/a stat -c %i /a/f; ls /a; cat /a/f
END
    build
    local lines
    mapfile -t lines <<< "$(printed)"
    is "${lines[1]}" 1 # another copy: of one file
    is "${lines[2]}" "${lines[0]}"
    is "${lines[*]:3}" "f 1"
    is "$(cat src/f)" 1
    is "$(ls src)" f
}

@test "RUN --mount=type=secret: a file, a variable; in no layer, key or config" {
    echo pss7-x > "$BATS_TEST_TMPDIR/token"
    dockerfile <<'END'
FROM busybox
RUN --mount=type=secret,id=token stat -c '%a %u:%g' /run/secrets/token; cat /run/secrets/token; grep -o '/run/secrets/token tmpfs ro,nosuid,nodev,noexec' /proc/mounts; wc -c < /run/secrets/token > /len
RUN --mount=type=secret,id=token,target=t,mode=444,uid=5,gid=6 --mount=type=secret,id=word,env=WORD stat -c '%a %u:%g' t; echo "$WORD"
RUN --mount=type=secret,id=other --mount=type=secret,id=third,env=THIRD echo "${THIRD-unset}."; ls /run/secrets 2>&1 || true
END
    WORD=w0rd-y build --secret "id=token,src=$BATS_TEST_TMPDIR/token" --secret id=word,env=WORD
    local first=$output
    is "$(printed)" $'400 0:0\npss7-x\n/run/secrets/token tmpfs ro,nosuid,nodev,noexec\n444 5:6\nw0rd-y\n.\nls: /run/secrets: No such file or directory'
    run ! has_file run
    run ! has_file t
    is "$(contents len)" 7
    run ! grep -rqE 'pss7-x|w0rd-y' "$STORE"

    # another value is no change, another id is one
    echo different > "$BATS_TEST_TMPDIR/token"
    WORD=other build --secret "id=token,src=$BATS_TEST_TMPDIR/token" --secret id=word,env=WORD
    is "$output" "$first"
    is "$(bud plan --format json . | jq -r .estimate.run)" 0
    sed -i 's/id=word,env/id=wort,env/' Dockerfile
    is "$(bud plan --format json . | jq -r .estimate.run)" 2
}

@test "a secret that is not there" {
    dockerfile <<< $'FROM busybox\nRUN --mount=type=secret,id=token,required true'
    build_fails 125
    contains "$stderr" "because: the secret token is required and not given"
    contains "$stderr" "Dockerfile:2"
    contains "$stderr" "--secret id=token,src=FILE"
    head -c 512001 /dev/zero > large
    mkdir directory
    local row
    while read -r row; do # option|exit status|message
        run_bud "$(cut -d'|' -f2 <<< "$row")" plan --secret "$(cut -d'|' -f1 <<< "$row")" .
        contains "$stderr" "$(cut -d'|' -f3 <<< "$row")"
    done <<'END'
id=token,src=missing|125|cannot open missing: No such file
id=token,src=large|125|512000
id=token,src=directory|125|directory
id=token,src=/dev/zero|125|512000
id=token,env=NO_SUCH|125|the environment has no NO_SUCH
id=token,type=env|125|the environment has no token
src=Dockerfile|2|it needs an id
id=token,path=x|2|the parts are id=, src=, env= and type=
id=token,type=socket|2|the types are file and env
id=token,type=file,env=HOME|2|env= is of type=env
END
    # Buildah's src may be a variable, Docker's id too
    build --secret id=token,src=HOME
    token=x build --no-cache --secret id=token
    build --no-cache --secret id=token,type=file,src=Dockerfile

    while read -r row; do # mount|message
        printf 'FROM busybox\nRUN --mount=type=secret,%s true\n' "${row%%|*}" > Dockerfile
        run_bud 125 plan .
        contains "$stderr" "${row#*|}"
    done <<'END'
id=..|the id of the secret, .., names no file
id=/|the id of the secret, /, names no file
id=a,env=A=B|the env of a secret mount needs a name
id=a,uid=4294967295|invalid value for uid
id=a,gid=4294967295|invalid value for gid
END
    printf 'a\0b' > nul
    printf 'a\377b' > bytes
    printf 'FROM busybox\nRUN --mount=type=secret,id=a cat /run/secrets/a | wc -c\nRUN --mount=type=secret,id=a,env=A true\n' > Dockerfile
    for row in nul bytes; do
        build_fails 125 --secret "id=a,src=$row"
        contains "$stderr" "] RUN --mount=type=secret,id=a cat /run/secrets/a | wc -c"
        contains "$stderr" "the secret a is no text: it cannot be the variable A"
    done
}

@test "a secret that will be missed, and one that nobody asks for, are told when the plan is made" {
    dockerfile <<'END'
FROM busybox AS unused
RUN --mount=type=secret,id=elsewhere,required true
FROM busybox
RUN --mount=type=secret,id=opt true
RUN --mount=type=secret,id=req,required true
RUN --mount=type=secret,id=req,required echo again
END
    touch file
    local missing="warning: the secret req is required and not given: RUN at Dockerfile:5 will fail; give it with --secret id=req,src=FILE"
    run_bud 0 plan .
    is "$stderr" "$missing"
    is "$(bud plan --format json . 2> /dev/null | jq -c .warnings)" "[\"${missing#warning: }\"]"
    build_fails 125 --secret id=ipt,src=file --secret id=elsewhere,src=file
    is "${stderr_lines[0]}" "$missing"
    is "${stderr_lines[1]}" "warning: the secret ipt is not used: no RUN of the target asks for it (did you mean opt?)"
    is "${stderr_lines[2]}" "warning: the secret elsewhere is not used: no RUN of the target asks for it"
    # what is there already needs it no more
    build --secret id=req,src=file
    run_bud 0 plan .
    is "$stderr" ""
    # what may be there
    printf 'FROM busybox AS made\nRUN date > /made\nFROM busybox\nCOPY --from=made /made /\nRUN --mount=type=secret,id=req,required true\n' > Dockerfile
    run_bud 0 plan .
    contains "$stderr" "RUN at Dockerfile:5 fails if it has to run"
}

@test "several secrets in one RUN; a pipe is read once for all" {
    dockerfile <<'END'
FROM busybox
RUN --mount=type=secret,id=a,env=A --mount=type=secret,id=b,env=B --mount=type=secret,id=a,target=/s,env=C --mount=type=secret,id=b,target=/s echo "$A $B $C"; cat /s
RUN --mount=type=secret,id=a cat /run/secrets/a
RUN --mount=type=secret,id=a,env=PATH env | grep ^PATH
END
    b=two build --secret id=b --secret id=a,src=<(printf one)
    is "$(printed)" $'one two one\ntwo\none\nPATH=one'
    sed -i 's/env=A /env=A,required /' Dockerfile
    b=two run_bud 125 build --secret id=b .
    contains "$stderr" "the secret a is required and not given"
}

@test "secrets are on no disk, also when the build is killed" {
    dockerfile <<< $'FROM busybox\nRUN --mount=type=secret,id=a,env=A --mount=type=secret,id=a sleep 60'
    A=v3ry-s3cr3t "$BUD" "${STORAGE[@]}" build --secret id=a,env=A . > /dev/null 2>&1 3>&- &
    local pid=$! cgroup
    for _ in $(seq 500); do
        cgroup=$(find /sys/fs/cgroup -maxdepth 2 -name 'bud-*' 2> /dev/null | head -n1)
        [ -z "$cgroup" ] || [ ! -s "$cgroup/cgroup.procs" ] || break
        sleep 0.01
    done
    run ! grep -rqa v3ry-s3cr3t "$STORE"
    kill -KILL "$pid"
    wait "$pid" || true
    run ! grep -rqa v3ry-s3cr3t "$STORE"
    # and the next build finds what that one left
    dockerfile <<< 'FROM busybox'
    build
    is "$(find "$STORE/run/bud" -mindepth 1)" ""
}

@test "a command that may mount cannot change what other commands see of the same files" {
    echo orig > f
    dockerfile <<'END'
FROM busybox AS files
COPY f /d/
FROM busybox AS a
RUN --mount=target=/src --mount=from=files,source=/d,target=/d mount -o remount,rw,bind /src; mount -o remount,rw,bind /d; echo evil | tee /src/f > /d/f; cat /src/f /d/f
FROM busybox
COPY --from=a /etc /a
RUN --mount=target=/src --mount=from=files,source=/d,target=/d cat /src/f /d/f > /seen
END
    build --cap-add CAP_SYS_ADMIN
    is "$(contents seen)" $'orig\norig'
}

@test "a cache mount that begins with the files of a stage" {
    mkdir named && echo context > named/f
    dockerfile <<'END'
FROM busybox AS seed
RUN mkdir -m 751 -p /s/d && echo one > /s/d/f && chown 7:8 /s/d
FROM busybox
RUN --mount=type=cache,id=own,target=/c,from=seed,source=/s/d stat -c '%a %u:%g' /c; cat /c/f; echo more >> /c/f
RUN --mount=type=cache,id=given,target=/c,from=seed,source=/s/d,mode=700,uid=1 stat -c '%a %u:%g' /c
RUN --mount=type=cache,id=named,target=/c,from=named stat -c '%u:%g' /c; cat /c/f
RUN --mount=type=cache,id=own,target=/c cat /c/f
END
    build --build-context named=named
    is "$(grep -oE '^\[stage-1 ./.\] [0-9a-z :]+$' <<< "$stderr" | cut -d' ' -f3- | xargs)" "751 7:8 one 700 1:0 0:0 context one more"
    sed -i 's/echo one/echo two/' Dockerfile
    build --build-context named=named # what it begins with belongs to the key; what it holds stays
    contains "$stderr" "stage-1 2/5] more"
    run ! grep -q "two$" <<< "$stderr"
    sed -i 's|source=/s/d|source=/s/d/f|; s/id=own/id=file/' Dockerfile
    build_fails 125 --build-context named=named
    contains "$stderr" "a cache begins with the files of a directory"
    sed -i 's/from=seed,//' Dockerfile
    build_fails 125 --build-context named=named
    contains "$stderr" "the source of a cache mount needs a from"
}

# ---- changes of the file system ----

@test "removed, replaced and linked files end up in the layer as they are" {
    dockerfile <<'END'
FROM busybox
RUN mkdir -p /d/sub && echo 1 > /d/one && echo 2 > /d/sub/two && echo 3 > /f && ln /f /g && ln -s f /s
RUN rm /d/one && rm -r /d/sub && mkdir /d/sub && echo new > /d/sub/three && rm /f && mkfifo /f && chown -h 4:5 /s && chmod 700 /
END
    build
    is "$(entries d f g s)" 'd d 755 0:0
d/sub d 755 0:0
d/sub/three f 644 0:0
f p 644 0:0
g f 644 0:0
s l 4:5 -> f'
    # and so does a RUN on top of the image
    build -f - <<< $'FROM image\nRUN rm -r /d && echo file > /d; cat /d /g; test -p /f && echo fifo; stat -c %a /'
    is "$(printed)" $'file\n3\nfifo\n755' # of the directory / nothing is in a layer
}

@test "an interrupted build ends its container and leaves nothing" {
    dockerfile <<'END'
FROM busybox
RUN echo started; sleep 1000
END
    "$BUD" "${STORAGE[@]}" build -t broken . > "$BATS_TEST_TMPDIR/out" 2> "$BATS_TEST_TMPDIR/log" 3>&- &
    local pid=$!
    for _ in $(seq 200); do
        grep -q started "$BATS_TEST_TMPDIR/log" && break
        sleep 0.05
    done
    kill -INT "$pid"
    local status=0
    wait "$pid" || status=$?
    is "$status" 130
    run ! grep -q "$STORE" /proc/mounts
    is "$(find "$STORE/root/bud/builds" "$STORE/run/bud" -mindepth 1 2>/dev/null)" ""
    run_bud 0 images -q
    is "$output" "${BUSYBOX:0:12}"
    run_bud 0 info --check
}

@test "a link to the context's root is mounted as the context is" {
    ln -s . self
    chmod 700 .
    dockerfile <<< $'FROM busybox\nRUN --mount=type=bind,source=self,target=/m stat -c %a /m'
    build
    is "$(printed)" 755
    chmod 755 .
    is "$(step RUN)" hit
}
