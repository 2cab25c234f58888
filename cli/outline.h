/* outline: what a Dockerfile offers, printed. */
#ifndef BUD_CLI_OUTLINE_H
#define BUD_CLI_OUTLINE_H

#include "cli/build.h"
#include "planner/outline.h"

/* The stages, as a table or, like BuildKit's `targets`, as JSON. */
int outline_print_targets(const struct outline *outline, bool is_json, struct arena *arena,
                          struct error *error);
/* Arguments, secrets and ssh agents of the target, as a table or, like BuildKit's `outline`, as JSON. */
int outline_print_arguments(const struct outline *outline, bool is_json, struct arena *arena,
                            struct error *error);
/* `bud build --call=targets` and, otherwise, `--call=outline`: the tables for REQUEST. */
int outline_call(const struct plan_request *request, bool is_targets, struct arena *arena,
                 struct error *error);

#endif
