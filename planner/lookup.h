/* lookup: cache keys, and whether their results are still there.
 *
 * A key is SHA-256 over a canonical encoding of ingredients (name, value); they are kept with the record, so that a
 * miss is explained by comparing with the last record of the same place. */
#ifndef BUD_PLANNER_LOOKUP_H
#define BUD_PLANNER_LOOKUP_H

#include "planner/plan.h"
#include "store/layer.h"
#include "store/store.h"

/* What the store held when the plan was made. */
struct lookup {
    const struct store *store;
    struct cache *cache;
    struct layer_list layers;
    struct arena *arena;
    bool is_disabled; /* --no-cache */
};

/* Computes ingredients, key and state of STEP, whose parent and inputs have been looked up. CONTENTS has one digest
 * per input that is read by content (COPY --from), or NULL: those known from the cache are used, otherwise the step
 * becomes DEFERRED. */
int lookup_step(struct lookup *lookup, struct step *step, const struct digest *contents,
                struct error *error);
/* The digest under which the content digest of STEP's selection in INPUT's result RESULT (a snapshot or layer ID) is
 * kept in the cache. */
struct digest lookup_selection_id(const struct step *step, struct str result);

#endif
