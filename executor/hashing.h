/* hashing: digests of layers, computed in the background while later steps run.
 *
 * Only steps whose layer ends up in the image are submitted. What is found is kept in the cache, so that no snapshot
 * is ever read twice for this. */
#ifndef BUD_EXECUTOR_HASHING_H
#define BUD_EXECUTOR_HASHING_H

#include "planner/plan.h"
#include "store/cache.h"
#include "store/store.h"

#include <stdatomic.h>

struct hashing;

/* *IS_CANCELLED ends the digesting, and is set when one fails: then the rest of the build is in vain. */
int hashing_new(const struct store *store, struct cache *cache, unsigned threads,
                atomic_bool *is_cancelled, struct hashing **out, struct error *error);
/* Snapshot ID, whose diff is at PATH, will be a layer; STEP of PLAN, which made it, is the place of errors. All are
 * borrowed until the end. Known ones cost nothing. One thread at a time: under the scheduler's lock. */
void hashing_submit(struct hashing *hashing, const struct plan *plan, const struct step *step,
                    const char *snapshot, const char *path);
/* Waits for all of them; the first failure is the error. */
int hashing_wait(struct hashing *hashing, struct error *error);
/* Facts about a submitted snapshot, after hashing_wait(). Borrowed from HASHING. */
const struct cache_layer *hashing_result(const struct hashing *hashing, const char *snapshot);
/* Waits for what is running, frees everything. NULL is fine. */
void hashing_free(struct hashing *hashing);

#endif
