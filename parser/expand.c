#include "parser/expand.h"

#include "base/vec.h"
#include "parser/expand_ranges.h"
#include "parser/substitute.h"
#include "parser/words.h"

/* `${a:-${b:-…}}` nests on the C stack; nobody writes more, and a hostile file must not end the process. */
enum { EXPAND_DEPTH = 1000 };

/* Of the input in messages, in bytes. */
enum { SHOWN_SIZE = 200 };

/* What has been expanded so far, and with `words` set also how it splits. */
struct output {
    struct buf text; /* all of it, or the word in the making */
    size_t total;    /* bytes so far, of all words */
    struct arena *arena;
    bool is_split;
    VEC(struct expand_range) words; /* arena */
    size_t word_start;              /* in the input */
    size_t word_end;
};

struct expansion {
    const struct expand_scope *scope;
    struct str input;
    struct scan scan;
    unsigned depth;
    bool is_escapes_kept;
    struct error *error;
};

static size_t expansion_offset(const struct expansion *expansion) {
    return (size_t)(expansion->scan.cursor - expansion->input.data);
}

/* ---- output -------------------------------------------------------------------------------------------- */

static void output_end_word(struct output *out) {
    if (out->text.len > 0) {
        struct expand_range word = { str_copy(out->arena, buf_str(&out->text)), out->word_start,
                                     out->word_end };
        arena_vec_push(out->arena, &out->words, word);
        buf_reset(&out->text);
    }
}

/* TEXT comes from input bytes [from, to) and is not split. */
static void output_add(struct output *out, struct str text, size_t from, size_t to) {
    if (out->text.len == 0) {
        out->word_start = from;
    }
    out->word_end = to;
    out->total += text.len;
    buf_append_str(&out->text, text);
}

static void output_add_split(struct output *out, struct str text, size_t from, size_t to) {
    struct scan scan = scan_of(text);
    struct str piece;
    bool is_space;
    if (!out->is_split) {
        output_add(out, text, from, to);
        return;
    }
    while (words_piece(&scan, &piece, &is_space)) {
        if (is_space) {
            output_end_word(out);
        } else {
            output_add(out, piece, from, to);
        }
    }
}

/* ---- ${...} -------------------------------------------------------------------------------------------- */

static int process(struct expansion *expansion, char stop, struct output *out);

/* The operand of an operation, up to an unquoted STOP, which is consumed. */
static int process_operand(struct expansion *expansion, char stop, bool is_pattern,
                           struct buf *operand) {
    bool was_kept = expansion->is_escapes_kept;
    struct output out = { .text = BUF_INIT };
    if (expansion->depth == EXPAND_DEPTH) {
        error_set(expansion->error, ERROR_INPUT, "expansion nested more than %d levels deep",
                  EXPAND_DEPTH);
        return error_hint(expansion->error, "set the parts with ARG or ENV first");
    }
    expansion->depth++;
    expansion->is_escapes_kept = is_pattern;
    int result = process(expansion, stop, &out);
    expansion->is_escapes_kept = was_kept;
    expansion->depth--;
    *operand = out.text;
    return result;
}

static bool lookup(const struct expansion *expansion, struct str name, struct str *value) {
    *value = STR_EMPTY;
    return expansion->scope->lookup &&
           expansion->scope->lookup(expansion->scope->context, name, value);
}

static bool lookup_plain(const struct expansion *expansion, struct str name, struct str *value) {
    if (lookup(expansion, name, value)) {
        return true;
    }
    if (expansion->scope->on_unset) {
        expansion->scope->on_unset(expansion->scope->context, name);
    }
    return false;
}

static int unsupported(struct expansion *expansion, struct str modifier) {
    error_set(expansion->error, ERROR_INPUT, "unsupported modifier (%.*s) in substitution",
              STR_ARG(modifier));
    return error_hint(expansion->error,
                      "supported are ${x-w} ${x:-w} ${x+w} ${x:+w} ${x?w} ${x:?w} "
                      "${x#p} ${x##p} ${x%%p} ${x%%%%p} ${x/p/r} ${x//p/r}");
}

