#include "executor/copy_data.h"

#include "base/log.h"
#include "store/layer_stream.h"

#include <errno.h>
#include <unistd.h>

static int has_changed(const struct selection_entry *entry, struct error *error) {
    error_set(error, ERROR_CHANGED, "%.*s changed while it was copied", STR_ARG(entry->tree_path));
    return error_hint(error, "something is still writing to it; build again when it is done");
}

int copy_open_source(const struct selection_entry *entry, struct error *error) {
    /* O_NONBLOCK: a fifo put in the file's place must not make us wait. */
    int fd = openat(entry->directory, entry->name,
                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ELOOP || errno == ENXIO)) {
        return has_changed(entry, error);
    }
    if (fd < 0) {
        error_system(error, "cannot open %.*s", STR_ARG(entry->tree_path));
        if (errno == EACCES || errno == EPERM) {
            error_hint(error, "make it readable, or leave it out with .dockerignore");
        }
    }
    return fd;
}

static bool is_same_time(struct timespec a, struct timespec b) {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool is_unchanged(const struct stat *before, const struct stat *now, bool is_context) {
    return S_ISREG(now->st_mode) && before->st_size == now->st_size &&
           is_same_time(before->st_mtim, now->st_mtim) &&
           (!is_context || (before->st_dev == now->st_dev && before->st_ino == now->st_ino &&
                            is_same_time(before->st_ctim, now->st_ctim)));
}

int copy_data(const struct selection_entry *entry, bool is_context, int source, int target,
              struct error *error) {
    struct stat now;
    if (fs_copy_data(source, target, entry->name, (uint64_t)entry->stat.st_size, error) < 0) {
        return error && error->code == ERROR_CHANGED ? has_changed(entry, error) : -1;
    }
    if (fstat(source, &now) < 0) {
        return error_system(error, "cannot examine %.*s", STR_ARG(entry->tree_path));
    }
    return is_unchanged(&entry->stat, &now, is_context) ? 0 : has_changed(entry, error);
}

int copy_xattrs(const struct selection_entry *entry, int directory, const char *name,
                struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct fs_xattrs xattrs;
    if (fs_read_xattrs(entry->directory, entry->name, &arena, &xattrs, error) < 0) {
        return -1;
    }
    for (size_t i = 0; i < xattrs.count; i++) {
        _cleanup_error_ struct error problem = ERROR_INIT;
        const struct fs_xattr *xattr = &xattrs.items[i];
        if (!layer_stream_keeps_xattr(xattr->name)) {
            continue;
        }
        if (fs_set_xattr(directory, name, xattr->name, xattr->value, &problem) < 0) {
            log_info("%.*s: %s", STR_ARG(entry->tree_path), problem.message);
        }
    }
    return 0;
}
