#include "parser/format_instruction.h"

#include "parser/scan.h"

#include <ctype.h>
#include <stdlib.h>

/* Of continuation lines. */
#define INDENTATION "    "
/* No physical line may be longer. */
enum { LINE_LIMIT = 65535 };

enum token_role {
    TOKEN_PLAIN,
    TOKEN_KEYWORD, /* upper case */
    TOKEN_TEXT,    /* white space in it is content */
    TOKEN_OPEN,    /* JSON */
    TOKEN_STRING,
    TOKEN_CLOSE,
};

/* What is copied byte for byte; between two of them stands white space, and in JSON a comma. */
struct token {
    enum token_role role;
    const char *start, *end;
    size_t first, last; /* lines */
};

struct layout {
    const struct dockerfile *dockerfile;
    const struct format_lines *lines;
    struct buf *out;
    VEC(struct token) tokens;
    bool is_indentation_kept;
};

const struct instruction *format_innermost(const struct instruction *instruction) {
    while (instruction->kind == INSTRUCTION_ONBUILD && instruction->onbuild.trigger != NULL) {
        instruction = instruction->onbuild.trigger;
    }
    return instruction;
}

/* ---- tokens -------------------------------------------------------------------------------------------- */

static const struct format_line *line_at(const struct layout *layout, size_t index) {
    return &layout->lines->items.items[index];
}

static const char *last_end(const struct layout *layout) {
    size_t count = layout->tokens.count;
    return count > 0 ? layout->tokens.items[count - 1].end : line_at(layout, 0)->start;
}

/* The part of line INDEX that lies between START and END. */
static struct str line_part(const struct layout *layout, size_t index, const char *start,
                            const char *end) {
    const struct format_line *line = line_at(layout, index);
    const char *from = line->start > start ? line->start : start;
    const char *upto = line->end < end ? line->end : end;
    return line->is_comment || from >= upto ? STR_EMPTY : str_make(from, (size_t)(upto - from));
}

/* Lays down what lies between START and END, IS_TRIMMED without white space at both ends; nothing when that is empty. */
static void push_token(struct layout *layout, enum token_role role, const char *start,
                       const char *end, bool is_trimmed) {
    size_t count = layout->tokens.count;
    struct token token = { .role = role };
    for (size_t i = count > 0 ? layout->tokens.items[count - 1].last : 0;
         i < layout->lines->items.count && line_at(layout, i)->start < end; i++) {
        struct str part = line_part(layout, i, start, end);
        part = is_trimmed ? scan_trim(part) : part;
        if (part.len == 0) {
            continue;
        }
        if (token.start == NULL) {
            token.start = part.data;
            token.first = i;
        }
        token.end = part.data + part.len;
        token.last = i;
    }
    if (token.start != NULL) {
        vec_push(&layout->tokens, token);
    }
}

/* What the AST does not know of: `--`, an escape that was dropped, arguments of unknown instructions. */
static void push_rest(struct layout *layout, enum token_role role, const char *end) {
    push_token(layout, role, last_end(layout), end, true);
}

/* Where BYTE first stands in what follows the last token, before END; NULL: nowhere. */
static const char *find_byte(const struct layout *layout, char byte, const char *end) {
    size_t count = layout->tokens.count;
    for (size_t i = count > 0 ? layout->tokens.items[count - 1].last : 0;
         i < layout->lines->items.count && line_at(layout, i)->start < end; i++) {
        struct str part = line_part(layout, i, last_end(layout), end);
        size_t at = str_find_byte(part, byte);
        if (at != SIZE_MAX) {
            return part.data + at;
        }
    }
    return NULL;
}

static const char *place(const struct layout *layout, uint32_t offset) {
    return layout->dockerfile->source.data + offset;
}

/* A token of the AST, after what stands before it. */
static void push_span(struct layout *layout, enum token_role role, struct span span) {
    push_rest(layout, TOKEN_PLAIN, place(layout, span.start));
    push_token(layout, role, place(layout, span.start), place(layout, span.end), false);
}

