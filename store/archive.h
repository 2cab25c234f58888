/* archive: unpacking tar archives (plain, gzip, bzip2, xz, zstd) from anywhere into a directory, by libarchive.
 *
 * Hostile input: every entry is placed beneath the target with openat2; `..` escapes, absolute names and links that
 * lead out are handled inside the target or refused; counts are bounded. */
#ifndef BUD_STORE_ARCHIVE_H
#define BUD_STORE_ARCHIVE_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct layer_intake;

struct archive_options {
    bool has_owner; /* every entry gets this owner (ADD --chown) */
    uid_t uid;
    gid_t gid;
    bool is_rootless; /* device nodes are skipped with a warning */
    bool
        is_root_entry_kept; /* an entry `.` sets the target's own mode and owner (import), else it is ignored (ADD) */
    /* The archive is that of an image's layer and TARGET empty: `.wh.` names are deletions. Learns what the store wants to know;
     * in its second reading (store/layer_intake.h) nothing is unpacked. NULL: any archive. */
    struct layer_intake *layer;
};

/* Is the file at FD (rewound afterwards) an archive ADD unpacks: after removing a known compression, does it begin with
 * a valid tar header? Names do not matter (Dockerfile reference, ADD). */
int archive_is_tar(int fd, bool *is_tar, struct error *error);
/* Unpacks FD into the directory TARGET. Existing directories merge with directory entries and take their metadata;
 * other conflicts: the old thing is removed. A truncated or corrupt stream, a `..` name or an entry below a
 * non-directory is ERROR_INPUT naming the entry; what was unpacked before stays for the caller to discard. */
int archive_unpack(int fd, const char *name, int target, const struct archive_options *options,
                   struct error *error);

#endif
