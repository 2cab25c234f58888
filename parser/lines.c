/* lines: physical lines to logical lines, directives, comments, bodies of heredocs. */
#include "parser/state.h"
#include "parser/words.h"

/* Go's bufio.Scanner as BuildKit uses it takes no longer lines. */
enum { LINE_LIMIT = 65535 };

static uint32_t source_offset(const struct parser *parser, const char *at) {
    return (uint32_t)(at - parser->dockerfile->source.data);
}

static struct span source_span(const struct parser *parser, struct str text) {
    uint32_t start = source_offset(parser, text.data);
    return (struct span){ start, start + (uint32_t)text.len };
}

static void fail_long(struct parser *parser, const struct physical_line *line) {
    parser_fail(parser, source_span(parser, str_sub(line->raw, 0, 1)),
                "dockerfile line greater than max allowed size of %d", LINE_LIMIT);
    error_hint(parser->error, "break the line with %c at its end", parser->dockerfile->escape);
    parser_report(parser);
    parser->line.is_dropped = true;
}

/* The next physical line; false at the end of the file. */
static bool next_physical(struct parser *parser, struct physical_line *line) {
    scan_line(&parser->source, line);
    if (line->kind == LINE_NONE) {
        return false;
    }
    parser->line_number++;
    if (line->raw.len > LINE_LIMIT && !parser->line.is_dropped) {
        fail_long(parser, line);
    }
    return true;
}

/* ---- directives and comments --------------------------------------------------------------------------- */

static void set_escape(struct parser *parser, struct str value) {
    if (!str_equal(value, STR("\\")) && !str_equal(value, STR("`"))) {
        parser_fail(parser, source_span(parser, value),
                    "invalid escape token '%.*s' does not match ` or \\", STR_ARG(value));
        error_hint(parser->error, "use `# escape=\\` or `# escape=``");
        parser_report(parser);
    } else {
        parser->dockerfile->escape = value.data[0];
    }
}

static bool has_directive(const struct parser *parser, enum directive_kind kind) {
    for (size_t i = 0; i < parser->directives.count; i++) {
        if (parser->directives.items[i].kind == kind) {
            return true;
        }
    }
    return false;
}

/* False when COMMENT is no known directive: the first line that is none ends them. */
static bool take_directive(struct parser *parser, struct str comment) {
    static const char *const names[] = { "syntax", "escape", "check" };
    struct str name, value;
    if (!scan_directive(comment, &name, &value)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct directive directive = { (enum directive_kind)i, value,
                                       source_span(parser, comment) };
        if (!str_equal_nocase(name, str_of(names[i]))) {
            continue;
        }
        if (has_directive(parser, directive.kind)) {
            parser_fail(parser, source_span(parser, name),
                        "only one %s parser directive can be used", names[i]);
            parser_report(parser);
            return true;
        }
        vec_push(&parser->directives, directive);
        if (directive.kind == DIRECTIVE_ESCAPE) {
            set_escape(parser, value);
        }
        return true;
    }
    return false;
}

/* BuildKit drops the first byte of the raw line, not the '#': an indented comment keeps its '#'. */
static void take_comment(struct parser *parser, const struct physical_line *line) {
    struct str text = scan_trim(str_from(line->raw, 1));
    if (text.len == 0) {
        parser->comments.count = 0;
        return;
    }
    vec_push(&parser->comments, text);
}

/* ---- logical lines ------------------------------------------------------------------------------------- */

static bool is_continued(const struct parser *parser, const struct physical_line *line) {
    return line->kind == (parser->dockerfile->escape == '\\' ? LINE_BACKSLASH : LINE_BACKTICK);
}

static void add_segment(struct parser *parser, const char *start, const char *end) {
    struct segment segment = { (uint32_t)parser->joined.len, source_offset(parser, start) };
    vec_push(&parser->line.segments, segment);
    if (start < end) {
        buf_append(&parser->joined, start, (size_t)(end - start));
    }
}

