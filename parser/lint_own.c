/* lint_own: rules that are not BuildKit's. Each is about something that bites, and says nothing where it is not certain. */
#include "base/remote.h"
#include "parser/lint_scan.h"
#include "parser/lint_state.h"
#include "parser/words.h"

/* ---- JSON that is none --------------------------------------------------------------------------------- */

/* HEALTHCHECK has a command behind other words. */
static struct ast_word arguments_of(const struct instruction *instruction) {
    if (instruction->kind == INSTRUCTION_HEALTHCHECK &&
        instruction->healthcheck.command_count > 0) {
        return instruction->healthcheck.command[0];
    }
    return (struct ast_word){
        .text = instruction->arguments,
        .span =
            instruction->word_count > 0 ? instruction->words[0].span : instruction->keyword.span,
    };
}

const char *lint_json_hint(const struct instruction *instruction) {
    struct str text = arguments_of(instruction).text;
    if (instruction->is_json || !lint_is_json_like(text)) {
        return NULL;
    }
    return str_find_byte(text, '\'') != SIZE_MAX
               ? "write the strings in double quotes"
               : "strings in double quotes, a comma between them, nothing behind the `]`";
}

static void check_json(struct lint *lint) {
    const struct instruction *instruction = lint->instruction;
    const char *hint = lint_json_hint(instruction);
    if (!hint || lint_is_json_recommended(lint)) {
        return; /* or told already */
    }
    struct lint_finding *finding = lint_add(
        lint, LINT_MALFORMED_JSON, arguments_of(instruction).span,
        "The arguments of %.*s look like a JSON array but are none, and are taken as plain "
        "text",
        STR_ARG(instruction->keyword.text));
    lint_hint(lint, finding, "%s", hint);
}

/* ---- ADD ----------------------------------------------------------------------------------------------- */

static bool has_add_flag(const struct instruction *add) {
    return add->copy.checksum.text.len > 0 || add->copy.has_keep_git_dir || add->copy.has_unpack;
}

/* The file itself decides where there is one. */
static enum lint_file look_at(const struct lint *lint, struct str source, bool *is_seen) {
    const struct lint_world *world = &lint->options->world;
    enum lint_file file = world->file ? world->file(world->context, source) : LINT_FILE_UNKNOWN;
    *is_seen = *is_seen && file != LINT_FILE_UNKNOWN;
    return file != LINT_FILE_UNKNOWN ? file : lint_file_of(source);
}

static void check_add(struct lint *lint) {
    const struct instruction *add = lint->instruction;
    bool is_seen = true;
    if (add->copy.source_count == 0 || has_add_flag(add) ||
        !lint_is_wanted(lint, LINT_ADD_OF_PLAIN_FILE)) {
        return;
    }
    for (size_t i = 0; i < add->copy.source_count; i++) {
        struct str source = add->copy.sources[i].text;
        if (remote_kind_of(source) != REMOTE_NONE || !words_is_plain(source)) {
            return;
        }
        enum lint_file file = look_at(lint, source, &is_seen);
        if (file != LINT_FILE_PLAIN && file != LINT_FILE_DIRECTORY) {
            return;
        }
    }
    struct lint_finding *finding =
        lint_add(lint, LINT_ADD_OF_PLAIN_FILE, add->keyword.span,
                 "ADD of what is no archive and no URL does what COPY does");
    lint_hint(lint, finding, "write COPY: it cannot unpack or download by surprise");
    if (is_seen) {
        bool is_lower = add->keyword.text.data[0] == 'a';
        lint_edit(lint, finding, add->keyword.span, is_lower ? STR("copy") : STR("COPY"));
    }
}

/* ---- RUN ----------------------------------------------------------------------------------------------- */

