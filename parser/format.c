#include "parser/format.h"

#include "parser/format_instruction.h"
#include "parser/parser.h"
#include "parser/scan.h"

#include <stdlib.h>

#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

/* Between instructions. */
struct comment {
    struct str
        text; /* the line, with its indentation: what stands before the `#` is part of a description */
    bool is_after_blank;
};

struct formatter {
    const struct dockerfile *dockerfile;
    struct scan source;
    struct buf *out;
    size_t directives; /* printed */
    VEC(struct comment) comments;
    bool is_after_blank; /* what follows the comments */
    struct format_lines lines;
};

/* ---- between instructions ------------------------------------------------------------------------------ */

/* Collects comments up to the first line of an instruction; false at the end of the file. */
static bool read_comments(struct formatter *formatter, struct physical_line *line) {
    formatter->comments.count = 0;
    formatter->is_after_blank = false;
    for (;;) {
        scan_line(&formatter->source, line);
        if (line->kind == LINE_BLANK) {
            formatter->is_after_blank = true;
        } else if (line->kind == LINE_COMMENT) {
            struct comment comment = { line->raw, formatter->is_after_blank };
            vec_push(&formatter->comments, comment);
            formatter->is_after_blank = false;
        } else {
            return line->kind != LINE_NONE;
        }
    }
}

/* A stage begins after a blank line, the comments right before FROM are its own. */
static void separate_stage(struct formatter *formatter) {
    size_t first = formatter->comments.count;
    if (formatter->is_after_blank) {
        return;
    }
    while (first > 0 && !formatter->comments.items[first - 1].is_after_blank) {
        first--;
    }
    if (formatter->comments.count == 0) {
        formatter->is_after_blank = true;
    } else if (first == 0) {
        formatter->comments.items[0].is_after_blank = true;
    }
}

static bool print_directive(struct formatter *formatter) {
    static const char *const names[] = { "syntax", "escape", "check" };
    if (formatter->directives == formatter->dockerfile->directive_count) {
        return false;
    }
    const struct directive *directive = &formatter->dockerfile->directives[formatter->directives++];
    buf_append_c(formatter->out, "# ");
    buf_append_c(formatter->out, names[directive->kind]);
    buf_append_byte(formatter->out, '=');
    buf_append_str(formatter->out, directive->value);
    buf_append_byte(formatter->out, '\n');
    return true;
}

/* At the start of the file blank lines go, except where they keep a comment from being a directive. */
static bool is_blank_needed(const struct formatter *formatter, const struct comment *comment) {
    struct str name, value;
    return formatter->out->len > 0 || scan_directive(scan_trim(comment->text), &name, &value);
}

static void print_comments(struct formatter *formatter) {
    for (size_t i = 0; i < formatter->comments.count; i++) {
        const struct comment *comment = &formatter->comments.items[i];
        if (comment->is_after_blank && is_blank_needed(formatter, comment)) {
            buf_append_byte(formatter->out, '\n');
        }
        if (!print_directive(formatter)) {
            struct str trimmed = scan_trim(comment->text);
            size_t len = (size_t)(trimmed.data + trimmed.len - comment->text.data);
            buf_append_str(formatter->out, str_sub(comment->text, 0, len));
            buf_append_byte(formatter->out, '\n');
        }
    }
}

/* ---- instructions -------------------------------------------------------------------------------------- */

/* The lines of the instruction that begins with LINE. */
static void read_lines(struct formatter *formatter, struct physical_line line) {
    struct format_lines *lines = &formatter->lines;
    enum line_kind continued =
        formatter->dockerfile->escape == '\\' ? LINE_BACKSLASH : LINE_BACKTICK;
    const char *raw = line.raw.data, *start = line.first, *raw_end;
    lines->items.count = 0;
    lines->is_open = true;
    for (;;) {
        struct format_line item = { start, line.kind == continued ? line.escape : line.end,
                                    line.kind == LINE_COMMENT };
        raw_end = line.raw.data + line.raw.len;
        if (line.kind != LINE_BLANK && item.start < item.end) {
            vec_push(&lines->items, item);
        }
        if (line.kind != continued && line.kind != LINE_BLANK && line.kind != LINE_COMMENT) {
            lines->is_open = false;
            break;
        }
        scan_line(&formatter->source, &line);
        if (line.kind == LINE_NONE) {
            break;
        }
        start = line.raw.data;
    }
    lines->raw = str_make(raw, (size_t)(raw_end - raw));
}

