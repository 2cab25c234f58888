#include "store/cache_stamp.h"
#include "store/cache_state.h"

#include <unistd.h>

/* All is synced. Whoever calls this makes the mark's removal durable, too, or a power cut brings it back. */
static bool take_off_mark(struct cache_file *file) {
    if (cache_mark_remove(file->directory, CACHE_FILE_NAME)) {
        return false;
    }
    cache_stamp_write(file->directory, CACHE_FILE_NAME);
    return true;
}

/* Under LMDB's write lock, so that everybody's commits are in what is synced and nobody marks the file meanwhile. Not by
 * cache_begin(): who opens the file has map_lock. */
void cache_sync(struct cache_file *file) {
    MDB_txn *transaction;
    if (mdb_txn_begin(file->env, NULL, 0, &transaction)) {
        return;
    }
    struct str boot = str_of(cache_file_boot(file));
    bool is_done = cache_mark_look(file->directory, CACHE_FILE_NAME, boot) != CACHE_MARK_NONE &&
                   mdb_env_sync(file->env, 1) == 0 && take_off_mark(file);
    mdb_txn_abort(transaction);
    if (is_done) {
        fsync(file->directory);
    }
}

void cache_sync_in_peace(void *context) {
    struct cache_file *file = context;
    MDB_txn *transaction;
    int fd;
    if (cache_begin(file, 0, &transaction)) {
        return;
    }
    size_t id = mdb_txn_id(transaction);
    bool is_done = mdb_env_get_fd(file->env, &fd) == 0;
    cache_end(file, transaction);
    if (!is_done || fdatasync(fd) || cache_begin(file, 0, &transaction)) {
        return;
    }
    is_done = mdb_txn_id(transaction) == id && take_off_mark(file);
    cache_end(file, transaction);
    if (is_done) {
        fsync(file->directory);
    }
}
