#!/usr/bin/env bats
# `bud ast`, `bud fmt`, `bud targets`, `bud args`: the Dockerfile as a text.
load helper

untidy() {
    printf 'from a as b\n\n\nrun x  \\\n  && y \ncopy   --link\tc   /d \n# last\nfrom b' > Dockerfile
}

# $1: the file
tidy() {
    printf 'FROM a AS b\n\nRUN x  \\\n  && y\nCOPY --link c /d\n\n# last\nFROM b\n' > "$1"
}

@test "ast: an S-expression an instruction" {
    untidy
    run_bud 0 ast
    is "$output" '(from "a" "as" "b")
(run "x    && y")
(copy ["--link"] "c" "/d")
(from "b")'
    run_bud 0 ast Dockerfile
    is "${lines[3]}" '(from "b")'
    is "$(bud ast - <<< 'foo b')" '(foo "")'
}

@test "ast: JSON with the place of every part" {
    untidy
    run_bud 0 ast --format json
    is "$(jq -c '.version, .file, .directives' <<< "$output" | xargs)" "1 Dockerfile []"
    is "$(jq -r '[.instructions[].name] | join(" ")' <<< "$output")" "FROM RUN COPY FROM"
    is "$(jq -c '.instructions[1].span' <<< "$output")" \
        '{"start":14,"end":30,"line":4,"column":1,"endLine":5,"endColumn":8}'
    is "$(jq -c '.instructions[2].flags[0] | .name, .value, .span.start' <<< "$output" | xargs)" "link null 38"
    is "$(jq -c '.instructions[3].comments' <<< "$output")" '["last"]'
    printf 'FROM a\nONBUILD COPY <<"E" /\n$x\nE\nENV a=b c=\n' > Dockerfile
    run_bud 0 ast --format json
    is "$(jq -c '.instructions[1].trigger | .name, (.heredocs[0] | .name, .expand, .body, .bodySpan.line)' <<< "$output" | xargs)" \
        'COPY E false $x\n 3'
    is "$(jq -c '.instructions[2].pairs[] | .key.text, .value.text' <<< "$output" | xargs)" "a b c "
}

@test "ast: what is no Dockerfile" {
    run_bud 125 ast - <<< 'FROM a
ENV b'
    contains "$stderr" "standard input:2:5"
    run_bud 125 ast nowhere
}

@test "fmt: standard input to standard output" {
    untidy
    tidy wanted
    bud fmt < Dockerfile > found
    diff wanted found
    bud fmt - < found | diff wanted -
    bud fmt Dockerfile | diff wanted -
}

@test "fmt -w: in place, mode and links kept, files without a change left alone" {
    untidy
    tidy wanted
    cp wanted other
    chmod 640 Dockerfile
    touch -d 2001-01-01 other
    ln -s Dockerfile link
    run_bud 0 fmt -w link other
    is "$output" ""
    diff wanted Dockerfile
    is "$(stat -c %a Dockerfile)" 640
    [ -L link ]
    is "$(stat -c %y other | cut -c1-4)" 2001
    run_bud 2 fmt -w < Dockerfile
    run_bud 2 fmt -w --check Dockerfile
    is "${stderr_lines[0]}" "error: --check changes no file, --write does"
    run_bud 2 fmt - Dockerfile < Dockerfile
    is "${stderr_lines[0]}" "error: \`-\` is standard input and cannot be one of several files"
    is "$output" ""
}

@test "fmt --check: names what is not formatted" {
    untidy
    tidy other
    run_bud 1 fmt --check Dockerfile other
    is "$output" Dockerfile
    contains "$stderr" "1 file is not formatted"
    run_bud 0 fmt --check other
    is "$output" ""
}

@test "fmt --diff: a patch" {
    untidy
    cp Dockerfile before
    run_bud 0 fmt --diff Dockerfile
    is "$output" '--- Dockerfile
+++ Dockerfile
@@ -1,8 +1,8 @@
-from a as b
+FROM a AS b
 
+RUN x  \
+  && y
+COPY --link c /d
 
-run x  \
-  && y 
-copy   --link	c   /d 
 # last
-from b
\ No newline at end of file
+FROM b'
    diff before Dockerfile
    run_bud 1 fmt --check --diff Dockerfile
    contains "$output" "+FROM b"
    bud fmt -w Dockerfile
    bud fmt --diff before > none || true
    contains "$(cat none)" "@@ -1,8 +1,8 @@"
    run_bud 0 fmt --diff Dockerfile
    is "$output" ""
}

@test "fmt: files that do not parse are told, the others formatted" {
    printf 'FROM a\nENV b\n' > bad
    untidy
    tidy wanted
    run_bud 125 fmt -w bad nowhere Dockerfile
    contains "$stderr" "bad:2:5"
    contains "$stderr" "cannot open nowhere"
    is "$(cat bad)" $'FROM a\nENV b'
    diff wanted Dockerfile
}

