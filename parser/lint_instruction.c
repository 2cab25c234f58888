/* lint_instruction: one instruction of a stage, with the variables it sees. All its words see them as they were before it. */
#include "base/fs.h"
#include "base/remote.h"
#include "parser/lint_state.h"
#include "parser/secret_name.h"

#include <stdlib.h>

/* ---- names and values ---------------------------------------------------------------------------------- */

static void check_secret(struct lint *lint, const char *what, struct ast_word key,
                         struct str name) {
    if (!secret_name(name)) {
        return;
    }
    struct lint_finding *finding =
        lint_add(lint, LINT_SECRETS_USED_IN_ARG_OR_ENV, key.span,
                 "Do not use ARG or ENV instructions for sensitive data (%s %s)", what,
                 lint_quote(lint, name));
    lint_hint(lint, finding,
              "it stays readable in the image; give it to the RUN that needs it: "
              "RUN --mount=type=secret,id=%.*s,env=%.*s ...",
              STR_ARG(name), STR_ARG(name));
}

static void argument(struct lint *lint) {
    for (size_t i = 0; i < lint->instruction->pair_count; i++) {
        const struct ast_word key = lint->instruction->pairs[i].key;
        check_secret(lint, "ARG", key, key.text);
    }
    lint_declare(lint, &lint->stage->scope);
}

static void pairs(struct lint *lint) {
    const struct instruction *instruction = lint->instruction;
    bool is_env = instruction->kind == INSTRUCTION_ENV;
    struct lint_value *values =
        arena_array(lint->arena, instruction->pair_count * 2, sizeof(*values));
    for (size_t i = 0; i < instruction->pair_count; i++) {
        const struct ast_pair *pair = &instruction->pairs[i];
        lint_expand(lint, pair->key, &values[2 * i]);
        lint_expand(lint, pair->value, &values[2 * i + 1]);
        if (pair->is_legacy) {
            struct str name = instruction->keyword.text;
            struct lint_finding *finding = lint_add(
                lint, LINT_LEGACY_KEY_VALUE_FORMAT, pair->key.span,
                "\"%.*s key=value\" should be used instead of legacy \"%.*s key value\" format",
                STR_ARG(name), STR_ARG(name));
            lint_hint(lint, finding, "write %.*s %.*s=\"...\"", STR_ARG(name),
                      STR_ARG(pair->key.text));
            lint_fix_legacy(lint, finding, pair);
        }
        if (is_env && values[2 * i].is_certain) {
            check_secret(lint, "ENV", pair->key, values[2 * i].text);
        }
    }
    for (size_t i = 0; is_env && i < instruction->pair_count; i++) {
        if (values[2 * i].is_certain) {
            lint_set(lint, &lint->stage->scope, values[2 * i].text, values[2 * i + 1]);
        }
    }
}

/* ---- commands ------------------------------------------------------------------------------------------ */

static void check_only(struct lint *lint, const struct instruction **earlier) {
    const struct instruction *instruction = lint->instruction;
    if (lint->place != instruction) {
        return; /* a trigger, which has no place */
    }
    if (*earlier) {
        lint_enter(lint, *earlier);
        struct lint_finding *finding =
            lint_add(lint, LINT_MULTIPLE_INSTRUCTIONS_DISALLOWED, (*earlier)->keyword.span,
                     "Multiple %.*s instructions should not be used in the same stage because only "
                     "the last one will be used",
                     STR_ARG(instruction->keyword.text));
        lint_hint(lint, finding, "remove this one: line %u replaces it", instruction->line);
        lint_enter(lint, instruction);
    }
    *earlier = instruction;
}

bool lint_is_json_recommended(const struct lint *lint) {
    const struct instruction *instruction = lint->instruction;
    return (instruction->kind == INSTRUCTION_CMD || instruction->kind == INSTRUCTION_ENTRYPOINT) &&
           !instruction->is_json && !lint->stage->scope.has_shell &&
           lint_is_wanted(lint, LINT_JSON_ARGS_RECOMMENDED);
}

