/* Path patterns and ignore files; `source` names the section or row ("6.1.4") of the rules for files. */
#include "parser/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

static void test_match(void **state) {
    (void)state;
    /* Go's own table for filepath.Match, and the cases the rules name. 'y' matches, 'n' not, 'e' is an error. */
    static const struct {
        const char *pattern, *name;
        char result;
    } rows[] = {
        { "abc", "abc", 'y' },
        { "*", "abc", 'y' },
        { "*c", "abc", 'y' },
        { "a*", "a", 'y' },
        { "a*", "abc", 'y' },
        { "a*", "ab/c", 'n' },
        { "a*/b", "abc/b", 'y' },
        { "a*/b", "a/c/b", 'n' },
        { "a*b*c*d*e*/f", "axbxcxdxe/f", 'y' },
        { "a*b*c*d*e*/f", "axbxcxdxexxx/f", 'y' },
        { "a*b*c*d*e*/f", "axbxcxdxe/xxx/f", 'n' },
        { "a*b*c*d*e*/f", "axbxcxdxexxx/fff", 'n' },
        { "a*b?c*x", "abxbbxdbxebxczzx", 'y' },
        { "a*b?c*x", "abxbbxdbxebxczzy", 'n' },
        { "ab[c]", "abc", 'y' },
        { "ab[b-d]", "abc", 'y' },
        { "ab[e-g]", "abc", 'n' },
        { "ab[^c]", "abc", 'n' },
        { "ab[^b-d]", "abc", 'n' },
        { "ab[^e-g]", "abc", 'y' },
        { "a\\*b", "a*b", 'y' },
        { "a\\*b", "ab", 'n' },
        { "a?b", "a☺b", 'y' },
        { "a[^a]b", "a☺b", 'y' },
        { "a???b", "a☺b", 'n' },
        { "a[^a][^a][^a]b", "a☺b", 'n' },
        { "[a-ζ]*", "α", 'y' },
        { "*[a-ζ]", "A", 'n' },
        { "a?b", "a/b", 'n' },
        { "a*b", "a/b", 'n' },
        { "[\\]a]", "]", 'y' },
        { "[\\-]", "-", 'y' },
        { "[x\\-]", "x", 'y' },
        { "[x\\-]", "-", 'y' },
        { "[x\\-]", "z", 'n' },
        { "[\\-x]", "x", 'y' },
        { "[\\-x]", "a", 'n' },
        { "[]a]", "]", 'e' },
        { "[-]", "-", 'e' },
        { "[x-]", "x", 'e' },
        { "[-x]", "x", 'e' },
        { "\\", "a", 'e' },
        { "[a-b-c]", "a", 'e' },
        { "[", "a", 'e' },
        { "[^", "a", 'e' },
        { "[^bc", "a", 'e' },
        { "a[", "ab", 'e' },
        { "*x", "xxx", 'y' },
        { "[!a]", "a", 'y' },
        { "[!a]", "!", 'y' },
        { "[!a]", "b", 'n' },
        { "**", "ab", 'y' },
        { "**", "a/b", 'n' },
        { ".*", ".x", 'y' },
        { "*", ".x", 'y' },
        { "[^]", "^", 'e' },
        { "[]", "a", 'e' },
        { "", "", 'y' },
        { "", "a", 'n' },
        { "*", "", 'y' },
        { "a]", "a]", 'y' },
        { "a[[]b", "a[b]", 'n' },
        { "a[[]b]", "a[b]", 'y' },
        { "?", "\xFF", 'y' },
        { "\\\xFF", "\xFF", 'y' },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char result = 'e';
        if (pattern_check(str_of(rows[i].pattern), NULL) == 0) {
            result = pattern_matches(str_of(rows[i].pattern), str_of(rows[i].name)) ? 'y' : 'n';
        }
        if (result != rows[i].result) {
            fail_msg("%s on %s: %c", rows[i].pattern, rows[i].name, result);
        }
    }
    assert_true(pattern_has_wildcard(STR("a*")) && pattern_has_wildcard(STR("[")));
    assert_false(pattern_has_wildcard(STR("a\\*\\[")) || pattern_has_wildcard(STR("a]")));
}

