/* The canonical layout, row by row; of every row also: laid out once more it stays as it is. */
#include "parser/dump.h"
#include "parser/format.h"
#include "parser/parser.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

struct row {
    const char *what;
    const char *input;
    const char *wanted; /* NULL: the input */
};

static int format(const char *what, struct str input, struct buf *out) {
    _cleanup_error_ struct error error = ERROR_INIT;
    /* An exact-size copy without a NUL, for the sanitizer to watch its end. */
    _cleanup_free_ char *copy = xmalloc(input.len > 0 ? input.len : 1);
    memcpy(copy, input.data, input.len);
    if (format_dockerfile(str_make(copy, input.len), "Dockerfile", out, &error) < 0) {
        print_error("%s: %s\n", what, error.message);
        return -1;
    }
    return 0;
}

static int check_text(const char *what, struct str input, struct str wanted) {
    _cleanup_buf_ struct buf once = BUF_INIT, twice = BUF_INIT;
    if (format(what, input, &once) < 0) {
        return 1;
    }
    if (!str_equal(buf_str(&once), wanted)) {
        print_error("%s:\n%s--- wanted:\n%.*s---\n", what, once.data, STR_ARG(wanted));
        return 1;
    }
    if (format(what, buf_str(&once), &twice) < 0) {
        return 1;
    }
    if (!str_equal(buf_str(&once), buf_str(&twice))) {
        print_error("%s: again:\n%s--- first:\n%s---\n", what, twice.data, once.data);
        return 1;
    }
    return 0;
}

static void check_rows(const struct row *rows, size_t count) {
    int failures = 0;
    for (size_t i = 0; i < count; i++) {
        const char *wanted = rows[i].wanted ? rows[i].wanted : rows[i].input;
        failures += check_text(rows[i].what, str_of(rows[i].input), str_of(wanted));
    }
    assert_int_equal(failures, 0);
}

#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void test_words(void **state) {
    static const struct row rows[] = {
        { "keywords", "from a As b\nrun x\nonbuild run y\n",
          "FROM a AS b\nRUN x\nONBUILD RUN y\n" },
        { "an unknown one stays", "FROM a\nfoo  b  c\n", "FROM a\nfoo b  c\n" },
        { "white space", "  FROM\t a  \n\tCOPY   --from=b\t--link  x   y\t/z/ \n",
          "FROM a\nCOPY --from=b --link x y /z/\n" },
        { "flags keep quotes", "FROM a\nRUN  --mount='type=cache,\"target=/a,b\"'  x\n",
          "FROM a\nRUN --mount='type=cache,\"target=/a,b\"' x\n" },
        { "end of flags", "FROM a\nRUN   --   --foo  b\nRUN   --\nCMD -- [\"a\"]\n",
          "FROM a\nRUN -- --foo  b\nRUN --\nCMD -- [\"a\"]\n" },
        { "pairs", "FROM a\nENV  a=b   c='x  y'  d=\nLABEL\ta=b\nARG   x   y=1\n",
          "FROM a\nENV a=b c='x  y' d=\nLABEL a=b\nARG x y=1\n" },
        { "legacy pair", "FROM a\nENV   a    b  =c\n", "FROM a\nENV a b  =c\n" },
        { "shell text", "FROM a\nRUN   x   y  \nUSER  a  b\nCMD  x   [\"a\"]\n",
          "FROM a\nRUN x   y\nUSER a  b\nCMD x   [\"a\"]\n" },
        { "check", "FROM a\nHEALTHCHECK   --interval=1s   cmd   x   y\nhealthcheck  none\n",
          "FROM a\nHEALTHCHECK --interval=1s CMD x   y\nHEALTHCHECK NONE\n" },
        { "no separator", "FROM a\nE\xC2\xA0  a=b c\nCOPY a \xC2\xA0  b\n",
          "FROM a\nE\xC2\xA0 a=b c\nCOPY a \xC2\xA0 b\n" },
        { "unknown type of check", "FROM a\nHEALTHCHECK  foo  x\n", "FROM a\nHEALTHCHECK foo x\n" },
        { "nothing after the keyword", "FROM a\nRUN  \nonbuild \nHEALTHCHECK\n",
          "FROM a\nRUN\nONBUILD\nHEALTHCHECK\n" },
        { "final line end", "FROM a", "FROM a\n" },
        { "carriage returns", "FROM a\r\nRUN x \\\r\n  y\r\n\r\n", "FROM a\nRUN x \\\n  y\n" },
        { "lone carriage returns", "FROM a\rb\r", "FROM a b\n" },
        { "byte order mark",
          "\xEF\xBB\xBF"
          "FROM a\n",
          "FROM a\n" },
        { "byte order mark that is a word",
          " \xEF\xBB\xBF"
          "FROM a\n",
          "\xEF\xBB\xBF\xEF\xBB\xBF"
          "FROM a\n" },
    };
    (void)state;
    CHECK_ROWS(rows);
}

