#include "executor/mount_points.h"

#include "base/fs.h"
#include "base/vec.h"
#include "executor/copied_up.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#define LINKS_MAX 40 /* as the kernel */
#define PATH_LIMIT 65536

/* Length and target of the link at PATH below ROOT; -1: not a link, or not there. ERROR only if it cannot be looked at. */
static int read_link(int root, const char *path, bool is_last, char target[PATH_MAX], ssize_t *len,
                     struct error *error) {
    struct stat stat;
    *len = -1;
    int fd = fs_open_in_root(root, path, O_PATH | O_NOFOLLOW, 0, NULL);
    if (fd < 0) {
        if (errno == ENOENT) {
            return 0;
        }
        return error_system(error, "cannot look at /%s in the image", path);
    }
    _cleanup_fd_ int closed = fd;
    if (fstat(closed, &stat) < 0) {
        return error_system(error, "cannot look at /%s in the image", path);
    }
    if (S_ISLNK(stat.st_mode)) {
        *len = readlinkat(closed, "", target, PATH_MAX);
        return *len < 0 ? error_system(error, "cannot read the link /%s in the image", path) : 0;
    }
    if (!S_ISDIR(stat.st_mode) && !is_last) {
        return error_set(error, ERROR_INPUT, "/%s in the image is not a directory", path);
    }
    return 0;
}

int root_path_resolve(int root, struct str path, struct arena *arena, struct str *out,
                      struct error *error) {
    struct str done = STR_EMPTY;
    struct str part;
    char target[PATH_MAX];
    unsigned links = 0;
    for (struct str rest = path; str_split(&rest, '/', &part);) {
        if (!part.len || str_equal(part, STR("."))) {
            continue;
        }
        if (str_equal(part, STR(".."))) {
            done = path_above(done);
            continue;
        }
        struct str next =
            str_printf(arena, "%.*s%s%.*s", STR_ARG(done), done.len ? "/" : "", STR_ARG(part));
        ssize_t len;
        if (next.len + rest.len > PATH_LIMIT) {
            return error_set(error, ERROR_INPUT, "the path %.*s in the image is too long",
                             STR_ARG(str_sub(path, 0, 100)));
        }
        if (read_link(root, next.data, !rest.len, target, &len, error) < 0) {
            return -1;
        }
        if (len < 0) {
            done = next;
            continue;
        }
        if (++links > LINKS_MAX) {
            return error_set(error, ERROR_INPUT, "the links of %.*s in the image lead in circles",
                             STR_ARG(path));
        }
        rest = str_printf(arena, "%.*s/%.*s", (int)len, target, STR_ARG(rest));
        done = target[0] == '/' ? STR_EMPTY : done;
    }
    *out = done;
    return 0;
}

bool root_path_is_below(struct str path, struct str directory) {
    return !directory.len || (str_has_prefix(path, directory) &&
                              (path.len == directory.len || path.data[directory.len] == '/'));
}

/* The directory of a resolved path, or -1. */
static int open_directory(int root, struct str path, struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    return fs_open_in_root(root, path.len ? str_dup(&arena, path) : ".", O_RDONLY | O_DIRECTORY, 0,
                           error);
}

