#!/usr/bin/env bats
# The same Dockerfile built by BuildKit and by bud: the same files, with type, mode, owner, link target and content, and the
# same config. Debian's dockerd has BuildKit of 2021, so there is nothing here that came later.

load helper

docker() {
    DOCKER_BUILDKIT=1 BUILDKIT_PROGRESS=plain command /usr/bin/docker -H "unix://$BATS_FILE_TMPDIR/docker.sock" "$@"
}

setup_file() {
    local directory=$BATS_FILE_TMPDIR try
    mkdir "$directory/rootfs"
    tar -xf "$(busybox_tar)" -C "$directory/rootfs"
    # BuildKit leaves the mount points that its runtime makes, bud does not: both find them here.
    mkdir "$directory"/rootfs/{dev,proc,sys}
    tar -C "$directory/rootfs" -cf "$directory/base.tar" .
    dockerd --iptables=false --bridge=none --data-root "$directory/docker" --exec-root "$directory/exec" \
        --pidfile "$directory/docker.pid" -H "unix://$directory/docker.sock" > "$directory/docker.log" 2>&1 3>&- &
    # shellcheck disable=SC2034 # only counts
    for try in $(seq 100); do
        docker version > /dev/null 2>&1 && break
        sleep 0.2
    done
    docker import "$directory/base.tar" base > /dev/null || { cat "$directory/docker.log" >&2; return 1; }
}

teardown_file() {
    local pid
    pid=$(cat "$BATS_FILE_TMPDIR/docker.pid") || return 0
    kill "$pid"
    while [ -e "/proc/$pid" ]; do
        sleep 0.1
    done
    STORE=$BATS_FILE_TMPDIR unmount_store # dockerd leaves its data directory mounted on itself
}

setup() {
    setup_store "$BATS_TEST_TMPDIR/store"
    bud import "$BATS_FILE_TMPDIR/base.tar" base > /dev/null
    mkdir "$BATS_TEST_TMPDIR/context"
    cd "$BATS_TEST_TMPDIR/context" || return 1
}

teardown() {
    unmount_store
}

# What the directory $1 holds: a line an entry.
listing() {
    (cd "$1" && find . -mindepth 1 \( -type l -printf '%P l %U:%G %l\n' -o -printf '%P %y %m %U:%G\n' \) | LC_ALL=C sort &&
        find . -type f -print0 | LC_ALL=C sort -z | xargs -0r sha256sum)
}

config() { # of standard input
    jq -S '{User, ExposedPorts, Env, Entrypoint, Cmd, Volumes, WorkingDir, Labels, StopSignal, Shell, OnBuild, Healthcheck}
        | map_values(if . == "" or . == [] or . == {} then null else . end)'
}

# Builds the context here with both, and compares.
same() { # options
    local work=$BATS_TEST_TMPDIR
    docker build -q --network host -t both "$@" . > "$work/docker.out" 2>&1 || { cat "$work/docker.out" >&2; return 1; }
    mkdir -p "$work/theirs"
    docker build --network host -o "type=tar,dest=$work/theirs.tar" "$@" . > "$work/docker.out" 2>&1
    tar -xpf "$work/theirs.tar" --numeric-owner -C "$work/theirs"
    docker inspect both | jq '.[0].Config' | config > "$work/theirs.json"
    bud build -q -t both "$@" . > /dev/null
    bud inspect both | jq '.Config | fromjson.config' | config > "$work/ours.json"
    diff -u <(listing "$work/theirs") <(listing "$(podman image mount both)")
    podman image unmount both > /dev/null
    diff -u "$work/theirs.json" "$work/ours.json"
}

# Directories, modes, links: what COPY meets.
tree() {
    mkdir -p d/e empty
    echo a > a.txt && echo b > b.txt && echo x > d/x && echo y > d/e/y && echo s > s
    ln -s x d/l && ln -s d dl && ln -s a.txt fl
    chmod 4711 s && chmod 711 d/e
}

@test "COPY: files, directories, links and patterns, to places that exist, do not, or are links" {
    tree
    cat > Dockerfile <<'EOF'
FROM base
COPY a.txt /
COPY a.txt /1/
COPY a.txt /2/r/s
COPY d /3
COPY d/ /4/
RUN mkdir -m 700 /5 && echo z > /5/x
COPY d /5
COPY a.txt b.txt d s /6/
COPY *.txt ? /7/
COPY . /8
WORKDIR /w
COPY a.txt .
COPY d e/
COPY a.txt x/y
COPY dl /9
COPY fl /10
COPY dl fl /11/
RUN mkdir -p /real /x/real && ln -s /real /lnk && ln -s real /x/lnk && echo o > /f && ln -s f /lf && ln -s /nowhere/else /dl
COPY d /lnk
COPY a.txt /lnk/
COPY d /x/lnk/new
COPY a.txt /x/lnk
COPY a.txt /lf
COPY a.txt /dl/
COPY ["b.txt", "/x y/"]
COPY ./d/. /12
COPY d/./e/.. /13
COPY a.txt ../../../14/
ENV D=/15 S=a.txt
COPY $S $D/
ADD ${S} ${D}/two
EOF
    same
}