static void check_length(struct parser *parser, const struct physical_line *line) {
    if (parser->joined.len + line->raw.len > LOGICAL_LINE_LIMIT && !parser->line.is_dropped) {
        parser_fail(parser, source_span(parser, str_make(line->first, 0)),
                    "the instruction is longer than %d bytes", LOGICAL_LINE_LIMIT);
        error_hint(parser->error, "COPY a script, or write it as a heredoc");
        parser_report(parser);
        parser->line.is_dropped = true;
    }
}

/* Joins what follows FIRST, which is continued, until a line that is not. */
static void join_lines(struct parser *parser, const struct physical_line *first) {
    struct physical_line line = *first;
    buf_reset(&parser->joined);
    parser->line.segments.count = 0;
    add_segment(parser, line.first, line.escape);
    while (is_continued(parser, &line) || line.kind == LINE_BLANK || line.kind == LINE_COMMENT) {
        if (!next_physical(parser, &line)) {
            break;
        }
        parser->line.last = parser->line_number;
        check_length(parser, &line);
        if (parser->line.is_dropped) {
            continue;
        }
        if (line.kind == LINE_BLANK) {
            parser->line.has_empty_continuation = true;
        } else if (line.kind != LINE_COMMENT) {
            add_segment(parser, line.raw.data,
                        is_continued(parser, &line) ? line.escape : line.end);
        }
    }
    parser->line.text = str_copy(parser->arena, buf_str(&parser->joined));
}

/* Over blank lines, directives and comments to the first line of an instruction. */
static bool next_first(struct parser *parser, struct physical_line *line) {
    for (;;) {
        parser->line.is_dropped = false;
        if (!next_physical(parser, line)) {
            return false;
        }
        if (line->kind == LINE_COMMENT) {
            struct str comment = str_make(line->first, (size_t)(line->end - line->first));
            parser->is_directives = parser->is_directives && take_directive(parser, comment);
            if (!parser->is_directives) {
                take_comment(parser, line);
            }
            continue;
        }
        parser->is_directives = false;
        if (line->kind != LINE_BLANK) {
            return true;
        }
    }
}

bool lines_next(struct parser *parser) {
    struct physical_line line;
    do {
        if (!next_first(parser, &line)) {
            return false;
        }
        parser->line.first = parser->line.last = parser->line_number;
        parser->line.has_empty_continuation = false;
        if (is_continued(parser, &line)) {
            join_lines(parser, &line);
        } else {
            parser->line.text = str_make(line.first, (size_t)(line.end - line.first));
            parser->line.segments.count = 0;
            struct segment whole = { 0, source_offset(parser, line.first) };
            vec_push(&parser->line.segments, whole);
        }
    } while (parser->line.is_dropped);
    return true;
}

/* ---- places -------------------------------------------------------------------------------------------- */

