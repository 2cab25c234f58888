/* context_copy: what a RUN sees of a context it mounts.
 *
 * The context is the user's own directory: what .dockerignore excludes must not be seen, owners are 0:0, and writing must not
 * reach it. So the RUN gets what COPY would copy. RUNs of a build that mount the same files share one copy. */
#ifndef BUD_EXECUTOR_CONTEXT_COPY_H
#define BUD_EXECUTOR_CONTEXT_COPY_H

#include "base/vec.h"
#include "executor/work.h"
#include "store/snapshot.h"

#include <pthread.h>

struct context_copy {
    struct digest content;
    struct str source;
    const char *path; /* what is mounted: a directory, or a file in one */
    struct snapshot snapshot;
};

struct context_copies {
    pthread_mutex_t lock; /* held while copying: a disk does not get faster by two at once */
    struct arena arena;
    VEC(struct context_copy) items;
};

#define CONTEXT_COPIES_INIT                                                                        \
    { .lock = PTHREAD_MUTEX_INITIALIZER, .arena = ARENA_INIT, .items = VEC_INIT }

/* *path is what MOUNT of STEP shows, for reading only; it lives as long as work->copies. ERROR_CHANGED when it is not what
 * STEP was looked up with. Any thread. */
int context_copy_get(const struct work *work, const struct step *step,
                     const struct mount_plan *mount, const char **path, struct error *error);
/* Removes the copies; nothing of them is mounted any more. */
void context_copies_free(const struct store *store, struct context_copies *copies);

#endif
