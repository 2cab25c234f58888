/* image: rows of images.json and the blobs that belong to them. */
#ifndef BUD_STORE_IMAGE_H
#define BUD_STORE_IMAGE_H

#include "store/layer.h"
#include "store/store.h"

struct image {
    struct str id;     /* 64 hex: digest of the config */
    struct str digest; /* of the manifest, "sha256:…" */
    struct str layer;  /* top layer; empty: none */
    struct str *names; /* full references */
    size_t name_count;
    struct str *former_names; /* those it ever had (names-history) */
    size_t former_name_count;
    int64_t created;       /* ns */
    const char *directory; /* absolute path of its blobs */
};

struct image_list {
    struct image *items;
    size_t count;
};

/* All images of the store and its additional stores, under the shared lock; one picture. */
int image_list_read(const struct store *store, struct arena *arena, struct image_list *out,
                    struct error *error);
/* The image with one of the NULL-terminated NAMES (first name wins), or whose ID begins with or digest equals
 * names[0] (at least 3 hex digits, unique; "sha256:" allowed). NULL when there is none; an ambiguous prefix is an
 * error. */
int image_find(const struct image_list *list, const char *const *names, const struct image **out,
               struct error *error);
/* The config and the manifest blob, verified against their digests. */
int image_read_config(const struct image *image, struct buf *out, struct error *error);
int image_read_manifest(const struct image *image, struct buf *out, struct error *error);

/* NAME is moved to image ID (names and names-history). Writes nothing when it is there already. */
int image_add_name(const struct store *store, const char *id, const char *name,
                   struct error *error);

struct image_removal {
    bool is_forced; /* more than one name, or used by a container (the container stays an error) */
    struct buf untagged; /* one name a line */
    struct buf deleted;  /* one ID a line: image, then layers nobody else uses */
};
/* Removes NAME from the image, and with its last name (or by ID) the image and the layers only it used. */
int image_remove(const struct store *store, const char *id, const char *name,
                 struct image_removal *removal, struct error *error);

#endif
