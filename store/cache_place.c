/* The last build of every Dockerfile: which record it had at each place. */
#include "store/cache_record.h"
#include "store/cache_table.h"

#define ALL_FOUND STR("all found") /* in CACHE_META */

bool cache_last_at(struct cache *cache, const struct digest *place, struct digest *key) {
    return cache_table_fetch(cache, CACHE_PLACES, cache_table_key(place), key->bytes,
                             sizeof(key->bytes));
}

static bool is_last(const struct cache_file *file, MDB_txn *transaction,
                    const struct cache_place *place) {
    struct str key;
    bool is_known =
        cache_table_get(file, transaction, CACHE_PLACES, cache_table_key(&place->place), &key);
    return place->key ? is_known && str_equal(key, cache_table_key(place->key)) : !is_known;
}

bool cache_places_are(struct cache *cache, const struct cache_place *places, size_t count) {
    MDB_txn *transaction = cache_file_begin_read(cache->file);
    bool result = transaction != NULL;
    for (size_t i = 0; result && i < count; i++) {
        result = is_last(cache->file, transaction, &places[i]);
    }
    if (transaction) {
        cache_file_end_read(cache->file, transaction);
    }
    return result;
}

struct hits {
    const struct cache_place *places;
    size_t count;
    bool is_all;
    int64_t now;
};

static int count_hit(struct cache_file *file, MDB_txn *transaction, struct str key, int64_t now) {
    struct cache_use use;
    _cleanup_buf_ struct buf payload = BUF_INIT;
    cache_use_read(file, transaction, key, &use);
    use.hits++;
    use.last = now > use.last ? now : use.last;
    cache_use_encode(&payload, &use);
    return cache_table_put(file, transaction, CACHE_USES, key, buf_str(&payload));
}

static int renew_place(struct cache_file *file, MDB_txn *transaction,
                       const struct cache_place *place) {
    struct str at = cache_table_key(&place->place);
    if (is_last(file, transaction, place)) {
        return 0;
    }
    return place->key
               ? cache_table_put(file, transaction, CACHE_PLACES, at, cache_table_key(place->key))
               : cache_table_delete(file, transaction, CACHE_PLACES, at);
}

struct place_list {
    const struct cache_place *items;
    size_t count;
};

static int put_places(struct cache_file *file, MDB_txn *transaction, void *context) {
    const struct place_list *places = context;
    int code = 0;
    for (size_t i = 0; code == 0 && i < places->count; i++) {
        code = renew_place(file, transaction, &places->items[i]);
    }
    return code;
}

int cache_places_put(struct cache *cache, const struct cache_place *places, size_t count,
                     struct error *error) {
    struct place_list list = { places, count };
    return count == 0 ? 0 : cache_file_write(cache->file, put_places, &list, error);
}

static int count_hits(struct cache_file *file, MDB_txn *transaction, void *context) {
    const struct hits *hits = context;
    int code = 0;
    for (size_t i = 0; code == 0 && i < hits->count; i++) {
        const struct cache_place *place = &hits->places[i];
        bool is_record = place->key && !digest_is_zero(place->key);
        struct str record;
        if (is_record && !cache_table_get(file, transaction, CACHE_RECORDS,
                                          cache_table_key(place->key), &record)) {
            continue; /* removed meanwhile */
        }
        code = renew_place(file, transaction, place);
        if (code == 0 && is_record) {
            code = count_hit(file, transaction, cache_table_key(place->key), hits->now);
        }
    }
    return code || !hits->is_all
               ? code
               : cache_table_put(file, transaction, CACHE_META, ALL_FOUND,
                                 str_make((const char *)&hits->now, sizeof(hits->now)));
}

int cache_count_hits(struct cache *cache, const struct cache_place *places, size_t count,
                     bool is_all, int64_t now, struct error *error) {
    struct hits hits = { places, count, is_all, now };
    return count == 0 ? 0 : cache_file_write(cache->file, count_hits, &hits, error);
}

int64_t cache_all_found(struct cache *cache) {
    int64_t time = 0;
    cache_table_fetch(cache, CACHE_META, ALL_FOUND, &time, sizeof(time));
    return time;
}