/* [VARIABLE=VALUE]... apt-get [OPTION]... update [OPTION]..., and nothing else. */
static bool is_only_update(struct str script) {
    struct scan scan = scan_of(script);
    struct str token;
    bool has_program = false, has_update = false;
    for (;;) {
        switch (lint_shell_next(&scan, &token)) {
        case LINT_SHELL_END:
            return has_update;
        case LINT_SHELL_SPACE:
            break;
        case LINT_SHELL_WORD:
            if (!has_program) {
                has_program = str_equal_c(token, "apt-get") || str_equal_c(token, "apt");
                if (!has_program && str_find_byte(token, '=') == SIZE_MAX) {
                    return false;
                }
            } else if (token.data[0] != '-') {
                if (has_update || !str_equal_c(token, "update")) {
                    return false;
                }
                has_update = true;
            }
            break;
        default:
            return false;
        }
    }
}

static void check_update(struct lint *lint, struct str script) {
    if (lint->instruction->run.mount_count > 0 || !is_only_update(script)) {
        return;
    }
    struct lint_finding *finding =
        lint_add(lint, LINT_APT_GET_UPDATE_ALONE, lint->instruction->words[0].span,
                 "The package lists of this RUN are cached for good: a later `install` finds old "
                 "ones");
    lint_hint(lint, finding,
              "write RUN apt-get update && apt-get install -y PACKAGE && rm -rf "
              "/var/lib/apt/lists/*");
}

/* The directory of the last command when that is `cd DIRECTORY`. */
static bool ends_with_cd(struct str script, struct str *directory) {
    struct scan scan = scan_of(script);
    struct str token;
    size_t words = 0;
    bool is_cd = false;
    *directory = STR_EMPTY;
    for (;;) {
        switch (lint_shell_next(&scan, &token)) {
        case LINT_SHELL_END:
            return is_cd && directory->len > 0;
        case LINT_SHELL_SPACE:
            words += words == 1 && is_cd;
            break;
        case LINT_SHELL_SEPARATOR:
            words = 0;
            is_cd = false;
            *directory = STR_EMPTY;
            break;
        case LINT_SHELL_WORD:
        case LINT_SHELL_VARIABLE:
            if (words == 0) {
                is_cd = str_equal_c(token, "cd");
                words = 1;
            } else if (is_cd && words == 2 &&
                       (directory->len == 0 || directory->data + directory->len == token.data)) {
                directory->data = directory->len == 0 ? token.data : directory->data;
                directory->len += token.len;
            } else {
                is_cd = false;
            }
            break;
        case LINT_SHELL_OTHER:
            if (token.data[0] == '#') {
                return false; /* what follows may be a comment */
            }
            words = 1;
            is_cd = false;
            break;
        }
    }
}

static void check_cd(struct lint *lint, struct str script) {
    struct str directory;
    if (!ends_with_cd(script, &directory)) {
        return;
    }
    struct span span = lint->instruction->words[0].span;
    struct lint_finding *finding =
        lint_add(lint, LINT_CD_AT_END_OF_RUN, span,
                 "The `cd` at the end of this RUN has no effect: every instruction begins in the "
                 "WORKDIR");
    lint_hint(lint, finding, "write WORKDIR %.*s after it", STR_ARG(directory));
}

void lint_own(struct lint *lint) {
    const struct instruction *instruction = lint->instruction;
    switch (instruction->kind) {
    case INSTRUCTION_RUN:
    case INSTRUCTION_CMD:
    case INSTRUCTION_ENTRYPOINT:
    case INSTRUCTION_HEALTHCHECK:
    case INSTRUCTION_ADD:
    case INSTRUCTION_COPY:
    case INSTRUCTION_VOLUME:
        check_json(lint);
        break;
    default:
        return;
    }
    if (!lint->options->has_own_rules) {
        return;
    }
    if (instruction->kind == INSTRUCTION_ADD) {
        check_add(lint);
    }
    bool is_script = instruction->kind == INSTRUCTION_RUN && !instruction->is_json &&
                     instruction->heredoc_count == 0 && instruction->word_count == 1;
    if (is_script && !lint->stage->scope.has_shell) {
        check_update(lint, instruction->words[0].text);
        check_cd(lint, instruction->words[0].text);
    }
}
