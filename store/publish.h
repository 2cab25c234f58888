/* publish: snapshots become layers and an image, in one short transaction.
 *
 * Everything slow (digests, tar-split, syncfs of the contents) is done before; here the locks storage, layers and
 * images are held while directories are renamed and two tables saved. A crash leaves at worst an unreferenced
 * directory. Layer and image rows that exist already are reused, whoever made them. */
#ifndef BUD_STORE_PUBLISH_H
#define BUD_STORE_PUBLISH_H

#include "base/digest.h"
#include "store/cache.h"
#include "store/image.h"
#include "store/snapshot.h"

/* A layer that may not exist yet. */
struct layer_draft {
    const char *snapshot; /* snapshot ID whose diff becomes the layer */
    struct digest diff_id;
    uint64_t diff_size;   /* bytes of the canonical tar */
    const uint32_t *uids; /* sorted distinct owners */
    size_t uid_count;
    const uint32_t *gids;
    size_t gid_count;
    /* The blob it was unpacked from; NULL: made here, where the blob is the tar itself. */
    const struct digest *blob;
    uint64_t blob_size;
    unsigned compression; /* enum compression */
};

struct image_draft {
    const char *base_layer;           /* existing layer the drafts stand on; NULL: none */
    const struct layer_draft *layers; /* lowest first */
    size_t layer_count;
    struct str config; /* the blob; its digest is the image ID */
    struct str manifest;
    const char *const *names; /* full references, NULL-terminated; may be empty */
    int64_t created;
};

/* SNAPSHOT as a layer that was made here, of which LAYER is known; both are kept by reference. */
struct layer_draft layer_draft(const char *snapshot, const struct cache_layer *layer);
/* On success ID is the image's. ERROR_CHANGED when the base layer or a snapshot vanished meanwhile (nothing was
 * changed then). The tar-split file of each snapshot moves along. Must be called by a registered build (store/build.h),
 * in a mount namespace of our own, see publish_detach(). */
int publish_image(const struct store *store, const struct image_draft *draft, struct digest_hex *id,
                  struct error *error);
/* In our own mount namespace: detaches a bind mount of ROOT/overlay on itself, so that renames from ROOT/bud into it
 * do not fail with EXDEV. Harmless when there is none. */
int publish_detach(const struct store *store, struct error *error);

#endif
