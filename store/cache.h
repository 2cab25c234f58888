/* cache: what is known from earlier builds, in one LMDB file, ROOT/bud/cache.mdb.
 *
 * It may be deleted at any time at the cost of a cold cache. A file that is corrupt, truncated or of another version
 * is set aside with a warning and a new one begun. Reading takes no lock that excludes anybody (docs/cache.md says what
 * LMDB does); writing happens in short transactions, several processes and threads at once.
 *
 * A record is a claim about data on disk. Until that data is known to be on disk (cache_settle) the record names
 * the boot it was written in and is not believed after another boot. */
#ifndef BUD_STORE_CACHE_H
#define BUD_STORE_CACHE_H

#include "base/digest.h"
#include "store/directory_state.h"
#include "store/store.h"

#define CACHE_FILE_NAME "cache.mdb"

struct cache;

/* CACHE_WRITE is for builds, which do without a cache that fails: the first thing that cannot be stored is told in a warning,
 * and from then on nothing is stored. CACHE_CHANGE is for those whose business it is: they are told by errors. */
enum cache_access { CACHE_READ, CACHE_WRITE, CACHE_CHANGE };

/* CACHE_READ of a missing or empty file gives a cache that finds nothing. A directory that cannot be written gives a working
 * cache that stores nothing, with a warning. */
int cache_open(const struct store *store, enum cache_access access, struct cache **out,
               struct error *error);
void cache_close(struct cache *cache);
/* False when there is a cache that could not be read: that it has no record then says nothing. */
bool cache_is_readable(const struct cache *cache);
/* Is that so because it is damaged? The next who opens it to write begins a new one. */
bool cache_is_damaged(const struct cache *cache);
/* False when nothing can be stored or removed. */
bool cache_is_writable(const struct cache *cache);

struct ingredient {
    struct str name;  /* "env PATH", "file src/a.c", "parent" */
    struct str value; /* readable where short, a hex digest where not */
};

enum cache_result { CACHE_SNAPSHOT, CACHE_IMAGE };

struct cache_record {
    struct digest key;
    enum cache_result kind;
    struct str result; /* snapshot ID, or image ID@digest of its manifest */
    struct str
        parent; /* result the step was built upon (snapshot or image ID), "" for none: the record
                        * holds only while the parent step still has this result. Several with `+` between them, the
                        * topmost first, are stacked: each was made on nothing */
    int64_t created;   /* wall clock when the step ended, ns: `created` of its history entry */
    uint64_t duration; /* ns the step took */
    struct directory_state
        state;       /* of the snapshot's files when the step was done: see snapshot_check() */
    struct str text; /* the step as printed */
    struct str stage;
    struct str reason; /* why it ran: what `bud plan` said */
    struct str build;  /* ID of the build it ran in */
    /* Where it was the last record when it was stored, and which one it replaced there; NULL: none. Set by cache_store(). */
    const struct digest *place, *previous;
    const struct ingredient *ingredients;
    size_t ingredient_count;
};

/* True and *out (in ARENA) when there is a believable record. Says nothing about the result still being there. */
bool cache_lookup(struct cache *cache, const struct digest *key, struct arena *arena,
                  struct cache_record *out);
/* Why that is not so. */
enum cache_lack {
    CACHE_LACKS_RECORD, /* there is none */
    CACHE_LACKS_SENSE,  /* it rotted, or the cache cannot be read */
    CACHE_LACKS_SYNC,   /* it is of another boot, and was not settled */
};
enum cache_lack cache_lack(struct cache *cache, const struct digest *key);
/* Adds or replaces the record, and makes it the last one of PLACE (NULL: none). */
int cache_store(struct cache *cache, const struct cache_record *record, const struct digest *place,
                struct error *error);
/* The record under KEY tells of its step by TEXT and INGREDIENTS from now on; nothing else of it changes. */
int cache_tell(struct cache *cache, const struct digest *key, struct str text,
               const struct ingredient *ingredients, size_t count, struct error *error);
/* The last key recorded at PLACE (a hash of context, Dockerfile, stage and ordinal); zero where a build had no record of its
 * own, so that the places of a stage have no gaps. */
bool cache_last_at(struct cache *cache, const struct digest *place, struct digest *key);
/* The last keys of all places, in ARENA. */
struct cache_last {
    struct digest place, key;
};
int cache_last_keys(struct cache *cache, struct arena *arena, struct cache_last **last,
                    size_t *count, struct error *error);
/* All records written so far are on disk (the caller has synced the file system): believe them after a reboot. */
int cache_settle(struct cache *cache, const struct digest *keys, size_t count, struct error *error);
/* Has that been said of all of them that are there? */
bool cache_is_settled(struct cache *cache, const struct digest *keys, size_t count);
/* The keys of all records, believable or not, in ARENA. */
int cache_keys(struct cache *cache, struct arena *arena, struct digest **keys, size_t *count,
               struct error *error);
