/* lint_syntax: the rules that BuildKit applies while it parses, whether a stage is built or not. They look at words only, for
 * the file may have errors elsewhere. */
#include "parser/lint_state.h"
#include "parser/scan.h"

static bool is_lower(struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] >= 'A' && text.data[i] <= 'Z') {
            return false;
        }
    }
    return true;
}

static bool is_upper(struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] >= 'a' && text.data[i] <= 'z') {
            return false;
        }
    }
    return true;
}

/* ---- FROM ---------------------------------------------------------------------------------------------- */

static void check_as(struct lint *lint, const struct instruction *from) {
    struct str keyword = from->keyword.text;
    const struct ast_word *as = &from->words[1];
    bool is_odd =
        (is_lower(keyword) && !is_lower(as->text)) || (is_upper(keyword) && !is_upper(as->text));
    if (!is_odd) {
        return;
    }
    struct lint_finding *finding = lint_add(lint, LINT_FROM_AS_CASING, as->span,
                                            "'%.*s' and '%.*s' keywords' casing do not match",
                                            STR_ARG(as->text), STR_ARG(keyword));
    if (str_equal_nocase(as->text, STR("AS"))) {
        struct str fixed = is_lower(keyword) ? STR("as") : STR("AS");
        lint_hint(lint, finding, "write %.*s", STR_ARG(fixed));
        lint_edit(lint, finding, as->span, fixed);
    }
}

/* The last comment before FROM or ARG is what it is described by. */
static void check_description(struct lint *lint, const struct instruction *instruction,
                              const char *what, const struct str *names, size_t count) {
    if (instruction->comment_count == 0 || count == 0) {
        return;
    }
    struct str text = instruction->comments[instruction->comment_count - 1], first;
    str_split(&text, ' ', &first);
    for (size_t i = 0; i < count; i++) {
        if (str_equal(first, names[i])) {
            return;
        }
    }
    struct str name = count > 1 ? STR("<arg_key>") : names[0];
    struct lint_finding *finding = lint_add(
        lint, LINT_INVALID_DEFINITION_DESCRIPTION, instruction->keyword.span,
        "Comment for %s should follow the format: `# %.*s <description>`", what, STR_ARG(name));
    lint_hint(lint, finding,
              "begin the comment with the name, or put a line with nothing but `#` "
              "between");
}

static void check_from(struct lint *lint, const struct instruction *from) {
    if (from->word_count != 3) {
        return;
    }
    struct ast_word name = from->words[2];
    struct str lower = str_lower(lint->arena, name.text);
    if (!is_lower(name.text)) {
        struct lint_finding *finding =
            lint_add(lint, LINT_STAGE_NAME_CASING, name.span,
                     "Stage name '%.*s' should be lowercase", STR_ARG(name.text));
        lint_hint(lint, finding, "call it %.*s, here and where it is used", STR_ARG(lower));
        lint_fix_stage_name(lint, finding);
    }
    check_as(lint, from);
    check_description(lint, from, "FROM", &lower, 1);
}

static void check_argument(struct lint *lint, const struct instruction *argument) {
    if (!lint_is_wanted(lint, LINT_INVALID_DEFINITION_DESCRIPTION)) {
        return;
    }
    struct str *names = arena_array(lint->arena, argument->pair_count, sizeof(*names));
    for (size_t i = 0; i < argument->pair_count; i++) {
        names[i] = argument->pairs[i].key.text;
    }
    check_description(lint, argument, "ARG", names, argument->pair_count);
}

static void check_maintainer(struct lint *lint) {
    struct lint_finding *finding =
        lint_add(lint, LINT_MAINTAINER_DEPRECATED, lint->instruction->keyword.span,
                 "Maintainer instruction is deprecated in favor of using label");
    lint_hint(lint, finding, "write LABEL org.opencontainers.image.authors=\"...\"");
    lint_fix_maintainer(lint, finding);
}