static void check_json(struct lint *lint) {
    const struct instruction *instruction = lint->instruction;
    if (!lint_is_json_recommended(lint)) {
        return;
    }
    struct lint_finding *finding = lint_add(
        lint, LINT_JSON_ARGS_RECOMMENDED,
        instruction->word_count > 0 ? instruction->words[0].span : instruction->keyword.span,
        "JSON arguments recommended for %.*s to prevent unintended behavior related to OS "
        "signals",
        STR_ARG(instruction->keyword.text));
    const char *fault = lint_json_hint(instruction);
    if (fault) {
        lint_hint(lint, finding, "this looks like a JSON array but is none: %s", fault);
    } else {
        lint_hint(lint, finding,
                  "write %.*s [\"program\", \"argument\"], or set SHELL if a shell has to "
                  "run it",
                  STR_ARG(instruction->keyword.text));
    }
    lint_fix_command(lint, finding);
}

/* ---- ADD and COPY -------------------------------------------------------------------------------------- */

/* A rule that ignores everything: it answers for the context itself. */
static bool is_all_ignored(const struct ignore *ignore, struct ignore_rule *rule) {
    if (!ignore_deciding(ignore, STR("\x01"), rule)) {
        return false;
    }
    struct str text = rule->text;
    text = text.data[0] == '/' ? str_from(text, 1) : text;
    return str_equal_c(text, "*") || str_equal_c(text, "**") || str_equal_c(text, "**/*");
}

/* True when it was told. */
static bool check_ignored(struct lint *lint, struct ast_word source, struct str text) {
    const struct ignore *ignore = lint->options->ignore;
    struct ignore_rule rule;
    if (!ignore || ignore_has_exclusion(ignore)) {
        return false;
    }
    struct str path = path_clean(lint->arena, text), inside = path;
    if (inside.data[0] == '/') {
        inside = str_from(inside, 1);
    }
    bool is_root = inside.len == 0 || str_equal_c(inside, ".");
    if (is_root ? !is_all_ignored(ignore, &rule) : !ignore_deciding(ignore, inside, &rule)) {
        return false;
    }
    struct lint_finding *finding = lint_add(
        lint, LINT_COPY_IGNORED_FILE, source.span,
        "Attempting to %s file %s that is excluded by .dockerignore",
        lint->instruction->kind == INSTRUCTION_ADD ? "Add" : "Copy", lint_quote(lint, path));
    lint_hint(lint, finding, "%s, line %u excludes it: %.*s",
              lint->options->ignore_name ? lint->options->ignore_name : ".dockerignore", rule.line,
              STR_ARG(rule.text));
    return finding != NULL;
}

static void check_source(struct lint *lint, struct ast_word source, struct str text) {
    const struct lint_world *world = &lint->options->world;
    _cleanup_error_ struct error error = ERROR_INIT;
    if (remote_kind_of(text) == REMOTE_NONE && !check_ignored(lint, source, text) &&
        world->source &&
        world->source(world->context, text, lint->instruction->copy.is_parents, &error) < 0) {
        lint_fail(lint, source.span, &error);
    }
}

static void expand_given(struct lint *lint, struct ast_word word) {
    struct lint_value ignored;
    if (word.text.len > 0) {
        lint_expand(lint, word, &ignored);
    }
}

