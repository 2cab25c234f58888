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

struct index_leaf { /* learned in this walk */
    struct str name;
    uint64_t device, inode, size;
    int64_t mtime, ctime; /* ns */
    uint32_t mode;
    struct digest digest;
};

struct index_node {
    struct str directory; /* path in the tree, "" the root */
    struct str stored;    /* the leaves as they are in the cache, checked */
    size_t cursor;        /* names are asked for in order: where the next one is expected */
    struct {
        struct index_leaf *items;
        size_t count;
        size_t capacity;
    } learned;
    bool is_changed; /* worth writing back */
};

/* Key of a directory's node in the cache. */
struct digest index_key(const struct digest *identity, struct str directory);
/* The node as stored; empty when there is none or it cannot be read. Everything in ARENA. */
void index_load(struct cache *cache, const struct digest *identity, struct str directory,
                struct arena *arena, struct index_node *out);
/* The digest of NAME if it is known and STAT is the one it was made for. What this walk learned is not asked for. */
bool index_find(struct index_node *node, struct str name, const struct stat *stat,
                struct digest *digest);
/* Remembers a digest begun at BEGUN (ns, CLOCK_REALTIME_COARSE), unless the file is too young to be sure of. */
void index_learn(struct index_node *node, struct arena *arena, struct str name,
                 const struct stat *stat, int64_t begun, const struct digest *digest);
/* The stored form of NODE with what was learned; names that DIRECTORY (a descriptor, -1: gone) no longer has are
 * dropped. */
struct str index_encode(const struct index_node *node, int directory, struct arena *arena);

#endif
