#include "store/mount_cache.h"

#include "base/digest.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/time.h"
#include "base/vec.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define LOCK_SUFFIX ".lock"
#define NEW_INFIX ".new-" /* executor/cache_mount */
#define DOOMED_PREFIX ".removed-"
#define MAX_ID 65536

void mount_cache_note(const char *path, struct str id) {
    _cleanup_free_ char *lock = xasprintf("%s" LOCK_SUFFIX, path);
    _cleanup_fd_ int fd = open(lock, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat status;
    if (fd < 0 || fstat(fd, &status)) {
        return;
    }
    /* Whoever shares the lock writes the same. */
    bool is_known = (size_t)status.st_size == id.len || id.len > MAX_ID;
    if (is_known ? futimens(fd, NULL) != 0 : pwrite(fd, id.data, id.len, 0) != (ssize_t)id.len) {
        log_debug("cannot write %s: %s", lock, strerror(errno));
    }
}

static int open_directory(const struct store *store) {
    return openat(store->root_fd, MOUNT_CACHE_DIRECTORY,
                  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int list(const struct store *store, struct arena *arena, struct str **names, size_t *count,
                struct error *error) {
    *count = 0;
    if (store->root_fd < 0) {
        return 0;
    }
    _cleanup_fd_ int fd = open_directory(store);
    if (fd < 0) {
        return errno == ENOENT
                   ? 0
                   : error_system(error, "cannot read %s/" MOUNT_CACHE_DIRECTORY, store->root);
    }
    return fs_list(fd, arena, names, count, error);
}

/* HASH or HASH-NUMBER. */
static bool is_name(struct str name) {
    struct str rest = str_from(name, DIGEST_HEX_LEN);
    uint64_t number;
    return digest_is_hex_id(str_sub(name, 0, DIGEST_HEX_LEN)) &&
           (rest.len == 0 ||
            (rest.data[0] == '-' && str_parse_uint(str_from(rest, 1), 10, UINT32_MAX, &number)));
}

static const char *lock_path(const struct store *store, struct arena *arena, struct str name) {
    return arena_printf(arena, "%s/" MOUNT_CACHE_DIRECTORY "/%.*s" LOCK_SUFFIX, store->root,
                        STR_ARG(name));
}

static void describe(const struct store *store, struct arena *arena, struct mount_cache *cache) {
    _cleanup_buf_ struct buf id = BUF_INIT;
    const char *path = lock_path(store, arena, cache->name);
    struct stat status;
    bool exists;
    if (stat(path, &status) == 0) {
        cache->last_used = time_of(status.st_mtim);
    }
    cache->is_busy = lock_is_held(path);
    if (fs_read_file_if_exists(AT_FDCWD, path, MAX_ID, &id, &exists, NULL) == 0) {
        cache->id = str_copy(arena, buf_str(&id));
    }
}

int mount_cache_list(const struct store *store, struct arena *arena, struct mount_cache_list *out,
                     struct error *error) {
    struct str *names;
    size_t count;
    if (list(store, arena, &names, &count, error)) {
        return -1;
    }
    out->items = arena_array(arena, count, sizeof(*out->items));
    out->count = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_name(names[i])) {
            struct mount_cache *cache = &out->items[out->count++];
            *cache = (struct mount_cache){ .name = names[i] };
            describe(store, arena, cache);
        }
    }
    return 0;
}

int mount_cache_measure(const struct store *store, struct disk_usage *usage,
                        struct mount_cache *cache, struct error *error) {
    _cleanup_free_ char *path = xasprintf(MOUNT_CACHE_DIRECTORY "/%.*s", STR_ARG(cache->name));
    return disk_usage_add(usage, store->root_fd, path, &cache->size, error);
}

bool mount_cache_has_id(const struct mount_cache *cache, struct str id) {
    struct digest digest = digest_of(id.data, id.len);
    struct digest_hex hex = digest_hex(&digest);
    return str_equal_c(str_sub(cache->name, 0, DIGEST_HEX_LEN), hex.text);
}

/* Another sweeper may be at the same. */
static int remove_tree(const struct store *store, const char *path, struct error *error) {
    _cleanup_error_ struct error reason = ERROR_INIT;
    return fs_remove_tree(store->root_fd, path, &reason) == 0 || reason.code == ERROR_CHANGED
               ? 0
               : error_move(error, &reason);
}

/* The lock file stays: whoever waits for it must not be left with one that has no name any more. */
int mount_cache_remove(const struct store *store, const struct mount_cache *cache, bool *is_busy,
                       struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_lock_ struct lock lock = LOCK_INIT;
    char suffix[9];
    if (lock_take_path(lock_path(store, &arena, cache->name), LOCK_EXCLUSIVE, true, &lock, error)) {
        return -1;
    }
    *is_busy = lock.fd < 0;
    if (*is_busy) {
        return 0;
    }
    fs_random_name(suffix, sizeof(suffix) - 1);
    const char *path = arena_printf(&arena, MOUNT_CACHE_DIRECTORY "/%.*s", STR_ARG(cache->name));
    const char *doomed = arena_printf(&arena, MOUNT_CACHE_DIRECTORY "/" DOOMED_PREFIX "%.*s-%s",
                                      STR_ARG(cache->name), suffix);
    if (renameat(store->root_fd, path, store->root_fd, doomed) && errno != ENOENT) {
        return error_system(error, "cannot remove %s/%s", store->root, path);
    }
    if (ftruncate(lock.fd, 0)) {
        log_debug("cannot empty the lock file of %s: %s", path, strerror(errno));
    }
    lock_release(&lock);
    return remove_tree(store, doomed, error);
}

/* Is it being removed, or half made, and is its maker, who had the lock, gone? Its name was there before that was asked, and
 * no other will have it. */
static bool is_debris(const struct store *store, struct arena *arena, struct str name) {
    size_t end = str_find(name, STR(NEW_INFIX));
    return str_has_prefix(name, STR(DOOMED_PREFIX)) ||
           (end != SIZE_MAX && !lock_is_held(lock_path(store, arena, str_sub(name, 0, end))));
}

void mount_cache_sweep(const struct store *store, bool is_dry, uint64_t *bytes) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_disk_usage_ struct disk_usage disk = DISK_USAGE_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct str *names;
    size_t count;
    if (list(store, &arena, &names, &count, &error)) {
        log_warn("%s", error.message);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const char *path = arena_printf(&arena, MOUNT_CACHE_DIRECTORY "/%.*s", STR_ARG(names[i]));
        if (!is_debris(store, &arena, names[i])) {
            continue;
        }
        disk_usage_add(&disk, store->root_fd, path, bytes, NULL);
        if (!is_dry && remove_tree(store, path, &error)) {
            log_warn("cannot remove %s/%s: %s", store->root, path, error.message);
            error_clear(&error);
        }
    }
}
