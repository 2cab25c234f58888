#!/usr/bin/env bats
# `bud check`: mistakes found before they are built, and fixed.
load helper

dockerfile() {
    cat > Dockerfile
}

@test "a Dockerfile with nothing to say about it" {
    printf 'FROM scratch\nCOPY a /\n' | dockerfile
    touch a
    run_bud 0 check
    is "$output" "no warnings"
    is "$stderr" ""
    run_bud 0 check Dockerfile Dockerfile
    is "$output" "no warnings in 2 files"
}

@test "a warning: the rule, the place with the line quoted, what to do; the last line counts; exit status 1" {
    printf 'FROM scratch AS Base\nMAINTAINER me\n' | dockerfile
    run_bud 1 check .
    is "$output" "warning: StageNameCasing: Stage name 'Base' should be lowercase
 --> Dockerfile:1:17
  |
1 | FROM scratch AS Base
  |                 ^^^^
hint: call it base, here and where it is used
warning: MaintainerDeprecated: Maintainer instruction is deprecated in favor of using label
 --> Dockerfile:2:1
  |
2 | MAINTAINER me
  | ^^^^^^^^^^
hint: write LABEL org.opencontainers.image.authors=\"...\""
    is "$stderr" "2 warnings, 2 of which --fix can mend"
}

@test "errors and warnings of several files in one run" {
    printf 'FROM scratch as x\nRUNN x\nCOPPY y\n' > one
    printf 'FROM scratch\nCMD x\n' > two
    run_bud 1 check one two
    contains "$output" "unknown instruction: RUNN (did you mean RUN?)"
    contains "$output" "unknown instruction: COPPY (did you mean COPY?)"
    contains "$output" "warning: FromAsCasing"
    contains "$output" "--> two:2:5"
    is "$stderr" "2 errors, 2 warnings in 2 files, 2 of which --fix can mend"
}

@test "a file that is not there does not keep the others from being looked at" {
    printf 'FROM scratch\nCMD x\n' > two
    run_bud 125 check one two
    contains "$output" "JSONArgsRecommended"
    contains "$stderr" "no Dockerfile: one does not exist"
    run_bud 125 check one
    is "$output" ""
    is "$(grep -c ^error: <<< "$stderr")" 1
}

@test "what a build would fail at later is an error now" {
    printf 'FROM scratch AS a\nENV x=${y:?needed}\nCOPY --from=a b /\nCOPY --from=7 b /\n' | dockerfile
    run_bud 1 check
    contains "$output" "y: needed"
    contains "$output" "circular dependency detected on stage: a"
    contains "$output" "invalid stage index 7"
}

@test "JSON for programs: a stable schema" {
    printf 'FROM scratch as é\nENV a b c\nFOO\n' > bad
    printf 'FROM scratch\nENV a b c\n' | dockerfile
    run_bud 1 check --format json
    is "$(jq -c 'keys' <<< "$output")" '["errors","files","findings","version","warnings"]'
    is "$(jq -c '.version, .files, .errors, .warnings' <<< "$output" | xargs)" "1 1 0 1"
    is "$(jq -c '.findings[0] | [.file, .line, .column, .end_line, .end_column, .rule, .severity]' <<< "$output")" \
        '["Dockerfile",2,5,2,6,"LegacyKeyValueFormat","warning"]'
    is "$(jq -c '.findings[0].fix' <<< "$output")" \
        '[{"line":2,"column":6,"end_line":2,"end_column":7,"text":"=\""},{"line":2,"column":10,"end_line":2,"end_column":10,"text":"\""}]'
    run_bud 1 check --format json bad
    is "$(jq -r '.findings[] | "\(.severity) \(.rule) \(.line)"' <<< "$output")" $'error null 1\nerror null 3\nwarning FromAsCasing 1'
}

