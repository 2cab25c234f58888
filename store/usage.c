#include "store/usage.h"

#include "base/fs.h"
#include "base/vec.h"
#include "store/disk_usage.h"
#include "store/snapshot.h"

#include <errno.h>
#include <stdlib.h>

struct reading {
    const struct store *store;
    struct cache *cache;
    struct arena *arena;
    struct usage *usage;
    struct map results; /* result -> item */
    struct map keys;    /* key -> item */
};

/* ---- where results are ---- */

static void find_image(const struct reading *reading, struct usage_item *item) {
    struct str manifest = item->record.result;
    str_split(&manifest, '@', &item->result);
    for (size_t i = 0; i < reading->usage->images.count; i++) {
        const struct image *image = &reading->usage->images.items[i];
        if (str_equal(image->id, item->result) && str_equal(image->digest, manifest)) {
            item->where = USAGE_IMAGE;
            item->directory = image->directory;
            return;
        }
    }
}

static void find_snapshot(const struct reading *reading, struct usage_item *item) {
    const char *path, *layer;
    item->result = item->record.result;
    if (!snapshot_is_id(item->result) ||
        snapshot_locate(reading->store, reading->cache, str_dup(reading->arena, item->result),
                        reading->arena, &path, &layer, NULL)) {
        return;
    }
    const char *of_layer,
        *twin; /* a snapshot whose layer is there as well is a leftover beside it */
    if (!layer &&
        snapshot_is_duplicate(reading->store, reading->cache, str_dup(reading->arena, item->result),
                              reading->arena, &of_layer, &twin) &&
        layer_find(&reading->usage->layers, str_of(twin))) {
        path = of_layer;
        layer = twin;
    }
    if (layer && !layer_find(&reading->usage->layers, str_of(layer))) {
        return;
    }
    item->where = layer ? USAGE_LAYER : USAGE_SNAPSHOT;
    item->layer = str_of(layer);
    /* Not only its files: what belongs to it lies beside them. In vfs, a layer is its files. */
    bool is_beside = !layer || reading->store->driver == STORE_OVERLAY;
    item->directory = is_beside ? str_dup(reading->arena, path_parent(str_of(path))) : path;
}

static void read_item(const struct reading *reading, const struct digest *key,
                      struct usage_item *item) {
    *item = (struct usage_item){ .record.key = *key };
    cache_use_get(reading->cache, key, &item->use);
    item->is_readable = cache_lookup(reading->cache, key, reading->arena, &item->record);
    if (!item->is_readable) {
        item->record = (struct cache_record){ .key = *key };
        item->result = STR_EMPTY;
        return;
    }
    if (item->record.kind == CACHE_IMAGE) {
        find_image(reading, item);
    } else {
        find_snapshot(reading, item);
    }
    item->last_used = item->use.last > item->record.created ? item->use.last : item->record.created;
}

/* ---- who needs whom ---- */

static struct str key_of(const struct usage_item *item) {
    return str_make((const char *)item->record.key.bytes, sizeof(item->record.key.bytes));
}

static void index_items(struct reading *reading) {
    for (size_t i = 0; i < reading->usage->count; i++) {
        struct usage_item *item = &reading->usage->items[i];
        map_set(&reading->keys, key_of(item), item);
        if (item->where != USAGE_GONE && !map_has(&reading->results, item->result)) {
            map_set(&reading->results, item->result, item);
        }
    }
}

static void find_parents(const struct reading *reading, struct usage_item *item) {
    struct usage_item *items = reading->usage->items;
    struct str rest = item->record.parent, result;
    size_t capacity = 0;
    item->is_dead = item->where == USAGE_GONE;
    while (rest.len > 0 && str_split(&rest, '+', &result)) {
        const struct usage_item *parent = map_get(&reading->results, result);
        if (parent) {
            if (item->parent_count == capacity) {
                item->parents = vec_grow(reading->arena, item->parents, item->parent_count,
                                         &capacity, sizeof(*item->parents));
            }
            size_t at = (size_t)(parent - items);
            item->parents[item->parent_count++] = at;
            items[at].children++;
        } else if (snapshot_is_id(result)) {
            item->is_dead = true; /* a result of this name will never be made again */
        }
    }
}

/* Nobody will build there again: the directory was a temporary one, or the project was moved. */
static bool is_gone(const struct reading *reading, struct str path) {
    struct stat status;
    return path.len > 0 && path.data[0] == '/' &&
           lstat(str_dup(reading->arena, path), &status) < 0 &&
           (errno == ENOENT || errno == ENOTDIR);
}

