/* former_like: for a stage that was never built under its name in this context: what its steps would have been. A record of the
 * same text that was made upon the same result is one of a stage that was called otherwise, of a Dockerfile that was elsewhere, or
 * of another checkout. Internal to this folder. */
#ifndef BUD_PLANNER_FORMER_LIKE_H
#define BUD_PLANNER_FORMER_LIKE_H

#include "planner/plan.h"
#include "store/cache.h"

struct former_likes; /* of all records; in the arena of who asked first */

/* *key is the last such record for TEXT upon the result UPON ("": nothing), of the context of PLAN if there is one, else, when
 * IS_ANYBODYS, of any. *likes is read from CACHE into ARENA when it is NULL. */
bool former_like_find(struct former_likes **likes, const struct plan *plan, struct cache *cache,
                      struct arena *arena, struct str upon, struct str text, bool is_anybodys,
                      struct digest *key);

#endif