/* Makes one directory where it is missing; 1: made. */
static int make_directory(int parent, const char *name, uint32_t uid, uint32_t gid, mode_t mode,
                          struct error *error) {
    if (mkdirat(parent, name, 0700) < 0) {
        return errno == EEXIST ? 0
                               : error_system(error, "cannot make directory %s in the image", name);
    }
    /* After the owner: chown drops bits, and the umask is not asked. */
    if (fchownat(parent, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 ||
        fchmodat(parent, name, mode, 0) < 0) {
        error_system(error, "cannot set owner and mode of directory %s in the image", name);
        unlinkat(parent, name, AT_REMOVEDIR);
        return -1;
    }
    return 1;
}

int root_path_make_directories(int root, struct str path, uint32_t uid, uint32_t gid,
                               struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    for (size_t i = 1; i <= path.len; i++) {
        if (i < path.len && path.data[i] != '/') {
            continue;
        }
        struct str here = str_sub(path, 0, i);
        struct str parent = path_above(here);
        const char *name = str_dup(&arena, str_from(here, parent.len ? parent.len + 1 : 0));
        _cleanup_fd_ int fd = open_directory(root, parent, error);
        if (fd < 0 || make_directory(fd, name, uid, gid, 0755, error) < 0) {
            return -1;
        }
    }
    return 0;
}

/* A file or directory that was made. Identified by device and inode: what the container puts in its place stays. */
struct made {
    int parent; /* stays open, so that moving the directory does not hide the mount point */
    const char *name;
    bool is_directory;
    dev_t device;
    ino_t inode;
    struct stat before, after; /* of the parent */
};

struct mount_points {
    struct arena arena;
    int root; /* borrowed */
    struct copied_up *copied_up;
    VEC(struct made) made;        /* in order of making */
    VEC(struct str) destinations; /* resolved */
};

struct mount_points *mount_points_new(const struct rootfs *rootfs) {
    struct mount_points *points = xcalloc(1, sizeof(*points));
    points->root = rootfs->fd;
    points->copied_up = rootfs->copied_up;
    return points;
}

static bool is_covered(const struct mount_points *points, struct str resolved) {
    for (size_t i = 0; i < points->destinations.count; i++) {
        if (root_path_is_below(resolved, points->destinations.items[i])) {
            return true;
        }
    }
    return false;
}

static int make_file(int parent, const char *name, struct error *error) {
    _cleanup_fd_ int fd =
        openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    return fd < 0 ? error_system(error, "cannot make the mount point %s in the image", name) : 1;
}

/* Makes one component of a mount point, unless it exists. */
static int make_component(struct mount_points *points, struct str path, mode_t mode,
                          struct error *error) {
    struct str directory = path_above(path);
    struct made made = {
        .name = str_dup(&points->arena, str_from(path, directory.len ? directory.len + 1 : 0)),
        .is_directory = mode != 0,
    };
    struct stat stat;
    made.parent = open_directory(points->root, directory, error);
    if (made.parent < 0) {
        return -1;
    }
    _cleanup_fd_ int unless_kept = made.parent;
    if (fstatat(made.parent, made.name, &stat, AT_SYMLINK_NOFOLLOW) == 0) {
        return 0;
    }
    if (points->copied_up &&
        copied_up_watch(points->copied_up, points->root, directory, error) < 0) {
        return -1;
    }
    if (fstat(made.parent, &made.before) < 0) {
        return error_system(error, "cannot look at /%.*s in the image", STR_ARG(directory));
    }
    if ((mode ? make_directory(made.parent, made.name, 0, 0, mode, error)
              : make_file(made.parent, made.name, error)) < 0) {
        return -1;
    }
    if (fstatat(made.parent, made.name, &stat, AT_SYMLINK_NOFOLLOW) < 0 ||
        fstat(made.parent, &made.after) < 0) {
        return error_system(error, "cannot look at /%.*s in the image", STR_ARG(path));
    }
    made.device = stat.st_dev;
    made.inode = stat.st_ino;
    unless_kept = -1;
    vec_push(&points->made, made);
    return 0;
}

int mount_points_add(struct mount_points *points, struct str destination, mode_t mode,
                     struct error *error) {
    struct str path;
    if (root_path_resolve(points->root, destination, &points->arena, &path, error) < 0) {
        return error_wrap(error, "cannot mount %.*s", STR_ARG(destination));
    }
    if (is_covered(points, path)) {
        return 0;
    }
    for (size_t i = 1; i <= path.len; i++) {
        if ((i == path.len || path.data[i] == '/') &&
            make_component(points, str_sub(path, 0, i), i < path.len ? 0755 : mode, error) < 0) {
            return error_wrap(error, "cannot mount %.*s", STR_ARG(destination));
        }
    }
    vec_push(&points->destinations, path);
    return 0;
}

static bool same_time(struct timespec a, struct timespec b) {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

/* Removal changes the parent's time. It becomes what it was before we made anything, or, when the container has written
 * to the directory since, what it was just now. */
static void remove_made(const struct made *made) {
    struct stat stat;
    struct stat parent;
    if (fstatat(made->parent, made->name, &stat, AT_SYMLINK_NOFOLLOW) < 0 ||
        stat.st_dev != made->device || stat.st_ino != made->inode ||
        fstat(made->parent, &parent) < 0) {
        return;
    }
    bool is_empty_file = S_ISREG(stat.st_mode) && stat.st_size == 0 && !made->is_directory;
    if ((!is_empty_file && !made->is_directory) ||
        unlinkat(made->parent, made->name, made->is_directory ? AT_REMOVEDIR : 0) < 0) {
        return; /* the container made use of it: it stays */
    }
    bool is_untouched = same_time(parent.st_mtim, made->after.st_mtim);
    struct timespec modified = is_untouched ? made->before.st_mtim : parent.st_mtim;
    futimens(made->parent, (struct timespec[]){ made->before.st_atim, modified });
}

void mount_points_remove(struct mount_points *points) {
    if (!points) {
        return;
    }
    for (size_t i = points->made.count; i-- > 0;) {
        remove_made(&points->made.items[i]);
        close(points->made.items[i].parent);
    }
    vec_free(&points->made);
    vec_free(&points->destinations);
    arena_free(&points->arena);
    free(points);
}
