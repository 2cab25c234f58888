#include "store/cache.h"

#include "base/vec.h"
#include "store/cache_file.h"
#include "store/cache_record.h"
#include "store/cache_table.h"

#include <errno.h>
#include <stdlib.h>

#define MAX_RESULT 200             /* an LMDB key has at most 511 bytes */
#define MAP_SIZE ((size_t)4 << 30) /* address space, not memory or disk */

int cache_open(const struct store *store, enum cache_access access, struct cache **out,
               struct error *error) {
    (void)error; /* a cache that cannot be used is an empty one */
    _cleanup_free_ char *directory = xasprintf("%s/bud", store->root);
    struct cache *cache = xcalloc(1, sizeof(*cache));
    cache->file = cache_file_open(directory, access, MAP_SIZE);
    *out = cache;
    return 0;
}

void cache_close(struct cache *cache) {
    if (cache) {
        cache_file_close(cache->file);
        free(cache);
    }
}

bool cache_is_writable(const struct cache *cache) {
    return cache_file_is_writable(cache->file);
}

bool cache_is_readable(const struct cache *cache) {
    return cache_file_is_readable(cache->file);
}

bool cache_is_damaged(const struct cache *cache) {
    return cache_file_is_damaged(cache->file);
}

/* A copy of the payload in ARENA, in a transaction of its own. */
static bool fetch(struct cache *cache, enum cache_table table, struct str key, struct arena *arena,
                  struct str *payload) {
    MDB_txn *transaction = cache_file_begin_read(cache->file);
    if (!transaction) {
        return false;
    }
    bool is_found = cache_table_get(cache->file, transaction, table, key, payload);
    if (is_found) {
        *payload = str_make(arena_memdup(arena, payload->data, payload->len), payload->len);
    }
    cache_file_end_read(cache->file, transaction);
    return is_found;
}

/* One value to store, for most of the tables. */
struct store_one {
    enum cache_table table;
    struct str key;
    struct str payload;
};

static int store_one(struct cache_file *file, MDB_txn *transaction, void *context) {
    const struct store_one *one = context;
    return cache_table_put(file, transaction, one->table, one->key, one->payload);
}

static int store_value(struct cache *cache, enum cache_table table, struct str key,
                       struct str payload, struct error *error) {
    struct store_one one = { table, key, payload };
    return cache_file_write(cache->file, store_one, &one, error);
}

static bool is_believed(struct cache_file *file, const struct cache_claim *claim) {
    return claim->is_settled || memcmp(claim->boot, cache_file_boot(file), BOOT_ID_LEN) == 0;
}

bool cache_lookup(struct cache *cache, const struct digest *key, struct arena *arena,
                  struct cache_record *out) {
    struct str payload;
    struct cache_record record;
    struct cache_claim claim;
    if (!fetch(cache, CACHE_RECORDS, cache_table_key(key), arena, &payload) ||
        !cache_record_decode(payload, arena, &record, &claim) ||
        !is_believed(cache->file, &claim)) {
        return false;
    }
    record.key = *key;
    *out = record;
    return true;
}

enum cache_lack cache_lack(struct cache *cache, const struct digest *key) {
    MDB_txn *transaction = cache_file_begin_read(cache->file);
    MDB_val wanted = cache_table_value(cache_table_key(key)), value;
    struct str payload;
    struct cache_record record;
    struct cache_claim claim;
    if (!transaction) {
        return cache_file_is_empty(cache->file) ? CACHE_LACKS_RECORD : CACHE_LACKS_SENSE;
    }
    int code = mdb_get(transaction, cache_file_table(cache->file, CACHE_RECORDS), &wanted, &value);
    bool makes_sense =
        code == 0 &&
        cache_payload(cache_table_key(key), str_make(value.mv_data, value.mv_size), &payload) &&
        cache_record_decode(payload, NULL, &record, &claim);
    cache_file_end_read(cache->file, transaction);
    return code == MDB_NOTFOUND ? CACHE_LACKS_RECORD
           : makes_sense        ? CACHE_LACKS_SYNC
                                : CACHE_LACKS_SENSE;
}

/* Key of the index from results to records. */
static void result_key(struct buf *out, struct str result, struct str key) {
    buf_reset(out);
    buf_append_str(out, result);
    buf_append_str(out, key);
}

/* Removes the index entry of the record that is stored under KEY, if any. */
static int unindex(const struct cache_file *file, MDB_txn *transaction, struct str key) {
    struct str payload;
    struct cache_record record;
    struct cache_claim claim;
    if (!cache_table_get(file, transaction, CACHE_RECORDS, key, &payload) ||
        !cache_record_decode(payload, NULL, &record, &claim)) {
        return 0;
    }
    _cleanup_buf_ struct buf index = BUF_INIT;
    result_key(&index, record.result, key);
    return cache_table_delete(file, transaction, CACHE_RESULTS, buf_str(&index));
}

