/* The tokens of TOML. Whether `1` is a number or a key is known from what came before it: values stand behind `=`
 * and in arrays, keys everywhere else. Rules: TOML 1.0. */
#include "base/json.h"
#include "grammar/toml.tab.h"

#include <stdlib.h>

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

    any     = [^];
    hex     = [0-9a-fA-F];
    newline = "\r"? "\n";
    blank   = [ \t];
    control = [\x00-\x08\x0A-\x1F\x7F];
    escape  = "\\" [btnfr"\\] | "\\u" hex{4} | "\\U" hex{8};
    folded  = "\\" blank* newline;

    bare          = [A-Za-z0-9_-]+;
    basic         = "\"" (any \ (control | ["\\]) | escape)* "\"";
    literal       = "'" (any \ (control | "'"))* "'";
    basic_lines   = "\"\"\"" ("\""{0,2} ([^"\\] | escape | folded))* "\""{3,5};
    literal_lines = "'''" ("'"{0,2} [^'])* "'"{3,5};

    digits  = [0-9] ("_"? [0-9])*;
    integer = [+-]? digits;
    based   = "0x" hex ("_"? hex)* | "0o" [0-7] ("_"? [0-7])* | "0b" [01] ("_"? [01])*;
    float   = [+-]? digits ("." digits)? ([eE] [+-]? digits)?;
    word    = [A-Za-z0-9_+.:-]+;
*/

static void append_code_point(struct buf *out, uint64_t c) {
    char bytes[4];
    size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = { 0, 0, 0xC0, 0xE0, 0xF0 };
    for (size_t i = len; i-- > 1; c >>= 6) {
        bytes[i] = (char)(0x80 | (c & 0x3F));
    }
    bytes[0] = (char)(lead[len] | c);
    buf_append(out, bytes, len);
}

/* The inside of a basic string, which has been scanned once. False for an escape that is no character. */
static bool decode_basic(struct str inside, struct buf *out) {
    const char *cursor = inside.data, *const limit = cursor + inside.len, *marker = cursor, *token;
    uint64_t c;
    for (;;) {
        token = cursor;
        /*!re2c
            [^\\]+      { buf_append(out, token, (size_t)(cursor - token)); continue; }
            "\\b"       { buf_append_byte(out, '\b'); continue; }
            "\\t"       { buf_append_byte(out, '\t'); continue; }
            "\\n"       { buf_append_byte(out, '\n'); continue; }
            "\\f"       { buf_append_byte(out, '\f'); continue; }
            "\\r"       { buf_append_byte(out, '\r'); continue; }
            "\\" ["\\]  { buf_append_byte(out, token[1]); continue; }
            "\\u" hex{4} | "\\U" hex{8} {
                if (!str_parse_uint(str_make(token + 2, (size_t)(cursor - token - 2)), 16, 0x10FFFF, &c) ||
                    (c >= 0xD800 && c < 0xE000)) {
                    return false;
                }
                append_code_point(out, c);
                continue;
            }
            "\\" blank* newline (blank | newline)* { continue; }
            *           { return false; }
            $           { return true; }
        */
    }
}

static struct str after_newline(struct str text) {
    if (str_has_prefix(text, STR("\r\n"))) {
        return str_from(text, 2);
    }
    return str_has_prefix(text, STR("\n")) ? str_from(text, 1) : text;
}

static bool decode_string(struct toml_parser *parser, struct str token, struct str *out) {
    size_t quotes = str_has_prefix(token, STR("\"\"\"")) || str_has_prefix(token, STR("'''")) ? 3 : 1;
    if (token.len < 2 * quotes) {
        quotes = 1; /* an empty string */
    }
    *out = str_sub(token, quotes, token.len - quotes);
    if (quotes == 3) {
        *out = after_newline(*out);
    }
    if (token.data[0] == '\'') {
        return true;
    }
    _cleanup_buf_ struct buf text = BUF_INIT;
    bool is_valid = decode_basic(*out, &text);
    *out = str_copy(&parser->arena, buf_str(&text));
    return is_valid;
}

static struct str without_underscores(struct toml_parser *parser, struct str digits) {
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct str part;
    while (str_split(&digits, '_', &part)) {
        buf_append_str(&text, part);
    }
    return str_copy(&parser->arena, buf_str(&text));
}

static json_t *integer_value(struct toml_parser *parser, struct str token, unsigned base) {
    struct str digits = without_underscores(parser, token);
    bool is_negative = digits.data[0] == '-';
    uint64_t limit = is_negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX, value;
    digits = str_from(digits, base != 10 ? 2 : is_negative || digits.data[0] == '+' ? 1 : 0);
    if (!str_parse_uint(digits, base, limit, &value)) {
        return NULL;
    }
    return json_integer(is_negative ? -(json_int_t)(value - 1) - 1 : (json_int_t)value);
}

static json_t *float_value(struct toml_parser *parser, struct str token) {
    struct str digits = without_underscores(parser, token);
    return json_real(strtod(str_dup(&parser->arena, digits), NULL)); /* NULL when it is infinite */
}

/* A bracket of a value opens; false when there are too many. */
static bool push(struct toml_parser *parser, char bracket) {
    if (parser->depth == TOML_DEPTH) {
        return false;
    }
    parser->open[parser->depth++] = bracket;
    parser->wants_value = bracket == '[';
    return true;
}

static bool is_in(const struct toml_parser *parser, char bracket) {
    return parser->depth > 0 && parser->open[parser->depth - 1] == bracket;
}

static void pop(struct toml_parser *parser) {
    if (parser->depth > 0) {
        parser->depth--;
        parser->wants_value = true; /* whatever follows, it is no key */
    }
}

static int fail_token(struct toml_parser *parser, struct span span, const char *message, const char *hint) {
    toml_fail(parser, span, "%s", message);
    error_hint(parser->error, "%s", hint);
    return TOML_TOML_GRAMMAR_error;
}

static int string_token(struct toml_parser *parser, struct str token, struct span span,
                        TOML_GRAMMAR_STYPE *value) {
    struct str text;
    if (!decode_string(parser, token, &text)) {
        return fail_token(parser, span, "an escape names no character",
                          "use \\uXXXX or \\UXXXXXXXX with a Unicode scalar value");
    }
    if (parser->wants_value) {
        value->value = json_from_str(text);
        return TOML_STRING;
    }
    value->key = (struct toml_key){ text, span };
    return TOML_KEY;
}

static int number_token(struct toml_parser *parser, json_t *number, int token, struct span span,
                        TOML_GRAMMAR_STYPE *value) {
    if (!number) {
        return fail_token(parser, span, "the number is too large", "integers have 64 bits and a sign");
    }
    value->value = number;
    return token;
}

static int bracket_token(struct toml_parser *parser, struct span span, char bracket) {
    switch (bracket) {
    case '[':
    case '{':
        if (parser->wants_value && !push(parser, bracket)) {
            return fail_token(parser, span, "brackets are nested too deeply",
                              "no configuration file needs more than 64 levels");
        }
        break;
    case ']':
    case '}':
        pop(parser);
        break;
    case ',':
        parser->wants_value = is_in(parser, '[');
        break;
    case '=':
        parser->wants_value = true;
        break;
    }
    return bracket;
}

enum raw {
    RAW_BLANK,
    RAW_NEWLINE,
    RAW_BARE,
    RAW_STRING,
    RAW_OPEN_ARRAY,
    RAW_CLOSE_ARRAY,
    RAW_PUNCTUATION,
    RAW_TRUE,
    RAW_FALSE,
    RAW_INTEGER,
    RAW_BASED,
    RAW_FLOAT,
    RAW_BAD,
    RAW_BAD_STRING,
    RAW_END,
};

static enum raw scan_key(const char **at, const char *limit) {
    const char *cursor = *at, *marker = cursor;
#define TOKEN(kind) do { *at = cursor; return kind; } while (0)
    /*!re2c
        blank+ | "#" [^\n]* { TOKEN(RAW_BLANK); }
        newline             { TOKEN(RAW_NEWLINE); }
        bare                { TOKEN(RAW_BARE); }
        basic | literal     { TOKEN(RAW_STRING); }
        "[["                { TOKEN(RAW_OPEN_ARRAY); }
        "]]"                { TOKEN(RAW_CLOSE_ARRAY); }
        [[\].{},=]          { TOKEN(RAW_PUNCTUATION); }
        ["']                { TOKEN(RAW_BAD_STRING); }
        *                   { TOKEN(RAW_BAD); }
        $                   { TOKEN(RAW_END); }
    */
}

static enum raw scan_value(const char **at, const char *limit) {
    const char *cursor = *at, *marker = cursor;
    /*!re2c
        blank+ | "#" [^\n]*         { TOKEN(RAW_BLANK); }
        newline                     { TOKEN(RAW_NEWLINE); }
        basic | literal             { TOKEN(RAW_STRING); }
        basic_lines | literal_lines { TOKEN(RAW_STRING); }
        "true"                      { TOKEN(RAW_TRUE); }
        "false"                     { TOKEN(RAW_FALSE); }
        integer                     { TOKEN(RAW_INTEGER); }
        based                       { TOKEN(RAW_BASED); }
        float                       { TOKEN(RAW_FLOAT); }
        [[\]{},=]                   { TOKEN(RAW_PUNCTUATION); }
        ["']                        { TOKEN(RAW_BAD_STRING); }
        word                        { TOKEN(RAW_BAD); }
        *                           { TOKEN(RAW_BAD); }
        $                           { TOKEN(RAW_END); }
    */
}

/* The last line ends with the file, whether it has an end or not. */
static int end_token(struct toml_parser *parser) {
    if (parser->is_finished) {
        return TOML_YYEOF;
    }
    parser->is_finished = true;
    return TOML_NEWLINE;
}

static int bad_token(struct toml_parser *parser, struct span span) {
    if (parser->wants_value) {
        return fail_token(parser, span, "this is no value",
                          "strings are written in quotes, booleans as true or false");
    }
    return fail_token(parser, span, "this is no key",
                      "keys are letters, digits, `_` and `-`, or quoted on one line");
}

static int bool_token(bool is_true, TOML_GRAMMAR_STYPE *value) {
    value->value = json_boolean(is_true);
    return TOML_BOOLEAN;
}

int toml_grammar_lex(TOML_GRAMMAR_STYPE *value, struct span *location, struct toml_parser *parser) {
    const char *source = parser->source.data, *const limit = source + parser->source.len;
    const char *start;
    enum raw raw;
    do {
        start = parser->cursor;
        raw = (parser->wants_value ? scan_value : scan_key)(&parser->cursor, limit);
    } while (raw == RAW_BLANK || (raw == RAW_NEWLINE && is_in(parser, '[')));

    struct str token = str_make(start, (size_t)(parser->cursor - start));
    *location = (struct span){ (uint32_t)(start - source), (uint32_t)(parser->cursor - source) };
    switch (raw) {
    case RAW_NEWLINE:
        parser->wants_value = false;
        return TOML_NEWLINE;
    case RAW_BARE:
        value->key = (struct toml_key){ token, *location };
        return TOML_KEY;
    case RAW_STRING:
        return string_token(parser, token, *location, value);
    case RAW_OPEN_ARRAY:
        return TOML_OPEN_ARRAY;
    case RAW_CLOSE_ARRAY:
        return TOML_CLOSE_ARRAY;
    case RAW_PUNCTUATION:
        return bracket_token(parser, *location, *start);
    case RAW_TRUE:
    case RAW_FALSE:
        return bool_token(raw == RAW_TRUE, value);
    case RAW_INTEGER:
        return number_token(parser, integer_value(parser, token, 10), TOML_INTEGER, *location, value);
    case RAW_BASED:
        return number_token(
            parser, integer_value(parser, token, start[1] == 'x' ? 16 : start[1] == 'o' ? 8 : 2),
            TOML_INTEGER, *location, value);
    case RAW_FLOAT:
        return number_token(parser, float_value(parser, token), TOML_FLOAT, *location, value);
    case RAW_BAD_STRING:
        return fail_token(parser, *location, "the string is not closed, or has a bad escape",
                          "close it on its line; use '...' for text with backslashes");
    case RAW_END:
        return end_token(parser);
    default:
        return bad_token(parser, *location);
    }
}