/* Calls VISIT with every believable record, without its ingredients; borrowed, and nothing may be asked of the cache meanwhile. */
int cache_each(struct cache *cache, void (*visit)(void *context, const struct cache_record *record),
               void *context, struct error *error);
/* Is snapshot ID the result of any record? True as well when that cannot be told: what has no record is removed. */
bool cache_has_result(struct cache *cache, struct str result);

/* How often a record was found, and when last, by builds that wrote to the cache anyway: one that does what the last build
 * of its Dockerfile did counts nothing. */
struct cache_use {
    int64_t last; /* wall clock, ns */
    uint64_t hits;
};
bool cache_use_get(struct cache *cache, const struct digest *key, struct cache_use *out);

/* A context and a Dockerfile. All places of one begin with its ID. */
#define CACHE_SITE_SIZE 16
struct cache_site {
    unsigned char id[CACHE_SITE_SIZE];
    struct str context, dockerfile; /* what is no absolute path is not on this machine */
};
/* Remembers what SITE is; writes nothing when it is known. */
int cache_site_put(struct cache *cache, const struct cache_site *site, struct error *error);
/* All there are, in ARENA. */
int cache_sites(struct cache *cache, struct arena *arena, struct cache_site **sites, size_t *count,
                struct error *error);
/* Forgets them, and what was last at their places. */
int cache_forget_sites(struct cache *cache, const struct cache_site *sites, size_t count,
                       struct error *error);

/* What the present build has at a place. */
struct cache_place {
    struct digest place;
    const struct digest *key; /* zero: nothing of its own, or not yet; NULL: it has no such step */
};
/* Is that what the last build had at each of them? */
bool cache_places_are(struct cache *cache, const struct cache_place *places, size_t count);
/* Makes it so, in one transaction. */
int cache_places_put(struct cache *cache, const struct cache_place *places, size_t count,
                     struct error *error);
/* A build found the records of PLACES: they are the last there from now on, and have one hit more, NOW. With IS_ALL it found
 * everything and ran nothing. One transaction. */
int cache_count_hits(struct cache *cache, const struct cache_place *places, size_t count,
                     bool is_all, int64_t now, struct error *error);
/* When a build last said that it found everything; 0: none did. */
int64_t cache_all_found(struct cache *cache);

/* A record to remove, unless it has another result or was found more often by now. */
struct cache_victim {
    struct digest key;
    struct str result; /* data NULL: whatever it is */
    uint64_t hits;
    bool is_gone; /* set: there is no record under KEY any more */
};
/* Removes them in one transaction. */
int cache_forget(struct cache *cache, struct cache_victim *victims, size_t count,
                 struct error *error);
/* Drops what is known of snapshots that have no record and that IS_WANTED does not want either. */
int cache_forget_snapshots(struct cache *cache,
                           bool (*is_wanted)(void *context, struct str snapshot), void *context,
                           struct error *error);
/* Empties the context index and the content digests: they are computed again when a build asks. */
int cache_forget_index(struct cache *cache, struct error *error);

/* What is known of a snapshot as a layer: diff ID, tar size, owners. Computed once in a boot: the tar-split log written
 * with it is not on disk for sure before the snapshot is published, so after another boot it is computed again. */
struct cache_layer {
    struct digest diff_id;
    uint64_t diff_size;
    uint32_t *uids, *gids; /* sorted, in the caller's arena */
    size_t uid_count, gid_count;
};
bool cache_layer_get(struct cache *cache, const char *snapshot, struct arena *arena,
                     struct cache_layer *out);
int cache_layer_put(struct cache *cache, const char *snapshot, const struct cache_layer *layer,
                    struct error *error);
/* The layer a snapshot was (or is about to be) published as. Written before the rename, and once more when the layer is
 * there, with the state of its directory (before: nothing is known). */
struct cache_publication {
    struct digest_hex layer;
    struct directory_state state;
};
bool cache_published_get(struct cache *cache, const char *snapshot, struct cache_publication *out);
int cache_published_put(struct cache *cache, const char *const *snapshots,
                        const struct cache_publication *publications, size_t count,
                        struct error *error);

/* Content digest of a selection of paths in a result (COPY --from, bind mounts): SELECTION is a digest of the
 * result's identity and the patterns. */
bool cache_content_get(struct cache *cache, const struct digest *selection, struct digest *content);
int cache_content_put(struct cache *cache, const struct digest *selection,
                      const struct digest *content, struct error *error);

/* Context index: one opaque node a directory, by the digest of (context, directory path). The node's bytes are appended
 * to NODE. See planner/context.h for what is in it. */
bool cache_node_get(struct cache *cache, const struct digest *directory, struct buf *node);
struct cache_node {
    struct digest directory;
    struct str node; /* empty: delete */
};
int cache_nodes_put(struct cache *cache, const struct cache_node *nodes, size_t count,
                    struct error *error);

#endif
