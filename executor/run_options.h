/* run_options: what the command line asks of every RUN, as parts of its bundle. */
#ifndef BUD_EXECUTOR_RUN_OPTIONS_H
#define BUD_EXECUTOR_RUN_OPTIONS_H

#include "executor/bundle.h"
#include "planner/plan.h"

/* Capabilities, seccomp (a new reference in BUNDLE), no_new_privs, AppArmor. ERROR_USAGE for what makes no sense,
 * ERROR_UNSUPPORTED for what bud does not know, ERROR_FAILED for capabilities that bud does not have. */
int run_options_security(const struct run_options *options, struct bundle *bundle,
                         struct error *error);
/* --ulimit, in ARENA. */
int run_options_limits(const struct run_options *options, struct arena *arena,
                       struct bundle *bundle, struct error *error);
/* Would a RUN find fault with them? For the beginning of a build: the first RUN may come late, or never. */
int run_options_check(const struct run_options *options, struct error *error);

#endif
