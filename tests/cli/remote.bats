# Contexts that are elsewhere: repositories, files and archives by URL, standard input.
load helper

eval "make_$(declare -f setup)"

# Two servers on the loopback, at ports nobody has: $GIT and $HTTP are their URLs, $SERVED what they show.
setup_file() {
    export SERVED=$BATS_FILE_TMPDIR/served TEMPLATE=$BATS_FILE_TMPDIR/template
    mkdir -p "$SERVED"
    echo '/private:me:ses@me' > "$BATS_FILE_TMPDIR/httpd.conf"
    make_repository
    local port tries
    for tries in 1 2 3 4 5; do
        port=$((20000 + RANDOM % 12000))
        "$(git --exec-path)/git-daemon" --listen=127.0.0.1 --port=$port --base-path="$SERVED" --export-all \
            3>&- > /dev/null 2>&1 &
        GIT_SERVER=$!
        busybox httpd -f -p 127.0.0.1:$((port + 1)) -h "$SERVED" -c "$BATS_FILE_TMPDIR/httpd.conf" 3>&- > /dev/null 2>&1 &
        HTTP_SERVER=$!
        sleep 0.2
        kill -0 $GIT_SERVER 2> /dev/null && kill -0 $HTTP_SERVER 2> /dev/null && break
        kill $GIT_SERVER $HTTP_SERVER 2> /dev/null || true
    done
    [ -n "$tries" ]
    export GIT=git://127.0.0.1:$port HTTP=http://127.0.0.1:$((port + 1)) GIT_SERVER HTTP_SERVER
}

teardown_file() {
    kill "$GIT_SERVER" "$HTTP_SERVER"
}

setup() {
    make_setup
    rm -rf "${SERVED:?}"/*
    export TMPDIR=$BATS_TEST_TMPDIR/tmp
    mkdir "$TMPDIR"
    bud build -q -f - . <<< 'FROM scratch' > /dev/null # a plan makes no store
}

git_() {
    git -C "${REPO:-$SERVED/repo.git}" -c user.name=x -c user.email=x@example.com "$@" > /dev/null
}

commit() { # $1: the message; everything there is goes into it
    git_ add -A
    git_ commit -q -m "$1"
}

# A repository with the branch `main`, its directory `app` and the tag v1.
make_repository() {
    local REPO=$TEMPLATE
    mkdir -p "$REPO/app"
    git_ init -q -b main
    printf 'FROM scratch\nCOPY kept /\n' > "$REPO/Dockerfile"
    echo 1 | tee "$REPO/kept" > "$REPO/other"
    printf 'FROM scratch\nCOPY . /\n' > "$REPO/app/Dockerfile"
    commit one
    git_ tag -a -m 'an annotated tag' v1
}

repository() {
    cp -r "$TEMPLATE" "$SERVED/repo.git"
}

entries() { # how many contexts the store keeps
    find "$STORE/root/bud/contexts" -mindepth 1 -maxdepth 1 -type d | wc -l
}

@test "a repository is a context: its branch, tag, commit, directory" {
    repository
    run_bud 0 plan "$GIT/repo.git"
    contains "$output" "COPY kept /"
    contains "$stderr" "fetching $GIT/repo.git#"
    local first
    first=$(git -C "$SERVED/repo.git" rev-parse HEAD)
    git_ checkout -q -b next
    git_ rm -q Dockerfile
    commit two
    for ref in "#main" "#v1" "#refs/heads/main" "#$first"; do
        run_bud 0 plan "$GIT/repo.git$ref"
        is "$stderr" ""
    done
    run_bud 125 plan "$GIT/repo.git#next"
    contains "$stderr" "error: no Dockerfile: $GIT/repo.git#next has no Containerfile and no Dockerfile"
    run_bud 0 plan "$GIT/repo.git#next:app"
    contains "$output" "COPY . /"
    contains "$output" "(1 file,"
    run_bud 125 plan "$GIT/repo.git#nothing"
    contains "$stderr" "there is no branch and no tag nothing"
    run_bud 125 plan "$GIT/nothing.git"
    contains "$stderr" "error: cannot fetch the context"
}

@test "of a repository that moved only what is copied counts" {
    repository
    run_bud 0 build -q "$GIT/repo.git#main"
    local image=$output
    echo 2 > "$SERVED/repo.git/other"
    commit two
    run_bud 0 build "$GIT/repo.git#main"
    is "$output" "$image"
    contains "$stderr" "fetching"
    is "$(entries)" 1
    echo 2 > "$SERVED/repo.git/kept"
    commit three
    run_bud 0 plan "$GIT/repo.git#main"
    contains "$output" "kept changed"
}

@test "a plain web server will do for a repository" {
    repository
    git_ update-server-info
    mv "$SERVED/repo.git/.git" "$SERVED/bare.git"
    run_bud 0 plan "$HTTP/bare.git#v1"
    contains "$output" "COPY kept /"
}

@test "submodules come along, .git does not; local repositories are none" {
    repository
    cp -r "$TEMPLATE" "$SERVED/part.git"
    git_ submodule add -q "$GIT/part.git" part
    git_ config -f .gitmodules submodule.part.url ../part.git
    printf 'FROM scratch\nCOPY . /\n' > "$SERVED/repo.git/Dockerfile"
    commit two
    run_bud 0 plan "$GIT/repo.git"
    contains "$output" "(9 files,"
    git_ config -f .gitmodules submodule.part.url "$SERVED/part.git"
    commit three
    run_bud 125 plan "$GIT/repo.git"
    contains "$stderr" "cannot fetch the submodules of $GIT/repo.git"
    contains "$stderr" "transport 'file' not allowed"
}

@test ".git is there when it is asked for" {
    repository
    run_bud 0 build -q --build-arg BUILDKIT_CONTEXT_KEEP_GIT_DIR=1 "$GIT/repo.git"
    local kept=("$STORE"/root/bud/contexts/*/files)
    is "$(git -C "${kept[0]}" -c safe.directory='*' config remote.origin.url)" "$GIT/repo.git"
    is "$(git -C "${kept[0]}" -c safe.directory='*' status --short)" ""
}