/* --from may name an earlier stage only. */
static void check_origin(struct lint *lint, struct ast_word from) {
    _cleanup_error_ struct error error = ERROR_INIT;
    uint64_t index;
    const struct lint_stage *found = lint_find_stage(lint, lint->stage, from.text, true);
    struct str title = lint->stage->name;
    if (title.len == 0) {
        title = str_printf(lint->arena, "%zu", (size_t)(lint->stage - lint->stages));
    }
    if (!found && str_parse_uint(from.text, 10, UINT64_MAX, &index)) {
        error_set(&error, ERROR_INPUT, "invalid stage index %.*s", STR_ARG(from.text));
        error_hint(&error, "stages are counted from 0; a name says more");
    } else if (found == lint->stage) {
        error_set(&error, ERROR_INPUT, "circular dependency detected on stage: %.*s",
                  STR_ARG(from.text));
        error_hint(&error, "a stage cannot read its own files this way; leave --from out or name "
                           "an earlier stage");
    } else if (found > lint->stage) {
        error_set(&error, ERROR_INPUT,
                  "cannot copy from stage \"%.*s\", it needs to be defined before current stage "
                  "\"%.*s\"",
                  STR_ARG(from.text), STR_ARG(title));
        error_hint(&error, "move the stage (line %u) above this one", found->from->line);
    } else {
        return;
    }
    lint_fail(lint, from.span, &error);
}

static void copy(struct lint *lint) {
    const struct instruction *instruction = lint->instruction;
    struct lint_value chmod;
    for (size_t i = 0; i < instruction->copy.source_count; i++) {
        struct ast_word source = instruction->copy.sources[i];
        struct lint_value value;
        if (!lint_expand(lint, source, &value) || !value.is_certain) {
            continue;
        }
        if (instruction->kind == INSTRUCTION_COPY) {
            lint_check_value(lint, LINT_VALUE_COPY_SOURCE, source.span, value.text);
        }
        if (instruction->copy.from.text.len == 0) {
            check_source(lint, source, value.text);
        }
    }
    expand_given(lint, instruction->copy.destination);
    expand_given(lint, instruction->copy.chown);
    if (lint_expand(lint, instruction->copy.chmod, &chmod) && chmod.is_certain) {
        lint_check_value(lint, LINT_VALUE_MODE, instruction->copy.chmod.span, chmod.text);
    }
    expand_given(lint, instruction->copy.checksum);
    for (size_t i = 0; i < instruction->copy.inline_file_count; i++) {
        lint_expand_body(lint, instruction->copy.inline_files[i]);
    }
    if (instruction->copy.from.text.len > 0) {
        check_origin(lint, instruction->copy.from);
    }
}

/* ---- EXPOSE -------------------------------------------------------------------------------------------- */

static void check_port(struct lint *lint, struct ast_word word, struct str port) {
    struct str protocol = port, host;
    str_split(&protocol, '/', &host);
    struct str lower = str_lower(lint->arena, protocol.data ? protocol : STR_EMPTY);
    if (str_find_byte(host, ':') != SIZE_MAX) {
        size_t colon = str_rfind_byte(host, ':');
        struct str inner = str_from(host, colon + 1);
        struct lint_finding *finding =
            lint_add(lint, LINT_EXPOSE_INVALID_FORMAT, word.span,
                     "EXPOSE instruction should not define an IP address or host-port mapping, "
                     "found '%.*s'",
                     STR_ARG(port));
        lint_hint(lint, finding,
                  "write %.*s: which address and port of the host it gets is decided "
                  "when the container is run",
                  STR_ARG(inner));
    }
    if (protocol.data && !str_equal(lower, protocol)) {
        size_t end = (size_t)(protocol.data - port.data);
        struct str fixed = str_copy(lint->arena, port); /* which may have a NUL */
        memcpy((char *)(uintptr_t)fixed.data + end, lower.data, lower.len);
        struct lint_finding *finding = lint_add(
            lint, LINT_EXPOSE_PROTO_CASING, word.span,
            "Defined protocol '%.*s' in EXPOSE instruction should be lowercase", STR_ARG(port));
        lint_hint(lint, finding, "write %.*s", STR_ARG(fixed));
        if (str_equal(word.text, port)) {
            lint_edit(lint, finding, word.span, fixed);
        }
    }
}

