#!/usr/bin/env bats
# What changes, which steps run, and why: each build after a `bud plan` runs exactly the steps the plan said, those it put
# off decided as they are.
load build_helper

# ---- one scenario ----

# The steps of a plan: state, is it one that the image needs, "stage/number", reason.
table_of() {
    jq -r '.steps[] | [.state, (.number > 0 and .needed), "\(.stage)/\(.number)", .reason // ""] | join("\t")' <<< "$1"
}

# Steps the build that said $stderr ran, "stage/number": those that were announced and not cached.
ran() {
    sed -nE '/  \(cached\)$|\] (FROM|done in)/d; s/^\[([^] ]+) ([0-9]+)\/[0-9]+\] [A-Za-z].*/\1\/\2/p' <<< "$stderr" | sort
}

# Where the plan in $plan and what ran, $1, contradict each other.
contradictions() {
    RAN=$1 awk -F '\t' '
        BEGIN { n = split(ENVIRON["RAN"], names, "\n"); for (i = 1; i <= n; i++) ran[names[i]] = 1 }
        $2 != "true" { next }
        { state[$3] = $1 }
        $1 == "miss" && !($3 in ran) { print $3, "was planned, but did not run" }
        $1 == "hit" && ($3 in ran) { print $3, "was planned as cached, but ran" }
        END { for (name in ran) if (state[name] !~ /^(miss|deferred|hit)$/) print name, "ran, but was not planned" }' <<< "$plan"
}

fail_row() {
    printf '%s: %s\nplan:\n%s\nbuild:\n%s\n' "$1" "$2" "$plan" "$stderr" >&2
    return 1
}