static int find_gone_sites(const struct reading *reading, struct error *error) {
    struct usage *usage = reading->usage;
    size_t count;
    if (cache_sites(reading->cache, reading->arena, &usage->gone_sites, &count, error)) {
        return -1;
    }
    usage->gone_site_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct cache_site *site = &usage->gone_sites[i];
        if (is_gone(reading, site->context) || is_gone(reading, site->dockerfile)) {
            usage->gone_sites[usage->gone_site_count++] = *site;
        }
    }
    return 0;
}

static void mark_last(const struct reading *reading, const struct cache_last *last) {
    const struct usage *usage = reading->usage;
    for (size_t i = 0; i < usage->gone_site_count; i++) {
        if (memcmp(usage->gone_sites[i].id, last->place.bytes, CACHE_SITE_SIZE) == 0) {
            return;
        }
    }
    struct usage_item *item =
        map_get(&reading->keys, str_make((const char *)last->key.bytes, sizeof(last->key.bytes)));
    if (item) {
        item->is_current = item->is_readable;
    }
}

/* What the last build of any Dockerfile that is still there had, and what was never at a place. */
static int mark_current(const struct reading *reading, struct error *error) {
    struct cache_last *last;
    size_t count;
    if (find_gone_sites(reading, error) ||
        cache_last_keys(reading->cache, reading->arena, &last, &count, error)) {
        return -1;
    }
    for (size_t i = 0; i < reading->usage->count; i++) {
        struct usage_item *item = &reading->usage->items[i];
        item->is_current = item->is_readable && !item->record.place;
    }
    for (size_t i = 0; i < count; i++) {
        mark_last(reading, &last[i]);
    }
    return 0;
}

/* True when it told either something new. */
static bool pass_between(struct usage_item *item, struct usage_item *parent) {
    bool is_changed = false;
    if (parent->is_dead && !item->is_dead) {
        item->is_dead = is_changed = true;
    }
    if (item->is_current && !parent->is_current) {
        parent->is_current = is_changed = true;
    }
    if (item->last_used > parent->last_used) {
        parent->last_used = item->last_used;
        is_changed = true;
    }
    return is_changed;
}

/* From children to parents and back until nothing changes: as often as the longest chain is long. */
static void pass_on(struct usage *usage) {
    bool is_changed = true;
    for (size_t round = 0; is_changed && round <= usage->count; round++) {
        is_changed = false;
        for (size_t i = 0; i < usage->count; i++) {
            struct usage_item *item = &usage->items[i];
            for (size_t j = 0; j < item->parent_count; j++) {
                is_changed |= pass_between(item, &usage->items[item->parents[j]]);
            }
        }
    }
}

static int mark_held(const struct reading *reading, struct error *error) {
    _cleanup_map_ struct map held = MAP_INIT;
    if (reading->store->root_fd < 0 || reading->usage->count == 0) {
        return 0;
    }
    if (build_held(reading->store, NULL, reading->arena, &held, error)) {
        return -1;
    }
    for (size_t i = 0; i < reading->usage->count; i++) {
        struct usage_item *item = &reading->usage->items[i];
        item->is_held = item->is_readable && build_is_held(&held, item->result);
    }
    return 0;
}

static int compare_newest_first(const void *left, const void *right) {
    const struct usage_item *a = left, *b = right;
    if (a->record.created != b->record.created) {
        return a->record.created > b->record.created ? -1 : 1;
    }
    return memcmp(a->record.key.bytes, b->record.key.bytes, sizeof(a->record.key.bytes));
}

static int read_all(struct reading *reading, struct error *error) {
    struct usage *usage = reading->usage;
    struct digest *keys;
    if (layer_list_read(reading->store, reading->arena, &usage->layers, error) ||
        image_list_read(reading->store, reading->arena, &usage->images, error) ||
        cache_keys(reading->cache, reading->arena, &keys, &usage->count, error)) {
        return -1;
    }
    usage->items = arena_array(reading->arena, usage->count, sizeof(*usage->items));
    for (size_t i = 0; i < usage->count; i++) {
        read_item(reading, &keys[i], &usage->items[i]);
    }
    qsort(usage->items, usage->count, sizeof(*usage->items), compare_newest_first);
    index_items(reading);
    for (size_t i = 0; i < usage->count; i++) {
        find_parents(reading, &usage->items[i]);
    }
    if (mark_current(reading, error)) {
        return -1;
    }
    pass_on(usage);
    return mark_held(reading, error);
}

