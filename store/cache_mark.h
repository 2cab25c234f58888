/* cache_mark: is all of the cache's file on the disk?
 *
 * Commits are not synced one by one. Beside the file there is one, itself on the disk before the first of them, that names the
 * boot in which they were made; who syncs removes it. A file with the mark of another boot may be torn in ways nobody can
 * see.
 *
 * Whoever has made such commits keeps a shared lock on the mark until he has synced or is dead: one of this boot that nobody
 * has locked was left by somebody who was killed, and the next who can write syncs in his place. */
#ifndef BUD_STORE_CACHE_MARK_H
#define BUD_STORE_CACHE_MARK_H

#include "base/str.h"

#include <stdbool.h>

enum cache_mark {
    CACHE_MARK_NONE,
    CACHE_MARK_KEPT, /* of this boot; who made such commits is alive and will sync */
    CACHE_MARK_LEFT, /* of this boot, and nobody's */
    CACHE_MARK_TORN, /* of another boot, or what is there cannot be read */
};

/* What mark NAME in DIRECTORY has. BOOT is the ID of this boot. */
enum cache_mark cache_mark_look(int directory, const char *name, struct str boot);
/* Sets the mark, unless it is there, and keeps it: *KEPT (-1 in the beginning) is a descriptor that the caller closes after
 * he has synced. Only by one at a time: who has LMDB's write lock. 0 or an errno code. */
int cache_mark_set(int directory, const char *name, struct str boot, int *kept);
/* Whatever is there in its place. 0, also when there is none, or -1 with errno. */
int cache_mark_remove(int directory, const char *name);

#endif