# A fresh context, built once; then $2 is done to it or, beginning with `-`, given to plan and build as options. Exactly the
# steps $3 must run, for the reason $4.
scenario() { # name, change, steps, reason
    local change=$2 wanted found options=()
    rm -rf ./* .dockerignore
    "$BASE"
    echo "$1" | tee src/id > docs/id
    run_bud 0 build --no-cache -t image .
    if [[ $change == -* ]]; then
        read -ra options <<< "$change"
    else
        eval "$change"
    fi
    plan=$(table_of "$(bud plan --format json "${options[@]}" .)")
    run_bud 0 build --explain -t image "${options[@]}" .
    wanted=$(tr ' ' '\n' <<< "$3" | sort)
    found=$(ran)
    [ "$found" = "$wanted" ] || fail_row "$1" "ran: $found, wanted: $wanted"
    found=$(contradictions "$found")
    [ -z "$found" ] || fail_row "$1" "$found"
    [ -z "$4" ] || grep '^miss' <<< "$plan" | grep -qF -- "$4" || fail_row "$1" "the reason is not: $4"
    [ -z "$4" ] || [ -z "$3" ] || [[ $stderr == *"because: "*"$4"* ]] || fail_row "$1" "the build does not say: $4"
    count=$((count + 1))
}

# ---- files only ----

files() {
    mkdir src docs
    echo a > src/a.c
    echo b > src/b.c
    ln -s a.c src/l
    echo d > docs/x
    cat > Dockerfile <<'END_OF_FILE'
FROM scratch AS one
COPY src /src
COPY docs /docs
FROM scratch
WORKDIR /w
COPY --from=one /src/a.c /a
COPY --from=one /docs /docs
LABEL l=1
END_OF_FILE
}

@test "files, flags and Dockerfiles that change" {
    BASE=files count=0
    scenario "nothing" true "" ""
    scenario "times of a file" "touch src/a.c" "" ""
    scenario "times of a directory" "touch src" "" ""
    scenario "another inode" "cp src/a.c t && mv t src/a.c" "" ""
    scenario "a hard link" "ln src/b.c t && ln -f t src/b.c && rm t" "" ""
    scenario "the owner on the host" "chown 7:7 src/b.c" "" ""
    scenario "a file of the context nobody copies" "echo x > unrelated" "" ""
    scenario "the mode of a copied directory itself" "chmod 700 docs" "" ""
    scenario "a file that is shipped" "echo x >> src/a.c" "one/1 one/2 stage-1/2 stage-1/3" "src/a.c changed"
    scenario "a file that is not shipped" "echo x >> src/b.c" "one/1 one/2" "src/b.c changed"
    scenario "a file of a later COPY" "echo x >> docs/x" "one/2 stage-1/3" "docs/x changed"
    scenario "a new file" "echo x > src/n.c" "one/1 one/2" "new file src/n.c"
    scenario "a removed file" "rm src/b.c" "one/1 one/2" "src/b.c was removed"
    scenario "a renamed file" "mv src/b.c src/c.c" "one/1 one/2" "new file src/c.c"
    scenario "the mode of a file" "chmod 600 src/b.c" "one/1 one/2" "mode of src/b.c: 0644 → 0600"
    scenario "another link target" "ln -sf b.c src/l" "one/1 one/2" "src/l changed"
    scenario "a directory for a file" "rm src/b.c && mkdir src/b.c" "one/1 one/2" "src/b.c is a directory now"
    scenario "an empty directory" "mkdir src/e" "one/1 one/2" "new directory src/e"
    scenario "same size, same mtime" "touch -r src/b.c t && echo c > src/b.c && touch -r t src/b.c" "one/1 one/2" "src/b.c changed"
    scenario "an ignore file for what nobody copies" "echo unrelated > .dockerignore" "" ""
    scenario "an ignore file for what is copied" "echo src/b.c > .dockerignore" "one/1 one/2" "src/b.c is left out now"
    scenario "a comment" "sed -i '1i # syntax of old' Dockerfile" "" ""
    scenario "spaces and case" "sed -i 's/^COPY src /copy   src   /' Dockerfile" "" ""
    scenario "a label" "sed -i 's/l=1/l=2/' Dockerfile" "" "LABEL l: 1 → 2"
    scenario "ENV before COPY" "sed -i '1a ENV A=1' Dockerfile" "" ""
    scenario "a stage nobody needs" "sed -i '3a FROM scratch AS unused\nCOPY docs /' Dockerfile" "" ""
    scenario "--chmod" "sed -i 's/COPY docs/COPY --chmod=600 docs/' Dockerfile" "one/2 stage-1/3" "chmod: none → 600"
    scenario "--chown" "sed -i 's/COPY docs/COPY --chown=1:1 docs/' Dockerfile" "one/2 stage-1/3" "chown: none → 1:1"
    scenario "--exclude" "sed -i 's/COPY src/COPY --exclude=b.c src/' Dockerfile" "one/1 one/2" "excluded: none → b.c"
    scenario "ADD for COPY" "sed -i 's/COPY docs/ADD docs/' Dockerfile" "one/2" "new instruction"
    scenario "WORKDIR" "sed -i 's,WORKDIR /w,WORKDIR /v,' Dockerfile" "stage-1/1 stage-1/2 stage-1/3" "destination: /w → /v"
    scenario "another destination" "sed -i 's,a.c /a,a.c /b,' Dockerfile" "stage-1/2 stage-1/3" "destination: /a → /b"
    scenario "a build argument nobody declares" "--build-arg X=1" "" ""
    scenario "--target" "--target one" "" ""
    scenario "--paranoid" "--paranoid" "" ""
    scenario "--no-cache" "--no-cache" "one/1 one/2 stage-1/1 stage-1/2 stage-1/3" "the cache is not used"
    scenario "--no-cache-filter" "--no-cache-filter one" "one/1 one/2" "its stage is in --no-cache-filter"
    scenario "results that were removed" 'rm -r "$STORE"/root/bud/snapshots/* && echo x >> docs/x' "one/1 one/2 stage-1/3" \
        "its result was removed"
    scenario "no cache any more" 'rm "$STORE"/root/bud/cache.mdb*' "one/1 one/2 stage-1/1 stage-1/2 stage-1/3" "no record: first build"
    is "$count" 39
}

# ---- commands ----

commands() {
    mkdir src docs
    echo a > src/a
    cat > Dockerfile <<'END_OF_FILE'
FROM busybox AS make
ARG VERSION=1
ENV MODE=fast
COPY src docs /src/
RUN cat /src/* > /out; \
    echo same > /same
FROM scratch
COPY --from=make /same /a
END_OF_FILE
}

@test "commands and what they see" {
    BASE=commands count=0
    scenario "nothing at all" true "" ""
    scenario "an argument" "--build-arg VERSION=2" "make/3" "ARG VERSION: 1 → 2"
    scenario "a variable" "sed -i 's/MODE=fast/MODE=slow/' Dockerfile" "make/3" "ENV MODE: fast → slow"
    scenario "the command" "sed -i 's/echo same/echo  same/' Dockerfile" "make/3" "the command changed"
    scenario "a comment within the command" "sed -i '/^RUN/a # why' Dockerfile" "" ""
    scenario "the network" "--network none" "make/3" "network: host → none"
    scenario "what it reads" "echo x >> src/a" "make/2 make/3" "src/a changed"
    scenario "what is shipped" "sed -i 's/echo same/echo other/' Dockerfile" "make/3 stage-1/1" "the command changed"
    # shellcheck disable=SC2016 # evaluated later
    scenario "the base image" 'tar -cf base.tar Dockerfile && mkdir t && tar -xf "$BUSYBOX_TAR" -C t && echo > t/new &&
        tar -C t -cf base.tar . && bud import base.tar busybox > /dev/null && rm -r t base.tar' "make/2 make/3" "base image busybox moved"
    is "$count" 9
}