static const char *end_of_lines(const struct layout *layout) {
    return layout->lines->raw.data + layout->lines->raw.len;
}

static void push_bracket(struct layout *layout, char bracket) {
    const char *at = find_byte(layout, bracket, end_of_lines(layout));
    if (at != NULL) {
        push_rest(layout, TOKEN_PLAIN, at);
        push_token(layout, bracket == '[' ? TOKEN_OPEN : TOKEN_CLOSE, at, at + 1, false);
    }
}

/* The words from FIRST on. */
static void push_array(struct layout *layout, const struct instruction *instruction, size_t first) {
    push_bracket(layout, '[');
    for (size_t i = first; i < instruction->word_count; i++) {
        struct span span = instruction->words[i].span;
        push_token(layout, TOKEN_STRING, place(layout, span.start), place(layout, span.end), false);
    }
    push_bracket(layout, ']');
}

static bool is_shell_text(enum instruction_kind kind) {
    switch (kind) {
    case INSTRUCTION_ADD:
    case INSTRUCTION_COPY:
    case INSTRUCTION_EXPOSE:
    case INSTRUCTION_FROM:
    case INSTRUCTION_VOLUME:
        return false;
    default:
        return true;
    }
}

/* Words that are keywords: AS, and HEALTHCHECK's CMD and NONE. */
static bool is_keyword(const struct instruction *instruction, size_t index) {
    struct str text = instruction->words[index].text;
    if (instruction->kind == INSTRUCTION_FROM) {
        return index == 1 && instruction->word_count == 3 && str_equal_nocase(text, STR("AS"));
    }
    return instruction->kind == INSTRUCTION_HEALTHCHECK && index == 0 &&
           (str_equal_nocase(text, STR("CMD")) || str_equal_nocase(text, STR("NONE")));
}

static void push_arguments(struct layout *layout, const struct instruction *instruction) {
    size_t first = 0;
    bool is_text = is_shell_text(instruction->kind);
    if (instruction->kind == INSTRUCTION_HEALTHCHECK && instruction->word_count > 0) {
        push_span(layout, is_keyword(instruction, 0) ? TOKEN_KEYWORD : TOKEN_PLAIN,
                  instruction->words[0].span);
        first = 1;
    }
    if (instruction->is_json) {
        push_array(layout, instruction, first);
    } else {
        for (size_t i = first; i < instruction->word_count; i++) {
            enum token_role role = is_keyword(instruction, i) ? TOKEN_KEYWORD
                                   : is_text                  ? TOKEN_TEXT
                                                              : TOKEN_PLAIN;
            push_span(layout, role, instruction->words[i].span);
        }
    }
    for (size_t i = 0; i < instruction->pair_count; i++) {
        const struct ast_pair *pair = &instruction->pairs[i];
        if (pair->is_legacy) {
            push_span(layout, TOKEN_PLAIN, pair->key.span);
            push_span(layout, TOKEN_TEXT, pair->value.span);
        } else {
            push_span(layout, TOKEN_PLAIN,
                      (struct span){ pair->key.span.start, pair->value.span.end });
        }
    }
}

static void push_instruction(struct layout *layout, const struct instruction *instruction) {
    for (;;) {
        bool is_known = instruction->kind != INSTRUCTION_UNKNOWN;
        push_span(layout, is_known ? TOKEN_KEYWORD : TOKEN_PLAIN, instruction->keyword.span);
        for (size_t i = 0; i < instruction->flag_count; i++) {
            push_span(layout, TOKEN_PLAIN, instruction->flags[i].span);
        }
        if (instruction->kind != INSTRUCTION_ONBUILD || instruction->onbuild.trigger == NULL) {
            break;
        }
        instruction = instruction->onbuild.trigger;
    }
    push_arguments(layout, instruction);
    push_rest(layout, TOKEN_TEXT, end_of_lines(layout));
}

