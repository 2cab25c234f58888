#include "parser/dump.h"

#include "parser/words.h"

/* Between the parts of a node; nothing may precede the first one. */
static void separate(struct buf *out) {
    if (out->data[out->len - 1] != '(') {
        buf_append_byte(out, ' ');
    }
}

static void dump_flags(struct buf *out, const struct instruction *instruction) {
    for (size_t i = 0; i < instruction->flag_count; i++) {
        separate(out);
        buf_append_c(out, i == 0 ? "[" : "");
        words_quote(out, instruction->flags[i].text);
    }
    if (instruction->flag_count > 0) {
        buf_append_byte(out, ']');
    }
}

static void dump_argument(struct buf *out, struct str text) {
    separate(out);
    words_quote(out, text);
}

static void dump_pair(struct buf *out, enum instruction_kind kind, const struct ast_pair *pair) {
    if (kind == INSTRUCTION_ARG) { /* a node a word: key and value lie side by side */
        size_t len = pair->key.text.len + (pair->has_value ? 1 + pair->value.text.len : 0);
        dump_argument(out, str_make(pair->key.text.data, len));
        return;
    }
    dump_argument(out, pair->key.text);
    dump_argument(out, pair->value.text);
    dump_argument(out, pair->is_legacy ? STR_EMPTY : STR("="));
}

static void dump_instruction(struct buf *out, const struct instruction *instruction) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    buf_append_byte(out, '(');
    buf_append_str(out, str_lower(&arena, instruction->keyword.text));
    dump_flags(out, instruction);
    if (instruction->kind == INSTRUCTION_UNKNOWN) {
        dump_argument(out, STR_EMPTY);
    }
    for (size_t i = 0; i < instruction->word_count; i++) {
        dump_argument(out, instruction->words[i].text);
    }
    for (size_t i = 0; i < instruction->pair_count; i++) {
        dump_pair(out, instruction->kind, &instruction->pairs[i]);
    }
    if (instruction->kind == INSTRUCTION_ONBUILD && instruction->onbuild.trigger) {
        buf_append_byte(out, ' ');
        dump_instruction(out, instruction->onbuild.trigger);
    }
    buf_append_byte(out, ')');
}

void dump_sexpr(struct buf *out, const struct dockerfile *dockerfile) {
    for (size_t i = 0; i < dockerfile->instruction_count; i++) {
        dump_instruction(out, dockerfile->instructions[i]);
        buf_append_byte(out, '\n');
    }
}
