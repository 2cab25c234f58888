/* tar_header: the header blocks of one entry of a canonical layer tar.
 *
 * ustar (POSIX.1-1988), preceded by a PAX extended header (POSIX.1-2001) for just those fields which ustar cannot
 * hold. The bytes decide diff IDs: they must never change for the same input. */
#ifndef BUD_STORE_TAR_HEADER_H
#define BUD_STORE_TAR_HEADER_H

#include "base/str.h"

#define TAR_BLOCK 512

enum tar_type {
    TAR_FILE = '0',
    TAR_HARD_LINK = '1',
    TAR_SYMLINK = '2',
    TAR_CHARACTER = '3',
    TAR_BLOCK_DEVICE = '4',
    TAR_DIRECTORY = '5',
    TAR_FIFO = '6',
};

struct tar_xattr {
    struct str name; /* without the SCHILY.xattr. prefix; no '=' in it */
    struct str value;
};

struct tar_header {
    struct str name; /* relative, directories with '/' at the end */
    struct str link; /* target of a link, else empty */
    enum tar_type type;
    uint32_t mode; /* permission bits only */
    uint32_t uid, gid;
    uint64_t size;
    int64_t mtime; /* seconds */
    uint32_t major, minor;
    const struct tar_xattr *xattrs; /* sorted by name */
    size_t xattr_count;
};

/* Appends all header blocks of the entry to OUT: a multiple of TAR_BLOCK bytes. */
void tar_header_write(struct buf *out, const struct tar_header *header);

#endif