/* PATHS: words; a trailing `!` means ignored. */
struct row {
    const char *source, *patterns, *paths;
};

static const struct row rows[] = {
    { "6.1.1", "a", "a! a/b! b/a ab" },
    { "6.1.2", "/a", "a! b/a" },
    { "6.1.3", "a/", "a! a/b!" },
    { "6.1.4", "*", "a! a/b! .x!" },
    { "6.1.5", "*.md", "a.md! d/a.md" },
    { "6.1.6", "*/*.md", "a.md d/a.md! d/e/a.md" },
    { "6.1.7", "**/*.md", "a.md! d/a.md! d/e/a.md! .md!" },
    { "6.1.8", "a/**", "a a/b! a/b/c!" },
    { "6.1.9", "a/**/b", "a/b! a/x/b! a/x/y/b! a/xb" },
    { "6.1.10", "**a", "a! ba! x/ba! x/a/c!" },
    { "6.1.11", "**/a", "a! ba x/a! x/ba" },
    { "6.1.12", "a**", "ab! a/b! b/a" },
    { "6.1.13", "a**b", "ab! axb a/x/b! a/b!" },
    { "6.1.14", "a*b", "ab! axb! a/b" },
    { "6.1.15", "[^a]", "b! a" },
    { "6.1.15", "[!a]", "a! ! b" },
    { "6.1.16", "a\\*b", "a*b! axb" },
    { "6.1.19", "*\n!a/b", "a! a/b a/c!" },
    { "6.1.20", "a\n!a/b", "a! a/b a/c!" },
    { "6.1.21", "a/*\n!a/b", "a a/b a/b/d a/c!" },
    { "6.1.22", "!a\na", "a!" },
    { "6.1.23", "*.md\n!README*.md\nREADME-secret.md", "README.md README-secret.md! x.md!" },
    { "6.1.24", "*.md\nREADME-secret.md\n!README*.md", "README-secret.md x.md!" },
    { "6.1.25", "dir\n!dir/keep\ndir/keep/no", "dir/x! dir/keep/y dir/keep/no!" },
    { "6.1.26", "**\n!**/*.go", "a.go x/a.go x/b!" },
    { "6.1.27", "../a", "a" },
    { "6.1.28", "a/../b", "b!" },
    { "6.1.29", "**/foo/**", "foo foo/a! x/foo/y!" },
    { "6.1.30", "^a\na$\na.b+c(d)", "^a! a$! a.b+c(d)! axb+c(d) a" },
    { "5.2 comments", "#a\n \n\t b \r\n! \t!c", "#a b! c" },
    { "5.2 BOM",
      "\xEF\xBB\xBF"
      "a",
      "a!" },
    { "5.2 cleaning", "a//b\n./c/\nd/**/", "a/b! c! d d/e!" },
    { "5.2 root", ".\n/", "a a/b" },
    { "5.3 escaped", "\\a\n**/\\b", "a! b! x/b!" },
    { "5.3 classes cross", "**/x[0-9]?", "x10! a/x1y! x1 a/x1/" },
    { "5.3 stars", "a/***/b", "a/x/b! a/x/y/b! ab" },
    { "5.3 empty list", "", "a" },
};

/* Walks from the root as a directory walk would, pruning where the list says so. */
static bool walk(const struct ignore *ignore, struct str path, struct arena *arena) {
    struct ignore_state parent, own;
    ignore_root(ignore, arena, &parent);
    for (size_t end = 0; end < path.len; end++) {
        if (path.data[end] != '/') {
            continue;
        }
        struct str directory = str_sub(path, 0, end);
        ignore_enter(ignore, &parent, directory, arena, &own);
        if (own.is_ignored && !ignore_may_keep_below(ignore, &own, directory)) {
            return true;
        }
        parent = own;
    }
    bool is_ignored = ignore_matches(ignore, &parent, path);
    ignore_enter(ignore, &parent, path, arena, &own);
    assert_int_equal(is_ignored, own.is_ignored);
    return is_ignored;
}