/* BuildKit places it at the last line the instruction has. */
static void check_continuation(struct lint *lint) {
    struct span span = lint->instruction->span;
    struct str before = str_sub(lint->dockerfile->source, span.start, span.end);
    size_t line = str_rfind_byte(before, '\n');
    span.start += line == SIZE_MAX ? 0 : (uint32_t)line + 1;
    struct lint_finding *finding =
        lint_add(lint, LINT_NO_EMPTY_CONTINUATION, span, "Empty continuation line");
    if (finding) {
        finding->line = lint->instruction->end_line;
        lint_hint(lint, finding,
                  "remove the blank lines of this instruction; a line with only "
                  "`#` may stand there");
        lint_fix_blank_lines(lint, finding);
    }
}

/* ---- the file as a whole ------------------------------------------------------------------------------- */

static void check_casing(struct lint *lint) {
    const struct dockerfile *dockerfile = lint->dockerfile;
    size_t lower = 0, upper = 0, first = dockerfile->instruction_count;
    for (size_t i = 0; i < dockerfile->instruction_count; i++) {
        const struct instruction *instruction = dockerfile->instructions[i];
        if (first == dockerfile->instruction_count && instruction->kind != INSTRUCTION_FROM) {
            continue; /* a global ARG */
        }
        first = first < i ? first : i;
        lower += is_lower(instruction->keyword.text);
        upper += is_upper(instruction->keyword.text);
    }
    bool is_lower_wanted = lower > upper;
    for (size_t i = first; i < dockerfile->instruction_count; i++) {
        const struct instruction *instruction = dockerfile->instructions[i];
        struct str keyword = instruction->keyword.text;
        if (is_lower_wanted ? is_lower(keyword) : is_upper(keyword)) {
            continue;
        }
        lint_enter(lint, instruction);
        struct lint_finding *finding =
            lint_add(lint, LINT_CONSISTENT_INSTRUCTION_CASING, instruction->keyword.span,
                     "Command '%.*s' should match the case of the command majority (%s)",
                     STR_ARG(keyword), is_lower_wanted ? "lowercase" : "uppercase");
        lint_fix_keyword(lint, finding, is_lower_wanted);
    }
}

static void check_names(struct lint *lint) {
    _cleanup_map_ struct map names = MAP_INIT;
    for (size_t i = 0; i < lint->dockerfile->instruction_count; i++) {
        const struct instruction *from = lint->dockerfile->instructions[i];
        if (from->kind != INSTRUCTION_FROM || from->from.name.text.len == 0) {
            continue;
        }
        struct ast_word name = from->from.name;
        lint_enter(lint, from);
        if (str_equal_c(name.text, "context") || str_equal_c(name.text, "scratch")) {
            struct lint_finding *finding =
                lint_add(lint, LINT_RESERVED_STAGE_NAME, name.span,
                         "Stage name should not use the same name as reserved stage %s",
                         lint_quote(lint, name.text));
            lint_hint(lint, finding, "choose another name");
        }
        if (!map_set(&names, name.text, (void *)(uintptr_t)from)) {
            struct lint_finding *finding =
                lint_add(lint, LINT_DUPLICATE_STAGE_NAME, name.span,
                         "Duplicate stage name %s, stage names should be unique",
                         lint_quote(lint, name.text));
            lint_hint(lint, finding,
                      "choose another name; only stages between here and the other "
                      "one see that");
        }
    }
}

void lint_syntax(struct lint *lint) {
    for (size_t i = 0; i < lint->dockerfile->instruction_count; i++) {
        const struct instruction *instruction = lint->dockerfile->instructions[i];
        lint_enter(lint, instruction);
        if (instruction->kind == INSTRUCTION_FROM) {
            check_from(lint, instruction);
        } else if (instruction->kind == INSTRUCTION_ARG) {
            check_argument(lint, instruction);
        } else if (instruction->kind == INSTRUCTION_MAINTAINER) {
            check_maintainer(lint);
        }
        if (instruction->has_empty_continuation) {
            check_continuation(lint);
        }
    }
    if (!lint->options->is_partial) {
        check_casing(lint);
        check_names(lint);
    }
}