@test "an archive by URL, asked for again only if it changed" {
    context there <<< $'FROM scratch\nCOPY file /'
    echo 1 > there/file
    tar -czf "$SERVED/there" -C there .
    run_bud 0 build "$HTTP/there"
    contains "$stderr" "fetching $HTTP/there"
    run_bud 0 plan "$HTTP/there"
    is "$stderr" ""
    contains "$output" "nothing to do"
    echo 22 > there/file
    tar -cf "$SERVED/there" -C there .
    run_bud 0 plan "$HTTP/there"
    contains "$output" "file changed"
    is "$(entries)" 1
    run_bud 125 plan "$HTTP/nowhere"
    contains "$stderr" "because: $HTTP/nowhere: invalid response status 404"
}

@test "text by URL is a Dockerfile, and the file \`context\`" {
    printf 'FROM scratch\nCOPY . /\n' > "$SERVED/text"
    run_bud 0 plan "$HTTP/text"
    contains "$output" "(1 file,"
    cp "$SERVED/text" some@host:file
    run_bud 0 plan -f some@host:file .
    run_bud 2 plan -f other "$HTTP/text"
    contains "$stderr" "error: two Dockerfiles: --file other"
}

@test "standard input is an archive, or a Dockerfile without files" {
    context there <<< $'FROM scratch\nCOPY . /'
    tar -cf archive -C there .
    run_bud 0 plan - < archive
    contains "$output" "(1 file,"
    run_bud 0 plan - <<< $'FROM scratch\nCOPY . /'
    contains "$output" "COPY . /"
    [[ $output != *"(1 file,"* ]]
    run_bud 125 plan - <<< $'FROM scratch\nCOPY a /'
    contains "$stderr" "bud -f - DIRECTORY < FILE"
    run_bud 125 plan - <<< '<html>'
    contains "$stderr" "hint: standard input is no archive, so it was read as a Dockerfile"
    run_bud 2 plan -f - - < archive
    contains "$stderr" "cannot both be standard input"
}

@test "named contexts: a repository, and a file called \`context\`" {
    repository
    echo text > "$SERVED/file"
    touch -d 2001-02-03T04:05:06Z "$SERVED/file"
    context . <<< $'FROM scratch\nCOPY --from=web context /\nCOPY --from=repo /kept /'
    local options=(--build-context "web=$HTTP/file" --build-context "repo=$GIT/repo.git#v1")
    run_bud 0 build -q "${options[@]}" .
    run_bud 0 plan "${options[@]}" .
    contains "$output" "nothing to do"
    is "$(stat -c '%a %Y' "$STORE"/root/overlay/*/diff/context)" "600 981173106"
}

