/* The JSON form of arguments: `["a", "b"]`. Whether a text is one is decided without recursion, then its strings are
 * handed out one by one. Rules: RFC 8259, as strict as Go's decoder. */
#include "parser/scan.h"

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

/*!re2c
    re2c:api = custom;
    re2c:api:style = functions;
    re2c:yyfill:enable = 0;
    re2c:eof = 0;
    re2c:flags:tags = 1;
*/

enum json_token {
    JSON_END,
    JSON_BAD,
    JSON_STRING,
    JSON_SCALAR,
    JSON_OPEN_ARRAY,
    JSON_CLOSE_ARRAY,
    JSON_OPEN_OBJECT,
    JSON_CLOSE_OBJECT,
    JSON_COMMA,
    JSON_COLON,
};

static enum json_token json_next(struct scan *scan, struct str *raw) {
    const char *cursor = scan->cursor, *const limit = scan->limit, *marker = cursor;
    const char *from;
    enum json_token token = JSON_BAD;
    /*!stags:re2c format = "const char *@@;"; separator = "\n"; */
    /*!re2c
        space  = [ \t\r\n]*;
        hex    = [0-9a-fA-F];
        char   = [^"\\\x00-\x1F] | "\\" ["\\/bfnrt] | "\\u" hex{4};
        number = "-"? ("0" | [1-9][0-9]*) ("." [0-9]+)? ([eE] [+-]? [0-9]+)?;

        space @from "\"" char* "\""                      { token = JSON_STRING; goto done; }
        space @from (number | "true" | "false" | "null") { token = JSON_SCALAR; goto done; }
        space @from "["                                  { token = JSON_OPEN_ARRAY; goto done; }
        space @from "]"                                  { token = JSON_CLOSE_ARRAY; goto done; }
        space @from "{"                                  { token = JSON_OPEN_OBJECT; goto done; }
        space @from "}"                                  { token = JSON_CLOSE_OBJECT; goto done; }
        space @from ","                                  { token = JSON_COMMA; goto done; }
        space @from ":"                                  { token = JSON_COLON; goto done; }
        [ \t\r\n]+ @from                                 { token = JSON_END; goto end; }
        *                                                { return JSON_BAD; }
        $                                                { return JSON_END; }
    */
end:
    if (cursor < limit) {
        return JSON_BAD;
    }
done:
    *raw = str_make(from, (size_t)(cursor - from));
    scan->cursor = cursor;
    return token;
}

/* Go's decoder gives up below this depth; so do we, and the text is the shell form. */
enum { JSON_DEPTH = 10000 };

/* Is TEXT one complete JSON array? One bit a level tells arrays from objects, so depth costs no stack. */
enum json_form scan_json_form(struct str text, struct str *offender) {
    struct scan scan = scan_of(text);
    uint8_t is_object[JSON_DEPTH / 8 + 1];
    size_t depth = 0;
    bool want_value = true, want_key = false, may_close = false;
    enum json_form form = JSON_STRINGS;
    struct str raw = STR_EMPTY;

    if (json_next(&scan, &raw) != JSON_OPEN_ARRAY) {
        return JSON_NONE;
    }
    depth = 1;
    is_object[0] = 0;
    may_close = true;
    while (depth > 0) {
        enum json_token token = json_next(&scan, &raw);
        bool in_object = is_object[(depth - 1) / 8] >> ((depth - 1) % 8) & 1;
        if (depth == 1 && want_value && token != JSON_STRING && token != JSON_CLOSE_ARRAY &&
            form == JSON_STRINGS) {
            form = JSON_OTHER;
            *offender = raw;
        }
        if (token == JSON_STRING && want_key) {
            if (json_next(&scan, &raw) != JSON_COLON) {
                return JSON_NONE;
            }
            want_key = false;
            want_value = true;
            may_close = false;
        } else if ((token == JSON_STRING || token == JSON_SCALAR) && want_value) {
            want_value = false;
            may_close = true;
        } else if ((token == JSON_OPEN_ARRAY || token == JSON_OPEN_OBJECT) && want_value) {
            if (depth == JSON_DEPTH) {
                return JSON_NONE;
            }
            uint8_t bit = (uint8_t)(1 << depth % 8);
            is_object[depth / 8] &= (uint8_t)~bit;
            is_object[depth / 8] |= token == JSON_OPEN_OBJECT ? bit : 0;
            depth++;
            want_value = token == JSON_OPEN_ARRAY;
            want_key = !want_value;
            may_close = true;
        } else if (token == JSON_COMMA && !want_value && !want_key) {
            want_value = !in_object;
            want_key = in_object;
            may_close = false;
        } else if (token == (in_object ? JSON_CLOSE_OBJECT : JSON_CLOSE_ARRAY) && may_close) {
            depth--;
            want_value = want_key = false;
        } else {
            return JSON_NONE;
        }
    }
    return json_next(&scan, &raw) == JSON_END ? form : JSON_NONE;
}

