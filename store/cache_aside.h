/* cache_aside: a cache's file that was of no use, kept beside the new one for a look.
 *
 * There is never more than one of them; who is the next to be put aside takes its place, and a prune removes it. */
#ifndef BUD_STORE_CACHE_ASIDE_H
#define BUD_STORE_CACHE_ASIDE_H

#include "base/error.h"

#include <stdbool.h>

/* Takes NAME in DIRECTORY, and what lies beside it, out of the way. *as gets its new name, to be freed; NULL: there was
 * no such file. */
int cache_aside_put(int directory, const char *name, char **as, struct error *error);
/* Removes what was put aside, and adds what it takes on the disk to *BYTES. IS_DRY: only that. */
int cache_aside_drop(int directory, const char *name, bool is_dry, uint64_t *bytes,
                     struct error *error);

#endif