/* The bodies stay as they are, their line ends too. */
static void print_heredocs(struct formatter *formatter, const struct instruction *instruction) {
    instruction = format_innermost(instruction);
    for (size_t i = 0; i < instruction->heredoc_count; i++) {
        struct str raw;
        const char *first, *last;
        buf_append_str(formatter->out, instruction->heredocs[i].body);
        formatter->source.cursor =
            formatter->dockerfile->source.data + instruction->heredocs[i].body_span.end;
        if (scan_body_line(&formatter->source, &raw, &first, &last)) {
            buf_append(formatter->out, raw.data, (size_t)(last - raw.data));
            buf_append_byte(formatter->out, '\n');
        }
    }
}

static void format_file(struct formatter *formatter) {
    const struct dockerfile *dockerfile = formatter->dockerfile;
    struct physical_line line;
    bool is_in_stage = false;
    for (size_t i = 0; read_comments(formatter, &line) && i < dockerfile->instruction_count; i++) {
        const struct instruction *instruction = dockerfile->instructions[i];
        if (instruction->kind == INSTRUCTION_FROM) {
            if (is_in_stage) {
                separate_stage(formatter);
            }
            is_in_stage = true;
        }
        print_comments(formatter);
        if (formatter->is_after_blank && formatter->out->len > 0) {
            buf_append_byte(formatter->out, '\n');
        }
        read_lines(formatter, line);
        format_instruction(dockerfile, instruction, &formatter->lines, formatter->out);
        print_heredocs(formatter, instruction);
    }
    print_comments(formatter);
}

/* ---- the result ---------------------------------------------------------------------------------------- */

/* Says the result the same as the source? */
static int verify(const struct dockerfile *dockerfile, struct str formatted, struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_error_ struct error ignored = ERROR_INIT;
    struct dockerfile *result;
    unsigned line = 1;
    if (parser_parse_syntax(formatted, dockerfile->name, &arena, &result, &ignored) == 0 &&
        format_is_same(dockerfile, result, &line)) {
        return 0;
    }
    error_set(error, ERROR_FAILED,
              "formatting would change what %s says, about line %u; it is left as it is",
              dockerfile->name, line);
    return error_hint(error, "this is a mistake of bud: please report it with the file");
}

/* A byte order mark that the result begins with is part of an instruction; only one more before it means nothing. */
static void keep_mark(struct buf *formatted) {
    if (str_has_prefix(buf_str(formatted), STR(BYTE_ORDER_MARK))) {
        buf_append_c(formatted, BYTE_ORDER_MARK);
        memmove(formatted->data + strlen(BYTE_ORDER_MARK), formatted->data,
                formatted->len - strlen(BYTE_ORDER_MARK));
    }
}

int format_dockerfile(struct str source, const char *name, struct buf *out, struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_buf_ struct buf formatted = BUF_INIT;
    struct dockerfile *dockerfile;
    if (parser_parse_syntax(source, name, &arena, &dockerfile, error) < 0) {
        return -1;
    }
    bool is_marked = str_has_prefix(source, STR(BYTE_ORDER_MARK));
    struct formatter formatter = {
        .dockerfile = dockerfile,
        .source = scan_of(str_from(source, is_marked ? strlen(BYTE_ORDER_MARK) : 0)),
        .out = &formatted,
    };
    format_file(&formatter);
    vec_free(&formatter.comments);
    vec_free(&formatter.lines.items);
    keep_mark(&formatted);
    if (verify(dockerfile, buf_str(&formatted), error) < 0) {
        return -1;
    }
    buf_append_str(out, buf_str(&formatted));
    return 0;
}
