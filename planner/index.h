/* index: what is known of the files of a context, a node a directory, kept in the cache. Internal to this folder.
 *
 * A leaf is trusted when device, inode, mode, size, mtime and ctime are the ones it was made for. It is stored only when
 * the ctime was older than the moment the digest was begun (the racy-git rule): then every later change gives the file
 * another ctime, which nobody can set back.
 *
 * A node also keeps the digest of all its leaves: where a walk finds each of them in turn and nothing else, nothing need
 * be hashed. */
#ifndef BUD_PLANNER_INDEX_H
#define BUD_PLANNER_INDEX_H

#include "base/digest.h"
#include "store/cache.h"

#include <sys/stat.h>

/* What tells that a file is still the one it was. No padding: compared and stored as bytes. */
struct index_stamp {
    uint64_t device, inode, size;
    int64_t mtime, ctime; /* ns */
    uint32_t mode;
    uint32_t is_coarse; /* the file system keeps whole seconds, it seems */
};

struct index_stamp index_stamp_of(const struct stat *stat);
bool index_stamp_equal(const struct index_stamp *a, const struct index_stamp *b);

struct index_leaf { /* learned in this walk */
    struct str name;
    struct index_stamp stamp;
    struct digest digest;
};

struct index_node {
    struct str directory; /* path in the tree, "" the root */
    struct buf stored;    /* as it is in the cache */
    size_t cursor;        /* names are asked for in order: where the next one is expected */
    size_t previous;      /* the leaf before CURSOR, unless that is 0 */
    size_t count;         /* of stored leaves */
    struct digest digest; /* of all stored leaves; means something when COUNT > 0 */
    struct {
        struct index_leaf *items;
        size_t count;
        size_t capacity;
    } learned;
    bool is_changed; /* worth writing back */
};

/* One entry of a directory's digest, in order of the names. */
void index_hash_entry(struct hasher *hasher, struct str name, uint32_t mode, uint32_t uid,
                      uint32_t gid, const struct digest *digest);

/* Key of a directory's node in the cache. */
struct digest index_key(const struct digest *identity, struct str directory);
/* The node of DIRECTORY (which outlives it) as stored; empty when there is none or it cannot be read. OUT may be an older
 * node whose memory is used again; index_free() it. */
void index_load(struct cache *cache, const struct digest *identity, struct str directory,
                struct index_node *out);
void index_free(struct index_node *node);
/* Is the first stored leaf that of NAME? Then the cursor goes there. */
bool index_begins_with(struct index_node *node, struct str name);
/* Is the leaf at the cursor that of NAME, and STAMP the one it was made for? Then the cursor moves on. */
bool index_take_next(struct index_node *node, struct str name, const struct index_stamp *stamp);
/* The digest of NAME if it is known and STAMP is the one it was made for. What this walk learned is not asked for. */
bool index_find(struct index_node *node, struct str name, const struct index_stamp *stamp,
                struct digest *digest);
/* The stored leaf at *AT (0: the first), which moves behind it; false at the end. NAME is valid as long as the node. */
bool index_next(const struct index_node *node, size_t *at, struct str *name, uint32_t *mode,
                struct digest *digest);
/* Remembers a digest begun at BEGUN (ns, CLOCK_REALTIME_COARSE), unless the file is too young to be sure of. */
void index_learn(struct index_node *node, struct arena *arena, struct str name,
                 const struct index_stamp *stamp, int64_t begun, const struct digest *digest);
/* The stored form of NODE with what was learned; names that DIRECTORY (a descriptor, -1: gone) no longer has are
 * dropped. */
struct str index_encode(const struct index_node *node, int directory, struct arena *arena);

#endif
