/* Which steps a Dockerfile becomes, and which errors it has; `source` names the section the row is from. */
#include "tests/unit/planner_fixture.h"

struct row {
    const char *source;
    const char *dockerfile;
    const char *target;
    const char *plan;  /* what describe() makes of it; NULL: not looked at */
    const char *error; /* "LINE: message | hint"; NULL: none */
};

static const struct row rows[] = {
    { "stages 9.1", "FROM scratch AS A\nRUN 1\nFROM a\nRUN 2\n", NULL,
      "0 a/1 exec RUN 1\n1 stage-1/1 exec RUN 2 <0\n2 image <1\n", NULL },
    { "stages 9.2", "FROM scratch AS A\nRUN 1\nFROM A\n", NULL, "0 a/1 exec RUN 1\n1 image <0\n",
      NULL },
    { "stages 9.3", "FROM scratch AS x\nRUN 1\nFROM scratch AS x\nRUN 2\nFROM x\nRUN 3\n", NULL,
      "0 x/1 exec RUN 2\n1 stage-2/1 exec RUN 3 <0\n2 image <1\nskip x:1\n", NULL },
    { "stages 9.4", "FROM scratch\nFROM 0\n", NULL, NULL,
      "2: there is no image 0 in the store STORE | `podman pull 0` fetches it, `bud import FILE 0` "
      "makes "
      "it from a "
      "root file system" },
    { "stages 9.5", "FROM scratch\nRUN 1\nFROM scratch\nCOPY --from=0 /m /\n", NULL,
      "0 stage-0/1 exec RUN 1\n1 stage-1/1 file COPY --from=0 /m / (stage stage-0=0)\n2 image <1\n",
      NULL },
    { "stages 9.6", "FROM scratch\nCOPY --from=0 /m /\n", NULL, NULL,
      "2: circular dependency detected on stage: 0 | a stage cannot read its own files this way; "
      "leave --from "
      "out or name an earlier stage" },
    { "stages 9.7", "FROM scratch AS x\nRUN 1\nFROM scratch AS y\nRUN false\nFROM x\n", NULL,
      "0 x/1 exec RUN 1\n1 image <0\nskip y:3\n", NULL },
    { "stages 9.8", "FROM scratch AS build\n", "0", NULL,
      ": target stage \"0\" could not be found | stages with a name: build" },
    { "stages 4 target suggestion", "FROM scratch AS build\n", "biuld", NULL,
      ": target stage \"biuld\" could not be found | did you mean build?" },
    { "stages 9.9",
      "FROM scratch AS target\nCOPY --from=build /x /\nFROM scratch AS build\nFROM target\n", NULL,
      NULL,
      "2: cannot copy from stage \"build\", it needs to be defined before current stage \"target\" "
      "| move the "
      "stage (line 3) above this one" },
    { "stages 4 cycle", "FROM scratch AS a\nCOPY --from=b /x /\nFROM a AS b\nFROM b\n", NULL, NULL,
      "2: circular dependency detected on stage: b | a (line 1) → b (line 3) → a" },
    { "stages 3 forward mount",
      "FROM scratch AS a\nRUN --mount=from=b,target=/t x\nFROM scratch AS b\nFROM a\n", NULL, NULL,
      "2: cannot mount from stage \"b\", stage needs to be defined before current command | move "
      "the stage "
      "(line 3) above this one" },
    { "stages 9.10",
      "FROM scratch AS STAge0\nRUN 1\nFROM scratch AS Stage1\nCOPY --from=staGE0 /a /\nFROM "
      "scratch\n",
      "Stage1",
      "0 stage0/1 exec RUN 1\n1 stage1/1 file COPY --from=staGE0 /a / (stage stage0=0)\n2 image "
      "<1\nskip "
      "stage-2:5\n",
      NULL },
    { "stages 9.11", "FROM scratch\nCOPY --from=layers /etc/passwd /x\n", NULL,
      "0 stage-0/0 source image layers\n1 stage-0/1 file COPY --from=layers /etc/passwd /x (image "
      "layers=0)\n2 "
      "image <1\n",
      NULL },
    { "stages 9.12", "FROM scratch AS layers\nRUN 1\nFROM scratch\nCOPY --from=layers /a /\n", NULL,
      "0 layers/1 exec RUN 1\n1 stage-1/1 file COPY --from=layers /a / (stage layers=0)\n2 image "
      "<1\n",
      NULL },
    { "stages 9.13", "FROM triggers\n", NULL,
      "0 stage-0/1 source FROM triggers\n1 stage-0/2 exec ONBUILD RUN one <0\n2 stage-0/3 exec "
      "ONBUILD RUN $TWO "
      "<1\n3 image "
      "<2\n",
      NULL },
    { "stages 9.14", "FROM scratch AS base\nONBUILD RUN t\nFROM base AS m\nFROM m\nRUN u\n", NULL,
      "0 m/1 exec ONBUILD RUN t\n1 stage-2/1 exec RUN u <0\n2 image <1\n", NULL },
    { "stages 9.17", "FROM scratch\n", NULL, "0 image\n", NULL },
    { "stages 9.18", "FROM --platform=$BUILDPLATFORM layers\nRUN 1\n", NULL,
      "0 stage-0/1 source FROM --platform=$BUILDPLATFORM layers\n1 stage-0/2 exec RUN 1 <0\n2 "
      "image <1\n",
      NULL },
    { "stages 7 other platform", "FROM --platform=linux/riscv64 layers\n", NULL, NULL,
      "1: no image layers for platform linux/riscv64 is stored | the stored one is for "
      "linux/amd64; `podman pull "
      "--platform linux/riscv64 layers` fetches the other" },
    { "stages 7 bad platform", "FROM --platform=a/b/c/d scratch\nFROM scratch\n", NULL, NULL,
      "1: failed to parse platform a/b/c/d: more than three parts | write "
      "os/architecture[/variant], for "
      "example linux/arm64" },
    { "stages 7 empty platform", "ARG P\nFROM --platform=$P scratch\n", NULL, NULL,
      "2: empty platform value from expression $P | declare the ARG before the first FROM, or give "
      "it with "
      "--build-arg" },
    { "stages 8 blank base", "ARG X\nFROM $X\n", NULL, NULL,
      "2: base name ($X) should not be blank | declare the ARG with a default before the first "
      "FROM, or give it "
      "with --build-arg" },
    { "stages 8 bad index", "FROM scratch\nFROM scratch\nCOPY --from=7 /m /\n", NULL, NULL,
      "3: invalid stage index 7 | stages before this one have the numbers 0 to 0" },
    { "stages 4 missing base of a stage nobody needs", "FROM nowhere AS x\nFROM scratch\n", NULL,
      "0 image\nskip x:1\n", NULL },
    { "stages 2 image missing", "FROM scratch AS builder\nFROM bulder\n", NULL, NULL,
      "2: there is no image bulder in the store STORE | did you mean the stage builder? Otherwise "
      "`podman pull bulder` "
      "fetches the image and `bud import FILE bulder` makes one" },
    { "stages 1 FROM of a later stage", "FROM later AS x\nRUN 1\nFROM scratch AS Later\nFROM x\n",
      NULL, NULL,
      "1: there is no image later in the store STORE | FROM names stages before it only: move the "
      "stage "
      "later (line 3) above this one" },
    { "stages 1 FROM of each other", "FROM b AS a\nFROM a AS b\n", NULL, NULL,
      "1: there is no image b in the store STORE | FROM names stages before it only, and the later "
      "stage "
      "b needs this one: a (line 1) → b (line 2) → a" },
    { "stages 3 unknown origin", "FROM scratch\nCOPY --from=nowhere /a /\n", NULL, NULL,
      "2: there is no stage nowhere before this one, and no such image in the store STORE | "
      "`podman pull "
      "nowhere` fetches an image; a build context of that name: --build-context "
      "nowhere=DIRECTORY" },
    { "stages 6.3 trigger copies from a stage",
      "FROM scratch AS src\nRUN 1\nFROM scratch AS base\nONBUILD COPY "
      "--from=src /a /\nFROM base\n",
      NULL,
      "0 src/1 exec RUN 1\n1 stage-2/1 file ONBUILD COPY --from=src /a / (stage src=0)\n2 image "
      "<1\n",
      NULL },
    { "stages 6.3 bad trigger", "FROM scratch AS base\nONBUILD ENV $NO=x\nFROM base\n", NULL, NULL,
      "3: ONBUILD ENV $NO=x of the stage base" },
    { "files 4 WORKDIR", "FROM scratch\nUSER web\nWORKDIR /a\nWORKDIR b\n", NULL,
      "0 stage-0/1 file WORKDIR /a >/a @web\n1 stage-0/2 file WORKDIR b >/a/b @web <0\n2 image "
      "<1\n",
      NULL },
    { "files 1 destinations",
      "FROM scratch AS x\nFROM scratch\nWORKDIR /w\nCOPY --from=x a .\nCOPY --from=x a b/\nCOPY "
      "--from=x a b/../c/.\n"
      "COPY --from=x a ../../d\nCOPY --from=x a /e/\nCOPY --from=x a $empty\n",
      NULL,
      "0 stage-1/1 file WORKDIR /w >/w\n1 stage-1/2 file COPY --from=x a . >/w/ (stage x) <0\n2 "
      "stage-1/3 file COPY "
      "--from=x a b/ >/w/b/ (stage x) <1\n3 stage-1/4 file COPY --from=x a b/../c/. >/w/c/ (stage "
      "x) <2\n4 "
      "stage-1/5 file COPY --from=x a ../../d >/d (stage x) <3\n5 stage-1/6 file COPY --from=x a "
      "/e/ >/e/ (stage "
      "x) <4\n6 stage-1/7 file COPY --from=x a $empty >/w/ (stage x) <5\n7 image <6\n",
      NULL },
    { "files 3.2 ADD of a URL", "FROM scratch\nADD https://h/f /x\n", NULL, NULL,
      "2: ADD of a URL is not supported: https://h/f | download it before the build and COPY the "
      "file, or use "
      "`RUN curl -fsSLO URL` in a stage that has curl" },
    { "files 3.3 ADD of a repository", "FROM scratch\nADD git@github.com:o/r /x\n", NULL, NULL,
      "2: ADD of a git repository is not supported: git@github.com:o/r | clone it before the build "
      "and COPY the "
      "directory, or use `RUN git clone` in a stage that has git" },
    { "dockerfile 6 COPY of a URL", "FROM scratch\nARG U=http://h/f\nCOPY $U /x\n", NULL, NULL,
      "3: source can't be a URL for COPY | download it before the build and COPY the file, or use "
      "`RUN curl "
      "-fsSLO URL` in a stage that has curl" },
    { "dockerfile 6 security", "FROM scratch\nRUN --security=insecure x\n", NULL, NULL,
      "2: RUN --security=insecure needs a grant that this build does not have | remove the flag; "
      "single "
      "capabilities can be given with --cap-add" },
    { "a cache that begins with nothing",
      "FROM scratch\nRUN --mount=type=cache,target=/c,source=d x\n", NULL, NULL,
      "2: the source of a cache mount needs a from | add from=STAGE, or leave source out: a new "
      "cache "
      "is empty then" },
    { "dockerfile 6 mount target", "FROM scratch\nRUN --mount=from=x x\n", NULL, NULL,
      "2: invalid mount target \"/\" | add target=/path" },
    { "dockerfile 6 mount key", "FROM scratch\nRUN --mount=type=cache,tagret=/a x\n", NULL, NULL,
      "2: unexpected key 'tagret' in 'tagret=/a' | did you mean target?" },
    { "dockerfile 6 mount size", "FROM scratch\nRUN --mount=target=/a,size=1 x\n", NULL, NULL,
      "2: unexpected key 'size' for mount type 'bind' | it belongs to tmpfs mounts, and `type=` "
      "comes before it" },
    { "dockerfile 6 mount size first", "FROM scratch\nRUN --mount=size=1,type=tmpfs,target=/a x\n",
      NULL, NULL,
      "2: unexpected key 'size' for mount type 'bind' | it belongs to tmpfs mounts, and `type=` "
      "comes before it" },
    { "dockerfile 6 mount required", "FROM scratch\nRUN --mount=type=cache,required,target=/a x\n",
      NULL, NULL,
      "2: unexpected key 'required' for mount type 'cache' | it belongs to secret and ssh mounts, "
      "and `type=` comes before it" },
    { "dockerfile 6 mount required value",
      "FROM scratch\nRUN --mount=type=secret,id=a,required=x x\n", NULL, NULL,
      "2: invalid value for required: x | write true or false" },
    { "dockerfile 6 mount sharing", "FROM scratch\nRUN --mount=type=ssh,sharing=locked x\n", NULL,
      NULL,
      "2: invalid cache sharing set for ssh mount | leave it out: it belongs to cache mounts" },
    { "dockerfile 6 mount ssh source", "FROM scratch\nRUN --mount=type=ssh,source=/a x\n", NULL,
      NULL,
      "2: ssh does not support source | leave it out: id=NAME says which --ssh of the command "
      "line" },
    { "dockerfile 6 mount secret from", "FROM scratch\nRUN --mount=type=secret,id=a,from=b x\n",
      NULL, NULL,
      "2: secret mount should not have a from | leave it out: id=NAME says which --secret of the "
      "command line" },
    { "dockerfile 6 mount secret two", "FROM scratch\nRUN --mount=type=secret,id=a,source=b x\n",
      NULL, NULL, "2: both source and id can't be set | keep id: they mean the same" },
    { "dockerfile 6 mount secret none", "FROM scratch\nRUN --mount=type=secret x\n", NULL, NULL,
      "2: invalid secret mount. one of source, target required | add id=NAME" },
    { "dockerfile 6 mount secret env", "FROM scratch\nRUN --mount=type=secret,id=a,env= x\n", NULL,
      NULL, "2: the env of a secret mount needs a name | write env=NAME" },
    { "dockerfile 6 mount env", "FROM scratch\nRUN --mount=type=cache,target=/a,env=b x\n", NULL,
      NULL,
      "2: env not allowed for \"cache\" type mounts | leave it out: it belongs to secret mounts" },
    { "dockerfile 6 mount uid", "FROM scratch\nRUN --mount=type=bind,target=/a,uid=1 x\n", NULL,
      NULL,
      "2: uid not allowed for \"bind\" type mounts | leave it out: it belongs to cache, secret and "
      "ssh mounts" },
    { "dockerfile 6 mount tmpfs mode",
      "FROM scratch\nRUN --mount=type=tmpfs,target=/a,mode=755 x\n", NULL, NULL,
      "2: mode not allowed for \"tmpfs\" type mounts | leave it out: it belongs to cache, secret "
      "and ssh mounts" },
    { "dockerfile 6 mount no value", "FROM scratch\nRUN --mount=type=cache,target x\n", NULL, NULL,
      "2: invalid field 'target' must be a key=value pair | write target=VALUE" },
    { "dockerfile 6 mount no key", "FROM scratch\nRUN --mount=type=cache,/root/.cache x\n", NULL,
      NULL,
      "2: invalid field '/root/.cache' must be a key=value pair | the keys are type, from, source, "
      "target, readonly, readwrite, id, sharing, size, mode, uid, gid, required and env" },
    { "dockerfile 6 mount ssh",
      "FROM scratch\nRUN --mount=type=ssh,id=a,required,mode=600,uid=1 x\n", NULL, NULL,
      "2: RUN --mount=type=ssh is not supported | give the key with --mount=type=secret and "
      "--secret, or the agent's socket with --volume $SSH_AUTH_SOCK:/agent" },
    { "dockerfile 6 mount mode", "FROM scratch\nRUN --mount=type=cache,target=/a,mode=9 x\n", NULL,
      NULL, "2: invalid value for mode: 9 | write an octal number" },
    { "dockerfile 6 chmod", "FROM scratch AS x\nFROM scratch\nCOPY --from=x --chmod=64a a /\n",
      NULL, NULL,
      "3: invalid chmod parameter: '64a'. it should be octal string and between 0 and 07777 | "
      "write it as 0644 or as u=rw,go=r" },
    { "stages that begin alike share their steps",
      "FROM layers AS a\nRUN 1\nCOPY --from=layers /e /f\nRUN 2\nFROM layers AS b\nRUN 1\nCOPY "
      "--from=layers /e "
      "/f\nRUN 3\nCOPY --from=a /x /y\n",
      NULL,
      "0 a/1 source FROM layers AS a\n1 a/2 exec RUN 1 <0\n2 a/3 file COPY --from=layers /e /f "
      "(image layers=0) <1\n3 "
      "a/4 exec RUN 2 <2\n4 b/4 exec RUN 3 <2\n5 b/5 file COPY --from=a /x /y (stage a=3) <4\n6 "
      "image <5\n",
      NULL },
    { "other variables, other step",
      "FROM scratch AS a\nRUN 1\nFROM scratch\nENV A=1\nRUN 1\nCOPY --from=a / /\n", NULL,
      "0 a/1 exec RUN 1\n1 stage-1/1 exec RUN 1\n2 stage-1/2 file COPY --from=a / / (stage a=0) "
      "<1\n3 image <2\n",
      NULL },
    { "stages 6.3 target in the middle", "FROM scratch AS a\nRUN 1\nFROM a AS b\nRUN 2\n", "a",
      "0 a/1 exec RUN 1\n1 image <0\nskip b:3\n", NULL },
};

