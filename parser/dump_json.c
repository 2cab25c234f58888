/* The AST as JSON; the schema is in docs/ast.md. */
#include "parser/dump.h"

#include "base/json.h"
#include "base/vec.h"

#include <assert.h>
#include <stdlib.h>

/* Where the lines of the file begin. */
struct lines {
    struct str source;
    VEC(uint32_t) starts;
};

static void find_lines(struct lines *lines) {
    struct str rest = lines->source, line;
    while (str_split(&rest, '\n', &line)) {
        vec_push(&lines->starts, (uint32_t)(line.data - lines->source.data));
    }
}

static void add_place(const struct lines *lines, json_t *span, const char *line_key,
                      const char *column_key, uint32_t offset) {
    assert(lines->starts.items); /* a file that was parsed has a line */
    size_t low = 0, high = lines->starts.count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (lines->starts.items[middle] <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    json_object_set_new(span, line_key, json_integer((json_int_t)low + 1));
    json_object_set_new(span, column_key,
                        json_integer((json_int_t)(offset - lines->starts.items[low] + 1)));
}

static void add_span(const struct lines *lines, json_t *object, const char *key, struct span span) {
    json_t *out = json_object();
    json_object_set_new(out, "start", json_integer(span.start));
    json_object_set_new(out, "end", json_integer(span.end));
    add_place(lines, out, "line", "column", span.start);
    add_place(lines, out, "endLine", "endColumn", span.end);
    json_object_set_new(object, key, out);
}

static json_t *word_of(const struct lines *lines, const struct ast_word *word) {
    json_t *out = json_object();
    json_set_str(out, "text", word->text);
    add_span(lines, out, "span", word->span);
    return out;
}

static json_t *flags_of(const struct lines *lines, const struct instruction *instruction) {
    json_t *out = json_array();
    for (size_t i = 0; i < instruction->flag_count; i++) {
        const struct ast_flag *flag = &instruction->flags[i];
        json_t *object = json_object();
        json_set_str(object, "name", flag->name);
        json_object_set_new(object, "value",
                            flag->has_value ? json_from_str(flag->value) : json_null());
        add_span(lines, object, "span", flag->span);
        json_array_append_new(out, object);
    }
    return out;
}

static json_t *words_of(const struct lines *lines, const struct instruction *instruction) {
    json_t *out = json_array();
    for (size_t i = 0; i < instruction->word_count; i++) {
        json_array_append_new(out, word_of(lines, &instruction->words[i]));
    }
    return out;
}

static json_t *pairs_of(const struct lines *lines, const struct instruction *instruction) {
    json_t *out = json_array();
    for (size_t i = 0; i < instruction->pair_count; i++) {
        const struct ast_pair *pair = &instruction->pairs[i];
        json_t *object = json_object();
        json_object_set_new(object, "key", word_of(lines, &pair->key));
        json_object_set_new(object, "value",
                            pair->has_value ? word_of(lines, &pair->value) : json_null());
        json_object_set_new(object, "legacy", json_boolean(pair->is_legacy));
        json_array_append_new(out, object);
    }
    return out;
}

static json_t *heredocs_of(const struct lines *lines, const struct instruction *instruction) {
    json_t *out = json_array();
    for (size_t i = 0; i < instruction->heredoc_count; i++) {
        const struct ast_heredoc *heredoc = &instruction->heredocs[i];
        json_t *object = json_object();
        json_set_str(object, "name", heredoc->name);
        json_object_set_new(object, "descriptor", json_integer(heredoc->descriptor));
        json_object_set_new(object, "chomp", json_boolean(heredoc->is_chomped));
        json_object_set_new(object, "expand", json_boolean(heredoc->is_expanded));
        json_set_str(object, "body", heredoc->body);
        add_span(lines, object, "span", heredoc->span);
        add_span(lines, object, "bodySpan", heredoc->body_span);
        json_array_append_new(out, object);
    }
    return out;
}

static json_t *comments_of(const struct instruction *instruction) {
    json_t *out = json_array();
    for (size_t i = 0; i < instruction->comment_count; i++) {
        json_array_append_new(out, json_from_str(instruction->comments[i]));
    }
    return out;
}

static const char *kind_name(enum instruction_kind kind) {
    return kind == INSTRUCTION_UNKNOWN ? "" : instruction_name(kind);
}

/* A loop: how deep ONBUILDs are nested is up to the file. */
static json_t *instruction_of(const struct lines *lines, const struct instruction *instruction) {
    json_t *first = NULL, *outer = NULL;
    while (instruction != NULL) {
        json_t *object = json_object();
        json_set_str(object, "name", str_of(kind_name(instruction->kind)));
        json_object_set_new(object, "keyword", word_of(lines, &instruction->keyword));
        add_span(lines, object, "span", instruction->span);
        json_object_set_new(object, "comments", comments_of(instruction));
        json_object_set_new(object, "flags", flags_of(lines, instruction));
        json_set_str(object, "arguments", instruction->arguments);
        json_object_set_new(object, "json", json_boolean(instruction->is_json));
        json_object_set_new(object, "words", words_of(lines, instruction));
        json_object_set_new(object, "pairs", pairs_of(lines, instruction));
        json_object_set_new(object, "heredocs", heredocs_of(lines, instruction));
        json_object_set_new(object, "trigger", json_null());
        if (outer == NULL) {
            first = object;
        } else {
            json_object_set_new(outer, "trigger", object);
        }
        outer = object;
        instruction =
            instruction->kind == INSTRUCTION_ONBUILD ? instruction->onbuild.trigger : NULL;
    }
    return first;
}

static json_t *directives_of(const struct lines *lines, const struct dockerfile *dockerfile) {
    static const char *const names[] = { "syntax", "escape", "check" };
    json_t *out = json_array();
    for (size_t i = 0; i < dockerfile->directive_count; i++) {
        const struct directive *directive = &dockerfile->directives[i];
        json_t *object = json_object();
        json_set_str(object, "name", str_of(names[directive->kind]));
        json_set_str(object, "value", directive->value);
        add_span(lines, object, "span", directive->span);
        json_array_append_new(out, object);
    }
    return out;
}

void dump_json(struct buf *out, const struct dockerfile *dockerfile) {
    struct lines lines = { .source = dockerfile->source };
    _cleanup_json_ json_t *root = json_object();
    find_lines(&lines);
    json_object_set_new(root, "version", json_integer(1));
    json_set_str(root, "file", str_of(dockerfile->name));
    json_set_str(root, "escape", str_make(&dockerfile->escape, 1));
    json_object_set_new(root, "directives", directives_of(&lines, dockerfile));
    json_t *instructions = json_array();
    for (size_t i = 0; i < dockerfile->instruction_count; i++) {
        json_array_append_new(instructions, instruction_of(&lines, dockerfile->instructions[i]));
    }
    json_object_set_new(root, "instructions", instructions);
    json_write(out, root);
    buf_append_byte(out, '\n');
    free(lines.starts.items);
}
