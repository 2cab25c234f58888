/* option: what a command accepts, as a table.
 *
 * The table of a command is the only place that knows its options: parsing, `--help`, the man page and shell completion
 * are made from it. Options that Buildah or Docker have and bud does not do yet are in it too, so that using one is an
 * error that says so; no option is ever silently ignored.
 *
 * Words are read as Buildah's (pflag's) users expect: options and arguments mix, `--` ends the options, `--name value`,
 * `--name=value`, `-n value`, `-nvalue`, `-n=value`, flags as `--flag` or `--flag=false`; names are not abbreviated.
 * Parsing uses getopt_long and is for one thread. */
#ifndef BUD_CLI_OPTION_H
#define BUD_CLI_OPTION_H

#include "base/arena.h"
#include "base/error.h"

enum option_kind {
    OPTION_FLAG, /* true, false */
    OPTION_TEXT, /* the last one given counts */
    OPTION_UINT, /* a decimal number */
    OPTION_LIST, /* repeatable, one item each time */
    OPTION_SET,  /* repeatable, items separated by commas (pflag's string slices) */
};

struct option_spec {
    const char *name; /* NULL ends a table */
    char letter;      /* 0: none */
    enum option_kind kind;
    const char *value; /* what the help calls its value; flags: NULL */
    const char *help;  /* NULL: not shown, a synonym for another tool's scripts */
    const char *bare;  /* TEXT: the value of `--name` without one; NULL: a value is required */
    const char *only;  /* the values that are done, space-separated; NULL: all, "": none */
    const char
        *undone; /* further values other tools have, as glob(7) patterns; others are mistakes */
    const char
        *instead; /* what to do instead of what is not done yet: a sentence for the hint, or NULL */
    const char *
        elsewhere; /* not this command's, but one somebody may look for here: the hint of the error; or NULL */
    bool is_single; /* LIST: only to tell that it was given twice, which is not done yet */
    const char
        *environment; /* a variable that gives the value when the option is not there, or NULL */
};

/* The value of one option of the table. */
struct option_value {
    const struct option_spec *spec;
    bool is_given;      /* on the command line or in the environment */
    const char *source; /* "--name" or "VARIABLE in the environment", for messages */
    const char *text;
    const char **items; /* LIST and SET, NULL-terminated (never NULL) */
    size_t item_count, item_capacity;
};

struct options {
    struct arena *arena;
    struct option_value *values;
    size_t count;
    const char **arguments; /* the other words, NULL-terminated */
    size_t argument_count;
    bool is_help; /* --help or -h: the rest was not checked */
};

/* Reads WORDS (NULL-terminated, without the program and the command) by the NULL-terminated list of TABLES. Everything is
 * borrowed from WORDS or lives in ARENA. ERROR_USAGE (with the nearest name as a hint) for an unknown option or a
 * missing, malformed or unknown value, ERROR_UNSUPPORTED for what is not done yet. COMMAND is named in hints: "bud build". */
int options_parse(const char *const *words, const struct option_spec *const *tables,
                  const char *command, struct arena *arena, struct options *out,
                  struct error *error);
/* The index in WORDS of the first one that is neither an option nor the value of one, or SIZE_MAX. Options that are not
 * in TABLES are taken to have no separate value. */
size_t options_first_argument(const char *const *words, const struct option_spec *const *tables);

/* All of these abort when NAME is not in the tables. */
bool option_is_given(const struct options *options, const char *name);
bool option_flag(const struct options *options, const char *name, bool otherwise);
/* The value, or OTHERWISE. */
const char *option_text(const struct options *options, const char *name, const char *otherwise);
/* Was NAME given, and with that VALUE? */
bool option_is(const struct options *options, const char *name, const char *value);
uint64_t option_uint(const struct options *options, const char *name, uint64_t otherwise);
const char *const *option_items(const struct options *options, const char *name);
/* "--name", or the environment variable the value came from. */
const char *option_source(const struct options *options, const char *name);

#endif
