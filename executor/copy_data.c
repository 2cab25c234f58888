#include "executor/copy_data.h"

#include "base/log.h"
#include "store/layer_stream.h"

#include <errno.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SMALL_SIZE ((size_t)128 * 1024)

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

void copy_buffer_free(struct copy_buffer *buffer) {
    free(buffer->data);
    buffer->data = NULL;
}

/* A small file is read and written at once: a quarter of the calls fs_copy_data needs to find the cheapest way for a
 * large one. Only sharing blocks would be cheaper still. */
static int copy_small(const struct selection_entry *entry, struct copy_buffer *buffer, int source,
                      int target, struct error *error) {
    size_t size = (size_t)entry->stat.st_size;
    if (!buffer->is_unshared || buffer->unshared != entry->stat.st_dev) {
        if (size && ioctl(target, FICLONE, source) == 0) {
            return 0;
        }
        buffer->is_unshared = size > 0;
        buffer->unshared = entry->stat.st_dev;
    }
    if (!buffer->data) {
        buffer->data = xmalloc(SMALL_SIZE + 1);
    }
    size_t got = 0;
    for (;;) {
        /* One byte more than there should be: nothing comes when the file has not grown. */
        ssize_t more = read(source, buffer->data + got, size + 1 - got);
        if (more < 0 && errno != EINTR) {
            return error_system(error, "cannot read %.*s", STR_ARG(entry->tree_path));
        }
        got += more > 0 ? (size_t)more : 0;
        if (more == 0 || got >= size) {
            break;
        }
    }
    return got == size ? fs_write_all(target, entry->name, buffer->data, size, error)
                       : has_changed(entry, error);
}

int copy_check_source(const struct selection_entry *entry, bool is_context, int source,
                      struct error *error) {
    struct stat now;
    if (fstat(source, &now) < 0) {
        return error_system(error, "cannot examine %.*s", STR_ARG(entry->tree_path));
    }
    return is_unchanged(&entry->stat, &now, is_context) ? 0 : has_changed(entry, error);
}

int copy_data(const struct selection_entry *entry, bool is_context, struct copy_buffer *buffer,
              int source, int target, struct error *error) {
    uint64_t size = (uint64_t)entry->stat.st_size;
    if (size <= SMALL_SIZE) {
        if (copy_small(entry, buffer, source, target, error) < 0) {
            return -1;
        }
    } else if (fs_copy_data(source, target, entry->name, size, error) < 0) {
        return error && error->code == ERROR_CHANGED ? has_changed(entry, error) : -1;
    }
    return copy_check_source(entry, is_context, source, error);
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
