/* former: the build before this one of the same Dockerfile. Its records are found by their places. */
#ifndef BUD_PLANNER_FORMER_H
#define BUD_PLANNER_FORMER_H

#include "planner/planner.h"
#include "store/cache.h"

/* Where the last record of each step is found: hash of context and Dockerfile (NULL: none), stage and ordinal. */
void former_set_places(struct plan *plan, const struct plan_request *request);
/* That of one step; NUMBER counts within the stage, 0 for the image. */
struct digest former_place(const struct plan *plan, const struct stage *stage, unsigned number,
                           bool is_image);
/* Which of the former build's steps the steps of STAGE were: the same text goes before the same kind of instruction, and none
 * passes another. Sets `former` of each, and of the image when STAGE is its. */
void former_match(const struct plan *plan, const struct stage *stage, struct cache *cache);
/* What is at the places of PLAN as long as none of its steps has run: what it found, what its steps were, and nothing; in
 * ARENA. Returns their number. Also when the build ends early, the next one can compare with that. */
size_t former_places(const struct plan *plan, struct cache *cache, struct arena *arena,
                     struct cache_place **places);
/* What this build found and so has at its places, and, with key NULL, places that a former one had and it has not; in ARENA.
 * Returns their number. Steps that ran are not among them: cache_store() tells their places. */
size_t former_found(const struct plan *plan, struct cache *cache, struct arena *arena,
                    struct cache_place **places);

#endif
