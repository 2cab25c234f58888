#!/usr/bin/env bats
# What COPY and ADD put where, with which mode and owner; what an ignore file leaves out; WORKDIR.
load build_helper

# ---- COPY: the destination ----

@test "a file to a name, and a file into a directory" {
    echo x > foo && chmod 4750 foo
    dockerfile <<'END'
FROM scratch
COPY foo /d1
COPY foo /d2/
COPY foo foo2* /d3/
END
    build
    # set-user-ID bits stay, as with BuildKit; a pattern without a match is nothing
    is "$(entries .)" './d1 f 4750 0:0
./d2 d 755 0:0
./d2/foo f 4750 0:0
./d3 d 755 0:0
./d3/foo f 4750 0:0'
}

@test "of a directory the contents, and the destination is not like it" {
    mkdir -p sub/dir && echo x > sub/dir/foo && chmod 700 sub sub/dir
    dockerfile <<'END'
FROM scratch
COPY sub /d4
COPY sub/ /d5/x
END
    build
    is "$(entries .)" './d4 d 755 0:0
./d4/dir d 700 0:0
./d4/dir/foo f 644 0:0
./d5 d 755 0:0
./d5/x d 755 0:0
./d5/x/dir d 700 0:0
./d5/x/dir/foo f 644 0:0'
}

@test "relative destinations are below the working directory" {
    echo x > foo
    dockerfile <<'END'
FROM scratch
WORKDIR /w
COPY foo .
COPY foo rel/
ENV NOTHING=
COPY foo $NOTHING
COPY foo ../up
END
    build
    is "$(entries .)" './up f 644 0:0
./w d 755 0:0
./w/foo f 644 0:0
./w/rel d 755 0:0
./w/rel/foo f 644 0:0'
}

@test "links on the way to the destination are followed inside the image" {
    echo new > file
    mkdir tree && echo y > tree/y
    dockerfile <<'END'
FROM busybox
RUN mkdir -p /target/dir && echo old > /target/file && \
    ln -s /target/file /to-file && ln -s /target/dir /to-dir && ln -s /deep/there /dangling && \
    ln -s ../../../../target /up
COPY file /to-file
COPY tree /to-dir
COPY file /dangling
COPY file /up/up
END
    build
    is "$(entries target to-file to-dir dangling deep | grep -v ' d ')" 'dangling l 0:0 -> /deep/there
deep/there f 644 0:0
target/dir/y f 644 0:0
target/file f 644 0:0
target/up f 644 0:0
to-dir l 0:0 -> /target/dir
to-file l 0:0 -> /target/file'
    is "$(contents target/file)" new
}

@test "inside of a copied tree a link in the image is replaced, not followed" {
    mkdir tree && echo new > tree/lf
    dockerfile <<'END'
FROM busybox
RUN echo old > /old && mkdir /x && ln -s /old /x/lf
COPY tree /x
END
    build
    is "$(entries x old)" 'old f 644 0:0
x d 755 0:0
x/lf f 644 0:0'
    is "$(contents old)" old
}

@test "an existing destination keeps its mode and owner; directories below take the source's" {
    mkdir -p r/sub && echo x > r/sub/new && chmod 750 r/sub
    dockerfile <<'END'
FROM busybox
RUN mkdir -p /x/sub && echo x > /x/sub/old && chown 9:9 /x /x/sub && chown 8:8 /x/sub/old && chmod 711 /x /x/sub
COPY r /x
END
    build
    is "$(entries x)" 'x d 711 9:9
x/sub d 750 0:0
x/sub/new f 644 0:0
x/sub/old f 644 8:8'
}

# ---- COPY: the sources ----

