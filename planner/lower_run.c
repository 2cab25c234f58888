#include "base/fs.h"
#include "parser/heredoc.h"
#include "planner/history.h"
#include "planner/lower.h"

#include <stdlib.h>

/* The script of a shell-form RUN, with its heredocs. */
static struct str shell_script(struct lowering *lowering, struct step_exec *exec) {
    const struct instruction *instruction = lowering->instruction;
    struct arena *arena = lowering->arena;
    struct str text = instruction->word_count > 0 ? instruction->words[0].text : STR_EMPTY;
    if (instruction->heredoc_count == 0) {
        return text;
    }
    if (!heredoc_is_whole_script(instruction)) {
        return heredoc_append_bodies(text, instruction, arena);
    }
    const struct ast_heredoc *heredoc = &instruction->heredocs[0];
    struct str body = heredoc_content(heredoc, arena);
    if (str_has_prefix(body, STR("#!"))) {
        exec->script = body;
        exec->script_name = heredoc->name;
        return str_printf(arena, "/dev/pipes/%.*s", STR_ARG(heredoc->name));
    }
    return body;
}

static int check_script_name(const struct lowering *lowering, const struct step_exec *exec,
                             struct error *error) {
    struct str name = exec->script_name;
    if (exec->script.len == 0 || (str_find_byte(name, '/') == SIZE_MAX && !str_equal_c(name, ".") &&
                                  !str_equal_c(name, "..") && name.len < 256)) {
        return 0;
    }
    error_set(error, ERROR_INPUT, "the heredoc delimiter %.*s cannot be a file name",
              STR_ARG(name));
    error_hint(error, "a script that begins with #! is kept in a file called like its delimiter; "
                      "choose a plain word such as EOF");
    return lower_error_at(lowering, lowering->instruction->heredocs[0].span, error);
}

/* What the process sees: the scope in order, then proxies nobody declared. */
static void make_environment(struct lowering *lowering, struct step_exec *exec) {
    struct arena *arena = lowering->arena;
    const struct scope *scope = &lowering->scope;
    for (size_t i = 0; i < scope->env.count; i++) {
        const struct scope_variable *variable = &scope->env.items[i];
        str_list_push(
            &exec->env, arena,
            str_printf(arena, "%.*s=%.*s", STR_ARG(variable->name), STR_ARG(variable->value)));
        if (variable->is_argument) {
            str_list_push(&exec->arguments, arena, variable->name);
        }
    }
    exec->key_env_count = exec->env.count;
    const struct name_values *given = &lowering->planning->build_args;
    struct name_values proxies = { 0 };
    for (size_t i = 0; i < given->count; i++) {
        if (scope_is_proxy(given->items[i].name)) { /* in both cases, as BuildKit sets them */
            char *upper = str_dup(arena, given->items[i].name);
            for (char *c = upper; *c; c++) {
                *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
            }
            name_values_set(&proxies, arena, str_of(upper), given->items[i].value);
            name_values_set(&proxies, arena, str_lower(arena, str_of(upper)),
                            given->items[i].value);
        }
    }
    for (size_t i = 0; i < proxies.count; i++) {
        if (!scope_get(scope, proxies.items[i].name)) {
            str_list_push(&exec->env, arena,
                          str_printf(arena, "%.*s=%.*s", STR_ARG(proxies.items[i].name),
                                     STR_ARG(proxies.items[i].value)));
        }
    }
}

static int set_confinement(struct lowering *lowering, struct step_exec *exec, struct error *error) {
    const struct instruction *instruction = lowering->instruction;
    exec->network = lowering->planning->request->run.network;
    if (str_equal_c(instruction->run.network.text, "none")) {
        exec->network = NETWORK_NONE;
    } else if (str_equal_c(instruction->run.network.text, "host")) {
        exec->network = NETWORK_HOST;
    }
    if (str_equal_c(instruction->run.security.text, "insecure")) {
        error_set(error, ERROR_UNSUPPORTED,
                  "RUN --security=insecure needs a grant that this build does not have");
        error_hint(error, "remove the flag; single capabilities can be given with --cap-add");
        return lower_error_at(lowering, instruction->run.security.span, error);
    }
    if (instruction->run.device_count > 0) {
        error_set(error, ERROR_UNSUPPORTED, "RUN --device is not supported");
        error_hint(error, "remove the flag; devices cannot be given to a RUN");
        return lower_error_at(lowering, instruction->run.devices[0].span, error);
    }
    return 0;
}

int lower_run(struct lowering *lowering, struct error *error) {
    const struct instruction *instruction = lowering->instruction;
    struct step *step = lower_new_step(lowering, STEP_EXEC, lower_text(lowering));
    struct step_exec *exec = &step->exec;
    if (instruction->is_json) {
        for (size_t i = 0; i < instruction->word_count; i++) {
            str_list_push(&exec->argv, lowering->arena, instruction->words[i].text);
        }
        if (exec->argv.count == 0) {
            error_set(error, ERROR_INPUT, "arguments are required");
            return lower_error_at(lowering, instruction->span, error);
        }
    } else {
        exec->argv = lower_shell(lowering);
        str_list_push(&exec->argv, lowering->arena, shell_script(lowering, exec));
        if (check_script_name(lowering, exec, error)) {
            return -1;
        }
        if (str_find_byte(exec->argv.items[exec->argv.count - 1], '\0') != SIZE_MAX) {
            error_set(error, ERROR_INPUT, "the heredoc has a NUL byte");
            error_hint(error, "remove it: the shell takes a script without NUL only");
            return lower_error_at(lowering, instruction->span, error);
        }
    }
    make_environment(lowering, exec);
    exec->cwd = lower_directory(lowering);
    if (exec->cwd.data[0] != '/') {
        exec->cwd = path_join(lowering->arena, STR("/"), exec->cwd);
    }
    exec->user = lowering->config->user;
    exec->command = instruction->arguments;
    if (set_confinement(lowering, exec, error) || lower_mounts(lowering, step, error)) {
        return -1;
    }
    lower_finish_step(lowering, step, history_run(lowering->arena, &lowering->scope, &exec->argv));
    return 0;
}
