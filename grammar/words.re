/* The pieces of variable expansion: what stands inside and outside of quotes, names, heredoc words. How they
 * nest is parser/expand.c. Source of the rules: BuildKit's shell lexer. */
#include "parser/words.h"

/* Nothing is read at or behind the limit, so no text needs a NUL after it. */
#define YYCTYPE unsigned char
#define YYPEEK() (cursor < limit ? (unsigned char)*cursor : 0)
#define YYSKIP() ++cursor
#define YYBACKUP() marker = cursor
#define YYRESTORE() cursor = marker
#define YYLESSTHAN(count) (limit - cursor < (count))
#define YYSTAGP(tag) tag = cursor
#define YYSTAGN(tag) tag = NULL
#define YYSHIFTSTAG(tag, shift) tag += shift

/*!include:re2c "unicode_categories.re" */
/*!re2c
    re2c:api = custom;
    re2c:api:style = functions;
    re2c:yyfill:enable = 0;
    re2c:eof = 0;
    re2c:flags:tags = 1;
    re2c:encoding:utf8 = 1;

    any    = [^] \ [\uD800-\uDFFF]; // surrogates are no characters in UTF-8
    ASCII  = [\x00-\x7F];
    SP     = [\t-\r \x85\xA0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000];
    NAME   = Nd+ | (L | "_") (L | Nd | "_")* | [@*#?\-$!];
*/

enum words_token words_next(struct scan *scan, char escape, struct str *token, struct str *name) {
    const char *const start = scan->cursor;
    const char *cursor = start, *const limit = scan->limit, *marker = cursor;
    enum words_token kind = WORDS_TEXT;
    /*!re2c
        (ASCII \ ([\t-\r ] | ['"\\`$<}/]))+ { goto done; }
        SP+             { kind = WORDS_SPACE; goto done; }
        "<<" [\t\r ]*   { goto done; } // the blanks belong to the heredoc's word
        "'"             { kind = WORDS_SINGLE_QUOTE; goto done; }
        "\""            { kind = WORDS_DOUBLE_QUOTE; goto done; }
        [\\`] any?      {
            if (*start == escape) {
                kind = WORDS_ESCAPE;
            } else {
                cursor = start + 1;
            }
            goto done;
        }
        "$" NAME        { kind = WORDS_NAME; goto done; }
        "${"            { kind = WORDS_BRACE; goto done; }
        "}"             { kind = WORDS_CLOSE; goto done; }
        "/"             { kind = WORDS_SLASH; goto done; }
        any             { goto done; }
        *               { goto done; }
        $               { kind = WORDS_END; goto done; }
    */
done:
    *token = str_make(start, (size_t)(cursor - start));
    *name = str_from(*token, 1);
    scan->cursor = cursor;
    return kind;
}

enum words_token words_next_quoted(struct scan *scan, char escape, struct str *token,
                                   struct str *name) {
    const char *const start = scan->cursor;
    const char *cursor = start, *const limit = scan->limit, *marker = cursor;
    enum words_token kind = WORDS_TEXT;
    /*!re2c
        [^"\\`$]+       { goto done; }
        "\""            { kind = WORDS_DOUBLE_QUOTE; goto done; }
        [\\`] ["$\\`]?  {
            // the other escape is a character like any other
            bool is_pair = cursor - start == 2 &&
                           (start[1] == '"' || start[1] == '$' || start[1] == escape);
            if (*start != escape) {
                cursor = start + 1;
            } else {
                kind = WORDS_ESCAPE;
                cursor = start + (is_pair ? 2 : 1);
            }
            goto done;
        }
        "$" NAME        { kind = WORDS_NAME; goto done; }
        "${"            { kind = WORDS_BRACE; goto done; }
        any             { goto done; }
        *               { goto done; }
        $               { kind = WORDS_END; goto done; }
    */
done:
    *token = str_make(start, (size_t)(cursor - start));
    *name = str_from(*token, 1);
    scan->cursor = cursor;
    return kind;
}

struct str words_name(struct scan *scan) {
    const char *const start = scan->cursor;
    const char *cursor = start, *const limit = scan->limit, *marker = cursor;
    /*!re2c
        NAME { goto done; }
        *    { cursor = start; goto done; }
        $    { goto done; }
    */
done:
    scan->cursor = cursor;
    return str_make(start, (size_t)(cursor - start));
}

