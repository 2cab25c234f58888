/* snapshot: the directory a step wrote, private to bud until it is published as a layer.
 *
 * ROOT/bud/snapshots/ID/{diff,work}: DIFF is an overlay upper directory (whiteouts are 0/0 devices, opaque
 * directories carry the overlay xattr). While in the making its ID begins with its build's ID and nothing refers to
 * it; a cache record makes it permanent. Snapshots that neither a record nor a live build knows are swept. */
#ifndef BUD_STORE_SNAPSHOT_H
#define BUD_STORE_SNAPSHOT_H

#include "store/build.h"
#include "store/cache.h"

#define SNAPSHOT_ID_LEN 32

struct snapshot {
    char id[SNAPSHOT_ID_LEN + 1];
    char *directory; /* absolute, holds diff/ and work/ */
};

/* A new empty snapshot; diff's mode and owner are those of PARENT_DIFF (NULL: 0555 root:root, as
 * containers-storage makes base layers). */
int snapshot_new(const struct store *store, const struct build *build, const char *parent_diff,
                 struct snapshot *out, struct error *error);
/* The root of snapshot ID gets the mode and owner it would have had on PARENT_DIFF. Nothing when somebody has published it
 * meanwhile. */
int snapshot_set_root(const struct store *store, const char *id, const char *parent_diff,
                      struct error *error);
void snapshot_free(struct snapshot *snapshot); /* the memory, not the directory */
int snapshot_remove(const struct store *store, const char *id, struct error *error);
/* Where the contents of snapshot ID are now: its own diff, or, once published, the layer's directory. Absolute path
 * in ARENA; ERROR_CHANGED when neither exists any more. *layer gets the layer ID when published, else NULL. */
int snapshot_locate(const struct store *store, struct cache *cache, const char *id,
                    struct arena *arena, const char **path, const char **layer,
                    struct error *error);
/* Is the layer that was made of snapshot ID there, unchanged, and the snapshot as well? That is what is left when two builds
 * publish the same at once. *path and *layer are then the layer's, as above. */
bool snapshot_is_duplicate(const struct store *store, struct cache *cache, const char *id,
                           struct arena *arena, const char **path, const char **layer);
enum snapshot_state { SNAPSHOT_SOUND, SNAPSHOT_GONE, SNAPSHOT_CHANGED };
/* As snapshot_locate(), of RECORD's result; it is CHANGED when its directory is not what it was when the record was made, or,
 * for a layer, when it was published, as far as directory_state.h sees. */
enum snapshot_state snapshot_check(const struct store *store, struct cache *cache,
                                   const struct cache_record *record, struct arena *arena,
                                   const char **path, const char **layer);
/* Removes snapshots that belong to no record and no live build, and with OWN_BUILDS 0 duplicates. Does nothing while builds other
 * than the caller's OWN_BUILDS (0 or 1) are at work (they may use them), or when the cache cannot be read. */
int snapshot_sweep(const struct store *store, struct cache *cache, size_t own_builds,
                   struct error *error);
/* Puts snapshot ID out of sight in one step: it is there as a whole or not at all. What is out of sight
 * is deleted by the second, or by the next sweep. */
int snapshot_doom(const struct store *store, const char *id, struct error *error);
int snapshot_delete_doomed(const struct store *store, const char *id, struct error *error);
bool snapshot_is_id(struct str name);

#endif
