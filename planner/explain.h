/* explain: why a step has no cached result, in words. Internal to this folder, but for what `bud cache why` needs. */
#ifndef BUD_PLANNER_EXPLAIN_H
#define BUD_PLANNER_EXPLAIN_H

#include "planner/plan.h"

/* What was done in the former build where STEP is done now. */
enum last_kind {
    LAST_NONE,     /* nothing yet */
    LAST_OTHERS,   /* other instructions */
    LAST_BEHIND,   /* nothing: that build ended before */
    LAST_PRUNED,   /* there was a record */
    LAST_ROTTEN,   /* there is one that cannot be read */
    LAST_DOUBTFUL, /* there is one that is not believed */
    LAST_KNOWN,
};
struct last {
    enum last_kind kind;
    struct cache_record record; /* when known; in the arena */
};
/* FORMER of STEP must be known. */
struct last explain_last(struct cache *cache, const struct step *step, struct arena *arena);
/* How long the step will take, ns, judged by LAST; 0: not known. */
uint64_t explain_expected(const struct last *last);
/* STEP has ingredients (files included), and no record of its key. By comparing with LAST:
 * "src/main.c changed", "ARG VERSION: 1.2 → 1.3", "no record: first build". In ARENA. */
struct str explain_miss(const struct last *last, const struct step *step, struct arena *arena);

/* For every caller: in what the configs BEFORE and NOW of an image differ, "LABEL v: 1 → 2", "CMD changed"; in ARENA. Empty:
 * in the layers of the base image. */
struct str_list explain_config(struct arena *arena, struct str before, struct str now);
/* For every caller: the VALUE of the ingredient NAME, without those of variables that are secrets by their names; in ARENA. */
struct str explain_shown(struct arena *arena, struct str name, struct str value);
/* What is shown of VALUE: about WIDTH bytes of it, on one line, around where it begins to differ from OTHER (NULL: its beginning),
 * with … where something is left out; in ARENA. */
struct str explain_cut(struct arena *arena, struct str value, const struct str *other,
                       size_t width);

#endif
