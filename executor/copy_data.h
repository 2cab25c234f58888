/* copy_data: the bytes and the extended attributes of one regular file. */
#ifndef BUD_EXECUTOR_COPY_DATA_H
#define BUD_EXECUTOR_COPY_DATA_H

#include "planner/selection.h"

/* Opens the regular file ENTRY for reading; something else in its place by now is ERROR_CHANGED. */
int copy_open_source(const struct selection_entry *entry, struct error *error);
/* Kept from file to file, zeroed at first: what small files are read into, and the device that is known not to share
 * blocks with the target. */
struct copy_buffer {
    char *data;
    bool is_unshared;
    dev_t unshared;
};

void copy_buffer_free(struct copy_buffer *buffer);
/* Is SOURCE what ENTRY was when it was selected? Compared are size and mtime, and in a context also the inode and ctime, which
 * outlive an mtime that was put back. ERROR_CHANGED when not. */
int copy_check_source(const struct selection_entry *entry, bool is_context, int source,
                      struct error *error);
/* All data of SOURCE to the empty TARGET, and copy_check_source() afterwards. */
int copy_data(const struct selection_entry *entry, bool is_context, struct copy_buffer *buffer,
              int source, int target, struct error *error);
/* The extended attributes of ENTRY that a layer keeps (layer_stream_keeps_xattr: overlayfs's own would change what the
 * layer means) to NAME in DIRECTORY, neither followed. What the target's file system refuses is logged and left out, as
 * BuildKit does. */
int copy_xattrs(const struct selection_entry *entry, int directory, const char *name,
                struct error *error);

#endif
