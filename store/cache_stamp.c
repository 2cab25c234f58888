#include "store/cache_stamp.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/time.h"
#include "store/crc64.h"

#include <errno.h>
#include <unistd.h>

struct stamp {
    uint64_t inode, size;
    int64_t modified, changed;
    uint64_t checksum;
};

static bool take_stamp(int directory, const char *name, struct stamp *out) {
    struct stat status;
    if (fstatat(directory, name, &status, 0)) {
        return false;
    }
    *out = (struct stamp){ .inode = status.st_ino,
                           .size = (uint64_t)status.st_size,
                           .modified = time_of(status.st_mtim),
                           .changed = time_of(status.st_ctim) };
    out->checksum = crc64_update(CRC64_INIT, out, offsetof(struct stamp, checksum));
    return true;
}

static int open_stamp(int directory, const char *name, int flags) {
    _cleanup_free_ char *path = xasprintf("%s" CACHE_STAMP_SUFFIX, name);
    return openat(directory, path, flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
}

/* What is no file and lies in its place goes. */
static int open_to_stamp(int directory, const char *name) {
    int fd = open_stamp(directory, name, O_WRONLY | O_CREAT);
    struct stat status;
    if (fd >= 0 ? fstat(fd, &status) == 0 && S_ISREG(status.st_mode)
                : errno != EISDIR && errno != ELOOP && errno != ENXIO) {
        return fd;
    }
    cleanup_fd(&fd);
    _cleanup_free_ char *path = xasprintf("%s" CACHE_STAMP_SUFFIX, name);
    return fs_remove_tree(directory, path, NULL) ? -1
                                                 : open_stamp(directory, name, O_WRONLY | O_CREAT);
}

bool cache_stamp_is_current(int directory, const char *name) {
    struct stamp now, then;
    if (!take_stamp(directory, name, &now)) {
        return true;
    }
    _cleanup_fd_ int fd = open_stamp(directory, name, O_RDONLY);
    return fd >= 0 && pread(fd, &then, sizeof(then), 0) == sizeof(then) &&
           memcmp(&now, &then, sizeof(now)) == 0;
}

void cache_stamp_write(int directory, const char *name) {
    struct stamp now;
    _cleanup_fd_ int fd = open_to_stamp(directory, name);
    if (fd >= 0 && take_stamp(directory, name, &now) &&
        pwrite(fd, &now, sizeof(now), 0) != sizeof(now)) {
        log_debug("cannot write %s" CACHE_STAMP_SUFFIX ": %s", name, strerror(errno));
    }
}
