/* lint_fix: edits that a program may make, and making them. What takes a decision is a hint, not an edit. */
#include "parser/lint_scan.h"
#include "parser/lint_state.h"
#include "parser/words.h"

#include <stdlib.h>

static struct str source_of(const struct lint *lint, struct span span) {
    return str_sub(lint->dockerfile->source, span.start, span.end);
}

void lint_edit(struct lint *lint, struct lint_finding *finding, struct span span, struct str text) {
    if (!finding || lint->place != lint->instruction) {
        return; /* a trigger may be in another file */
    }
    if (finding->edit_count == finding->edit_capacity) {
        finding->edits = vec_grow(lint->arena, finding->edits, finding->edit_count,
                                  &finding->edit_capacity, sizeof(*finding->edits));
    }
    finding->edits[finding->edit_count++] = (struct lint_edit){ span, text };
}

void lint_fix_keyword(struct lint *lint, struct lint_finding *finding, bool is_lower) {
    struct ast_word keyword = lint->instruction->keyword;
    struct str fixed =
        is_lower ? str_lower(lint->arena, keyword.text) : str_upper(lint->arena, keyword.text);
    lint_hint(lint, finding, "write %.*s", STR_ARG(fixed));
    if (str_equal(source_of(lint, keyword.span), keyword.text)) {
        lint_edit(lint, finding, keyword.span, fixed);
    }
}

/* ---- names of stages ----------------------------------------------------------------------------------- */

/* The last bytes of SPAN when they are NAME in some case. */
static void rename_at_end(struct lint *lint, struct lint_finding *finding, struct span span,
                          struct str lower) {
    if (span.end - span.start < lower.len) {
        return;
    }
    span.start = span.end - (uint32_t)lower.len;
    struct str written = source_of(lint, span);
    if (str_equal_nocase(written, lower) && !str_equal(written, lower)) {
        lint_edit(lint, finding, span, lower);
    }
}

/* The option `from=NAME` of the flag at SPAN; the same text may be part of a path. */
static void rename_mount(struct lint *lint, struct lint_finding *finding, struct span span,
                         struct str name, struct str lower) {
    struct str flag = source_of(lint, span), option;
    uint32_t at = span.start + (uint32_t)(str_has_prefix(flag, STR("--mount=")) ? 8 : 0);
    struct str rest = str_from(flag, at - span.start);
    struct str wanted = str_printf(lint->arena, "from=%.*s", STR_ARG(name));
    while (str_split(&rest, ',', &option)) {
        if (str_equal(option, wanted)) {
            rename_at_end(lint, finding, (struct span){ at, at + (uint32_t)option.len }, lower);
        }
        at += (uint32_t)option.len + 1;
    }
}

static void rename_in(struct lint *lint, struct lint_finding *finding,
                      const struct instruction *instruction, struct str lower) {
    if (instruction->kind == INSTRUCTION_FROM) {
        rename_at_end(lint, finding, instruction->from.image.span, lower);
    } else if (instruction->kind == INSTRUCTION_COPY) {
        for (size_t i = 0; i < instruction->flag_count; i++) {
            if (str_equal_c(instruction->flags[i].name, "from")) {
                rename_at_end(lint, finding, instruction->flags[i].span, lower);
            }
        }
    }
    for (size_t i = 0; instruction->kind == INSTRUCTION_RUN && i < instruction->run.mount_count;
         i++) {
        const struct ast_mount *mount = &instruction->run.mounts[i];
        for (size_t j = 0; j < mount->count; j++) {
            const struct ast_mount_option *option = &mount->options[j];
            if (str_equal_c(option->key.text, "from") &&
                str_equal_nocase(option->value.text, lower)) {
                rename_mount(lint, finding, mount->span, option->value.text, lower);
            }
        }
    }
}

/* Who names a stage. */
struct uses {
    VEC(const struct instruction *) by; /* arena */
};

static void add_use(struct lint *lint, struct str name, const struct instruction *instruction) {
    struct str lower = str_lower(lint->arena, name);
    struct uses *uses = map_get(&lint->uses, lower);
    if (!uses) {
        uses = arena_new(lint->arena, struct uses);
        map_set(&lint->uses, lower, uses);
    }
    if (uses->by.count == 0 || uses->by.items[uses->by.count - 1] != instruction) {
        arena_vec_push(lint->arena, &uses->by, instruction);
    }
}

static void add_uses(struct lint *lint, const struct instruction *instruction) {
    struct ast_origins origins = { .instruction = instruction };
    struct ast_word name;
    if (instruction->kind == INSTRUCTION_FROM) {
        add_use(lint, instruction->from.image.text, instruction);
    }
    while (ast_origins_next(&origins, &name)) {
        add_use(lint, name.text, instruction);
    }
}