struct store_record {
    const struct cache_record *record;
    const struct digest *place;
    struct cache_claim claim;
};

/* What the record replaces: the last one of its place, or, when that is itself from before, what that one replaced. */
static bool find_previous(const struct cache_file *file, MDB_txn *transaction, struct str key,
                          const struct digest *place, struct digest *out) {
    struct str payload;
    struct cache_record old;
    struct cache_claim claim;
    if (!cache_table_get(file, transaction, CACHE_PLACES, cache_table_key(place), &payload) ||
        payload.len != sizeof(*out)) {
        return false;
    }
    if (!str_equal(payload, key)) {
        memcpy(out, payload.data, sizeof(*out));
        return !digest_is_zero(out);
    }
    if (!cache_table_get(file, transaction, CACHE_RECORDS, key, &payload) ||
        !cache_record_decode(payload, NULL, &old, &claim) || !old.previous) {
        return false;
    }
    *out = *old.previous;
    return true;
}

static void encode(struct buf *out, const struct cache_file *file, MDB_txn *transaction,
                   const struct store_record *change) {
    struct cache_record record = *change->record;
    struct digest previous;
    record.place = change->place;
    record.previous =
        change->place && find_previous(file, transaction, cache_table_key(&record.key),
                                       change->place, &previous)
            ? &previous
            : NULL;
    cache_record_encode(out, &record, &change->claim);
}

static int store_record(struct cache_file *file, MDB_txn *transaction, void *context) {
    const struct store_record *change = context;
    struct str key = cache_table_key(&change->record->key);
    _cleanup_buf_ struct buf index = BUF_INIT;
    _cleanup_buf_ struct buf payload = BUF_INIT;
    encode(&payload, file, transaction, change);
    int code = unindex(file, transaction, key);
    if (code == 0) {
        result_key(&index, change->record->result, key);
        code = cache_table_put(file, transaction, CACHE_RESULTS, buf_str(&index), STR_EMPTY);
    }
    if (code == 0) {
        code = cache_table_put(file, transaction, CACHE_RECORDS, key, buf_str(&payload));
    }
    return code || !change->place ? code
                                  : cache_table_put(file, transaction, CACHE_PLACES,
                                                    cache_table_key(change->place), key);
}

int cache_store(struct cache *cache, const struct cache_record *record, const struct digest *place,
                struct error *error) {
    if (record->result.len > MAX_RESULT) {
        return error_set(error, ERROR_FAILED, "a cached result's name has %zu bytes, more than %d",
                         record->result.len, MAX_RESULT);
    }
    struct store_record change = { record, place, { .is_settled = false } };
    memcpy(change.claim.boot, cache_file_boot(cache->file), BOOT_ID_LEN);
    return cache_file_write(cache->file, store_record, &change, error);
}

struct telling {
    const struct digest *key;
    struct str text;
    const struct ingredient *ingredients;
    size_t count;
};

static int tell(struct cache_file *file, MDB_txn *transaction, void *context) {
    const struct telling *telling = context;
    struct str key = cache_table_key(telling->key), payload;
    struct cache_record record;
    struct cache_claim claim;
    _cleanup_buf_ struct buf out = BUF_INIT;
    if (!cache_table_get(file, transaction, CACHE_RECORDS, key, &payload) ||
        !cache_record_decode(payload, NULL, &record, &claim)) {
        return 0; /* removed meanwhile */
    }
    record.text = telling->text;
    record.ingredients = telling->ingredients;
    record.ingredient_count = telling->count;
    cache_record_encode(&out, &record, &claim);
    return cache_table_put(file, transaction, CACHE_RECORDS, key, buf_str(&out));
}

int cache_tell(struct cache *cache, const struct digest *key, struct str text,
               const struct ingredient *ingredients, size_t count, struct error *error) {
    struct telling telling = { key, text, ingredients, count };
    return cache_file_write(cache->file, tell, &telling, error);
}

int cache_drop_record(struct cache_file *file, MDB_txn *transaction, struct str key) {
    int code = unindex(file, transaction, key);
    if (code == 0) {
        code = cache_table_delete(file, transaction, CACHE_RECORDS, key);
    }
    return code ? code : cache_table_delete(file, transaction, CACHE_USES, key);
}

struct key_list {
    const struct digest *keys;
    size_t count;
};

static int settle_record(struct cache_file *file, MDB_txn *transaction, struct str key) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct str payload;
    struct cache_record record;
    struct cache_claim claim;
    if (!cache_table_get(file, transaction, CACHE_RECORDS, key, &payload) ||
        !cache_record_decode(payload, &arena, &record, &claim) || claim.is_settled ||
        !is_believed(file, &claim)) {
        return 0;
    }
    _cleanup_buf_ struct buf settled = BUF_INIT;
    claim.is_settled = true;
    cache_record_encode(&settled, &record, &claim);
    return cache_table_put(file, transaction, CACHE_RECORDS, key, buf_str(&settled));
}

