#include "parser/ignore_index.h"

enum { GRAM = 4, FILTER_FACTOR = 16 };

/* What a key of fewer bytes carries on top; one that is taken for four bytes costs a look, no more. */
enum anchor { ANCHOR_END = 0x45, ANCHOR_START = 0x53 };

/* Fibonacci hashing: the high bits count. */
static uint32_t hash_of(uint32_t key) {
    return key * 0x9E3779B1U;
}

static uint32_t gram_at(const char *bytes) {
    uint32_t gram;
    memcpy(&gram, bytes, GRAM);
    return gram;
}

static uint32_t short_key(enum anchor anchor, const char *bytes, size_t len) {
    uint32_t key = (uint32_t)anchor << 24;
    for (size_t i = 0; i < len; i++) {
        key ^= (uint32_t)(unsigned char)bytes[i] << 8 * i;
    }
    return key ^ (uint32_t)len << 30;
}

/* ---- filing -------------------------------------------------------------------------------------------- */

void ignore_index_init(struct ignore_index *index, size_t rule_count, struct arena *arena) {
    unsigned bits = 6;
    while ((size_t)1 << bits < 2 * rule_count && bits < 28) {
        bits++;
    }
    *index = (struct ignore_index){
        .slots = arena_array(arena, (size_t)1 << bits, sizeof(*index->slots)),
        .slot_shift = 32 - bits,
        .filter = arena_array(arena, ((size_t)FILTER_FACTOR << bits) / 64, sizeof(uint64_t)),
        .filter_shift = 32 - bits - 4,
        .next = arena_array(arena, rule_count, sizeof(*index->next)),
        .always = arena_array(arena, (rule_count + 63) / 64, sizeof(*index->always)),
        .word_count = (rule_count + 63) / 64,
    };
}

static struct ignore_slot *slot_of(const struct ignore_index *index, uint32_t key) {
    size_t mask = ((size_t)1 << (32 - index->slot_shift)) - 1;
    size_t at = hash_of(key) >> index->slot_shift;
    while (index->slots[at].rule && index->slots[at].key != key) {
        at = (at + 1) & mask;
    }
    return &index->slots[at];
}

static void file_under(struct ignore_index *index, uint32_t key, size_t rule) {
    struct ignore_slot *slot = slot_of(index, key);
    uint32_t bit = hash_of(key) >> index->filter_shift;
    index->filter[bit / 64] |= (uint64_t)1 << bit % 64;
    index->next[rule] = slot->rule;
    slot->key = key;
    slot->rule = (uint32_t)rule + 1;
    slot->count++;
}

/* The place in TEXT with the fewest rules so far, the last such: ends of names differ more than their beginnings. */
static void choose(const struct ignore_index *index, struct str text, const char **best,
                   uint32_t *best_count) {
    for (size_t i = 0; i + GRAM <= text.len; i++) {
        uint32_t count = slot_of(index, gram_at(text.data + i))->count;
        if (!*best || count <= *best_count) {
            *best = text.data + i;
            *best_count = count;
        }
    }
}

/* The literal characters in the middle, where they are long enough; BYTES keeps the best of them. */
static void choose_in_middle(const struct ignore_index *index, const struct glob *glob, char *bytes,
                             const char **best, uint32_t *best_count) {
    char literal[2 * GRAM];
    size_t len = 0;
    for (size_t i = glob->first; i < glob->last; i++) {
        if (glob->parts[i].kind != GLOB_CHARACTER) {
            len = 0;
            continue;
        }
        len += glob_unpack(glob->parts[i].character, literal + len);
        const char *found = NULL;
        uint32_t count = 0;
        choose(index, str_make(literal, len), &found, &count);
        if (found && (!*best || count <= *best_count)) {
            memcpy(bytes, found, GRAM);
            *best = bytes;
            *best_count = count;
        }
        if (len >= GRAM) { /* the next gram needs all of these but the first */
            memmove(literal, literal + len - (GRAM - 1), GRAM - 1);
            len = GRAM - 1;
        }
    }
}

void ignore_index_add(struct ignore_index *index, const struct glob *glob, size_t rule) {
    const char *best = NULL;
    char bytes[GRAM];
    uint32_t count = 0;
    choose(index, glob->head, &best, &count);
    choose_in_middle(index, glob, bytes, &best, &count);
    choose(index, glob->tail, &best, &count);
    if (best) {
        file_under(index, gram_at(best), rule);
        return;
    }
    struct str end = glob->middle == GLOB_NOTHING && glob->tail.len == 0 ? glob->head : glob->tail;
    struct str start = glob->components == 0 ? glob->head : STR_EMPTY;
    if (end.len > 0) { /* less than GRAM, as all of these */
        index->has_end[end.len] = true;
        file_under(index, short_key(ANCHOR_END, end.data, end.len), rule);
    } else if (start.len > 0) {
        index->has_start[start.len] = true;
        file_under(index, short_key(ANCHOR_START, start.data, start.len), rule);
    } else {
        index->always[rule / 64] |= (uint64_t)1 << rule % 64;
    }
}

/* ---- finding ------------------------------------------------------------------------------------------- */

static inline void look(const struct ignore_index *index, uint32_t key, uint64_t *found) {
    uint32_t bit = hash_of(key) >> index->filter_shift;
    if (!(index->filter[bit / 64] >> bit % 64 & 1)) {
        return;
    }
    for (uint32_t rule = slot_of(index, key)->rule; rule; rule = index->next[rule - 1]) {
        found[(rule - 1) / 64] |= (uint64_t)1 << (rule - 1) % 64;
    }
}

void ignore_index_find(const struct ignore_index *index, struct str path, uint64_t *found) {
    memcpy(found, index->always, index->word_count * sizeof(*found));
    for (size_t i = 0; i + GRAM <= path.len; i++) {
        look(index, gram_at(path.data + i), found);
    }
    for (size_t len = 1; len < GRAM && len <= path.len; len++) {
        if (index->has_end[len]) {
            look(index, short_key(ANCHOR_END, path.data + path.len - len, len), found);
        }
        if (index->has_start[len]) {
            look(index, short_key(ANCHOR_START, path.data, len), found);
        }
    }
}