static void describe(const struct plan *plan, struct buf *out) {
    static const char *const kinds[] = { "source", "exec", "file", "image" };
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct step *step = plan->steps[i];
        buf_printf(out, "%u ", step->id);
        if (step->kind != STEP_IMAGE) {
            buf_printf(out, "%.*s/%u ", STR_ARG(step->stage->label), step->number);
        }
        buf_append_c(out, kinds[step->kind]);
        if (step->kind != STEP_IMAGE) {
            buf_printf(out, " %.*s", STR_ARG(step->text));
        }
        if (step->kind == STEP_FILE &&
            (step->file.kind == FILE_DIRECTORY || strstr(step->text.data, "=x "))) {
            buf_printf(out, " >%.*s", STR_ARG(step->file.destination));
            if (step->file.chown.len > 0) {
                buf_printf(out, " @%.*s", STR_ARG(step->file.chown));
            }
        }
        for (size_t j = 0; j < step->input_count; j++) {
            buf_printf(out, " (%.*s", STR_ARG(step->inputs[j].label));
            if (step->inputs[j].step) {
                buf_printf(out, "=%u", step->inputs[j].step->id);
            }
            buf_append_byte(out, ')');
        }
        if (step->parent) {
            buf_printf(out, " <%u", step->parent->id);
            assert_true(step->parent->id < step->id);
        }
        buf_append_byte(out, '\n');
    }
    for (size_t i = 0; i < plan->skipped_count; i++) {
        buf_printf(out, "skip %.*s:%u\n", STR_ARG(plan->skipped[i].label), plan->skipped[i].line);
    }
}

