/* usage: what is in the cache, where its results are, and who needs them. For people who look into it, and for pruning.
 *
 * A picture of the moment, in an arena: builds go on meanwhile. prune.h looks again before it removes anything. */
#ifndef BUD_STORE_USAGE_H
#define BUD_STORE_USAGE_H

#include "base/map.h"
#include "store/cache.h"
#include "store/image.h"

enum usage_where {
    USAGE_GONE,     /* its result is not there any more */
    USAGE_SNAPSHOT, /* private to bud */
    USAGE_LAYER,    /* of an image: published */
    USAGE_IMAGE,
};

struct usage_item {
    struct cache_record record; /* only the key, when it is not readable */
    struct cache_use use;
    enum usage_where where;
    struct str result;     /* snapshot or image ID, without the manifest */
    const char *directory; /* of the result, absolute, as a whole; NULL: gone */
    struct str layer;      /* its ID when published, else empty */
    uint64_t size;         /* bytes on disk, once measured */
    size_t *parents;       /* the items it is built upon, the topmost first; images are none */
    size_t parent_count;
    size_t children;   /* how many are built upon it */
    int64_t last_used; /* when it was made, or it or something built upon it was found */
    bool is_readable;  /* false: rotten, or not known to be on disk since another boot */
    bool is_dead;      /* no build can use it any more */
    bool is_current;   /* it, or something built upon it, is the last of its place */
    bool is_held;      /* by a running build */
    bool is_victim;    /* chosen for removal by the caller */
    bool is_removed;   /* set by prune.h */
};

struct usage {
    struct usage_item *items;
    size_t count;
    struct layer_list layers;
    struct image_list images;
    struct cache_site *gone_sites; /* whose context or Dockerfile is not there any more */
    size_t gone_site_count;
};

int usage_read(const struct store *store, struct cache *cache, struct arena *arena,
               struct usage *out, struct error *error);
/* Fills the size of ITEM, by itself. It takes a walk over its result. */
int usage_measure(struct usage_item *item, struct error *error);
/* The same for all snapshots, or for those that are victims: the others free nothing when they go. */
int usage_measure_snapshots(struct usage *usage, bool is_of_victims, struct error *error);
/* What the recipe calls it: "run", "copy", "add", "directory", "output"; "unknown" when it cannot be read. */
struct str usage_kind(const struct usage_item *item);
/* Does an image have the result? Such results are never removed with the cache. */
bool usage_is_in_image(const struct usage_item *item);
/* Does IMAGE have the item's layer, or is it the image? */
bool usage_image_has(const struct usage *usage, const struct image *image,
                     const struct usage_item *item, struct arena *arena);

enum usage_test {
    USAGE_TEST_STAGE,
    USAGE_TEST_KIND,
    USAGE_TEST_TEXT,       /* part of the step's text */
    USAGE_TEST_OLDER,      /* not used for so many ns */
    USAGE_TEST_UNUSED,     /* no image and no running build has it */
    USAGE_TEST_SUPERSEDED, /* not dead, and not what the last build of its place used */
    USAGE_TEST_DEAD,
};

struct usage_filter {
    enum usage_test test;
    struct str text;
    int64_t age;
};
bool usage_matches(const struct usage_item *item, const struct usage_filter *filter, int64_t now);

/* To what is marked as victim adds what is built upon it, which nobody can use then. */
void usage_add_descendants(struct usage *usage);
/* Takes back what a running build or an image has, unless it is dead, and what such things are built upon. */
void usage_spare_used(struct usage *usage);

#endif
