#include "base/fs.h"
#include "base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The tree is walked with one descriptor, that of the directory being emptied: down by name, up by `..` after
 * checking that it still is the directory we came from. What remains to be done is kept on the heap. */

struct level {
    struct statx identity;
    char *name;              /* in its parent */
    VEC(char *) directories; /* still to be removed, names */
};

struct removal {
    int fd; /* of the innermost level */
    VEC(struct level) levels;
    const char *path; /* what the caller named, for messages */
};

static void level_free(struct level *level) {
    for (size_t i = 0; i < level->directories.count; i++) {
        free(level->directories.items[i]);
    }
    vec_free(&level->directories);
    free(level->name);
}

static void removal_free(struct removal *removal) {
    for (size_t i = 0; i < removal->levels.count; i++) {
        level_free(&removal->levels.items[i]);
    }
    vec_free(&removal->levels);
    cleanup_fd(&removal->fd);
}

static int cannot_remove(const struct removal *removal, const char *name, struct error *error) {
    if (errno == EXDEV || errno == EBUSY) {
        error_system(error, "cannot remove %s of %s, something is mounted there", name,
                     removal->path);
        return error_hint(error, "unmount it first; findmnt lists what is mounted");
    }
    return error_system(error, "cannot remove %s of %s", name, removal->path);
}

/* Which directory FD is; -1 with EXDEV when it is the root of a mount. statx(2) also sees bind mounts, which a
 * look at the device does not. */
static int identify(int fd, struct statx *identity) {
    if (statx(fd, "", AT_EMPTY_PATH, STATX_MODE | STATX_INO, identity) < 0) {
        return -1;
    }
    if (identity->stx_attributes & identity->stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) {
        errno = EXDEV;
        return -1;
    }
    return 0;
}

/* One step down, not following a symlink and not into a mount. */
static int open_step(int directory, const char *name, int flags, struct statx *identity) {
    int fd = openat(directory, name, flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && identify(fd, identity) < 0) {
        cleanup_fd(&fd);
        return -1;
    }
    return fd;
}

/* Opens a directory to be emptied, giving its owner the permissions that takes. The mode is changed through a
 * descriptor, so that a symlink put in its place is not followed. */
static int open_directory(int directory, const char *name, struct statx *identity) {
    int fd = open_step(directory, name, O_RDONLY, identity);
    if (fd < 0 && errno == EACCES) {
        _cleanup_fd_ int handle = open_step(directory, name, O_PATH, identity);
        if (handle < 0) {
            return -1;
        }
        char link[64];
        snprintf(link, sizeof(link), "/proc/self/fd/%d", handle);
        if (chmod(link, 0700) < 0) {
            return -1;
        }
        fd = open_step(directory, name, O_RDONLY, identity);
    }
    return fd;
}

/* Removes what is not a directory, and notes what is. */
static int empty_files(const struct removal *removal, struct level *level, struct error *error) {
    int fd = openat(removal->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    if (!stream) {
        cannot_remove(removal, level->name, error);
        cleanup_fd(&fd);
        return -1;
    }
    int result = 0;
    struct dirent *entry;
    while ((errno = 0, entry = readdir(stream))) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
            continue;
        }
        bool is_gone =
            entry->d_type != DT_DIR && (unlinkat(removal->fd, name, 0) == 0 || errno == ENOENT);
        if (is_gone) {
            continue;
        }
        if (entry->d_type != DT_DIR && errno != EISDIR) {
            result = cannot_remove(removal, name, error);
            break;
        }
        vec_push(&level->directories, xstrdup(name));
    }
    if (!entry && errno) {
        result = cannot_remove(removal, level->name, error);
    }
    closedir(stream);
    return result;
}