static int complain_unset(struct expansion *expansion, struct str name, struct str word,
                          bool is_set) {
    if (word.len > 0) {
        error_set(expansion->error, ERROR_INPUT, "%.*s: %.*s", STR_ARG(name), STR_ARG(word));
    } else {
        error_set(expansion->error, ERROR_INPUT, "%.*s: is not allowed to be %s", STR_ARG(name),
                  is_set ? "empty" : "unset");
    }
    return error_hint(expansion->error,
                      "set %.*s with ARG or ENV before this line; that of an ARG can be given with "
                      "--build-arg",
                      STR_ARG(name));
}

/* ${x-w} ${x+w} ${x?w}, with IS_COLON also an empty value counts as none. */
static int substitute_word(struct expansion *expansion, struct str name, struct str modifier,
                           struct buf *value_out, bool *is_set) {
    _cleanup_buf_ struct buf word = BUF_INIT;
    struct str value;
    bool is_colon = modifier.data[0] == ':';
    char operation = modifier.data[modifier.len - 1];
    if (process_operand(expansion, '}', false, &word) < 0) {
        return -1;
    }
    *is_set = lookup(expansion, name, &value);
    bool has_value = *is_set && (!is_colon || value.len > 0);
    switch (operation) {
    case '-':
        buf_append_str(value_out, has_value ? value : buf_str(&word));
        return 0;
    case '+':
        buf_append_str(value_out, has_value ? buf_str(&word) : STR_EMPTY);
        return 0;
    case '?':
        if (!has_value && !(expansion->scope->is_unset_kept && !*is_set)) {
            return complain_unset(expansion, name, buf_str(&word), *is_set);
        }
        buf_append_str(value_out, value);
        return 0;
    default:
        return unsupported(expansion, modifier);
    }
}

static bool accept(struct expansion *expansion, char byte) {
    if (expansion->scan.cursor < expansion->scan.limit && *expansion->scan.cursor == byte) {
        expansion->scan.cursor++;
        return true;
    }
    return false;
}

/* ${x#p} ${x%p}; a doubled operation is decided by the source text, not by what the pattern expands to. */
static int substitute_affix(struct expansion *expansion, struct str name, char operation,
                            struct buf *value_out, bool *is_set) {
    _cleanup_buf_ struct buf pattern = BUF_INIT;
    struct str value, rest;
    bool is_longest = accept(expansion, operation);
    if (process_operand(expansion, '}', true, &pattern) < 0) {
        return -1;
    }
    *is_set = lookup_plain(expansion, name, &value);
    if (substitute_trim(value, buf_str(&pattern), operation == '%', is_longest, &rest,
                        expansion->error) < 0) {
        return -1;
    }
    buf_append_str(value_out, rest);
    return 0;
}

static int substitute_pattern(struct expansion *expansion, struct str name, struct buf *value_out,
                              bool *is_set) {
    _cleanup_buf_ struct buf pattern = BUF_INIT, replacement = BUF_INIT;
    struct str value;
    bool is_all = accept(expansion, '/');
    if (process_operand(expansion, '/', true, &pattern) < 0 ||
        process_operand(expansion, '}', true, &replacement) < 0) {
        return -1;
    }
    *is_set = lookup_plain(expansion, name, &value);
    return substitute_replace(value, buf_str(&pattern), buf_str(&replacement), is_all, value_out,
                              expansion->error);
}

static int missing_brace(struct expansion *expansion) {
    error_set(expansion->error, ERROR_INPUT, "syntax error: missing '}'");
    return error_hint(expansion->error, "close ${ with }, or write %c$ for a dollar sign",
                      expansion->scope->escape);
}

static int bad_brace(struct expansion *expansion) {
    if (expansion->scan.cursor == expansion->scan.limit) {
        return missing_brace(expansion);
    }
    if (memchr("{}:", *expansion->scan.cursor, 3)) {
        error_set(expansion->error, ERROR_INPUT, "syntax error: bad substitution");
        return error_hint(expansion->error, "a name comes behind ${; write %c$ for a dollar sign",
                          expansion->scope->escape);
    }
    return 0;
}