bool words_piece(struct scan *scan, struct str *piece, bool *is_space) {
    const char *const start = scan->cursor;
    const char *cursor = start, *const limit = scan->limit, *marker = cursor;
    *is_space = false;
    /*!re2c
        SP+      { *is_space = true; goto done; }
        any \ SP { goto done; }
        (ASCII \ [\t-\r ])+ { goto done; }
        *        { goto done; }
        $        { return false; }
    */
done:
    *piece = str_make(start, (size_t)(cursor - start));
    scan->cursor = cursor;
    return true;
}

bool words_character(struct scan *scan, struct str *character) {
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

bool words_is_plain(struct str text) {
    const char *cursor = text.data, *const limit = cursor + text.len, *marker = cursor;
    for (;;) {
        /*!re2c
            (ASCII \ ['"\\`$])+ { continue; }
            ['"\\`$]            { return false; }
            *                   { continue; }
            $                   { return true; }
        */
    }
}

bool words_heredoc(struct str word, struct str *descriptor, bool *is_chomped, struct str *delimiter) {
    const char *cursor = word.data, *const limit = cursor + word.len, *marker = cursor;
    const char *open, *dash, *from;
    /*!stags:re2c format = "const char *@@;"; separator = "\n"; */
    /*!re2c
        [0-9]* @open "<<" @dash "-"? [\t\n\f\r ]* @from [^<]* {
            *descriptor = str_make(word.data, (size_t)(open - word.data));
            *is_chomped = dash < cursor && *dash == '-';
            *delimiter = str_make(from, (size_t)(cursor - from));
            return cursor == limit && delimiter->len > 0;
        }
        *   { return false; }
        $   { return false; }
    */
}

struct str words_squeeze(struct str text, struct arena *arena) {
    const char *cursor = text.data, *const limit = cursor + text.len, *marker = cursor, *token;
    _cleanup_buf_ struct buf out = BUF_INIT;
    for (;;) {
        token = cursor;
        /*!re2c
            [\t\v\f\r ]+                  { buf_append_byte(&out, ' '); continue; }
            "'" [^']* "'"                 { goto copy; }
            "\"" ([^"\\] | "\\" any)* "\"" { goto copy; }
            "\\" any                      { goto copy; }
            (ASCII \ [\t\v\f\r '"\\])+     { goto copy; }
            *                             { goto copy; }
            $                             { return out.len == text.len ? text : str_copy(arena, buf_str(&out)); }
        */
    copy:
        buf_append(&out, token, (size_t)(cursor - token));
    }
}

static void quote_number(struct buf *out, struct str character) {
    uint32_t c = (unsigned char)character.data[0];
    if (c < 0x80) {
        buf_printf(out, "\\x%02x", c);
        return;
    }
    c &= character.len == 2 ? 0x1F : character.len == 3 ? 0x0F : 0x07;
    for (size_t i = 1; i < character.len; i++) {
        c = c << 6 | ((unsigned char)character.data[i] & 0x3F);
    }
    buf_printf(out, c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
}

void words_quote(struct buf *out, struct str text) {
    const char *cursor = text.data, *const limit = cursor + text.len, *marker = cursor, *token;
    buf_append_byte(out, '"');
    for (;;) {
        token = cursor;
        /*!re2c
            printable = L | M | N | P | S | " ";
            ([\x20-\x7E] \ ["\\])+ { buf_append(out, token, (size_t)(cursor - token)); continue; }
            "\""      { buf_append_c(out, "\\\""); continue; }
            "\\"      { buf_append_c(out, "\\\\"); continue; }
            printable { buf_append(out, token, (size_t)(cursor - token)); continue; }
            "\a"      { buf_append_c(out, "\\a"); continue; }
            "\b"      { buf_append_c(out, "\\b"); continue; }
            "\f"      { buf_append_c(out, "\\f"); continue; }
            "\n"      { buf_append_c(out, "\\n"); continue; }
            "\r"      { buf_append_c(out, "\\r"); continue; }
            "\t"      { buf_append_c(out, "\\t"); continue; }
            "\v"      { buf_append_c(out, "\\v"); continue; }
            any       { quote_number(out, str_make(token, (size_t)(cursor - token))); continue; }
            *         { buf_printf(out, "\\x%02x", (unsigned char)*token); continue; }
            $         { break; }
        */
    }
    buf_append_byte(out, '"');
}
