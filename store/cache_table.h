/* cache_table: values with their checksums in the tables of the cache's file. Internal to the files of the cache. */
#ifndef BUD_STORE_CACHE_TABLE_H
#define BUD_STORE_CACHE_TABLE_H

#include "store/cache_file.h"

struct cache {
    struct cache_file *file;
};

struct str cache_table_key(const struct digest *digest);
/* LMDB's values are not const, but it does not write to what it is given. */
MDB_val cache_table_value(struct str s);

/* The payload under KEY, valid until the transaction ends or writes; false also when it rotted. */
bool cache_table_get(const struct cache_file *file, MDB_txn *transaction, enum cache_table table,
                     struct str key, struct str *payload);
/* The payload when it is exactly SIZE bytes, in a transaction of its own. */
bool cache_table_fetch(struct cache *cache, enum cache_table table, struct str key, void *out,
                       size_t size);
/* Calls VISIT for all entries of TABLE, in one transaction; values are as they are stored (cache_payload()). */
int cache_each_entry(struct cache *cache, enum cache_table table,
                     void (*visit)(void *context, struct str key, struct str value), void *context,
                     struct error *error);
/* These return an LMDB or errno code. Deleting what is not there is fine. */
int cache_table_put(const struct cache_file *file, MDB_txn *transaction, enum cache_table table,
                    struct str key, struct str payload);
int cache_table_delete(const struct cache_file *file, MDB_txn *transaction, enum cache_table table,
                       struct str key);
/* The uses of the record under KEY, none when nothing is known of them: false then. */
bool cache_use_read(const struct cache_file *file, MDB_txn *transaction, struct str key,
                    struct cache_use *out);
/* The record, its place in the index of results, and its uses. */
int cache_drop_record(struct cache_file *file, MDB_txn *transaction, struct str key);

#endif
