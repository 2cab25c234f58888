/* Variable expansion, row by row; `source` names the section or the row ("2.7") of the expansion rules. */
#include "parser/expand.h"
#include "parser/words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The environment of the quick reference; U and V are unset. */
static bool lookup(void *context, struct str name, struct str *value) {
    static const char *const variables[][2] = {
        { "A", "val" },
        { "E", "" },
        { "S", "a  b" },
        { "P", "/usr/local/lib/x.tar.gz" },
        { "D", "1.2.3" },
        { "10", "ten" },
        { "é", "acute" },
        { "N", "a\nb" },
        { "H", "#a" },
        { "Q", "a*b?c\\d}e" },
        { "Z", "a\\" },
        { "X", "\xFF"
               "é\x80" },
    };
    (void)context;
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        if (str_equal_c(name, variables[i][0])) {
            *value = str_of(variables[i][1]);
            return true;
        }
    }
    return false;
}

struct row {
    const char *source;
    const char *input;
    const char *word;  /* NULL: an error */
    const char *error; /* the part behind `failed to process "...": ` */
};

#define SINGLE "unexpected end of statement while looking for matching single-quote"
#define DOUBLE "unexpected end of statement while looking for matching double-quote"
#define ESCAPE_X "invalid pattern (\\x) in substitution: invalid escape '\\x'"

