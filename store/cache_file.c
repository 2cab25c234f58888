#include "store/cache_file.h"

#include "base/fs.h"
#include "base/log.h"
#include "store/cache_extent.h"
#include "store/cache_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* So many ns after the last commit, what was committed is written out, while the steps go on. */
#define LULL 1000000000

const char *cache_file_boot(struct cache_file *file) {
    pthread_mutex_lock(&file->mutex);
    if (!file->boot[0]) {
        _cleanup_buf_ struct buf text = BUF_INIT;
        memset(file->boot, '0', BOOT_ID_LEN);
        if (fs_read_file(AT_FDCWD, "/proc/sys/kernel/random/boot_id", 4096, &text, NULL) == 0 &&
            text.len >= BOOT_ID_LEN) {
            memcpy(file->boot, text.data, BOOT_ID_LEN);
        }
    }
    pthread_mutex_unlock(&file->mutex);
    return file->boot;
}

static int open_directory(const char *directory, enum cache_access access) {
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 || errno != ENOENT || access == CACHE_READ) {
        return fd;
    }
    if (mkdir(directory, 0700) && errno != EEXIST) {
        log_warn("cannot create %s: nothing will be remembered: %s", directory, strerror(errno));
    }
    return open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

struct cache_file *cache_file_open(const char *directory, enum cache_access access,
                                   size_t map_size) {
    struct cache_file *file = xcalloc(1, sizeof(*file));
    pthread_rwlock_init(&file->map_lock, NULL);
    pthread_mutex_init(&file->mutex, NULL);
    file->map_size = map_size;
    file->kept_mark = -1;
    file->lull = lull_new(LULL, cache_sync_in_peace, file);
    file->is_forgiving = access != CACHE_CHANGE;
    access = access == CACHE_CHANGE ? CACHE_WRITE : access;
    file->path = xasprintf("%s/" CACHE_FILE_NAME, directory);
    file->directory = open_directory(directory, access);
    if (file->directory >= 0) {
        if (access == CACHE_READ || !cache_open_to_read(file)) {
            cache_open_best(file, access);
        }
    } else if (errno != ENOENT) {
        file->is_unreadable = true;
        log_warn("the build cache %s cannot be read: %s", file->path, strerror(errno));
    }
    return file;
}

/* Another process made the map larger, or (FACTOR 2) we need to. */
static int resize_map(struct cache_file *file, unsigned factor) {
    MDB_envinfo info;
    pthread_rwlock_wrlock(&file->map_lock);
    int code = mdb_env_info(file->env, &info);
    if (code == 0) {
        code = mdb_env_set_mapsize(file->env, factor == 1 ? 0 : info.me_mapsize * factor);
    }
    pthread_rwlock_unlock(&file->map_lock);
    return code;
}

int cache_begin(struct cache_file *file, unsigned flags, MDB_txn **transaction) {
    for (int attempt = 0;; attempt++) {
        pthread_rwlock_rdlock(&file->map_lock);
        int code = !file->env ? ENOENT : mdb_txn_begin(file->env, NULL, flags, transaction);
        if (code == 0) {
            return 0;
        }
        pthread_rwlock_unlock(&file->map_lock);
        if (code == MDB_READERS_FULL && attempt < CACHE_LOOKS) {
            mdb_reader_check(file->env, NULL); /* the places of the dead */
            usleep(attempt > 0 ? CACHE_PAUSE : 0);
        } else if (code != MDB_MAP_RESIZED || attempt > 9 || resize_map(file, 1)) {
            return code;
        }
    }
}

void cache_end(struct cache_file *file, MDB_txn *transaction) {
    mdb_txn_abort(transaction);
    pthread_rwlock_unlock(&file->map_lock);
}

void cache_file_close(struct cache_file *file) {
    lull_free(file->lull);
    if (file->env) {
        if (file->has_written) {
            cache_sync(file);
        }
        mdb_env_close(file->env);
    }
    cleanup_fd(&file->kept_mark);
    pthread_rwlock_destroy(&file->map_lock);
    pthread_mutex_destroy(&file->mutex);
    cleanup_fd(&file->directory);
    free(file->path);
    free(file);
}

bool cache_file_is_readable(const struct cache_file *file) {
    return !file->is_unreadable;
}

bool cache_file_is_empty(struct cache_file *file) {
    pthread_rwlock_rdlock(&file->map_lock);
    bool result = !file->env && !file->is_unreadable;
    pthread_rwlock_unlock(&file->map_lock);
    return result;
}

bool cache_file_is_damaged(const struct cache_file *file) {
    return file->is_damaged;
}

bool cache_file_is_writable(const struct cache_file *file) {
    return file->is_writable;
}

MDB_dbi cache_file_table(const struct cache_file *file, enum cache_table table) {
    return file->tables[table];
}

MDB_txn *cache_file_begin_read(struct cache_file *file) {
    MDB_txn *transaction;
    int code = cache_begin(file, MDB_RDONLY, &transaction);
    if (code && code != ENOENT) {
        log_debug("the build cache %s cannot be read: %s", file->path, mdb_strerror(code));
    }
    return code ? NULL : transaction;
}

void cache_file_end_read(struct cache_file *file, MDB_txn *transaction) {
    cache_end(file, transaction);
}

static int write_once(struct cache_file *file, cache_file_change *change, void *context) {
    MDB_txn *transaction;
    int code = cache_begin(file, 0, &transaction);
    if (code) {
        return code;
    }
    /* Another process may have removed the mark since we last looked. */
    code = cache_mark_set(file->directory, CACHE_FILE_NAME, str_of(cache_file_boot(file)),
                          &file->kept_mark);
    if (code == 0) {
        code = change(file, transaction, context);
    }
    if (code) {
        mdb_txn_abort(transaction);
    } else {
        code = mdb_txn_commit(transaction);
        cache_extent_restore(file->env);
    }
    pthread_rwlock_unlock(&file->map_lock);
    lull_touch(file->lull);
    return code;
}

static int fail(const struct cache_file *file, int code, struct error *error) {
    if (code > 0) { /* LMDB's own are negative */
        errno = code;
        error_system(error, "cannot write the build cache %s", file->path);
    } else {
        error_set(error, ERROR_FAILED, "cannot write the build cache %s: %s", file->path,
                  mdb_strerror(code));
    }
    return error_hint(error, "free some space; the cache may be deleted while no build runs");
}

static int do_without(struct cache_file *file, int code) {
    if (atomic_exchange(&file->is_writable, false)) {
        log_warn("cannot write the build cache %s: %s; nothing more is remembered", file->path,
                 mdb_strerror(code));
    }
    return 0;
}

int cache_file_write(struct cache_file *file, cache_file_change *change, void *context,
                     struct error *error) {
    if (!file->is_writable) {
        return 0;
    }
    cache_open_to_write(file);
    if (!file->is_writable) {
        return 0;
    }
    pthread_mutex_lock(&file->mutex);
    file->has_written = true;
    pthread_mutex_unlock(&file->mutex);
    int code;
    do {
        code = write_once(file, change, context);
    } while (code == MDB_MAP_FULL && resize_map(file, 2) == 0);
    if (code == 0) {
        return 0;
    }
    return file->is_forgiving ? do_without(file, code) : fail(file, code, error);
}