/* What is another one each time: WHAT becomes NAME. */
static char *replace(struct fixture *fixture, const char *text, const char *what,
                     const char *name) {
    struct buf out = BUF_INIT;
    const char *found;
    for (; (found = strstr(text, what)) != NULL; text = found + strlen(what)) {
        buf_append(&out, text, (size_t)(found - text));
        buf_append_c(&out, name);
    }
    buf_append_c(&out, text);
    char *copy = arena_strdup(&fixture->arena, out.data);
    buf_free(&out);
    return copy;
}

static int check_error(struct fixture *fixture, const struct row *row, const struct error *error) {
    _cleanup_buf_ struct buf text = BUF_INIT;
    if (error->place.file) {
        buf_printf(&text, "%u", error->place.line_number);
    }
    buf_printf(&text, ": %s", error->message);
    if (error->hint) {
        buf_printf(&text, " | %s", error->hint);
    }
    const char *found = replace(fixture, text.data, fixture->store->podman, "podman");
    found = replace(fixture, found, fixture->store->root, "STORE");
    if (!row->error || strcmp(row->error, found) != 0) {
        print_error("%s: error\n%s\nwanted\n%s\n", row->source, found,
                    row->error ? row->error : "none");
        return 1;
    }
    return 0;
}

static int check_row(struct fixture *fixture, const struct row *row) {
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct plan *plan;
    fixture->request.target = row->target;
    if (fixture_plan(fixture, row->dockerfile, &plan, &error)) {
        return check_error(fixture, row, &error);
    }
    describe(plan, &text);
    plan_free(plan);
    if (row->error || !row->plan || strcmp(row->plan, text.data) != 0) {
        print_error("%s: plan\n%swanted\n%s\n", row->source, text.data,
                    row->error ? row->error : row->plan);
        return 1;
    }
    return 0;
}

