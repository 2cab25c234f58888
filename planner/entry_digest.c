#include "planner/entry_digest.h"

#include "base/time.h"
#include "store/layer_stream.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

/* A file that is written to is read again after a pause, which doubles each time. */
#define ATTEMPTS 5
#define FIRST_PAUSE_US 4000

static int64_t coarse_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return time_of(now);
}

static bool is_counted(const struct unknown_entry *unknown, struct str name) {
    return layer_stream_keeps_xattr(name) ||
           (unknown->is_mounted && !str_has_prefix(name, STR("security.")) &&
            !str_has_prefix(name, STR("system.")) &&
            !str_has_prefix(name, STR("trusted.overlay.")) &&
            !str_has_prefix(name, STR("user.overlay.")));
}

static void hash_xattrs(struct hasher *hasher, const struct unknown_entry *unknown) {
    const struct fs_xattrs *xattrs = &unknown->xattrs;
    uint64_t count = 0;
    for (size_t i = 0; i < xattrs->count; i++) {
        count += is_counted(unknown, xattrs->items[i].name);
    }
    hasher_update_u64(hasher, count);
    for (size_t i = 0; i < xattrs->count; i++) {
        if (is_counted(unknown, xattrs->items[i].name)) {
            hasher_update_str(hasher, xattrs->items[i].name);
            hasher_update_str(hasher, xattrs->items[i].value);
        }
    }
}

static int changed(const char *path, struct error *error) {
    error_set(error, ERROR_CHANGED, "%s changed while the build was reading it", path);
    return error_hint(error,
                      "build again when nothing writes to the file any more, or leave it out "
                      "with .dockerignore");
}

/* Everything but a regular file is digested on the spot: it costs no open. */
static int digest_special(struct unknown_entry *unknown, const struct selection_entry *entry,
                          struct error *error) {
    mode_t mode = entry->stat.st_mode;
    struct hasher hasher;
    hasher_init(&hasher);
    hash_xattrs(&hasher, unknown);
    if (S_ISLNK(mode)) {
        char target[PATH_MAX];
        ssize_t len = readlinkat(entry->directory, entry->name, target, sizeof(target));
        if (len < 0) {
            return errno == ENOENT || errno == EINVAL /* it is no link any more */
                       ? changed(unknown->tree_path, error)
                       : error_system(error, "cannot read link %.*s", STR_ARG(entry->tree_path));
        }
        hasher_update_str(&hasher, str_make(target, (size_t)len));
    } else if (S_ISBLK(mode) || S_ISCHR(mode)) {
        hasher_update_u64(&hasher, entry->stat.st_rdev);
    }
    unknown->digest = hasher_finish(&hasher);
    return 0;
}

int entry_digest_begin(const struct tree *tree, const struct selection_entry *entry,
                       const char *tree_path, bool is_mounted, struct arena *arena,
                       struct unknown_entry **out, struct error *error) {
    struct unknown_entry *unknown = arena_new(arena, struct unknown_entry);
    unknown->tree_path = tree_path;
    unknown->is_mounted = is_mounted;
    unknown->stamp = index_stamp_of(&entry->stat);
    unknown->begun = coarse_now();
    *out = unknown;
    if (fs_read_xattrs(entry->directory, entry->name, arena, &unknown->xattrs, error)) {
        return errno == ENOENT /* since it was looked at */
                   ? changed(tree_path, error)
                   : error_wrap(error, "cannot read %.*s of %s", STR_ARG(entry->tree_path),
                                tree->name);
    }
    return S_ISREG(entry->stat.st_mode) ? 0 : digest_special(unknown, entry, error);
}

int entry_digest_mounted(const struct tree *tree, const struct selection_result *result,
                         struct arena *scratch, struct digest *out, struct error *error) {
    const char *path = result->path.len > 0 ? str_dup(scratch, result->path) : ".";
    _cleanup_fd_ int fd =
        fs_open_in_root(tree->fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0, error);
    const struct selection_entry entry = {
        .directory = fd,
        .name = ".",
        .tree_path = result->path,
        .stat = result->stat,
    };
    struct unknown_entry *unknown;
    if (fd < 0 || entry_digest_begin(tree, &entry, path, true, scratch, &unknown, error)) {
        return -1;
    }
    *out = unknown->digest;
    return 0;
}

