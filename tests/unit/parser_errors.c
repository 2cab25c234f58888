/* All errors of a file in one run, and files made to hurt. */
#include "parser/parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define F "FROM a\n"

/* The message and line of every error, one a line. */
static void list_errors(struct buf *out, const struct error *error) {
    for (const struct error *each = error; each && each->message; each = each->next) {
        buf_printf(out, "%u: %s\n", each->place.line_number, each->message);
    }
}

static void test_all_errors(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *errors;
    } rows[] = {
        { F "RUNN a\nENV a\nUSER\nCMD [1]\nRUN ok\nCOPY --frm=x a b",
          "2: unknown instruction: RUNN (did you mean RUN?)\n"
          "3: ENV must have two arguments\n"
          "4: USER requires exactly one argument\n"
          "5: when using JSON array syntax, arrays must be comprised of strings only\n"
          "7: unknown flag: --frm (did you mean from?)\n" },
        /* one error for an instruction */
        { F "HEALTHCHECK --timeout=x --retries=x FOO", "2: time: invalid duration \"x\"\n" },
        { "ENV a=b c\n" F,
          "1: Syntax error - can't find = in \"c\". Must be of the form: name=value\n" },
        /* no stage is said once, and not where a FROM may be misspelt */
        { "RUN a\nRUN b\n" F "USER", "1: no build stage in current context\n"
                                     "4: USER requires exactly one argument\n" },
        { "FRM a\nRUN b", "1: unknown instruction: FRM (did you mean FROM?)\n" },
        { "FROM\nRUN b\nUSER", "1: FROM requires either one or three arguments\n"
                               "3: USER requires exactly one argument\n" },
        { "ARG =a\nARG", "1: ARG names can not be blank\n"
                         "2: ARG requires at least one argument\n" },
        /* directives: the next line is looked at */
        { "# escape=x\n# escape=`\n# syntax=a\n# syntax=b\nFROM",
          "1: invalid escape token 'x' does not match ` or \\\n"
          "2: only one escape parser directive can be used\n"
          "4: only one syntax parser directive can be used\n"
          "5: FROM requires either one or three arguments\n" },
        /* after an error in a continued line, its rest is passed over */
        { F "ENV a=b \\\n c \\\n d\nUSER",
          "3: Syntax error - can't find = in \"c\". Must be of the form: name=value\n"
          "5: USER requires exactly one argument\n" },
        { F "ONBUILD ENV a\nONBUILD ONBUILD USER x\nUSER",
          "2: ENV must have two arguments\n"
          "3: Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed\n"
          "4: USER requires exactly one argument\n" },
        /* heredocs: behind what was meant to end them, or at the next instruction */
        { F "RUN <<E\nfoo\nE \nUSER", "2: unterminated heredoc\n"
                                      "5: USER requires exactly one argument\n" },
        { F "RUN (cat <<E)\nfoo\nE\nUSER", "2: unterminated heredoc\n"
                                           "5: USER requires exactly one argument\n" },
        { F "RUN <<E\nrun a\nfoo\nRUN a\nUSER", "2: unterminated heredoc\n"
                                                "6: USER requires exactly one argument\n" },
        { F "RUN <<E <<F\nfoo\nE\nfoo", "2: unterminated heredoc\n" },
        { F "COPY <<E>/x /y\na\nUSER\n", "2: unterminated heredoc\n" },
    };
    int failures = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        _cleanup_error_ struct error error = ERROR_INIT;
        _cleanup_buf_ struct buf found = BUF_INIT;
        struct dockerfile *file;
        assert_int_equal(parser_parse(str_of(rows[i].text), "Dockerfile", &arena, &file, &error),
                         -1);
        list_errors(&found, &error);
        if (!str_equal_c(buf_str(&found), rows[i].errors)) {
            print_error("%s\n---- found\n%s---- wanted\n%s", rows[i].text, found.data,
                        rows[i].errors);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

/* What was meant to end a heredoc is said. */
static void test_heredoc_hints(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *hint;
    } rows[] = {
        { F "RUN <<E\nx\n E",
          "line 4 has white space beside `E`; it ends the heredoc only by itself" },
        { F "RUN <<-E\nx\n  E", "line 4 has white space beside `E`; it ends the heredoc only by "
                                "itself or behind tabs" },
        { F "RUN (cat <<E)\nx\nE", "line 4 is not `E)`: put a space behind the delimiter, text "
                                   "glued to it belongs to it" },
        { F "RUN <<EOF\nx\nE",
          "no line is exactly `EOF`; text glued to a delimiter belongs to it" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        _cleanup_error_ struct error error = ERROR_INIT;
        struct dockerfile *file;
        assert_int_equal(parser_parse(str_of(rows[i].text), "Dockerfile", &arena, &file, &error),
                         -1);
        assert_string_equal(error.hint, rows[i].hint);
    }
}

/* A hundred are told, and how many there are more. */
static void test_too_many_errors(void **state) {
    (void)state;
    for (size_t count = 99; count <= 102; count++) {
        _cleanup_buf_ struct buf text = BUF_INIT;
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        _cleanup_error_ struct error error = ERROR_INIT;
        struct dockerfile *file;
        buf_append_c(&text, F);
        for (size_t i = 0; i < count; i++) {
            buf_append_c(&text, i % 2 ? "USER\n" : "ENV a\n");
        }
        assert_int_equal(parser_parse(buf_str(&text), "Dockerfile", &arena, &file, &error), -1);
        size_t found = 1;
        const struct error *last = &error;
        for (; last->next; last = last->next) {
            found++;
        }
        assert_int_equal(found, count <= 100 ? count : 101);
        assert_string_equal(last->message, count == 101   ? "1 more error is not shown"
                                           : count == 102 ? "2 more errors are not shown"
                                           : count == 100 ? "USER requires exactly one argument"
                                                          : "ENV must have two arguments");
    }
}

/* ---- hostile files ------------------------------------------------------------------------------------- */

/* A file with HEAD, and PART again and again up to SIZE bytes. */
static void fill(struct buf *text, const char *head, const char *part, size_t size) {
    buf_reset(text);
    buf_reserve(text, size + 1);
    buf_append_c(text, head);
    for (size_t len = strlen(part); text->len + len <= size;) {
        buf_append(text, part, len);
    }
}

/* Parses TEXT; what the tree takes is at most LIMIT bytes. Returns the number of errors. */
static size_t parse(struct str text, size_t limit, struct error *error, size_t *instructions) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct dockerfile *file;
    size_t count = 0;
    error_clear(error);
    *instructions = 0;
    if (parser_parse(text, "Dockerfile", &arena, &file, error) == 0) {
        *instructions = file->instruction_count;
    }
    assert_true(arena.allocated <= limit);
    for (const struct error *each = error; each && each->message; each = each->next) {
        count++;
    }
    return count;
}

