#!/usr/bin/env bats
# `bud context`: what a build sees of its context, and why.
load helper

app() {
    mkdir -p app/src app/node_modules/kept
    printf 12345 > app/src/main.c
    printf 123 > app/src/a.h
    printf 1234567 > app/node_modules/big
    printf 12 > app/node_modules/kept/x
    printf 1 > app/README.md
    printf '# built\nnode_modules\n!node_modules/kept\n*.md\n.dockerignore\n' > app/.dockerignore
}

@test "a tree with sizes and totals" {
    app
    run_bud 0 context -C app
    is "$output" "      10 B  app/  (3 files)
       2 B  ├─ node_modules/  (1 file)
       2 B  │  └─ kept/  (1 file)
       2 B  │     └─ x
       8 B  └─ src/  (2 files)
       3 B     ├─ a.h
       5 B     └─ main.c
3 files in 3 directories, 10 B, after app/.dockerignore"
}

@test "the largest first, and not too deep" {
    app
    run_bud 0 context -C app --sort size --depth 1
    is "${lines[1]}" "       8 B  ├─ src/  (2 files)"
    is "${lines[2]}" "       2 B  └─ node_modules/  (1 file)"
    is "${#lines[@]}" 4
    run_bud 0 context -C app --sort size -q
    is "$(head -n 2 <<< "$output" | xargs)" "src src/main.c"
    run_bud 0 context -C app --sort size --format json
    is "$(jq -r '.entries[].path' <<< "$output" | head -n 2 | xargs)" "src src/main.c"
}

@test "a path that looks like a context is shown, with a word about -C" {
    app
    run_bud 0 context app
    is "$output" "app: in, 77 B in 6 files: no rule leaves it out"
    is "$stderr" 'warning: app has a .dockerignore of its own: what a build of it sees is shown by `bud context -C app`'
    run_bud 0 context app/src
    is "$stderr" ""
}

@test "why a path is in or out: the rule and its line" {
    app
    run_bud 0 context -C app node_modules/big node_modules/kept/x src/main.c README.md src
    is "$output" 'node_modules/big: left out: app/.dockerignore:2 `node_modules`
node_modules/kept/x: in, 2 B: app/.dockerignore:3 `!node_modules/kept` keeps it
src/main.c: in, 5 B: no rule leaves it out
README.md: left out: app/.dockerignore:4 `*.md`
src: in, 8 B in 2 files: no rule leaves it out'
}

@test "links on the way to a path are followed, as COPY follows them" {
    app
    ln -s src app/link
    run_bud 0 context -C app link/a.h link
    is "$output" $'link/a.h: by a link src/a.h, in, 3 B: no rule leaves it out\nlink: in, 0 B: no rule leaves it out'
    ln -s /etc app/out
    run_bud 125 context -C app out/passwd
    is "$output" "out/passwd: not there"
    echo src/a.h >> app/.dockerignore
    run_bud 0 context -C app link/a.h
    is "$output" 'link/a.h: by a link src/a.h, left out: app/.dockerignore:6 `src/a.h`'
}

@test "a path that does not exist is an error, after what its rule would be" {
    app
    run_bud 125 context -C app gone.md gone
    is "$output" $'gone.md: not there; it would be left out: app/.dockerignore:4 `*.md`\ngone: not there'
    contains "$stderr" "there is no gone.md in the context app"
    run_bud 125 context -C app ../gone
    contains "$stderr" '`..` stops at the root of the context'
}

@test "a path is told as it was given; a directory from here that is not in the context, with a word about -C" {
    app
    mkdir here other
    cd here
    run_bud 125 context ../other
    is "$output" "../other, here other: not there"
    contains "$stderr" "hint: a PATH is one in the context; what a build of the directory ../other sees is shown by \`bud context -C ../other\`"
    run_bud 125 context /nope
    is "$output" "/nope, here nope: not there"
    run_bud 0 context -C ../app ../src ./src/a.h
    is "$output" $'../src, here src: in, 8 B in 2 files: no rule leaves it out\n./src/a.h: in, 3 B: no rule leaves it out'
}

@test "a directory that cannot be read matters to what is asked of it only" {
    [ "$(id -u)" = 0 ] || skip "somebody else is needed"
    app
    mkdir -m 0700 app/closed
    : > app/closed/file
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR/.." "$BATS_TEST_TMPDIR" .
    cp "$BUD" program
    as_nobody() {
        run setpriv --reuid 54321 --regid 54321 --clear-groups env HOME=/nonexistent ./program context -C app "$@"
    }
    as_nobody src src/a.h node_modules/big node_modules .
    is "$status" 125 # all of it
    contains "$output" "closed"
    as_nobody src src/a.h node_modules/big node_modules nope.md
    is "${lines[0]}" "src: in, 8 B in 2 files: no rule leaves it out"
    is "${lines[1]}" "src/a.h: in, 3 B: no rule leaves it out"
    is "${lines[2]}" 'node_modules/big: left out: app/.dockerignore:2 `node_modules`'
    is "${lines[3]}" 'node_modules: in, 2 B in 1 file: what a later rule keeps is below it, though app/.dockerignore:2 `node_modules` leaves it out'
    is "${lines[4]}" 'nope.md: not there; it would be left out: app/.dockerignore:4 `*.md`'
    as_nobody closed
    is "$status" 125
    contains "$output" "Permission denied"
}

