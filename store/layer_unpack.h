/* layer_unpack: the blob of a layer that somebody else made becomes the contents of a snapshot. */
#ifndef BUD_STORE_LAYER_UNPACK_H
#define BUD_STORE_LAYER_UNPACK_H

#include "store/archive_input.h"
#include "store/cache.h"
#include "store/snapshot.h"

#include <stdatomic.h>

struct layer_blob {
    int fd;               /* a tar, plain or compressed; read once from where it stands */
    const char *name;     /* for messages */
    struct digest digest; /* of the blob */
    uint64_t size;
    struct digest diff_id; /* of the tar in it */
};

struct layer_contents {
    struct cache_layer layer; /* owners in the caller's arena */
    enum compression compression;
    bool
        has_root; /* the tar says what owner and mode the root has; else it has those of the layer below */
};

/* Unpacks BLOB into the diff of SNAPSHOT, with the log beside it. ERROR_CORRUPT when the blob is not what its digests and its
 * size say, ERROR_INPUT when it cannot be unpacked; what was unpacked before is the caller's to discard. Interrupted by
 * *IS_CANCELLED (may be NULL). */
int layer_unpack(const struct store *store, const struct snapshot *snapshot,
                 const struct layer_blob *blob, const atomic_bool *is_cancelled,
                 struct arena *arena, struct layer_contents *out, struct error *error);

#endif
