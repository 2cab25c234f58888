#!/usr/bin/env bats
# How bud is called, and what it says to a wrong call. Nothing here needs an image.
load helper

@test "without a word, bud lists its commands" {
    run_bud 0 --help
    contains "$output" "Usage: bud [build] [OPTION...] [CONTEXT]"
    run --separate-stderr -0 "$BUD"
    for command in build plan images tag rmi inspect history import cache info version help; do
        contains "$output" "  $command "
    done
}

@test "every command tells what it does, in two ways" {
    for command in build plan images tag rmi inspect history import cache info version help; do
        run_bud 0 help "$command"
        contains "$output" "Usage: bud $command"
        local by_help=$output
        run_bud 0 "$command" --help
        is "$output" "$by_help"
    done
}

@test "help of a command of bud cache is that of bud cache" {
    local of_cache
    of_cache=$(bud help cache)
    is "$(bud help cache ls)" "$of_cache"
    run_bud 2 help plan ls
}

@test "help of plan and check has their own options, and says where those of build are" {
    for command in plan check; do
        run_bud 0 help "$command"
        contains "$output" "The options of \`bud build\` work, too, but for --check and --call: see \`bud help build\`."
        is "$(grep -c -- "--build-arg\|--network\|--memory" <<< "$output")" 0
        contains "$output" "--format FORMAT"
        contains "$output" "--root DIRECTORY"
    done
}

@test "help is on standard output and needs no store" {
    STORAGE=(--root /proc/nowhere)
    run_bud 0 build --help
    is "$stderr" ""
    contains "$output" "--build-arg NAME[=VALUE]"
    contains "$output" "\`host\` (default: it shares"
}

@test "every command has a man page" {
    for command in build plan images tag rmi inspect history import cache info version help; do
        run_bud 0 help --man "$command"
        contains "${lines[0]}" '.TH "BUD\-'
    done
    run_bud 0 help --man
    contains "${lines[0]}" '.TH BUD 1'
}

@test "the completion script is bash" {
    "$BUD" help --completion > completion
    bash -n completion
    completed() { # words, the last of them to be completed
        bash -c '. ./completion; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _bud; echo "${COMPREPLY[*]}"' bash "$@"
    }
    is "$(completed bud im)" "images import"
    is "$(completed bud build --lay)" "--layers"
    is "$(completed bud --explai)" "--explain"
    is "$(completed bud --root x im)" "images import"
    is "$(completed bud --root x cache p)" "prune"
    is "$(completed bud plan --format j)" "json"
    is "$(completed bud plan --network n)" "none"
    is "$(completed bud help ta)" "targets tag"
    is "$(completed bud build some)" ""
    is "$(completed bud cache ls --filter su)" "superseded"
    is "$(completed bud cache ls --filter kind = o)" "output"
}

@test "completion asks bud for the stages of the Dockerfile, and for the images and keys of the store" {
    "$BUD" help --completion > completion
    completed() {
        bash -c '. ./completion; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _bud; echo "${COMPREPLY[*]}"' \
            bash "$BUD" "${STORAGE[@]}" "$@"
    }
    context app <<< $'FROM scratch AS base\nCOPY completion /\nFROM base AS build\nFROM base'
    cp completion app
    is "$(completed build --target b)" "" # no Dockerfile here
    is "$(completed build app --target b)" "base build"
    is "$(completed plan -f app/Dockerfile --no-cache-filter bu)" "build"
    is "$(completed rmi a)" ""
    [ "$(id -u)" = 0 ] || skip "builds need root here"
    run_bud 0 -t apple -t registry.example.com/pear:1 app
    is "$(completed rmi a)" "apple"
    is "$(completed -t x --from r)" "registry.example.com/pear:1"
    local key
    key=$(bud cache ls -q --filter kind=copy)
    is "$(completed cache show "${key:0:4}")" "${key:0:12}"
    is "$(completed cache ls "${key:0:4}")" ""
}

