#!/usr/bin/env bats
# Which Dockerfile and which context. `plan` reads them as `build` does, and makes nothing.
load helper

scratch() { # $1: file
    mkdir -p "$(dirname "$1")"
    printf 'FROM scratch\nLABEL file=%s\n' "$1" > "$1"
}

@test "without a Dockerfile, what was looked for is named" {
    mkdir context
    run_bud 125 build context
    is "${stderr_lines[0]}" "error: no Dockerfile: there is neither context/Containerfile nor context/Dockerfile"
    run_bud 125 build
    is "${stderr_lines[0]}" "error: no Dockerfile: there is neither ./Containerfile nor ./Dockerfile"
    run_bud 125 build -f nope context
    is "${stderr_lines[0]}" "error: no Dockerfile: there is neither nope nor context/nope"
    touch context/Dockerfile
    run_bud 125 build -f Dokerfile context
    contains "$stderr" "hint: did you mean context/Dockerfile?"
    cd context
    run_bud 125 build -f Dokerfile .
    is "$stderr" $'error: no Dockerfile: Dokerfile does not exist\nhint: did you mean Dockerfile?'
}

@test "Containerfile comes before Dockerfile" {
    scratch context/Dockerfile
    run_bud 0 plan context
    echo NONSENSE > context/Containerfile
    run_bud 125 plan context
    contains "$stderr" "context/Containerfile:1"
}

@test "--file is relative to the current directory, then to the context" {
    scratch context/other
    run_bud 0 plan -f context/other context
    run_bud 0 plan -f other context
    run_bud 0 plan --file="$PWD/context/other" context
    echo NONSENSE > other
    run_bud 125 plan -f other context
    contains "$stderr" "other:1"
}

@test "--file - is standard input" {
    mkdir context
    run_bud 0 plan -f - context <<< 'FROM scratch'
    run_bud 125 plan -f - context <<< 'NONSENSE'
    contains "$stderr" "standard input:1"
}

@test "the context may stand anywhere" {
    scratch context/Dockerfile
    run_bud 0 plan context --target ''
    run_bud 0 plan -- context
    cd context
    run_bud 0 plan
    run_bud 0 plan .
}

@test "what is no context directory is an error" {
    touch file
    run_bud 125 build nowhere
    is "${stderr_lines[0]}" "error: context nowhere: No such file or directory"
    run_bud 2 build file
    is "${stderr_lines[0]}" "error: context file is a file, not a directory"
    contains "$stderr" "bud - < FILE"
    run_bud 125 build file:///srv/app
    is "${stderr_lines[1]}" "hint: give the path of the directory itself"
    run_bud 125 build git+https://example.com/x.git
    contains "$stderr" "leave \`git+\` out"
}

@test "what cannot be a Dockerfile is an error" {
    mkdir context
    run_bud 125 build -f context context
    is "${stderr_lines[0]}" "error: context is a directory, not a Dockerfile"
    run_bud 125 build -f /dev/zero context
    contains "$stderr" "cannot read the Dockerfile"
    touch context/Containerfile.in
    run_bud 125 build -f Containerfile.in context
    is "${stderr_lines[0]}" "error: --file Containerfile.in: the C preprocessor is not done yet"
    run_bud 125 build -f https://example.com/Dockerfile context
    is "${stderr_lines[0]}" "error: https://example.com/Dockerfile: no Dockerfile is fetched from elsewhere"
    run_bud 125 build -f one -f two context
    is "${stderr_lines[0]}" "error: more than one --file is not done yet"
    run_bud 0 help build
    [[ "$(grep -A 2 -e '-f, --file' <<< "$output")" != *repeatable* ]]
}

@test "values of options are checked before anything is read" {
    run_bud 2 build --label =x .
    is "${stderr_lines[0]}" "error: --label: \`=x\` is not NAME=VALUE"
    run_bud 2 build --annotation x .
    run_bud 2 build --annotation a=b --format docker .
    is "${stderr_lines[1]}" "hint: use --format oci, or --label"
    run_bud 2 build --add-host host .
    is "${stderr_lines[0]}" "error: --add-host: \`host\` is not NAME:ADDRESS"
    run_bud 2 build --add-host host:1.2.3 .
    run_bud 125 build --add-host host:host-gateway .
    run_bud 2 build --cap-add 'net raw' .
    run_bud 2 build --timestamp 99999999999999 .
    run_bud 2 build -t 'UPPER CASE' .
    contains "$stderr" "UPPER CASE"
}

@test "an empty --file is none" {
    printf 'FROM scratch\n' > Dockerfile
    run_bud 0 build -f '' .
}

@test "a directory for --iidfile that is not there is told before the build" {
    printf 'FROM scratch\n' > Dockerfile
    run_bud 125 build --iidfile nowhere/id .
    is "${stderr_lines[0]}" "error: --iidfile nowhere/id: there is no directory nowhere"
    [ ! -e "$STORE/root" ]
}

@test "bud is build, bud bud is build, and so is buildah bud" {
    for words in "" build bud build-using-dockerfile; do
        # shellcheck disable=SC2086
        run_bud 125 $words -t x nowhere
        is "${stderr_lines[0]}" "error: context nowhere: No such file or directory"
    done
    ln -s "$BUD" buildah
    run --separate-stderr -125 ./buildah bud -t x nowhere
    is "${stderr_lines[0]}" "error: context nowhere: No such file or directory"
    run --separate-stderr -0 ./buildah bud --help
    contains "$output" "Usage: buildah build"
}
