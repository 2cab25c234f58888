/* What a tree says beyond its dump: types, places, comments, directives; triggers by themselves. */
#include "parser_fixture.h"

static void test_typed(void **state) {
    (void)state;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct dockerfile *file =
        parse("FROM --platform=$P img As Name\n"
              "RUN --mount=type=cache,Target=/x,ro --mount='\"id=a\"\"b,c\",from=' --device=d x\n"
              "COPY --from=0 --chown=u:g --chmod=644 --link --exclude=a --exclude=b s1 s2 d\n"
              "ADD --keep-git-dir=false --unpack s d\n"
              "HEALTHCHECK --interval=1m30s --timeout=1.5s --retries=3 CMD [\"a\", \"b\"]\n"
              "VOLUME [\" /v \"]\n",
              &arena);
    struct instruction **in = file->instructions;
    assert_str(in[0]->from.image.text, "img");
    assert_str(in[0]->from.platform.text, "$P");
    assert_str(in[0]->from.name.text, "name");
    assert_str(in[0]->from.as.text, "As");
    assert_span(file, in[0]->from.name.span, "Name");

    assert_int_equal(in[1]->run.mount_count, 2);
    assert_int_equal(in[1]->run.mounts[0].count, 3);
    assert_str(in[1]->run.mounts[0].options[1].key.text, "target");
    assert_str(in[1]->run.mounts[0].options[1].value.text, "/x");
    assert_false(in[1]->run.mounts[0].options[2].has_value);
    assert_str(in[1]->run.mounts[1].options[0].value.text, "a\"b,c");
    assert_true(in[1]->run.mounts[1].options[1].has_value);
    assert_span(file, in[1]->run.mounts[0].span, "--mount=type=cache,Target=/x,ro");
    assert_int_equal(in[1]->run.device_count, 1);

    assert_str(in[2]->copy.from.text, "0");
    assert_str(in[2]->copy.chown.text, "u:g");
    assert_str(in[2]->copy.chmod.text, "644");
    assert_true(in[2]->copy.is_link);
    assert_int_equal(in[2]->copy.source_count, 2);
    assert_int_equal(in[2]->copy.exclude_count, 2);
    assert_str(in[2]->copy.excludes[1].text, "b");
    assert_true(in[3]->copy.has_keep_git_dir && !in[3]->copy.is_keep_git_dir);
    assert_true(in[3]->copy.has_unpack && in[3]->copy.is_unpack);

    assert_true(in[4]->healthcheck.interval == 90000000000);
    assert_true(in[4]->healthcheck.timeout == 1500000000);
    assert_int_equal(in[4]->healthcheck.retries, 3);
    assert_int_equal(in[4]->healthcheck.command_count, 2);
    assert_true(in[4]->is_json);
    assert_str(in[5]->words[0].text, "/v");
}

static void test_places(void **state) {
    (void)state;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct dockerfile *file =
        parse("# one\n  # two\nFROM a\n#\n# three\n\nRUN --network=none x \\\n"
              "# in\n\n   y \\\n  z\nENV a=b c='d e'\n",
              &arena);
    struct instruction **in = file->instructions;
    assert_int_equal(in[0]->comment_count, 2);
    assert_str(in[0]->comments[0], "one");
    assert_str(in[0]->comments[1], "# two");
    assert_int_equal(in[1]->comment_count, 1);
    assert_str(in[1]->comments[0], "three");
    assert_true(in[1]->has_empty_continuation);
    assert_false(in[0]->has_empty_continuation);
    assert_int_equal(in[1]->line, 7);
    assert_int_equal(in[1]->end_line, 11);
    assert_str(in[1]->words[0].text, "x    y   z");
    assert_str(in[1]->text, "RUN --network=none x    y   z");
    assert_str(in[1]->arguments, "x    y   z");
    assert_span(file, in[1]->words[0].span, "x \\\n# in\n\n   y \\\n  z");
    assert_span(file, in[1]->flags[0].span, "--network=none");
    assert_span(file, in[1]->span, "RUN --network=none x \\\n# in\n\n   y \\\n  z");
    assert_span(file, in[2]->pairs[1].key.span, "c");
    assert_span(file, in[2]->pairs[1].value.span, "'d e'");
}

