/* former: the build before this one of the same Dockerfile. Its records are found by their places. */
#ifndef BUD_PLANNER_FORMER_H
#define BUD_PLANNER_FORMER_H

#include "planner/planner.h"

/* Where the last record of each step is found: hash of context and Dockerfile (NULL: none), stage and ordinal. */
void former_set_places(struct plan *plan, const struct plan_request *request);
/* What this build found and so has at its places, and, with key NULL, places that a former one had and it has not; in ARENA.
 * Returns their number. Steps that ran are not among them: cache_store() tells their places. */
size_t former_found(const struct plan *plan, struct cache *cache, struct arena *arena,
                    struct cache_place **places);

#endif