int usage_read(const struct store *store, struct cache *cache, struct arena *arena,
               struct usage *out, struct error *error) {
    struct reading reading = { store, cache, arena, out, MAP_INIT, MAP_INIT };
    *out = (struct usage){ .count = 0 };
    int result = read_all(&reading, error);
    map_free(&reading.results);
    map_free(&reading.keys);
    return result;
}

int usage_measure(struct usage_item *item, struct error *error) {
    _cleanup_disk_usage_ struct disk_usage disk = DISK_USAGE_INIT;
    item->size = 0;
    return item->directory ? disk_usage_add(&disk, AT_FDCWD, item->directory, &item->size, error)
                           : 0;
}

int usage_measure_snapshots(struct usage *usage, bool is_of_victims, struct error *error) {
    for (size_t i = 0; i < usage->count; i++) {
        struct usage_item *item = &usage->items[i];
        if (item->where == USAGE_SNAPSHOT && (item->is_victim || !is_of_victims) &&
            usage_measure(item, error)) {
            return -1;
        }
    }
    return 0;
}

/* ---- questions ---- */

struct str usage_kind(const struct usage_item *item) {
    for (size_t i = 0; i < item->record.ingredient_count; i++) {
        if (str_equal_c(item->record.ingredients[i].name, "kind")) {
            return item->record.ingredients[i].value;
        }
    }
    return STR("unknown");
}

bool usage_is_in_image(const struct usage_item *item) {
    return item->where == USAGE_LAYER || item->where == USAGE_IMAGE;
}

bool usage_image_has(const struct usage *usage, const struct image *image,
                     const struct usage_item *item, struct arena *arena) {
    const struct layer **chain;
    size_t count;
    if (item->where == USAGE_IMAGE) {
        return str_equal(image->id, item->result);
    }
    if (item->where != USAGE_LAYER || image->layer.len == 0 ||
        layer_chain(&usage->layers, image->layer, arena, &chain, &count, NULL)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (str_equal(chain[i]->id, item->layer)) {
            return true;
        }
    }
    return false;
}

bool usage_matches(const struct usage_item *item, const struct usage_filter *filter, int64_t now) {
    switch (filter->test) {
    case USAGE_TEST_STAGE:
        return str_equal_nocase(item->record.stage, filter->text);
    case USAGE_TEST_KIND:
        return str_equal_nocase(usage_kind(item), filter->text);
    case USAGE_TEST_TEXT:
        return str_find(item->record.text, filter->text) != SIZE_MAX;
    case USAGE_TEST_OLDER:
        return now - item->last_used > filter->age;
    case USAGE_TEST_UNUSED:
        return !item->is_held && !usage_is_in_image(item);
    case USAGE_TEST_SUPERSEDED:
        return !item->is_dead && !item->is_current;
    case USAGE_TEST_DEAD:
        return item->is_dead;
    }
    return false;
}

/* ---- choosing ---- */

void usage_add_descendants(struct usage *usage) {
    bool is_changed = true;
    while (is_changed) {
        is_changed = false;
        for (size_t i = 0; i < usage->count; i++) {
            struct usage_item *item = &usage->items[i];
            for (size_t j = 0; !item->is_victim && j < item->parent_count; j++) {
                item->is_victim = usage->items[item->parents[j]].is_victim;
                is_changed |= item->is_victim;
            }
        }
    }
}

void usage_spare_used(struct usage *usage) {
    VEC(size_t) needed = VEC_INIT;
    bool *is_known = xcalloc(usage->count, sizeof(*is_known));
    for (size_t i = 0; i < usage->count; i++) {
        const struct usage_item *item = &usage->items[i];
        /* What is dead is of no use to the image that has it either, nor is what it was built upon. */
        if (item->is_held || (usage_is_in_image(item) && !item->is_dead)) {
            vec_push(&needed, i);
        }
    }
    while (needed.count > 0) {
        size_t at = needed.items[--needed.count];
        struct usage_item *item = &usage->items[at];
        item->is_victim = false;
        for (size_t i = 0; !is_known[at] && i < item->parent_count; i++) {
            vec_push(&needed, item->parents[i]);
        }
        is_known[at] = true;
    }
    vec_free(&needed);
    free(is_known);
}
