/* inventory: everything a build could take from a context, as a tree with sizes, and what it would refuse to take: sockets and
 * devices. Reads no file. */
#ifndef BUD_PLANNER_INVENTORY_H
#define BUD_PLANNER_INVENTORY_H

#include "planner/selection.h"

struct inventory_entry {
    struct str path; /* in the context; "" the root, which is the first entry */
    struct str name; /* its last component */
    uint32_t mode;
    uint64_t bytes;       /* of a file; of a directory all that is below it */
    uint64_t files;       /* regular files in it, a file itself being one */
    uint64_t directories; /* below a directory */
    size_t parent;        /* index of the directory that holds it; of the root itself: 0 */
    size_t depth;         /* 0: the root */
    size_t *children;     /* indices, in the order asked for */
    size_t child_count;
};

struct inventory {
    struct inventory_entry *entries; /* directories before what is in them, by name */
    size_t count;
};

/* What the ignore rules of TREE leave of PATH ("" is all of it) and what is below, beside the root, everything in ARENA.
 * IS_BY_SIZE: the largest child first, else by name. Errors are those of selection_walk(). */
int inventory_read(const struct tree *tree, struct str path, bool is_by_size, struct arena *arena,
                   struct inventory *out, struct error *error);
/* The entry at PATH (cleaned, "" the root), or NULL. */
const struct inventory_entry *inventory_find(const struct inventory *inventory, struct str path);

/* PATH of the context without the links on its way, as COPY follows them; empty when there are none or it is not there. In
 * ARENA. */
struct str inventory_resolve(const struct tree *tree, struct str path, struct arena *arena);

#endif
