#include "parser/lint_state.h"
#include "parser/state.h"
#include "parser/words.h"

#include <stdlib.h>

const struct lint_rule_info lint_rules[LINT_RULE_COUNT] = {
    [LINT_STAGE_NAME_CASING] = { "StageNameCasing", "Stage names are written in lower case.", false,
                                 false },
    [LINT_FROM_AS_CASING] = { "FromAsCasing", "AS is written in the case of its FROM.", false,
                              false },
    [LINT_NO_EMPTY_CONTINUATION] = { "NoEmptyContinuation",
                                     "A continued instruction has no blank line in it.", false,
                                     false },
    [LINT_CONSISTENT_INSTRUCTION_CASING] = { "ConsistentInstructionCasing",
                                             "All instructions are written in the same case.",
                                             false, false },
    [LINT_DUPLICATE_STAGE_NAME] = { "DuplicateStageName", "No two stages have the same name.",
                                    false, false },
    [LINT_RESERVED_STAGE_NAME] = { "ReservedStageName",
                                   "No stage is called what the builder uses itself.", false,
                                   false },
    [LINT_JSON_ARGS_RECOMMENDED] = { "JSONArgsRecommended",
                                     "CMD and ENTRYPOINT are JSON arrays, so that signals reach "
                                     "the program.",
                                     false, false },
    [LINT_MAINTAINER_DEPRECATED] = { "MaintainerDeprecated", "A label replaces MAINTAINER.", false,
                                     false },
    [LINT_UNDEFINED_ARG_IN_FROM] = { "UndefinedArgInFrom",
                                     "FROM uses arguments that are declared before it.", false,
                                     false },
    [LINT_WORKDIR_RELATIVE_PATH] = { "WorkdirRelativePath",
                                     "The first WORKDIR of a stage is absolute.", false, false },
    [LINT_UNDEFINED_VAR] = { "UndefinedVar", "Variables are defined before they are used.", false,
                             false },
    [LINT_MULTIPLE_INSTRUCTIONS_DISALLOWED] = { "MultipleInstructionsDisallowed",
                                                "A stage has one CMD, ENTRYPOINT and HEALTHCHECK.",
                                                false, false },
    [LINT_LEGACY_KEY_VALUE_FORMAT] = { "LegacyKeyValueFormat",
                                       "ENV and LABEL have a `=` between key and value.", false,
                                       false },
    [LINT_INVALID_BASE_IMAGE_PLATFORM] = { "InvalidBaseImagePlatform",
                                           "The base image is of the platform that is built.",
                                           false, false },
    [LINT_REDUNDANT_TARGET_PLATFORM] = { "RedundantTargetPlatform",
                                         "--platform does not repeat what is the default.", false,
                                         false },
    [LINT_SECRETS_USED_IN_ARG_OR_ENV] = { "SecretsUsedInArgOrEnv",
                                          "Secrets are not kept in ARG or ENV.", false, false },
    [LINT_INVALID_DEFAULT_ARG_IN_FROM] = { "InvalidDefaultArgInFrom",
                                           "FROM names an image also without build arguments.",
                                           false, false },
    [LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED] = { "FromPlatformFlagConstDisallowed",
                                                   "--platform of FROM is not a constant.", false,
                                                   false },
    [LINT_COPY_IGNORED_FILE] = { "CopyIgnoredFile", "What is copied is not excluded.", false,
                                 false },
    [LINT_INVALID_DEFINITION_DESCRIPTION] = { "InvalidDefinitionDescription",
                                              "A description begins with the name it describes.",
                                              false, true },
    [LINT_EXPOSE_PROTO_CASING] = { "ExposeProtoCasing", "Protocols are written in lower case.",
                                   false, false },
    [LINT_EXPOSE_INVALID_FORMAT] = { "ExposeInvalidFormat",
                                     "EXPOSE names ports of the container only.", false, false },
    [LINT_MALFORMED_JSON] = { "MalformedJSON", "What looks like a JSON array is one.", true,
                              false },
    [LINT_ADD_OF_PLAIN_FILE] = { "AddOfPlainFile", "COPY copies files that ADD would only copy.",
                                 true, false },
    [LINT_APT_GET_UPDATE_ALONE] = { "AptGetUpdateAlone",
                                    "`apt-get update` and `install` are in the same RUN.", true,
                                    false },
    [LINT_CD_AT_END_OF_RUN] = { "CdAtEndOfRun", "No RUN ends with a `cd`.", true, false },
};

/* ---- findings ------------------------------------------------------------------------------------------ */

void lint_enter(struct lint *lint, const struct instruction *instruction) {
    lint->instruction = instruction;
    lint->place = instruction;
    map_free(&lint->told);
    lint->local =
        instruction->comment_count > 0 ? lint_settings_of(lint, instruction) : lint->settings;
}

bool lint_is_wanted(const struct lint *lint, enum lint_rule rule) {
    uint64_t bit = (uint64_t)1 << rule;
    if (lint_rules[rule].is_experimental) {
        return lint->local.enabled & bit;
    }
    return !(lint->local.skipped & bit);
}