@test "patterns, dots and names that need quoting" {
    mkdir -p d1 d2 && echo 1 > d1/e && echo 2 > d2/e2 && echo 3 > 'sp ace' && echo 4 > 'a[b]' && echo 5 > .hidden
    dockerfile <<'END'
FROM scratch
COPY d*/e* /x/
COPY ["sp ace", "/x/"]
COPY a[[]b] /x/
COPY ./d1/./../d1/e /x/same
COPY ?hidden /x/
COPY d[^2]/e /y
END
    build
    is "$(entries x y | cut -d/ -f2-)" 'x d 755 0:0
.hidden f 644 0:0
a[b] f 644 0:0
e f 644 0:0
e2 f 644 0:0
same f 644 0:0
sp ace f 644 0:0
y f 644 0:0'
}

@test "a link that is named is followed, one inside of a tree is copied" {
    mkdir -p sub/dir && echo x > foo && echo y > sub/dir/y
    ln -s foo lnk && ln -s sub lnkdir && ln -s nowhere sub/dangling && ln -s ../foo sub/up
    dockerfile <<'END'
FROM scratch
COPY lnk /d7
COPY lnkdir/dir /d9
COPY lnkdir /d8
END
    build
    is "$(entries .)" './d7 f 644 0:0
./d8 d 755 0:0
./d8/dangling l 0:0 -> nowhere
./d8/dir d 755 0:0
./d8/dir/y f 644 0:0
./d8/up l 0:0 -> ../foo
./d9 d 755 0:0
./d9/y f 644 0:0'
}

@test "hard links of one tree stay, those of two sources do not" {
    mkdir tree && echo x > tree/bar && ln tree/bar tree/bar2
    dockerfile <<'END'
FROM scratch
COPY tree /one
COPY tree/bar tree/bar2 /two/
END
    build
    look_into
    is "$(stat -c %h "$ROOTFS/one/bar" "$ROOTFS/two/bar" | xargs)" "2 1"
}

@test "owner and time: owned by root, as old as the source" {
    echo x > foo && chown 12:34 foo && touch -d '2001-02-03 04:05:06.5 UTC' foo
    dockerfile <<'END'
FROM scratch
COPY foo /
END
    build
    look_into
    is "$(stat -c '%u:%g %.1Y' "$ROOTFS/foo")" "0:0 981173106.5"
}

@test "extended attributes and file capabilities are copied" {
    echo x > foo
    setfattr -n user.color -v blue foo 2>/dev/null || skip "no extended attributes here"
    setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 foo
    dockerfile <<'END'
FROM scratch
COPY foo /
END
    build
    look_into
    is "$(getfattr --absolute-names -n user.color --only-values "$ROOTFS/foo")" blue
    getfattr --absolute-names -n security.capability "$ROOTFS/foo"
}

@test "sparse files, fifos and long names" {
    truncate -s 64M sparse && printf end >> sparse
    mkfifo pipe
    long=$(printf 'n%.0s' {1..255})
    echo x > "$long"
    dockerfile <<'END'
FROM scratch
COPY . /
END
    build
    is "$(entries pipe "$long")" "$long f 644 0:0"$'\npipe p 644 0:0'
    look_into
    is "$(stat -c %s "$ROOTFS/sparse")" 67108867
    is "$(tail -c 3 "$ROOTFS/sparse")" end
    [ "$(du -k "$ROOTFS/sparse" | cut -f1)" -lt 1024 ] || echo "holes were filled" >&2
}

@test "a file named .wh.something cannot be in a layer" {
    touch .wh.x
    dockerfile <<'END'
FROM scratch
COPY .wh.x /
END
    build_fails 125
    contains "$stderr" "Dockerfile:2"
}

# ---- .dockerignore ----

