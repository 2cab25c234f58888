#include "base/fs.h"

#include "base/fs_walk.h"

#include <errno.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

void cleanup_fd(int *fd) {
    if (*fd >= 0) {
        int saved = errno;
        close(*fd);
        errno = saved;
    }
}

/* The kernel gives EAGAIN when a rename anywhere on the machine raced with a `..` it had to check. */
#define RACE_RETRIES 1000

static int open_resolved(int directory, const char *path, int flags, mode_t mode,
                         enum walk_rule rule) {
    struct open_how how = {
        .flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
        .resolve =
            RESOLVE_NO_MAGICLINKS | (rule == WALK_IN_ROOT ? RESOLVE_IN_ROOT : RESOLVE_BENEATH),
    };
    /* openat2 refuses a mode that openat would ignore. */
    if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE) {
        how.mode = mode & 07777;
    }
    for (int i = 0; i < RACE_RETRIES; i++) {
        int fd = (int)syscall(SYS_openat2, directory, path, &how, sizeof(how));
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) {
            /* Seccomp profiles older than the call refuse it with either. */
            bool is_missing = fd < 0 && (errno == ENOSYS || errno == EPERM);
            return is_missing ? walk_open(directory, path, flags, mode, rule) : fd;
        }
    }
    return -1;
}

static int cannot_open(const char *path, struct error *error) {
    return error_system(error, "cannot open %s", path);
}

int fs_open_in_root(int directory, const char *path, int flags, mode_t mode, struct error *error) {
    int fd = open_resolved(directory, path, flags, mode, WALK_IN_ROOT);
    return fd >= 0 ? fd : cannot_open(path, error);
}

int fs_open_beneath(int directory, const char *path, int flags, mode_t mode, struct error *error) {
    int fd = open_resolved(directory, path, flags, mode, WALK_BENEATH);
    return fd >= 0 ? fd : cannot_open(path, error);
}

int fs_open_at(int directory, const char *path, int flags, mode_t mode, struct error *error) {
    int fd;
    do {
        fd = openat(directory, path, flags | O_CLOEXEC, mode);
    } while (fd < 0 && errno == EINTR);
    return fd >= 0 ? fd : cannot_open(path, error);
}

int fs_open(const char *path, int flags, mode_t mode, struct error *error) {
    return fs_open_at(AT_FDCWD, path, flags, mode, error);
}

int fs_read_fd(int fd, const char *name, size_t limit, struct buf *out, struct error *error) {
    size_t start = out->len;
    struct stat stat;
    if (fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) && stat.st_size > 0) {
        size_t size = (size_t)stat.st_size;
        buf_reserve(out, (size < limit ? size : limit) + 1);
    }
    for (;;) {
        buf_reserve(out, 4096);
        ssize_t got = read(fd, out->data + out->len, out->capacity - 1 - out->len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got > 0) {
            out->len += (size_t)got;
        }
        out->data[out->len] = '\0';
        if (got < 0) {
            error_system(error, "cannot read %s", name);
            break;
        }
        if (out->len - start > limit) {
            error_set(error, ERROR_INPUT, "%s is larger than the %zu bytes allowed", name, limit);
            break;
        }
        if (got == 0) {
            return 0;
        }
    }
    out->len = start;
    out->data[start] = '\0';
    return -1;
}

int fs_read_file(int directory, const char *path, size_t limit, struct buf *out,
                 struct error *error) {
    _cleanup_fd_ int fd = fs_open_at(directory, path, O_RDONLY, 0, error);
    return fd < 0 ? -1 : fs_read_fd(fd, path, limit, out, error);
}

int fs_read_file_if_exists(int directory, const char *path, size_t limit, struct buf *out,
                           bool *exists, struct error *error) {
    _cleanup_error_ struct error problem = ERROR_INIT;
    *exists = false;
    _cleanup_fd_ int fd = fs_open_at(directory, path, O_RDONLY, 0, &problem);
    if (fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR) {
            return 0;
        }
        return cannot_open(path, error);
    }
    *exists = true;
    return fs_read_fd(fd, path, limit, out, error);
}

int fs_write_all(int fd, const char *name, const void *data, size_t len, struct error *error) {
    for (size_t done = 0; done < len;) {
        ssize_t written = write(fd, (const char *)data + done, len - done);
        if (written < 0) {
            if (errno == EINTR) {
                continue;
            }
            return error_system(error, "cannot write %s", name);
        }
        done += (size_t)written;
    }
    return 0;
}

