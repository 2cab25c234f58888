/* build_lint: what BuildKit's checks say of a Dockerfile that is about to be built. */
#ifndef BUD_CLI_BUILD_LINT_H
#define BUD_CLI_BUILD_LINT_H

#include "parser/lint.h"
#include "planner/planner.h"

struct build_lint {
    struct arena arena;
    struct lint_report report;
};

/* Looks at the stages that are built; PLAN knows their images and the ignore file, so nothing is read. ERROR_INPUT when the
 * Dockerfile says `check=error=true` and there is something. Free LINT in any case. */
int build_lint_run(struct build_lint *lint, const struct plan_request *request,
                   const struct plan *plan, struct error *error);
/* One warning a finding. */
void build_lint_tell(const struct build_lint *lint);
void build_lint_free(struct build_lint *lint);

#endif