@test "JSON for programs" {
    app
    run_bud 0 context -C app --format json
    is "$(jq -c '[.version, .files, .directories, .bytes, .ignore_file]' <<< "$output")" '[1,3,3,10,"app/.dockerignore"]'
    is "$(jq -r '.entries[] | select(.path == "src") | "\(.type) \(.bytes) \(.files)"' <<< "$output")" "directory 8 2"
    documented plan.md "$output"
    run_bud 0 context -C app --format json README.md
    documented plan.md "$output"
    is "$(jq -c '.[0] | [.path, .exists, .included, .rule.line, .rule.text]' <<< "$output")" '["README.md",true,false,4,"*.md"]'
}

@test "it is what a build copies" {
    app
    printf 'FROM scratch\nCOPY . /\n' > Dockerfile
    run_bud 0 plan --format json -f Dockerfile app
    is "$(jq '.steps[0].inputs[0] | [.files, .bytes]' <<< "$output" | xargs)" "[ 3, 10 ]"
}

@test "the ignore file of the Dockerfile, and one that is named" {
    app
    echo src > other
    run_bud 0 context -C app --ignorefile other -q src README.md
    is "$output" README.md
    run_bud 0 context -C app --ignorefile /dev/null -q README.md
    is "$output" README.md
    echo 'FROM scratch' > app/Dockerfile
    echo '**' > app/Dockerfile.dockerignore
    run_bud 0 context -C app -q
    is "$output" ""
}

@test "an ignore file that is a link: followed in the context, an error when it leads out of it or nowhere" {
    app
    mv app/.dockerignore app/rules
    printf 'FROM scratch\nCOPY . /\n' > app/Dockerfile
    ln -s rules app/.dockerignore
    run_bud 0 context -C app -q README.md
    is "$output" ""
    mv app/rules rules
    for name in .dockerignore .containerignore; do
        for target in ../rules "$PWD/rules" rules README.md/rules; do
            rm -f app/.dockerignore app/.containerignore
            ln -s "$target" "app/$name"
            for words in 'context -C app' 'plan app'; do
                # shellcheck disable=SC2086
                run_bud 125 $words
                is "${stderr_lines[0]}" "error: cannot read the ignore file app/$name"
                contains "${stderr_lines[1]}" "it is a link to $target, which is no file of the context"
                contains "${stderr_lines[2]}" "hint: name the file by --ignorefile"
            done
        done
    done
    run_bud 0 context -C app --ignorefile rules -q README.md
    is "$output" ""
    rm "app/$name"
    ln -s nowhere app/Dockerfile.dockerignore
    run_bud 125 plan app
    is "${stderr_lines[0]}" "error: cannot read the ignore file app/Dockerfile.dockerignore"
    contains "${stderr_lines[1]}" "it is a link to nowhere, where nothing is"
}

@test "without an ignore file everything is in" {
    mkdir empty
    run_bud 0 context -C empty
    is "$output" $'       0 B  empty/  (0 files)\n0 files in 0 directories, 0 B; there is no .dockerignore'
    run_bud 125 context -C missing
    contains "$stderr" "cannot open the build context missing"
    contains "$stderr" "-C takes the directory"
    run_bud 2 context -C https://me:pass@example.com/x.tar
    is "${stderr_lines[0]}" "error: -C https://example.com/x.tar is no directory"
}

@test "what cannot be copied is named" {
    mkdir sockets
    python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("sockets/s")'
    run_bud 0 context -C sockets
    is "${lines[1]}" "    socket  └─ s  (a build refuses it)"
    is "$stderr" "warning: s is a socket and cannot be copied: a build that takes it fails; leave it out by the ignore file"
    run_bud 0 context -C sockets s
    is "$output" "s: in, a socket, which a build refuses: no rule leaves it out"
    echo s > sockets/.dockerignore
    run_bud 0 context -C sockets -q s
    is "$output" ""
}

@test "a fifo is in, as in a build" {
    mkdir pipes
    mkfifo pipes/p
    run_bud 0 context -C pipes --format json
    is "$(jq -c '.entries[0] | [.path, .type]' <<< "$output")" '["p","fifo"]'
}