static void expose(struct lint *lint) {
    const struct instruction *instruction = lint->instruction;
    for (size_t i = 0; i < instruction->word_count; i++) {
        struct str *ports;
        size_t count;
        bool is_certain;
        if (!lint_expand_words(lint, instruction->words[i], &ports, &count, &is_certain) ||
            !is_certain) {
            continue;
        }
        for (size_t j = 0; j < count; j++) {
            check_port(lint, instruction->words[i], ports[j]);
            lint_check_value(lint, LINT_VALUE_PORT, instruction->words[i].span, ports[j]);
        }
    }
}

/* ---- the rest ------------------------------------------------------------------------------------------ */

static void words(struct lint *lint) {
    for (size_t i = 0; i < lint->instruction->word_count; i++) {
        expand_given(lint, lint->instruction->words[i]);
    }
}

static void workdir(struct lint *lint) {
    struct ast_word word = lint->instruction->words[0];
    struct lint_value path;
    bool is_first = !lint->stage->scope.has_workdir;
    lint->stage->scope.has_workdir = true;
    if (!lint_expand(lint, word, &path) || !is_first || !path.is_certain ||
        str_has_prefix(path.text, STR("/"))) {
        return;
    }
    struct lint_finding *finding =
        lint_add(lint, LINT_WORKDIR_RELATIVE_PATH, word.span,
                 "Relative workdir %s can have unexpected results if the base image changes",
                 lint_quote(lint, path.text));
    lint_hint(lint, finding, "write WORKDIR /%.*s if that is meant", STR_ARG(path.text));
}

static void stop_signal(struct lint *lint) {
    struct ast_word word = lint->instruction->words[0];
    struct lint_value signal;
    if (lint_expand(lint, word, &signal) && signal.is_certain) {
        lint_check_value(lint, LINT_VALUE_SIGNAL, word.span, signal.text);
    }
}

static void check_mount(struct lint *lint, const struct ast_mount *mount) {
    const struct lint_world *world = &lint->options->world;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct str *values = arena_array(lint->arena, mount->count, sizeof(*values));
    bool is_certain = true;
    for (size_t i = 0; i < mount->count; i++) {
        struct ast_word word = mount->options[i].value;
        struct lint_value value = { word.text, true };
        if (word.text.len > 0 && !str_equal_c(mount->options[i].key.text, "from")) {
            lint_expand(lint, word, &value);
        }
        values[i] = value.text;
        is_certain = is_certain && value.is_certain;
    }
    if (is_certain && world->mount && world->mount(world->context, mount, values, &error) < 0) {
        lint_fail(lint, mount->span, &error);
    }
}

static void run(struct lint *lint) {
    for (size_t i = 0; i < lint->instruction->run.mount_count; i++) {
        check_mount(lint, &lint->instruction->run.mounts[i]);
    }
}

void lint_instruction(struct lint *lint) {
    switch (lint->instruction->kind) {
    case INSTRUCTION_ARG:
        argument(lint);
        break;
    case INSTRUCTION_ENV:
    case INSTRUCTION_LABEL:
        pairs(lint);
        break;
    case INSTRUCTION_ADD:
    case INSTRUCTION_COPY:
        copy(lint);
        break;
    case INSTRUCTION_CMD:
        check_only(lint, &lint->stage->cmd);
        check_json(lint);
        break;
    case INSTRUCTION_ENTRYPOINT:
        check_only(lint, &lint->stage->entrypoint);
        check_json(lint);
        lint->stage->scope.has_entrypoint = true;
        break;
    case INSTRUCTION_HEALTHCHECK:
        check_only(lint, &lint->stage->healthcheck);
        break;
    case INSTRUCTION_EXPOSE:
        expose(lint);
        break;
    case INSTRUCTION_RUN:
        run(lint);
        break;
    case INSTRUCTION_SHELL:
        lint->stage->scope.has_shell = true;
        break;
    case INSTRUCTION_STOPSIGNAL:
        stop_signal(lint);
        break;
    case INSTRUCTION_USER:
    case INSTRUCTION_VOLUME:
        words(lint);
        break;
    case INSTRUCTION_WORKDIR:
        workdir(lint);
        break;
    default:
        break;
    }
}
