#include "parser/ignore_index.h"

/* Bytes in a row that a rule is filed under: better four, which say more, else three. */
enum { LONG = 4, SHORT = 3, FILTER_FACTOR = 16 };

/* Keys of less than LONG bytes are told from others by what they carry on top. */
enum anchor { ANCHOR_NONE = 1, ANCHOR_END = 2, ANCHOR_START = 3 };

/* Fibonacci hashing: the high bits count. */
static uint32_t hash_of(uint32_t key) {
    return key * 0x9E3779B1U;
}

/* LEN bytes, the last one lowest. */
static uint32_t key_of(const char *bytes, size_t len) {
    uint32_t key = 0;
    for (size_t i = 0; i < len; i++) {
        key = key << 8 | (unsigned char)bytes[i];
    }
    return key;
}

static uint32_t anchored_key(enum anchor anchor, const char *bytes, size_t len) {
    return (uint32_t)anchor << 28 | (uint32_t)len << 24 | key_of(bytes, len);
}

static uint32_t gram_key(const char *bytes, size_t len) {
    return len == LONG ? key_of(bytes, len) : anchored_key(ANCHOR_NONE, bytes, len);
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

/* The LEN bytes of a pattern that the fewest rules are filed under. */
struct choice {
    size_t len;
    bool is_found;
    uint32_t key;
    uint32_t count;
};

/* Of equals the last: ends of names differ more than their beginnings. */
static void choose(const struct ignore_index *index, struct str text, struct choice *choice) {
    for (size_t i = 0; i + choice->len <= text.len; i++) {
        uint32_t key = gram_key(text.data + i, choice->len);
        uint32_t count = slot_of(index, key)->count;
        if (!choice->is_found || count <= choice->count) {
            *choice = (struct choice){ choice->len, true, key, count };
        }
    }
}

static void choose_in_middle(const struct ignore_index *index, const struct glob *glob,
                             struct choice *choice) {
    char literal[2 * LONG];
    size_t len = 0;
    for (size_t i = glob->first; i < glob->last; i++) {
        if (glob->parts[i].kind != GLOB_CHARACTER) {
            len = 0;
            continue;
        }
        len += glob_unpack(glob->parts[i].character, literal + len);
        choose(index, str_make(literal, len), choice);
        if (len >= choice->len) { /* what comes next goes with all of these but the first */
            size_t kept = choice->len - 1;
            memmove(literal, literal + len - kept, kept);
            len = kept;
        }
    }
}

static bool file_under_gram(struct ignore_index *index, const struct glob *glob, size_t len,
                            size_t rule) {
    struct choice choice = { .len = len };
    choose(index, glob->head, &choice);
    choose_in_middle(index, glob, &choice);
    choose(index, glob->tail, &choice);
    if (choice.is_found) {
        file_under(index, choice.key, rule);
    }
    return choice.is_found;
}

void ignore_index_add(struct ignore_index *index, const struct glob *glob, size_t rule) {
    if (file_under_gram(index, glob, LONG, rule)) {
        return;
    }
    if (file_under_gram(index, glob, SHORT, rule)) {
        index->has_short = true;
        return;
    }
    struct str end = glob->middle == GLOB_NOTHING && glob->tail.len == 0 ? glob->head : glob->tail;
    struct str start = glob->components == 0 ? glob->head : STR_EMPTY;
    if (end.len > 0) { /* less than SHORT, as all of these */
        index->has_end[end.len] = true;
        file_under(index, anchored_key(ANCHOR_END, end.data, end.len), rule);
    } else if (start.len > 0) {
        index->has_start[start.len] = true;
        file_under(index, anchored_key(ANCHOR_START, start.data, start.len), rule);
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
    static const uint32_t none = (uint32_t)ANCHOR_NONE << 28 | SHORT << 24;
    memcpy(found, index->always, index->word_count * sizeof(*found));
    uint32_t key = 0;
    for (size_t i = 0; i < path.len; i++) {
        key =
            key << 8 | (unsigned char)path.data[i]; /* as key_of; the first few only look in vain */
        look(index, key, found);
        if (index->has_short) {
            look(index, none | (key & 0xFFFFFF), found);
        }
    }
    for (size_t len = 1; len < SHORT && len <= path.len; len++) {
        if (index->has_end[len]) {
            look(index, anchored_key(ANCHOR_END, path.data + path.len - len, len), found);
        }
        if (index->has_start[len]) {
            look(index, anchored_key(ANCHOR_START, path.data, len), found);
        }
    }
}