static const struct row rows[] = {
    { "2.1", "${U:-x y}", "x y", NULL },
    { "2.2", "\"${U:-'x y'}\"", "x y", NULL },
    { "2.3", "${U:-${V:-deep}}", "deep", NULL },
    { "2.4", "${E-w}", "", NULL },
    { "2.4", "${E:-w}", "w", NULL },
    { "2.5", "${E+w}", "w", NULL },
    { "2.5", "${E:+w}", "", NULL },
    { "2.6", "${U?}", NULL, "U: is not allowed to be unset" },
    { "2.7", "${U:?${A} missing}", NULL, "U: val missing" },
    { "2.8", "${E?x}", "", NULL },
    { "2.8", "${E:?x}", NULL, "E: x" },
    { "2.9", "${A:=x}", NULL, "unsupported modifier (:=) in substitution" },
    { "2.10", "${A:+a}b}", "ab}", NULL },
    { "2.11", "${A:+a\\}b}", "a}b", NULL },
    { "2.12", "${A:+'}'}", "}", NULL },
    { "2.13", "${}", NULL, "syntax error: bad substitution" },
    { "2.14", "${#A}", NULL, "unsupported modifier (A) in substitution" },
    { "2.15", "$$", "", NULL },
    { "2.16", "a$", "a$", NULL },
    { "2.16", "$ A", "$ A", NULL },
    { "2.17", "$10x", "tenx", NULL },
    { "2.18", "$1", "", NULL },
    { "2.19", "\\$A", "$A", NULL },
    { "2.19", "\\\\$A", "\\val", NULL },
    { "2.19", "\\\\\\$A", "\\$A", NULL },
    { "2.20", "\"\\$A\"", "$A", NULL },
    { "2.20", "'\\$A'", "\\$A", NULL },
    { "2.21", "a\\b", "ab", NULL },
    { "2.21", "\"a\\b\"", "a\\b", NULL },
    { "2.21", "'a\\b'", "a\\b", NULL },
    { "2.22", "a\\", "a", NULL },
    { "2.22", "a\\\\", "a\\", NULL },
    { "2.23", "\"a\\", NULL, DOUBLE },
    { "2.24", "a'b", NULL, SINGLE },
    { "2.25", "${P#*/}", "usr/local/lib/x.tar.gz", NULL },
    { "2.25", "${P##*/}", "x.tar.gz", NULL },
    { "2.26", "${P%/*}", "/usr/local/lib", NULL },
    { "2.26", "${P%%/*}", "", NULL },
    { "2.27", "${P%.gz}", "/usr/local/lib/x.tar", NULL },
    { "2.28", "${P#[a-z]}", "/usr/local/lib/x.tar.gz", NULL },
    { "2.29", "${P#\\x}", NULL, ESCAPE_X },
    { "2.30", "${P/\\//-}", "-usr/local/lib/x.tar.gz", NULL },
    { "2.30", "${P//\\//-}", "-usr-local-lib-x.tar.gz", NULL },
    { "2.31", "${P//usr/\\/x}", "/\\/x/local/lib/x.tar.gz", NULL },
    { "2.32", "${P//l*l/X}", "/usr/Xib/x.tar.gz", NULL },
    { "2.33", "${P//usr/}", "//local/lib/x.tar.gz", NULL },
    { "2.34", "${P/usr}", NULL, "syntax error: missing '/' in ${}" },
    { "2.35", "${D//./-}", "1-2-3", NULL },
    { "2.36", "`A`", "`A`", NULL },
    { "2.36", "$(A)", "$(A)", NULL },
    { "2.36", "~", "~", NULL },

    { "1.1", "'a'b\"c\"d", "abcd", NULL },
    { "1.1", "a\\ b", "a b", NULL },
    { "1.1", "\"a\\\\b\\\"c\"", "a\\b\"c", NULL },
    { "1.1", "a << b <c", "a << b <c", NULL },
    { "1.1", "\\é$A", "éval", NULL },
    { "1.1",
      "a\xFF"
      "b$A",
      "a\xFF"
      "bval",
      NULL },
    { "1.2", "$é", "acute", NULL },
    { "1.2", "$éa", "", NULL },
    { "1.2", "$@@", "@", NULL },
    { "1.2", "$001", "", NULL },
    { "1.2", "$.", "$.", NULL },
    { "1.2", "$A.$A-", "val.val-", NULL },
    { "1.2", "$Av", "", NULL },
    { "1.3", "${", NULL, "syntax error: missing '}'" },
    { "1.3", "${A", NULL, "syntax error: missing '}'" },
    { "1.3", "${A:", NULL, "syntax error: missing '}'" },
    { "1.3", "${A:-x", NULL, "syntax error: missing '}'" },
    { "1.3", "${P/a/b", NULL, "syntax error: missing '}'" },
    { "1.3", "${{A}}", NULL, "syntax error: bad substitution" },
    { "1.3", "${:A}", NULL, "syntax error: bad substitution" },
    { "1.3", "${A=w}", NULL, "unsupported modifier (=) in substitution" },
    { "1.3", "${A:0:2}", NULL, "unsupported modifier (:0) in substitution" },
    { "1.3", "${A^^}", NULL, "unsupported modifier (^) in substitution" },
    { "1.3", "${A[0]}", NULL, "unsupported modifier ([) in substitution" },
    { "1.3", "${!A}", NULL, "unsupported modifier (A) in substitution" },
    { "1.3", "${A@Q}", NULL, "unsupported modifier (@) in substitution" },
    { "1.3", "${ A}", NULL, "unsupported modifier ( ) in substitution" },
    { "1.3", "${A:#a}", NULL, "unsupported modifier (:#) in substitution" },
    { "1.3", "${A:%a}", NULL, "unsupported modifier (:%) in substitution" },
    { "1.3", "${A-w}${U-w}", "valw", NULL },
    { "1.3", "${U+w}${U:+w}${A+w}${A:+w}", "ww", NULL },
    { "1.3", "${E:?}", NULL, "E: is not allowed to be empty" },
    { "1.3", "${U:?}", NULL, "U: is not allowed to be unset" },
    { "1.3 the unused operand is read", "${A:-${U?no}}", NULL, "U: no" },
    { "1.3", "${U:-\"a b\"}", "a b", NULL },
    { "1.3 no second scan", "${U:-\\$A}", "$A", NULL },
    { "1.3 by the source text", "${H#$H}", "", NULL },
    { "1.4", "${A#v?}", "l", NULL },
    { "1.4", "${A%%?l}", "v", NULL },
    { "1.4 quotes do not protect", "${P#\"*\"/}", "usr/local/lib/x.tar.gz", NULL },
    { "1.4", "${P#\\*}", "/usr/local/lib/x.tar.gz", NULL },
    { "1.4", "${A#v\\", NULL, "syntax error: missing '}'" },
    { "1.4 newline", "${N#*b}", "a\nb", NULL },
    { "1.4 newline", "${N%?b}", "a\nb", NULL },
    { "1.4 empty pattern", "${A/$E/w}", "wval", NULL },
    { "1.4 empty pattern", "${A//$E/w}", "wvwawlw", NULL },
    { "1.4 no anchors", "${A/#v/X}", "val", NULL },
    { "1.4", "${P//\\//\\/}", "\\/usr\\/local\\/lib\\/x.tar.gz", NULL },
    { "1.4 literal replacement", "${D//./\\$1}", "1\\$12\\$13", NULL },
    { "1.4 code points", "${X#?}", "é\x80", NULL },
    { "1.4 code points", "${X%??}", "\xFF", NULL },
    { "1.4 all", "${A//*/x}", "x", NULL },
    { "1.4 not found", "${A//x/y}", "val", NULL },
    { "1.4 pattern unset", "${U#a}${U%a}${U/a/b}", "", NULL },
    { "1.2 digits only", "$10$1$010", "ten", NULL },
    { "1.2 case", "$a$A", "val", NULL },
    { "1.2 specials", "$@$*$#$?$-$!$0", "", NULL },
    { "1.2 end", "\"$\"", "$", NULL },
    { "1.3 all of the table, unset", "${U-1}${U:-2}[${U+3}${U:+4}]", "12[]", NULL },
    { "1.3 all of the table, empty", "[${E-1}]${E:-2}${E+3}[${E:+4}${E?5}]", "[]23[]", NULL },
    { "1.3 all of the table, set", "${A-1}${A:-2}${A+3}${A:+4}${A?5}${A:?6}", "valval34valval",
      NULL },
    { "1.3", "${x", NULL, "syntax error: missing '}'" },
    { "1.3", "${U?w}", NULL, "U: w" },
    { "1.3 a quoted brace", "${A:+\"}\"}", "}", NULL },
    { "1.3 a quoted slash", "${P/\"/\"/-}", "-usr/local/lib/x.tar.gz", NULL },
    { "1.3 r ends at a brace", "${D/./}}", "12.3}", NULL },
    { "1.3 r may be empty", "${D//./}", "123", NULL },
    { "1.3 r with a slash", "${D/./a/b}", "1a/b2.3", NULL },
    { "1.3 operands nest", "${U:-${E:-${U:-\"${A#${A%al}}\"}}}", "al", NULL },
    { "1.3 variables in p and r", "${A/${U:-a}/${D}}", "v1.2.3l", NULL },
    { "1.4", "${Q//\\*/-}", "a-b?c\\d}e", NULL },
    { "1.4", "${Q//\\?/-}", "a*b-c\\d}e", NULL },
    { "1.4", "${Q//\\\\/-}", "a*b?c-d}e", NULL },
    { "1.4", "${Q//\\}/-}", "a*b?c\\d-e", NULL },
    { "1.4", "${Q%\\}e}", "a*b?c\\d", NULL },
    { "1.4 a final backslash", "${P#$Z}", NULL,
      "invalid pattern (a\\) in substitution: invalid escape '\\'" },
    { "1.4", "${A%%*}${A##*}", "", NULL },
    { "1.4", "${A%*}${A#*}", "valval", NULL },
    { "1.4 leftmost, then longest", "${P/l*/X}", "/usr/X", NULL },
    { "1.4 newline", "${N//?/x}", "x\nx", NULL },
    { "1.4 newline", "${N//*/x}", "x\nx", NULL },
};

