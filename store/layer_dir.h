/* layer_dir: the directory of a layer, overlay/ID/{diff,link,lower,work,merged,empty} or vfs/dir/ID.
 *
 * All functions want the locks storage and layers held exclusively: the first because overlay/ may become a bind
 * mount of itself, or stop being one, while a tool opens or closes the store. */
#ifndef BUD_STORE_LAYER_DIR_H
#define BUD_STORE_LAYER_DIR_H

#include "base/vec.h"
#include "store/store.h"

/* containers/storage 1.43 mounts no more than 128 lower directories, and a layer's own is one of them for the layer
 * above it. */
#define LAYER_DIR_MAX_LOWERS 127

/* Things written that must be on disk before a table names them: all are handed to the disk first and waited for
 * together, for one journal commit instead of one each. */
struct sync_set {
    VEC(int) fds;
};
#define SYNC_SET_INIT                                                                              \
    { VEC_INIT }
int sync_set_add(struct sync_set *set, const char *path,
                 struct error *error);                        /* file or directory */
int sync_set_wait(struct sync_set *set, struct error *error); /* empties it */
void sync_set_free(struct sync_set *set);
#define _cleanup_sync_set_ _cleanup_(sync_set_free)

/* Absolute path of the directory that holds the contents of layer ID in ROOT (store->root or an additional one). */
char *layer_dir_contents(const struct store *store, const char *root, const char *id);
/* The root whose directory of layer ID exists, or NULL. */
const char *layer_dir_root(const struct store *store, const char *id);

/* Makes the directory of layer ID over PARENT (NULL: a base). CONTENTS is renamed into it; NULL: an empty one with the
 * parent's mode and owner. Whatever else is there under ID is debris of a crash and removed. What was written is added
 * to SYNC. ERROR_CHANGED when the parent's directory is gone, ERROR_UNSUPPORTED when it has too many lowers. */
int layer_dir_make(const struct store *store, const char *id, const char *parent,
                   const char *contents, struct sync_set *sync, struct error *error);
/* CONTENTS takes the place of what layer ID holds, which goes to the trash as debris does: a build may have it mounted. */
int layer_dir_replace(const struct store *store, const char *id, const char *contents,
                      struct sync_set *sync, struct error *error);
/* Takes the directory, its link, its tar-split log and its big data out of the store, to ROOT/bud/trash. A missing
 * directory is fine. */
int layer_dir_discard(const struct store *store, const char *id, struct error *error);
/* The same for a directory no row names. A build may have found it there, as the contents of a snapshot whose
 * publishing died, and be using it: it is not deleted before all present builds have ended. */
int layer_dir_discard_debris(const struct store *store, const char *id, struct error *error);
/* Deletes what was discarded, by whomever. OWN_BUILDS of the builds alive are the caller's (0 or 1): others may be using
 * debris, which stays then. Needs no lock. Failures are only logged: the next sweep tries again. */
void layer_dir_empty_trash(const struct store *store, size_t own_builds);
/* Moves PATH (below the root) to the trash; falls back to deleting it when it is on another mount. */
int layer_dir_trash(const struct store *store, const char *path, struct error *error);

#endif