/* 1.3: blank lines inside of an instruction warn, comments do not. */
static void test_empty_continuations(void **state) {
    (void)state;
    static const struct {
        const char *source;
        const char *input;
        bool is_empty;
        unsigned first, last;
    } rows[] = {
        { "8.1", F "RUN x \\\n  y", false, 2, 3 },
        { "8.3", F "RUN x \\\n\n\nRUN y", true, 2, 5 },
        { "8.4", F "RUN x \\\n# c\n\n  # d\n y", true, 2, 6 },
        { "8.4 without the blank line", F "RUN x \\\n# c\n  # d\n y", false, 2, 5 },
        { "8.7", F "RUN x \\", false, 2, 2 },
        { "8.8", F "\\\nUSER a", false, 2, 3 },
        { "1.3 spaces only", F "RUN x \\\n \t \n y", true, 2, 4 },
        { "1.3 behind the last line", F "RUN x \\\n\n", true, 2, 3 },
        { "1.3 heredoc", F "RUN x <<E \\\n y\n\nE\n", false, 2, 5 },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        const struct instruction *found = parse(rows[i].input, &arena)->instructions[1];
        if (found->has_empty_continuation != rows[i].is_empty || found->line != rows[i].first ||
            found->end_line != rows[i].last) {
            fail_msg("%s: %d, lines %u to %u", rows[i].source, found->has_empty_continuation,
                     found->line, found->end_line);
        }
    }
}

/* 1.2: what comes before an instruction is its own. */
static void test_comments(void **state) {
    (void)state;
    static const struct {
        const char *input;
        const char *comments; /* of the last instruction, a line each */
    } rows[] = {
        { "# a\n#b\n#  c  \nFROM a", "a\nb\nc\n" },
        { "  # a\nFROM a", "# a\n" },
        { "# a\n\n\n# b\nFROM a", "a\nb\n" },
        { "# a\n#\n# b\nFROM a", "b\n" },
        { "# a\n#  \t\nFROM a", "" },
        { "# a\r\nFROM a", "a\n" },
        { "# syntax=a\n# b\nFROM a", "b\n" },
        { "# unknown=a\nFROM a", "unknown=a\n" },
        { "# a\nFROM a\nUSER b", "" },
        { "FROM a\nUSER \\\n# a\n b", "" },
        { "FROM a\nRUN <<E\n# a\nE\nUSER b", "" },
        { "##a\nFROM a", "#a\n" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        _cleanup_buf_ struct buf found = BUF_INIT;
        const struct dockerfile *file = parse(rows[i].input, &arena);
        const struct instruction *last = file->instructions[file->instruction_count - 1];
        for (size_t j = 0; j < last->comment_count; j++) {
            buf_printf(&found, "%.*s\n", STR_ARG(last->comments[j]));
        }
        assert_str(buf_str(&found), rows[i].comments);
    }
}

static void test_directives(void **state) {
    (void)state;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct dockerfile *file = parse(
        "# syntax = docker/dockerfile:1 x \r\n#check=skip=all;error=true\n# escape=`\n" F, &arena);
    assert_int_equal(file->directive_count, 3);
    assert_int_equal(file->directives[0].kind, DIRECTIVE_SYNTAX);
    assert_str(file->directives[0].value, "docker/dockerfile:1 x");
    assert_str(file->directives[1].value, "skip=all;error=true");
    assert_int_equal(file->escape, '`');
    assert_int_equal(file->instructions[0]->comment_count, 0);
}

static void test_trigger(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *error;
    } rows[] = {
        { "RUN <<EOF\nx\nEOF", NULL },
        { "COPY . /app", NULL },
        { "COPY .",
          "COPY requires at least two arguments, but only one was provided. Destination could "
          "not be determined" },
        { "FROM x", "FROM isn't allowed as an ONBUILD trigger" },
        { "ONBUILD RUN x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed" },
        { "RUN x\nRUN y", "an ONBUILD trigger is one instruction, this has 2" },
        { "# escape=`", "file with no instructions" },
        { "FOO", "unknown instruction: FOO (did you mean FROM?)" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        _cleanup_error_ struct error error = ERROR_INIT;
        struct dockerfile *file;
        int result = parser_parse_trigger(str_of(rows[i].text), "base", &arena, &file, &error);
        assert_int_equal(result, rows[i].error ? -1 : 0);
        if (rows[i].error) {
            assert_string_equal(error.message, rows[i].error);
            assert_true(error.hint || strstr(error.message, "did you mean"));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_typed),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_empty_continuations),
        cmocka_unit_test(test_comments),
        cmocka_unit_test(test_directives),
        cmocka_unit_test(test_trigger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
