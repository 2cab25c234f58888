/* oci_import: an image of an OCI layout becomes one of the store. */
#ifndef BUD_REGISTRY_OCI_IMPORT_H
#define BUD_REGISTRY_OCI_IMPORT_H

#include "registry/oci_layout.h"
#include "store/build.h"

#include <stdatomic.h>

/* The ID its top layer has or would have in the store; false: it has no layers. */
bool oci_import_top_layer(const struct oci_image *image, struct digest_hex *id);
/* Unpacks the layers of IMAGE that the store has not, for BUILD, and publishes it under NAME (a full reference; NULL: none):
 * all of it or nothing. ERROR_CORRUPT when a blob is not what its digests say, ERROR_INPUT when one cannot be unpacked,
 * ERROR_CHANGED when a layer was removed meanwhile. Interrupted by *IS_CANCELLED. Like publish_image(), wants a mount namespace
 * of its own. */
int oci_import(const struct store *store, const struct build *build, const struct oci_image *image,
               const char *name, const atomic_bool *is_cancelled, struct error *error);

#endif