static void add_images(struct fixture *fixture) {
    fixture_image(
        fixture, "triggers",
        "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"OnBuild\":[\"RUN one\","
        "\"ENV TWO=2\",\"RUN $TWO\"]},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}");
    fixture_image(fixture, "arm",
                  "{\"architecture\":\"arm64\",\"os\":\"linux\",\"config\":{},"
                  "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}");
    fixture_layer_image(fixture, "layers");
}

static void test_rows(void **state) {
    struct fixture *fixture = *state;
    add_images(fixture);
    int failures = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        failures += check_row(fixture, &rows[i]);
    }
    assert_int_equal(0, failures);
}

/* ---- what the command line says of stages ---- */

struct option_row {
    const char *source;
    const char *contexts; /* "A=x B=y" */
    const char *from;
    const char *platforms; /* "linux/amd64 linux/arm64" */
    const char *uncached;
    struct row row;
    const char *warning; /* a part of the first one, NULL: none */
};

static const struct option_row option_rows[] = {
    { "stages 9.19",
      "alpine=docker-image://layers",
      NULL,
      NULL,
      NULL,
      { "", "FROM alpine\n", NULL,
        "0 stage-0/1 source FROM alpine (build context docker-image://layers)\n1 image <0\n",
        NULL },
      NULL },
    { "stages 5 names are normalised",
      "docker.io/library/alpine:latest=docker-image://layers",
      NULL,
      NULL,
      NULL,
      { "", "FROM scratch\nCOPY --from=alpine /etc /e\n", NULL,
        "0 stage-0/0 source image layers\n1 stage-0/1 file COPY --from=alpine /etc /e (image "
        "alpine=0)\n2 image <1\n",
        NULL },
      NULL },
    { "stages 5 another tag is another name",
      "alpine:3=docker-image://layers",
      NULL,
      NULL,
      NULL,
      { "", "FROM alpine:4\n", NULL, NULL,
        "1: there is no image alpine:4 in the store STORE | did you mean the build context "
        "alpine:3? "
        "Otherwise `podman pull alpine:4` fetches it" },
      NULL },
    { "stages 9.20",
      "base=CONTEXT",
      NULL,
      NULL,
      NULL,
      { "", "FROM nowhere AS base\nRUN 1\nFROM base\nRUN 2\n", NULL,
        "0 base/1 file FROM nowhere AS base (build context CONTEXT) (context base)\n1 stage-1/1 "
        "exec "
        "RUN 2 <0\n2 image <1\n",
        NULL },
      NULL },
    { "stages 3 a stage comes before a context, which replaced it",
      "x=CONTEXT",
      NULL,
      NULL,
      NULL,
      { "", "FROM nowhere AS x\nFROM scratch\nCOPY --from=x . /a/\n", NULL,
        "0 x/1 file FROM nowhere AS x (build context CONTEXT) (context x)\n1 stage-1/1 file COPY "
        "--from=x . /a/ >/a/ (stage x=0)\n2 image <1\n",
        NULL },
      NULL },
    { "stages 5 docker-image://scratch",
      "alpine=docker-image://scratch",
      NULL,
      NULL,
      NULL,
      { "", "FROM alpine\nRUN --mount=from=alpine,target=/m 1\n", NULL,
        "0 stage-0/1 exec RUN --mount=from=alpine,target=/m 1 (scratch)\n1 image <0\n", NULL },
      NULL },
    { "stages 5 a directory for a mount",
      "src=CONTEXT",
      NULL,
      NULL,
      NULL,
      { "", "FROM scratch\nRUN --mount=from=src,target=/m 1\n", NULL,
        "0 stage-0/1 exec RUN --mount=from=src,target=/m 1 (context src)\n1 image <0\n", NULL },
      NULL },
    { "stages 5 target:",
      "alpine=target:b",
      NULL,
      NULL,
      NULL,
      { "", "FROM scratch AS b\nRUN 1\nFROM alpine\nCOPY --from=alpine /a /b\n", NULL,
        "0 b/1 exec RUN 1\n1 stage-1/1 file COPY --from=alpine /a /b (stage b=0) <0\n2 image <1\n",
        NULL },
      NULL },
    { "stages 5 target: of a later stage",
      "x=target:b",
      NULL,
      NULL,
      NULL,
      { "", "FROM scratch AS a\nCOPY --from=x /a /b\nFROM a AS b\n", NULL, NULL,
        "2: circular dependency detected on stage: b | a (line 1) → b (line 3) → a" },
      NULL },
    { "stages 5 target: of no stage",
      "x=target:bb",
      NULL,
      NULL,
      NULL,
      { "", "FROM scratch AS b\nFROM x\n", NULL, NULL,
        "2: build context x: there is no stage bb here | did you mean b?" },
      NULL },
    { "stages 5 for one platform",
      "alpine=docker-image://scratch alpine::linux/riscv64=docker-image://layers "
      "alpine::arm64=CONTEXT",
      NULL,
      "linux/arm64",
      NULL,
      { "", "FROM alpine\n", NULL,
        "0 stage-0/1 file FROM alpine (build context CONTEXT) (context alpine::arm64)\n1 image "
        "<0\n",
        NULL },
      NULL },
    { "stages 5 the platform is that of the FROM",
      "alpine=docker-image://scratch alpine::linux/amd64=docker-image://layers "
      "alpine::linux/arm64=docker-image://arm",
      NULL,
      "linux/arm64",
      NULL,
      { "",
        "FROM --platform=linux/amd64 alpine AS tool\nRUN 1\nFROM alpine\nCOPY --from=tool /a /b\n",
        NULL,
        "0 tool/1 source FROM --platform=linux/amd64 alpine AS tool (build context "
        "docker-image://layers)\n1 tool/2 exec RUN 1 <0\n2 stage-1/1 source FROM alpine (build "
        "context docker-image://arm)\n3 stage-1/2 file COPY --from=tool /a /b (stage tool=1) "
        "<2\n4 image <3\n",
        NULL },
      NULL },
    { "stages 5 a stage is replaced for the platform of its FROM",
      "s::linux/arm64=CONTEXT",
      NULL,
      "linux/arm64",
      NULL,
      { "", "FROM --platform=linux/amd64 scratch AS s\nRUN 1\n", NULL,
        "0 s/1 exec RUN 1\n1 image <0\n", NULL },
      NULL },
    { "stages 5 of --from the platform is that of the build",
      "alpine::linux/amd64=docker-image://layers alpine::linux/arm64=CONTEXT",
      NULL,
      "linux/arm64",
      NULL,
      { "", "FROM --platform=linux/amd64 scratch\nCOPY --from=alpine . /b/\n", NULL,
        "0 stage-0/1 file COPY --from=alpine . /b/ (context alpine::linux/arm64)\n1 image <0\n",
        NULL },
      NULL },
    { "stages 5 bad name",
      "Alpine=CONTEXT",
      NULL,
      NULL,
      NULL,
      { "", "FROM scratch\n", NULL, NULL,
        ": invalid context name Alpine | it is the name of an image or a stage, in lower case: "
        "--build-context NAME=VALUE" },
      NULL },
    { "stages 5 reserved name",
      "scratch=CONTEXT",
      NULL,
      NULL,
      NULL,
      { "", "FROM scratch\n", NULL, NULL,
        ": invalid context name scratch | what `scratch` and `context` mean cannot be replaced" },
      NULL },
    { "stages 5 bad value",
      "a=docker-image://A",
      NULL,
      NULL,
      NULL,
      { "", "FROM scratch\n", NULL, NULL,
        ": invalid context specifier docker-image://A for a | what follows :// is the name of an "
        "image" },
      NULL },
    { "stages 5 unknown scheme",
      "a=ftp://h/x",
      NULL,
      NULL,
      NULL,
      { "", "FROM scratch\n", NULL, NULL,
        ": unsupported context source ftp for a | known are directories, http:// and "
        "https://, repositories of git, docker-image:// and oci-layout://" },
      NULL },
    { "stages 5 remote, and not fetched",
      "a=https://u:p@h/x.git",
      NULL,
      NULL,
      NULL,
      { "", "FROM scratch\n", NULL, NULL,
        ": build context a: https://h/x.git is not fetched here | `bud build` and `bud plan` do "
        "that" },
      NULL },
    { "a context nobody uses",
      "a=CONTEXT",
      NULL,
      NULL,
      NULL,
      { "", "FROM scratch\n", NULL, "0 image\n", NULL },
      "build context a is not used" },
    { "--from",
      NULL,
      "layers",
      NULL,
      NULL,
      { "", "ARG NO\nFROM $NO AS a\nRUN 1\nFROM scratch\nCOPY --from=a / /\n", NULL,
        "0 a/1 source FROM $NO AS a (--from layers)\n1 a/2 exec RUN 1 <0\n2 stage-1/1 file COPY "
        "--from=a / / (stage a=1)\n3 image <2\n",
        NULL },
      NULL },
    { "--from of what is not stored",
      NULL,
      "layer",
      NULL,
      NULL,
      { "", "FROM x\n", NULL, NULL,
        "1: there is no image layer in the store STORE | did you mean the image layers? Otherwise "
        "`podman "
        "pull layer` fetches it" },
      NULL },
    { "stages 7 several platforms share what they can",
      NULL,
      NULL,
      "linux/amd64 linux/arm64",
      NULL,
      { "",
        "FROM --platform=linux/amd64 layers AS t\nRUN 1\nFROM scratch\nARG TARGETARCH\nCOPY "
        "--from=t $TARGETARCH /x\n",
        NULL,
        "0 linux/amd64 t/1 source FROM --platform=linux/amd64 layers AS t\n1 linux/amd64 t/2 exec "
        "RUN "
        "1 <0\n2 linux/amd64 stage-1/1 file COPY --from=t $TARGETARCH /x (stage linux/amd64 "
        "t=1)\n3 "
        "image <2\n4 linux/arm64 stage-1/1 file COPY --from=t $TARGETARCH /x (stage linux/arm64 "
        "t=1)\n5 image <4\n",
        NULL },
      NULL },
    { "stages 7 no image for the platform",
      NULL,
      NULL,
      "linux/arm/v7",
      NULL,
      { "", "FROM layers\n", NULL, NULL,
        "1: no image layers for platform linux/arm/v7 is stored | the stored one is for "
        "linux/amd64; "
        "`podman pull --platform linux/arm/v7 layers` fetches the other" },
      NULL },
    { "stages 7 an older generation will do",
      NULL,
      NULL,
      "linux/amd64/v3",
      NULL,
      { "", "FROM layers\n", NULL, "0 stage-0/1 source FROM layers\n1 image <0\n", NULL },
      NULL },
    { "files for another machine",
      NULL,
      NULL,
      "linux/arm64",
      NULL,
      { "", "FROM scratch\nCOPY --from=layers /a /b\n", NULL, NULL, NULL },
      "files are copied from layers, an image for linux/amd64, in a build for linux/arm64" },
    { "files for another machine than that of the build, though it is that of the stage",
      NULL,
      NULL,
      "linux/arm64",
      NULL,
      { "", "FROM --platform=linux/amd64 layers\nRUN --mount=from=layers,target=/m 1\n", NULL, NULL,
        NULL },
      "files are copied from layers, an image for linux/amd64, in a build for linux/arm64" },
    { "a stage that --no-cache-filter does not find",
      NULL,
      NULL,
      NULL,
      "bild",
      { "", "FROM scratch AS build\n", NULL, "0 image\n", NULL },
      "there is no stage bild (did you mean build?)" },
};

