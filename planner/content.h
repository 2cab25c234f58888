/* content: the digest of what a selection takes, with the files it is made of. Internal to this folder.
 *
 * Covers path, type, mode, owner, link target, device number, xattrs and data, in the order of selection_walk(); never
 * mtime, inode or link count. The owner of context files counts as 0:0. Which xattrs count is said in entry_digest.h.
 *
 * It is made of the digests of the directories: of one in which nothing changed the index knows it, and then nothing is
 * kept of its files but their number. */
#ifndef BUD_PLANNER_CONTENT_H
#define BUD_PLANNER_CONTENT_H

#include "planner/image_config.h"
#include "planner/selection.h"

/* Of more entries than this only the directories are kept. */
#define CONTENT_LISTED 1000

struct content_file {
    struct str name; /* as it will be copied */
    uint32_t mode;
    bool is_read;         /* the index did not know it */
    struct digest digest; /* of data or link target, and xattrs */
};

struct content_directory {
    struct str path; /* in the tree */
    struct digest digest;
    size_t count; /* entries that are taken, directories included */
    struct str
        found; /* the name of its only entry, where that is copied under another: a link led to it */
    const struct content_file
        *files; /* NULL: those of the index, or more than CONTENT_LISTED in all */
};

struct content {
    const struct tree *tree;
    const struct selection *selection;
    struct digest digest;
    uint64_t files, bytes; /* regular files */
    uint64_t stamps;       /* selection_stamp() of all that was taken; 0: some changed meanwhile */
    struct str_list unmatched;             /* the patterns nothing matches */
    size_t count;                          /* entries */
    struct content_directory *directories; /* in the order of the walk */
    size_t directory_count;
};

/* Reads SELECTION of TREE. Of a context only files whose stat is not the one in the index are opened, several at once.
 * Everything in OUT lives in ARENA; TREE must outlive it. What changes meanwhile is read again; ERROR_CHANGED when that
 * does not end. */
int content_read(const struct tree *tree, const struct selection *selection, struct arena *arena,
                 struct content *out, struct error *error);
/* The path in the tree of the first entry that is not the same in both; empty: it cannot be told, or there is none. In ARENA. */
struct str content_difference(const struct content *before, const struct content *now,
                              struct arena *arena);
/* CONTENT with the files of all its directories, which are looked at again where the index was trusted with them; in ARENA.
 * CONTENT itself when it has them, when they are too many and when they cannot be read. */
const struct content *content_listed(const struct content *content, struct arena *arena);

#endif
