/* layer: rows of layers.json and the directories they stand for. */
#ifndef BUD_STORE_LAYER_H
#define BUD_STORE_LAYER_H

#include "base/digest.h"
#include "store/store.h"

struct layer {
    struct str id;      /* 64 hex */
    struct str parent;  /* empty: a base */
    struct str diff_id; /* "sha256:…"; empty when unknown (partial pulls) */
    int64_t diff_size;  /* bytes of the uncompressed tar; -1 unknown */
    int64_t created;    /* ns */
    const char *path;   /* absolute path of its directory: overlay/ID/diff or vfs/dir/ID */
};

/* All layers of the store and its additional stores, read under the shared lock. In ARENA; valid as a picture of
 * the moment. */
struct layer_list {
    struct layer *items;
    size_t count;
};
int layer_list_read(const struct store *store, struct arena *arena, struct layer_list *out,
                    struct error *error);
/* The same, much sooner, with nothing in the layers but their `id`; nothing else of the rows is checked either. */
int layer_list_read_ids(const struct store *store, struct arena *arena, struct layer_list *out,
                        struct error *error);
const struct layer *layer_find(const struct layer_list *list, struct str id);
/* From TOP down to its base, top first. ERROR_CORRUPT on a missing parent or a cycle. */
int layer_chain(const struct layer_list *list, struct str top, struct arena *arena,
                const struct layer ***chain, size_t *count, struct error *error);
/* The ID of a layer with DIFF_ID on PARENT (empty: none): containers-storage's chain ID, which is not the OCI one. */
struct digest_hex layer_id(struct str parent, const struct digest *diff_id);

#endif
