/* copied_up: directories that are in an upper directory only because bud made a mount point below them.
 *
 * Making /etc/hosts for the runtime copies /etc up; when the mount point is removed again, an `etc` that says nothing
 * stays in the upper directory and would become an entry of the layer. Such a directory may go if it is provably the same
 * as what it hides. The proof has three parts:
 *   - before anything was made, it was not in the upper directory: what the mount showed was the lower directory
 *     (copied_up_watch looks and keeps its attributes);
 *   - afterwards it is empty in the upper directory, has no whiteouts (they would be entries) and is not opaque, so that
 *     the merged directory has exactly the lower entries;
 *   - its mode, owner, modification time and extended attributes are those kept.
 * Upper directories must not be changed below a mounted overlay, therefore this happens after unmounting. One thread. */
#ifndef BUD_EXECUTOR_COPIED_UP_H
#define BUD_EXECUTOR_COPIED_UP_H

#include "base/error.h"
#include "base/str.h"

struct copied_up;

/* UPPER is the absolute path of the upper directory. */
struct copied_up *copied_up_new(const char *upper);
/* PATH (relative to the root, no links in it, "" is ignored) may be about to be copied up, and so may its parents. ROOT is
 * the mounted root. */
int copied_up_watch(struct copied_up *list, int root, struct str path, struct error *error);
/* After unmounting: removes those that say nothing, deepest first, and frees the list. NULL is fine. A directory that
 * cannot be removed stays: it is superfluous, not wrong. */
void copied_up_finish(struct copied_up *list);

#endif
