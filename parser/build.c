/* build: the grammar's actions, which make instructions of what was collected on the stacks. */
#include "parser/heredoc.h"
#include "parser/state.h"

/* Moves what lies on STACK above BASE to the arena. */
#define take(parser, stack, base, items_out, count_out)                                            \
    do {                                                                                           \
        size_t taken = (stack)->count - (base);                                                    \
        *(count_out) = taken;                                                                      \
        if (taken > 0) {                                                                           \
            *(items_out) = arena_array((parser)->arena, taken, sizeof(**(items_out)));             \
            memcpy(*(items_out), (stack)->items + (base), taken * sizeof(**(items_out)));          \
        }                                                                                          \
        (stack)->count = (base);                                                                   \
    } while (0)

/* How much of the union an instruction has: most have nothing, and memory is what a large file costs most. */
static size_t size_of(enum instruction_kind kind) {
    const struct instruction *any = NULL;
    size_t common = offsetof(struct instruction, from);
    switch (kind) {
    case INSTRUCTION_FROM:
        return common + sizeof(any->from);
    case INSTRUCTION_RUN:
        return common + sizeof(any->run);
    case INSTRUCTION_ADD:
    case INSTRUCTION_COPY:
        return common + sizeof(any->copy);
    case INSTRUCTION_HEALTHCHECK:
        return common + sizeof(any->healthcheck);
    case INSTRUCTION_ONBUILD:
        return common + sizeof(any->onbuild);
    default:
        return common;
    }
}

void build_instruction(struct parser *parser, enum instruction_kind kind,
                       const struct keyword *keyword, bool is_json) {
    struct instruction *instruction = arena_alloc(parser->arena, size_of(kind));
    instruction->kind = kind;
    instruction->keyword = keyword->word;
    instruction->arguments = parser->arguments;
    instruction->is_json = is_json;
    instruction->heredocs = parser->heredocs;
    instruction->heredoc_count = parser->heredoc_count;
    take(parser, &parser->flags, keyword->flags, &instruction->flags, &instruction->flag_count);
    take(parser, &parser->words, keyword->words, &instruction->words, &instruction->word_count);
    take(parser, &parser->pairs, keyword->pairs, &instruction->pairs, &instruction->pair_count);
    parser->instruction = instruction;
}

void build_onbuild(struct parser *parser, const struct keyword *keyword, bool has_trigger) {
    struct instruction *trigger = has_trigger ? parser->instruction : NULL;
    build_instruction(parser, INSTRUCTION_ONBUILD, keyword, false);
    struct instruction *onbuild = parser->instruction;
    onbuild->onbuild.trigger = trigger;
    onbuild->heredocs = NULL; /* they are the trigger's */
    onbuild->heredoc_count = 0;
    if (trigger) {
        onbuild->arguments = str_make(trigger->keyword.text.data,
                                      (size_t)(parser->scan.limit - trigger->keyword.text.data));
    }
}

/* What was read of the file, without the last line's end. */
static uint32_t end_of_line(const struct parser *parser) {
    struct str source = parser->dockerfile->source;
    size_t end = (size_t)(parser->source.cursor - source.data);
    if (end > 0 && source.data[end - 1] == '\n') {
        end--;
    }
    while (end > 0 && source.data[end - 1] == '\r') {
        end--;
    }
    return (uint32_t)end;
}

/* The AST takes several times the memory of the text. */
static void check_size(struct parser *parser) {
    if (parser->error_count == 0 &&
        parser->arena->allocated - parser->allocated_before > TREE_LIMIT) {
        parser_fail(parser, parser->instruction->span,
                    "the Dockerfile has too many instructions and arguments");
        error_hint(parser->error, "%zu instructions up to here take %d MiB of memory",
                   parser->instructions.count, TREE_LIMIT >> 20);
        parser_report(parser);
        parser_stop(parser);
    }
}

void build_end_line(struct parser *parser) {
    struct instruction *instruction = parser->instruction;
    struct str line = parser->line.text;
    uint32_t end = end_of_line(parser);
    take(parser, &parser->comments, 0, &instruction->comments, &instruction->comment_count);
    instruction->has_empty_continuation = parser->line.has_empty_continuation;
    while (instruction) {
        const char *start = instruction->keyword.text.data;
        instruction->text = str_make(start, (size_t)(line.data + line.len - start));
        instruction->span = (struct span){ instruction->keyword.span.start, end };
        instruction->line = parser->line.first;
        instruction->end_line = parser->line.last;
        struct instruction *trigger =
            instruction->kind == INSTRUCTION_ONBUILD ? instruction->onbuild.trigger : NULL;
        if (trigger) {
            struct str text = str_make(trigger->keyword.text.data,
                                       (size_t)(line.data + line.len - trigger->keyword.text.data));
            instruction->onbuild.text = heredoc_append_bodies(text, trigger, parser->arena);
        }
        instruction = trigger;
    }
    if (parser->error_count == 0) {
        vec_push(&parser->instructions, parser->instruction);
    }
    if (parser->order && check_next(parser->order, parser->dockerfile, parser->instruction,
                                    parser->arena, parser->error) < 0) {
        parser_report(parser);
    }
    check_size(parser);
}

void build_drop_line(struct parser *parser) {
    parser->flags.count = parser->words.count = parser->pairs.count = parser->comments.count = 0;
}