/* Enters NAME, which becomes the innermost level, and empties it of files. 1 when it is not there. */
static int enter(struct removal *removal, int parent, const char *name, struct error *error) {
    struct statx identity;
    int fd = open_directory(parent, name, &identity);
    if (fd < 0) {
        return errno == ENOENT ? 1 : cannot_remove(removal, name, error);
    }
    cleanup_fd(&removal->fd);
    removal->fd = fd;
    if ((identity.stx_mode & 0700) != 0700) {
        /* When this is refused, the first removal inside says why it matters. */
        (void)!fchmod(fd, 0700);
    }
    struct level level = { .identity = identity, .name = xstrdup(name) };
    vec_push(&removal->levels, level);
    return empty_files(removal, &removal->levels.items[removal->levels.count - 1], error);
}

static int changed_meanwhile(const struct removal *removal, const char *name, struct error *error) {
    return error_set(error, ERROR_CHANGED, "cannot remove %s of %s: somebody changed it meanwhile",
                     name, removal->path);
}

static bool is_same(const struct statx *a, const struct statx *b) {
    return a->stx_ino == b->stx_ino && a->stx_dev_major == b->stx_dev_major &&
           a->stx_dev_minor == b->stx_dev_minor;
}

/* Leaves the innermost level and removes it; TOP is the directory that holds the whole tree. */
static int leave(struct removal *removal, int top, struct error *error) {
    struct level *level = &removal->levels.items[removal->levels.count - 1];
    int parent = top;
    if (removal->levels.count > 1) {
        struct statx identity;
        parent = open_step(removal->fd, "..", O_RDONLY, &identity);
        if (parent < 0) {
            return cannot_remove(removal, level->name, error);
        }
        if (!is_same(&identity, &level[-1].identity)) {
            close(parent);
            return changed_meanwhile(removal, level->name, error);
        }
    }
    close(removal->fd);
    removal->fd = parent == top ? -1 : parent;
    if (unlinkat(parent, level->name, AT_REMOVEDIR) < 0 && errno != ENOENT) {
        return errno == ENOTEMPTY ? changed_meanwhile(removal, level->name, error)
                                  : cannot_remove(removal, level->name, error);
    }
    level_free(level);
    removal->levels.count--;
    return 0;
}

static int remove_directory(struct removal *removal, int top, const char *name,
                            struct error *error) {
    int result = enter(removal, top, name, error);
    if (result != 0) {
        return result < 0 ? -1 : 0;
    }
    while (removal->levels.count) {
        struct level *level = &removal->levels.items[removal->levels.count - 1];
        if (!level->directories.count) {
            result = leave(removal, top, error);
        } else {
            _cleanup_free_ char *next = level->directories.items[--level->directories.count];
            result = enter(removal, removal->fd, next, error);
        }
        if (result < 0) {
            return -1;
        }
    }
    return 0;
}

int fs_remove_tree(int directory, const char *path, struct error *error) {
    struct removal removal = { .fd = -1, .levels = VEC_INIT, .path = path };
    if (unlinkat(directory, path, 0) == 0 || errno == ENOENT) {
        return 0;
    }
    if (errno != EISDIR && errno != EPERM) {
        return cannot_remove(&removal, path, error);
    }
    _cleanup_free_ char *copy = xstrdup(path);
    size_t len = strlen(copy);
    while (len > 1 && copy[len - 1] == '/') {
        copy[--len] = '\0';
    }
    char *slash = strrchr(copy, '/');
    const char *name = slash ? slash + 1 : copy;
    if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        errno = EINVAL;
        return error_system(error, "cannot remove %s", path);
    }
    _cleanup_free_ char *parent =
        !slash ? xstrdup(".") : xasprintf("%.*s", slash == copy ? 1 : (int)(slash - copy), copy);
    _cleanup_fd_ int top = fs_open_at(directory, parent, O_PATH | O_DIRECTORY, 0, error);
    if (top < 0) {
        return -1;
    }
    int result = remove_directory(&removal, top, name, error);
    removal_free(&removal);
    return result;
}
