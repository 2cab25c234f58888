/* vfs: a layer as the driver of that name keeps it, a full copy of its parent with its own changes made. */
#ifndef BUD_STORE_VFS_H
#define BUD_STORE_VFS_H

#include "store/store.h"

/* Makes the directory TARGET: first all of PARENT (NULL: nothing), then what the overlay upper directory DIFF says:
 * whiteouts delete, opaque directories empty. Data is shared by reflink where the file system can, never by hard link
 * with the source. Needs no lock; a parent that goes away meanwhile is ERROR_CHANGED. A TARGET that is there from an
 * earlier try is replaced. */
int vfs_stage(const struct store *store, const char *parent, const char *diff, const char *target,
              struct error *error);

#endif
