/* content: the digest of what a selection takes, with the files it is made of. Internal to this folder.
 *
 * Covers path, type, mode, owner, link target, device number, xattrs and data, in the order of selection_walk(); never
 * mtime, inode or link count. The owner of context files counts as 0:0. Of xattrs, those of security and system are
 * left out except security.capability: the rest is not copied between hosts. */
#ifndef BUD_PLANNER_CONTENT_H
#define BUD_PLANNER_CONTENT_H

#include "planner/selection.h"

struct content_file {
    struct str path; /* in the tree */
    uint32_t mode;
    struct digest digest; /* of data or link target, and xattrs */
};

struct content {
    struct digest digest;
    uint64_t files, bytes; /* regular files */
    size_t result_count;
    struct content_file *items; /* every entry */
    size_t count;
};

/* Reads SELECTION of TREE. Of a context only files whose stat is not the one in the index are opened, several at once.
 * Paths and items live in ARENA. ERROR_CHANGED when a file changes while it is read. */
int content_read(const struct tree *tree, const struct selection *selection, struct arena *arena,
                 struct content *out, struct error *error);

#endif