enum { MB = 1000000, HUNDRED_MB = 100 * MB };

static void test_hundred_megabytes(void **state) {
    (void)state;
    _cleanup_buf_ struct buf text = BUF_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    size_t instructions;
    buf_reserve(&text, HUNDRED_MB);
    memset(text.data, 'x', HUNDRED_MB);
    struct str all = str_make(text.data, HUNDRED_MB);
    assert_int_equal(parse(all, MB, &error, &instructions), 1);
    assert_string_equal(error.message, "dockerfile line greater than max allowed size of 65535");
    assert_true(error.place.line.len < MB); /* nobody wants to see all of it */

    for (size_t at = 0; at < HUNDRED_MB; at += 50000) {
        memcpy(text.data + at, "\nRUN ", 5);
    }
    memcpy(text.data, "FROM a ", 7);
    assert_int_equal(parse(all, MB, &error, &instructions), 1); /* FROM a xxx... */
    memcpy(text.data, F F, 14);
    assert_int_equal(parse(all, 2 * MB, &error, &instructions), 1); /* xxx... */
    memcpy(text.data, F "#######", 14);
    assert_int_equal(parse(all, 2 * MB, &error, &instructions), 0);
    assert_int_equal(instructions, HUNDRED_MB / 50000);
}

static void test_many_stages(void **state) {
    (void)state;
    _cleanup_buf_ struct buf text = BUF_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    size_t instructions;
    for (int i = 0; i < 100000; i++) {
        buf_printf(&text, "FROM a AS s%d\n", i);
    }
    assert_int_equal(parse(buf_str(&text), 64 * MB, &error, &instructions), 0);
    assert_int_equal(instructions, 100000);
}

