/* estimate: how long what is left of a plan will take, from what its steps took the last time. A pure function of the
 * plan. */
#ifndef BUD_PLANNER_ESTIMATE_H
#define BUD_PLANNER_ESTIMATE_H

#include "planner/plan.h"

struct estimate {
    size_t cached, to_run, deferred; /* steps with a number, sources apart */
    size_t unknown;                  /* of those to run and the deferred: never done before */
    uint64_t bytes;                  /* of the context, to be copied */
    uint64_t work;                   /* ns of all that may run, one after the other */
    uint64_t path;                   /* ns of the longest chain of steps that wait for each other */
    const struct step **critical;    /* that chain, first step first; only steps that may run */
    size_t critical_count;
};

/* Deferred steps count as if they had to run. Everything lives in ARENA. */
struct estimate estimate_plan(const struct plan *plan, struct arena *arena);

#endif
