/* prune: removing what is in the cache, while builds and other prunes run.
 *
 * The record goes first, then the snapshot is put out of sight by a rename, then it is deleted: killed at any point, what is
 * left is a directory without a record, which the next prune or build takes out. Choosing and renaming happen while no build
 * can begin or end; what a running build holds (build_hold) stays, and so does what is a layer by now. Where the disk has no
 * room for removing a record, it is the other way round: a record whose snapshot is gone is a miss. */
#ifndef BUD_STORE_PRUNE_H
#define BUD_STORE_PRUNE_H

#include "store/usage.h"

struct prune_result {
    size_t records, spared; /* removed; chosen, but used by a build that began meanwhile */
    uint64_t bytes;
};

/* Removes the items marked as victims: their records, and snapshots that no other record has. Layers and images stay. The
 * items have been measured. Marks those gone as removed. Drops as well what the cache knows of snapshots that are gone, and
 * of contexts and Dockerfiles. */
int prune_records(const struct store *store, struct cache *cache, struct usage *usage,
                  struct prune_result *result, struct error *error);

/* Where in ROOT/bud something is. */
enum prune_part {
    PRUNE_SNAPSHOTS,
    PRUNE_MOUNTS,
    PRUNE_CONTEXTS,
    PRUNE_INDEX, /* cache.mdb and its kin */
    PRUNE_OTHER,
    PRUNE_PARTS
};

/* Removes what crashes, replaced records and builds of the same at once left: snapshots nobody knows, or that are layers as well, cache mounts and fetched contexts half made or half
 * removed, a cache file that was set aside, and the trash. As long as builds are alive, what might be theirs is left. Adds the
 * bytes to those of its part. IS_DRY: only that. */
int prune_leftovers(const struct store *store, struct cache *cache, bool is_dry,
                    uint64_t bytes[PRUNE_PARTS], struct error *error);
/* What dead builds left elsewhere goes, unless a build is alive, which did that when it began. */
int prune_dead_builds(const struct store *store, struct error *error);

#endif