offer() {
    cat > Dockerfile <<'END'
# GO_VERSION of the compiler
ARG GO_VERSION=1.22
ARG UNUSED=1
# base what all are made of
FROM golang:${GO_VERSION} AS base
# something else
# build compiles
FROM --platform=$BUILDPLATFORM base AS build
# TAGS for go build
ARG TAGS="a b" TARGETOS
ARG GO_VERSION
RUN --mount=type=secret,id=token,required --mount=type=ssh make
FROM scratch AS docs
ARG THEME
FROM scratch
COPY --from=build /out /
END
}

@test "targets: the stages, their base and what they are for" {
    offer
    run_bud 0 targets
    contains "${lines[1]}" "base "
    contains "${lines[1]}" "golang:1.22"
    contains "${lines[1]}" "what all are made of"
    contains "${lines[2]}" "compiles"
    is "$(tr -s ' ' <<< "${lines[4]}")" "(stage-3) (default) scratch"
    run_bud 0 targets --format json --build-arg GO_VERSION=1.23
    is "$(jq -c '.targets[0]' <<< "$output")" \
        '{"name":"base","description":"what all are made of","base":"golang:1.23","line":5}'
    is "$(jq -c '[.targets[].default]' <<< "$output")" "[null,null,null,true]"
}

@test "targets, args, ast: of a file, of a context, or of a file in a context" {
    offer
    mkdir context
    mv Dockerfile context
    printf 'FROM scratch AS other\n' > context/Other
    for command in targets args ast; do
        is "$(bud $command context)" "$(bud $command context/Dockerfile)"
        is "$(bud $command -f context/Dockerfile)" "$(bud $command context/Dockerfile)"
        is "$(bud $command -f Other context)" "$(bud $command context/Other)"
        run_bud 2 $command -f context/Other context/Dockerfile
        run_bud 125 $command nowhere
        is "${stderr_lines[0]}" "error: no Dockerfile: nowhere does not exist"
        is "${stderr_lines[1]}" "hint: give the path of a Dockerfile, or the directory it is in"
    done
}

@test "args: what the triggers of its base take, too" {
    printf 'FROM scratch AS base\nONBUILD ARG VERSION=1\nFROM base\n' > Dockerfile
    is "$(bud args --format json | jq -c '.args')" '[{"name":"VERSION","value":"1","stage":"stage-1","line":2}]'
    is "$(bud args --target base --format json | jq -c '.args')" '[]'
    cat > Dockerfile <<'END'
FROM scratch AS base
ONBUILD RUN --mount=type=secret,id=a --mount=type=ssh x
ONBUILD COPY --from=0 / /
ONBUILD COPY --from=other / /
FROM scratch AS other
RUN --mount=type=secret,id=b x
FROM base
RUN --mount=type=secret,id=c x
FROM base AS two
RUN --mount=type=secret,id=a,required=true x
END
    is "$(bud args --target two --format json | jq -c '.secrets[], .ssh[]')" \
        '{"name":"b","required":false,"stage":"other","line":6}
{"name":"a","required":true,"stage":"two","line":2}
{"name":"default","required":false,"stage":"two","line":2}'
}

@test "targets: FROM may use all that the builder sets" {
    printf 'FROM img:${TARGETSTAGE}-${TARGETOSVERSION:-none}-${BUILDOS}\nFROM scratch AS last\n' > Dockerfile
    is "$(bud targets --format json | jq -r '.targets[0].base')" "img:last-none-linux"
}

@test "args: what the build of a target takes" {
    offer
    is "$(bud args | sed 's/   */|/g')" 'TARGET: stage-3

BUILD ARG|VALUE|STAGE|DESCRIPTION
GO_VERSION|1.22|of the compiler
TAGS|a b|build|for go build

SECRET|REQUIRED|STAGE
token|true|build

SSH|REQUIRED|STAGE
default|build'
    run_bud 0 args --target docs --format json
    is "$(jq -c '.args, .secrets' <<< "$output" | xargs -0)" '[{"name":"THEME","stage":"docs","line":14}]
[]'
    is "$(bud build --call=outline --target docs . | head -1)" "TARGET: docs"
    is "$(bud build --call=targets .)" "$(bud targets)"
    run_bud 125 args --target bulid
    contains "$stderr" "did you mean build?"
}

@test "docs/dockerfile.md has the rules of the grammar" {
    # without actions, and with comments at the start of the line
    sed -n '/^%%$/,/^%%$/p' "$REPOSITORY/grammar/dockerfile.y" |
        sed -e '/^%%$/d' -e 's/ *{.*} *$//' | sed '/./,$!d' | cat -s > rules
    sed '1,/^## The grammar$/d' "$REPOSITORY/docs/dockerfile.md" | sed -n '/^```$/,/^```$/p' | sed '/^```$/d' > written
    [ -s written ]
    diff <(sed '$!b' rules | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}') written
}
