#include "store/cache_copy.h"

#include "base/fs.h"
#include "store/cache_extent.h"
#include "store/cache_verify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#define ATTEMPTS 10
#define AT_ONCE ((size_t)1 << 30)

bool cache_copy_is_needed(int directory, const char *name) {
    _cleanup_free_ char *lock = xasprintf("%s" CACHE_LOCK_SUFFIX, name);
    struct stat status;
    return fstatat(directory, lock, &status, 0) || !S_ISREG(status.st_mode) ||
           faccessat(directory, lock, R_OK | W_OK, AT_EACCESS);
}

static int copy_all(int from, int to) {
    ssize_t len;
    off_t at = 0;
    if (ftruncate(to, 0) || lseek(to, 0, SEEK_SET)) {
        return -1;
    }
    while ((len = sendfile(to, from, &at, AT_ONCE)) > 0) {
    }
    return len < 0 ? -1 : 0;
}

/* Pages of a transaction are used again by the third after it at the earliest, which may be in the making when the second is
 * the newest: so the copy has the newest transaction that there was in the beginning as long as no more than one has come
 * since. */
int cache_copy_make(int directory, const char *name) {
    _cleanup_fd_ int from = openat(directory, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int to = from < 0 ? -1 : memfd_create(name, MFD_CLOEXEC);
    for (int i = 0; to >= 0 && i < ATTEMPTS; i++) {
        if (copy_all(from, to)) {
            break;
        }
        if (cache_verify_newest(from) <= cache_verify_newest(to) + 1) {
            return to;
        }
        errno = EAGAIN;
    }
    cleanup_fd(&to);
    return -1;
}
