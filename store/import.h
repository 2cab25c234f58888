/* import: a root file system tarball becomes an image of one layer. */
#ifndef BUD_STORE_IMPORT_H
#define BUD_STORE_IMPORT_H

#include "base/digest.h"
#include "store/store.h"

struct import_options {
    const char *author; /* NULL: none */
    int64_t created;    /* ns, of the config and its history; 0: now */
};

/* TAR_FD, read once from where it stands, is a tar archive, plain or compressed by gzip, bzip2, xz or zstd; NAME is what
 * messages call it. REFERENCE is the full name the image gets, or NULL. *ID is the image's. ERROR_INPUT for a broken
 * archive, and for an image that was saved (an OCI layout, or Docker's): nothing is left behind then. Like publish_image(), wants a mount namespace of its own. */
int import_image(const struct store *store, int tar_fd, const char *name, const char *reference,
                 const struct import_options *options, struct digest_hex *id, struct error *error);

#endif
