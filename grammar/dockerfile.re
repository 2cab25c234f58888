/* The words of the Dockerfile language.
 *
 * Reading order: physical lines, directives, then what is found within a logical line: the keyword, flags,
 * and the argument forms. Which scanner runs when is decided in parser/lexer.c; what may follow what is the
 * grammar, grammar/dockerfile.y. Sources of the rules: the Dockerfile reference and BuildKit's line parser. */
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

    any    = [^];
    eol    = "\r"* "\n"?;                      // `\r` alone ends no line
    WS     = [\t\v\f\r ];
    SP     = [\t-\r ] | "\xC2\x85" | "\xC2\xA0" | "\xE1\x9A\x80"
           | "\xE2\x80" [\x80-\x8A\xA8\xA9\xAF] | "\xE2\x81\x9F" | "\xE3\x80\x80";
    SPlead = [\t-\r \xC2\xE1\xE2\xE3];         // bytes an SP can begin with
*/

/* ---- white space, forwards and backwards ---------------------------------------------------------------- */

/* Over SP. */
static void scan_space(struct scan *scan) {
    const char *cursor = scan->cursor, *const limit = scan->limit, *marker = cursor;
    for (;;) {
        scan->cursor = cursor;
        /*!re2c
            SP+ { continue; }
            *   { return; }
            $   { return; }
        */
    }
}

/* From here to the next such line text is read backwards, from its end to `start`. */
#undef YYPEEK
#undef YYSKIP
#undef YYLESSTHAN
#define YYPEEK() (cursor > start ? (unsigned char)cursor[-1] : 0)
#define YYSKIP() --cursor
#define YYLESSTHAN(count) (cursor - start < (count))

/* SP with its bytes in reverse order. */
static const char *space_before(const char *start, const char *end) {
    const char *cursor = end, *marker = end;
    for (;;) {
        end = cursor;
        /*!re2c
            [\t-\r ]+                                   { continue; }
            "\x85\xC2" | "\xA0\xC2" | "\x80\x9A\xE1"    { continue; }
            [\x80-\x8A\xA8\xA9\xAF] "\x80\xE2"          { continue; }
            "\x9F\x81\xE2" | "\x80\x80\xE3"             { continue; }
            *                                           { return end; }
            $                                           { return end; }
        */
    }
}

/* Where the line that ends before NEWLINE ends without its `\r`s, and whether an escape is the last of it. */
static void line_tail(struct physical_line *line, const char *newline) {
    const char *const start = line->first;
    const char *cursor = newline, *marker = cursor, *end;
    /*!stags:re2c format = "const char *@@;"; separator = "\n"; */
    line->kind = LINE_TEXT;
    line->end = newline;
    /*!re2c
        "\r"* @end [ \t]* "\\" { line->kind = LINE_BACKSLASH; goto escaped; }
        "\r"* @end [ \t]* "`"  { line->kind = LINE_BACKTICK; goto escaped; }
        "\r"+                  { line->end = cursor; return; }
        *                      { return; }
        $                      { return; }
    */
escaped:
    line->end = end;
    line->escape = cursor;
    if (cursor > start && cursor[-1] == *cursor) {
        line->kind = LINE_TEXT; // two escapes are none
    }
}

/* Where trailing `\r`s begin. */
static const char *returns_before(const char *start, const char *end) {
    const char *cursor = end;
    /*!re2c
        "\r"+ { return cursor; }
        *     { return end; }
        $     { return end; }
    */
}

#undef YYPEEK
#undef YYSKIP
#undef YYLESSTHAN
#define YYPEEK() (cursor < limit ? (unsigned char)*cursor : 0)
#define YYSKIP() ++cursor
#define YYLESSTHAN(count) (limit - cursor < (count))

/* ---- physical lines ------------------------------------------------------------------------------------ */

/* Cuts the next line off SCAN, which is not at its end; returns it without its '\n'. */
static struct str take_line(struct scan *scan) {
    struct str rest = scan_rest(scan);
    const char *newline = memchr(rest.data, '\n', rest.len);
    const char *end = newline ? newline : scan->limit;
    scan->cursor = newline ? newline + 1 : end;
    return str_make(rest.data, (size_t)(end - rest.data));
}