@test "COPY: owners, users, other stages" {
    tree
    cat > Dockerfile <<'EOF'
FROM base AS one
RUN mkdir -p /s/t && echo 1 > /s/t/1 && echo 2 > /s/t/2 && ln -s t /s/l && chmod 711 /s/t && chown 5:6 /s/t/1 && \
    ln -s /s/t /abs && ln -s ../../../s/t /s/up && touch /s/a && chmod 6755 /s/a && ln /s/a /s/b
FROM base
RUN echo u:x:77:88::/:/bin/sh >> /etc/passwd; echo g:x:99: >> /etc/group
COPY --chown=u:g a.txt /
COPY --chown=u b.txt /
COPY --chown=:g s /
COPY --chown=12:34 d /1/r/
COPY --chown=55 a.txt /2/
COPY --from=one /s /3
COPY --from=one /s/l /4
COPY --from=one /s/t/1 /5/
COPY --from=one /s/*/? /6/
COPY --from=one /abs/1 /7/
COPY --from=0 /s/up/1 /8/
COPY --from=0 /abs /9
USER 33:44
WORKDIR /ww
COPY a.txt .
RUN touch /tmp/q
EOF
    same
}

@test "ADD: archives" {
    mkdir q && echo 1 > q/1 && ln -s 1 q/l && chmod 700 q
    tar -czf t.tgz q && tar -cf t.tar q && cp t.tgz noext && echo a > a.txt && rm -r q
    cat > Dockerfile <<'EOF'
FROM base
ADD t.tgz /1/
ADD t.tar /2
ADD noext /3/
ADD . /4/
ADD *.t* /5/
RUN mkdir -m 777 -p /6/q && echo z > /6/q/1
ADD t.tgz a.txt /6/
COPY t.tgz /
EOF
    same
}

@test "variables, and the config" {
    cat > Dockerfile <<'EOF'
ARG V=base
FROM $V AS first
ARG V
ARG A=1
ARG B=$A$A
ENV a=1 b="2 3" c='$a' d=$a
ENV e f g
ENV PATH=/x:$PATH
ENV h=${a:-9} i=${z:-9} j=${a:+8} k=${z:+8} l=a\ b m="a\"b" C=$B
ENV a=2 n=$a
RUN env | sort > /env; echo $V $A $B $C > /args
LABEL a=1 b="x y" c.d=$e multi="a\
b"
LABEL a=2
EXPOSE 80 443/tcp 53/udp 8000-8002
VOLUME /a /b
VOLUME ["/c d"]
CMD ["gone"]
ONBUILD RUN echo x
FROM first
WORKDIR /a/b
WORKDIR c
WORKDIR ../d
ENV p=/e
WORKDIR $p/f
RUN pwd > /pwd
HEALTHCHECK --interval=5s --timeout=1m --retries=3 --start-period=2s CMD wget x
STOPSIGNAL SIGQUIT
SHELL ["/bin/ash", "-ec"]
RUN echo $0 > /zero
ENTRYPOINT bar
ONBUILD COPY a b
USER 1:2
MAINTAINER me <x@y>
EOF
    same --build-arg A=7
}

@test "RUN: what it makes, removes, replaces, and the surroundings it finds" {
    cat > Dockerfile <<'EOF'
FROM base
RUN umask > /o; touch /f; mkdir /d; pwd >> /o; echo $HOME >> /o; ls /dev | sort >> /o
RUN mkdir /z && touch /z/1 /z/2
RUN rm /z/1; rm -r /root; mkdir /root; touch /root/n
RUN mv /z /y; mkdir /z; touch /z/3
RUN mkdir -m 700 /m; touch /m/1; chmod 1777 /m
RUN chmod 755 /m; chown 7:8 /m/1
RUN touch /tmp/a; chmod 4755 /tmp/a; ln /tmp/a /tmp/b; ln -s a /tmp/c
RUN rm /tmp/b; chmod 755 /tmp/a
RUN touch /dev/shm/x; echo 1.2.3.4 x >> /etc/hosts; true
RUN ["/bin/sh", "-c", "echo $HOME > /json"]
RUN echo a \
# a comment
  b \
  c > /continued
USER 5:6
WORKDIR /x/y
RUN touch z 2> /dev/null || echo no > /tmp/no
EOF
    same
}

@test ".dockerignore" {
    tree
    printf '*.txt\n!b.txt\n# comment\nd/e\n**/x\n/s\nempty\n!d/e/y\n' > .dockerignore
    printf 'FROM scratch\nCOPY . /1/\nCOPY d /2\nCOPY b.* /3/\n' > Dockerfile
    same
}
