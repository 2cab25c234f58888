#include "store/cache_mark.h"

#include "base/fs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SUFFIX "-unsynced"
#define LIMIT 64 /* bytes; more than a boot's ID */

static bool is_kept(int fd) {
    struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    return fcntl(fd, F_OFD_GETLK, &range) || range.l_type != F_UNLCK;
}

enum cache_mark cache_mark_look(int directory, const char *name, struct str boot) {
    _cleanup_free_ char *path = xasprintf("%s" SUFFIX, name);
    _cleanup_fd_ int fd = openat(directory, path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    char text[LIMIT];
    struct stat status;
    if (fd < 0) {
        return errno == ENOENT ? CACHE_MARK_NONE : CACHE_MARK_TORN;
    }
    ssize_t len = fstat(fd, &status) || !S_ISREG(status.st_mode) ? -1 : read(fd, text, LIMIT);
    if (len < 0 || !str_equal(str_make(text, (size_t)len), boot)) {
        return CACHE_MARK_TORN;
    }
    return is_kept(fd) ? CACHE_MARK_KEPT : CACHE_MARK_LEFT;
}

static int write_through(int fd, struct str text) {
    errno = 0;
    if (write(fd, text.data, text.len) != (ssize_t)text.len) {
        return errno ? errno : ENOSPC;
    }
    return fdatasync(fd) ? errno : 0;
}

/* Nobody ever wants it for himself: it is there at once, or the file system has no locks, and every mark is kept. */
static void keep(int fd) {
    struct flock range = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
    fcntl(fd, F_OFD_SETLK, &range);
}

/* By a temporary name that is always the same: who is killed here leaves it to the next, not for ever. */
static int make(int directory, const char *path, struct str boot, int *fd) {
    _cleanup_free_ char *temporary = xasprintf("%s.new", path);
    *fd = openat(directory, temporary, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int code = *fd < 0 ? errno : write_through(*fd, boot);
    if (code == 0) {
        keep(*fd);
    }
    if (code == 0 && (renameat(directory, temporary, directory, path) || fsync(directory))) {
        code = errno;
    }
    if (code) {
        unlinkat(directory, temporary, 0);
    }
    return code;
}

static bool is_same(int fd, const struct stat *there) {
    struct stat ours;
    return fd >= 0 && fstat(fd, &ours) == 0 && ours.st_ino == there->st_ino &&
           ours.st_dev == there->st_dev;
}

int cache_mark_set(int directory, const char *name, struct str boot, int *kept) {
    _cleanup_free_ char *path = xasprintf("%s" SUFFIX, name);
    struct stat there;
    bool exists = fstatat(directory, path, &there, AT_SYMLINK_NOFOLLOW) == 0;
    if (exists && is_same(*kept, &there)) {
        return 0;
    }
    cleanup_fd(kept); /* others have synced what we had committed */
    *kept = -1;
    if (!exists) {
        return make(directory, path, boot, kept);
    }
    *kept = openat(directory, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    if (*kept < 0) {
        return errno;
    }
    keep(*kept);
    return 0;
}

int cache_mark_remove(int directory, const char *name) {
    _cleanup_free_ char *path = xasprintf("%s" SUFFIX, name);
    if (unlinkat(directory, path, 0) == 0 || errno == ENOENT) {
        return 0;
    }
    return errno == EISDIR || errno == EPERM ? fs_remove_tree(directory, path, NULL) : -1;
}