static void test_json(void **state) {
    static const struct row rows[] = {
        { "spaces", "FROM a\nCMD  [ \"a\",\"b\"  ,   \"c  d\" ]\n",
          "FROM a\nCMD [\"a\", \"b\", \"c  d\"]\n" },
        { "escapes stay", "FROM a\nCMD [\"\\u0041\\n\",\"\\\"\"]\n",
          "FROM a\nCMD [\"\\u0041\\n\", \"\\\"\"]\n" },
        { "empty", "FROM a\nRUN [ ]\nCMD []\nENTRYPOINT -- [ ]\n",
          "FROM a\nRUN []\nCMD []\nENTRYPOINT -- []\n" },
        { "lines", "FROM a\nCMD [ \\\n\"a\" \\\n# c\n , \"b\",\\\n\n  \"c\" \\\n]\n",
          "FROM a\nCMD [ \\\n    \"a\", \\\n    # c\n    \"b\", \\\n    \"c\" \\\n    ]\n" },
        { "not JSON", "FROM a\nCMD  [ 'a','b' ]\nCOPY  ['a',   'b']\nRUN [ \"a\",]\n",
          "FROM a\nCMD [ 'a','b' ]\nCOPY ['a', 'b']\nRUN [ \"a\",]\n" },
        { "nearly JSON", "FROM a\nVOLUME  [\v]\nCOPY  [\"a\",\f\"b\"]\nEXPOSE [\f]  1\n",
          "FROM a\nVOLUME  [\v]\nCOPY  [\"a\",\f\"b\"]\nEXPOSE [\f]  1\n" },
        { "everywhere",
          "FROM a\nCOPY --link   [\"a\",\"b\"]\nVOLUME [\"/a\"]\nSHELL [\"a\",\"-c\"]\n"
          "HEALTHCHECK CMD  [\"a\"]\nONBUILD CMD  [\"a\",\"b\"]\n",
          "FROM a\nCOPY --link [\"a\", \"b\"]\nVOLUME [\"/a\"]\nSHELL [\"a\", \"-c\"]\n"
          "HEALTHCHECK CMD [\"a\"]\nONBUILD CMD [\"a\", \"b\"]\n" },
    };
    (void)state;
    CHECK_ROWS(rows);
}

static void test_continuations(void **state) {
    static const struct row rows[] = {
        { "words", "FROM a\nCOPY a\\\n b \\  \n\tc\n", "FROM a\nCOPY a \\\n    b \\\n    c\n" },
        { "a word over two lines", "FROM a\nCOPY a\\\nb  c\n", "FROM a\nCOPY a\\\nb c\n" },
        { "shell text keeps its white space", "FROM a\nRUN x  && \\  \n      y\\\n\tz\n",
          "FROM a\nRUN x  && \\\n      y\\\n\tz\n" },
        { "and its indentation from the first line on",
          "FROM a\nRUN   --network=none\\\n  x && \\\n  y\n",
          "FROM a\nRUN --network=none \\\n  x && \\\n  y\n" },
        { "a single line of it is free", "FROM a\nRUN --network=none\\\n  x\n",
          "FROM a\nRUN --network=none \\\n    x\n" },
        { "blank lines", "FROM a\nRUN x && \\\n\n \t\n  y\nCOPY a \\\n\n b\n",
          "FROM a\nRUN x && \\\n  y\nCOPY a \\\n    b\n" },
        { "comments", "FROM a\nRUN x \\\n# one \n  # two\n  && y\nENV a=b \\\n # three\t\n c=d\n",
          "FROM a\nRUN x \\\n# one\n  # two\n  && y\nENV a=b \\\n    # three\n    c=d\n" },
        { "nothing but an escape", "FROM a\nCOPY a \\\n\\\n  \\\n b\n\\\nRUN x\n",
          "FROM a\nCOPY a \\\n    b\nRUN x\n" },
        { "nothing but white space before the keyword", "FROM a\n\\\n \\\n b\n", "FROM a\nb\n" },
        { "a comment before the keyword", "\\\n# c\nFROM a\n", NULL },
        { "quoted text", "FROM a\nLABEL a=\"b \\\n   c\" \\\n d=e\n",
          "FROM a\nLABEL a=\"b \\\n   c\" \\\n    d=e\n" },
        { "an empty value at the line's end", "FROM a\nENV a=\\\n  b=c\n",
          "FROM a\nENV a= \\\n    b=c\n" },
        { "keyword over two lines", "FROM a\nru\\\nn x\n", "FROM a\nRU\\\nN x\n" },
        { "to the end of the file", "FROM a\nRUN x \\\n", "FROM a\nRUN x\n" },
        { "to the end of the file, with a comment", "FROM a\nRUN x \\\n\n # c\n",
          "FROM a\nRUN x\n # c\n" },
        { "to the end of the file, after an escape", "FROM a\nRUN x\\ \\", "FROM a\nRUN x\\ \\\n" },
        { "an escape that does not continue", "FROM a\nRUN x\\\v\nRUN x\\\\ \n",
          "FROM a\nRUN x\\\v\nRUN x\\\\\n" },
        { "nothing but an escape in the file", "FROM a\n\\\n", NULL },
        { "backtick", "# escape=`\nFROM a\nCOPY a`\n b\nRUN c:\\ `\n  x\n",
          "# escape=`\nFROM a\nCOPY a `\n    b\nRUN c:\\ `\n  x\n" },
    };
    (void)state;
    CHECK_ROWS(rows);
}

