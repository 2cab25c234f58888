/* A cache's file before anything is done with it: is it sound, and what becomes of it if not. */
#include "base/fs.h"
#include "base/log.h"
#include "store/cache_aside.h"
#include "store/cache_copy.h"
#include "store/cache_extent.h"
#include "store/cache_stamp.h"
#include "store/cache_state.h"
#include "store/cache_verify.h"
#include "store/lock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FORMAT "bud-cache 6"
#define REPLACE_SUFFIX "-replace" /* of the lock under which damage is acted upon */
#define MAX_READERS 4096 /* threads of all processes that read at the same moment; 64 bytes each */

static const char *const table_names[CACHE_TABLES] = {
    [CACHE_META] = "meta",         [CACHE_RECORDS] = "records", [CACHE_PLACES] = "places",
    [CACHE_RESULTS] = "results",   [CACHE_LAYERS] = "layers",   [CACHE_PUBLISHED] = "published",
    [CACHE_CONTENTS] = "contents", [CACHE_NODES] = "nodes",     [CACHE_USES] = "uses",
    [CACHE_SITES] = "sites",
};

/* What is wrong with a file: NULL, nothing. */
struct verdict {
    const char *damage; /* set aside and begin anew */
    int code;           /* LMDB or errno code when it can't be opened for another reason */
};

#define FINE ((struct verdict){ NULL, 0 })
/* Nothing was ever stored in it, and now nobody wants to. */
#define EMPTY ((struct verdict){ NULL, ENODATA })

static struct verdict damaged(const char *why) {
    return (struct verdict){ why, 0 };
}

static struct verdict verdict_of(int code) {
    switch (code) {
    case MDB_INVALID:
        return damaged("it is no LMDB file");
    case MDB_VERSION_MISMATCH:
        return damaged("it is of another LMDB version");
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_PANIC:
        return damaged("its pages are damaged");
    default:
        return (struct verdict){ NULL, code };
    }
}

static bool is_torn(struct cache_file *file) {
    file->mark = cache_mark_look(file->directory, CACHE_FILE_NAME, str_of(cache_file_boot(file)));
    return file->mark == CACHE_MARK_TORN;
}

/* A writer extends the file only after it has committed. */
static bool is_truncated(MDB_env *env) {
    for (int i = 0; i < CACHE_LOOKS; i++) {
        if (!cache_extent_is_short(env)) {
            return false;
        }
        usleep(CACHE_PAUSE);
    }
    return true;
}

/* ---- checking what somebody else wrote to ---- */

static struct verdict check_head(int fd) {
    const char *why = NULL;
    for (int i = 0; fd >= 0 && i < CACHE_LOOKS; i++) { /* somebody may just be making it */
        why = cache_verify_head(fd);
        if (!why) {
            return FINE;
        }
        usleep(CACHE_PAUSE);
    }
    return why ? damaged(why) : FINE;
}

/* The file is sound as transaction ID sees it: unless somebody has committed since, the next need not check it again. */
static void vouch(const struct cache_file *file, size_t id) {
    MDB_txn *transaction;
    if (mdb_txn_begin(file->env, NULL, 0, &transaction)) {
        return;
    }
    if (mdb_txn_id(transaction) == id + 1) {
        cache_stamp_write(file->directory, CACHE_FILE_NAME);
    }
    mdb_txn_abort(transaction);
}

/* Who is overtaken every time is in good company: those who write to the file just now made sure of it when they opened
 * it. */
static struct verdict check_pages(const struct cache_file *file) {
    const char *why = NULL;
    bool is_overtaken = true;
    size_t id = 0;
    for (int i = 0; is_overtaken && i < CACHE_LOOKS; i++) {
        MDB_txn *transaction;
        int fd = -1, code = mdb_txn_begin(file->env, NULL, MDB_RDONLY, &transaction);
        if (code) {
            return verdict_of(code);
        }
        id = mdb_txn_id(transaction);
        mdb_env_get_fd(file->env, &fd);
        why = cache_verify_pages(fd, id, &is_overtaken);
        mdb_txn_abort(transaction);
    }
    if (why) {
        return damaged(why);
    }
    if (!is_overtaken && file->is_writable) {
        vouch(file, id);
    }
    return FINE;
}

/* ---- opening ---- */

