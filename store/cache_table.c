#include "store/cache_table.h"

#include "store/cache_record.h"

struct str cache_table_key(const struct digest *digest) {
    return str_make((const char *)digest->bytes, sizeof(digest->bytes));
}

MDB_val cache_table_value(struct str s) {
    return (MDB_val){ s.len, (void *)s.data };
}

bool cache_table_get(const struct cache_file *file, MDB_txn *transaction, enum cache_table table,
                     struct str key, struct str *payload) {
    MDB_val wanted = cache_table_value(key), value;
    return mdb_get(transaction, cache_file_table(file, table), &wanted, &value) == 0 &&
           cache_payload(key, str_make(value.mv_data, value.mv_size), payload);
}

bool cache_table_fetch(struct cache *cache, enum cache_table table, struct str key, void *out,
                       size_t size) {
    MDB_txn *transaction = cache_file_begin_read(cache->file);
    struct str payload;
    if (!transaction) {
        return false;
    }
    bool is_found =
        cache_table_get(cache->file, transaction, table, key, &payload) && payload.len == size;
    if (is_found) {
        memcpy(out, payload.data, size);
    }
    cache_file_end_read(cache->file, transaction);
    return is_found;
}

int cache_table_put(const struct cache_file *file, MDB_txn *transaction, enum cache_table table,
                    struct str key, struct str payload) {
    MDB_val wanted = cache_table_value(key), value = { CHECKSUM_SIZE + payload.len, NULL };
    int code = mdb_put(transaction, cache_file_table(file, table), &wanted, &value, MDB_RESERVE);
    if (code) {
        return code;
    }
    cache_checksum(value.mv_data, key, payload);
    memcpy((char *)value.mv_data + CHECKSUM_SIZE, payload.data, payload.len);
    return 0;
}

int cache_table_delete(const struct cache_file *file, MDB_txn *transaction, enum cache_table table,
                       struct str key) {
    MDB_val wanted = cache_table_value(key);
    int code = mdb_del(transaction, cache_file_table(file, table), &wanted, NULL);
    return code == MDB_NOTFOUND ? 0 : code;
}