static void set_options(struct fixture *fixture, const struct option_row *row) {
    struct plan_request *request = &fixture->request;
    struct arena *arena = &fixture->arena;
    struct str rest = str_of(row->contexts), item, name;
    request->build_contexts = (struct name_values){ 0 };
    while (row->contexts && str_split(&rest, ' ', &item)) {
        str_split(&item, '=', &name);
        bool is_directory = str_equal_c(item, "CONTEXT");
        name_values_set(&request->build_contexts, arena, name,
                        is_directory ? str_of(fixture->context) : item);
    }
    request->from = row->from;
    request->uncached_stages = (struct str_list){ 0 };
    if (row->uncached) {
        str_list_push(&request->uncached_stages, arena, str_of(row->uncached));
    }
    struct platform *platforms = arena_array(arena, 4, sizeof(*platforms));
    request->platforms = platforms;
    request->platform_count = 0;
    rest = str_of(row->platforms);
    while (row->platforms && str_split(&rest, ' ', &item)) {
        _cleanup_error_ struct error error = ERROR_INIT;
        assert_ok(platform_parse(item, arena, &platforms[request->platform_count++], &error),
                  &error);
    }
}

static int check_warning(const struct option_row *row, const struct plan *plan) {
    const char *first = plan->warnings.count > 0 ? plan->warnings.items[0].data : NULL;
    if (row->warning ? first && strstr(first, row->warning) : !first) {
        return 0;
    }
    print_error("%s: warning %s\n", row->source, first ? first : "none");
    return 1;
}