/* All uses are found in one pass, for there may be as many stages; the first of those with one name takes them. */
static struct uses *take_uses(struct lint *lint, struct str lower) {
    const struct dockerfile *dockerfile = lint->dockerfile;
    for (size_t i = 0; !lint->has_uses && i < dockerfile->instruction_count; i++) {
        add_uses(lint, dockerfile->instructions[i]);
    }
    lint->has_uses = true;
    struct uses *uses = map_get(&lint->uses, lower);
    map_remove(&lint->uses, lower);
    return uses;
}

void lint_fix_stage_name(struct lint *lint, struct lint_finding *finding) {
    struct ast_word name = lint->instruction->words[2];
    struct str lower = str_lower(lint->arena, name.text);
    if (!finding || !str_equal(source_of(lint, name.span), name.text)) {
        return;
    }
    lint_edit(lint, finding, name.span, lower);
    if (!lint->options->is_partial) {
        const struct uses *uses = take_uses(lint, lower);
        for (size_t i = 0; uses && i < uses->by.count; i++) {
            rename_in(lint, finding, uses->by.items[i], lower);
        }
    }
}

/* ---- lines --------------------------------------------------------------------------------------------- */

void lint_fix_blank_lines(struct lint *lint, struct lint_finding *finding) {
    const struct instruction *instruction = lint->instruction;
    const struct instruction *inner =
        instruction->kind == INSTRUCTION_ONBUILD && instruction->onbuild.trigger
            ? instruction->onbuild.trigger
            : instruction;
    struct span span = instruction->span;
    if (inner->heredoc_count > 0) {
        span.end = inner->heredocs[0].body_span.start;
    }
    const char *source = lint->dockerfile->source.data;
    struct scan scan = scan_of(source_of(lint, span));
    for (;;) {
        struct physical_line line;
        const char *start = scan.cursor;
        scan_line(&scan, &line);
        if (line.kind == LINE_NONE) {
            return;
        }
        if (line.kind == LINE_BLANK && scan.cursor > start) {
            struct span blank = { (uint32_t)(start - source), (uint32_t)(scan.cursor - source) };
            lint_edit(lint, finding, blank, STR_EMPTY);
        }
    }
}

/* ---- keys and values ----------------------------------------------------------------------------------- */

/* MAINTAINER is taken as it is, LABEL is expanded. */
void lint_fix_maintainer(struct lint *lint, struct lint_finding *finding) {
    const struct instruction *maintainer = lint->instruction;
    _cleanup_buf_ struct buf text = BUF_INIT;
    if (!finding || maintainer->word_count != 1) {
        return;
    }
    struct span span = { maintainer->keyword.span.start, maintainer->words[0].span.end };
    if (str_find_byte(source_of(lint, span), '\n') != SIZE_MAX) { /* there may be comments */
        return;
    }
    bool is_lower = maintainer->keyword.text.data[0] == 'm';
    struct str name = maintainer->words[0].text;
    buf_printf(&text, "%s org.opencontainers.image.authors=\"", is_lower ? "label" : "LABEL");
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (c == '"' || c == '$' || c == lint->dockerfile->escape) {
            buf_append_byte(&text, lint->dockerfile->escape);
        }
        buf_append_byte(&text, c);
    }
    buf_append_byte(&text, '"');
    lint_edit(lint, finding, span, str_copy(lint->arena, buf_str(&text)));
}

/* A value with quotes or escapes says something else when it is quoted: that is left to a person. */
void lint_fix_legacy(struct lint *lint, struct lint_finding *finding, const struct ast_pair *pair) {
    struct str value = pair->value.text;
    struct span between = { pair->key.span.end, pair->value.span.start };
    struct span end = { pair->value.span.end, pair->value.span.end };
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] == '"' || value.data[i] == '\'' ||
            value.data[i] == lint->dockerfile->escape) {
            return;
        }
    }
    if (value.len == 0 || !words_is_plain(pair->key.text) ||
        str_find_byte(source_of(lint, between), '\n') != SIZE_MAX) {
        return;
    }
    bool is_word = scan_trim(value).len == value.len;
    for (size_t i = 0; i < value.len; i++) {
        is_word = is_word && value.data[i] > ' ' && value.data[i] < 0x7f;
    }
    lint_edit(lint, finding, between, is_word ? STR("=") : STR("=\""));
    if (!is_word) {
        lint_edit(lint, finding, end, STR("\""));
    }
}

/* ---- commands ------------------------------------------------------------------------------------------ */