static bool ends_in_redirection(const struct token *token) {
    struct str text = str_make(token->start, (size_t)(token->end - token->start));
    return str_has_suffix(text, STR("<<")) || str_has_suffix(text, STR("<<-"));
}

/* White space within the word that announces a heredoc is part of it, and white space after `<<` may make one. */
static void join_heredoc_words(struct layout *layout, const struct instruction *instruction) {
    size_t count = 0, heredoc = 0;
    for (size_t i = 0; i < layout->tokens.count; i++) {
        struct token *token = &layout->tokens.items[i];
        struct token *previous = count > 0 ? &layout->tokens.items[count - 1] : NULL;
        while (heredoc < instruction->heredoc_count &&
               place(layout, instruction->heredocs[heredoc].span.end) <= token->start) {
            heredoc++;
        }
        if (previous != NULL &&
            ((heredoc < instruction->heredoc_count &&
              place(layout, instruction->heredocs[heredoc].span.start) < previous->end) ||
             ends_in_redirection(previous))) {
            previous->end = token->end;
            previous->last = token->last;
            previous->role = token->role == TOKEN_TEXT ? TOKEN_TEXT : previous->role;
        } else {
            layout->tokens.items[count++] = *token;
        }
    }
    layout->tokens.count = count;
}

/* ---- printing ------------------------------------------------------------------------------------------ */

static void print_continuation(const struct layout *layout) {
    buf_append_byte(layout->out, layout->dockerfile->escape);
    buf_append_byte(layout->out, '\n');
}

static void print_comment(const struct layout *layout, const struct format_line *line,
                          bool is_indented) {
    struct str text = str_make(line->start, (size_t)(line->end - line->start));
    struct str trimmed = scan_trim(text);
    if (is_indented) {
        buf_append_c(layout->out, INDENTATION);
        buf_append_str(layout->out, trimmed);
    } else {
        buf_append(layout->out, text.data, (size_t)(trimmed.data + trimmed.len - text.data));
    }
    buf_append_byte(layout->out, '\n');
}

/* The comments of lines FIRST up to END. */
static void print_comments(const struct layout *layout, size_t first, size_t end,
                           bool is_indented) {
    for (size_t i = first; i < end; i++) {
        if (line_at(layout, i)->is_comment) {
            print_comment(layout, line_at(layout, i), is_indented);
        }
    }
}

static bool has_comments(const struct layout *layout, size_t end) {
    size_t i = 0;
    while (i < end && !line_at(layout, i)->is_comment) {
        i++;
    }
    return i < end;
}

static void print_token(const struct layout *layout, const struct token *token) {
    for (size_t i = token->first; i <= token->last; i++) {
        if (line_at(layout, i)->is_comment) {
            print_comment(layout, line_at(layout, i), false);
            continue;
        }
        struct str part = line_part(layout, i, token->start, token->end);
        for (size_t at = 0; token->role == TOKEN_KEYWORD && at < part.len; at++) {
            buf_append_byte(layout->out, (char)toupper((unsigned char)part.data[at]));
        }
        if (token->role != TOKEN_KEYWORD) {
            buf_append_str(layout->out, part);
        }
        if (i < token->last) {
            print_continuation(layout);
        }
    }
}

/* What stands between two tokens: a space or a new line. */
static void print_gap(const struct layout *layout, const struct token *token,
                      const struct token *next) {
    bool is_same_line = token->last == next->first;
    if (token->role == TOKEN_STRING && next->role == TOKEN_STRING) {
        buf_append_byte(layout->out, ',');
    } else if (is_same_line && (token->role == TOKEN_OPEN || next->role == TOKEN_CLOSE ||
                                token->end == next->start)) {
        return;
    }
    buf_append_byte(layout->out, ' ');
    if (is_same_line) {
        return;
    }
    print_continuation(layout);
    print_comments(layout, token->last + 1, next->first, !layout->is_indentation_kept);
    if (layout->is_indentation_kept) {
        const char *start = line_at(layout, next->first)->start;
        buf_append(layout->out, start, (size_t)(next->start - start));
    } else {
        buf_append_c(layout->out, INDENTATION);
    }
}

