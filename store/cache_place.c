/* The last build of every Dockerfile: which record it had at each place. */
#include "base/vec.h"
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
    if (code) {
        return code;
    }
    return hits->is_all ? cache_table_put(file, transaction, CACHE_META, ALL_FOUND,
                                          str_make((const char *)&hits->now, sizeof(hits->now)))
                        : cache_table_delete(file, transaction, CACHE_META, ALL_FOUND);
}

int cache_count_hits(struct cache *cache, const struct cache_place *places, size_t count,
                     bool is_all, int64_t now, struct error *error) {
    struct hits hits = { places, count, is_all, now };
    bool is_news = count > 0 || (!is_all && cache_all_found(cache) != 0);
    return is_news ? cache_file_write(cache->file, count_hits, &hits, error) : 0;
}

int64_t cache_all_found(struct cache *cache) {
    int64_t time = 0;
    cache_table_fetch(cache, CACHE_META, ALL_FOUND, &time, sizeof(time));
    return time;
}

/* ---- all places ---- */

struct last_list {
    struct arena *arena;
    struct cache_last *items;
    size_t count, capacity;
};

static void add_last(void *context, struct str key, struct str value) {
    struct last_list *list = context;
    struct cache_last last;
    struct str payload;
    if (key.len == sizeof(last.place) && cache_payload(key, value, &payload) &&
        payload.len == sizeof(last.key)) {
        memcpy(last.place.bytes, key.data, sizeof(last.place.bytes));
        memcpy(last.key.bytes, payload.data, sizeof(last.key.bytes));
        arena_vec_push(list->arena, list, last);
    }
}

int cache_last_keys(struct cache *cache, struct arena *arena, struct cache_last **last,
                    size_t *count, struct error *error) {
    struct last_list list = { .arena = arena };
    int result = cache_each_entry(cache, CACHE_PLACES, add_last, &list, error);
    *last = list.items;
    *count = list.count;
    return result;
}

/* ---- sites ---- */

static struct str site_key(const struct cache_site *site) {
    return str_make((const char *)site->id, sizeof(site->id));
}

static int put_site(struct cache_file *file, MDB_txn *transaction, void *context) {
    const struct cache_site *site = context;
    _cleanup_buf_ struct buf payload = BUF_INIT;
    cache_site_encode(&payload, site);
    return cache_table_put(file, transaction, CACHE_SITES, site_key(site), buf_str(&payload));
}

int cache_site_put(struct cache *cache, const struct cache_site *site, struct error *error) {
    MDB_txn *transaction = cache_file_begin_read(cache->file);
    struct str payload;
    bool is_known = false;
    if (transaction) {
        is_known = cache_table_get(cache->file, transaction, CACHE_SITES, site_key(site), &payload);
        cache_file_end_read(cache->file, transaction);
    }
    return is_known ? 0 : cache_file_write(cache->file, put_site, (void *)site, error);
}

struct site_list {
    struct arena *arena;
    struct cache_site *items;
    size_t count, capacity;
};

static void add_site(void *context, struct str key, struct str value) {
    struct site_list *list = context;
    struct cache_site site;
    struct str payload;
    if (key.len != sizeof(site.id) || !cache_payload(key, value, &payload) ||
        !cache_site_decode(payload, &site)) {
        return;
    }
    memcpy(site.id, key.data, sizeof(site.id));
    site.context = str_copy(list->arena, site.context);
    site.dockerfile = str_copy(list->arena, site.dockerfile);
    arena_vec_push(list->arena, list, site);
}

int cache_sites(struct cache *cache, struct arena *arena, struct cache_site **sites, size_t *count,
                struct error *error) {
    struct site_list list = { .arena = arena };
    int result = cache_each_entry(cache, CACHE_SITES, add_site, &list, error);
    *sites = list.items;
    *count = list.count;
    return result;
}

static int forget_places(struct cache_file *file, MDB_txn *transaction,
                         const struct cache_site *site) {
    MDB_cursor *cursor;
    MDB_val key = cache_table_value(site_key(site)), value;
    int code = mdb_cursor_open(transaction, cache_file_table(file, CACHE_PLACES), &cursor);
    if (code) {
        return code;
    }
    code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    while (code == 0 && str_has_prefix(str_make(key.mv_data, key.mv_size), site_key(site))) {
        code = mdb_cursor_del(cursor, 0);
        code = code ? code : mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
}

struct sites {
    const struct cache_site *items;
    size_t count;
};

static int forget_sites(struct cache_file *file, MDB_txn *transaction, void *context) {
    const struct sites *sites = context;
    int code = 0;
    for (size_t i = 0; code == 0 && i < sites->count; i++) {
        code = forget_places(file, transaction, &sites->items[i]);
        code = code
                   ? code
                   : cache_table_delete(file, transaction, CACHE_SITES, site_key(&sites->items[i]));
    }
    return code;
}

int cache_forget_sites(struct cache *cache, const struct cache_site *sites, size_t count,
                       struct error *error) {
    struct sites list = { sites, count };
    return count == 0 ? 0 : cache_file_write(cache->file, forget_sites, &list, error);
}
