/* command: the commands, as a table, and what each one is given.
 *
 * A command is one file: its option table and its run function. Everything runs on the main thread until a build starts
 * its own. */
#ifndef BUD_CLI_COMMAND_H
#define BUD_CLI_COMMAND_H

#include "cli/option.h"
#include "store/store.h"

struct command;

struct invocation {
    const char *program; /* "bud", or "buildah" when called by that name */
    const struct command *command;
    struct options options; /* the command's and the global ones */
    struct arena *arena;    /* lives until the program ends */
};

/* A further table of options, shown under a heading of its own. */
struct option_group {
    const char *heading;
    const struct option_spec *options;
};

struct command {
    const char *name;
    const char *const *aliases;        /* NULL-terminated, or NULL */
    const char *arguments;             /* for the usage line: "[OPTION…] NAME…" */
    const char *summary;               /* one line, no full stop */
    const char *description;           /* paragraphs separated by empty lines, unwrapped */
    const char *examples;              /* one command a line, or NULL */
    const struct option_group *groups; /* ends with heading NULL; may be NULL */
    bool takes_build_options;  /* beside its own, but only the help of build tells of them */
    unsigned minimum, maximum; /* how many arguments; UINT_MAX: any */
    int (*run)(struct invocation *invocation, struct error *error);
};

extern const struct command command_build, command_plan, command_context, command_check,
    command_targets, command_args, command_fmt, command_ast, command_images, command_tag,
    command_rmi, command_inspect, command_history, command_import, command_cache, command_info,
    command_version, command_help;

/* NULL-terminated, in the order of the overview. */
extern const struct command *const commands[];
extern const struct option_spec global_options[];
/* What commands with takes_build_options take; ends with heading NULL. */
extern const struct option_group shared_groups[];

/* By name or alias, or NULL. */
const struct command *command_find(const char *word);
/* What may have been meant by WORD, which is no command, as the hint of ERROR: one whose name is near, or how Podman does what
 * bud does not. False: nothing is known. */
bool command_suggest(const char *word, struct error *error);
/* The command's option tables and the global one, NULL-terminated, in ARENA. */
const struct option_spec *const *command_tables(const struct command *command, struct arena *arena);
/* Finds the command in ARGV, parses and runs it. PROGRAM is the base name of argv[0]. */
int command_run(const char *program, const char *const *words, struct arena *arena,
                struct error *error);

enum namespace_use {
    NAMESPACE_FOR_TABLES, /* only the store's tables: any user can have those of his own */
    NAMESPACE_FOR_FILES,  /* also the files in it, which belong to many users */
};
/* Opens the store of the global options, in a user namespace where USE and the user want it. */
int invocation_open_store(const struct invocation *invocation, enum store_access access,
                          enum namespace_use use, struct store **out, struct error *error);

/* RUN with that store, which is closed afterwards: what most commands are. */
int invocation_with_store(const struct invocation *invocation, enum store_access access,
                          enum namespace_use use,
                          int (*run)(const struct invocation *invocation, struct store *store,
                                     struct error *error),
                          struct error *error);

/* All of TEXT to standard output; nothing for an empty text. */
int output_write(const struct buf *text, struct error *error);
bool output_is_coloured(int descriptor); /* a terminal that can, and NO_COLOR is not set */

#endif
