/* Do two Dockerfiles say the same? */
#include "parser/format.h"
#include "parser/format_instruction.h"

static bool is_same_text(struct str first, struct str second, bool is_keyword) {
    return is_keyword ? str_equal_nocase(first, second) : str_equal(first, second);
}

static bool is_same_flags(const struct instruction *first, const struct instruction *second) {
    if (first->flag_count != second->flag_count) {
        return false;
    }
    for (size_t i = 0; i < first->flag_count; i++) {
        if (!str_equal(first->flags[i].text, second->flags[i].text)) {
            return false;
        }
    }
    return true;
}

static bool is_same_words(const struct instruction *first, const struct instruction *second) {
    if (first->word_count != second->word_count || first->is_json != second->is_json) {
        return false;
    }
    for (size_t i = 0; i < first->word_count; i++) {
        bool is_keyword = (first->kind == INSTRUCTION_FROM && i == 1) ||
                          (first->kind == INSTRUCTION_HEALTHCHECK && i == 0);
        if (!is_same_text(first->words[i].text, second->words[i].text, is_keyword)) {
            return false;
        }
    }
    return true;
}

static bool is_same_pairs(const struct instruction *first, const struct instruction *second) {
    if (first->pair_count != second->pair_count) {
        return false;
    }
    for (size_t i = 0; i < first->pair_count; i++) {
        const struct ast_pair *one = &first->pairs[i], *other = &second->pairs[i];
        if (!str_equal(one->key.text, other->key.text) ||
            !str_equal(one->value.text, other->value.text) || one->has_value != other->has_value ||
            one->is_legacy != other->is_legacy) {
            return false;
        }
    }
    return true;
}

static bool is_same_heredocs(const struct instruction *first, const struct instruction *second) {
    if (first->heredoc_count != second->heredoc_count) {
        return false;
    }
    for (size_t i = 0; i < first->heredoc_count; i++) {
        const struct ast_heredoc *one = &first->heredocs[i], *other = &second->heredocs[i];
        if (!str_equal(one->name, other->name) || !str_equal(one->body, other->body) ||
            one->is_chomped != other->is_chomped || one->is_expanded != other->is_expanded ||
            one->descriptor != other->descriptor) {
            return false;
        }
    }
    return true;
}

static bool is_same_comments(const struct instruction *first, const struct instruction *second) {
    if (first->comment_count != second->comment_count) {
        return false;
    }
    for (size_t i = 0; i < first->comment_count; i++) {
        if (!str_equal(first->comments[i], second->comments[i])) {
            return false;
        }
    }
    return true;
}

static const struct instruction *trigger_of(const struct instruction *instruction) {
    return instruction->kind == INSTRUCTION_ONBUILD ? instruction->onbuild.trigger : NULL;
}

static bool is_same_instruction(const struct instruction *first, const struct instruction *second) {
    while (first != NULL && second != NULL) {
        if (first->kind != second->kind ||
            !str_equal_nocase(first->keyword.text, second->keyword.text) ||
            (first->kind == INSTRUCTION_UNKNOWN &&
             !str_equal(first->arguments, second->arguments)) ||
            !is_same_flags(first, second) || !is_same_words(first, second) ||
            !is_same_pairs(first, second) || !is_same_heredocs(first, second) ||
            !is_same_comments(first, second)) {
            return false;
        }
        first = trigger_of(first);
        second = trigger_of(second);
    }
    return first == NULL && second == NULL;
}

static bool is_same_directives(const struct dockerfile *first, const struct dockerfile *second) {
    if (first->escape != second->escape || first->directive_count != second->directive_count) {
        return false;
    }
    for (size_t i = 0; i < first->directive_count; i++) {
        if (first->directives[i].kind != second->directives[i].kind ||
            !str_equal(first->directives[i].value, second->directives[i].value)) {
            return false;
        }
    }
    return true;
}

bool format_is_same(const struct dockerfile *first, const struct dockerfile *second,
                    unsigned *line) {
    *line = 1;
    if (!is_same_directives(first, second)) {
        return false;
    }
    for (size_t i = 0; i < first->instruction_count; i++) {
        *line = first->instructions[i]->line;
        if (i == second->instruction_count ||
            !is_same_instruction(first->instructions[i], second->instructions[i])) {
            return false;
        }
    }
    return first->instruction_count == second->instruction_count;
}
