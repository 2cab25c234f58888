#include "store/cache_extent.h"

#include "base/fs.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The first readers take the first places: a few hundred that read at the same moment. */
#define RESERVED 16384
#define BLOCK 512 /* st_blocks, stat(2) */

int cache_extent_reserve(int directory, const char *name) {
    _cleanup_free_ char *path = xasprintf("%s" CACHE_LOCK_SUFFIX, name);
    struct stat status;
    if (fstatat(directory, path, &status, 0) == 0 && status.st_blocks * BLOCK >= RESERVED) {
        return 0;
    }
    _cleanup_fd_ int fd = openat(directory, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    /* Its size is left to LMDB, which takes one that has it for made already. */
    if (fd < 0 || fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, RESERVED) == 0) {
        return 0;
    }
    return errno == ENOSPC || errno == EDQUOT ? errno : 0;
}

bool cache_extent_is_short(MDB_env *env) {
    MDB_envinfo info;
    MDB_stat shape;
    struct stat status;
    int fd;
    return mdb_env_info(env, &info) || mdb_env_stat(env, &shape) || mdb_env_get_fd(env, &fd) ||
           fstat(fd, &status) ||
           (uint64_t)status.st_size < ((uint64_t)info.me_last_pgno + 1) * shape.ms_psize;
}

void cache_extent_restore(MDB_env *env) {
    MDB_txn *transaction;
    if (!cache_extent_is_short(env) || mdb_txn_begin(env, NULL, 0, &transaction)) {
        return;
    }
    MDB_envinfo info;
    MDB_stat shape;
    int fd;
    if (cache_extent_is_short(env) && mdb_env_info(env, &info) == 0 &&
        mdb_env_stat(env, &shape) == 0 && mdb_env_get_fd(env, &fd) == 0 &&
        ftruncate(fd, (off_t)((info.me_last_pgno + 1) * shape.ms_psize))) {
        log_debug("cannot extend the build cache: %s", strerror(errno));
    }
    mdb_txn_abort(transaction);
}