static int settle_records(struct cache_file *file, MDB_txn *transaction, void *context) {
    const struct key_list *list = context;
    int code = 0;
    for (size_t i = 0; code == 0 && i < list->count; i++) {
        code = settle_record(file, transaction, cache_table_key(&list->keys[i]));
    }
    return code;
}

bool cache_is_settled(struct cache *cache, const struct digest *keys, size_t count) {
    MDB_txn *transaction = cache_file_begin_read(cache->file);
    struct str payload;
    struct cache_record record;
    struct cache_claim claim;
    bool result = true;
    for (size_t i = 0; transaction && result && i < count; i++) {
        result = !cache_table_get(cache->file, transaction, CACHE_RECORDS,
                                  cache_table_key(&keys[i]), &payload) ||
                 !cache_record_decode(payload, NULL, &record, &claim) || claim.is_settled;
    }
    if (transaction) {
        cache_file_end_read(cache->file, transaction);
    }
    return result;
}

int cache_settle(struct cache *cache, const struct digest *keys, size_t count,
                 struct error *error) {
    struct key_list list = { keys, count };
    return cache_is_settled(cache, keys, count)
               ? 0
               : cache_file_write(cache->file, settle_records, &list, error);
}

int cache_each_entry(struct cache *cache, enum cache_table table,
                     void (*visit)(void *context, struct str key, struct str value), void *context,
                     struct error *error) {
    MDB_txn *transaction = cache_file_begin_read(cache->file);
    if (!transaction) {
        return 0;
    }
    MDB_cursor *cursor;
    int code = mdb_cursor_open(transaction, cache_file_table(cache->file, table), &cursor);
    if (code == 0) {
        MDB_val key, value;
        while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
            visit(context, str_make(key.mv_data, key.mv_size),
                  str_make(value.mv_data, value.mv_size));
        }
        mdb_cursor_close(cursor);
    }
    cache_file_end_read(cache->file, transaction);
    return code == MDB_NOTFOUND ? 0
                                : error_set(error, ERROR_CORRUPT, "cannot read the build cache: %s",
                                            mdb_strerror(code));
}

struct key_list_in_arena {
    struct arena *arena;
    struct digest *items;
    size_t count, capacity;
};

static void add_key(void *context, struct str key, struct str value) {
    struct key_list_in_arena *list = context;
    struct digest digest;
    (void)value;
    if (key.len == sizeof(digest.bytes)) {
        memcpy(digest.bytes, key.data, sizeof(digest.bytes));
        arena_vec_push(list->arena, list, digest);
    }
}

int cache_keys(struct cache *cache, struct arena *arena, struct digest **keys, size_t *count,
               struct error *error) {
    struct key_list_in_arena list = { .arena = arena };
    int result = cache_each_entry(cache, CACHE_RECORDS, add_key, &list, error);
    *keys = list.items;
    *count = list.count;
    return result;
}

struct visiting {
    struct cache *cache;
    void (*visit)(void *context, const struct cache_record *record);
    void *context;
};

static void visit_record(void *context, struct str key, struct str value) {
    const struct visiting *visiting = context;
    struct cache_record record;
    struct cache_claim claim;
    struct str payload;
    if (key.len == sizeof(record.key) && cache_payload(key, value, &payload) &&
        cache_record_decode(payload, NULL, &record, &claim) &&
        is_believed(visiting->cache->file, &claim)) {
        memcpy(&record.key, key.data, sizeof(record.key));
        visiting->visit(visiting->context, &record);
    }
}

int cache_each(struct cache *cache, void (*visit)(void *context, const struct cache_record *record),
               void *context, struct error *error) {
    struct visiting visiting = { cache, visit, context };
    return cache_each_entry(cache, CACHE_RECORDS, visit_record, &visiting, error);
}

/* Is there a believable record under KEY with this result? The index may know more than the records. */
static bool has_record(struct cache_file *file, MDB_txn *transaction, struct str key,
                       struct str result) {
    struct str payload;
    struct cache_record record;
    struct cache_claim claim;
    return cache_table_get(file, transaction, CACHE_RECORDS, key, &payload) &&
           cache_record_decode(payload, NULL, &record, &claim) &&
           str_equal(record.result, result) && is_believed(file, &claim);
}

