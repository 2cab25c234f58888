/* walk: going through the directories of a selection. Internal to this folder, used by selection.c only. */
#ifndef BUD_PLANNER_WALK_H
#define BUD_PLANNER_WALK_H

#include "base/vec.h"
#include "planner/lookahead.h"
#include "planner/resolve.h"

/* A directory on the way down whose own entry is announced only when something in it is kept. */
struct pending {
    size_t path_len; /* of the tree path when we are at this entry */
    size_t level;    /* that holds it */
    const struct stat *stat;
};

/* A directory we are in. Only the deepest are open: a tree may be deeper than a process may have descriptors. */
struct level {
    int fd;          /* -1: closed meanwhile */
    size_t path_len; /* of the tree path when we are in it */
    uint64_t id;     /* counts the directories of this walk */
    dev_t device;
    ino_t inode;
    struct listing listing; /* kept for the next directory at this depth */

    struct outlook outlook;
};

struct walk {
    const struct tree *tree;
    const struct selection *selection;
    const struct selection_visitor *visitor;
    struct rules rules;
    struct arena arena;
    struct buf path;                       /* of the current entry, from the tree's root */
    const struct selection_result *result; /* not announced yet, or NULL */
    VEC(struct pending) pending;
    VEC(struct level)
    levels; /* from that of the result; those from LEVEL_COUNT on only keep memory */
    size_t level_count;
    uint64_t directory_count;
    bool has_match; /* of the present source */
    size_t entry_count;
    struct lookahead *ahead; /* NULL: nobody looks ahead, not yet, or not any more */
    bool has_looked_ahead;
};

/* ERROR_NOT_FOUND for PATH, what SOURCE, as written, means; with what is known about why as its hint. */
int walk_not_found(struct walk *walk, struct str path, struct str source,
                   const struct resolved *resolved, struct error *error);
/* Sockets and devices of a context, at the walk's path. */
int walk_refuse_special(const struct walk *walk, const struct stat *stat, struct error *error);
int walk_announce_result(struct walk *walk, const struct selection_result *result,
                         struct error *error);
/* A descriptor for reading; errors name the walk's path. */
int walk_open_directory(const struct walk *walk, int parent, const char *name, struct error *error);
/* Announces everything below the directory FD, which is at the walk's path and is closed here. */
int walk_directory(struct walk *walk, int fd, const struct states *states, struct error *error);
void walk_free(struct walk *walk);

#endif