static int check_option_row(struct fixture *fixture, const struct option_row *row) {
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct row named = row->row;
    struct plan *plan;
    named.source = row->source;
    set_options(fixture, row);
    if (fixture_plan(fixture, named.dockerfile, &plan, &error)) {
        return check_error(fixture, &named, &error);
    }
    describe(plan, &text);
    const char *found = replace(fixture, text.data, fixture->context, "CONTEXT");
    int failures = check_warning(row, plan);
    plan_free(plan);
    if (named.error || (named.plan && strcmp(named.plan, found) != 0)) {
        print_error("%s: plan\n%swanted\n%s\n", row->source, found,
                    named.error ? named.error : named.plan);
        failures++;
    }
    return failures;
}

static void test_options(void **state) {
    struct fixture *fixture = *state;
    add_images(fixture);
    int failures = 0;
    for (size_t i = 0; i < sizeof(option_rows) / sizeof(option_rows[0]); i++) {
        failures += check_option_row(fixture, &option_rows[i]);
    }
    assert_int_equal(0, failures);
}

/* What was asked for is what the config says, though the base is of an older generation. */
static void test_platform_of_the_output(void **state) {
    struct fixture *fixture = *state;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct plan *plan;
    add_images(fixture);
    set_options(fixture, &(struct option_row){ .platforms = "linux/amd64/v3" });
    assert_ok(fixture_plan(fixture, "FROM layers\n", &plan, &error), &error);
    assert_true(str_equal_c(plan->image->image.config.variant, "v3"));
    plan_free(plan);
    set_options(fixture, &(struct option_row){ .platforms = "linux/arm/v6" });
    fixture_build_args(fixture, "");
    assert_ok(fixture_plan(fixture,
                           "FROM scratch\nARG TARGETPLATFORM TARGETVARIANT BUILDOS\n"
                           "LABEL p=$TARGETPLATFORM v=$TARGETVARIANT o=$BUILDOS\n",
                           &plan, &error),
              &error);
    const struct image_config *config = &plan->image->image.config;
    assert_true(str_equal_c(config->architecture, "arm"));
    assert_true(str_equal_c(*name_values_get(&config->labels, STR("p")), "linux/arm/v6"));
    assert_true(str_equal_c(*name_values_get(&config->labels, STR("v")), "v6"));
    assert_true(str_equal_c(*name_values_get(&config->labels, STR("o")), "linux"));
    plan_free(plan);
}

