/* cache_extent: is all there that LMDB touches through its maps? What is not is a SIGBUS, not an error. */
#ifndef BUD_STORE_CACHE_EXTENT_H
#define BUD_STORE_CACHE_EXTENT_H

#include <stdbool.h>

#include <lmdb.h>

#define CACHE_LOCK_SUFFIX "-lock" /* LMDB's name for its lock file */

/* Blocks on the disk for the lock file of NAME in DIRECTORY, before LMDB writes to it. 0, also where that cannot be told or is
 * LMDB's to complain about, or an errno code. */
int cache_extent_reserve(int directory, const char *name);
/* Does the file lack pages that its head counts on? Of one that is being written to it may seem so for a moment. */
bool cache_extent_is_short(MDB_env *env);
/* A page taken and given back in one transaction may be counted though never written: after a commit, makes the file as long as
 * its head says. */
void cache_extent_restore(MDB_env *env);

#endif
