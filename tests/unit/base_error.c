/* Errors: how they are kept, and how they read. */
#include "base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define LINE100                                                                                    \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"  \
    "123456789"

static void an_error_quotes_its_line(void **state) {
    (void)state;
    const struct {
        const char *name;
        const char *source;
        struct span span;
        const char *expected; /* after the message */
    } rows[] = {
        { "word",
          "FROM a\nRUN foo\n",
          { 11, 14 },
          " --> D:2:5\n"
          "  |\n"
          "2 | RUN foo\n"
          "  |     ^^^\n" },
        { "two digits",
          "\n\n\n\n\n\n\n\n\n\n\nRUN foo",
          { 15, 18 },
          "  --> D:12:5\n"
          "   |\n"
          "12 | RUN foo\n"
          "   |     ^^^\n" },
        { "tabs stay aligned",
          "\tRUN\tfoo",
          { 5, 8 },
          " --> D:1:6\n"
          "  |\n"
          "1 | \tRUN\tfoo\n"
          "  | \t   \t^^^\n" },
        { "a lone tab",
          "a\tb",
          { 1, 2 },
          " --> D:1:2\n"
          "  |\n"
          "1 | a\tb\n"
          "  |  ^\n" },
        { "several lines underline the first",
          "RUN a \\\n  b\n",
          { 4, 11 },
          " --> D:1:5\n"
          "  |\n"
          "1 | RUN a \\\n"
          "  |     ^^^\n"
          "2 |   b\n" },
        { "the end of the line",
          "RUN\nX",
          { 3, 3 },
          " --> D:1:4\n"
          "  |\n"
          "1 | RUN\n"
          "  |    ^\n" },
        { "the end of the file",
          "RUN\n",
          { 4, 4 },
          " --> D:2:1\n"
          "  |\n"
          "2 | \n"
          "  | ^\n" },
        { "beyond the end of the file",
          "RUN",
          { 90, 95 },
          " --> D:1:4\n"
          "  |\n"
          "1 | RUN\n"
          "  |    ^\n" },
        { "an empty span",
          "RUN x",
          { 4, 4 },
          " --> D:1:5\n"
          "  |\n"
          "1 | RUN x\n"
          "  |     ^\n" },
        { "control characters and CRLF",
          "RUN \033[2J x\r\n",
          { 9, 10 },
          " --> D:1:10\n"
          "  |\n"
          "1 | RUN ?[2J x\n"
          "  |          ^\n" },
        { "UTF-8 counts once, broken UTF-8 and reordering show as ?",
          "\xc3\xa9\xff\xe2\x80\xae x",
          { 7, 8 },
          " --> D:1:8\n"
          "  |\n"
          "1 | \xc3\xa9?? x\n"
          "  |     ^\n" },
        { "an end of line is cut",
          LINE100 "abcdef",
          { 2, 4 },
          " --> D:1:3\n"
          "  |\n"
          "1 | " LINE100 "...\n"
          "  |   ^^\n" },
        { "a long line is cut around the span",
          LINE100 LINE100 LINE100,
          { 131, 133 },
          " --> D:1:132\n"
          "  |\n"
          "1 | ...1"
          "23456789012345678901234567890123456789012345678901234567890123456789"
          "0123456789012345678901234567890...\n"
          "  |                                  ^^\n" },
        { "a span over lines",
          "1\n2\n3\n4\n5\n6\n7\n8\nRUN a \\\r\n  b\n\nENV",
          { 16, 30 },
          "  --> D:9:1\n"
          "   |\n"
          " 9 | RUN a \\\n"
          "   | ^^^^^^^\n"
          "10 |   b\n"
          "11 | \n" },
        { "a span over many lines",
          "1\n2\n3\n4\n5\n6\n7\n8\n",
          { 0, 16 },
          " --> D:1:1\n"
          "  |\n"
          "1 | 1\n"
          "  | ^\n"
          "2 | 2\n"
          "3 | 3\n"
          "4 | 4\n"
          "5 | 5\n"
          "6 | 6\n"
          "  | ...\n" },
        { "no source", "", { 0, 0 }, "  --> D\n" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_error_ struct error error = ERROR_INIT;
        _cleanup_buf_ struct buf out = BUF_INIT;
        error_set(&error, ERROR_INPUT, "broken");
        error_at(&error, "D", str_of(rows[i].source), rows[i].span);
        error_print(&out, &error, false);
        const struct str first = STR("error: broken\n");
        assert_true(str_has_prefix(buf_str(&out), first));
        print_message("%s\n", rows[i].name);
        assert_string_equal(out.data + first.len, rows[i].expected);
    }
}

static void causes_and_hints_are_told(void **state) {
    (void)state;
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_buf_ struct buf out = BUF_INIT;
    errno = ENOENT;
    assert_int_equal(error_system(&error, "cannot open %s", "x"), -1);
    assert_int_equal(errno, ENOENT);
    error_hint(&error, "make it");
    error_at(&error, "Dockerfile", STR("COPY x /\n"), (struct span){ 5, 6 });
    error_at(&error, "elsewhere", STR("not used"), (struct span){ 0, 1 });
    assert_int_equal(error_wrap(&error, "cannot copy \033[0m%s", "x"), -1);
    error_print(&out, &error, false);
    assert_string_equal(buf_str(&out).data, "error: cannot copy ?[0mx\n"
                                            " --> Dockerfile:1:6\n"
                                            "  |\n"
                                            "1 | COPY x /\n"
                                            "  |      ^\n"
                                            "because: cannot open x: No such file or directory\n"
                                            "hint: make it\n");
    assert_int_equal(error.code, ERROR_SYSTEM);
    assert_int_equal(error.number, ENOENT);
    buf_reset(&out);
    error_print(&out, &error, true);
    assert_non_null(strstr(out.data, "\033[1;31merror:\033[0m cannot copy ?[0mx\n"));
}

static void errors_of_one_pass_are_told_one_after_the_other(void **state) {
    (void)state;
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_buf_ struct buf out = BUF_INIT;
    static const struct span spans[] = { { 2, 4 }, { 1, 6 }, { 7, 7 } };
    for (size_t i = 0; i < COUNT(spans); i++) {
        struct error more = ERROR_INIT;
        error_set(&more, ERROR_INPUT, "number %zu", i);
        error_hint(&more, "hint %zu", i);
        error_at(&more, "D", STR("abcd\nefg\n"), spans[i]);
        error_append(&error, &more);
        assert_int_equal(more.code, ERROR_NONE);
    }
    assert_int_equal(error.next->place.end_line, 2);
    assert_int_equal(error.next->place.end_column, 2);
    error_print(&out, &error, false);
    assert_string_equal(
        out.data, "error: number 0\n --> D:1:3\n  |\n1 | abcd\n  |   ^^\nhint: hint 0\n"
                  "error: number 1\n --> D:1:2\n  |\n1 | abcd\n  |  ^^^\n2 | efg\nhint: hint 1\n"
                  "error: number 2\n --> D:2:3\n  |\n2 | efg\n  |   ^\nhint: hint 2\n");
    error_wrap(&error, "outer");
    assert_string_equal(error.next->message, "number 1");
    assert_null(error.cause->next);
}

static void setting_replaces_and_may_quote_the_old(void **state) {
    (void)state;
    _cleanup_error_ struct error error = ERROR_INIT;
    error_set(&error, ERROR_INPUT, "first");
    error_wrap(&error, "second");
    error_set(&error, ERROR_FAILED, "was: %s", error.message);
    assert_string_equal(error.message, "was: second");
    assert_null(error.cause);
    error_clear(&error);
    assert_int_equal(error.code, ERROR_NONE);
    error_wrap(&error, "alone");
    assert_int_equal(error.code, ERROR_FAILED);
    assert_null(error.cause);
    assert_int_equal(error_set(NULL, ERROR_FAILED, "nobody listens"), -1);
    assert_int_equal(error_system(NULL, "nobody listens"), -1);
    assert_int_equal(error_wrap(NULL, "nobody listens"), -1);
    assert_int_equal(error_hint(NULL, "nobody listens"), -1);
}

static void exit_statuses(void **state) {
    (void)state;
    const struct {
        enum error_code code;
        int number;
        int status;
    } rows[] = {
        { ERROR_NONE, 0, 0 },      { ERROR_FAILED, 0, 125 },  { ERROR_SYSTEM, ENOENT, 125 },
        { ERROR_USAGE, 0, 2 },     { ERROR_INPUT, 0, 125 },   { ERROR_NOT_FOUND, 0, 125 },
        { ERROR_EXIT, 3, 3 },      { ERROR_EXIT, 127, 127 },  { ERROR_EXIT, 137, 1 },
        { ERROR_EXIT, 0, 1 },      { ERROR_FOUND, 0, 1 },     { ERROR_INTERRUPTED, 2, 130 },
        { ERROR_CHANGED, 0, 125 }, { ERROR_CORRUPT, 0, 125 }, { ERROR_UNSUPPORTED, 0, 125 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error error = ERROR_INIT;
        error.code = rows[i].code;
        error.number = rows[i].number;
        assert_int_equal(error_exit_status(&error), rows[i].status);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_quotes_its_line),
        cmocka_unit_test(causes_and_hints_are_told),
        cmocka_unit_test(errors_of_one_pass_are_told_one_after_the_other),
        cmocka_unit_test(setting_replaces_and_may_quote_the_old),
        cmocka_unit_test(exit_statuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
