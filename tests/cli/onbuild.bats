#!/usr/bin/env bats
# ONBUILD: what a base image wants done in the images built on it.
load build_helper

# The image `trigger`, whose triggers are the lines given.
trigger() {
    { echo 'FROM busybox'; printf 'ONBUILD %s\n' "$@"; } > trigger.Dockerfile
    run_bud 0 build -t trigger -f trigger.Dockerfile .
}

@test "triggers are stored, not run, and run first in the child" {
    trigger 'RUN echo from the trigger' 'COPY child /child' 'ENV T=1' 'LABEL l=$T'
    is "$(config trigger .config.OnBuild)" '["RUN echo from the trigger","COPY child /child","ENV T=1","LABEL l=$T"]'
    run ! grep -q '^from the trigger' <<< "$stderr"
    echo child > child
    dockerfile <<'END'
FROM trigger
RUN cat /child; echo "T=$T"
END
    build
    is "$(printed)" $'from the trigger\nchild\nT=1'
    is "$(config .config.Labels.l)" 1
    is "$(config .config.OnBuild)" null
}

@test "a child without an instruction of its own runs them, too" {
    trigger 'RUN echo x > /x'
    dockerfile <<< 'FROM trigger'
    build
    is "$(contents x)" x
    is "$(config '.history[-1].created_by')" 'RUN /bin/sh -c echo x > /x # buildkit'
}

@test "an error in a trigger says whose it is: when it is parsed, planned and run" {
    local trigger
    for trigger in 'COPY nope /n' 'ENV $NO=x' 'COPY --from=nope /n /n' 'RUN exit 3' 'COPY --chown=nope c /c'; do
        trigger "$trigger"
        : > c
        dockerfile <<< 'FROM trigger'
        run bud build .
        [ "$status" -gt 0 ]
        contains "$output" "error: ONBUILD $trigger of the image trigger"
        contains "$output" " --> Dockerfile:1:1"
        contains "$output" "because: "
    done
    dockerfile <<< $'FROM scratch AS base\nONBUILD COPY nope /n\nFROM base'
    run_bud 125 plan .
    contains "$stderr" "error: ONBUILD COPY nope /n of the stage base"
    contains "$stderr" 'because: "/nope": not found in .'
}

@test "a grandchild does not run them" {
    trigger 'RUN echo once >> /times'
    dockerfile <<< 'FROM trigger'
    build
    build -f - <<< $'FROM image\nRUN cat /times'
    is "$(printed)" once
}

@test "triggers of a stage run in the stages built on it" {
    dockerfile <<'END'
FROM busybox AS base
ONBUILD RUN echo triggered
FROM base AS middle
RUN echo own
FROM middle
RUN echo last
END
    build
    is "$(grep -c '\] triggered$' <<< "$stderr")" 1
    contains "$stderr" "[middle "
}

@test "triggers do not see the child's arguments, but their own" {
    trigger 'ARG A=default' 'RUN echo "A=$A"'
    dockerfile <<< $'FROM trigger\nARG A=child\nRUN echo "then $A"'
    build
    is "$(printed)" $'A=default\nthen child'
    build --no-cache --build-arg A=given
    is "$(printed)" $'A=given\nthen given'
}

@test "COPY --from of a trigger names a stage of the child" {
    trigger 'COPY --from=assets /file /file'
    dockerfile <<'END'
FROM busybox AS assets
RUN echo asset > /file
FROM trigger
END
    build
    is "$(contents file)" asset
}

@test "an error in a trigger is told at FROM, with the trigger" {
    trigger 'COPY missing /' 'RUN exit 5'
    dockerfile <<< $'# child\nFROM trigger'
    build_fails 125
    contains "$stderr" "Dockerfile:2"
    contains "$stderr" '"/missing": not found'
    touch missing
    build_fails 5
    contains "$stderr" "Dockerfile:2"
    contains "$stderr" "exit 5"
}

@test "what no trigger can be is an error" {
    for line in 'ONBUILD ONBUILD RUN x' 'ONBUILD FROM x' 'ONBUILD MAINTAINER x' 'ONBUILD' 'ONBUILD ENV a'; do
        printf 'FROM scratch\n%s\n' "$line" > Dockerfile
        run_bud 125 build .
        contains "$stderr" "Dockerfile:2"
    done
}

@test "an image whose trigger is no instruction is an error with a place" {
    printf 'FROM scratch\nONBUILD NONSENSE x\n' > Dockerfile
    build
    bud tag image broken-trigger
    dockerfile <<< 'FROM broken-trigger'
    build_fails 125
    contains "$stderr" "Dockerfile:1"
    contains "$stderr" "NONSENSE"
}