/* Would the last line of what was printed be continued? */
static bool is_continued(const struct layout *layout) {
    struct str text = buf_str(layout->out);
    size_t before = str_rfind_byte(text, '\n');
    struct scan scan = scan_of(str_from(text, before == SIZE_MAX ? 0 : before + 1));
    struct physical_line line;
    scan_line(&scan, &line);
    return line.kind == (layout->dockerfile->escape == '\\' ? LINE_BACKSLASH : LINE_BACKTICK);
}

/* The last argument may end in an escape; what kept that from continuing the line stays. */
static void print_end(const struct layout *layout, const struct token *last) {
    if (is_continued(layout)) {
        buf_append(layout->out, last->end, (size_t)(line_at(layout, last->last)->end - last->end));
        if (layout->lines->is_open) {
            buf_append_byte(layout->out, layout->dockerfile->escape);
        }
    }
    buf_append_byte(layout->out, '\n');
}

static void print_tokens(const struct layout *layout) {
    const struct token *tokens = layout->tokens.items;
    size_t count = layout->tokens.count;
    if (has_comments(layout, tokens[0].first)) { /* after a line with nothing but an escape */
        print_continuation(layout);
        print_comments(layout, 0, tokens[0].first, false);
    }
    for (size_t i = 0; i < count; i++) {
        if (i > 0) {
            print_gap(layout, &tokens[i - 1], &tokens[i]);
        }
        print_token(layout, &tokens[i]);
    }
    print_end(layout, &tokens[count - 1]);
    print_comments(layout, tokens[count - 1].last + 1, layout->lines->items.count, false);
}

/* As the author has it, but for the line ends. */
static void print_raw(const struct layout *layout) {
    struct str rest = layout->lines->raw, line;
    while (str_split(&rest, '\n', &line)) {
        while (str_has_suffix(line, STR("\r"))) {
            line.len--;
        }
        buf_append_str(layout->out, line);
        buf_append_byte(layout->out, '\n');
    }
}

static bool has_long_line(struct str text) {
    struct str line;
    while (text.len > LINE_LIMIT && str_split(&text, '\n', &line)) {
        if (line.len > LINE_LIMIT) {
            return true;
        }
    }
    return false;
}

/* Is it only a vertical tab or a form feed that keeps the words from being JSON? They stay, then: words may be parted by
 * these, elements may not. */
static bool is_almost_json(const struct layout *layout, const struct instruction *instruction) {
    return !instruction->is_json && !is_shell_text(instruction->kind) &&
           instruction->word_count > 0 && str_has_prefix(instruction->words[0].text, STR("[")) &&
           (str_find_byte(layout->lines->raw, '\v') != SIZE_MAX ||
            str_find_byte(layout->lines->raw, '\f') != SIZE_MAX);
}

void format_instruction(const struct dockerfile *dockerfile, const struct instruction *instruction,
                        const struct format_lines *lines, struct buf *out) {
    struct layout layout = { .dockerfile = dockerfile, .lines = lines, .out = out };
    size_t start = out->len;
    if (lines->items.count > 0 && instruction->keyword.text.len > 0 &&
        !is_almost_json(&layout, format_innermost(instruction))) {
        push_instruction(&layout, instruction);
        join_heredoc_words(&layout, format_innermost(instruction));
    }
    if (layout.tokens.count > 0) {
        const struct token *last = &layout.tokens.items[layout.tokens.count - 1];
        layout.is_indentation_kept = last->role == TOKEN_TEXT && last->first < last->last;
        print_tokens(&layout);
    }
    if (layout.tokens.count == 0 || has_long_line(str_from(buf_str(out), start))) {
        out->len = start;
        print_raw(&layout);
    }
    vec_free(&layout.tokens);
}
