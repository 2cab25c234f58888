/* lookup: cache keys, and whether their results are still there.
 *
 * A key is SHA-256 over a canonical encoding of ingredients (name, value); they are kept with the record, so that a
 * miss is explained by comparing with the last record of the same place. */
#ifndef BUD_PLANNER_LOOKUP_H
#define BUD_PLANNER_LOOKUP_H

#include "planner/planner.h"
#include "store/image.h"
#include "store/layer.h"
#include "store/store.h"

/* What the store held when the plan was made. */
struct lookup {
    const struct store *store;
    struct cache *cache;
    struct layer_list layers;
    struct arena *arena;
    bool is_disabled;                /* --no-cache */
    const struct image_list *images; /* NULL: read when an image step asks */
    const struct plan *plan;
    struct former_likes *likes; /* NULL: not asked for yet */
};

/* Computes ingredients, key and state of STEP, whose parent and inputs have been looked up. CONTENTS has one digest for
 * every input of the step, those of the context ignored, or is NULL: those known from the cache are used, otherwise the
 * step becomes DEFERRED. The content of a context is read once; a second call uses what the first found. */
int lookup_step(struct lookup *lookup, struct step *step, const struct digest *contents,
                struct error *error);
/* The digest under which the content digest of what INPUT selects in its step's result RESULT (a snapshot or image ID) is
 * kept in the cache. */
struct digest lookup_input_id(const struct step_input *input, struct str result);

/* Reads and digests what INPUT takes of its context. */
int lookup_read_context(struct lookup *lookup, struct step_input *input, struct error *error);

/* After all steps were looked up: which must run, or be there, for the image. */
void lookup_mark_needed(struct plan *plan);

#endif