static int check_path(const struct row *row, const struct ignore *ignore, struct str path,
                      struct arena *arena) {
    bool expected = path.data[path.len - 1] == '!';
    struct ignore_rule rule;
    path.len -= expected;
    if (path.len == 0) {
        path = STR("!");
    }
    bool walked = walk(ignore, path, arena), decided = ignore_deciding(ignore, path, &rule);
    if (walked == expected && decided == expected && !(expected && rule.is_exclusion)) {
        return 0;
    }
    print_error("%s: %s: %.*s walked %d, by itself %d\n", row->source, row->patterns, STR_ARG(path),
                walked, decided);
    return 1;
}

static void test_ignore(void **state) {
    (void)state;
    int failures = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        _cleanup_error_ struct error error = ERROR_INIT;
        struct ignore *ignore;
        if (ignore_parse(str_of(rows[i].patterns), ".dockerignore", &arena, &ignore, &error) < 0) {
            fail_msg("%s: %s", rows[i].source, error.message);
        }
        struct str paths = str_of(rows[i].paths), path;
        while (str_split(&paths, ' ', &path)) {
            failures += check_path(&rows[i], ignore, path, &arena);
        }
    }
    assert_int_equal(failures, 0);
}

static bool is_ignored_by(const struct ignore *ignore, struct str path) {
    struct ignore_rule rule;
    return ignore_deciding(ignore, path, &rule);
}

static void test_spaces(void **state) { /* 6.1.31 */
    (void)state;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct ignore *ignore;
    assert_int_equal(ignore_parse(STR(" # c\n"), ".dockerignore", &arena, &ignore, NULL), 0);
    assert_true(is_ignored_by(ignore, STR("# c")));
}

static void test_errors(void **state) {
    (void)state;
    static const struct {
        const char *patterns, *message;
        uint32_t start, end;
    } errors[] = {
        { "a\n [b \n", "syntax error in pattern", 3, 5 }, /* 6.1.17 */
        { "a\\", "syntax error in pattern", 0, 2 },
        { "a\n!", "illegal exclusion pattern: \"!\"", 2, 3 }, /* 6.1.18 */
        { "! /", "illegal exclusion pattern: \"!\"", 0, 3 },
        { "![]", "syntax error in pattern", 0, 3 },
    };
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        _cleanup_error_ struct error error = ERROR_INIT;
        struct ignore *ignore;
        assert_int_equal(ignore_parse(str_of(errors[i].patterns), "f", &arena, &ignore, &error),
                         -1);
        assert_string_equal(error.message, errors[i].message);
        assert_non_null(error.hint);
        assert_int_equal(error.place.span.start, errors[i].start);
        assert_int_equal(error.place.span.end, errors[i].end);
    }
}

/* Which rule decides. */
static void test_deciding(void **state) {
    (void)state;
    static const struct {
        const char *source, *patterns, *path;
        bool is_ignored;
        const char *text; /* "" when none */
        unsigned line;
    } decisions[] = {
        { "first", "# x\n*.md\n\n !README.md\n", "a.md", true, "*.md", 2 },
        { "exception", "# x\n*.md\n\n !README.md\n", "README.md", false, "!README.md", 4 },
        { "none", "# x\n*.md\n", "a", false, "", 0 },
        { "none in an empty list", "", "a", false, "", 0 },
        { "the root", "*", "", false, "", 0 },
        { "an ancestor's", "x\na/\n", "a/b/c", true, "a/", 2 },
        { "an exception's ancestor", "*\n!a\n", "a/b/c", false, "!a", 2 },
        { "the last that changes it", "a\n!a/b\na/b/c\n", "a/b/c", true, "a/b/c", 3 },
        { "a repetition changes nothing", "a\na\n", "a/b", true, "a", 1 },
        { "5.3 a rule skipped at the parent", "a\n!a/b\na\n", "a/b", false, "!a/b", 2 },
        { "an exception nobody needs", "!a\nb\n", "a", false, "", 0 },
        { "CRLF, blanks", "b\r\n \ta  \r\n", "a", true, "a", 2 },
        { "bytes that are no text", "\xFF*\n", "\xFFz", true, "\xFF*", 1 },
    };
    for (size_t i = 0; i < sizeof(decisions) / sizeof(decisions[0]); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        struct ignore *ignore;
        struct ignore_rule rule;
        assert_int_equal(ignore_parse(str_of(decisions[i].patterns), "f", &arena, &ignore, NULL),
                         0);
        bool is_ignored = ignore_deciding(ignore, str_of(decisions[i].path), &rule);
        if (is_ignored != decisions[i].is_ignored || !str_equal_c(rule.text, decisions[i].text) ||
            rule.line != decisions[i].line || rule.is_exclusion != (decisions[i].text[0] == '!')) {
            fail_msg("%s: %d `%.*s` in line %u", decisions[i].source, is_ignored,
                     STR_ARG(rule.text), rule.line);
        }
    }
}

