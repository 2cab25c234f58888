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

static int next_physical(struct parser *parser, struct physical_line *line) {
    scan_line(&parser->source, line);
    if (line->kind == LINE_NONE) {
        return 0;
    }
    parser->line_number++;
    if (line->raw.len > LINE_LIMIT) {
        parser_fail(parser, source_span(parser, str_sub(line->raw, 0, 1)),
                    "dockerfile line greater than max allowed size of %d", LINE_LIMIT);
        return error_hint(parser->error, "break the line with %c at its end",
                          parser->dockerfile->escape);
    }
    return 0;
}

/* ---- directives and comments --------------------------------------------------------------------------- */

static int set_escape(struct parser *parser, struct str value) {
    if (!str_equal(value, STR("\\")) && !str_equal(value, STR("`"))) {
        parser_fail(parser, source_span(parser, value),
                    "invalid escape token '%.*s' does not match ` or \\", STR_ARG(value));
        return error_hint(parser->error, "use `# escape=\\` or `# escape=``");
    }
    parser->dockerfile->escape = value.data[0];
    return 0;
}

/* The first line that is no known directive ends them; *is_directive tells. */
static int take_directive(struct parser *parser, struct str comment, bool *is_directive) {
    static const char *const names[] = { "syntax", "escape", "check" };
    struct str name, value;
    *is_directive = false;
    if (!scan_directive(comment, &name, &value)) {
        return 0;
    }
    for (size_t kind = 0; kind < sizeof(names) / sizeof(names[0]); kind++) {
        if (!str_equal_nocase(name, str_of(names[kind]))) {
            continue;
        }
        for (size_t i = 0; i < parser->directives.count; i++) {
            if (parser->directives.items[i].kind == kind) {
                return parser_fail(parser, source_span(parser, name),
                                   "only one %s parser directive can be used", names[kind]);
            }
        }
        struct directive directive = { (enum directive_kind)kind, value,
                                       source_span(parser, comment) };
        vec_push(&parser->directives, directive);
        *is_directive = true;
        return kind == DIRECTIVE_ESCAPE ? set_escape(parser, value) : 0;
    }
    return 0;
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

/* Joins what follows FIRST, which is continued, until a line that is not. */
static int join_lines(struct parser *parser, const struct physical_line *first) {
    struct physical_line line = *first;
    buf_reset(&parser->joined);
    parser->line.segments.count = 0;
    add_segment(parser, line.first, line.escape);
    while (is_continued(parser, &line) || line.kind == LINE_BLANK || line.kind == LINE_COMMENT) {
        if (next_physical(parser, &line) < 0) {
            return -1;
        }
        if (line.kind == LINE_NONE) {
            break;
        }
        parser->line.last = parser->line_number;
        if (line.kind == LINE_BLANK) {
            parser->line.has_empty_continuation = true;
        } else if (line.kind != LINE_COMMENT) {
            add_segment(parser, line.raw.data,
                        is_continued(parser, &line) ? line.escape : line.end);
        }
    }
    parser->line.text = str_copy(parser->arena, buf_str(&parser->joined));
    return 0;
}

int lines_next(struct parser *parser, bool *found) {
    struct physical_line line;
    bool is_directive;
    *found = false;
    for (;;) {
        if (next_physical(parser, &line) < 0) {
            return -1;
        }
        if (line.kind == LINE_NONE) {
            return 0;
        }
        if (line.kind == LINE_COMMENT) {
            is_directive = false;
            struct str comment = str_make(line.first, (size_t)(line.end - line.first));
            if (parser->is_directives && take_directive(parser, comment, &is_directive) < 0) {
                return -1;
            }
            parser->is_directives = is_directive;
            if (!is_directive) {
                take_comment(parser, &line);
            }
            continue;
        }
        parser->is_directives = false;
        if (line.kind != LINE_BLANK) {
            break;
        }
    }
    *found = true;
    parser->line.first = parser->line.last = parser->line_number;
    parser->line.has_empty_continuation = false;
    if (is_continued(parser, &line)) {
        return join_lines(parser, &line);
    }
    parser->line.text = str_make(line.first, (size_t)(line.end - line.first));
    parser->line.segments.count = 0;
    vec_push(&parser->line.segments, (struct segment){ 0, source_offset(parser, line.first) });
    return 0;
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
    if (text.len == 0) {
        uint32_t at = place_of(parser, offset);
        return (struct span){ at, at };
    }
    uint32_t last = place_of(parser, offset + (uint32_t)text.len - 1);
    return (struct span){ place_of(parser, offset), last + 1 };
}

/* ---- heredocs ------------------------------------------------------------------------------------------ */

int lines_read_heredoc(struct parser *parser, struct ast_heredoc *heredoc) {
    struct str raw;
    const char *first, *last;
    const char *start = parser->source.cursor;
    while (scan_body_line(&parser->source, &raw, &first, &last)) {
        parser->line.last = ++parser->line_number;
        const char *from = heredoc->is_chomped ? first : raw.data;
        if (raw.len - str_has_suffix(raw, STR("\n")) > LINE_LIMIT) {
            break; /* BuildKit's reader stops there, too */
        }
        if (str_equal(str_make(from, (size_t)(last - from)), heredoc->name)) {
            heredoc->body = str_make(start, (size_t)(raw.data - start));
            heredoc->body_span = source_span(parser, heredoc->body);
            return 0;
        }
    }
    parser_fail(parser, heredoc->span, "unterminated heredoc");
    return error_hint(parser->error,
                      "no line is exactly `%.*s`; text glued to a delimiter belongs to it",
                      STR_ARG(heredoc->name));
}
