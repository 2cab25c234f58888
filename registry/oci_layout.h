/* oci_layout: which image of an OCI image layout is meant (OCI image-spec, image-layout.md). Reads, never writes; what is
 * read is checked against its digest, and nothing in the directory leads out of it. */
#ifndef BUD_REGISTRY_OCI_LAYOUT_H
#define BUD_REGISTRY_OCI_LAYOUT_H

#include "base/digest.h"
#include "base/error.h"

/* How well an image for this platform is liked: 0 not at all, the smallest other number most. Empty: not known. */
typedef unsigned oci_platform_rank(void *context, struct str os, struct str architecture,
                                   struct str variant);

/* PATH, PATH:TAG and PATH@sha256:… apart; REFERENCE is empty, the tag, or the digest. */
void oci_layout_split(struct str text, struct str *path, struct str *reference);
/* The digest of the config (the image ID) of what REFERENCE names in the layout DIRECTORY: a tag, a digest, or empty when
 * there is one only. Of an index for several platforms the one that RANK likes most. ERROR_NOT_FOUND with what there is;
 * ERROR_CORRUPT for a broken layout. */
int oci_layout_find(const char *directory, struct str reference, oci_platform_rank *rank,
                    void *context, struct digest *config, struct error *error);

#endif
