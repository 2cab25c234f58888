#include "parser/heredoc.h"

#include "base/vec.h"
#include "parser/expand_ranges.h"
#include "parser/words.h"

static size_t count_byte(struct str text, char byte) {
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++) {
        count += text.data[i] == byte;
    }
    return count;
}

/* Escapes in heredoc words are always backslashes, whatever the escape directive says. */
static const struct expand_scope raw_scope = {
    .escape = '\\',
    .is_quotes_kept = true,
    .is_escapes_kept = true,
    .is_unset_kept = true,
};
static const struct expand_scope unquoted_scope = { .escape = '\\', .is_unset_kept = true };

static int match(struct str word, struct arena *arena, struct ast_heredoc *out, bool *is_heredoc,
                 struct error *error) {
    struct str descriptor, delimiter, *words, *raw_words;
    uint64_t number = 0;
    size_t count, raw_count;
    *is_heredoc = false;
    *out = (struct ast_heredoc){ .is_expanded = true };
    if (!words_heredoc(word, &descriptor, &out->is_chomped, &delimiter)) {
        return 0;
    }
    if (expand_words(&unquoted_scope, delimiter, arena, &words, &count, error) < 0 ||
        expand_words(&raw_scope, delimiter, arena, &raw_words, &raw_count, error) < 0) {
        return -1;
    }
    if (count != 1 || raw_count != 1) {
        return 0;
    }
    str_parse_uint(descriptor, 10, UINT32_MAX, &number);
    out->descriptor = (unsigned)number;
    out->name = words[0];
    out->is_expanded = count_byte(words[0], '\'') == count_byte(raw_words[0], '\'') &&
                       count_byte(words[0], '"') == count_byte(raw_words[0], '"');
    *is_heredoc = true;
    return 0;
}

bool heredoc_match(struct str word, struct arena *arena, struct ast_heredoc *out) {
    bool is_heredoc;
    return match(word, arena, out, &is_heredoc, NULL) == 0 && is_heredoc;
}

int heredoc_find(struct str line, struct arena *arena, struct ast_heredoc **out, size_t *count,
                 struct error *error) {
    struct expand_range *words;
    size_t word_count;
    VEC(struct ast_heredoc) found = VEC_INIT;
    *out = NULL;
    *count = 0;
    if (expand_ranges(&raw_scope, line, arena, &words, &word_count, NULL) < 0) {
        return 0;
    }
    for (size_t i = 0; i < word_count; i++) {
        struct ast_heredoc heredoc;
        bool is_heredoc;
        if (match(words[i].text, arena, &heredoc, &is_heredoc, error) < 0) {
            return -1;
        }
        if (is_heredoc) {
            heredoc.span = (struct span){ (uint32_t)words[i].start, (uint32_t)words[i].end };
            arena_vec_push(arena, &found, heredoc);
        }
    }
    *out = found.items;
    *count = found.count;
    return 0;
}

struct str heredoc_content(const struct ast_heredoc *heredoc, struct arena *arena) {
    _cleanup_buf_ struct buf content = BUF_INIT;
    struct scan scan = scan_of(heredoc->body);
    struct str raw;
    const char *first, *last;
    if (!heredoc->is_chomped) {
        return heredoc->body;
    }
    while (scan_body_line(&scan, &raw, &first, &last)) {
        buf_append(&content, first, (size_t)(raw.data + raw.len - first));
    }
    return str_copy(arena, buf_str(&content));
}

bool heredoc_is_whole_script(const struct instruction *run) {
    return run->kind == INSTRUCTION_RUN && !run->is_json && run->heredoc_count == 1 &&
           run->word_count == 1 && run->words[0].span.start == run->heredocs[0].span.start &&
           run->words[0].span.end == run->heredocs[0].span.end;
}

struct str heredoc_append_bodies(struct str text, const struct instruction *instruction,
                                 struct arena *arena) {
    _cleanup_buf_ struct buf out = BUF_INIT;
    if (instruction->heredoc_count == 0) {
        return text;
    }
    buf_append_str(&out, text);
    for (size_t i = 0; i < instruction->heredoc_count; i++) {
        buf_append_byte(&out, '\n');
        buf_append_str(&out, instruction->heredocs[i].body);
        buf_append_str(&out, instruction->heredocs[i].name);
    }
    return str_copy(arena, buf_str(&out));
}
