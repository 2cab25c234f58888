/* archive_place: where an archive's entry goes, beneath the target whatever its name says. */
#ifndef BUD_STORE_ARCHIVE_PLACE_H
#define BUD_STORE_ARCHIVE_PLACE_H

#include "base/error.h"

struct archive_place {
    int target;      /* borrowed; the root for every resolution */
    int parent;      /* O_PATH descriptor of the directory asked for last, or -1 */
    struct buf path; /* its path */
};

#define ARCHIVE_PLACE_INIT(target_fd)                                                              \
    { (target_fd), -1, BUF_INIT }

/* NAME without "/" at its ends, "//", "." and inner "..", appended to OUT, which becomes "" for the target itself.
 * False when `..` would climb out. */
bool archive_place_clean(const char *name, struct buf *out);
/* A descriptor, owned by PLACE and valid until the next call, of the directory that holds PATH (cleaned, not empty).
 * Symlinks are followed inside the target; missing directories are made, 0755 and root's. ERROR_INPUT when something
 * on the way is no directory. -1 on failure. */
int archive_place_parent(struct archive_place *place, struct str path, struct error *error);
/* Something was removed: what PLACE remembers of paths may not hold any more. KEEP, a descriptor it gave out, stays
 * open until the next archive_place_parent(). */
void archive_place_forget(struct archive_place *place, int keep);
void archive_place_close(struct archive_place *place);

#endif