struct lint_finding *lint_add(struct lint *lint, enum lint_rule rule, struct span span,
                              const char *format, ...) {
    struct lint_report *report = lint->report;
    if (!lint_is_wanted(lint, rule)) {
        return NULL;
    }
    va_list arguments;
    va_start(arguments, format);
    struct str message = str_of(arena_vprintf(lint->arena, format, arguments));
    va_end(arguments);
    if (lint->place != lint->instruction) {
        span = lint->place->span; /* a trigger has no place of its own */
    }
    struct str told = str_printf(lint->arena, "%d %.*s", (int)rule, STR_ARG(message));
    if (!map_set(&lint->told, told, report)) {
        return NULL;
    }
    struct lint_finding finding = {
        .rule = rule, .message = message, .hint = STR_EMPTY, .span = span, .line = lint->place->line
    };
    if (report->count == report->capacity) {
        report->findings = vec_grow(lint->arena, report->findings, report->count, &report->capacity,
                                    sizeof(*report->findings));
    }
    report->findings[report->count] = finding;
    return &report->findings[report->count++];
}

void lint_hint(struct lint *lint, struct lint_finding *finding, const char *format, ...) {
    if (finding) {
        va_list arguments;
        va_start(arguments, format);
        finding->hint = str_of(arena_vprintf(lint->arena, format, arguments));
        va_end(arguments);
    }
}

void lint_fail(struct lint *lint, struct span span, struct error *error) {
    const struct dockerfile *dockerfile = lint->dockerfile;
    if (++lint->error_count > ERROR_LIMIT) {
        error_clear(error);
        return;
    }
    if (lint->place != lint->instruction) {
        error_forget_place(error);
        span = lint->place->span;
    }
    error_at(error, dockerfile->name, dockerfile->source, span);
    error_append(&lint->report->error, error);
}

void lint_check_value(struct lint *lint, enum lint_value_kind what, struct span span,
                      struct str value) {
    const struct lint_world *world = &lint->options->world;
    _cleanup_error_ struct error error = ERROR_INIT;
    if (world->value && world->value(world->context, what, value, &error) < 0) {
        lint_fail(lint, span, &error);
    }
}

const char *lint_quote(const struct lint *lint, struct str text) {
    _cleanup_buf_ struct buf quoted = BUF_INIT;
    words_quote(&quoted, text);
    return arena_strdup(lint->arena, quoted.data);
}

/* ---- the nearest name ---------------------------------------------------------------------------------- */

/* Longer names are no slips of the hand. */
enum { NAME_SIZE = 64, FAR = 3 };

/* By Levenshtein's distance, case counts: names of variables differ by it. */
void lint_consider(struct nearest *nearest, struct str candidate) {
    if (candidate.len > NAME_SIZE) {
        return;
    }
    size_t found = str_distance(nearest->word, candidate, FAR - 1, false);
    if (found < FAR && (!nearest->best.data || found < nearest->distance)) {
        nearest->best = candidate;
        nearest->distance = found;
    }
}

const char *lint_suggestion(const struct lint *lint, const struct nearest *nearest,
                            const char *prefix) {
    return nearest->best.data && nearest->distance > 0
               ? arena_printf(lint->arena, " (did you mean %s%.*s?)", prefix,
                              STR_ARG(nearest->best))
               : "";
}

/* ---- a run --------------------------------------------------------------------------------------------- */

static int compare(const void *left, const void *right) {
    const struct lint_finding *a = left, *b = right;
    if (a->span.start != b->span.start) {
        return a->span.start < b->span.start ? -1 : 1;
    }
    return a->rule != b->rule ? (int)a->rule - (int)b->rule : str_compare(a->message, b->message);
}

static void free_scope(struct lint_scope *scope) {
    map_free(&scope->env);
    map_free(&scope->declared);
}

void lint_run(const struct dockerfile *dockerfile, const struct lint_options *options,
              struct arena *arena, struct lint_report *out) {
    *out = (struct lint_report){ .error = ERROR_INIT };
    struct lint lint = {
        .dockerfile = dockerfile,
        .options = options,
        .arena = arena,
        .report = out,
        .escape = dockerfile->escape,
    };
    if (lint_settings_read(&lint, &out->error) < 0) {
        return;
    }
    out->is_fatal = lint.settings.is_fatal;
    lint_syntax(&lint);
    if (!options->is_partial && lint_stages(&lint)) {
        lint_evaluate(&lint);
    }
    if (lint.error_count > ERROR_LIMIT) {
        parser_tell_rest(&out->error, lint.error_count - ERROR_LIMIT, false);
    }
    for (size_t i = 0; i < lint.stage_count; i++) {
        free_scope(&lint.stages[i].scope);
    }
    free_scope(&lint.globals);
    map_free(&lint.names);
    map_free(&lint.uses);
    map_free(&lint.told);
    if (out->count > 0) {
        qsort(out->findings, out->count, sizeof(*out->findings), compare);
    }
}

static int compare_names(const void *left, const void *right) {
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

int lint_check_fatal(const struct lint_report *report, struct error *error) {
    const char *names[LINT_RULE_COUNT];
    size_t count = 0;
    uint64_t seen = 0;
    for (size_t i = 0; i < report->count; i++) {
        enum lint_rule rule = report->findings[i].rule;
        if (!lint_rules[rule].is_own && !(seen >> rule & 1)) {
            seen |= (uint64_t)1 << rule;
            names[count++] = lint_rules[rule].name;
        }
    }
    if (!report->is_fatal || count == 0) {
        return 0;
    }
    qsort(names, count, sizeof(*names), compare_names);
    _cleanup_buf_ struct buf list = BUF_INIT;
    for (size_t i = 0; i < count; i++) {
        buf_printf(&list, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    error_set(error, ERROR_INPUT, "lint violation found for rules: %s", list.data);
    return error_hint(error, "`bud check` shows them; the Dockerfile's `check` directive has "
                             "`error=true`");
}
