/* cache_state: what there is of an open cache file, for the files that make it up: cache_file (transactions), cache_open and
 * cache_sync. */
#ifndef BUD_STORE_CACHE_STATE_H
#define BUD_STORE_CACHE_STATE_H

#include "base/lull.h"
#include "store/cache_file.h"
#include "store/cache_mark.h"

#include <pthread.h>
#include <stdatomic.h>

/* What may be a moment in the life of a sound file is looked at so often, so many microseconds apart. */
#define CACHE_LOOKS 6
#define CACHE_PAUSE 10000

struct cache_file {
    char *path;      /* of cache.mdb */
    int directory;   /* that holds it; -1: there is none */
    size_t map_size; /* to begin with */
    MDB_env *env;    /* NULL: nothing can be read or stored */
    MDB_dbi tables[CACHE_TABLES];
    atomic_bool is_writable;
    bool is_forgiving; /* what cannot be stored is no error */
    atomic_bool is_unreadable;
    bool is_damaged; /* that is why, and who may write will set it aside */
    pthread_rwlock_t
        map_lock; /* shared by transactions, exclusive for changing the map's size, and: */
    atomic_bool is_opened_to_read; /* although is_writable; opened anew before the first change */
    pthread_mutex_t mutex;         /* for what follows */
    bool has_written;
    enum cache_mark mark; /* as the file was opened */
    int kept_mark;        /* our lock on it, under LMDB's write lock; -1: none */
    struct lull *lull;
    char boot[BOOT_ID_LEN + 1]; /* "" until read */
};

/* Opens FILE, whose directory is open, as ACCESS (CACHE_READ or CACHE_WRITE) says, or as near to that as can be. */
void cache_open_best(struct cache_file *file, enum cache_access access);
/* Most builds have nothing to store: LMDB takes less to read, and nothing can be written by mistake. False when all is
 * as it was. */
bool cache_open_to_read(struct cache_file *file);
/* Before the first change. Readers wait, and find the tables where they were. */
void cache_open_to_write(struct cache_file *file);

/* Begins a transaction that cache_end() ends without effect; or ended otherwise, with map_lock released after that. Returns
 * an LMDB or errno code. */
int cache_begin(struct cache_file *file, unsigned flags, MDB_txn **transaction);
void cache_end(struct cache_file *file, MDB_txn *transaction);

/* What all have committed is on the disk after this, and so is that it is. */
void cache_sync(struct cache_file *file);
/* The same of a struct cache_file, but nobody who wants to commit waits for the disk: where somebody has meanwhile, it is his
 * to do. */
void cache_sync_in_peace(void *file);

#endif