@test ".dockerignore leaves files out; later rules win" {
    mkdir -p src node_modules/x && touch README.md README-secret.md a.md src/a.c src/a.o node_modules/x/y
    cat > .dockerignore <<'END'
# comment
node_modules
**/*.o
*.md
!README*.md
README-secret.md
.dockerignore
Dockerfile
END
    dockerfile <<'END'
FROM scratch
COPY . /
END
    build
    is "$(entries . | cut -d' ' -f1 | xargs)" "./README.md ./src ./src/a.c"
}

@test "a kept file brings its ignored directories" {
    mkdir -p dir/keep dir/drop && touch dir/keep/yes dir/keep/no dir/drop/x
    printf '%s\n' '*' '!dir/keep' 'dir/keep/no' > .dockerignore
    dockerfile <<'END'
FROM scratch
COPY . /
END
    build
    is "$(entries . | cut -d' ' -f1 | xargs)" "./dir ./dir/keep ./dir/keep/yes"
}

@test "DOCKERFILE.dockerignore counts more than .dockerignore; --ignorefile most" {
    touch a b c
    echo a > .dockerignore
    echo b > Dockerfile.dockerignore
    echo c > other
    dockerfile <<'END'
FROM scratch
COPY [abc] /
END
    build
    is "$(entries . | cut -d' ' -f1 | xargs)" "./a ./c"
    build --ignorefile other
    is "$(entries . | cut -d' ' -f1 | xargs)" "./a ./b"
}

@test "a source that is ignored is an error that names the rule" {
    echo x > secret
    printf 'a\nsecr*\n' > .dockerignore
    dockerfile <<'END'
FROM scratch
COPY secret /
END
    build_fails 125
    contains "$stderr" "Dockerfile:2"
    contains "$stderr" '"/secret": not found'
    contains "$stderr" '.dockerignore:2'

    # a link, too, that is followed to nothing because it is ignored
    echo y > real && ln -s real secret-link
    printf 'FROM scratch\nCOPY secret-link /\n' > Dockerfile
    build_fails 125
    contains "$stderr" "it exists, but ./.dockerignore:2 leaves it out with \`secr*\`"
}

# ---- options ----

@test "--chown: numbers, names of the image, and everything that is created" {
    mkdir sub && echo x > sub/foo
    dockerfile <<'END'
FROM busybox
RUN echo 'web:x:1001:1002::/home/web:/bin/sh' >> /etc/passwd && echo 'extra:x:2000:web' >> /etc/group
COPY --chown=77 sub/foo /n
COPY --chown=5:6 sub /g/y
COPY --chown=web sub/foo /u/x/
COPY --chown=web:extra sub/foo /ue
COPY --chown=:5 sub/foo /none
END
    build
    is "$(entries n g u ue none)" 'g d 755 5:6
g/y d 755 5:6
g/y/foo f 644 5:6
n f 644 77:77
none f 644 0:5
u d 755 1001:1002
u/x d 755 1001:1002
u/x/foo f 644 1001:1002
ue f 644 1001:2000'
}

@test "--chown of a name the image does not have is an error" {
    echo x > foo
    dockerfile <<'END'
FROM busybox
COPY --chown=nobody-there foo /
END
    build_fails 125
    contains "$stderr" "Dockerfile:2"
    contains "$stderr" 'user "nobody-there" not found in /etc/passwd'
}

@test "--chmod: octal, symbolic" {
    mkdir -p sub/d && echo x > sub/f && ln -s f sub/l && chmod 755 sub/d
    dockerfile <<'END'
FROM scratch
COPY --chmod=640 sub /o/p
COPY --chmod=u+s,go-rwx,a+X sub /s
COPY --chmod=0 sub/f /zero
END
    build
    is "$(entries .)" './o d 640 0:0
./o/p d 640 0:0
./o/p/d d 640 0:0
./o/p/f f 640 0:0
./o/p/l l 0:0 -> f
./s d 755 0:0
./s/d d 4711 0:0
./s/f f 4600 0:0
./s/l l 0:0 -> f
./zero f 0 0:0'
}

@test "--exclude leaves out what matches below a source" {
    mkdir -p tree/sub && touch tree/a.png tree/b.txt tree/sub/c.png
    dockerfile <<'END'
FROM scratch
COPY --exclude=*.png tree /one
COPY --exclude=**/*.png --exclude=b.txt tree /two
END
    build
    is "$(entries . | cut -d' ' -f1 | xargs)" "./one ./one/b.txt ./one/sub ./one/sub/c.png ./two ./two/sub"
}

