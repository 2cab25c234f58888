/* resolve: a path inside a tree, links followed, never out of it. Internal to this folder.
 *
 * One component at a time with O_NOFOLLOW: an absolute link begins again at the tree's root, `..` stops there (the rules
 * of openat2's RESOLVE_IN_ROOT), and the links passed are known, so that an ignored one counts as missing. */
#ifndef BUD_PLANNER_RESOLVE_H
#define BUD_PLANNER_RESOLVE_H

#include "planner/selection.h"

struct resolved {
    bool exists;
    bool is_outside; /* a link on the way pointed out of the tree: it was resolved inside */
    struct str
        path; /* from the root, no leading '/', no links; as far as it went when it does not exist */
    int directory;   /* the directory that holds the entry (the root for ""), owned */
    struct str name; /* its name there, NUL-terminated; "." for the root */
    struct stat stat;
    struct str missing;      /* the component that does not exist */
    struct str link, target; /* that component is one of TARGET, to which LINK points; else empty */
};

#define RESOLVED_INIT                                                                              \
    { .directory = -1 }

void cleanup_resolved(struct resolved *resolved);
#define _cleanup_resolved_ _cleanup_(cleanup_resolved)

/* PATH may be absolute; the root is ROOT. A missing path is no error: exists is false. IGNORE (or NULL) hides links. */
int resolve_path(int root, const struct ignore *ignore, struct str path, struct arena *arena,
                 struct resolved *out, struct error *error);

#endif