static void test_exclude_flags(void **state) {
    (void)state;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct ignore *ignore;
    struct ignore_rule rule;
    struct str patterns[] = { STR(" *.mp3 "), STR(""), STR("#c"), STR("!b.mp3") };
    assert_int_equal(ignore_from_patterns(patterns, 4, &arena, &ignore, NULL), 0);
    assert_false(ignore_is_empty(ignore));
    assert_true(is_ignored_by(ignore, STR("a.mp3")));
    assert_true(is_ignored_by(ignore, STR("#c")));
    assert_false(ignore_deciding(ignore, STR("b.mp3"), &rule));
    assert_true(str_equal(rule.text, STR("!b.mp3")));
    assert_int_equal(rule.line, 0);
}

/* Which ignored directories need not be opened. */
static void test_pruning(void **state) {
    (void)state;
    static const struct {
        const char *patterns, *directory;
        bool may_keep;
    } prunings[] = {
        { "a", "a", false },
        { "a\n!b", "a", false },
        { "a\n!a/b", "a", true },
        { "a\n!a/b/c", "a/b", true },
        { "a\n!a/b/c", "a/x", false },
        { "!a/b\na", "a", false }, /* the exception comes first */
        { "a\n!**/x", "a", true },
        { "a\n!*/x", "a", true },
        { "a\n!*/x", "a/b", false },
        { "a\n!a/b**", "a", true },
        { "a\n!a/b**", "a/c", false },
        { "*\n!src/**/*.c", "src", true },
        { "*\n!src/**/*.c", "doc", false },
    };
    for (size_t i = 0; i < sizeof(prunings) / sizeof(prunings[0]); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        struct ignore *ignore;
        struct ignore_state parent, own;
        struct str path = str_of(prunings[i].directory);
        assert_int_equal(ignore_parse(str_of(prunings[i].patterns), "f", &arena, &ignore, NULL), 0);
        ignore_root(ignore, &arena, &parent);
        for (size_t end = 0; end <= path.len; end++) {
            if (end == path.len || path.data[end] == '/') {
                ignore_enter(ignore, &parent, str_sub(path, 0, end), &arena, &own);
                parent = own;
            }
        }
        if (!own.is_ignored || ignore_may_keep_below(ignore, &own, path) != prunings[i].may_keep) {
            fail_msg("%s: %s", prunings[i].patterns, prunings[i].directory);
        }
    }
}

static void test_hostile(void **state) {
    (void)state;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_buf_ struct buf pattern = BUF_INIT, path = BUF_INIT;
    struct ignore *ignore;
    for (int i = 0; i < 200; i++) {
        buf_append_c(&pattern, "**/a*");
        buf_append_c(&path, "aaaa/aaaa/");
    }
    buf_append_c(&pattern, "b?");
    assert_int_equal(ignore_parse(buf_str(&pattern), "f", &arena, &ignore, NULL), 0);
    assert_false(is_ignored_by(ignore, str_sub(buf_str(&path), 0, path.len - 1)));
    buf_reset(&pattern);
    for (int i = 0; i < 5000; i++) {
        buf_append_byte(&pattern, '?');
    }
    assert_int_equal(ignore_parse(buf_str(&pattern), "f", &arena, &ignore, &error), -1);
    assert_string_equal(error.message, "pattern has more than 4096 characters");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_match),    cmocka_unit_test(test_ignore),
        cmocka_unit_test(test_spaces),   cmocka_unit_test(test_errors),
        cmocka_unit_test(test_deciding), cmocka_unit_test(test_exclude_flags),
        cmocka_unit_test(test_pruning),  cmocka_unit_test(test_hostile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