@test "--parents keeps the path of a source from its pivot on" {
    mkdir -p a/b/c && touch a/b/c/d
    dockerfile <<'END'
FROM scratch
COPY --parents a/b/c/d /whole/
COPY --parents a/b/./c/d /part/
END
    build
    is "$(entries . | grep ' f ' | cut -d' ' -f1 | xargs)" "./part/c/d ./whole/a/b/c/d"
}

@test "--link makes the same files" {
    echo x > foo
    dockerfile <<'END'
FROM busybox
COPY --link foo /new/dir/
END
    build
    is "$(entries new)" 'new d 755 0:0
new/dir d 755 0:0
new/dir/foo f 644 0:0'
}

# ---- COPY --from ----

@test "--from a stage keeps owners and modes, and starts at its root" {
    dockerfile <<'END'
FROM busybox AS make
WORKDIR /work
RUN mkdir -p /out/d && echo x > /out/d/f && chown -R 7:8 /out && chmod 2750 /out/d && chmod 6711 /out/d/f
FROM scratch
COPY --from=make out /
END
    build
    is "$(entries .)" './d d 2750 7:8
./d/f f 6711 7:8'
}

@test "--from an image that is stored here" {
    dockerfile <<'END'
FROM scratch
COPY --from=busybox /etc/passwd /bin/sh /
COPY --from=localhost/busybox:latest /etc/group /
END
    build
    # /bin/sh is a link to busybox: the file is copied under the name that was written
    is "$(entries . | cut -d' ' -f1,2)" './group f
./passwd f
./sh f'
}

@test "a stage's name counts more than an image's" {
    dockerfile <<'END'
FROM scratch AS busybox
COPY Dockerfile /mine
FROM scratch
COPY --from=busybox / /
END
    build
    is "$(entries . | cut -d' ' -f1)" ./mine
}

@test "links in a stage do not lead out of it" {
    dockerfile <<'END'
FROM busybox AS make
RUN ln -s ../../../../../../etc/passwd /link && ln -s /etc /etc-link
FROM scratch
COPY --from=make /link /link
COPY --from=make /etc-link/group /group
END
    build
    is "$(contents link)" "root:x:0:0:root:/root:/bin/sh"
    is "$(contents group)" "root:x:0:"
}

# ---- heredocs ----

@test "heredocs are files: expanded, quoted, with tabs removed, several" {
    printf 'FROM scratch\nENV WHO=you\nCOPY <<A <<"B" <<-C /d/\nhello $WHO \\$x\nA\nhello $WHO\nB\n\t\tindented\n\tC\nCOPY --chmod=755 --chown=3:4 <<run /bin/run\n#!/bin/sh\nrun\n' > Dockerfile
    build
    is "$(entries .)" './bin d 755 3:4
./bin/run f 755 3:4
./d d 755 0:0
./d/A f 644 0:0
./d/B f 644 0:0
./d/C f 644 0:0'
    is "$(contents d/A)" 'hello you $x'
    is "$(contents d/B)" 'hello $WHO'
    is "$(contents d/C)" 'indented'
}

# ---- ADD ----

# t.tar and its compressed forms, with owners and a link of their own.
archives() {
    mkdir -p tree/dir && echo x > tree/file && ln tree/file tree/hard && ln -s file tree/soft && chmod 750 tree/dir
    tar -C tree --owner=1:21 --group=1:22 --numeric-owner --sort=name -cf t.tar .
    gzip -kn t.tar
    bzip2 -k t.tar
    xz -k t.tar
    zstd -q t.tar
}

