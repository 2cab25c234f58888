/* oci_layout: images of an OCI image layout (OCI image-spec, image-layout.md), a directory anybody may have written.
 *
 * Reads, never writes. Every document is checked against the digest and size of what names it before it is parsed; digests
 * are parsed and never pasted, so nothing in the directory leads out of it. The blobs of layers are opened here and checked
 * by who unpacks them (registry/oci_import.h). */
#ifndef BUD_REGISTRY_OCI_LAYOUT_H
#define BUD_REGISTRY_OCI_LAYOUT_H

#include "base/arena.h"
#include "base/digest.h"
#include "base/error.h"

/* How well an image for this platform is liked: 0 not at all, the smallest other number most. Empty: not known. */
typedef unsigned oci_platform_rank(void *context, struct str os, struct str architecture,
                                   struct str variant);

struct oci_layer {
    struct digest digest; /* of the blob */
    uint64_t size;
    struct digest diff_id; /* of the tar in it */
};

struct oci_image {
    const char *directory;
    struct digest id;            /* of the config */
    struct str manifest, config; /* the blobs */
    struct oci_layer *layers;    /* lowest first */
    size_t layer_count;
};

/* PATH, PATH:TAG, PATH@sha256:… and PATH:TAG@sha256:… apart; REFERENCE is empty, the tag, or the digest, which decides. */
void oci_layout_split(struct str text, struct str *path, struct str *reference);
/* The image REFERENCE names in the layout DIRECTORY: a tag, the digest of a manifest or index, or, empty, the only one or
 * `latest`. Of several platforms the one RANK likes most. In ARENA. ERROR_NOT_FOUND with what there is; ERROR_INPUT when
 * REFERENCE may mean several; ERROR_CORRUPT for a broken layout, ERROR_UNSUPPORTED for what is no image. */
int oci_layout_read(const char *directory, struct str reference, oci_platform_rank *rank,
                    void *context, struct arena *arena, struct oci_image *out, struct error *error);
/* A descriptor of the blob of the INDEX-th layer, a regular file of the right size; -1 on failure. */
int oci_layout_open_layer(const struct oci_image *image, size_t index, struct error *error);

#endif
