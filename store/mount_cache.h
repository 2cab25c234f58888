/* mount_cache: the directories behind RUN --mount=type=cache, as ROOT/bud/cache-mounts/NAME, NAME being the hash of the id, with
 * `-1`, `-2` … for further ones of `sharing=private`. NAME.lock is locked by whoever uses the directory (executor/cache_mount);
 * it holds the id, and its time is that of the last use. */
#ifndef BUD_STORE_MOUNT_CACHE_H
#define BUD_STORE_MOUNT_CACHE_H

#include "store/disk_usage.h"
#include "store/lock.h"
#include "store/store.h"

#define MOUNT_CACHE_DIRECTORY "bud/cache-mounts"

struct mount_cache {
    struct str name;
    struct str id;     /* empty: made by a bud that did not write it down */
    int64_t last_used; /* ns */
    uint64_t size;     /* bytes on disk, once measured */
    bool is_busy;      /* somebody has it mounted */
};

struct mount_cache_list {
    struct mount_cache *items;
    size_t count;
};

/* Writes down, beside the directory at PATH whose lock the caller has, that ID is used now. What cannot be written is only
 * missing when people look. */
void mount_cache_note(const char *path, struct str id);
/* All of them, in ARENA, not measured. */
int mount_cache_list(const struct store *store, struct arena *arena, struct mount_cache_list *out,
                     struct error *error);
int mount_cache_measure(const struct store *store, struct disk_usage *usage,
                        struct mount_cache *cache, struct error *error);
/* Is NAME one of the directories of ID? */
bool mount_cache_has_id(const struct mount_cache *cache, struct str id);
/* Removes the directory unless somebody uses it: *is_busy then. */
int mount_cache_remove(const struct store *store, const struct mount_cache *cache, bool *is_busy,
                       struct error *error);
/* Removes what was left half made or half removed, but not what somebody is making, and adds what it took on the disk to
 * *BYTES. IS_DRY: only that. Failures are only logged: the next sweep tries again. */
void mount_cache_sweep(const struct store *store, bool is_dry, uint64_t *bytes);

#endif