static bool is_builtin(struct str word) {
    static const char *const builtins[] = {
        ".",        ":",        "[",     "alias",   "bg",     "break",  "case",  "cd",
        "command",  "continue", "eval",  "exec",    "exit",   "export", "fg",    "for",
        "function", "getopts",  "hash",  "if",      "jobs",   "local",  "read",  "readonly",
        "return",   "select",   "set",   "shift",   "source", "time",   "times", "trap",
        "type",     "ulimit",   "umask", "unalias", "unset",  "until",  "wait",  "while",
    };
    for (size_t i = 0; i < sizeof(builtins) / sizeof(builtins[0]); i++) {
        if (str_equal_c(word, builtins[i])) {
            return true;
        }
    }
    return false;
}

/* The words of SCRIPT as a JSON array, when the shell would do nothing but run them. */
static bool print_words(struct buf *out, struct str script) {
    struct scan scan = scan_of(script);
    struct str token;
    size_t count = 0;
    buf_append_byte(out, '[');
    for (;;) {
        switch (lint_shell_next(&scan, &token)) {
        case LINT_SHELL_END:
            buf_append_byte(out, ']');
            return count > 0;
        case LINT_SHELL_SPACE:
            break;
        case LINT_SHELL_WORD:
            if (count == 0 && (is_builtin(token) || str_find_byte(token, '=') != SIZE_MAX)) {
                return false;
            }
            buf_printf(out, "%s\"%.*s\"", count++ > 0 ? ", " : "", STR_ARG(token));
            break;
        default:
            return false;
        }
    }
}

static bool is_base_unknown(const struct lint_scope *scope) {
    while (scope && !scope->is_unknown) {
        scope = scope->parent;
    }
    return scope != NULL;
}

/* CMD is also the arguments of ENTRYPOINT: only one of them in the stage can be rewritten without a look at the other. */
void lint_fix_command(struct lint *lint, struct lint_finding *finding) {
    const struct instruction *instruction = lint->instruction;
    const struct lint_stage *stage = lint->stage;
    _cleanup_buf_ struct buf text = BUF_INIT;
    /* An ENTRYPOINT of the base would get other arguments than before. */
    bool is_alone = !stage->scope.has_entrypoint && !is_base_unknown(&stage->scope);
    for (size_t i = 0; i < stage->count; i++) {
        const struct instruction *other = stage->instructions[i];
        is_alone = is_alone && (other == instruction || (other->kind != INSTRUCTION_CMD &&
                                                         other->kind != INSTRUCTION_ENTRYPOINT));
    }
    if (!finding || !is_alone || instruction->word_count != 1 ||
        !str_equal(source_of(lint, instruction->words[0].span), instruction->words[0].text) ||
        !print_words(&text, instruction->words[0].text)) {
        return;
    }
    struct str fixed = str_copy(lint->arena, buf_str(&text));
    lint_hint(lint, finding, "write %.*s %.*s", STR_ARG(instruction->keyword.text), STR_ARG(fixed));
    lint_edit(lint, finding, instruction->words[0].span, fixed);
}

void lint_fix_platform(struct lint *lint, struct lint_finding *finding) {
    struct span span = lint->instruction->from.platform.span;
    struct str source = lint->dockerfile->source;
    while (span.end < source.len &&
           (source.data[span.end] == ' ' || source.data[span.end] == '\t')) {
        span.end++;
    }
    lint_edit(lint, finding, span, STR_EMPTY);
}

/* ---- making them --------------------------------------------------------------------------------------- */

struct numbered_edit {
    const struct lint_edit *edit;
    size_t finding;
};

static int compare(const void *left, const void *right) {
    const struct numbered_edit *a = left, *b = right;
    if (a->edit->span.start != b->edit->span.start) {
        return a->edit->span.start < b->edit->span.start ? -1 : 1;
    }
    return a->finding < b->finding ? -1 : a->finding > b->finding;
}

/* A finding's edits are made together or not at all; what is left out now may be made in the next round. */
static void drop_overlapping(struct numbered_edit *edits, size_t count, bool *applied) {
    uint32_t end = 0;
    for (size_t i = 0; i < count; i++) {
        struct span span = edits[i].edit->span;
        if (span.start < end) {
            applied[edits[i].finding] = false;
        } else if (applied[edits[i].finding]) {
            end = span.end;
        }
    }
}

size_t lint_apply(const struct lint_report *report, struct str source, struct buf *out,
                  bool *applied) {
    VEC(struct numbered_edit) edits = VEC_INIT;
    size_t made = 0;
    uint32_t at = 0;
    for (size_t i = 0; i < report->count; i++) {
        applied[i] = report->findings[i].edit_count > 0;
        for (size_t j = 0; j < report->findings[i].edit_count; j++) {
            vec_push(&edits, (struct numbered_edit){ &report->findings[i].edits[j], i });
        }
    }
    if (edits.count > 0) {
        qsort(edits.items, edits.count, sizeof(*edits.items), compare);
    }
    drop_overlapping(edits.items, edits.count, applied);
    for (size_t i = 0; i < edits.count; i++) {
        const struct lint_edit *edit = edits.items[i].edit;
        if (applied[edits.items[i].finding]) {
            buf_append_str(out, str_sub(source, at, edit->span.start));
            buf_append_str(out, edit->text);
            at = edit->span.end;
        }
    }
    buf_append_str(out, str_from(source, at));
    vec_free(&edits);
    for (size_t i = 0; i < report->count; i++) {
        made += applied[i];
    }
    return made;
}

