/* cache_mount: the directories behind RUN --mount=type=cache: ROOT/bud/cache-mounts/HASH of the id, with a lock file each.
 *
 * Sharing, as the Dockerfile reference has it: shared users hold a shared lock, a locked one an exclusive one and waits for
 * it, a private one takes the first directory of HASH, HASH-1, ... that nobody uses. The locks hold between builds, too. */
#ifndef BUD_EXECUTOR_CACHE_MOUNT_H
#define BUD_EXECUTOR_CACHE_MOUNT_H

#include "executor/work.h"
#include "store/lock.h"

struct cache_mount {
    struct str id;
    struct lock lock;
    const char *path; /* absolute, in the arena */
};

/* Opens, and makes when it is missing, the cache of MOUNT. FROM (may be NULL) is the tree of its from=: what a new one
 * begins with. Waiting ends with ERROR_INTERRUPTED when *work->is_cancelled is set. To open several, do so in the order
 * of their ids: then two RUNs cannot wait for each other. */
int cache_mount_open(const struct work *work, const struct step *step,
                     const struct mount_plan *mount, const struct tree *from, struct arena *arena,
                     struct cache_mount *out, struct error *error);
void cache_mount_close(struct cache_mount *cache);

/* COPY of SOURCE in TREE to the empty directory DIRECTORY (absolute): its contents when it is a directory. STAMPS as for
 * file_step_run(). */
int cache_mount_copy(const struct work *work, const struct step *step, const struct tree *tree,
                     struct str source, const char *directory, uint64_t *stamps,
                     struct error *error);

#endif