@test "ADD unpacks archives, whatever they are called, COPY does not" {
    archives
    mv t.tar.xz picture.png
    dockerfile <<'END'
FROM scratch
ADD t.tar /tar
ADD t.tar.gz /gz/
ADD t.tar.bz2 /bz2
ADD picture.png /xz
ADD t.tar.zst /zst
COPY t.tar.gz /
ADD --unpack=false t.tar.gz /kept
END
    build
    for form in tar gz bz2 xz zst; do
        is "$(entries $form)" "$form d 755 0:0
$form/dir d 750 21:22
$form/file f 644 21:22
$form/hard f 644 21:22
$form/soft l 21:22 -> file"
    done
    is "$(entries t.tar.gz kept)" $'kept f 644 0:0\nt.tar.gz f 644 0:0'
    look_into
    is "$(stat -c %h "$ROOTFS/gz/file")" 2
}

@test "ADD copies what only looks like an archive" {
    echo text | gzip > text.gz
    : > empty.tar
    head -c 512 /dev/zero > zero.tar
    dockerfile <<'END'
FROM scratch
ADD text.gz /a6
ADD empty.tar /a7
ADD zero.tar /a8
ADD Dockerfile /a9/
END
    build
    is "$(entries . | grep ' f ')" './a6 f 644 0:0
./a7 f 644 0:0
./a8 f 644 0:0
./a9/Dockerfile f 644 0:0'
}

@test "ADD merges an archive into what is there" {
    archives
    dockerfile <<'END'
FROM busybox
RUN mkdir -p /x/dir/kept /x/file/was-a-directory && chmod 700 /x
ADD t.tar /x
END
    build
    is "$(entries x)" 'x d 700 0:0
x/dir d 750 21:22
x/dir/kept d 755 0:0
x/file f 644 21:22
x/hard f 644 21:22
x/soft l 21:22 -> file'
}

@test "ADD --chown owns everything that was unpacked" {
    archives
    dockerfile <<'END'
FROM scratch
ADD --chown=5:6 t.tar /x
END
    build
    is "$(entries . | awk '{ print $4 }' | sort -u | xargs) $(entries x/file)" "5:6 5:6 x/file f 644 5:6" ||
        is "$(entries x | grep -c 5:6)" 5
}

# ---- WORKDIR ----

@test "WORKDIR makes directories that belong to the user, and joins paths" {
    dockerfile <<'END'
FROM busybox
RUN echo 'web:x:1001:1002::/home/web:/bin/sh' >> /etc/passwd && mkdir /here && ln -s /here /link
WORKDIR /a
WORKDIR b/../c
USER web
WORKDIR /home/web
USER 55
WORKDIR /link/new
WORKDIR $NOTHING
END
    build
    is "$(config .config.WorkingDir)" /link/new
    is "$(entries a home here)" 'a d 755 0:0
a/c d 755 0:0
here d 755 0:0
here/new d 755 55:55
home d 755 1001:1002
home/web d 755 1001:1002'
}

@test "a pattern that matches nothing is told once: before the build of the context, of a stage when it is copied" {
    printf 'FROM scratch AS a\nCOPY Dockerfile /\nFROM scratch\nCOPY *.foo /\nCOPY --from=a /*.bar /\n' | dockerfile
    build
    is "$(grep warning: <<< "$stderr")" "warning: line 4: nothing in the build context matches *.foo
warning: COPY --from=a /*.bar /: nothing in stage a matches /*.bar"
}

@test "a pattern that matches nothing is told also beside others and with --parents, what --exclude leaves out is not" {
    touch a
    mkdir d
    for from in "" --from=files; do
        printf 'FROM scratch AS files\nCOPY . /\nFROM scratch\n' > Dockerfile
        printf 'COPY %s a no* /d/\nCOPY %s --parents */nope /e/\nCOPY %s --exclude=a a a* /f/\nCOPY %s --parents --exclude=a a /g/\n' \
            "$from" "$from" "$from" "$from" >> Dockerfile
        build --no-cache
        is "$(grep warning: <<< "$stderr" | sed 's/.*nothing in.* matches //')" $'no*\n*/nope'
        is "$(entries d e g | cut -d ' ' -f 1,2)" $'d d\nd/a f\ne d\ng d'
    done
}
