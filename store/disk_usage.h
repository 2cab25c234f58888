/* disk_usage: what directories take on the disk, as du(1) counts: blocks, and a file with several names once. */
#ifndef BUD_STORE_DISK_USAGE_H
#define BUD_STORE_DISK_USAGE_H

#include "base/error.h"
#include "base/map.h"

struct disk_usage { /* remembers the files with several names */
    struct arena arena;
    struct map links;
};
#define DISK_USAGE_INIT                                                                            \
    { ARENA_INIT, MAP_INIT }
void disk_usage_free(struct disk_usage *usage);
#define _cleanup_disk_usage_ _cleanup_(disk_usage_free)

/* Adds the bytes of PATH (relative to DIRECTORY, never followed) and all below it to *BYTES; other file systems mounted there
 * are left out, and so is what disappears meanwhile, or lies in directories that the caller may not read. Any depth. */
int disk_usage_add(struct disk_usage *usage, int directory, const char *path, uint64_t *bytes,
                   struct error *error);

#endif