static void test_heredocs(void **state) {
    static const struct row rows[] = {
        { "bodies stay", "FROM a\nrun   <<EOF\n  x  \n\n\n# y\\\n\tEOF\nEOF\nRUN y\n",
          "FROM a\nRUN <<EOF\n  x  \n\n\n# y\\\n\tEOF\nEOF\nRUN y\n" },
        { "carriage returns stay in bodies", "FROM a\r\nRUN <<E\r\nx\r\nE\r\n",
          "FROM a\nRUN <<E\nx\r\nE\n" },
        { "tabs of the terminator", "FROM a\nRUN <<-E\n\tx\n\tE", "FROM a\nRUN <<-E\n\tx\n\tE\n" },
        { "several", "FROM a\nCOPY  <<a   <<\"b\"  /x/\n1\na\n2\nb\n",
          "FROM a\nCOPY <<a <<\"b\" /x/\n1\na\n2\nb\n" },
        { "white space in the delimiter", "FROM a\nCOPY  <<\"E   F\"   /x\n1\nE   F\n",
          "FROM a\nCOPY <<\"E   F\" /x\n1\nE   F\n" },
        { "white space before the delimiter", "FROM a\nCOPY  <<  \tE   /x\n1\nE\n",
          "FROM a\nCOPY <<  \tE /x\n1\nE\n" },
        { "white space that keeps it from being one", "FROM a\nCOPY <<\vE  /x\n",
          "FROM a\nCOPY <<\vE /x\n" },
        { "trigger", "FROM a\nonbuild  run  <<E\n x\nE\n", "FROM a\nONBUILD RUN <<E\n x\nE\n" },
        { "continued", "FROM a\nRUN x <<E \\\n  && y\nfoo\nE\n", NULL },
    };
    (void)state;
    CHECK_ROWS(rows);
}

static void test_between(void **state) {
    static const struct row rows[] = {
        { "blank lines", "\n\nFROM a\n\n \n\t\nRUN x\nRUN y\n\n\n", "FROM a\n\nRUN x\nRUN y\n" },
        { "stages", "ARG a\nFROM a\nRUN x\nFROM b\n# c\n\n# d\nFROM c\nRUN y\n# e\n# f\nFROM d\n",
          "ARG a\nFROM a\nRUN x\n\nFROM b\n# c\n\n# d\nFROM c\nRUN y\n\n# e\n# f\nFROM d\n" },
        { "comments", "#a  \n  # b\nFROM a\n#\n# c\n\n\n# d\nRUN x # e\n# f",
          "#a\n  # b\nFROM a\n#\n# c\n\n# d\nRUN x # e\n# f\n" },
        { "directives", " #SYNTAX = a/b:1 \n#  escape=\\\n# Check= skip=all\n# c\nFROM a\n",
          "# syntax=a/b:1\n# escape=\\\n# check=skip=all\n# c\nFROM a\n" },
        { "what a blank line keeps from being a directive", "\n\n# escape=`\nFROM a\n",
          "\n# escape=`\nFROM a\n" },
        { "what a comment keeps from being one", "# c\n#escape=`\nFROM a\n", NULL },
        { "shebang", "#!/usr/bin/env bud\n# escape=`\nFROM a\n", NULL },
    };
    (void)state;
    CHECK_ROWS(rows);
}

