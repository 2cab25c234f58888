/* print: a plan as text. Pure functions of the plan. */
#ifndef BUD_PLANNER_PRINT_H
#define BUD_PLANNER_PRINT_H

#include "planner/plan.h"

/* A tree by stage: number, instruction, line, HIT/MISS/DEFERRED and why; skipped stages; a summary line. */
void print_tree(struct buf *out, const struct plan *plan, bool is_coloured);
/* One JSON object, schema in docs/plan.md. */
void print_json(struct buf *out, const struct plan *plan);

#endif
