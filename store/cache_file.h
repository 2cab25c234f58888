/* cache_file: the LMDB file under the cache, its tables and transactions.
 *
 * Commits are not synced one by one: that would stall builds for whatever else the disk has to write. Instead the file
 * `cache.mdb-unsynced`, itself made durable before the first unsynced commit, names the boot in which such commits
 * were made. It is removed after a sync: when nothing was committed for a second, in the background; when a cache that
 * wrote is closed; and by the next who may write, where whoever committed was killed. A file of another boot that is still
 * marked may be torn in ways LMDB cannot see, and is set aside like any damaged one.
 *
 * One process must not open the same file twice (LMDB's locks belong to the process). A handle may be used by any
 * number of threads, but not in a forked child. */
#ifndef BUD_STORE_CACHE_FILE_H
#define BUD_STORE_CACHE_FILE_H

#include "store/cache.h"

#include <lmdb.h>

enum cache_table {
    CACHE_META, /* "format" -> version text; "all found" -> time, unless the last build ran something */
    CACHE_RECORDS,   /* key -> record */
    CACHE_PLACES,    /* place -> key of its last record */
    CACHE_RESULTS,   /* result + key -> nothing */
    CACHE_LAYERS,    /* snapshot ID -> struct cache_layer */
    CACHE_PUBLISHED, /* snapshot ID -> layer ID */
    CACHE_CONTENTS,  /* selection -> content digest */
    CACHE_NODES,     /* directory -> node of the context index */
    CACHE_USES,      /* key -> struct cache_use */
    CACHE_SITES,     /* ID -> paths of a struct cache_site */
    CACHE_TABLES,
};

#define BOOT_ID_LEN 36

struct cache_file;

/* Opens DIRECTORY/cache.mdb, created with CACHE_WRITE. Never fails: with a file that cannot be used, reading finds
 * nothing and writing does nothing, after a warning. MAP_SIZE bytes of address space are reserved; it grows by itself
 * when the file does. */
struct cache_file *cache_file_open(const char *directory, enum cache_access access,
                                   size_t map_size);
void cache_file_close(struct cache_file *file);
/* False when there is a file that could not be read: not finding something in it says nothing then. */
bool cache_file_is_readable(const struct cache_file *file);
/* There is none, or nothing was ever stored in it: that a transaction cannot begin says that nothing is there. */
bool cache_file_is_empty(struct cache_file *file);
/* Because it is damaged, and was opened only to be read: who opens it to write sets it aside. */
bool cache_file_is_damaged(const struct cache_file *file);
bool cache_file_is_writable(const struct cache_file *file);
MDB_dbi cache_file_table(const struct cache_file *file, enum cache_table table);
/* This boot's ID, BOOT_ID_LEN characters; read once. */
const char *cache_file_boot(struct cache_file *file);

/* A snapshot to read from, or NULL when there is nothing to read. Must be ended by the same thread before it begins
 * another or writes. */
MDB_txn *cache_file_begin_read(struct cache_file *file);
void cache_file_end_read(struct cache_file *file, MDB_txn *transaction);

/* Makes changes in one transaction; returns an LMDB or errno code. May be called again after MDB_MAP_FULL. */
typedef int cache_file_change(struct cache_file *file, MDB_txn *transaction, void *context);
/* Runs CHANGE in a transaction and commits it; without effect when the cache cannot store. Waits for other writers. */
int cache_file_write(struct cache_file *file, cache_file_change *change, void *context,
                     struct error *error);

#endif