/* Behind `${`. The value is appended to VALUE; *IS_KEPT says that it must stay as written. */
static int process_brace(struct expansion *expansion, struct buf *value, bool *is_kept) {
    struct str plain, modifier = STR_EMPTY;
    bool is_set = true;
    int result;
    if (bad_brace(expansion) < 0) {
        return -1;
    }
    struct str name = words_name(&expansion->scan);
    if (accept(expansion, '}')) {
        is_set = lookup_plain(expansion, name, &plain);
        buf_append_str(value, plain);
        *is_kept = !is_set && expansion->scope->is_unset_kept;
        return 0;
    }
    const char *start = expansion->scan.cursor;
    bool is_colon = accept(expansion, ':');
    if (!words_character(&expansion->scan, &modifier)) {
        return missing_brace(expansion);
    }
    char operation = modifier.data[0];
    modifier = str_make(start, (size_t)(expansion->scan.cursor - start));
    if (!is_colon && operation == '/') {
        result = substitute_pattern(expansion, name, value, &is_set);
    } else if (!is_colon && (operation == '#' || operation == '%')) {
        result = substitute_affix(expansion, name, operation, value, &is_set);
    } else if (memchr("-+?", operation, 3)) {
        result = substitute_word(expansion, name, modifier, value, &is_set);
    } else {
        return unsupported(expansion, modifier);
    }
    *is_kept = !is_set && expansion->scope->is_unset_kept;
    return result;
}

/* A WORDS_NAME or WORDS_BRACE token; IS_QUOTED results are not split. */
static int process_dollar(struct expansion *expansion, enum words_token kind, struct str token,
                          struct str name, bool is_quoted, struct output *out) {
    _cleanup_buf_ struct buf value = BUF_INIT;
    bool is_kept = false;
    if (kind == WORDS_BRACE) {
        if (process_brace(expansion, &value, &is_kept) < 0) {
            return -1;
        }
    } else {
        struct str plain;
        is_kept = !lookup_plain(expansion, name, &plain) && expansion->scope->is_unset_kept;
        buf_append_str(&value, plain);
    }
    size_t from = (size_t)(token.data - expansion->input.data), to = expansion_offset(expansion);
    struct str text = is_kept ? str_sub(expansion->input, from, to) : buf_str(&value);
    if (is_quoted) {
        output_add(out, text, from, to);
    } else {
        output_add_split(out, text, from, to);
    }
    return 0;
}

/* ---- quotes -------------------------------------------------------------------------------------------- */

static int unclosed(struct expansion *expansion, const char *what) {
    error_set(expansion->error, ERROR_INPUT,
              "unexpected end of statement while looking for matching %s", what);
    return error_hint(expansion->error,
                      "close the quote, or escape it with %c to use it as a character",
                      expansion->scope->escape);
}

static int process_single_quote(struct expansion *expansion, size_t from, struct output *out) {
    struct str rest = scan_rest(&expansion->scan);
    size_t len = str_find_byte(rest, '\'');
    bool is_kept = expansion->scope->is_quotes_kept;
    if (len == SIZE_MAX) {
        return unclosed(expansion, "single-quote");
    }
    expansion->scan.cursor += len + 1;
    size_t to = expansion_offset(expansion);
    output_add(out, is_kept ? str_sub(expansion->input, from, to) : str_sub(rest, 0, len), from,
               to);
    return 0;
}

static int process_double_quote(struct expansion *expansion, size_t from, struct output *out) {
    const struct expand_scope *scope = expansion->scope;
    struct str token, name;
    if (scope->is_quotes_kept) {
        output_add(out, STR("\""), from, from + 1);
    }
    for (;;) {
        if (out->total > SUBSTITUTE_SIZE) {
            return substitute_too_long(expansion->error);
        }
        enum words_token kind = words_next_quoted(&expansion->scan, scope->escape, &token, &name);
        size_t to = expansion_offset(expansion);
        switch (kind) {
        case WORDS_END:
            return unclosed(expansion, "double-quote");
        case WORDS_DOUBLE_QUOTE:
            output_add(out, scope->is_quotes_kept ? token : STR_EMPTY, from, to);
            return 0;
        case WORDS_NAME:
        case WORDS_BRACE:
            if (process_dollar(expansion, kind, token, name, true, out) < 0) {
                return -1;
            }
            break;
        case WORDS_ESCAPE:
            /* Kept for a pattern, an escape that escapes nothing here is doubled: it stays literal. */
            if (token.len == 1 && expansion->is_escapes_kept) {
                output_add(out, token, from, to);
            }
            output_add(out, expansion->is_escapes_kept || token.len == 1 ? token : name, from, to);
            break;
        default:
            output_add(out, token, from, to);
            break;
        }
    }
}

