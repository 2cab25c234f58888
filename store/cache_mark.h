/* cache_mark: is all of the cache's file on the disk?
 *
 * Commits are not synced one by one. Beside the file there is one, itself on the disk before the first of them, that names the
 * boot in which they were made; who syncs removes it. A file with the mark of another boot may be torn in ways nobody can
 * see. */
#ifndef BUD_STORE_CACHE_MARK_H
#define BUD_STORE_CACHE_MARK_H

#include "base/str.h"

#include <stdbool.h>

/* Is there a mark of NAME in DIRECTORY? The ID of its boot is appended to BOOT; nothing, when it cannot be read. */
bool cache_mark_get(int directory, const char *name, struct buf *boot);
/* Sets the mark, unless it is there. Only by one at a time: who has LMDB's write lock. 0 or an errno code. */
int cache_mark_set(int directory, const char *name, struct str boot);
/* 0, also when there is none, or -1 with errno. */
int cache_mark_remove(int directory, const char *name);

#endif
