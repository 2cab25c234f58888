/* Variable expansion. The input: flags, one byte; the value of $A, a line; the value of $B, a line; the text. The pattern
 * operators are compared with a matcher that tries everything. */
#include "parser/expand.h"

#include "base/vec.h"
#include "parser/substitute.h"
#include "parser/words.h"
#include "tests/fuzz/fuzz.h"

/* ---- patterns, the slow way ---------------------------------------------------------------------------- */

enum { SLOW_SIZE = 10 }; /* characters */

struct characters {
    struct str items[SLOW_SIZE];
    size_t count;
};

static bool split(struct str text, struct characters *out) {
    struct scan scan = scan_of(text);
    struct str character;
    for (out->count = 0; words_character(&scan, &character); out->count++) {
        if (out->count == SLOW_SIZE) {
            return false;
        }
        out->items[out->count] = character;
    }
    return true;
}

static bool slow_match(const struct characters *pattern, size_t p, const struct characters *value,
                       size_t v, size_t end) {
    if (p == pattern->count) {
        return v == end;
    }
    struct str part = pattern->items[p];
    bool is_character = v < end && !str_equal(value->items[v], STR("\n"));
    if (str_equal(part, STR("*"))) {
        return slow_match(pattern, p + 1, value, v, end) ||
               (is_character && slow_match(pattern, p, value, v + 1, end));
    }
    if (str_equal(part, STR("?"))) {
        return is_character && slow_match(pattern, p + 1, value, v + 1, end);
    }
    p += str_equal(part, STR("\\"));
    return v < end && str_equal(pattern->items[p], value->items[v]) &&
           slow_match(pattern, p + 1, value, v + 1, end);
}

static void append(const struct characters *value, size_t from, size_t to, struct buf *out) {
    for (; from < to; from++) {
        buf_append_str(out, value->items[from]);
    }
}

static void slow_trim(const struct characters *value, const struct characters *pattern,
                      bool is_suffix, bool is_longest, struct buf *out) {
    for (size_t i = 0; i <= value->count; i++) {
        size_t len = is_longest ? value->count - i : i;
        size_t from = is_suffix ? value->count - len : 0;
        if (slow_match(pattern, 0, value, from, from + len)) {
            append(value, is_suffix ? 0 : len, is_suffix ? from : value->count, out);
            return;
        }
    }
    append(value, 0, value->count, out);
}

/* Where the longest match from AT on ends, or SIZE_MAX. */
static size_t slow_longest(const struct characters *value, const struct characters *pattern,
                           size_t at) {
    for (size_t end = value->count + 1; end-- > at;) {
        if (slow_match(pattern, 0, value, at, end)) {
            return end;
        }
    }
    return SIZE_MAX;
}

/* As Go's regexp replaces: no empty match right behind another. */
static void slow_replace(const struct characters *value, const struct characters *pattern,
                         bool is_all, struct buf *out) {
    bool is_done = false;
    size_t at = 0, last_end = SIZE_MAX;
    while (at <= value->count) {
        size_t end = is_done ? SIZE_MAX : slow_longest(value, pattern, at);
        if (end != SIZE_MAX && (end > at || at != last_end)) {
            buf_append_c(out, "<>");
            last_end = end;
            is_done = !is_all;
        }
        if (end == SIZE_MAX || end == at) {
            append(value, at, at < value->count ? at + 1 : at, out);
            at++;
        } else {
            at = end;
        }
    }
}

static void check_patterns(struct str value, struct str pattern) {
    struct characters values, patterns;
    if (!split(value, &values) || !split(pattern, &patterns)) {
        return;
    }
    for (int i = 0; i < 4; i++) {
        _cleanup_buf_ struct buf expected = BUF_INIT;
        struct str out;
        if (substitute_trim(value, pattern, i & 1, i & 2, &out, NULL) < 0) {
            return; /* not a pattern */
        }
        slow_trim(&values, &patterns, i & 1, i & 2, &expected);
        fuzz_expect(str_equal(out, buf_str(&expected)), "trim %d: %.*s, wanted %.*s", i,
                    STR_ARG(out), STR_ARG(buf_str(&expected)));
    }
    for (int i = 0; i < 2; i++) {
        _cleanup_buf_ struct buf out = BUF_INIT, expected = BUF_INIT;
        int result = substitute_replace(value, pattern, STR("<>"), i, &out, NULL);
        slow_replace(&values, &patterns, i, &expected);
        fuzz_expect(result == 0 && str_equal(buf_str(&out), buf_str(&expected)),
                    "replace %d: %.*s, wanted %.*s", i, STR_ARG(buf_str(&out)),
                    STR_ARG(buf_str(&expected)));
    }
}

/* ---- expansion ----------------------------------------------------------------------------------------- */

struct values {
    struct str a, b;
    size_t unset_count;
};

static bool lookup(void *context, struct str name, struct str *value) {
    const struct values *values = context;
    *value = str_equal(name, STR("A")) ? values->a : values->b;
    return str_equal(name, STR("A")) || str_equal(name, STR("B"));
}

static void count_unset(void *context, struct str name) {
    struct values *values = context;
    fuzz_expect(!str_equal(name, STR("A")) && !str_equal(name, STR("B")), "a set name is missed");
    values->unset_count++;
}

static void check_expansion(const struct expand_scope *scope, struct str text) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct str word, *words;
    size_t count;
    int result = expand_word(scope, text, &arena, &word, &error);
    fuzz_expect(result == 0 || (error.code == ERROR_INPUT && error.message), "no message");
    fuzz_expect(!words_is_plain(text) || (result == 0 && str_equal(text, word)), "plain text");
    int words_result = expand_words(scope, text, &arena, &words, &count, NULL);
    fuzz_expect(result == words_result, "word %d, words %d", result, words_result);
    if (words_result < 0) {
        return;
    }
    size_t at = 0;
    for (size_t i = 0; i < count; i++) { /* words are the word without some of its spaces */
        fuzz_expect(words[i].len > 0, "an empty word");
        size_t found = str_find(str_from(word, at), words[i]);
        fuzz_expect(found != SIZE_MAX, "%.*s is not in %.*s", STR_ARG(words[i]), STR_ARG(word));
        at += found + words[i].len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    struct str rest = str_make((const char *)data + 1, size - 1), a = STR_EMPTY, b = STR_EMPTY;
    str_split(&rest, '\n', &a);
    if (!str_split(&rest, '\n', &b)) {
        return 0;
    }
    _cleanup_copy_ struct str text = fuzz_copy(rest.data ? rest : STR_EMPTY);
    struct values values = { a, b, 0 };
    struct expand_scope scope = {
        .escape = *data & 1 ? '`' : '\\',
        .lookup = lookup,
        .context = &values,
        .on_unset = count_unset,
        .is_quotes_kept = *data & 2,
        .is_escapes_kept = *data & 4,
        .is_quotes_plain = *data & 8,
        .is_unset_kept = *data & 16,
    };
    check_expansion(&scope, text);
    check_patterns(a, b);
    return 0;
}
