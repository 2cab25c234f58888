/* Rows of the Dockerfile rules, and what the tests of the parser have in common. `source` names the section of the rules a
 * row is from ("8.12": row 12 of the tricky inputs). */
#ifndef BUD_TESTS_PARSER_FIXTURE_H
#define BUD_TESTS_PARSER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "parser/dump.h"
#include "parser/parser.h"

struct row {
    const char *source;
    const char *input;
    const char *dump;  /* of the grammar alone; NULL: not looked at */
    const char *error; /* of grammar and checks; NULL: none; a final `…` makes it a prefix */
};

static bool is_same_message(const char *expected, const char *found) {
    size_t len = strlen(expected);
    if (len > 3 && strcmp(expected + len - 3, "…") == 0) {
        return strncmp(expected, found, len - 3) == 0;
    }
    return strcmp(expected, found) == 0;
}

static int check_row(const struct row *row) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_buf_ struct buf dump = BUF_INIT;
    struct dockerfile *dockerfile = NULL;
    int failures = 0;
    /* An exact-size copy without a NUL, for the sanitizer to watch its end. */
    size_t len = strlen(row->input);
    _cleanup_free_ char *copy = xmalloc(len > 0 ? len : 1);
    memcpy(copy, row->input, len);
    struct str source = str_make(copy, len);

    if (row->dump && parser_parse_syntax(source, "Dockerfile", &arena, &dockerfile, &error) == 0) {
        dump_sexpr(&dump, dockerfile);
        if (!str_equal_c(buf_str(&dump), row->dump)) {
            print_error("%s: dump\n%swanted\n%s\n", row->source, dump.data, row->dump);
            failures++;
        }
    } else if (row->dump) {
        print_error("%s: no dump: %s\n", row->source, error.message);
        failures++;
    }
    error_clear(&error);
    int result = parser_parse(source, "Dockerfile", &arena, &dockerfile, &error);
    const char *found = result < 0 ? error.message : "no error";
    if (!is_same_message(row->error ? row->error : "no error", found)) {
        print_error("%s: %s\nwanted: %s\n", row->source, found,
                    row->error ? row->error : "no error");
        failures++;
    }
    if (result < 0 && (!error.place.file || error.code != ERROR_INPUT)) {
        print_error("%s: error without a place\n", row->source);
        failures++;
    }
    return failures;
}

static inline void check_rows(const struct row *rows, size_t count) {
    int failures = 0;
    for (size_t i = 0; i < count; i++) {
        failures += check_row(&rows[i]);
    }
    assert_int_equal(failures, 0);
}

#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

#define F "FROM a\n"
#define DF "(from \"a\")\n"

static inline struct dockerfile *parse(const char *text, struct arena *arena) {
    struct dockerfile *dockerfile = NULL;
    _cleanup_error_ struct error error = ERROR_INIT;
    if (parser_parse(str_of(text), "Dockerfile", arena, &dockerfile, &error) < 0) {
        fail_msg("%s", error.message);
    }
    return dockerfile;
}

static inline void assert_str(struct str found, const char *expected) {
    if (!str_equal_c(found, expected)) {
        fail_msg("found \"%.*s\", wanted \"%s\"", STR_ARG(found), expected);
    }
}

/* The text of the file between the ends of SPAN. */
static inline void assert_span(const struct dockerfile *dockerfile, struct span span,
                               const char *expected) {
    assert_str(str_sub(dockerfile->source, span.start, span.end), expected);
}

#endif
