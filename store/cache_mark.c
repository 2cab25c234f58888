#include "store/cache_mark.h"

#include "base/fs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SUFFIX "-unsynced"

bool cache_mark_get(int directory, const char *name, struct buf *boot) {
    _cleanup_free_ char *path = xasprintf("%s" SUFFIX, name);
    bool exists = false;
    return fs_read_file_if_exists(directory, path, 4096, boot, &exists, NULL) < 0 || exists;
}

static int write_through(int fd, struct str text) {
    errno = 0;
    if (write(fd, text.data, text.len) != (ssize_t)text.len) {
        return errno ? errno : ENOSPC;
    }
    return fdatasync(fd) ? errno : 0;
}

/* By a temporary name that is always the same: who is killed here leaves it to the next, not for ever. */
int cache_mark_set(int directory, const char *name, struct str boot) {
    _cleanup_free_ char *path = xasprintf("%s" SUFFIX, name);
    _cleanup_free_ char *temporary = xasprintf("%s.new", path);
    if (faccessat(directory, path, F_OK, 0) == 0) {
        return 0;
    }
    _cleanup_fd_ int fd =
        openat(directory, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int code = fd < 0 ? errno : write_through(fd, boot);
    if (code == 0 && (renameat(directory, temporary, directory, path) || fsync(directory))) {
        code = errno;
    }
    if (code) {
        unlinkat(directory, temporary, 0);
    }
    return code;
}

int cache_mark_remove(int directory, const char *name) {
    _cleanup_free_ char *path = xasprintf("%s" SUFFIX, name);
    return unlinkat(directory, path, 0) && errno != ENOENT ? -1 : 0;
}
