/* squash: the whole file system of the image as one new layer, as `buildah bud --squash` makes it. */
#ifndef BUD_EXECUTOR_SQUASH_H
#define BUD_EXECUTOR_SQUASH_H

#include "executor/outcome.h"
#include "executor/work.h"
#include "store/cache.h"

/* Copies what the image step's parent shows into a new snapshot and digests it. *snapshot is its ID in ARENA, NULL when
 * the image is empty; nothing refers to it, so it is swept if it is not published. */
int squash_steps(const struct work *work, const struct outcomes *outcomes, struct arena *arena,
                 const char **snapshot, struct cache_layer *facts, struct error *error);
/* The same of a stack of DIRECTORIES, top first; its root has the mode and owner of the directory LIKE (NULL: see
 * snapshot_new()). */
int squash_directories(const struct work *work, const char *const *directories, size_t count,
                       const char *like, struct arena *arena, const char **snapshot,
                       struct cache_layer *facts, struct error *error);

#endif
