#include "parser/ast.h"

const char *instruction_name(enum instruction_kind kind) {
    static const char *const names[INSTRUCTION_COUNT] = {
        [INSTRUCTION_UNKNOWN] = "unknown instruction",
        [INSTRUCTION_ADD] = "ADD",
        [INSTRUCTION_ARG] = "ARG",
        [INSTRUCTION_CMD] = "CMD",
        [INSTRUCTION_COPY] = "COPY",
        [INSTRUCTION_ENTRYPOINT] = "ENTRYPOINT",
        [INSTRUCTION_ENV] = "ENV",
        [INSTRUCTION_EXPOSE] = "EXPOSE",
        [INSTRUCTION_FROM] = "FROM",
        [INSTRUCTION_HEALTHCHECK] = "HEALTHCHECK",
        [INSTRUCTION_LABEL] = "LABEL",
        [INSTRUCTION_MAINTAINER] = "MAINTAINER",
        [INSTRUCTION_ONBUILD] = "ONBUILD",
        [INSTRUCTION_RUN] = "RUN",
        [INSTRUCTION_SHELL] = "SHELL",
        [INSTRUCTION_STOPSIGNAL] = "STOPSIGNAL",
        [INSTRUCTION_USER] = "USER",
        [INSTRUCTION_VOLUME] = "VOLUME",
        [INSTRUCTION_WORKDIR] = "WORKDIR",
    };
    return names[kind];
}

static bool next_of_mounts(struct ast_origins *origins, struct ast_word *name) {
    const struct instruction *run = origins->instruction;
    for (; origins->mount < run->run.mount_count; origins->mount++, origins->option = 0) {
        const struct ast_mount *mount = &run->run.mounts[origins->mount];
        while (origins->option < mount->count) {
            const struct ast_mount_option *option = &mount->options[origins->option++];
            if (str_equal_c(option->key.text, "from") && option->value.text.len > 0) {
                *name = option->value;
                return true;
            }
        }
    }
    return false;
}

bool ast_origins_next(struct ast_origins *origins, struct ast_word *name) {
    const struct instruction *instruction = origins->instruction;
    if (instruction->kind == INSTRUCTION_RUN) {
        return next_of_mounts(origins, name);
    }
    if (instruction->kind != INSTRUCTION_COPY || instruction->copy.from.text.len == 0 ||
        origins->option > 0) {
        return false;
    }
    origins->option = 1;
    *name = instruction->copy.from;
    return true;
}
