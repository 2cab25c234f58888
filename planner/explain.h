/* explain: why a step has no cached result, in words. Internal to this folder. */
#ifndef BUD_PLANNER_EXPLAIN_H
#define BUD_PLANNER_EXPLAIN_H

#include "planner/plan.h"

/* STEP has ingredients (files included) and a place, and no record of its key. By comparing with the last record of the
 * place: "src/main.c changed", "ARG VERSION: 1.2 → 1.3", "no record: first build". In ARENA. */
struct str explain_miss(struct cache *cache, const struct step *step, struct arena *arena);

#endif
