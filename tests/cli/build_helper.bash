# For tests that build images. The current directory is the context; the store holds the image `busybox`.
load helper

setup_file() {
    make_busybox_tar
}

eval "make_$(declare -f setup)" # setup of the other helper: the store and the directory

setup() {
    [ "$(id -u)" = 0 ] || skip "containers are run as root here"
    make_setup
    mkdir "$BATS_TEST_TMPDIR/context"
    cd "$BATS_TEST_TMPDIR/context" || return 1
    BUSYBOX=$(bud import "$BUSYBOX_TAR" busybox)
}

teardown() {
    local mount
    grep -qF " $BATS_TEST_TMPDIR/" /proc/mounts || return 0
    for mount in $(awk -v dir="$BATS_TEST_TMPDIR/" 'index($2, dir) == 1 { print $2 }' /proc/mounts | sort -r); do
        umount -l "$mount" || true
    done
}

# ---- building ----

dockerfile() {
    cat > Dockerfile
}

# Builds the Dockerfile here, or that of standard input with `-f -`, as the image `image`. What RUN printed is in $stderr.
build() { # options
    run_bud 0 build -t image "$@" .
}

# The lines that RUN printed in a build of one stage: what is neither the announcement of a step nor a remark on it.
printed() {
    grep -vE '^\[[^]]*[0-9]+/[0-9]+\] |^(warning|built|tagged|committed): |^writing ' <<< "$stderr" || true
}

# For builds that must fail with status $1: nothing they made may be visible, and the store must be sound.
build_fails() { # $1: status; the rest: options
    local wanted=$1 images
    shift
    images=$(< "$STORE/root/overlay-images/images.json")
    run_bud "$wanted" build -t broken "$@" .
    local said=$output complained=$stderr
    is "$said" ""
    is "$(< "$STORE/root/overlay-images/images.json")" "$images"
    run_bud 0 info --check
    is "$(find "$STORE/root/bud/builds" "$STORE/run/bud" -mindepth 1 2>/dev/null)" ""
    output=$said stderr=$complained
    mapfile -t stderr_lines <<< "$stderr"
}

# ---- looking at images ----

# The value of the jq filter $2 (default: all of it) in the configuration of the image $1 (default: `image`), on one line a value.
config() {
    local image=image
    if [ $# = 2 ]; then
        image=$1
        shift
    fi
    bud inspect "$image" | jq -rc ".Config | fromjson | ${1:-.}"
}

image_id() { # $1: name, default `image`
    local ids
    ids=$(bud images -q --no-trunc "${1:-image}") || return 1
    ids=${ids%%$'\n'*}
    echo "${ids#sha256:}"
}

# The directories of the layers of image $1, the top one first, read from the store's own tables as Podman would.
layer_directories() {
    local layer
    jq -r --arg id "$(image_id "$1")" --slurpfile images "$STORE/root/overlay-images/images.json" '
        . as $layers | $images[0][] | select(.id == $id) | .layer // empty
        | recurse(. as $id | $layers[] | select(.id == $id) | .parent // empty)' \
        "$STORE/root/overlay-layers/layers.json" |
        while read -r layer; do
            echo "$STORE/root/overlay/$layer/diff"
        done
}

# Mounts the files of the image $1 (default: `image`); $ROOTFS is where. Nothing can be written there.
look_into() {
    local directories
    ROOTFS=$(mktemp -d "$BATS_TEST_TMPDIR/rootfs.XXXX")
    # A read-only overlay has at least two layers.
    mkdir -p "$BATS_TEST_TMPDIR/none/1" "$BATS_TEST_TMPDIR/none/2"
    directories=$(layer_directories "${1:-image}" | tr '\n' ':')
    mount -t overlay -o "ro,lowerdir=$directories$BATS_TEST_TMPDIR/none/1:$BATS_TEST_TMPDIR/none/2" overlay "$ROOTFS"
}

# What the image `image` holds at the paths given and below, sorted: a line for each with path, type, mode, owner and, of a
# link, its target. Types are those of find(1): f file, d directory, l link, p fifo.
entries() {
    look_into
    (cd "$ROOTFS" && find "${@#/}" ! -path . \( -type l -printf '%p l %U:%G -> %l\n' -o -printf '%p %y %m %U:%G\n' \) | LC_ALL=C sort)
    umount "$ROOTFS"
}

# The same must be what stands on standard input.
holds() { # paths
    is "$(entries "$@")" "$(cat)"
}

# Contents of the file $1 of the image `image`.
contents() {
    look_into
    cat "$ROOTFS/$1"
    umount "$ROOTFS"
}

has_file() {
    look_into
    [ -e "$ROOTFS/$1" ] || [ -L "$ROOTFS/$1" ]
    local status=$?
    umount "$ROOTFS"
    return $status
}

# ---- somebody without root ----

# Makes a place for the user 54321, who is nowhere in /etc: a home directory to write to, and the program.
make_somebody() {
    chmod 755 "$BATS_RUN_TMPDIR" "$BATS_TEST_TMPDIR/.." "$BATS_TEST_TMPDIR" .
    mkdir -p "$BATS_TEST_TMPDIR/home" "$BATS_TEST_TMPDIR/program"
    cp "$BUD" "$BATS_TEST_TMPDIR/program/bud"
    chown 54321:54321 "$BATS_TEST_TMPDIR/home"
}

as_somebody() { # command
    env -u XDG_RUNTIME_DIR HOME="$BATS_TEST_TMPDIR/home" setpriv --reuid 54321 --regid 54321 --clear-groups "$@"
}

# ---- plans ----

# The line of `bud plan` for the step whose text begins with $1: its state, and why.
step() {
    bud plan --format json "${PLAN_OPTIONS[@]}" . | jq -r --arg text "$1" '
        [.steps[] | select(.text | startswith($text))][0]
        | if .state == "hit" then "hit" else "\(.state): \(.reason)" end'
}