static int check_word(const struct expand_scope *scope, const struct row *row) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_buf_ struct buf expected = BUF_INIT;
    struct str out;
    size_t len = strlen(row->input);
    _cleanup_free_ char *copy = xmalloc(len + 1); /* exact size, no NUL behind it */
    memcpy(copy, row->input, len);
    int result = expand_word(scope, str_make(copy, len), &arena, &out, &error);
    if (row->word && result == 0 && str_equal_c(out, row->word)) {
        return 0;
    }
    if (!row->word && result < 0) {
        buf_append_c(&expected, "failed to process ");
        words_quote(&expected, str_of(row->input));
        buf_printf(&expected, ": %s", row->error);
        if (strcmp(expected.data, error.message) == 0) {
            return 0;
        }
    }
    print_error("%s: %s\nfound  %.*s\nwanted %s\n", row->source, row->input,
                result < 0 ? (int)strlen(error.message) : (int)out.len,
                result < 0 ? error.message : out.data, row->word ? row->word : row->error);
    return 1;
}

static void test_word(void **state) {
    (void)state;
    struct expand_scope scope = { .escape = '\\', .lookup = lookup };
    int failures = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        failures += check_word(&scope, &rows[i]);
    }
    assert_int_equal(failures, 0);
}

static void test_modes(void **state) {
    (void)state;
    struct expand_scope tick = { .escape = '`', .lookup = lookup };
    struct expand_scope body = { .escape = '\\', .lookup = lookup, .is_quotes_plain = true };
    struct expand_scope raw = {
        .escape = '\\', .is_quotes_kept = true, .is_escapes_kept = true, .is_unset_kept = true
    };
    static const struct row tick_rows[] = {
        { "2.41", "`$A", "$A", NULL },
        { "2.41", "\\$A", "\\val", NULL },
        { "1.1", "\"`\"\\\"\"`", NULL, DOUBLE },
        { "1.4 the pattern's escape is a backslash", "${P#\\/}", "usr/local/lib/x.tar.gz", NULL },
    };
    static const struct row body_rows[] = {
        { "2.42", "\"$A\" '$A' \\$A \\n \\\\", "\"val\" 'val' $A n \\", NULL },
        { "dockerfile 4.4", "a\\\nb ${U:-'x'}", "a\nb 'x'", NULL },
    };
    static const struct row raw_rows[] = {
        { "dockerfile 4.2", "'a' \"b\" \\c $x ${x} ${x:-y} ${x#a}",
          "'a' \"b\" \\c $x ${x} ${x:-y} ${x#a}", NULL },
        { "dockerfile 4.2", "${x?y}", "${x?y}", NULL },
        { "dockerfile 4.2", "it's", NULL, SINGLE },
    };
    int failures = 0;
    for (size_t i = 0; i < sizeof(tick_rows) / sizeof(tick_rows[0]); i++) {
        failures += check_word(&tick, &tick_rows[i]);
    }
    for (size_t i = 0; i < sizeof(body_rows) / sizeof(body_rows[0]); i++) {
        failures += check_word(&body, &body_rows[i]);
    }
    for (size_t i = 0; i < sizeof(raw_rows) / sizeof(raw_rows[0]); i++) {
        failures += check_word(&raw, &raw_rows[i]);
    }
    assert_int_equal(failures, 0);
}