/* What a line is is told by its first bytes and its last. */
void scan_line(struct scan *scan, struct physical_line *line) {
    line->raw = str_make(scan->cursor, 0);
    if (scan->cursor == scan->limit) {
        line->kind = LINE_NONE;
        return;
    }
    line->raw = take_line(scan);
    struct scan inside = scan_of(line->raw);
    scan_space(&inside);
    line->first = inside.cursor;
    line->end = inside.limit;
    const char *cursor = inside.cursor, *const limit = inside.limit;
    /*!re2c
        "#" { line->kind = LINE_COMMENT; return; }
        *   { line_tail(line, limit); return; }
        $   { line->kind = LINE_BLANK; return; }
    */
}

bool scan_body_line(struct scan *scan, struct str *raw, const char **first, const char **last) {
    if (scan->cursor == scan->limit) {
        return false;
    }
    struct str line = take_line(scan);
    *raw = str_make(line.data, (size_t)(scan->cursor - line.data));
    const char *cursor = line.data, *const limit = line.data + line.len;
    *first = cursor;
    *last = returns_before(cursor, limit);
    /*!re2c
        "\t"+ { *first = cursor; return true; }
        *     { return true; }
        $     { return true; }
    */
}

/* ---- directives ---------------------------------------------------------------------------------------- */

bool scan_directive(struct str comment, struct str *name, struct str *value) {
    const char *cursor = comment.data, *const limit = cursor + comment.len, *marker = cursor;
    const char *from, *name_end, *value_start, *value_end;
    /*!stags:re2c format = "const char *@@;"; separator = "\n"; */
    /*!re2c
        blank = [\t\n\f\r ];
        "#" SP* @from [a-zA-Z][a-zA-Z0-9]* @name_end blank* "=" blank*
            @value_start ([^] \ blank) (any* ([^] \ blank))? @value_end blank* {
            *name = str_make(from, (size_t)(name_end - from));
            *value = str_make(value_start, (size_t)(value_end - value_start));
            return cursor == limit;
        }
        *   { return false; }
        $   { return false; }
    */
}

/* ---- within a logical line ----------------------------------------------------------------------------- */

struct str scan_trim(struct str text) {
    struct scan scan = scan_of(text);
    scan_space(&scan);
    const char *end = space_before(scan.cursor, scan.limit);
    return str_make(scan.cursor, (size_t)(end - scan.cursor));
}

enum instruction_kind scan_keyword(struct scan *scan, struct str *keyword) {
    const char *cursor = scan->cursor, *const limit = scan->limit, *const start = cursor;
    const char *marker = cursor;
    enum instruction_kind kind = INSTRUCTION_UNKNOWN;
    /*!re2c
        'ADD'         { kind = INSTRUCTION_ADD; goto done; }
        'ARG'         { kind = INSTRUCTION_ARG; goto done; }
        'CMD'         { kind = INSTRUCTION_CMD; goto done; }
        'COPY'        { kind = INSTRUCTION_COPY; goto done; }
        'ENTRYPOINT'  { kind = INSTRUCTION_ENTRYPOINT; goto done; }
        'ENV'         { kind = INSTRUCTION_ENV; goto done; }
        'EXPOSE'      { kind = INSTRUCTION_EXPOSE; goto done; }
        'FROM'        { kind = INSTRUCTION_FROM; goto done; }
        'HEALTHCHECK' { kind = INSTRUCTION_HEALTHCHECK; goto done; }
        'LABEL'       { kind = INSTRUCTION_LABEL; goto done; }
        'MAINTAINER'  { kind = INSTRUCTION_MAINTAINER; goto done; }
        'ONBUILD'     { kind = INSTRUCTION_ONBUILD; goto done; }
        'RUN'         { kind = INSTRUCTION_RUN; goto done; }
        'SHELL'       { kind = INSTRUCTION_SHELL; goto done; }
        'STOPSIGNAL'  { kind = INSTRUCTION_STOPSIGNAL; goto done; }
        'USER'        { kind = INSTRUCTION_USER; goto done; }
        'VOLUME'      { kind = INSTRUCTION_VOLUME; goto done; }
        'WORKDIR'     { kind = INSTRUCTION_WORKDIR; goto done; }
        ([^] \ WS)+   { goto done; }
        *             { goto done; }
        $             { goto done; }
    */
done:
    *keyword = str_make(start, (size_t)(cursor - start));
    scan->cursor = cursor;
    return kind;
}

/* Flags are few and short; those with quotes or escapes are copied, the others stay slices. */
struct flag_text {
    struct buf buf;
    bool is_copied;
};