/* ---- the machine --------------------------------------------------------------------------------------- */

static int missing_stop(struct expansion *expansion, char stop) {
    if (stop != '/') {
        return missing_brace(expansion);
    }
    error_set(expansion->error, ERROR_INPUT, "syntax error: missing '/' in ${}");
    return error_hint(expansion->error, "write ${x/PATTERN/REPLACEMENT}; nothing may stand for "
                                        "REPLACEMENT, but not for the `/` before it");
}

/* Up to an unquoted STOP, or to the end of the text with STOP 0. */
static int process(struct expansion *expansion, char stop, struct output *out) {
    const struct expand_scope *scope = expansion->scope;
    struct str token, name;
    for (;;) {
        if (out->total > SUBSTITUTE_SIZE) {
            return substitute_too_long(expansion->error);
        }
        size_t from = expansion_offset(expansion);
        enum words_token kind = words_next(&expansion->scan, scope->escape, &token, &name);
        size_t to = expansion_offset(expansion);
        switch (kind) {
        case WORDS_END:
            return stop ? missing_stop(expansion, stop) : 0;
        case WORDS_SPACE:
            output_add_split(out, token, from, to);
            break;
        case WORDS_CLOSE:
        case WORDS_SLASH:
            if (stop && token.data[0] == stop) {
                return 0;
            }
            output_add(out, token, from, to);
            break;
        case WORDS_SINGLE_QUOTE:
        case WORDS_DOUBLE_QUOTE:
            if (scope->is_quotes_plain) {
                output_add(out, token, from, to);
            } else if ((kind == WORDS_SINGLE_QUOTE ? process_single_quote : process_double_quote)(
                           expansion, from, out) < 0) {
                return -1;
            }
            break;
        case WORDS_ESCAPE:
            output_add(out, expansion->is_escapes_kept ? token : name, from, to);
            break;
        case WORDS_NAME:
        case WORDS_BRACE:
            if (process_dollar(expansion, kind, token, name, false, out) < 0) {
                return -1;
            }
            break;
        case WORDS_TEXT:
            output_add(out, token, from, to);
            break;
        }
    }
}

static int expand(const struct expand_scope *scope, struct str input, struct output *out,
                  struct error *error) {
    struct error cause = ERROR_INIT;
    struct expansion expansion = {
        .scope = scope,
        .input = input,
        .scan = scan_of(input),
        .is_escapes_kept = scope->is_escapes_kept,
        .error = &cause,
    };
    int result = process(&expansion, 0, out);
    if (result < 0) {
        _cleanup_buf_ struct buf quoted = BUF_INIT;
        words_quote(&quoted, str_sub(input, 0, input.len < SHOWN_SIZE ? input.len : SHOWN_SIZE));
        error_set(error, ERROR_INPUT, "failed to process %s%s: %s", quoted.data,
                  input.len > SHOWN_SIZE ? "…" : "", cause.message);
        if (cause.hint) {
            error_hint(error, "%s", cause.hint);
        }
    }
    error_clear(&cause);
    return result;
}

int expand_word(const struct expand_scope *scope, struct str input, struct arena *arena,
                struct str *out, struct error *error) {
    struct output output = { .arena = arena };
    if (words_is_plain(input)) {
        *out = str_copy(arena, input);
        return 0;
    }
    int result = expand(scope, input, &output, error);
    *out = result == 0 ? str_copy(arena, buf_str(&output.text)) : STR_EMPTY;
    buf_free(&output.text);
    return result;
}

int expand_ranges(const struct expand_scope *scope, struct str input, struct arena *arena,
                  struct expand_range **out, size_t *count, struct error *error) {
    struct output output = { .arena = arena, .is_split = true };
    int result = expand(scope, input, &output, error);
    output_end_word(&output);
    buf_free(&output.text);
    *out = output.words.items;
    *count = output.words.count;
    return result;
}

int expand_words(const struct expand_scope *scope, struct str input, struct arena *arena,
                 struct str **out, size_t *count, struct error *error) {
    struct expand_range *ranges;
    int result = expand_ranges(scope, input, arena, &ranges, count, error);
    *out = arena_array(arena, *count, sizeof(**out));
    for (size_t i = 0; i < *count; i++) {
        (*out)[i] = ranges[i].text;
    }
    return result;
}