@test "SARIF 2.1.0 for code hosts" {
    printf 'FROM scratch as b\nLABEL é b c\n' > 'a file'
    run_bud 1 check --format sarif 'a file'
    python3 - <<< "$output" <(printf '%s' "$output") <<'END'
import json, sys
log = json.load(open(sys.argv[1]))
assert log["version"] == "2.1.0" and log["$schema"].startswith("https://")
run, = log["runs"]
driver = run["tool"]["driver"]
assert driver["name"] == "bud" and run["columnKind"] == "unicodeCodePoints"
rules = [rule["id"] for rule in driver["rules"]]
assert len(set(rules)) == len(rules)
assert all(rule["shortDescription"]["text"].endswith(".") for rule in driver["rules"])
assert len(run["results"]) == 2
for result in run["results"]:
    assert rules[result["ruleIndex"]] == result["ruleId"]
    assert result["level"] in ("warning", "error") and result["message"]["text"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "a%20file"
    region = place["region"]
    assert 1 <= region["startLine"] <= region["endLine"] and region["startColumn"] >= 1
    for fix in result["fixes"]:
        for change in fix["artifactChanges"]:
            for replacement in change["replacements"]:
                assert "deletedRegion" in replacement and "text" in replacement["insertedContent"]
label = run["results"][1]
assert label["locations"][0]["physicalLocation"]["region"] == {"startLine": 2, "startColumn": 7, "endLine": 2, "endColumn": 8}
END
}

everything_wrong() {
    cat <<'END'
# syntax=docker/dockerfile:1
from scratch As Base
maintainer "Me" <me@x>
RUN a \

    && b
ENV name some value
LABEL k $v
add a.txt b/ /
EXPOSE 53/UDP 80
FROM --platform=$TARGETPLATFORM scratch
COPY --from=BASE x /
RUN --mount=type=bind,from=Base,target=/b c
CMD nginx -g daemon
END
}

everything_right() {
    cat <<'END'
# syntax=docker/dockerfile:1
FROM scratch AS base
LABEL org.opencontainers.image.authors="\"Me\" <me@x>"
RUN a \
    && b
ENV name="some value"
LABEL k=$v
COPY a.txt b/ /
EXPOSE 53/udp 80
FROM scratch
COPY --from=base x /
RUN --mount=type=bind,from=base,target=/b c
CMD ["nginx", "-g", "daemon"]
END
}

@test "--fix rewrites what is safe, says what, keeps the mode, and has nothing to do the second time" {
    touch a.txt
    mkdir b
    everything_wrong > real
    everything_right > wanted
    chmod 640 real
    ln -s real Dockerfile
    run_bud 1 check --fix # $v is not defined: nobody can fix that
    contains "$stderr" "fixed: Dockerfile:2: StageNameCasing"
    is "$(grep -c ^fixed: <<< "$stderr")" "$(grep -oP '^\d+(?= fixed, 1 warning left$)' <<< "$stderr")"
    is "$(grep -c ^warning: <<< "$output")" 1
    contains "$output" "UndefinedVar"
    [ -L Dockerfile ]
    diff wanted real
    is "$(stat -c %a real)" 640
    local inode
    inode=$(stat -c %i real)
    run_bud 1 check --fix
    is "$stderr" "1 warning"
    is "$(stat -c %i real)" "$inode"
}

@test "--diff shows it instead, as a patch; -f - is a filter" {
    touch a.txt
    mkdir b
    everything_wrong | dockerfile
    everything_right > wanted
    cp Dockerfile before
    run_bud 1 check --diff .
    cmp Dockerfile before
    printf '%s\n' "$output" > patch
    run -0 patch -s -o patched Dockerfile patch
    diff wanted patched
    printf 'FROM scratch\nENV a b\n' > other
    run_bud 1 check --diff other # it is still to be fixed
    contains "$stderr" "LegacyKeyValueFormat"
    bud check --fix -f - < Dockerfile 2>/dev/null > filtered || true
    diff wanted filtered
    bud check --fix - < Dockerfile 2>/dev/null > filtered || true
    diff <(sed 's/COPY a.txt/ADD a.txt/' wanted) filtered # without a context
}

@test "what is not certain is left to a person" {
    cat > Dockerfile <<'END'
FROM scratch
ENV a "b" c
ENV b c\ d
ENTRYPOINT a
CMD b
END
    cp Dockerfile before
    run_bud 1 check --fix
    cmp Dockerfile before
    printf 'FROM scratch\nCMD exec a\n' | dockerfile
    run_bud 1 check --diff
    is "$output" ""
    printf 'FROM scratch\nCMD a $HOME\n' | dockerfile
    run_bud 1 check --diff
    is "$output" ""
}

@test "a source that is not in the context is an error, with the nearest name; once when it is ignored" {
    mkdir -p src
    touch src/main.c secret
    echo secret > .dockerignore
    cat > Dockerfile <<'END'
FROM scratch AS base
ARG NAME=src/mian.c
COPY $NAME src/main.c *.none . /x/
COPY --parents scr/./other /x/
COPY secret /
COPY --from=base /nothing /
FROM unknown
COPY $FROM_THE_BASE /
END
    run_bud 1 check --format json
    is "$(jq -r '.findings[] | select(.line != 6) | "\(.line): \(.message): \(.hint)"' <<< "$output")" \
        '3: "/src/mian.c": not found in .: did you mean src/main.c?
4: "/scr/./other": not found in .: did you mean src?
5: Attempting to Copy file "secret" that is excluded by .dockerignore: ./.dockerignore, line 1 excludes it: secret'
    run_bud 1 check Dockerfile # without a context nothing is known of it
    is "$(grep -c 'not found' <<< "$output")" 0
}

@test "errors that only a build would meet: ports, signals, modes, mounts, URLs" {
    touch a
    cat > Dockerfile <<'END'
FROM scratch
ENV port=99999
EXPOSE 80/foo $port 81
STOPSIGNAL SIGFOO
COPY --chmod=64a a b
COPY http://e/x y
RUN --mount=type=foo,target=/x a
RUN --mount=type=tmpfs,uid=1,target=/x a
RUN --mount=type=secret,id=a,mode=9 a
RUN --mount=type=secret,id=a,required a
END
    run_bud 1 check --format json
    is "$(jq -r '.findings[] | "\(.line): \(.message)"' <<< "$output")" '3: invalid port: "80/foo": invalid proto: foo
3: invalid port: "99999": invalid containerPort: 99999
4: invalid signal: SIGFOO
5: invalid chmod parameter: '"'64a'"'. it should be octal string and between 0 and 07777
6: source can'"'"'t be a URL for COPY
7: unsupported mount type "foo"
8: uid not allowed for "tmpfs" type mounts
9: invalid value for mode: 9'
    printf 'FROM nowhere/known\nEXPOSE $PORT\nSTOPSIGNAL $S\nCOPY --chmod=$M a b\nRUN --mount=type=$T x\n' > other
    run_bud 0 check other
}

@test "thousands of errors: the first are told, the others counted, at once" {
    { echo "FROM scratch"; yes 'COPY --from=9999 a b' | head -n 20000; } > Dockerfile
    run_bud 1 check
    contains "$output" "19900 more errors are not shown"
    is "$(grep -c 'invalid stage index' <<< "$output")" 100
    is "$stderr" "20000 errors"
}

@test "ADD: the file of the context decides, whatever it is called" {
    mkdir context
    printf 'int main;\n' > context/main.c
    tar -cf context/data.c -C context main.c
    tar -czf context/part.gem -C context main.c
    ln -s part.gem context/link.txt
    printf 'FROM scratch\nADD main.c /\nADD data.c /\nADD part.gem /\nADD link.txt /\n' \
        > context/Dockerfile
    cp context/Dockerfile before
    run_bud 1 check --fix context/Dockerfile # without the context only names are known
    contains "$output" "Dockerfile:2:1"
    cmp context/Dockerfile before
    run_bud 0 check --fix context
    sed 's/ADD main/COPY main/' before | diff - context/Dockerfile
}

@test "a file that is read-only stays as it is" {
    [ "$(id -u)" != 0 ] || skip "root may write everything"
    printf 'FROM scratch as x\n' | dockerfile
    chmod 444 Dockerfile
    run_bud 125 check --fix
    contains "$stderr" "cannot write"
    printf 'from scratch\n' > other
    chmod 444 other
    run_bud 125 fmt -w other
    is "$(cat Dockerfile other)" "FROM scratch as x
from scratch"
}

@test "settings: a directive, a comment, a build argument" {
    printf '# check=skip=FromAsCasing\nFROM scratch as x\n' | dockerfile
    run_bud 0 check
    printf 'FROM scratch\n\n# check=skip=JSONArgsRecommended\nCMD x\n' | dockerfile
    run_bud 0 check
    printf 'FROM scratch\nCMD x\n' | dockerfile
    run_bud 0 check --build-arg BUILDKIT_DOCKERFILE_CHECK=skip=all
    printf '# check=skp=all\nFROM scratch\n' | dockerfile
    run_bud 1 check
    contains "$output" 'invalid check option "skp"'
}

@test "the line of .dockerignore that excludes a source" {
    printf 'FROM scratch\nCOPY src/a.log /\n' | dockerfile
    printf '# logs\n*.md\n**/*.log\n' > .dockerignore
    run_bud 1 check .
    contains "$output" 'CopyIgnoredFile: Attempting to Copy file "src/a.log" that is excluded by .dockerignore'
    contains "$output" "hint: ./.dockerignore, line 3 excludes it: **/*.log"
    run_bud 0 check Dockerfile # without a context nothing is known of it
}

@test "every stage without --target, else those it needs" {
    printf 'FROM scratch AS a\nCMD x\nFROM scratch AS b\nCMD x\nFROM a AS c\n' | dockerfile
    run_bud 1 check
    is "$stderr" "2 warnings, 2 of which --fix can mend"
    run_bud 1 check --target c
    is "$stderr" "1 warning, 1 of which --fix can mend"
    run_bud 1 check --target d
    contains "$output" 'target stage "d" could not be found'
}

@test "variables of a base image count when the store has it" {
    import_busybox
    printf 'FROM busybox\nENV x=$nothing\n' > known
    printf 'FROM unknown\nENV x=$nothing\n' > unknown
    run_bud 1 check known unknown
    contains "$output" "--> known:2:7"
    is "$stderr" "1 warning in 2 files"
}

@test "bud build --check is bud check; --call=check, too" {
    printf 'FROM scratch\nCMD x\n' | dockerfile
    run_bud 1 build --check .
    contains "$output" "JSONArgsRecommended"
    is "$stderr" "1 warning, 1 of which --fix can mend"
    run_bud 1 build --call check -t x .
    is "$stderr" "1 warning, 1 of which --fix can mend"
    [ ! -e "$STORE/root" ]
}

@test "a wrong command line is status 2" {
    mkdir a b
    run_bud 2 check a b
    run_bud 2 check --no-such-option
}

@test "a build ends with what BuildKit's checks say, in one line each; not with -q" {
    touch x.txt
    printf 'FROM scratch AS unused\nCMD y\nFROM scratch\nADD x.txt /\nCMD x\n' | dockerfile
    run_bud 0 build .
    contains "$stderr" "warning: JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals (line 5)"
    is "$(grep -c ^warning: <<< "$stderr")" 1
    run_bud 0 build . # cached
    contains "$stderr" "warning: JSONArgsRecommended"
    run_bud 0 build -q .
    is "$stderr" ""
}

@test "check=error=true: nothing is built" {
    printf '# check=error=true\nFROM scratch as x\nCMD x\n' | dockerfile
    run_bud 125 build -t x .
    contains "$stderr" "error: lint violation found for rules: FromAsCasing, JSONArgsRecommended"
    is "$(bud images --json)" "[]"
    printf '# check=error=true\nFROM scratch\nADD x.txt /\n' | dockerfile # only a rule of bud
    touch x.txt
    run_bud 0 build -t x .
}
