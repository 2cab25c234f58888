/* origin: what --from names, and why it cannot be that. Internal to this folder. */
#ifndef BUD_PLANNER_ORIGIN_H
#define BUD_PLANNER_ORIGIN_H

#include "planner/named_context.h"

enum origin_kind { ORIGIN_STAGE, ORIGIN_SCRATCH, ORIGIN_IMAGE, ORIGIN_DIRECTORY };

struct origin {
    enum origin_kind kind;
    struct stage_draft *draft;     /* ORIGIN_STAGE */
    struct named_context *context; /* that says so; NULL: the name itself is meant */
};

/* Y of `COPY --from=Y` or `RUN --mount=from=Y` in DRAFT. A stage that is not before DRAFT is refused: with the whole cycle
 * when there is one. Errors have the place SPAN. */
int origin_find(struct planning *planning, const struct stage_draft *draft, struct str text,
                bool is_mount, struct span span, struct origin *out, struct error *error);

typedef int origin_visitor(void *context, struct str text, bool is_mount, struct span span,
                           struct error *error);

/* Every --from of DRAFT, its triggers' first; ends when VISIT returns other than 0, with that. */
int origin_visit_all(const struct stage_draft *draft, origin_visitor *visit, void *context,
                     struct error *error);

/* "a (line 1) → b (line 3) → a", in the plan's arena, when FROM (b), which TO (a) reads from, needs TO; else NULL. */
const char *origin_cycle(const struct planning *planning, const struct stage_draft *from,
                         const struct stage_draft *to);

#endif