bool cache_has_result(struct cache *cache, struct str result) {
    MDB_txn *transaction = cache_file_begin_read(cache->file);
    MDB_cursor *cursor;
    if (!transaction) {
        return !cache_file_is_empty(cache->file);
    }
    bool is_found = false;
    int code = mdb_cursor_open(transaction, cache_file_table(cache->file, CACHE_RESULTS), &cursor);
    if (code == 0) {
        MDB_val at = cache_table_value(result), value;
        code = result.len == 0 ? MDB_NOTFOUND : mdb_cursor_get(cursor, &at, &value, MDB_SET_RANGE);
        for (; code == 0 && !is_found; code = mdb_cursor_get(cursor, &at, &value, MDB_NEXT)) {
            struct str entry = str_make(at.mv_data, at.mv_size);
            if (!str_has_prefix(entry, result)) {
                break;
            }
            struct str key = str_from(entry, result.len);
            is_found = key.len == sizeof(struct digest) &&
                       has_record(cache->file, transaction, key, result);
        }
        mdb_cursor_close(cursor);
    }
    cache_file_end_read(cache->file, transaction);
    return is_found || (code != 0 && code != MDB_NOTFOUND);
}

bool cache_layer_get(struct cache *cache, const char *snapshot, struct arena *arena,
                     struct cache_layer *out) {
    struct str payload;
    return fetch(cache, CACHE_LAYERS, str_of(snapshot), arena, &payload) &&
           str_has_suffix(payload, str_make(cache_file_boot(cache->file), BOOT_ID_LEN)) &&
           cache_layer_decode(payload, arena, out);
}

int cache_layer_put(struct cache *cache, const char *snapshot, const struct cache_layer *layer,
                    struct error *error) {
    _cleanup_buf_ struct buf payload = BUF_INIT;
    cache_layer_encode(&payload, layer);
    buf_append(&payload, cache_file_boot(cache->file), BOOT_ID_LEN);
    return store_value(cache, CACHE_LAYERS, str_of(snapshot), buf_str(&payload), error);
}

bool cache_published_get(struct cache *cache, const char *snapshot, struct cache_publication *out) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct str payload;
    return fetch(cache, CACHE_PUBLISHED, str_of(snapshot), &arena, &payload) &&
           cache_publication_decode(payload, out);
}

struct publications {
    const char *const *snapshots;
    const struct cache_publication *items;
    size_t count;
};

static int store_publications(struct cache_file *file, MDB_txn *transaction, void *context) {
    const struct publications *publications = context;
    int code = 0;
    for (size_t i = 0; code == 0 && i < publications->count; i++) {
        _cleanup_buf_ struct buf payload = BUF_INIT;
        cache_publication_encode(&payload, &publications->items[i]);
        code = cache_table_put(file, transaction, CACHE_PUBLISHED,
                               str_of(publications->snapshots[i]), buf_str(&payload));
    }
    return code;
}

int cache_published_put(struct cache *cache, const char *const *snapshots,
                        const struct cache_publication *publications, size_t count,
                        struct error *error) {
    struct publications list = { snapshots, publications, count };
    return count == 0 ? 0 : cache_file_write(cache->file, store_publications, &list, error);
}

bool cache_content_get(struct cache *cache, const struct digest *selection,
                       struct digest *content) {
    return cache_table_fetch(cache, CACHE_CONTENTS, cache_table_key(selection), content->bytes,
                             sizeof(content->bytes));
}

int cache_content_put(struct cache *cache, const struct digest *selection,
                      const struct digest *content, struct error *error) {
    return store_value(cache, CACHE_CONTENTS, cache_table_key(selection), cache_table_key(content),
                       error);
}

bool cache_node_get(struct cache *cache, const struct digest *directory, struct buf *node) {
    MDB_txn *transaction = cache_file_begin_read(cache->file);
    struct str payload;
    if (!transaction) {
        return false;
    }
    bool is_found = cache_table_get(cache->file, transaction, CACHE_NODES,
                                    cache_table_key(directory), &payload);
    if (is_found) {
        buf_append_str(node, payload);
    }
    cache_file_end_read(cache->file, transaction);
    return is_found;
}

struct node_list {
    const struct cache_node *nodes;
    size_t count;
};

static int store_nodes(struct cache_file *file, MDB_txn *transaction, void *context) {
    const struct node_list *list = context;
    int code = 0;
    for (size_t i = 0; code == 0 && i < list->count; i++) {
        struct str key = cache_table_key(&list->nodes[i].directory);
        code = list->nodes[i].node.len == 0
                   ? cache_table_delete(file, transaction, CACHE_NODES, key)
                   : cache_table_put(file, transaction, CACHE_NODES, key, list->nodes[i].node);
    }
    return code;
}

int cache_nodes_put(struct cache *cache, const struct cache_node *nodes, size_t count,
                    struct error *error) {
    struct node_list list = { nodes, count };
    return count == 0 ? 0 : cache_file_write(cache->file, store_nodes, &list, error);
}
