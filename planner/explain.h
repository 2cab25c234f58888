/* explain: why a step has no cached result, in words. Internal to this folder. */
#ifndef BUD_PLANNER_EXPLAIN_H
#define BUD_PLANNER_EXPLAIN_H

#include "planner/plan.h"

/* What was done at a step's place the last time. */
enum last_kind {
    LAST_NONE,   /* nothing yet */
    LAST_PRUNED, /* there was a record */
    LAST_KNOWN,
};
struct last {
    enum last_kind kind;
    struct cache_record record; /* when known; in the arena */
};
struct last explain_last(struct cache *cache, const struct step *step, struct arena *arena);
/* How long STEP will take, ns, judged by LAST; 0: not known, also where another kind of instruction stood at its place. */
uint64_t explain_expected(const struct last *last, const struct step *step);
/* STEP has ingredients (files included), and no record of its key. By comparing with LAST, the last record of its place:
 * "src/main.c changed", "ARG VERSION: 1.2 → 1.3", "no record: first build". In ARENA. */
struct str explain_miss(const struct last *last, const struct step *step, struct arena *arena);

#endif