static int open_file(const struct tree *tree, const char *path, struct error *error) {
    int fd =
        fs_open_in_root(tree->fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0, error);
    if (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENOTDIR)) {
        return changed(path, error);
    }
    if (fd < 0) {
        bool is_closed = errno == EACCES || errno == EPERM;
        error_wrap(error, "cannot read %s of %s", path, tree->name);
        if (!tree->is_context) {
            return error_hint(error, "check the file system of the store");
        }
        return is_closed ? error_hint(error, "make the file readable, or leave it out with "
                                             ".dockerignore")
                         : -1;
    }
    return fd;
}

/* SIZE is what stat(2) said: with that many bytes the end need not be looked for, it is looked at once more anyway. */
static int hash_data(int fd, const struct tree *tree, const char *path, uint64_t size, char *room,
                     struct hasher *hasher, uint64_t *total, struct error *error) {
    ssize_t len;
    *total = 0;
    if (size > ENTRY_READ_SIZE) {
        posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    }
    while ((*total == 0 || *total != size) && (len = read(fd, room, ENTRY_READ_SIZE)) != 0) {
        if (len < 0 && errno == EINTR) {
            continue;
        }
        if (len < 0) {
            return error_system(error, "cannot read %s of %s", path, tree->name);
        }
        hasher_update(hasher, room, (size_t)len);
        *total += (uint64_t)len;
    }
    return 0;
}

/* *is_settled: it was the same before and after, and is what UNKNOWN says. */
static int read_once(const struct tree *tree, struct unknown_entry *unknown, char *room,
                     bool *is_settled, struct error *error) {
    const char *path = unknown->tree_path;
    _cleanup_fd_ int fd = open_file(tree, path, error);
    if (fd < 0) {
        return -1;
    }
    struct stat stat;
    struct hasher hasher;
    uint64_t total;
    if (fstat(fd, &stat)) {
        return error_system(error, "cannot stat %s", path);
    }
    struct index_stamp before = index_stamp_of(&stat);
    if (!S_ISREG(stat.st_mode)) {
        return changed(path, error);
    }
    *is_settled = index_stamp_equal(&before, &unknown->stamp);
    if (!*is_settled) {
        unknown->stamp = before; /* it is read as it is now, the next time */
        unknown->is_later = true;
        return 0;
    }
    hasher_init(&hasher);
    hash_xattrs(&hasher, unknown);
    if (hash_data(fd, tree, path, before.size, room, &hasher, &total, error)) {
        return -1;
    }
    if (fstat(fd, &stat)) {
        return error_system(error, "cannot stat %s", path);
    }
    struct index_stamp after = index_stamp_of(&stat);
    *is_settled = index_stamp_equal(&before, &after) && total == after.size;
    unknown->is_later = unknown->is_later || !*is_settled;
    unknown->stamp = after;
    unknown->digest = hasher_finish(&hasher);
    return 0;
}

int entry_digest_file(const struct tree *tree, struct unknown_entry *unknown, char *room,
                      struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT; /* of attributes read again */
    for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
        bool is_settled;
        if (attempt > 0) {
            usleep(FIRST_PAUSE_US << attempt);
            unknown->begun = coarse_now();
            if (fs_read_xattrs(tree->fd, unknown->tree_path, &arena, &unknown->xattrs, error)) {
                return changed(unknown->tree_path, error);
            }
        }
        if (read_once(tree, unknown, room, &is_settled, error)) {
            return -1;
        }
        if (is_settled) {
            unknown->xattrs = (struct fs_xattrs){ NULL, 0 };
            return 0;
        }
    }
    return changed(unknown->tree_path, error);
}