static void test_long_lines(void **state) {
    _cleanup_buf_ struct buf text = BUF_INIT;
    (void)state;
    /* Canonical spacing would make it longer than a line may be. */
    buf_append_c(&text, "FROM a\nCMD [\"a\"");
    while (text.len < 65000) {
        buf_append_c(&text, ",\"b\"");
    }
    buf_append_c(&text, "]\n");
    assert_int_equal(0, check_text("long line", buf_str(&text), buf_str(&text)));
}

static void test_errors(void **state) {
    static const char *const inputs[] = { "", "\n", "FROM a\nENV a\n", "FROM a\nRUN <<E\n" };
    (void)state;
    for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++) {
        _cleanup_error_ struct error error = ERROR_INIT;
        _cleanup_buf_ struct buf out = BUF_INIT;
        assert_int_equal(-1, format_dockerfile(str_of(inputs[i]), "Dockerfile", &out, &error));
        assert_int_equal(ERROR_INPUT, error.code);
        assert_int_equal(0, out.len);
    }
}

/* Pairs that say the same, and pairs that do not. */
static void test_compare(void **state) {
    static const struct {
        const char *first, *second;
        unsigned line; /* 0: the same */
    } rows[] = {
        { "FROM a as b", "from  a AS b", 0 },
        { "FROM a\nRUN x y", "FROM a\nRUN x  y", 2 },
        { "FROM a\nCMD [\"a\"]", "FROM a\nCMD [ \"\\u0061\" ]", 0 },
        { "FROM a\nCMD [\"a\"]", "FROM a\nCMD a", 2 },
        { "FROM a\nRUN x", "FROM a", 2 },
        { "FROM a", "FROM a\nRUN x", 1 },
        { "FROM a\nENV a=b", "FROM a\nENV a b", 2 },
        { "FROM a\nARG a", "FROM a\nARG a=", 2 },
        { "FROM a\nENV a=b", "FROM a\nENV a=b c=d", 2 },
        { "FROM a\nCOPY --link a b", "FROM a\nCOPY a b", 2 },
        { "FROM a\nCOPY --link a b", "FROM a\nCOPY --parents a b", 2 },
        { "FROM a\nCOPY a b", "FROM a\nADD a b", 2 },
        { "FROM a\nCOPY a b", "FROM a\nCOPY a b c", 2 },
        { "FROM a\nfoo b", "FROM a\nfoo c", 2 },
        { "FROM a\nRUN <<E\nx\nE", "FROM a\nRUN <<E\ny\nE", 2 },
        { "FROM a\nRUN <<E\nx\nE", "FROM a\nRUN <<E <<E\nx\nE\nx\nE", 2 },
        { "FROM a\nONBUILD RUN x", "FROM a\nonbuild  run x", 0 },
        { "FROM a\nONBUILD RUN x", "FROM a\nONBUILD RUN y", 2 },
        { "FROM a\nONBUILD RUN x", "FROM a\nONBUILD", 2 },
        { "# c\nFROM a", "FROM a", 2 },
        { "# c\nFROM a", "# d\nFROM a", 2 },
        { "# c\nFROM a", "#c \n\nFROM a", 0 },
        { "# escape=`\nFROM a", "FROM a", 1 },
        { "# syntax=a\nFROM a", "# syntax=b\nFROM a", 1 },
    };
    int failures = 0;
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        struct dockerfile *first, *second;
        unsigned line;
        assert_int_equal(0,
                         parser_parse_syntax(str_of(rows[i].first), "first", &arena, &first, NULL));
        assert_int_equal(
            0, parser_parse_syntax(str_of(rows[i].second), "second", &arena, &second, NULL));
        unsigned found = format_is_same(first, second, &line) ? 0 : line;
        if (found != rows[i].line) {
            print_error("%s | %s: line %u\n", rows[i].first, rows[i].second, found);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),         cmocka_unit_test(test_json),
        cmocka_unit_test(test_continuations), cmocka_unit_test(test_heredocs),
        cmocka_unit_test(test_between),       cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_errors),        cmocka_unit_test(test_compare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
