#!/usr/bin/env bats
# What once went wrong.
load build_helper

@test "an image gets back the manifest that its build asks for" {
    dockerfile <<< 'FROM busybox'
    run_bud 0 build -q -t plain .
    local id=$output
    run_bud 0 build -q -t annotated --annotation k=v .
    is "$output" "$id" # the config says nothing of annotations
    is "$(bud inspect annotated | jq -c .ImageAnnotations)" '{"k":"v"}'
    run_bud 0 build -q -t plain .
    is "$(bud inspect plain | jq -c .ImageAnnotations)" null
    run_bud 0 build -q --format docker -t plain .
    is "$(bud inspect plain | jq -r .ManifestType)" application/vnd.docker.distribution.manifest.v2+json
    run_bud 0 build -q -t plain .
    is "$(bud inspect plain | jq -r .ManifestType)" application/vnd.oci.image.manifest.v1+json
    run_bud 0 info --check
}
