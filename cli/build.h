/* build: what the command line asks `bud build` and `bud plan` to do. */
#ifndef BUD_CLI_BUILD_H
#define BUD_CLI_BUILD_H

#include "cli/command.h"
#include "cli/remote_context.h"
#include "planner/planner.h"

/* The options of `bud build` that other commands take as well (shared_groups). */
extern const struct option_spec build_options[];   /* what goes into the image */
extern const struct option_spec running_options[]; /* how RUN runs */
extern const struct option_spec
    undone_options[]; /* Buildah's and Docker's, not done yet or true anyway */

struct build_request {
    struct plan_request plan;
    const char **names; /* full references of --tag, NULL-terminated */
    struct str source;  /* the Dockerfile's text, in the invocation's arena */
    struct remote_contexts remote;
};

/* Checks the options, fetches contexts that are elsewhere (into the store, opened for ACCESS), reads and parses the
 * Dockerfile. IMAGE_FORMAT is "oci" or "docker". Everything lives in the invocation's arena, but end OUT in any case.
 * ERROR_USAGE and ERROR_UNSUPPORTED for options; ERROR_NOT_FOUND without a Dockerfile or context; ERROR_INPUT for what is in
 * it. */
int build_request_read(const struct invocation *invocation, const char *image_format,
                       enum store_access access, struct build_request *out, struct error *error);
void build_request_end(struct build_request *request);

/* The same without a look at the Dockerfile and the context. */
int build_request_read_options(const struct invocation *invocation, const char *image_format,
                               struct build_request *out, struct error *error);

/* --secret, into RUN: they are read, so that all that is wrong with them is said before anything runs. ERROR_USAGE;
 * ERROR_NOT_FOUND without the variable, the system's error without the file, ERROR_INPUT when one is too large. */
int build_secrets_read(const struct options *options, struct arena *arena, struct run_options *run,
                       struct error *error);

/* Finds and reads the Dockerfile of --file FILE (NULL: the context's own) for CONTEXT: *path is NULL for standard input,
 * *name what messages call it. */
int build_file_read(const char *file, const char *context, struct arena *arena, const char **path,
                    const char **name, struct str *text, struct error *error);
/* The same for the context of PLAN, which was fetched: whatever is in it is somebody else's, so no link leads out of it, and
 * only it is looked into. */
int build_file_read_fetched(const char *file, const struct plan_request *plan,
                            const struct remote_contexts *remote, struct arena *arena,
                            const char **path, const char **name, struct str *text,
                            struct error *error);
/* ERROR_UNSUPPORTED without a hint, and without credentials, when FILE is elsewhere and no path. */
int build_file_check_local(const char *file, struct arena *arena, struct error *error);
/* For a command whose table has file_options and whose argument is a Dockerfile or a context: finds it by either. */
extern const struct option_spec file_options[];
int build_file_argument(const struct invocation *invocation, const char **name, struct str *text,
                        struct error *error);
/* Is TEXT a directory that can be a context? Not for what remote_contexts_fetch() knows. */
int build_context_check(const char *text, struct error *error);

#endif