static void flag_drop(struct flag_text *text, const char *start, const char *upto) {
    if (!text->is_copied) {
        text->is_copied = true;
        buf_append(&text->buf, start, (size_t)(upto - start));
    }
}

static void flag_keep(struct flag_text *text, const char *from, const char *upto) {
    if (text->is_copied) {
        buf_append(&text->buf, from, (size_t)(upto - from));
    }
}

bool scan_flag(struct scan *scan, char escape, struct arena *arena, struct str *raw, struct str *text) {
    scan_space(scan);
    const char *cursor = scan->cursor, *const limit = scan->limit, *const start = cursor;
    const char *marker = cursor, *token;
    struct flag_text out = { BUF_INIT, false };
    char quote = 0;
    if (!str_has_prefix(scan_rest(scan), STR("--"))) {
        return false;
    }
    for (;;) {
        token = cursor;
        /*!re2c
            plain = [^] \ (SPlead | ['"\\`]);
            plain+  { flag_keep(&out, token, cursor); continue; }
            SP      {
                if (!quote) {
                    cursor = token;
                    break;
                }
                flag_keep(&out, token, cursor);
                continue;
            }
            ['"]    {
                if (quote && quote != *token) {
                    flag_keep(&out, token, cursor);
                    continue;
                }
                quote = quote ? 0 : *token;
                flag_drop(&out, start, token);
                continue;
            }
            [\\`]   {
                if (*token != escape) {
                    flag_keep(&out, token, cursor);
                    continue;
                }
                flag_drop(&out, start, token);
                if (cursor < limit) {
                    cursor++;
                    flag_keep(&out, cursor - 1, cursor);
                }
                continue;
            }
            *       { flag_keep(&out, token, cursor); continue; }
            $       { break; }
        */
    }
    *raw = str_make(start, (size_t)(cursor - start));
    *text = out.is_copied ? str_copy(arena, buf_str(&out.buf)) : *raw;
    buf_free(&out.buf);
    scan->cursor = cursor;
    return true;
}

bool scan_word(struct scan *scan, struct str *word) {
    const char *cursor = scan->cursor, *const limit = scan->limit, *marker = cursor;
    const char *from;
    /*!stags:re2c format = "const char *@@;"; separator = "\n"; */
    /*!re2c
        WS* @from ([^] \ WS)+ {
            *word = str_make(from, (size_t)(cursor - from));
            scan->cursor = cursor;
            return true;
        }
        *   { return false; }
        $   { return false; }
    */
}

bool scan_first_word(struct scan *scan, struct str *word) {
    const char *start = scan->cursor;
    const char *cursor = start, *const limit = scan->limit, *marker = cursor, *token;
    for (;;) {
        token = cursor;
        /*!re2c
            ([^] \ SPlead)+ { continue; }
            SP              { break; }
            *               { continue; }
            $               { break; }
        */
    }
    *word = str_make(start, (size_t)(token - start));
    scan->cursor = token;
    return token > start;
}

bool scan_pair_word(struct scan *scan, char escape, struct str *word) {
    scan_space(scan);
    const char *const start = scan->cursor;
    const char *cursor = start, *const limit = scan->limit, *marker = cursor, *token;
    char quote = 0;
    bool has_quote = false;
    for (;;) {
        token = cursor;
        /*!re2c
            plain+  { continue; }
            SP      {
                if (quote) {
                    continue;
                }
                break;
            }
            ['"]    {
                if (!quote) {
                    quote = *token;
                    has_quote = true;
                } else if (quote == *token) {
                    quote = 0;
                }
                continue;
            }
            [\\`]   {
                if (*token != escape || quote == '\'') {
                    continue;
                }
                if (cursor == limit) {
                    break; // the last byte of the text: dropped
                }
                cursor++;
                continue;
            }
            *       { continue; }
            $       { break; }
        */
    }
    *word = str_make(start, (size_t)(token - start));
    scan->cursor = cursor;
    return word->len > 0 || has_quote;
}

/* ---- values of flags ----------------------------------------------------------------------------------- */