@test "version" {
    run_bud 0 version
    is "$output" "bud version $(cat "$REPOSITORY/VERSION")"
    run --separate-stderr -0 "$BUD" --version
    is "$output" "bud version $(cat "$REPOSITORY/VERSION")"
    run --separate-stderr -0 "$BUD" --root x --runroot=y --version
    is "$output" "bud version $(cat "$REPOSITORY/VERSION")"
    run --separate-stderr -2 "$BUD" --root --version
    run --separate-stderr -2 "$BUD" . --version
    run_bud 0 version --json
    is "$(jq -r .version <<< "$output")" "$(cat "$REPOSITORY/VERSION")"
}

@test "global options stand before or after the command" {
    run_bud 0 images --log-level debug
    run_bud 0 --log-level=debug images
    for option in --root --runroot; do
        run_bud 2 images "$option" ''
        is "${stderr_lines[0]}" "error: $option is empty"
    done
    run_bud 2 --log-level loud images
    is "${stderr_lines[0]}" "error: --log-level: \`loud\` is no log level"
}

@test "an unknown option is an error with status 2 that names a near one" {
    run_bud 2 build --targett x .
    is "$output" ""
    is "${stderr_lines[0]}" "error: unknown option --targett"
    is "${stderr_lines[1]}" "hint: did you mean --target?"
    run_bud 2 images --nope
    is "${stderr_lines[0]}" "error: unknown option --nope"
    run_bud 2 -Z .
    is "${stderr_lines[0]}" "error: unknown option -Z"
}

@test "an option of a command beside it is told where it is" {
    run_bud 2 plan --check .
    is "${stderr_lines[0]}" "error: unknown option --check"
    is "${stderr_lines[1]}" "hint: \`bud check\` checks a Dockerfile"
    run_bud 2 plan --call targets .
    is "${stderr_lines[1]}" "hint: see \`bud check\`, \`bud targets\` and \`bud args\`"
    run_bud 2 --image-format docker .
    is "${stderr_lines[0]}" "error: unknown option --image-format"
    contains "${stderr_lines[1]}" "--format docker"
    run_bud 2 plan --cal
    is "${stderr_lines[1]}" "hint: \`bud plan --help\` lists the options"
}

@test "an abbreviated option is not understood" {
    run_bud 2 build --no-c .
    is "${stderr_lines[0]}" "error: unknown option --no-c"
    is "${stderr_lines[1]}" "hint: did you mean --no-cache?"
}

@test "a missing or malformed value is an error with status 2" {
    run_bud 2 build --target
    is "${stderr_lines[0]}" "error: --target needs a value: --target STAGE"
    run_bud 2 build --layers=perhaps .
    is "${stderr_lines[0]}" "error: --layers takes true or false, not \`perhaps\`"
    run_bud 2 build --jobs many .
    is "${stderr_lines[0]}" "error: --jobs takes a whole number, not \`many\`"
    SOURCE_DATE_EPOCH=yesterday run_bud 2 build .
    is "${stderr_lines[0]}" "error: SOURCE_DATE_EPOCH in the environment takes a whole number, not \`yesterday\`"
}

@test "a command that bud does not have is named, and the nearest one" {
    run_bud 2 push image
    is "${stderr_lines[0]}" "error: bud has no command \`push\`"
    contains "${stderr_lines[1]}" "\`podman push NAME\` sends it"
    run_bud 2 bulid -t x .
    is "${stderr_lines[1]}" "hint: did you mean the command \`build\`?"
}

@test "too few and too many arguments are errors with status 2" {
    run_bud 2 tag only-one
    is "${stderr_lines[1]}" "hint: usage: bud tag NAME NEW-NAME..."
    run_bud 2 inspect
    run_bud 2 build one two
    is "${stderr_lines[0]}" "error: \`bud build\` takes fewer arguments: \`two\` is too many"
    run_bud 2 version now
    run_bud 2 rmi
    run_bud 2 rmi --all x
    run_bud 2 info --deep
}

