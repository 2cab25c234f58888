/* index: what is known of the files of a context, a node a directory, kept in the cache. Internal to this folder.
 *
 * A leaf is trusted when device, inode, mode, size, mtime and ctime are the ones it was made for. It is stored only when
 * the ctime was older than the moment the digest was begun (the racy-git rule): then every later change gives the file
 * another ctime, which nobody can set back. */
#ifndef BUD_PLANNER_INDEX_H
#define BUD_PLANNER_INDEX_H

#include "base/digest.h"
#include "store/cache.h"

#include <sys/stat.h>

struct index_leaf {
    struct str name;
    uint64_t device, inode, size;
    int64_t mtime, ctime; /* ns */
    uint32_t mode;
    bool is_seen; /* by this walk */
    struct digest digest;
};

struct index_node {
    struct str directory; /* path in the tree, "" the root */
    struct index_leaf *leaves;
    size_t count, capacity;
    size_t sorted; /* the first so many came from the cache, sorted by name */
    size_t cursor; /* names are asked for in order */
    bool is_changed;
};

/* Key of a directory's node in the cache. */
struct digest index_key(const struct digest *identity, struct str directory);
/* The node as stored; empty when there is none or it cannot be read. Everything in ARENA. */
void index_load(struct cache *cache, const struct digest *identity, struct str directory,
                struct arena *arena, struct index_node *out);
/* The leaf of NAME if it is there and STAT is the one it was made for; marks it seen. */
struct index_leaf *index_find(struct index_node *node, struct str name, const struct stat *stat);
/* Remembers a digest begun at BEGUN (ns, CLOCK_REALTIME_COARSE), unless the file is too young to be sure of. */
void index_learn(struct index_node *node, struct arena *arena, struct str name,
                 const struct stat *stat, int64_t begun, const struct digest *digest);
/* The stored form of NODE; leaves that this walk has not seen are kept only when DIRECTORY (a descriptor, -1: gone) still
 * has an entry of the name. */
struct str index_encode(struct index_node *node, int directory, struct arena *arena);

#endif