/* VALUE times UNIT nanoseconds added to *TOTAL; false when that is more than a duration can hold. */
static bool duration_add(struct str number, int64_t unit, int64_t *total) {
    struct str whole;
    struct str rest = number;
    int64_t value = 0, scale = unit;
    uint64_t digits = 0;
    if (!str_split(&rest, '.', &whole)) {
        return false;
    }
    if (whole.len > 0 && (!str_parse_uint(whole, 10, INT64_MAX, &digits) ||
                          __builtin_mul_overflow((int64_t)digits, unit, &value))) {
        return false;
    }
    for (size_t i = 0; i < rest.len && scale > 1; i++) {
        scale /= 10;
        value += (rest.data[i] - '0') * scale;
    }
    return !__builtin_add_overflow(*total, value, total);
}

enum duration_error scan_duration(struct str text, int64_t *nanoseconds, struct str *unit) {
    const char *cursor = text.data, *const limit = cursor + text.len, *marker = cursor, *token;
    const char *number_end;
    int64_t total = 0, scale = 0;
    bool is_negative = false;
    /*!stags:re2c format = "const char *@@;"; separator = "\n"; */
    *nanoseconds = 0;
    /*!re2c
        [+-]? "0" { if (cursor == limit) return DURATION_OK; goto parts; }
        *         { goto parts; }
        $         { return DURATION_INVALID; }
    */
parts:
    cursor = text.data;
    if (*cursor == '-' || *cursor == '+') {
        is_negative = *cursor == '-';
        cursor++;
    }
    if (cursor == limit) {
        return DURATION_INVALID;
    }
    for (;;) {
        token = cursor;
        /*!re2c
            num   = [0-9]+ ("." [0-9]*)? | "." [0-9]+;
            other = [^] \ [0-9.];
            num @number_end "ns"                                    { scale = 1; goto part; }
            num @number_end ("us" | "\xC2\xB5s" | "\xCE\xBCs")      { scale = 1000; goto part; }
            num @number_end "ms"                                    { scale = 1000000; goto part; }
            num @number_end "s"                                     { scale = 1000000000; goto part; }
            num @number_end "m"                                     { scale = 60000000000; goto part; }
            num @number_end "h"                                     { scale = 3600000000000; goto part; }
            num @number_end other+                                  {
                *unit = str_make(number_end, (size_t)(cursor - number_end));
                return DURATION_BAD_UNIT;
            }
            num                                                     { return DURATION_NO_UNIT; }
            *                                                       { return DURATION_INVALID; }
            $                                                       { break; }
        */
    part:
        if (!duration_add(str_make(token, (size_t)(number_end - token)), scale, &total)) {
            return DURATION_INVALID;
        }
    }
    *nanoseconds = is_negative ? -total : total;
    return DURATION_OK;
}

bool scan_csv_field(struct scan *scan, struct arena *arena, struct str *field, bool *is_last) {
    const char *cursor = scan->cursor, *const limit = scan->limit, *marker = cursor;
    const char *const start = cursor;
    const char *end;
    /*!stags:re2c format = "const char *@@;"; separator = "\n"; */
    /*!re2c
        comma = ",";
        @end comma                                  { *is_last = false; goto plain; }
        ([^",] [^",]*) @end comma                   { *is_last = false; goto plain; }
        ([^",] [^",]*) @end                         { *is_last = true; goto plain; }
        "\"" ([^"] | "\"\"")* @end "\"" comma       { *is_last = false; goto quoted; }
        "\"" ([^"] | "\"\"")* @end "\""             { *is_last = true; goto quoted; }
        *                                           { return false; }
        $                                           { *is_last = true; end = cursor; goto plain; }
    */
plain:
    *field = str_make(start, (size_t)(end - start));
    scan->cursor = cursor;
    return !*is_last || cursor == limit;
quoted:
    *field = str_make(start + 1, (size_t)(end - start - 1));
    if (str_find(*field, STR("\"\"")) != SIZE_MAX) {
        struct buf text = BUF_INIT;
        struct str part, rest = *field;
        size_t at;
        while ((at = str_find(rest, STR("\"\""))) != SIZE_MAX) {
            part = str_sub(rest, 0, at + 1);
            buf_append_str(&text, part);
            rest = str_from(rest, at + 2);
        }
        buf_append_str(&text, rest);
        *field = str_copy(arena, buf_str(&text));
        buf_free(&text);
    }
    scan->cursor = cursor;
    return !*is_last || cursor == limit;
}

bool scan_stage_name(struct str name) {
    const char *cursor = name.data, *const limit = cursor + name.len;
    /*!re2c
        [a-z][a-z0-9_.-]* { return cursor == limit; }
        *                 { return false; }
        $                 { return false; }
    */
}