static uint32_t place_of(const struct parser *parser, uint32_t offset) {
    size_t low = 0, high = parser->line.segments.count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (parser->line.segments.items[middle].offset <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    const struct segment *segment = &parser->line.segments.items[low];
    return segment->source + (offset - segment->offset);
}

struct span lines_span(const struct parser *parser, struct str text) {
    uint32_t offset = (uint32_t)(text.data - parser->line.text.data);
    if (parser->line.segments.count == 1) {
        uint32_t start = parser->line.segments.items[0].source + offset;
        return (struct span){ start, start + (uint32_t)text.len };
    }
    if (text.len == 0) {
        uint32_t at = place_of(parser, offset);
        return (struct span){ at, at };
    }
    uint32_t last = place_of(parser, offset + (uint32_t)text.len - 1);
    return (struct span){ place_of(parser, offset), last + 1 };
}

/* ---- heredocs ------------------------------------------------------------------------------------------ */

/* So many times the rest of a file is looked through for what may be meant; then it is all body. */
enum { UNTERMINATED_LIMIT = 8 };

/* A guess at what was meant to end a heredoc. */
struct meant {
    unsigned line; /* 0: nothing looks like it */
    bool is_glued; /* the delimiter has more to it; else the line has white space around it */
};

/* Whether LINE was meant to end HEREDOC. */
static bool is_meant(const struct ast_heredoc *heredoc, struct str line, bool *is_glued) {
    struct str word = scan_trim(line);
    if (word.len == 0 || !str_has_prefix(heredoc->name, word)) {
        return false;
    }
    struct scan rest = scan_of(str_from(heredoc->name, word.len));
    *is_glued = rest.cursor < rest.limit;
    return words_name(&rest).len == 0;
}

/* Written as everybody does, in capitals: `run` may well be a command of a script. */
static bool is_instruction(struct str line) {
    struct scan scan = scan_of(line);
    struct str keyword;
    enum instruction_kind kind = scan_keyword(&scan, &keyword);
    return kind != INSTRUCTION_UNKNOWN && str_equal_c(keyword, instruction_name(kind)) &&
           scan_rest(&scan).len > 0;
}

/* Where to go on: behind the line that was meant to end the heredoc, or at the first that looks like an instruction.
 * BODY is what is left of the file. */
static struct meant recover(struct parser *parser, const struct ast_heredoc *heredoc,
                            struct scan body, unsigned line_number) {
    struct scan instruction = { NULL, NULL };
    unsigned instruction_line = 0;
    struct meant meant = { 0, false };
    struct str raw;
    const char *first, *last;
    for (struct scan before = body; scan_body_line(&body, &raw, &first, &last); before = body) {
        struct str line = str_make(raw.data, (size_t)(last - raw.data));
        if (!instruction.cursor && is_instruction(line)) {
            instruction = before;
            instruction_line = line_number;
        }
        line_number++;
        if (is_meant(heredoc, line, &meant.is_glued)) {
            parser->source = body;
            parser->line_number = meant.line = line_number;
            return meant;
        }
    }
    if (instruction.cursor) {
        parser->source = instruction;
        parser->line_number = instruction_line;
    }
    return meant;
}

static int fail_unterminated(struct parser *parser, const struct ast_heredoc *heredoc,
                             struct scan body, unsigned line_number) {
    struct meant meant = { 0, false };
    if (parser->unterminated++ < UNTERMINATED_LIMIT) {
        meant = recover(parser, heredoc, body, line_number);
    } else {
        parser_stop(parser);
    }
    parser_fail(parser, heredoc->span, "unterminated heredoc");
    if (meant.line == 0) {
        return error_hint(parser->error,
                          "no line is exactly `%.*s`; text glued to a delimiter belongs to it",
                          STR_ARG(heredoc->name));
    }
    if (meant.is_glued) {
        return error_hint(parser->error,
                          "line %u is not `%.*s`: put a space behind the delimiter, text glued to "
                          "it belongs to it",
                          meant.line, STR_ARG(heredoc->name));
    }
    return error_hint(parser->error,
                      "line %u has white space beside `%.*s`; it ends the heredoc only by itself%s",
                      meant.line, STR_ARG(heredoc->name),
                      heredoc->is_chomped ? " or behind tabs" : "");
}

int lines_read_heredoc(struct parser *parser, struct ast_heredoc *heredoc) {
    const struct scan body = parser->source;
    const unsigned line_number = parser->line_number;
    struct str raw;
    const char *first, *last;
    while (scan_body_line(&parser->source, &raw, &first, &last)) {
        parser->line.last = ++parser->line_number;
        const char *from = heredoc->is_chomped ? first : raw.data;
        if (raw.len - str_has_suffix(raw, STR("\n")) > LINE_LIMIT) {
            break; /* BuildKit's reader stops there, too */
        }
        if (str_equal(str_make(from, (size_t)(last - from)), heredoc->name)) {
            heredoc->body = str_make(body.cursor, (size_t)(raw.data - body.cursor));
            heredoc->body_span = source_span(parser, heredoc->body);
            return 0;
        }
    }
    return fail_unterminated(parser, heredoc, body, line_number);
}
