/* container: the rows that keep layers from being removed while a build uses them.
 *
 * One container with a working layer of its own for each protected layer, as Buildah has; named bud-BUILD-N, so
 * that rows of builds that died are recognised and swept. */
#ifndef BUD_STORE_CONTAINER_H
#define BUD_STORE_CONTAINER_H

#include "store/build.h"

/* Protects the COUNT layers (IDs) of images IMAGES (IDs, or "" when unknown) for BUILD: one transaction.
 * ERROR_CHANGED when a layer is gone. */
int container_protect(const struct store *store, const struct build *build,
                      const char *const *layers, const char *const *images, size_t count,
                      struct error *error);
/* Removes BUILD's rows and working layers; fine when there are none. */
int container_release(const struct store *store, const struct build *build, struct error *error);
/* Removes the rows of builds that are no longer alive. */
int container_sweep(const struct store *store, struct error *error);

#endif
