/* The pieces of path patterns. What `**` means is parser/glob.c's business. Rules: Go's filepath.Match. */
#include "parser/glob.h"

/* Nothing is read at or behind the limit, so no text needs a NUL after it. */
#define YYCTYPE unsigned char
#define YYPEEK() (cursor < limit ? (unsigned char)*cursor : 0)
#define YYSKIP() ++cursor
#define YYBACKUP() marker = cursor
#define YYRESTORE() cursor = marker
#define YYLESSTHAN(count) (limit - cursor < (count))

/*!re2c
    re2c:api = custom;
    re2c:api:style = functions;
    re2c:yyfill:enable = 0;
    re2c:eof = 0;
    re2c:encoding:utf8 = 1;

    any    = [^] \ [\uD800-\uDFFF]; // surrogates are no characters in UTF-8
    member = [^\\\]-] | "\\" any;         // of a class
    first  = [^\\\]^-] | "\\" any;        // `[^` negates, so a class does not begin with `^`
    range  = member ("-" member)?;
    ranges = range+;
    class  = first ("-" member)? range*;
*/

enum pattern_token pattern_next(struct scan *scan, struct str *text) {
    const char *const start = scan->cursor;
    const char *cursor = start, *const limit = scan->limit, *marker = cursor;
    enum pattern_token token = PATTERN_CHARACTER;
    size_t before = 0, after = 0;
    /*!re2c
        "*"              { token = PATTERN_STAR; goto done; }
        "?"              { token = PATTERN_ANY; goto done; }
        "[^" ranges "]"  { token = PATTERN_NEGATED_CLASS; before = 2; after = 1; goto done; }
        "[" class "]"    { token = PATTERN_CLASS; before = after = 1; goto done; }
        "["              { token = PATTERN_BAD; goto done; }
        "\\" any         { before = 1; goto done; }
        "\\"             {
            if (cursor == limit) {
                token = PATTERN_BAD;
            } else {
                cursor++; // a byte that is no UTF-8, escaped
                before = 1;
            }
            goto done;
        }
        any              { goto done; }
        *                { goto done; }
        $                { token = PATTERN_END; goto done; }
    */
done:
    *text = str_make(start + before, (size_t)(cursor - start) - before - after);
    scan->cursor = cursor;
    return token;
}

static struct str member_text(const char *start, const char *end) {
    bool is_escaped = *start == '\\' && end - start > 1;
    return str_make(start + is_escaped, (size_t)(end - start) - is_escaped);
}

bool pattern_class_next(struct scan *scan, struct str *low, struct str *high) {
    const char *const start = scan->cursor;
    const char *cursor = start, *const limit = scan->limit, *marker = cursor;
    /*!re2c
        member  {
            *low = *high = member_text(start, cursor);
            scan->cursor = cursor;
            if (scan->cursor < limit && *scan->cursor == '-') {
                struct str ignored;
                scan->cursor++;
                return pattern_class_next(scan, high, &ignored);
            }
            return true;
        }
        *       { return false; }
        $       { return false; }
    */
}

bool pattern_character(struct scan *scan, struct str *character) {
    const char *const start = scan->cursor;
    const char *cursor = start, *const limit = scan->limit, *marker = cursor;
    /*!re2c
        any { goto done; }
        *   { goto done; }
        $   { return false; }
    */
done:
    *character = str_make(start, (size_t)(cursor - start));
    scan->cursor = cursor;
    return true;
}