@test "what a foreign context may not do" {
    repository
    ln -s .. "$SERVED/repo.git/out"
    ln -sf /etc/passwd "$SERVED/repo.git/Containerfile"
    commit links
    run_bud 125 plan "$GIT/repo.git#main:out"
    contains "$stderr" "a link in it leads out of the repository"
    run_bud 0 plan "$GIT/repo.git" # its Containerfile is a link to nothing there
    contains "$output" "COPY kept /"
    run_bud 2 plan "$GIT/repo.git#--upload-pack=touch%20x"
    run_bud 2 plan "$GIT/repo.git#..:../.."
    run_bud 2 plan "ssh://-oProxyCommand=touch/x"
    echo x > x
    tar -cf "$SERVED/evil" -P --transform 's,^x,../../x,' x
    run_bud 125 plan "$HTTP/evil"
    contains "$stderr" "would leave the target directory"
    mkdir "$SERVED/cgi-bin"
    printf '#!/bin/sh\nprintf "HTTP/1.0 302 Found\\r\\nLocation: file:///etc/passwd\\r\\n\\r\\n"\n' > "$SERVED/cgi-bin/moved"
    chmod +x "$SERVED/cgi-bin/moved"
    run_bud 125 plan "$HTTP/cgi-bin/moved"
    contains "$stderr" 'Protocol "file" not supported'
    is "$(find "$STORE/root/bud/contexts" -name '.new-*')" ""
}

@test "credentials are shown to nobody and kept nowhere" {
    repository
    tar -cf "$SERVED/tar" -C "$SERVED/repo.git" .
    context . <<< $'FROM scratch\nCOPY --from=n context /'
    local with=${HTTP/'//'/'//me:sesame@'}
    for words in "$with/nowhere" "$with/repo.git" "$with/bad url" "--build-context n=$with/nowhere ." "--build-context $with/x ." ". $with/x" "$with/x y" "http://x:sesame@y:z@h"; do
        # shellcheck disable=SC2086
        run --separate-stderr bud plan $words
        [[ $status -ne 0 && -n $stderr && $output$stderr != *sesame* ]]
    done
    run_bud 0 build "$with/tar?q=sesame" --build-context "n=$with/tar"
    [[ $output$stderr != *sesame* ]]
    run_bud 0 plan --format json "$with/tar" --build-context "n=$with/tar"
    [[ $output$stderr != *sesame* ]]
    run ! grep -rqa sesame "$STORE"
}

@test "git gets credentials, and no list of processes has them" {
    repository
    git_ update-server-info
    mkdir "$SERVED/private" bin
    mv "$SERVED/repo.git/.git" "$SERVED/private/bare.git"
    printf '#!/bin/sh\nGIT_TRACE="%s" exec "%s" "$@"\n' "$PWD/trace" "$(command -v git)" > bin/git
    chmod +x bin/git
    PATH=$PWD/bin:$PATH run_bud 0 plan "${HTTP/'//'/'//me:ses%40me@'}/private/bare.git"
    contains "$output" "COPY kept /"
    contains "$(< trace)" "remote-http"
    run ! grep 'ses.*me' trace
    run_bud 125 plan "${HTTP/'//'/'//me@'}/private/bare.git#v1"
    contains "$stderr" "Authentication failed"
}

@test "what is kept: counted, pruned, swept" {
    repository
    run_bud 0 plan "$GIT/repo.git"
    mkdir "$STORE/root/bud/contexts/.new-left0ver"
    is "$(bud cache du --format json | jq -c '.own, .fetched_contexts[0].origin')" \
        "$(du -sB1 "$STORE/root/bud" | cut -f 1)"$'\n'"\"$GIT/repo.git\""
    contains "$(bud cache du)" "fetched contexts    1"
    bud cache prune
    bud cache prune --older-than 1h
    bud cache prune --keep-size 1GB
    bud cache prune --filter kind=run
    is "$(entries)" 1
    for words in '--older-than 0s' '--keep-size 0' '--filter kind=context'; do
        # shellcheck disable=SC2086
        contains "$(bud cache prune --dry-run $words)" "and 1 fetched context"
    done
    contains "$(bud cache prune --all)" "and 1 fetched context"
    is "$(entries)" 0
    run_bud 0 info --check
}

@test "without a store that can be written, a plan uses TMPDIR and leaves nothing" {
    repository
    rm -r "$STORE/root"
    run_bud 0 plan "$GIT/repo.git"
    contains "$output" "COPY kept /"
    [ ! -e "$STORE/root" ]
    is "$(ls -A "$TMPDIR")" ""
}