@test "commands of other builders are told what to use, once" {
    for word in buildx builder prune system; do
        run_bud 2 "$word" ls x
        contains "${stderr_lines[0]}" "has no command \`$word\`"
        contains "${stderr_lines[1]}" "bud "
        [[ ${stderr_lines[1]} != *"no command"* ]]
    done
}

@test "a misspelt command is taken for a context, and the command is suggested" {
    run_bud 125 imags
    is "${stderr_lines[0]}" "error: context imags: No such file or directory"
    is "${stderr_lines[1]}" "hint: did you mean the command \`images\`?"
    run_bud 125 login
    contains "${stderr_lines[1]}" "hint: bud has no command \`login\`; registries are asked by"
    run_bud 125 nothing-near
    contains "${stderr_lines[1]}" "hint: there is no such command either, \`bud help\` lists them"
    run_bud 125 some/where
    contains "${stderr_lines[1]}" "hint: the last argument is the directory"
    run_bud 2 help imags
    is "${stderr_lines[1]}" "hint: did you mean the command \`images\`?"
}

@test "options of Buildah and Docker that are not done yet are errors that say so" {
    for option in --ssh=default --all-platforms --cache-from=x --memory=1g -m1g \
        --output=type=tar --manifest=m --device=/dev/null --unsetenv=A --dns=1.1.1.1 --squash-all; do
        run_bud 125 build "$option" .
        contains "${stderr_lines[0]}" "is not done yet"
        contains "${stderr_lines[1]}" "hint: "
    done
}

@test "of options that are done in part, the rest is an error that says so" {
    for option in --network=bridge --net=private --isolation=chroot --pull --pull=always --rm=false \
        --skip-unused-stages=false --identity-label --pid=host; do
        run_bud 125 build "$option" .
        contains "${stderr_lines[0]}" "not done yet"
    done
    BUILDAH_ISOLATION=chroot run_bud 125 build .
    is "${stderr_lines[0]}" "error: BUILDAH_ISOLATION in the environment: \`chroot\` is not done yet"
}

@test "a value that does not exist is a mistake, not something to wait for" {
    for words in 'plan --format tre' 'check --format xml' 'ast --format xml' 'cache ls --sort foo' \
        'build --network foo' 'build --progress=plan' 'build --format foo' 'build --call=lint' 'build -t APP1'; do
        # shellcheck disable=SC2086
        run_bud 2 $words
        [[ $stderr != *'not done yet'* ]]
    done
    run_bud 2 plan --format tre .
    is "${stderr_lines[0]}" "error: --format: there is no \`tre\`"
    is "${stderr_lines[1]}" "hint: did you mean \`tree\`? Known: tree, json, dot, mermaid, svg, oci, docker"
}

@test "no error shows the password of a URL, wherever the word was given" {
    local url='https://me:geheim@localhost:1/r.git#main' command
    printf 'FROM %s\n' "$url" > Dockerfile
    for command in "fmt $url" "import $url" "context $url" "ast $url" "tag $url x" "plan ." \
        "build --network=$url"; do
        # shellcheck disable=SC2086 # words
        run --separate-stderr bud $command
        is "$command: ${output//geheim/SHOWN}${stderr//geheim/SHOWN}" "$command: $output$stderr"
        contains "$stderr$output" "localhost"
    done
}

@test "colours are only for terminals, and not where NO_COLOR is set" {
    run_bud 2 --nope
    [[ $stderr != *$'\033'* ]]
    unset NO_COLOR
    run_bud 2 --nope
    [[ $stderr != *$'\033'* ]]
}

@test "an output that cannot be written is an error" {
    run --separate-stderr -125 bash -c '"$1" version > /dev/full' - "$BUD"
    contains "$stderr" "standard output"
}

@test "closed standard descriptors do no harm" {
    "$BUD" version <&- 2>&-
    run -125 bash -c '"$1" version >&-' - "$BUD"
    contains "$output" "standard output"
    run -125 bash -c '"$1" version >&- 2>&-' - "$BUD"
}
