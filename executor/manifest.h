/* manifest: the manifest blob of a locally built image (OCI image-spec manifest.md; docker schema 2). */
#ifndef BUD_EXECUTOR_MANIFEST_H
#define BUD_EXECUTOR_MANIFEST_H

#include "base/digest.h"
#include "planner/image_config.h"

struct manifest_layer { /* uncompressed, as local builds store them */
    struct digest digest;
    uint64_t size;
};

/* Appends the JSON. ANNOTATIONS only exist in the OCI form; they are left out of docker's. */
void manifest_write(struct buf *out, bool is_docker, struct str config,
                    const struct manifest_layer *layers, size_t layer_count,
                    const struct name_values *annotations);

#endif