static void test_misspelt_builder_argument(void **state) {
    struct fixture *fixture = *state;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct plan *plan;
    fixture_build_args(fixture, "BUILDKIT_INLINE_CACHE=1 BUILDKIT_CACHE_MOUNT_MS=x");
    assert_ok(fixture_plan(fixture, "FROM scratch\n", &plan, &error), &error);
    assert_int_equal(1, plan->warnings.count);
    assert_non_null(
        strstr(plan->warnings.items[0].data, "(did you mean BUILDKIT_CACHE_MOUNT_NS?)"));
    plan_free(plan);
}

/* ---- RUN ---- */

struct run_row {
    const char *source;
    const char *dockerfile;
    const char *argv; /* elements joined by '|' */
    const char *script;
};

static const struct run_row run_rows[] = {
    { "dockerfile 4.5 simple", "RUN <<EOF\na\n  b\nEOF\n", "/bin/sh|-c|a\n  b\n", NULL },
    { "dockerfile 4.5 chomp", "RUN <<-EOF\n\ta\n\t b\n\tEOF\n", "/bin/sh|-c|a\n b\n", NULL },
    { "dockerfile 4.5 shebang", "RUN <<EOF\n#!/bin/x\na\nEOF\n", "/bin/sh|-c|/dev/pipes/EOF",
      "#!/bin/x\na\n" },
    { "dockerfile 4.5 chomped shebang", "RUN 3<<-\"E\"\n\t#!/bin/x\n\ta\n\tE\n",
      "/bin/sh|-c|/dev/pipes/E", "#!/bin/x\na\n" },
    { "dockerfile 4.5 escaped delimiter", "RUN <<E\\ F\na\nE F\n", "/bin/sh|-c|a\n", NULL },
    { "dockerfile 4.5 complex", "RUN cat <<A - <<B\n1\nA\n2\nB\n",
      "/bin/sh|-c|cat <<A - <<B\n1\nA\n2\nB", NULL },
    { "dockerfile 4.5 complex chomp", "RUN cat <<-A\n\t1\nA\n", "/bin/sh|-c|cat <<-A\n\t1\nA",
      NULL },
    { "dockerfile 4.5 note", "RUN <<E # c\nfoo\nE\n", "/bin/sh|-c|<<E # c\nfoo\nE", NULL },
    { "dockerfile 4.5 exec form", "RUN [\"a\", \"<<E\"]\n", "a|<<E", NULL },
    { "dockerfile 6 empty", "RUN\n", "/bin/sh|-c|", NULL },
    { "dockerfile 6 SHELL", "SHELL [\"/bin/bash\", \"-eo\", \"pipefail\", \"-c\"]\nRUN a | b\n",
      "/bin/bash|-eo|pipefail|-c|a | b", NULL },
};

