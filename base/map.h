/* map: strings to pointers, iterated in order of first insertion.
 *
 *     struct map map = MAP_INIT;
 *     map_set(&map, STR("PATH"), value);
 *     for (size_t i = 0; i < map.count; i++) use(map.entries[i].key, map.entries[i].value);
 *
 * Keys are borrowed and must outlive the map. Removal keeps the order of the rest and is O(n). */
#ifndef BUD_BASE_MAP_H
#define BUD_BASE_MAP_H

#include "base/str.h"

struct map_entry {
    struct str key;
    uint64_t hash;
    void *value;
};

struct map {
    struct map_entry *entries;
    size_t count;
    size_t capacity;
    uint32_t *slots; /* index + 1 into entries, 0 free; power-of-two sized */
    size_t slot_count;
};

#define MAP_INIT                                                                                   \
    { NULL, 0, 0, NULL, 0 }

/* The value, or NULL when KEY is absent. */
void *map_get(const struct map *map, struct str key);
bool map_has(const struct map *map, struct str key);
/* Adds KEY, or replaces its value in place. Returns true when it was new. */
bool map_set(struct map *map, struct str key, void *value);
bool map_remove(struct map *map, struct str key);
void map_free(struct map *map);
#define _cleanup_map_ _cleanup_(map_free)

#endif
