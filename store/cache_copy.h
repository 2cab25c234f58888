/* cache_copy: the cache's file for those who cannot take part in LMDB's locks.
 *
 * Readers are listed in the lock file; what a reader that is not listed looks at may be written over. So who may not write
 * to that file, or must not make it, looks at a copy of its own, in memory. */
#ifndef BUD_STORE_CACHE_COPY_H
#define BUD_STORE_CACHE_COPY_H

#include <stdbool.h>

/* Is there no lock file of NAME in DIRECTORY in which LMDB could list a reader? */
bool cache_copy_is_needed(int directory, const char *name);
/* A copy of NAME in DIRECTORY, as one transaction left it, or -1 with errno: EAGAIN when others write faster than this reads.
 * The caller closes it. */
int cache_copy_make(int directory, const char *name);

#endif