static bool may_become(enum instruction_kind before, enum instruction_kind after) {
    return before == after || (before == INSTRUCTION_MAINTAINER && after == INSTRUCTION_LABEL) ||
           (before == INSTRUCTION_ADD && after == INSTRUCTION_COPY);
}

/* The same, or what was unquoted is in quotes. */
static bool is_same_value(struct str before, struct str after) {
    return str_equal(before, after) || (after.len == before.len + 2 && after.data[0] == '"' &&
                                        after.data[after.len - 1] == '"' &&
                                        str_equal(before, str_sub(after, 1, after.len - 1)));
}

static bool is_same_pairs(const struct instruction *before, const struct instruction *after) {
    for (size_t i = 0; i < before->pair_count && before->pair_count == after->pair_count; i++) {
        const struct ast_pair *a = &before->pairs[i], *b = &after->pairs[i];
        if (!str_equal(a->key.text, b->key.text) ||
            !(a->is_legacy ? is_same_value(a->value.text, b->value.text)
                           : str_equal(a->value.text, b->value.text))) {
            return false;
        }
    }
    return before->pair_count == after->pair_count;
}

static bool is_same_words(const struct instruction *before, const struct instruction *after) {
    for (size_t i = 0; i < before->word_count && before->word_count == after->word_count; i++) {
        if (!str_equal_nocase(before->words[i].text, after->words[i].text)) {
            return false;
        }
    }
    return before->word_count == after->word_count;
}

/* Where a stage is named it may be written in lower case now. */
static bool is_same_flag(const struct ast_flag *before, const struct ast_flag *after) {
    bool is_reference = str_equal_c(before->name, "from") || str_equal_c(before->name, "mount");
    return is_reference ? str_equal_nocase(before->text, after->text)
                        : str_equal(before->text, after->text);
}

/* What may go is --platform of FROM. */
static bool is_same_flags(const struct instruction *before, const struct instruction *after) {
    size_t same = 0;
    for (size_t i = 0; i < before->flag_count; i++) {
        if (same < after->flag_count && is_same_flag(&before->flags[i], &after->flags[same])) {
            same++;
        } else if (before->kind != INSTRUCTION_FROM) {
            return false;
        }
    }
    return same == after->flag_count;
}

/* The words of the shell form, one by one. */
static bool is_same_command(const struct instruction *before, const struct instruction *after) {
    struct str rest = before->arguments, word;
    if (before->is_json || !after->is_json) {
        return before->is_json == after->is_json && str_equal(before->arguments, after->arguments);
    }
    for (size_t i = 0; i < after->word_count; i++) {
        rest = scan_trim(rest);
        word = str_sub(rest, 0, after->words[i].text.len);
        if (!str_equal(word, after->words[i].text)) {
            return false;
        }
        rest = str_from(rest, word.len);
    }
    return scan_trim(rest).len == 0;
}

static bool is_same_instruction(const struct instruction *before, const struct instruction *after) {
    switch (before->kind) {
    case INSTRUCTION_ENV:
    case INSTRUCTION_LABEL:
        return is_same_pairs(before, after);
    case INSTRUCTION_FROM:
    case INSTRUCTION_EXPOSE:
        return is_same_words(before, after);
    case INSTRUCTION_CMD:
    case INSTRUCTION_ENTRYPOINT:
        return is_same_command(before, after);
    case INSTRUCTION_MAINTAINER:
        return after->kind == INSTRUCTION_LABEL || str_equal(before->arguments, after->arguments);
    default:
        return str_equal(before->arguments, after->arguments);
    }
}

bool lint_is_same(const struct dockerfile *before, const struct dockerfile *after) {
    if (before->instruction_count != after->instruction_count ||
        before->directive_count != after->directive_count) {
        return false;
    }
    for (size_t i = 0; i < before->instruction_count; i++) {
        const struct instruction *a = before->instructions[i], *b = after->instructions[i];
        if (!may_become(a->kind, b->kind) || !is_same_flags(a, b) ||
            a->heredoc_count != b->heredoc_count || a->comment_count != b->comment_count ||
            !is_same_instruction(a, b)) {
            return false;
        }
        for (size_t j = 0; j < a->heredoc_count; j++) {
            if (!str_equal(a->heredocs[j].body, b->heredocs[j].body)) {
                return false;
            }
        }
    }
    return true;
}