static void test_words(void **state) {
    (void)state;
    static const struct {
        const char *source, *input, *words; /* joined by | */
    } words[] = {
        { "2.37", "$S", "a|b" },
        { "2.37", "\"$S\"", "a  b" },
        { "2.38", "a$S", "aa|b" },
        { "2.38", "a\"$S\"b", "aa  bb" },
        { "2.39", "x\\ y", "x y" },
        { "2.40", "$U", "" },
        { "2.40", "\"\" ''", "" },
        { "1 plain", " a \t b\u00A0c\u2003", "a|b|c" },
        { "1.3 a quoted operand still splits", "${U:-'x y'}", "x|y" },
        { "1.3 an enclosing quote protects", "\"${U:-x y}\"", "x y" },
        { "1.1 heredoc", "a << b", "a|<< b" },
    };
    struct expand_scope scope = { .escape = '\\', .lookup = lookup };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        _cleanup_buf_ struct buf joined = BUF_INIT;
        struct str *out;
        size_t count;
        assert_int_equal(expand_words(&scope, str_of(words[i].input), &arena, &out, &count, NULL),
                         0);
        buf_append_c(&joined, "");
        for (size_t j = 0; j < count; j++) {
            buf_printf(&joined, "%s%.*s", j == 0 ? "" : "|", STR_ARG(out[j]));
        }
        if (!str_equal_c(buf_str(&joined), words[i].words)) {
            fail_msg("%s: %.*s", words[i].source, STR_ARG(buf_str(&joined)));
        }
    }
}

