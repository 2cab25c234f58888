#include "base/map.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/auxv.h>

static uint64_t rotate(uint64_t value, unsigned bits) {
    return value << bits | value >> (64 - bits);
}

static void sip_round(uint64_t v[4]) {
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word) {
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

/* SipHash-1-3. Keys come from Dockerfiles and images, so the hash must not be predictable; its seed is the
 * randomness the kernel gives every process, which needs neither a global nor a lock. */
static uint64_t hash_of(struct str key) {
    uint64_t seed[2] = { 0, 0 };
    const void *random = (const void *)getauxval(AT_RANDOM);
    if (random) {
        memcpy(seed, random, sizeof(seed));
    }
    uint64_t v[4] = { seed[0] ^ 0x736f6d6570736575, seed[1] ^ 0x646f72616e646f6d,
                      seed[0] ^ 0x6c7967656e657261, seed[1] ^ 0x7465646279746573 };
    size_t at = 0;
    for (; key.len - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, key.data + at, sizeof(word));
        sip_word(v, word);
    }
    uint64_t last = (uint64_t)key.len << 56;
    if (key.len > at) {
        memcpy(&last, key.data + at, key.len - at);
    }
    sip_word(v, last);
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* The slot that holds KEY, or the free one where it belongs. There always is a free one. */
static uint32_t *slot_of(const struct map *map, struct str key, uint64_t hash) {
    for (size_t i = hash & (map->slot_count - 1);; i = (i + 1) & (map->slot_count - 1)) {
        uint32_t *slot = &map->slots[i];
        if (*slot == 0) {
            return slot;
        }
        const struct map_entry *entry = &map->entries[*slot - 1];
        if (entry->hash == hash && str_equal(entry->key, key)) {
            return slot;
        }
    }
}

static void fill_slots(struct map *map) {
    memset(map->slots, 0, map->slot_count * sizeof(*map->slots));
    for (size_t i = 0; i < map->count; i++) {
        *slot_of(map, map->entries[i].key, map->entries[i].hash) = (uint32_t)i + 1;
    }
}

/* Entries fill at most half of the slots. */
static void grow(struct map *map) {
    assert(map->count < UINT32_MAX / 4);
    map->capacity = map->capacity ? map->capacity * 2 : 8;
    map->slot_count = map->capacity * 2;
    map->entries = xrealloc(map->entries, map->capacity * sizeof(*map->entries));
    free(map->slots);
    map->slots = xcalloc(map->slot_count, sizeof(*map->slots));
    fill_slots(map);
}

static struct map_entry *find(const struct map *map, struct str key) {
    if (!map->count) {
        return NULL;
    }
    uint32_t slot = *slot_of(map, key, hash_of(key));
    return slot ? &map->entries[slot - 1] : NULL;
}

void *map_get(const struct map *map, struct str key) {
    const struct map_entry *entry = find(map, key);
    return entry ? entry->value : NULL;
}

bool map_has(const struct map *map, struct str key) {
    return find(map, key) != NULL;
}

bool map_set(struct map *map, struct str key, void *value) {
    struct map_entry *entry = find(map, key);
    if (entry) {
        entry->value = value;
        return false;
    }
    if (map->count == map->capacity) {
        grow(map);
    }
    uint64_t hash = hash_of(key);
    map->entries[map->count] = (struct map_entry){ .key = key, .hash = hash, .value = value };
    uint32_t *slot = slot_of(map, key, hash);
    map->count++;
    *slot = (uint32_t)map->count;
    return true;
}

bool map_remove(struct map *map, struct str key) {
    struct map_entry *entry = find(map, key);
    if (!entry) {
        return false;
    }
    size_t at = (size_t)(entry - map->entries);
    map->count--;
    memmove(entry, entry + 1, (map->count - at) * sizeof(*entry));
    fill_slots(map);
    return true;
}

void map_free(struct map *map) {
    free(map->entries);
    free(map->slots);
    *map = (struct map)MAP_INIT;
}
