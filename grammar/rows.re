/* The rows of a JSON table. Tokens as RFC 8259 has them; of values only where they end is of interest. */
#include "store/row_scan.h"

enum row_token { ROW_END, ROW_BAD, ROW_TEXT, ROW_SCALAR, ROW_OPEN, ROW_CLOSE, ROW_COMMA, ROW_COLON };

struct rows {
    const char *cursor;
    const char *token; /* the last one's first byte */
    const char *const *members;
    struct str values[ROW_MEMBERS];
};

/* The text ends with a NUL, which is part of no token. */
static enum row_token next(struct rows *rows) {
    const char *cursor = rows->cursor, *marker;
    enum row_token token;
    for (;;) {
        rows->token = cursor;
        /*!re2c
            re2c:define:YYCTYPE  = "unsigned char";
            re2c:define:YYCURSOR = cursor;
            re2c:define:YYMARKER = marker;
            re2c:yyfill:enable   = 0;
            re2c:flags:bit-vectors = 1;

            hex    = [0-9a-fA-F];
            char   = [^"\\\x00-\x1F] | "\\" ["\\/bfnrt] | "\\u" hex{4};
            number = "-"? ("0" | [1-9][0-9]*) ("." [0-9]+)? ([eE] [+-]? [0-9]+)?;

            [ \t\r\n]+                           { continue; }
            "\"" char* "\""                      { token = ROW_TEXT; break; }
            number | "true" | "false" | "null"   { token = ROW_SCALAR; break; }
            [[{]                                 { token = ROW_OPEN; break; }
            [\]}]                                { token = ROW_CLOSE; break; }
            ","                                  { token = ROW_COMMA; break; }
            ":"                                  { token = ROW_COLON; break; }
            "\x00"                               { return ROW_END; }
            *                                    { return ROW_BAD; }
        */
    }
    rows->cursor = cursor;
    return token;
}

static bool is_next(struct rows *rows, enum row_token wanted, char byte) {
    return next(rows) == wanted && *rows->token == byte;
}

/* Goes behind the value that begins here, which is in *VALUE then. */
static bool take_value(struct rows *rows, struct str *value) {
    const char *start = NULL;
    size_t depth = 0;
    do {
        enum row_token token = next(rows);
        if (token == ROW_END || token == ROW_BAD || (depth == 0 && token > ROW_OPEN)) {
            return false;
        }
        start = start ? start : rows->token;
        depth += token == ROW_OPEN;
        depth -= token == ROW_CLOSE;
    } while (depth > 0);
    *value = str_make(start, (size_t)(rows->cursor - start));
    return true;
}

/* False when KEY, in its quotes, comes a second time or might be a member in disguise. */
static bool keep_value(struct rows *rows, struct str key, struct str value) {
    if (memchr(key.data, '\\', key.len)) {
        return false;
    }
    for (size_t i = 0; rows->members[i]; i++) {
        if (str_equal_c(str_sub(key, 1, key.len - 1), rows->members[i])) {
            bool is_first = rows->values[i].len == 0;
            rows->values[i] = value;
            return is_first;
        }
    }
    return true;
}

/* Behind `{`. */
static bool scan_row(struct rows *rows) {
    memset(rows->values, 0, sizeof(rows->values));
    enum row_token token = next(rows);
    while (token == ROW_TEXT) {
        struct str key = str_make(rows->token, (size_t)(rows->cursor - rows->token)), value;
        if (next(rows) != ROW_COLON || !take_value(rows, &value) || !keep_value(rows, key, value)) {
            return false;
        }
        token = next(rows);
        if (token == ROW_COMMA && (token = next(rows)) != ROW_TEXT) {
            return false;
        }
    }
    return token == ROW_CLOSE && *rows->token == '}';
}

bool row_scan(struct str text, const char *const *members, row_visit *visit, void *context) {
    struct rows rows = { .cursor = text.data, .members = members };
    enum row_token token;
    if (!is_next(&rows, ROW_OPEN, '[')) {
        return false;
    }
    do {
        if (!is_next(&rows, ROW_OPEN, '{') || !scan_row(&rows) || !visit(context, rows.values)) {
            return false;
        }
        token = next(&rows);
    } while (token == ROW_COMMA);
    return token == ROW_CLOSE && *rows.token == ']' && next(&rows) == ROW_END &&
           rows.token == text.data + text.len; /* not a NUL before that */
}
