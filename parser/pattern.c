/* pattern: Go's filepath.Match, interpreted; a pattern is used a few times only. */
#include "parser/pattern.h"

#include "parser/glob.h"

bool pattern_has_wildcard(struct str pattern) {
    struct scan scan = scan_of(pattern);
    struct str text;
    for (;;) {
        switch (pattern_next(&scan, &text)) {
        case PATTERN_END:
            return false;
        case PATTERN_CHARACTER:
            break;
        case PATTERN_BAD:
            return *text.data == '['; /* not for a `\` at the end */
        default:
            return true;
        }
    }
}

int pattern_check(struct str pattern, struct error *error) {
    struct scan scan = scan_of(pattern);
    struct str text;
    enum pattern_token token;
    do {
        token = pattern_next(&scan, &text);
    } while (token != PATTERN_END && token != PATTERN_BAD);
    if (token == PATTERN_END) {
        return 0;
    }
    error_set(error, ERROR_INPUT, "syntax error in pattern");
    if (*text.data == '[') {
        return error_hint(error,
                          "`%.*s`: a `[` needs a set of characters and a `]`; write \\[ for the "
                          "character itself",
                          STR_ARG(pattern));
    }
    return error_hint(error, "`%.*s`: nothing follows the `\\` at the end", STR_ARG(pattern));
}

/* Character by character, without stars; what is left of NAME is *rest. */
static bool match_chunk(struct str chunk, struct str name, struct str *rest) {
    struct scan pattern = scan_of(chunk), scan = scan_of(name);
    struct str text, character;
    enum pattern_token token;
    while ((token = pattern_next(&pattern, &text)) != PATTERN_END) {
        if (!pattern_character(&scan, &character)) {
            return false;
        }
        if (token == PATTERN_CHARACTER) {
            if (!str_equal(text, character)) {
                return false;
            }
        } else if (token == PATTERN_ANY) {
            if (character.data[0] == '/') {
                return false;
            }
        } else {
            struct scan members = scan_of(text);
            struct str low, high;
            bool found = false;
            while (pattern_class_next(&members, &low, &high)) {
                found = found ||
                        (str_compare(low, character) <= 0 && str_compare(character, high) <= 0);
            }
            if (found != (token == PATTERN_CLASS)) {
                return false;
            }
        }
    }
    *rest = scan_rest(&scan);
    return true;
}

/* Leading stars, then everything up to the next star. */
static struct str next_chunk(struct scan *pattern, bool *has_star) {
    struct scan ahead = *pattern;
    struct str text;
    const char *start;
    enum pattern_token token;
    *has_star = false;
    do {
        start = ahead.cursor;
        token = pattern_next(&ahead, &text);
        *has_star = *has_star || token == PATTERN_STAR;
    } while (token == PATTERN_STAR);
    const char *end = start;
    while (token != PATTERN_STAR && token != PATTERN_END) {
        end = ahead.cursor;
        token = pattern_next(&ahead, &text);
    }
    pattern->cursor = end;
    return str_make(start, (size_t)(end - start));
}

/* The earliest place for a chunk behind a star is always good enough: a star further on takes up the rest. */
static bool match_after_star(struct str chunk, struct str *name, bool is_last) {
    struct str from = *name, rest;
    for (;;) {
        if (match_chunk(chunk, from, &rest) && (!is_last || rest.len == 0)) {
            *name = rest;
            return true;
        }
        if (from.len == 0 || from.data[0] == '/') {
            return false;
        }
        from = str_from(from, 1);
    }
}

bool pattern_matches(struct str pattern, struct str name) {
    struct scan scan = scan_of(pattern);
    while (scan.cursor < scan.limit) {
        bool has_star;
        struct str chunk = next_chunk(&scan, &has_star);
        bool is_last = scan.cursor == scan.limit;
        if (has_star && chunk.len == 0) {
            return str_find_byte(name, '/') == SIZE_MAX;
        }
        if (has_star) {
            if (!match_after_star(chunk, &name, is_last)) {
                return false;
            }
        } else if (!match_chunk(chunk, name, &name) || (is_last && name.len > 0)) {
            return false;
        }
    }
    return name.len == 0;
}
