/* Where variables are expanded and where not, in the instructions that become steps; `source` names the section or row of
 * the expansion rules. The instructions that only change the config are in planner_config.c. */
#include "tests/unit/planner_fixture.h"

/* Every stage begins with these. */
#define ENVIRONMENT                                                                                \
    "FROM scratch AS first\nFROM scratch\nENV F=\"a b\" D=/d M=755 U=7:8 W=*.c Q='\"' E= "         \
    "S=stage\n"

struct row {
    const char *source;
    const char *instruction;
    const char *step; /* what describe() makes of it, or the message of the error */
};

static const struct row rows[] = {
    { "3 COPY, ADD: each source, destination", "COPY $F x$F $D/y/", "[a b][xa b] > /d/y/" },
    { "3 COPY, ADD: each source, destination", "ADD --unpack=false $F $D/", "[a b] > /d/" },
    { "3 not split", "COPY $F /x/", "[a b] > /x/" },
    { "5.11", "COPY $F /x/", "[a b] > /x/" },
    { "3 --chown, --chmod", "COPY --chown=$U --chmod=${M} a /", "[a] > / chown 7:8 chmod 755" },
    { "3 --chown, --chmod", "ADD --chown=${X:-1} --chmod=${M%5}0 a /",
      "[a] > / chown 1 chmod 750" },
    { "3 never --exclude", "COPY --exclude=$W a /", "[a] > / exclude $W" },
    { "3 JSON is expanded after decoding", "COPY [\"$F\", \"\\\\$F\", \"x'\\\"'y\", \"/\"]",
      "[a b][$F][x\"y] > /" },
    { "3 quotes go", "COPY \"f\" 'g' \\a $Q /x/", "[f][g][a][\"] > /x/" },
    { "3 an empty element stays", "COPY a $E /x/", "[a][] > /x/" },
    { "3 an empty destination", "COPY a $E", "[a] > /" },
    { "3 no second pass", "COPY '$F' \\$F /x/", "[$F][$F] > /x/" },
    { "3 heredoc", "COPY <<EOF /f\n$D '$D' \"$D\" \\$D ${X:-'y'}\nEOF\n",
      " <<EOF:/d '/d' \"/d\" $D 'y'\n > /f" },
    { "5.27", "COPY <<EOF /f\n$D\nEOF\n", " <<EOF:/d\n > /f" },
    { "3 quoted heredoc", "COPY <<'EOF' /f\n$D\nEOF\n", " <<EOF:$D\n > /f" },
    { "3 chomped heredoc", "ADD <<-EOF $D/\n\t$D\n\tEOF\n", " <<EOF:/d\n > /d/" },
    { "3 RUN: values of --mount", "RUN --mount=type=cache,target=$D,id=${S}x,mode=${M} x $D",
      "/bin/sh|-c|x $D mount /d id stagex mode 755" },
    { "3 RUN: values of --mount, never from", "RUN --mount=from=first,target=${D}x,source=$D x",
      "/bin/sh|-c|x mount /dx from /d" },
    { "5.20", "RUN --mount=type=cache,target=$D cmd", "/bin/sh|-c|cmd mount /d id /d mode 755" },
    { "3 never in RUN", "RUN echo $D ${F} \"$F\"", "/bin/sh|-c|echo $D ${F} \"$F\"" },
    { "3 never in RUN", "RUN [\"$D\"]", "$D" },
    { "3 never in a heredoc of RUN", "RUN <<EOF\n$D\nEOF\n", "/bin/sh|-c|$D\n" },
    { "3 WORKDIR", "WORKDIR $D/${F}", "> /d/a b" },
    { "3 WORKDIR quotes", "WORKDIR \"/a b\"", "> /a b" },
    { "5.19", "COPY --from=$S a b",
      "variable expansion is not supported for --from, define a new stage with FROM using ARG from "
      "global scope as a workaround" },
    { "3 an error in the middle", "COPY a ${X?no} /x/", "failed to process \"${X?no}\": X: no" },
    { "3 an error in a flag", "COPY --chown=${X?no} a /x/",
      "failed to process \"${X?no}\": X: no" },
    { "3 an error in a heredoc", "COPY <<E /x\n${X?no}\nE\n",
      "failed to process \"${X?no}\\n\": X: no" },
    { "3 an error in a mount", "RUN --mount=type=cache,target=${X?no} x",
      "failed to process \"${X?no}\": X: no" },
    { "3 ONBUILD", "ONBUILD COPY $F /", NULL },
};

static void describe_file(const struct step_file *file, struct buf *out) {
    for (size_t i = 0; i < file->selection.source_count; i++) {
        buf_printf(out, "[%.*s]", STR_ARG(file->selection.sources[i]));
    }
    for (size_t i = 0; i < file->inline_file_count; i++) {
        buf_printf(out, " <<%.*s:%.*s", STR_ARG(file->inline_files[i].name),
                   STR_ARG(file->inline_files[i].data));
    }
    buf_printf(out, "%s> %.*s", file->kind == FILE_DIRECTORY ? "" : " ",
               STR_ARG(file->destination));
    if (file->chown.len > 0) {
        buf_printf(out, " chown %.*s", STR_ARG(file->chown));
    }
    if (file->chmod.len > 0) {
        buf_printf(out, " chmod %.*s", STR_ARG(file->chmod));
    }
    for (size_t i = 0; i < file->selection.exclude_count; i++) {
        buf_printf(out, " exclude %.*s", STR_ARG(file->selection.exclude_texts[i]));
    }
}

static void describe_exec(const struct step_exec *exec, struct buf *out) {
    for (size_t i = 0; i < exec->argv.count; i++) {
        buf_printf(out, "%s%.*s", i > 0 ? "|" : "", STR_ARG(exec->argv.items[i]));
    }
    for (size_t i = 0; i < exec->mount_count; i++) {
        const struct mount_plan *mount = &exec->mounts[i];
        buf_printf(out, " mount %.*s", STR_ARG(mount->target));
        if (mount->type == MOUNT_CACHE) {
            buf_printf(out, " id %.*s mode %o", STR_ARG(mount->id), mount->mode);
        } else {
            buf_printf(out, " from %.*s", STR_ARG(mount->source));
        }
    }
}

/* The step the instruction became; nothing when it became none. */
static void describe(const struct plan *plan, struct buf *out) {
    const struct step *step = plan->steps[0];
    if (step->kind == STEP_FILE) {
        describe_file(&step->file, out);
    } else if (step->kind == STEP_EXEC) {
        describe_exec(&step->exec, out);
    }
}

static int check_row(struct fixture *fixture, const struct row *row) {
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct plan *plan;
    const char *dockerfile = arena_printf(&fixture->arena, ENVIRONMENT "%s", row->instruction);
    if (fixture_plan(fixture, dockerfile, &plan, &error)) {
        buf_append_c(&text, error.message);
    } else {
        describe(plan, &text);
        plan_free(plan);
    }
    if (str_equal(buf_str(&text), str_of(row->step))) {
        return 0;
    }
    print_error("%s: %s\nfound  %.*s\nwanted %s\n", row->source, row->instruction,
                STR_ARG(buf_str(&text)), row->step ? row->step : "no step");
    return 1;
}

static void test_rows(void **state) {
    static const char *const files[] = { "a", "a b", "xa b", "f", "g", "$F", "\"", "x\"y" };
    struct fixture *fixture = *state;
    int failures = 0;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        fixture_file(fixture, files[i], "");
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        failures += check_row(fixture, &rows[i]);
    }
    assert_int_equal(failures, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows, fixture_begin, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
