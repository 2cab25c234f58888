/* layer_walk: a diff directory's entries in the order they have in the layer's tar.
 *
 * Order: bytewise by the names as they stand in the tar ("a.b" before "a/", whiteouts as ".wh.NAME"), so that every
 * directory comes before what is in it. Only one descriptor is open however deep the tree is, and nothing is
 * followed: the tree may hold anything a RUN step could make. */
#ifndef BUD_STORE_LAYER_WALK_H
#define BUD_STORE_LAYER_WALK_H

#include "base/error.h"
#include "base/vec.h"

#include <sys/types.h>
#include <time.h>

struct layer_entry {
    struct str tar_name; /* last component in the tar: "NAME", "NAME/", ".wh.NAME" */
    struct str name;     /* the same on disk; NUL-terminated where it ends */
    mode_t mode;
    uid_t uid;
    gid_t gid;
    dev_t rdev;
    uint64_t size;
    struct timespec mtime;
    dev_t device;
    ino_t inode;
    nlink_t links;
    bool is_whiteout;
};

struct layer_frame {
    struct arena arena;
    struct layer_entry *entries;
    size_t count, next;
    size_t path_len;
    dev_t device;
    ino_t inode;
};

struct layer_walk {
    int fd;          /* directory of the innermost frame */
    struct buf path; /* its path: "" or "a/b/" */
    VEC(struct layer_frame) frames;
};

#define LAYER_WALK_INIT                                                                            \
    { -1, BUF_INIT, VEC_INIT }

int layer_walk_open(struct layer_walk *walk, int diff, struct error *error);
/* The next entry, valid until the one after the next is asked for; NULL at the end. When it is a directory, walk->fd
 * and walk->path are the directory itself already, else they are those of its parent. ERROR_INPUT for a name that
 * would be read as a whiteout; ERROR_CHANGED when the tree changes meanwhile. Sockets are left out: tar has no form
 * for them. */
int layer_walk_next(struct layer_walk *walk, const struct layer_entry **entry, struct error *error);
void layer_walk_close(struct layer_walk *walk);
#define _cleanup_layer_walk_ _cleanup_(layer_walk_close)

#endif