/* Once there is an error nobody gets a tree, so none is kept. */
static void test_nothing_but_errors(void **state) {
    (void)state;
    static const struct {
        const char *head;
        const char *part;
        size_t size;
        size_t errors;
        const char *last;
    } rows[] = {
        { F, "RUNN x\n", 700007, 101, "99900 more errors are not shown" },
        { "", "a\n", 2200000, 101, "at least 999900 more errors are not shown" },
        { F, "ENV a\n", 607, 100, "ENV must have two arguments" },
        { F, "USER\nRUN [1]\n", 13007, 101, "1900 more errors are not shown" },
        { F, "RUN <<E\n", 80007, 9, "unterminated heredoc" },
        { F "USER\n", "ONBUILD ", 60000, 2,
          "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed" },
        { F "USER\n", "RUN\n", MB, 1, "USER requires exactly one argument" },
    };
    _cleanup_buf_ struct buf text = BUF_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    size_t instructions;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fill(&text, rows[i].head, rows[i].part, rows[i].size);
        size_t errors = parse(buf_str(&text), MB, &error, &instructions);
        const struct error *last = &error;
        while (last->next) {
            last = last->next;
        }
        if (errors != rows[i].errors || strcmp(last->message, rows[i].last) != 0) {
            fail_msg("row %zu: %zu errors, the last: %s", i, errors, last->message);
        }
    }
}

/* One instruction of many lines. */
static void test_long_instructions(void **state) {
    (void)state;
    static const struct {
        const char *head;
        const char *part;
        size_t size;
        const char *error;
    } rows[] = {
        { F "RUN ", "x \\\n", 2 * MB, NULL },
        { F "RUN ", "xxxxxxxxxxxxxxxx\\\n", 5 * MB,
          "the instruction is longer than 4194304 bytes" },
        { F "EXPOSE ", "1 1 1 1 1 1 1 1 \\\n", MB, NULL },
        { F "COPY ", "--exclude=a --exclude=b \\\n", MB, "COPY requires at least two arguments…" },
        { F "RUN ", "<< << << << << << \\\n", MB, NULL },
        { F "RUN [", "[[[[[[[[[[[[[[[[[[[[\\\n", MB, NULL },
        { F "CMD [\"\"", ",\"a\", \"\\n\" \\\n", MB, NULL },
        { F "ENV ", "a=b c=\"d\" \\\n", MB, NULL },
        { F "RUN --mount=", "type=bind,\\\n", MB, NULL },
    };
    _cleanup_buf_ struct buf text = BUF_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    size_t instructions;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fill(&text, rows[i].head, rows[i].part, rows[i].size);
        size_t errors = parse(buf_str(&text), 100 * MB, &error, &instructions);
        const char *expected = rows[i].error ? rows[i].error : "";
        size_t prefix = strcspn(expected, "…");
        if (errors != (rows[i].error ? 1 : 0) ||
            strncmp(errors > 0 ? error.message : "", expected, prefix) != 0) {
            fail_msg("row %zu: %zu errors: %s", i, errors, errors > 0 ? error.message : "none");
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_errors),        cmocka_unit_test(test_heredoc_hints),
        cmocka_unit_test(test_too_many_errors),   cmocka_unit_test(test_hundred_megabytes),
        cmocka_unit_test(test_many_stages),       cmocka_unit_test(test_nothing_but_errors),
        cmocka_unit_test(test_long_instructions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
