#include "cli/command.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/remote.h"
#include "cli/help.h"
#include "cli/userns.h"

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

const struct command *const commands[] = {
    &command_build,
    &command_plan,
    &command_context,
    &command_check,
    &command_targets,
    &command_args,
    &command_fmt,
    &command_ast,
    &command_images,
    &command_tag,
    &command_rmi,
    &command_inspect,
    &command_history,
    &command_import,
    &command_cache,
    &command_info,
    &command_version,
    &command_help,
    NULL,
};

const struct option_spec global_options[] = {
    { .name = "root",
      .kind = OPTION_TEXT,
      .value = "DIRECTORY",
      .help = "where images are stored" },
    { .name = "runroot",
      .kind = OPTION_TEXT,
      .value = "DIRECTORY",
      .help = "where the state of what is running is kept" },
    { .name = "storage-driver",
      .kind = OPTION_TEXT,
      .value = "NAME",
      .help = "overlay or vfs; default: as storage.conf says" },
    { .name = "storage-opt",
      .kind = OPTION_SET,
      .value = "KEY=VALUE",
      .help = "an option of the storage driver" },
    { .name = "log-level",
      .kind = OPTION_TEXT,
      .value = "LEVEL",
      .help = "debug, info, warn (default) or error" },
    { .name = "cgroup-manager",
      .kind = OPTION_TEXT,
      .value = "MANAGER",
      .only = "cgroupfs",
      .undone = "systemd",
      .help = "cgroupfs (default)" },
    { .name = "registries-conf", .kind = OPTION_TEXT, .value = "FILE", .only = "", .help = "" },
    { .name = "registries-conf-dir",
      .kind = OPTION_TEXT,
      .value = "DIRECTORY",
      .only = "",
      .help = "" },
    { .name = "short-name-alias-conf",
      .kind = OPTION_TEXT,
      .value = "FILE",
      .only = "",
      .help = "" },
    { .name = NULL },
};

const struct command *command_find(const char *word) {
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (strcmp(commands[i]->name, word) == 0) {
            return commands[i];
        }
        const char *const *alias = commands[i]->aliases;
        for (; alias != NULL && *alias != NULL; alias++) {
            if (strcmp(*alias, word) == 0) {
                return commands[i];
            }
        }
    }
    return NULL;
}

static const char *nearest_command(const char *word) {
    const char *names[sizeof(commands) / sizeof(commands[0])];
    size_t count = 0;
    for (; commands[count] != NULL; count++) {
        names[count] = commands[count]->name;
    }
    /* Anything of two letters is within distance 2 of something; a path is no command. */
    return strlen(word) < 3 || strchr(word, '/') != NULL ? NULL
                                                         : str_nearest(str_of(word), names, count);
}

bool command_suggest(const char *word, struct error *error) {
    static const struct {
        const char *word, *instead;
    } foreign[] = {
        { "pull", "`podman pull NAME` fetches it into the same store" },
        { "push", "`podman push NAME` sends it: the images are in Podman's store" },
        { "login", "registries are asked by `podman login`, `podman pull` and `podman push`" },
        { "logout", "registries are asked by `podman logout`, `podman pull` and `podman push`" },
        { "run", "`podman run NAME` starts it: the images are in Podman's store" },
        { "save", "`podman save NAME` writes it: the images are in Podman's store" },
        { "load", "`podman load` takes it into the same store" },
        { "manifest", "`podman manifest` makes lists of images of the same store" },
        { "buildx", "it is `bud build`" },
        { "builder", "there is none to look after: see `bud cache`" },
        { "prune", "`bud cache prune` makes the cache smaller, `bud rmi --prune` removes images "
                   "without a name" },
        { "system", "`bud info` and `bud cache du` tell of the store, `bud cache prune` makes it "
                    "smaller" },
    };
    for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++) {
        if (strcmp(foreign[i].word, word) == 0) {
            bool is_said = error->message && strstr(error->message, "no command") != NULL;
            error_hint(error, "%s%s%s%s", is_said ? "" : "bud has no command `",
                       is_said ? "" : word, is_said ? "" : "`; ", foreign[i].instead);
            return true;
        }
    }
    const char *nearest = nearest_command(word);
    if (nearest) {
        error_hint(error, "did you mean the command `%s`?", nearest);
    }
    return nearest != NULL;
}

