/* destination: where in a root file system a COPY, ADD or WORKDIR writes, and the directories made on the way.
 *
 * The root file system is hostile: its symlinks are followed one at a time as if it were the root, and what comes
 * out is a path without links that is then walked without following any. */
#ifndef BUD_EXECUTOR_DESTINATION_H
#define BUD_EXECUTOR_DESTINATION_H

#include "base/arena.h"
#include "base/error.h"
#include "base/vec.h"
#include "executor/metadata.h"

#include <time.h>

struct destination {
    struct str path;   /* from the root, no leading '/', no links in it; "" is the root */
    bool is_directory; /* written with a trailing `/` or `/.`, or already a directory */
    bool is_occupied;  /* exists and is no directory */
};

/* The directories a step makes on its way, and how. */
struct directories {
    int rootfs;
    struct metadata metadata; /* of those that are made */
    /* COPY --link: as if the root were empty. What exists takes METADATA too, what is no directory is replaced. */
    bool is_link;
    struct arena *arena;
    VEC(struct str) made; /* their paths */
};

/* Resolves the cleaned absolute PATH, the last component included; missing components are taken literally from where
 * they are missing. More than 255 links, a NUL byte or a path longer than the system allows is ERROR_INPUT. With
 * IS_LINK nothing that exists is looked at. The result's path lives in ARENA. */
int destination_resolve(int rootfs, struct str path, bool is_link, struct arena *arena,
                        struct destination *out, struct error *error);
/* Opens the directory PATH (as resolved), making what is missing of it. The caller closes the descriptor; -1 with the
 * error `mkdir /x: not a directory` where something else is in the way. */
int directories_open(struct directories *directories, struct str path, struct error *error);
/* Gives everything that was made this time; done last, since every entry made in a directory changes its own. */
int directories_set_time(const struct directories *directories, struct timespec time,
                         struct error *error);

#endif
