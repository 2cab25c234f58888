/* entry_digest: the digest of one entry: data, link target or device number, and extended attributes. Internal to this
 * folder.
 *
 * Of extended attributes those count that a copy has, which are those of an image (store/layer_stream.h); of what a RUN sees
 * itself, because it is mounted, those that others set, too: all but security and system, except security.capability, and
 * what overlayfs keeps for itself. */
#ifndef BUD_PLANNER_ENTRY_DIGEST_H
#define BUD_PLANNER_ENTRY_DIGEST_H

#include "planner/index.h"
#include "planner/selection.h"

/* What reading a file needs; enough for entry_digest_file(). */
#define ENTRY_READ_SIZE (256 << 10)

/* An entry whose digest is not known, as it was when it was looked at. */
struct unknown_entry {
    const char *tree_path;
    struct index_stamp stamp; /* after reading: of what was read */
    struct fs_xattrs xattrs;
    bool is_mounted; /* not copied */
    bool is_later;   /* that is another state than it was found in */
    int64_t begun;   /* ns, CLOCK_REALTIME_COARSE, the clock file systems stamp with */
    struct digest digest;
};

/* The unknown entry for ENTRY, which is mounted or copied, in ARENA, with the digest already in it unless it is a regular file.
 * TREE_PATH outlives it. ERROR_CHANGED when it is not there any more, or a link no link. */
int entry_digest_begin(const struct tree *tree, const struct selection_entry *entry,
                       const char *tree_path, bool is_mounted, struct arena *arena,
                       struct unknown_entry **out, struct error *error);
/* The same of a directory that is mounted itself, as RESULT, and is no context's; SCRATCH gets what nobody needs afterwards. */
int entry_digest_mounted(const struct tree *tree, const struct selection_result *result,
                         struct arena *scratch, struct digest *out, struct error *error);
/* Reads the regular file UNKNOWN, again while somebody writes to it; ERROR_CHANGED naming it when that does not end. ROOM
 * has ENTRY_READ_SIZE bytes. Any thread. */
int entry_digest_file(const struct tree *tree, struct unknown_entry *unknown, char *room,
                      struct error *error);

#endif