static size_t add_tables(const struct option_group *group, const struct option_spec **tables) {
    size_t count = 0;
    for (; group && group->heading; group++, count++) {
        if (tables) {
            tables[count] = group->options;
        }
    }
    return count;
}

const struct option_spec *const *command_tables(const struct command *command,
                                                struct arena *arena) {
    const struct option_group *shared = command->takes_build_options ? shared_groups : NULL;
    size_t count = add_tables(command->groups, NULL), all = count + add_tables(shared, NULL);
    const struct option_spec **tables = arena_array(arena, all + 2, sizeof(*tables));
    add_tables(command->groups, tables);
    add_tables(shared, tables + count);
    tables[all] = global_options;
    return tables;
}

/* `bud push x`: not a context and one argument too many, but a command that bud does not have. */
static int refuse_command(const struct invocation *invocation, struct error *error) {
    const char *word = invocation->options.arguments[0];
    error_set(error, ERROR_USAGE, "%s has no command `%s`", invocation->program, word);
    return command_suggest(word, error)
               ? -1
               : error_hint(error, "`%s help` lists the commands", invocation->program);
}

static int check_arguments(const struct invocation *invocation, bool is_named,
                           struct error *error) {
    const struct command *command = invocation->command;
    const struct options *options = &invocation->options;
    if (!is_named && options->argument_count > command->maximum &&
        remote_kind_of(str_of(options->arguments[0])) == REMOTE_NONE &&
        access(options->arguments[0], F_OK) < 0) {
        return refuse_command(invocation, error);
    }
    if (options->argument_count < command->minimum) {
        error_set(error, ERROR_USAGE, "`%s %s` needs %s", invocation->program, command->name,
                  options->argument_count == 0 ? "an argument" : "one argument more");
    } else if (options->argument_count > command->maximum) {
        struct str extra =
            remote_shown(str_of(options->arguments[command->maximum]), invocation->arena);
        error_set(error, ERROR_USAGE, "`%s %s` takes %s: `%.*s` is too many", invocation->program,
                  command->name, command->maximum == 0 ? "no arguments" : "fewer arguments",
                  STR_ARG(extra));
    } else {
        return 0;
    }
    return error_hint(error, "usage: %s %s %s", invocation->program, command->name,
                      command->arguments);
}

/* `--root "$STORE"` with STORE unset must not mean the machine's own store. */
static int check_places(const struct options *options, struct error *error) {
    static const char *const names[] = { "root", "runroot" };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (option_text(options, names[i], "/")[0] == '\0') {
            error_set(error, ERROR_USAGE, "--%s is empty", names[i]);
            return error_hint(error, "give a directory, or leave it out for the usual one");
        }
    }
    return 0;
}

static int set_log_level(const struct options *options, struct error *error) {
    const char *text = option_text(options, "log-level", "warn");
    enum log_level level;
    if (!log_parse_level(text, &level)) {
        error_set(error, ERROR_USAGE, "--log-level: `%s` is no log level", text);
        return error_hint(error, "one of debug, info, warn, error");
    }
    log_set_level(level);
    return 0;
}

/* The command named by WORDS, taken out of the words; build when there is none (`bud -t x .`). IS_NAMED tells. */
static const struct command *take_command(const char **words, struct arena *arena, bool *is_named) {
    size_t index = options_first_argument(words, command_tables(&command_build, arena));
    const struct command *command = index == SIZE_MAX ? NULL : command_find(words[index]);
    /* After `--` everything is an argument. */
    for (size_t i = 0; command != NULL && i < index; i++) {
        command = strcmp(words[i], "--") == 0 ? NULL : command;
    }
    *is_named = command != NULL;
    if (command == NULL) {
        return &command_build;
    }
    for (size_t i = index; words[i] != NULL; i++) {
        words[i] = words[i + 1];
    }
    return command;
}