static void test_run_commands(void **state) {
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(run_rows) / sizeof(run_rows[0]); i++) {
        const struct run_row *row = &run_rows[i];
        _cleanup_error_ struct error error = ERROR_INIT;
        _cleanup_buf_ struct buf argv = BUF_INIT;
        struct plan *plan;
        const char *text = arena_printf(&fixture->arena, "FROM scratch\n%s", row->dockerfile);
        assert_ok(fixture_plan(fixture, text, &plan, &error), &error);
        const struct step_exec *exec = &plan->steps[0]->exec;
        for (size_t j = 0; j < exec->argv.count; j++) {
            buf_append_c(&argv, j > 0 ? "|" : "");
            buf_append_str(&argv, exec->argv.items[j]);
        }
        assert_string_equal(row->argv, argv.data);
        assert_true(str_equal(exec->script, str_of(row->script)));
        plan_free(plan);
    }
}

static void test_environment_of_run(void **state) {
    struct fixture *fixture = *state;
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_buf_ struct buf env = BUF_INIT;
    struct plan *plan;
    fixture_build_args(fixture, "HTTPS_PROXY=p A=1 B=2");
    assert_ok(fixture_plan(fixture, "FROM scratch\nENV E=e\nARG A\nRUN x\n", &plan, &error),
              &error);
    const struct step_exec *exec = &plan->steps[0]->exec;
    for (size_t i = 0; i < exec->env.count; i++) {
        buf_append_str(&env, exec->env.items[i]);
        buf_append_byte(&env, '\n');
    }
    assert_string_equal(
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nE=e\nA=1\n"
        "HTTPS_PROXY=p\nhttps_proxy=p\n",
        env.data);
    assert_int_equal(3, exec->key_env_count);
    assert_int_equal(1, plan->warnings.count);
    assert_non_null(strstr(plan->warnings.items[0].data, "build argument B is not declared"));
    plan_free(plan);
}

static void test_mounts(void **state) {
    struct fixture *fixture = *state;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct plan *plan;
    str_list_push(&fixture->request.volumes, &fixture->arena, STR("/h:/t/v:ro"));
    fixture_file(fixture, "src/f", "x");
    assert_ok(fixture_plan(fixture,
                           "FROM scratch AS a\nRUN 1\nFROM scratch\nWORKDIR /w\nENV D=/c\n"
                           "RUN --mount=type=cache,target=$D,sharing=locked,uid=5 "
                           "--mount=source=src,target=in --mount=from=a,target=/z,rw "
                           "--mount=type=tmpfs,target=/t,size=2m x\n",
                           &plan, &error),
              &error);
    const struct step *step = plan->steps[2];
    const struct mount_plan *mounts = step->exec.mounts;
    assert_int_equal(5, step->exec.mount_count);
    assert_string_equal("/c", mounts[0].target.data);
    assert_string_equal("/c", mounts[0].id.data);
    assert_int_equal(SHARING_LOCKED, mounts[0].sharing);
    assert_int_equal(5, mounts[0].uid);
    assert_false(mounts[0].is_readonly);
    assert_string_equal("/t", mounts[1].target.data);
    assert_int_equal(2 << 20, mounts[1].size);
    assert_string_equal("/t/v", mounts[2].target.data);
    assert_true(mounts[2].is_host && mounts[2].is_readonly);
    assert_string_equal("/w/in", mounts[3].target.data);
    assert_true(mounts[3].is_readonly && step->inputs[mounts[3].input].context);
    assert_true(step->inputs[mounts[3].input].has_content);
    assert_string_equal("/z", mounts[4].target.data);
    assert_false(mounts[4].is_readonly);
    assert_ptr_equal(plan->steps[0], step->inputs[mounts[4].input].step);
    plan_free(plan);
}

static void test_source_date_epoch(void **state) {
    struct fixture *fixture = *state;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct plan *plan;
    fixture_build_args(fixture, "SOURCE_DATE_EPOCH=12");
    assert_ok(fixture_plan(fixture, "FROM scratch\n", &plan, &error), &error);
    assert_true(plan->has_timestamp);
    assert_int_equal(12000000000, plan->timestamp);
    plan_free(plan);
    fixture_build_args(fixture, "SOURCE_DATE_EPOCH=today");
    assert_int_equal(-1, fixture_plan(fixture, "FROM scratch\n", &plan, &error));
    assert_string_equal("invalid SOURCE_DATE_EPOCH: today", error.message);
}

/* As many stages as anybody may write are planned in a moment. */
static void test_many_stages(void **state) {
    struct fixture *fixture = *state;
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct plan *plan;
    buf_append_c(&text, "FROM scratch AS s0\n");
    for (unsigned i = 1; i < 2000; i++) {
        buf_printf(&text, "FROM s%u AS s%u\n", i - 1, i);
    }
    assert_ok(fixture_plan(fixture, text.data, &plan, &error), &error);
    assert_int_equal(2000, plan->stage_count);
    plan_free(plan);
}

/* Finding the nearest one before is no matter of how many have the name. */
static void test_many_stages_of_one_name(void **state) {
    struct fixture *fixture = *state;
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct plan *plan;
    buf_append_c(&text, "FROM scratch AS s\nRUN 1\n");
    for (unsigned i = 1; i < 20000; i++) {
        buf_append_c(&text, "FROM scratch AS s\nCOPY --from=s /a /a\n");
    }
    assert_ok(fixture_plan(fixture, text.data, &plan, &error), &error);
    assert_int_equal(20000, plan->stage_count);
    plan_free(plan);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_options, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_platform_of_the_output, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_misspelt_builder_argument, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_run_commands, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_environment_of_run, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_mounts, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_source_date_epoch, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_many_stages, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_many_stages_of_one_name, fixture_begin, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
