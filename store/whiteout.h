/* whiteout: how a layer says what is deleted of those below, as the tar has it and as the overlay has it.
 *
 * In the tar `.wh.NAME` deletes NAME and `.wh..wh..opq` all that the directory had (OCI image-spec, layer.md); on disk they are
 * the character device 0/0 and an extended attribute of the directory. */
#ifndef BUD_STORE_WHITEOUT_H
#define BUD_STORE_WHITEOUT_H

#include "base/error.h"
#include "base/str.h"

#include <sys/stat.h>

enum whiteout {
    WHITEOUT_NONE,
    WHITEOUT_FILE,   /* .wh.NAME */
    WHITEOUT_OPAQUE, /* .wh..wh..opq */
    WHITEOUT_SKIPPED, /* .wh..wh.NAME and all below it: what Docker's aufs noted for itself, and others leave out */
    WHITEOUT_BAD, /* reserved, and nothing that could be unpacked */
};

/* What PATH, of the tar, is. */
enum whiteout whiteout_of_path(struct str path);
/* Does the entry NAME, last component of such a path, in the directory PARENT. What the layer itself has under the name
 * stays: a whiteout is for those below only. */
int whiteout_apply(enum whiteout kind, int parent, const char *name, bool is_rootless,
                   struct error *error);
/* Is what STATUS is of a whiteout? */
bool whiteout_is(const struct stat *status);
int whiteout_make_opaque(int directory, bool is_rootless, struct error *error);
bool whiteout_is_opaque(int directory, bool is_rootless);

#endif