/* `bud --version`, global options before it or not: takes the word out. */
static bool take_version(const char **words, size_t count) {
    const struct option_spec *const tables[] = { global_options, NULL };
    if (count == 0 || strcmp(words[count - 1], "--version") != 0 ||
        options_first_argument(words, tables) != SIZE_MAX) {
        return false;
    }
    words[count - 1] = NULL;
    return true;
}

int command_run(const char *program, const char *const *given, struct arena *arena,
                struct error *error) {
    size_t count = 0;
    while (given[count] != NULL) {
        count++;
    }
    const char **words = arena_array(arena, count + 1, sizeof(*words));
    memcpy(words, given, count * sizeof(*words));

    bool is_named;
    struct invocation invocation = { .program = program, .arena = arena };
    invocation.command = take_command(words, arena, &is_named);
    _cleanup_buf_ struct buf out = BUF_INIT;
    if (count == 0) {
        help_overview(&out, program);
        return output_write(&out, error);
    }
    if (!is_named && take_version(words, count)) {
        invocation.command = &command_version;
    }
    const char *full_name = arena_printf(arena, "%s %s", program, invocation.command->name);
    const struct option_spec *const *tables = command_tables(invocation.command, arena);
    if (options_parse(words, tables, full_name, arena, &invocation.options, error) < 0) {
        return -1;
    }
    if (invocation.options.is_help) {
        if (is_named) {
            help_command(&out, program, invocation.command);
        } else {
            help_overview(&out, program);
        }
        return output_write(&out, error);
    }
    if (check_arguments(&invocation, is_named, error) < 0 ||
        check_places(&invocation.options, error) < 0 ||
        set_log_level(&invocation.options, error) < 0) {
        return -1;
    }
    return invocation.command->run(&invocation, error);
}

int invocation_open_store(const struct invocation *invocation, enum store_access access,
                          enum namespace_use use, struct store **out, struct error *error) {
    const struct options *options = &invocation->options;
    /* Root without its powers has the rootless store, as in Podman: the same one for every command. */
    if (userns_is_needed() && (use == NAMESPACE_FOR_FILES || geteuid() == 0) &&
        (access != STORE_READ || userns_is_possible()) && userns_enter(error) < 0) {
        return -1; /* of whom only reads, all files are his own when he has no other IDs */
    }
    struct store_options store = {
        .root = option_text(options, "root", NULL),
        .run_root = option_text(options, "runroot", NULL),
        .driver = option_text(options, "storage-driver", NULL),
    };
    if (option_is_given(options, "storage-opt")) {
        store.driver_options = option_items(options, "storage-opt");
    }
    return store_open(&store, access, out, error);
}

int invocation_with_store(const struct invocation *invocation, enum store_access access,
                          enum namespace_use use,
                          int (*run)(const struct invocation *invocation, struct store *store,
                                     struct error *error),
                          struct error *error) {
    struct store *store;
    if (invocation_open_store(invocation, access, use, &store, error) < 0) {
        return -1;
    }
    int result = run(invocation, store, error);
    store_close(store);
    return result;
}

int output_write(const struct buf *text, struct error *error) {
    if (text->len == 0) {
        return 0;
    }
    return fs_write_all(STDOUT_FILENO, "standard output", text->data, text->len, error);
}

bool output_is_coloured(int descriptor) {
    const char *no_colour = getenv("NO_COLOR"); /* https://no-color.org: any non-empty value */
    const char *terminal = getenv("TERM");
    return isatty(descriptor) && (no_colour == NULL || no_colour[0] == '\0') &&
           (terminal == NULL || strcmp(terminal, "dumb") != 0);
}
