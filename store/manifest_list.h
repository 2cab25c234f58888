/* manifest_list: an image of the table that stands for others, one for each platform (`podman manifest create`).
 *
 * Its row has no layer and a random ID; its manifest is an OCI index or Docker's manifest list, and what that lists are other
 * images of the store, or of a registry. */
#ifndef BUD_STORE_MANIFEST_LIST_H
#define BUD_STORE_MANIFEST_LIST_H

#include "store/image.h"

/* What is asked of a list. */
struct manifest_list_wish {
    /* How much an image for a platform is liked: 0 not at all, then the lower the better. The texts may be empty. */
    unsigned (*rank)(void *context, struct str os, struct str architecture, struct str variant);
    void *context;
    struct str platform; /* for messages */
};

/* *OUT: the one of IMAGES that IMAGE, called NAME, lists and WISH likes best, the first of several; IMAGE itself when it is no
 * list. ERROR_INPUT when none is liked, or the one that is is not in the store; ERROR_CORRUPT. */
int manifest_list_resolve(const struct image_list *images, const struct image *image,
                          struct str name, const struct manifest_list_wish *wish,
                          const struct image **out, struct error *error);

#endif