static void append_code_point(struct buf *out, uint32_t c) {
    char bytes[4];
    size_t len;
    if (c < 0x80) {
        bytes[0] = (char)c;
        len = 1;
    } else if (c < 0x800) {
        bytes[0] = (char)(0xC0 | c >> 6);
        len = 2;
    } else if (c < 0x10000) {
        bytes[0] = (char)(0xE0 | c >> 12);
        len = 3;
    } else {
        bytes[0] = (char)(0xF0 | c >> 18);
        len = 4;
    }
    for (size_t i = 1; i < len; i++) {
        bytes[i] = (char)(0x80 | (c >> (6 * (len - 1 - i)) & 0x3F));
    }
    buf_append(out, bytes, len);
}

static uint32_t hex4(const char *digits) {
    uint64_t value = 0;
    str_parse_uint(str_make(digits, 4), 16, 0xFFFF, &value);
    return (uint32_t)value;
}

/* The inside of a JSON string that has been scanned once. */
static void json_decode(struct str inside, struct buf *out) {
    const char *cursor = inside.data, *const limit = cursor + inside.len, *marker = cursor, *token;
    for (;;) {
        token = cursor;
        /*!re2c
            // valid UTF-8, as RFC 3629 has it
            tail  = [\x80-\xBF];
            utf8  = [\xC2-\xDF] tail | "\xE0" [\xA0-\xBF] tail | [\xE1-\xEC\xEE\xEF] tail tail
                  | "\xED" [\x80-\x9F] tail | "\xF0" [\x90-\xBF] tail tail
                  | [\xF1-\xF3] tail tail tail | "\xF4" [\x80-\x8F] tail tail;
            high  = "\\u" [dD][89abAB] hex{2};
            low   = "\\u" [dD][c-fC-F] hex{2};

            ([\x00-\x7F] \ "\\")+ { buf_append(out, token, (size_t)(cursor - token)); continue; }
            utf8                  { buf_append(out, token, (size_t)(cursor - token)); continue; }
            "\\" ["\\/]           { buf_append_byte(out, token[1]); continue; }
            "\\b"                 { buf_append_byte(out, '\b'); continue; }
            "\\f"                 { buf_append_byte(out, '\f'); continue; }
            "\\n"                 { buf_append_byte(out, '\n'); continue; }
            "\\r"                 { buf_append_byte(out, '\r'); continue; }
            "\\t"                 { buf_append_byte(out, '\t'); continue; }
            high low              {
                append_code_point(out, 0x10000 + ((hex4(token + 2) & 0x3FF) << 10 |
                                                  (hex4(token + 8) & 0x3FF)));
                continue;
            }
            high | low            { buf_append_c(out, "\xEF\xBF\xBD"); continue; }
            "\\u" hex{4}          { append_code_point(out, hex4(token + 2)); continue; }
            *                     { buf_append_c(out, "\xEF\xBF\xBD"); continue; }
            $                     { return; }
        */
    }
}

/* Plain ASCII without escapes needs no decoding. */
static bool json_is_plain(struct str inside) {
    const char *cursor = inside.data, *const limit = cursor + inside.len, *marker = cursor;
    /*!re2c
        ([\x00-\x7F] \ "\\")+ { return cursor == limit; }
        *                     { return false; }
        $                     { return true; }
    */
}

bool scan_json_string(struct scan *scan, struct arena *arena, struct str *raw, struct str *text) {
    enum json_token token;
    do {
        token = json_next(scan, raw);
    } while (token == JSON_OPEN_ARRAY || token == JSON_COMMA);
    if (token != JSON_STRING) {
        return false;
    }
    *text = str_sub(*raw, 1, raw->len - 1);
    if (!json_is_plain(*text)) {
        struct buf decoded = BUF_INIT;
        json_decode(*text, &decoded);
        *text = str_copy(arena, buf_str(&decoded));
        buf_free(&decoded);
    }
    return true;
}
