/* What people do with a cache: forgetting, and looking who asks for a record. */
#include "store/cache_record.h"
#include "store/cache_table.h"

bool cache_use_read(const struct cache_file *file, MDB_txn *transaction, struct str key,
                    struct cache_use *out) {
    struct str payload;
    *out = (struct cache_use){ 0, 0 };
    return cache_table_get(file, transaction, CACHE_USES, key, &payload) &&
           cache_use_decode(payload, out);
}

bool cache_use_get(struct cache *cache, const struct digest *key, struct cache_use *out) {
    MDB_txn *transaction = cache_file_begin_read(cache->file);
    *out = (struct cache_use){ 0, 0 };
    if (!transaction) {
        return false;
    }
    bool is_found = cache_use_read(cache->file, transaction, cache_table_key(key), out);
    cache_file_end_read(cache->file, transaction);
    return is_found;
}

struct victims {
    struct cache_victim *items;
    size_t count;
};

/* A record that cannot be read is nobody's. */
static bool is_other(const struct cache_file *file, MDB_txn *transaction,
                     const struct cache_victim *victim) {
    struct str key = cache_table_key(&victim->key), payload;
    struct cache_record record;
    struct cache_claim claim;
    struct cache_use use;
    cache_use_read(file, transaction, key, &use);
    if (use.hits > victim->hits) {
        return true;
    }
    return victim->result.data &&
           cache_table_get(file, transaction, CACHE_RECORDS, key, &payload) &&
           cache_record_decode(payload, NULL, &record, &claim) &&
           !str_equal(record.result, victim->result);
}

static int forget(struct cache_file *file, MDB_txn *transaction, void *context) {
    const struct victims *victims = context;
    int code = 0;
    for (size_t i = 0; code == 0 && i < victims->count; i++) {
        struct cache_victim *victim = &victims->items[i];
        victim->is_gone = !is_other(file, transaction, victim);
        if (victim->is_gone) {
            code = cache_drop_record(file, transaction, cache_table_key(&victim->key));
        }
    }
    return code;
}

int cache_forget(struct cache *cache, struct cache_victim *victims, size_t count,
                 struct error *error) {
    struct victims list = { victims, count };
    return count == 0 ? 0 : cache_file_write(cache->file, forget, &list, error);
}

struct sweep {
    bool (*is_wanted)(void *context, struct str snapshot);
    void *context;
};

static int sweep_table(struct cache_file *file, MDB_txn *transaction, enum cache_table table,
                       const struct sweep *sweep) {
    MDB_cursor *cursor;
    int code = mdb_cursor_open(transaction, cache_file_table(file, table), &cursor);
    if (code) {
        return code;
    }
    MDB_val key, value;
    while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
        if (!sweep->is_wanted(sweep->context, str_make(key.mv_data, key.mv_size)) &&
            (code = mdb_cursor_del(cursor, 0)) != 0) {
            break;
        }
    }
    mdb_cursor_close(cursor);
    return code == MDB_NOTFOUND ? 0 : code;
}

static int sweep_snapshots(struct cache_file *file, MDB_txn *transaction, void *context) {
    int code = sweep_table(file, transaction, CACHE_LAYERS, context);
    return code ? code : sweep_table(file, transaction, CACHE_PUBLISHED, context);
}

int cache_forget_snapshots(struct cache *cache,
                           bool (*is_wanted)(void *context, struct str snapshot), void *context,
                           struct error *error) {
    struct sweep sweep = { is_wanted, context };
    return cache_file_write(cache->file, sweep_snapshots, &sweep, error);
}

static int empty_index(struct cache_file *file, MDB_txn *transaction, void *context) {
    (void)context;
    int code = mdb_drop(transaction, cache_file_table(file, CACHE_CONTENTS), 0);
    return code ? code : mdb_drop(transaction, cache_file_table(file, CACHE_NODES), 0);
}

int cache_forget_index(struct cache *cache, struct error *error) {
    return cache_file_write(cache->file, empty_index, NULL, error);
}