static void count_unset(void *context, struct str name) {
    (void)name;
    (*(int *)context)++;
}

static bool nothing(void *context, struct str name, struct str *value) {
    (void)context;
    (void)name;
    (void)value;
    return false;
}

/* A variable with a default of its own is not missed. */
static void test_unset(void **state) {
    (void)state;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    int count = 0;
    struct expand_scope scope = {
        .escape = '\\', .lookup = nothing, .on_unset = count_unset, .context = &count
    };
    struct str out;
    assert_int_equal(
        expand_word(&scope, STR("$a ${b} ${c:-x} ${d+x} ${e#x} '$f'"), &arena, &out, NULL), 0);
    assert_int_equal(count, 3);
}

static void test_depth(void **state) {
    (void)state;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct expand_scope scope = { .escape = '\\' };
    struct str out;
    for (int i = 0; i < 100000; i++) {
        buf_append_c(&text, "${U:-");
    }
    assert_int_equal(expand_word(&scope, buf_str(&text), &arena, &out, &error), -1);
    assert_true(
        str_has_suffix(str_of(error.message), STR("expansion nested more than 1000 levels deep")));
}

struct long_values {
    struct str text;    /* $X */
    struct str pattern; /* $Y */
};

static bool lookup_long(void *context, struct str name, struct str *value) {
    const struct long_values *values = context;
    *value = str_equal(name, STR("X")) ? values->text : values->pattern;
    return true;
}

/* Values as long as their patterns, in the worst of ways: an answer or an error, soon. */
static void test_hostile_patterns(void **state) {
    (void)state;
    static const struct {
        const char *unit;
        size_t count;
        const char *input;
        bool is_refused;
    } hostile[] = {
        { "a", 60000, "${X//${Y}b/}", true },
        { "a", 60000, "${X//$Y/}", true },
        { "a*", 30000, "${X//${Y}b/}", true },
        { "?", 60000, "${X##${Y}b}", false }, /* anchored: one part at a time */
        { "a*", 30000, "${X%%b$Y}", true },
        { "ab", 30000, "${X//$Y/}", false },
        { "a", 20, "${X//$Y/}", false },
        { "a*", 10, "${X//${Y}b/}", false },
    };
    _cleanup_buf_ struct buf text = BUF_INIT;
    for (int i = 0; i < 60000; i++) {
        buf_append_byte(&text, 'a');
    }
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        _cleanup_error_ struct error error = ERROR_INIT;
        _cleanup_buf_ struct buf pattern = BUF_INIT;
        for (size_t j = 0; j < hostile[i].count; j++) {
            buf_append_c(&pattern, hostile[i].unit);
        }
        struct long_values values = { buf_str(&text), buf_str(&pattern) };
        struct expand_scope scope = { .escape = '\\', .lookup = lookup_long, .context = &values };
        struct str out;
        int result = expand_word(&scope, str_of(hostile[i].input), &arena, &out, &error);
        if (result != (hostile[i].is_refused ? -1 : 0) ||
            (result < 0 && !strstr(error.message, "takes too long"))) {
            fail_msg("row %zu: %s", i, error.message ? error.message : "not refused");
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_word),  cmocka_unit_test(test_modes),
        cmocka_unit_test(test_words), cmocka_unit_test(test_unset),
        cmocka_unit_test(test_depth), cmocka_unit_test(test_hostile_patterns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