/* Opens the directory PATH is in; *name points at the last component in PATH. */
static int open_parent(int directory, const char *path, const char **name, struct error *error) {
    const char *slash = strrchr(path, '/');
    *name = slash ? slash + 1 : path;
    if (!**name) {
        return error_set(error, ERROR_FAILED, "%s does not name a file", path);
    }
    _cleanup_free_ char *parent =
        !slash ? xstrdup(".") : xasprintf("%.*s", slash == path ? 1 : (int)(slash - path), path);
    return fs_open_at(directory, parent, O_RDONLY | O_DIRECTORY, 0, error);
}

static int create_temporary(int directory, const char *name, char out[NAME_MAX + 1]) {
    char random[9];
    for (int i = 0; i < 100; i++) {
        fs_random_name(random, sizeof(random) - 1);
        snprintf(out, NAME_MAX + 1, ".tmp-%.*s-%s", NAME_MAX - 20, name, random);
        int fd = openat(directory, out, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd >= 0 || errno != EEXIST) {
            return fd;
        }
    }
    return -1;
}

static int fill_temporary(int fd, const char *path, const void *data, size_t len, mode_t mode,
                          enum fs_durability durability, struct error *error) {
    if (fs_write_all(fd, path, data, len, error) < 0) {
        return -1;
    }
    if (fchmod(fd, mode) < 0) {
        return error_system(error, "cannot set the mode of %s", path);
    }
    if (durability == FS_SYNC && fdatasync(fd) < 0) {
        return error_system(error, "cannot write %s to disk", path);
    }
    return 0;
}

int fs_write_atomic(int directory, const char *path, const void *data, size_t len, mode_t mode,
                    enum fs_durability durability, struct error *error) {
    const char *name;
    _cleanup_fd_ int parent = open_parent(directory, path, &name, error);
    if (parent < 0) {
        return -1;
    }
    char temporary[NAME_MAX + 1];
    _cleanup_fd_ int fd = create_temporary(parent, name, temporary);
    if (fd < 0) {
        return error_system(error, "cannot create a temporary file beside %s", path);
    }
    if (fill_temporary(fd, path, data, len, mode, durability, error) < 0) {
        unlinkat(parent, temporary, 0);
        return -1;
    }
    if (renameat(parent, temporary, parent, name) < 0) {
        error_system(error, "cannot replace %s", path);
        unlinkat(parent, temporary, 0);
        return -1;
    }
    /* From here on the new file is in place; a failure says that it may not survive a power cut. */
    if (durability == FS_SYNC && fsync(parent) < 0) {
        return error_system(error, "cannot write the directory of %s to disk", path);
    }
    return 0;
}

static int check_directory(int directory, const char *path, struct error *error) {
    struct stat stat;
    if (fstatat(directory, path, &stat, 0) < 0) {
        return error_system(error, "cannot make directory %s", path);
    }
    if (!S_ISDIR(stat.st_mode)) {
        errno = ENOTDIR;
        return error_system(error, "cannot make directory %s", path);
    }
    return 0;
}

int fs_make_directories(int directory, const char *path, mode_t mode, struct error *error) {
    /* Nearly always the parent exists, or all of it. */
    if (mkdirat(directory, path, mode) == 0) {
        return 0;
    }
    if (errno != ENOENT) {
        return errno == EEXIST ? check_directory(directory, path, error)
                               : error_system(error, "cannot make directory %s", path);
    }
    _cleanup_free_ char *prefix = xstrdup(path);
    for (char *at = prefix; *at;) {
        at += strspn(at, "/");
        at += strcspn(at, "/");
        char after = *at;
        *at = '\0';
        if (*prefix && mkdirat(directory, prefix, mode) < 0 && errno != EEXIST) {
            return error_system(error, "cannot make directory %s", prefix);
        }
        *at = after;
    }
    return check_directory(directory, path, error);
}

void fs_random_name(char *out, size_t len) {
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
    for (size_t done = 0; done < len;) {
        ssize_t got = getrandom(out + done, len - done, 0);
        if (got > 0) {
            done += (size_t)got;
        } else if (errno != EINTR) {
            /* Only a kernel older than openat2 has no getrandom. */
            abort();
        }
    }
    for (size_t i = 0; i < len; i++) {
        out[i] = alphabet[(unsigned char)out[i] % 32];
    }
    out[len] = '\0';
}
