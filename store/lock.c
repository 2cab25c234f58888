#include "store/lock.h"

#include "base/fs.h"
#include "base/time.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#define TOKEN_SIZE 64

static int lock_file_descriptor(int fd, enum lock_mode mode, bool is_try) {
    struct flock range = { .l_type = mode == LOCK_SHARED ? F_RDLCK : F_WRLCK,
                           .l_whence = SEEK_SET,
                           .l_pid = 0 /* required for OFD locks */ };
    int result;

    do {
        result = fcntl(fd, is_try ? F_OFD_SETLK : F_OFD_SETLKW, &range);
    } while (result < 0 && errno == EINTR);
    return result;
}

/* A reader needs no write permission; only where there is no lock file yet does it make one, to lock out a first writer.
 * -1 with errno. */
static int open_lock_file(const char *path, enum lock_mode mode) {
    int fd;

    if (mode == LOCK_SHARED) {
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0 || errno != ENOENT) {
            return fd;
        }
    }
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
}

int lock_take_path(const char *path, enum lock_mode mode, bool is_try, struct lock *out,
                   struct error *error) {
    int fd = open_lock_file(path, mode);

    out->fd = -1;
    out->mode = mode;
    if (fd < 0) {
        if (mode == LOCK_SHARED && (errno == ENOENT || errno == EROFS || errno == EACCES)) {
            return 0;
        }
        return error_system(error, "cannot open the lock file %s", path);
    }
    if (lock_file_descriptor(fd, mode, is_try) < 0) {
        bool is_busy = is_try && (errno == EAGAIN || errno == EACCES);

        if (!is_busy) {
            error_system(error, "cannot lock %s", path);
        }
        close(fd);
        return is_busy ? 0 : -1;
    }
    out->fd = fd;
    return 0;
}

bool lock_is_held(const char *path) {
    struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    /* Through a descriptor of its own: the answer is right for our own locks, too. */
    _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    return fd >= 0 && fcntl(fd, F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
}

int lock_take(const struct store *store, enum store_lock_name name, enum lock_mode mode,
              struct lock *out, struct error *error) {
    static const char *const parts[] = {
        [LOCK_LAYERS] = "layers", [LOCK_IMAGES] = "images", [LOCK_CONTAINERS] = "containers"
    };
    _cleanup_free_ char *path = NULL;

    if (name == LOCK_STORAGE) {
        path = xasprintf("%s/storage.lock", store->root);
    } else {
        path = xasprintf("%s/%s-%s/%s.lock", store->root, store->driver_name, parts[name],
                         parts[name]);
    }
    return lock_take_path(path, mode, false, out, error);
}

int lock_touch(const struct lock *lock, struct error *error) {
    unsigned char token[TOKEN_SIZE];
    uint64_t parts[2] = { htole64((uint64_t)time_now()), htole64(time_monotonic()) };
    uint32_t pid = htole32((uint32_t)getpid());
    size_t used = sizeof(parts) + sizeof(pid);
    ssize_t written;

    /* Where the library keeps a counter there is a monotonic clock: readers only compare for equality, and random
     * bytes follow. */
    memcpy(token, parts, sizeof(parts));
    memcpy(token + sizeof(parts), &pid, sizeof(pid));
    if (getrandom(token + used, sizeof(token) - used, 0) != (ssize_t)(sizeof(token) - used)) {
        return error_system(error, "cannot read random bytes");
    }
    written = pwrite(lock->fd, token, sizeof(token), 0);
    if (written != (ssize_t)sizeof(token)) {
        errno = written < 0 ? errno : ENOSPC;
        return error_system(error, "cannot write the last-writer token of a lock file");
    }
    return 0;
}

void lock_release(struct lock *lock) {
    if (lock->fd >= 0) {
        close(lock->fd); /* an OFD lock goes with its only descriptor */
        lock->fd = -1;
    }
}
