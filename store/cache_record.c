#include "store/cache_record.h"

#include "store/crc64.h"

static void put_number(struct buf *out, uint64_t value, unsigned size) {
    for (unsigned i = 0; i < size; i++) {
        buf_append_byte(out, (char)(value >> (8 * i)));
    }
}

static void put_string(struct buf *out, struct str s) {
    put_number(out, s.len, 4);
    buf_append_str(out, s);
    buf_append_byte(out, '\0');
}

/* A reader that fails stays failed and gives zeros. */
struct reader {
    struct str left;
    bool is_bad;
};

static const char *take(struct reader *reader, size_t len) {
    if (reader->is_bad || reader->left.len < len) {
        reader->is_bad = true;
        return NULL;
    }
    const char *data = reader->left.data;
    reader->left = str_from(reader->left, len);
    return data;
}

static uint64_t take_number(struct reader *reader, unsigned size) {
    const unsigned char *bytes = (const unsigned char *)take(reader, size);
    uint64_t value = 0;
    for (unsigned i = 0; bytes && i < size; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

static struct str take_string(struct reader *reader) {
    size_t len = take_number(reader, 4);
    const char *data = take(reader, len + 1);
    if (!data || data[len] != '\0') {
        reader->is_bad = true;
        return STR_EMPTY;
    }
    return str_make(data, len);
}

/* A digest that may be missing; borrowed from the payload, whose bytes have any alignment. */
static void put_digest(struct buf *out, const struct digest *digest) {
    put_number(out, digest != NULL, 1);
    if (digest) {
        buf_append(out, digest->bytes, sizeof(digest->bytes));
    }
}

_Static_assert(_Alignof(struct digest) == 1, "digests are borrowed from the payload");

static const struct digest *take_digest(struct reader *reader) {
    return take_number(reader, 1) ? (const struct digest *)take(reader, sizeof(struct digest))
                                  : NULL;
}

void cache_checksum(unsigned char out[CHECKSUM_SIZE], struct str key, struct str payload) {
    uint64_t sum = crc64_update(CRC64_INIT, key.data, key.len);
    sum = crc64_update(sum, payload.data, payload.len);
    for (unsigned i = 0; i < CHECKSUM_SIZE; i++) {
        out[i] = (unsigned char)(sum >> (8 * i));
    }
}

bool cache_payload(struct str key, struct str value, struct str *payload) {
    unsigned char sum[CHECKSUM_SIZE];
    if (value.len < CHECKSUM_SIZE) {
        return false;
    }
    *payload = str_from(value, CHECKSUM_SIZE);
    cache_checksum(sum, key, *payload);
    return memcmp(sum, value.data, CHECKSUM_SIZE) == 0;
}

static void put_state(struct buf *out, const struct directory_state *state) {
    put_number(out, state->inode, 8);
    put_number(out, (uint64_t)state->modified, 8);
    put_number(out, (uint64_t)state->changed, 8);
    put_number(out, state->shape, 8);
}

static struct directory_state take_state(struct reader *reader) {
    struct directory_state state = { .inode = take_number(reader, 8) };
    state.modified = (int64_t)take_number(reader, 8);
    state.changed = (int64_t)take_number(reader, 8);
    state.shape = take_number(reader, 8);
    return state;
}

void cache_record_encode(struct buf *out, const struct cache_record *record,
                         const struct cache_claim *claim) {
    put_number(out, claim->is_settled, 1);
    buf_append(out, claim->boot, BOOT_ID_LEN);
    put_number(out, record->kind, 1);
    put_number(out, (uint64_t)record->created, 8);
    put_number(out, record->duration, 8);
    put_state(out, &record->state);
    put_string(out, record->result);
    put_string(out, record->parent);
    put_string(out, record->text);
    put_string(out, record->stage);
    put_string(out, record->reason);
    put_string(out, record->build);
    put_digest(out, record->place);
    put_digest(out, record->previous);
    put_number(out, record->ingredient_count, 4);
    for (size_t i = 0; i < record->ingredient_count; i++) {
        put_string(out, record->ingredients[i].name);
        put_string(out, record->ingredients[i].value);
    }
}

static void decode_ingredients(struct reader *reader, struct arena *arena,
                               struct cache_record *record) {
    size_t count = take_number(reader, 4);
    if (count > reader->left.len) { /* each takes more than one byte: no allocation for a lie */
        reader->is_bad = true;
        return;
    }
    struct ingredient *ingredients = arena_array(arena, count, sizeof(*ingredients));
    for (size_t i = 0; i < count; i++) {
        ingredients[i].name = take_string(reader);
        ingredients[i].value = take_string(reader);
    }
    record->ingredients = ingredients;
    record->ingredient_count = count;
}

bool cache_record_decode(struct str payload, struct arena *arena, struct cache_record *record,
                         struct cache_claim *claim) {
    struct reader reader = { payload, false };
    claim->is_settled = take_number(&reader, 1) != 0;
    const char *boot = take(&reader, BOOT_ID_LEN);
    if (boot) {
        memcpy(claim->boot, boot, BOOT_ID_LEN);
    }
    *record =
        (struct cache_record){ .kind = take_number(&reader, 1) == CACHE_IMAGE ? CACHE_IMAGE
                                                                              : CACHE_SNAPSHOT };
    record->created = (int64_t)take_number(&reader, 8);
    record->duration = take_number(&reader, 8);
    record->state = take_state(&reader);
    record->result = take_string(&reader);
    record->parent = take_string(&reader);
    record->text = take_string(&reader);
    record->stage = take_string(&reader);
    record->reason = take_string(&reader);
    record->build = take_string(&reader);
    record->place = take_digest(&reader);
    record->previous = take_digest(&reader);
    if (arena) {
        decode_ingredients(&reader, arena, record);
    }
    return !reader.is_bad;
}

static void put_ids(struct buf *out, const uint32_t *ids, size_t count) {
    put_number(out, count, 4);
    for (size_t i = 0; i < count; i++) {
        put_number(out, ids[i], 4);
    }
}

static void take_ids(struct reader *reader, struct arena *arena, uint32_t **ids, size_t *count) {
    *count = take_number(reader, 4);
    if (*count > reader->left.len / 4) {
        reader->is_bad = true;
        *count = 0;
    }
    *ids = arena_array(arena, *count, sizeof(**ids));
    for (size_t i = 0; i < *count; i++) {
        (*ids)[i] = (uint32_t)take_number(reader, 4);
    }
}

void cache_layer_encode(struct buf *out, const struct cache_layer *layer) {
    buf_append(out, layer->diff_id.bytes, sizeof(layer->diff_id.bytes));
    put_number(out, layer->diff_size, 8);
    put_ids(out, layer->uids, layer->uid_count);
    put_ids(out, layer->gids, layer->gid_count);
}

bool cache_layer_decode(struct str payload, struct arena *arena, struct cache_layer *layer) {
    struct reader reader = { payload, false };
    *layer = (struct cache_layer){ .diff_size = 0 };
    const char *digest = take(&reader, sizeof(layer->diff_id.bytes));
    if (digest) {
        memcpy(layer->diff_id.bytes, digest, sizeof(layer->diff_id.bytes));
    }
    layer->diff_size = take_number(&reader, 8);
    take_ids(&reader, arena, &layer->uids, &layer->uid_count);
    take_ids(&reader, arena, &layer->gids, &layer->gid_count);
    return !reader.is_bad;
}

void cache_use_encode(struct buf *out, const struct cache_use *use) {
    put_number(out, (uint64_t)use->last, 8);
    put_number(out, use->hits, 8);
}

bool cache_use_decode(struct str payload, struct cache_use *use) {
    struct reader reader = { payload, false };
    use->last = (int64_t)take_number(&reader, 8);
    use->hits = take_number(&reader, 8);
    return !reader.is_bad;
}

void cache_publication_encode(struct buf *out, const struct cache_publication *publication) {
    buf_append(out, publication->layer.text, DIGEST_HEX_LEN);
    put_state(out, &publication->state);
}

bool cache_publication_decode(struct str payload, struct cache_publication *publication) {
    struct reader reader = { payload, false };
    const char *layer = take(&reader, DIGEST_HEX_LEN);
    *publication = (struct cache_publication){ .state = take_state(&reader) };
    if (layer) {
        memcpy(publication->layer.text, layer, DIGEST_HEX_LEN);
    }
    return !reader.is_bad;
}

void cache_site_encode(struct buf *out, const struct cache_site *site) {
    put_string(out, site->context);
    put_string(out, site->dockerfile);
}

bool cache_site_decode(struct str payload, struct cache_site *site) {
    struct reader reader = { payload, false };
    *site = (struct cache_site){ .context = take_string(&reader) };
    site->dockerfile = take_string(&reader);
    return !reader.is_bad;
}