static int open_tables(struct cache_file *file, MDB_txn *transaction, unsigned flags) {
    for (int i = 0; i < CACHE_TABLES; i++) {
        int code = mdb_dbi_open(transaction, table_names[i], flags, &file->tables[i]);
        if (code) {
            return code;
        }
    }
    return 0;
}

/* LMDB's values are not const, but it does not write to what it is given. */
static MDB_val val_of(const char *text) {
    return (MDB_val){ strlen(text), (void *)text };
}

static int create_tables(struct cache_file *file) {
    MDB_txn *transaction;
    int code = mdb_txn_begin(file->env, NULL, 0, &transaction);
    if (code) {
        return code;
    }
    MDB_val key = val_of("format"), value = val_of(FORMAT);
    code = open_tables(file, transaction, MDB_CREATE);
    if (code == 0) {
        code = mdb_put(transaction, file->tables[CACHE_META], &key, &value, MDB_NOOVERWRITE);
        code = code == MDB_KEYEXIST ? 0 : code;
    }
    if (code) {
        mdb_txn_abort(transaction);
        return code;
    }
    code = mdb_txn_commit(transaction);
    if (code == 0) {
        code = mdb_env_sync(file->env, 1);
    }
    if (code == 0 && mdb_txn_begin(file->env, NULL, 0, &transaction) == 0) {
        cache_stamp_write(file->directory, CACHE_FILE_NAME);
        mdb_txn_abort(transaction);
    }
    return code;
}

static struct verdict read_tables(struct cache_file *file) {
    MDB_txn *transaction;
    int code = mdb_txn_begin(file->env, NULL, MDB_RDONLY, &transaction);
    if (code) {
        return verdict_of(code);
    }
    code = open_tables(file, transaction, 0);
    MDB_val key = val_of("format"), value;
    if (code == 0) {
        code = mdb_get(transaction, file->tables[CACHE_META], &key, &value);
    }
    bool is_ours = code == 0 && value.mv_size == strlen(FORMAT) &&
                   memcmp(value.mv_data, FORMAT, value.mv_size) == 0;
    mdb_txn_commit(transaction); /* also keeps the table handles */
    if (code == MDB_NOTFOUND || code == MDB_INCOMPATIBLE) {
        return damaged("it is no cache of bud");
    }
    if (code == 0 && !is_ours) {
        return damaged("it is of another version of bud");
    }
    return verdict_of(code);
}

/* Whoever makes it may have come no further than its name. A link that leads nowhere is not nothing: what is missing may
 * only be away. */
static bool is_missing(const struct cache_file *file) {
    struct stat status;
    if (fstatat(file->directory, CACHE_FILE_NAME, &status, 0) == 0) {
        return S_ISREG(status.st_mode) && status.st_size == 0;
    }
    return fstatat(file->directory, CACHE_FILE_NAME, &status, AT_SYMLINK_NOFOLLOW) &&
           errno == ENOENT;
}

static bool is_empty(MDB_env *env) {
    MDB_envinfo info;
    return mdb_env_info(env, &info) == 0 && info.me_last_txnid == 0;
}

static void give_up(MDB_env *env, const char *message) __attribute__((noreturn));

/* PATH is that of the file or of a copy. */
static int create_env(struct cache_file *file, const char *path, unsigned flags) {
    int code = mdb_env_create(&file->env);
    if (code == 0) {
        mdb_env_set_userctx(file->env, file);
        mdb_env_set_assert(file->env, give_up);
        mdb_env_set_maxdbs(file->env, CACHE_TABLES);
        mdb_env_set_maxreaders(file->env, MAX_READERS);
        mdb_env_set_mapsize(file->env, file->map_size);
        code = mdb_env_open(file->env, path, MDB_NOSUBDIR | MDB_NOTLS | MDB_NOSYNC | flags, 0600);
    }
    return code;
}

static int open_copy(struct cache_file *file, int copy) {
    _cleanup_free_ char *path = xasprintf("/proc/self/fd/%d", copy);
    return create_env(file, path, MDB_RDONLY | MDB_NOLOCK);
}

static bool is_in_the_way(const struct cache_file *file) {
    struct stat status;
    return fstatat(file->directory, CACHE_FILE_NAME CACHE_LOCK_SUFFIX, &status, 0)
               ? fstatat(file->directory, CACHE_FILE_NAME CACHE_LOCK_SUFFIX, &status,
                         AT_SYMLINK_NOFOLLOW) == 0
               : !S_ISREG(status.st_mode);
}

