#include "base/fs.h"

#include <errno.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define BUFFER_SIZE ((size_t)256 * 1024)

struct copy {
    int source;
    int target;
    const char *name;
    bool is_by_kernel; /* copy_file_range still works for this pair */
    char *buffer;      /* for when it does not; BUFFER_SIZE bytes, made when needed */
};

static int has_changed(const char *name, struct error *error) {
    error_set(error, ERROR_CHANGED, "%s changed its size while it was copied", name);
    return error_hint(error, "something is still writing to it; build again when it is done");
}

/* Errors that mean "not between these files", not "the copy failed". */
static bool is_unable(int number) {
    return number == EXDEV || number == ENOSYS || number == EINVAL || number == EOPNOTSUPP ||
           number == EPERM || number == ETXTBSY;
}

static int write_at(const struct copy *copy, size_t len, off_t offset, struct error *error) {
    for (size_t done = 0; done < len;) {
        ssize_t written =
            pwrite(copy->target, copy->buffer + done, len - done, offset + (off_t)done);
        if (written < 0 && errno != EINTR) {
            return error_system(error, "cannot write the copy of %s", copy->name);
        }
        done += written > 0 ? (size_t)written : 0;
    }
    return 0;
}

/* One step of at most LEN bytes at OFFSET; the bytes copied, 0 at the end of the source, or -1. */
static ssize_t copy_some(struct copy *copy, off_t offset, size_t len, struct error *error) {
    if (copy->is_by_kernel) {
        off_t from = offset;
        off_t to = offset;
        ssize_t copied = copy_file_range(copy->source, &from, copy->target, &to, len, 0);
        if (copied > 0 || (copied < 0 && errno == EINTR)) {
            return copied > 0 ? copied : copy_some(copy, offset, len, error);
        }
        /* Some file systems answer 0 where they mean "not here": reading tells the end from that. */
        if (copied < 0 && !is_unable(errno)) {
            return error_system(error, "cannot copy %s", copy->name);
        }
        copy->is_by_kernel = false;
    }
    if (!copy->buffer) {
        copy->buffer = xmalloc(BUFFER_SIZE);
    }
    ssize_t got;
    do {
        got = pread(copy->source, copy->buffer, len < BUFFER_SIZE ? len : BUFFER_SIZE, offset);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return error_system(error, "cannot read %s", copy->name);
    }
    return got > 0 && write_at(copy, (size_t)got, offset, error) < 0 ? -1 : got;
}

static int copy_range(struct copy *copy, off_t from, off_t to, struct error *error) {
    while (from < to) {
        ssize_t copied = copy_some(copy, from, (size_t)(to - from), error);
        if (copied < 0) {
            return -1;
        }
        if (copied == 0) {
            return has_changed(copy->name, error);
        }
        from += copied;
    }
    return 0;
}

/* The next run of data at or after FROM; without any, both are SIZE. */
static int next_data(const struct copy *copy, off_t from, off_t size, off_t *data, off_t *hole,
                     struct error *error) {
    *data = lseek(copy->source, from, SEEK_DATA);
    if (*data < 0 && errno == ENXIO) {
        *data = *hole = size;
        return 0;
    }
    *hole = *data < 0 ? -1 : lseek(copy->source, *data, SEEK_HOLE);
    if (*hole < 0) {
        if (errno != EINVAL && errno != ENXIO && errno != EOPNOTSUPP) {
            return error_system(error, "cannot find the data of %s", copy->name);
        }
        *data = *data < 0 ? from : *data;
        *hole = size;
    }
    *data = *data < size ? *data : size;
    *hole = *hole < size ? *hole : size;
    return 0;
}

static int copy_sparse(struct copy *copy, off_t size, struct error *error) {
    for (off_t at = 0; at < size;) {
        off_t data;
        off_t hole;
        if (next_data(copy, at, size, &data, &hole, error) < 0 ||
            copy_range(copy, data, hole, error) < 0) {
            return -1;
        }
        at = hole;
    }
    /* A hole at the end was only skipped. */
    if (ftruncate(copy->target, size) < 0) {
        return error_system(error, "cannot extend the copy of %s", copy->name);
    }
    return 0;
}

static int check_size(int fd, const char *name, uint64_t size, struct error *error) {
    struct stat stat;
    if (fstat(fd, &stat) < 0) {
        return error_system(error, "cannot examine %s", name);
    }
    return (uint64_t)stat.st_size == size ? 0 : has_changed(name, error);
}

int fs_copy_data(int source, int target, const char *name, uint64_t size, struct error *error) {
    struct stat stat;
    if (fstat(source, &stat) < 0) {
        return error_system(error, "cannot examine %s", name);
    }
    if (size > INT64_MAX || (uint64_t)stat.st_size != size) {
        return has_changed(name, error);
    }
    if (size == 0) {
        return 0;
    }
    if (ioctl(target, FICLONE, source) == 0) {
        return check_size(target, name, size, error);
    }
    struct copy copy = { .source = source, .target = target, .name = name, .is_by_kernel = true };
    bool is_sparse = (uint64_t)stat.st_blocks * 512 < size;
    int result = is_sparse ? copy_sparse(&copy, (off_t)size, error)
                           : copy_range(&copy, 0, (off_t)size, error);
    free(copy.buffer);
    return result < 0 ? -1 : check_size(source, name, size, error);
}
