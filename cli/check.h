/* check: `bud check` and `bud build --check`: what a Dockerfile says wrong, and what it had better not say.
 *
 * check.c finds the files and looks at each, check_world.c knows the images of the store, check_print.c and check_json.c
 * print, check_fix.c rewrites. Private to cli/. */
#ifndef BUD_CLI_CHECK_H
#define BUD_CLI_CHECK_H

#include "base/json.h"
#include "base/map.h"
#include "cli/command.h"
#include "parser/lint.h"
#include "store/image.h"

/* What lint asks. Images are read when the first FROM names one, and once only; without a store none is known. */
struct check_world {
    const struct invocation *invocation;
    struct arena *scratch;   /* of the file that is looked at */
    const struct tree *tree; /* its context, borrowed; NULL: there is none */
    struct arena arena;
    struct store *store;
    bool is_open; /* or was tried in vain */
    struct image_list images;
    struct map bases; /* name -> struct lint_base, or NULL: not known */
};

struct lint_world check_world_of(struct check_world *world);
void check_world_free(struct check_world *world);
/* For a build, which has read the images: IMAGE as lint wants it. */
struct image_config;
void check_base_of(const struct image_config *config, struct arena *arena, struct lint_base *out);
bool check_is_reference(void *context, struct str text);
/* What the command line of a build says to lint. Values without a text come from the environment. */
struct plan_request;
void check_options_of(const struct plan_request *request, struct arena *arena,
                      struct lint_options *out);
/* Parses TEXT as --platform does. CONTEXT is the arena. */
bool check_parse_platform(void *context, struct str text, struct lint_platform *out);

struct check_file {
    const char *name; /* for messages */
    const char *path; /* NULL: standard input */
    struct str source;
    const struct dockerfile *dockerfile; /* NULL: it does not parse */
    struct lint_report report;           /* its error has those of the parser, too */
    size_t fixed; /* findings that are no longer there, told on standard error */
};

enum check_format { CHECK_TEXT, CHECK_JSON, CHECK_SARIF };

/* What was found in all files, as it is printed. */
struct check_output {
    enum check_format format;
    bool is_coloured;
    int descriptor;
    struct buf text;
    json_t *results; /* JSON and SARIF: an array */
    size_t files, errors, warnings, fixable, fixed;
};

int check_output_add(struct check_output *output, const struct check_file *file,
                     struct error *error);
/* Prints what is left. ERROR_EXIT with status 1 and the numbers as its message when anything was found. */
int check_output_finish(struct check_output *output, struct error *error);
void check_output_free(struct check_output *output);

/* ---- check_json.c ---- */
void check_json_add(struct check_output *output, const struct check_file *file);
void check_json_finish(struct check_output *output);

/* The place of SPAN in a file, found by an index of its lines. Nothing in it is owned. */
struct check_lines {
    const struct check_file *file;
    uint32_t *starts;
    size_t count;
};
void check_lines_make(struct check_lines *lines, const struct check_file *file);
void check_lines_free(struct check_lines *lines);
struct error_place check_place(const struct check_lines *lines, struct span span);

/* ---- check_fix.c ---- */
struct check_run; /* in check.c */
/* Looks at SOURCE: fills FILE. */
void check_look(struct check_run *run, struct str source, struct check_file *file);
struct check_fixing {
    bool is_diff; /* show, do not write */
    bool is_coloured;
};
/* Makes all fixes that are safe, in rounds until there is none left; FILE becomes the result. */
int check_fix(struct check_run *run, const struct check_fixing *fixing, struct check_file *file,
              struct arena *arena, struct error *error);

/* ---- for `bud build` ---- */
/* --check: looks at the Dockerfile that would be built, in every stage when there is no --target. */
int check_before_build(struct invocation *invocation, struct error *error);

#endif