/* What lies in the lock file's place and is no file, nor leads to one, goes; by one process only, that it does not take away
 * what another has made there since. */
static int make_way(const struct cache_file *file) {
    _cleanup_free_ char *path = xasprintf("%s" REPLACE_SUFFIX, file->path);
    _cleanup_lock_ struct lock lock = LOCK_INIT;
    if (!is_in_the_way(file)) {
        return 0;
    }
    _cleanup_error_ struct error error = ERROR_INIT;
    if (lock_take_path(path, LOCK_EXCLUSIVE, false, &lock, &error) ||
        (is_in_the_way(file) &&
         fs_remove_tree(file->directory, CACHE_FILE_NAME CACHE_LOCK_SUFFIX, &error))) {
        log_warn("%s" CACHE_LOCK_SUFFIX " is no file, and cannot be removed: %s", file->path,
                 error.message);
        return error.number ? error.number : EEXIST;
    }
    return 0;
}

static int open_original(struct cache_file *file, enum cache_access access) {
    int code = make_way(file);
    if (code == 0) {
        code = cache_extent_reserve(file->directory, CACHE_FILE_NAME);
    }
    return code ? code : create_env(file, file->path, access == CACHE_READ ? MDB_RDONLY : 0);
}

static struct verdict open_env(struct cache_file *file, enum cache_access access) {
    if (access == CACHE_READ && is_missing(file)) {
        return EMPTY;
    }
    bool is_copied = access == CACHE_READ && !file->is_opened_to_read &&
                     cache_copy_is_needed(file->directory, CACHE_FILE_NAME);
    bool is_checked = is_copied || !cache_stamp_is_current(file->directory, CACHE_FILE_NAME);
    if (is_checked && file->is_opened_to_read) {
        return verdict_of(EAGAIN); /* only who may write can vouch for the file afterwards */
    }
    _cleanup_fd_ int given = -1;
    if (is_copied) {
        given = cache_copy_make(file->directory, CACHE_FILE_NAME);
        if (given < 0) {
            return verdict_of(errno);
        }
    } else if (is_checked) {
        given = openat(file->directory, CACHE_FILE_NAME, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    }
    struct verdict verdict = is_checked ? check_head(given) : FINE;
    if (verdict.damage) {
        return verdict;
    }
    int code = is_copied ? open_copy(file, given) : open_original(file, access);
    if (code) {
        return verdict_of(code);
    }
    /* LMDB 0.9.24 opens this one without O_CLOEXEC; RUN's processes must not inherit it. */
    int fd;
    if (mdb_env_get_fd(file->env, &fd) == 0) {
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    if (is_empty(file->env)) {
        return access == CACHE_WRITE ? verdict_of(create_tables(file)) : EMPTY;
    }
    if (is_truncated(file->env)) {
        return damaged("it is truncated");
    }
    verdict = is_checked ? check_pages(file) : FINE;
    return verdict.damage || verdict.code ? verdict : read_tables(file);
}

/* What can be told without opening it: of some things, FIFOs among them, that alone would take for ever. */
static struct verdict look_at(struct cache_file *file, enum cache_access access) {
    struct stat status;
    if (fstatat(file->directory, CACHE_FILE_NAME, &status, 0) == 0 && !S_ISREG(status.st_mode)) {
        return damaged("it is no LMDB file");
    }
    if (is_torn(file) && !(access == CACHE_READ && is_missing(file))) {
        return damaged("the machine went down before it was written out");
    }
    return FINE;
}

static struct verdict try_open(struct cache_file *file, enum cache_access access) {
    file->is_writable = access == CACHE_WRITE;
    struct verdict verdict = look_at(file, access);
    if (!verdict.damage) {
        verdict = open_env(file, access);
    }
    if (verdict.damage || verdict.code) {
        if (file->env) {
            mdb_env_close(file->env);
        }
        file->env = NULL;
        file->is_writable = false;
    }
    return verdict;
}

static int set_aside(const struct cache_file *file, const char *why, struct error *error) {
    _cleanup_free_ char *name = NULL;
    if (cache_aside_put(file->directory, CACHE_FILE_NAME, &name, error)) {
        return -1;
    }
    if (name) {
        log_warn("the build cache %s is not usable: %s; it was set aside as %s and a new one is "
                 "begun",
                 file->path, why, name);
    }
    return 0;
}

/* The little that was written of the new one takes its place. */
static void drop_aside(const struct cache_file *file) {
    _cleanup_free_ char *name = NULL;
    cache_aside_put(file->directory, CACHE_FILE_NAME, &name, NULL);
    log_warn("the disk has no room for another build cache: the one that was set aside is removed");
}

/* LMDB met pages that make no sense, deep inside a call that cannot fail. Nothing but the cache is lost by ending here,
 * and by setting the file aside the next run is spared. */
static void give_up(MDB_env *env, const char *message) {
    struct cache_file *file = mdb_env_get_userctx(env);
    _cleanup_error_ struct error error = ERROR_INIT;
    log_error("the build cache %s is damaged (%s)", file->path, message);
    if (!file->is_writable) {
        log_error("delete %s, or let a build set it aside", file->path);
    } else if (set_aside(file, "its pages are damaged", &error)) {
        log_error("%s; delete %s", error.message, file->path);
    } else {
        log_error("run the command again");
    }
    _exit(125);
}

/* Under a lock of its own, so that of several processes that notice the damage only one acts on it. */
static int replace_damaged(struct cache_file *file, struct verdict *verdict, struct error *error) {
    _cleanup_free_ char *path = xasprintf("%s" REPLACE_SUFFIX, file->path);
    _cleanup_lock_ struct lock lock = LOCK_INIT;
    if (lock_take_path(path, LOCK_EXCLUSIVE, false, &lock, error)) {
        return -1;
    }
    *verdict = try_open(file, CACHE_WRITE);
    if (!verdict->damage) {
        return 0;
    }
    if (set_aside(file, verdict->damage, error)) {
        return -1;
    }
    *verdict = try_open(file, CACHE_WRITE);
    if (verdict->code == ENOSPC || verdict->code == EDQUOT) {
        drop_aside(file);
        *verdict = try_open(file, CACHE_WRITE);
    }
    return 0;
}

void cache_open_best(struct cache_file *file, enum cache_access access) {
    struct verdict verdict = try_open(file, access);
    if (verdict.damage && access == CACHE_WRITE) {
        _cleanup_error_ struct error error = ERROR_INIT;
        if (replace_damaged(file, &verdict, &error)) {
            log_warn("the build cache %s cannot be set aside: %s", file->path, error.message);
        }
    }
    bool is_refused = !verdict.damage && access == CACHE_WRITE &&
                      (verdict.code == EACCES || verdict.code == EPERM || verdict.code == EROFS);
    if (is_refused) {
        verdict = try_open(file, CACHE_READ);
    }
    bool is_used = !verdict.damage && (verdict.code == 0 || verdict.code == ENODATA);
    if (is_used && is_refused && file->is_forgiving) { /* the others fail, and say so */
        log_warn("the build cache %s cannot be written: nothing will be remembered", file->path);
    }
    if (!is_used) {
        file->is_unreadable = true;
        file->is_damaged = verdict.damage && access == CACHE_READ;
        log_warn("the build cache %s is not used: %s", file->path,
                 verdict.damage ? verdict.damage : mdb_strerror(verdict.code));
    }
    if (file->is_writable) {
        mdb_reader_check(file->env, NULL);
    }
    if (file->is_writable && file->mark == CACHE_MARK_LEFT) {
        cache_sync(file); /* in the place of who was killed */
    }
}

void cache_open_to_write(struct cache_file *file) {
    if (!file->is_opened_to_read) {
        return;
    }
    pthread_rwlock_wrlock(&file->map_lock);
    if (file->is_opened_to_read) {
        file->is_opened_to_read = false;
        mdb_env_close(file->env);
        file->env = NULL;
        cache_open_best(file, CACHE_WRITE);
    }
    pthread_rwlock_unlock(&file->map_lock);
}

bool cache_open_to_read(struct cache_file *file) {
    if (faccessat(file->directory, CACHE_FILE_NAME, W_OK, AT_EACCESS)) {
        return false;
    }
    file->is_opened_to_read = true;
    struct verdict verdict = try_open(file, CACHE_READ);
    file->is_opened_to_read = !verdict.damage && verdict.code == 0;
    file->is_writable = file->is_opened_to_read;
    if (file->is_opened_to_read && file->mark == CACHE_MARK_LEFT) {
        cache_open_to_write(file); /* once after a kill, and it is written out */
        return true;
    }
    return file->is_opened_to_read;
}
