#include "executor/copied_up.h"

#include "base/fs.h"
#include "base/vec.h"

#include <stdlib.h>
#include <unistd.h>

struct watched {
    struct str path;
    struct stat stat; /* as the mount showed it before */
    struct fs_xattrs xattrs;
};

struct copied_up {
    struct arena arena;
    const char *upper;
    VEC(struct watched) items; /* parents before what is below them */
};

struct copied_up *copied_up_new(const char *upper) {
    struct copied_up *list = xcalloc(1, sizeof(*list));
    list->upper = arena_strdup(&list->arena, upper);
    return list;
}

static bool is_watched(const struct copied_up *list, struct str path) {
    for (size_t i = 0; i < list->items.count; i++) {
        if (str_equal(list->items.items[i].path, path)) {
            return true;
        }
    }
    return false;
}

static int watch(struct copied_up *list, int root, struct str path, struct error *error) {
    const char *name = str_dup(&list->arena, path);
    _cleanup_fd_ int upper = fs_open(list->upper, O_PATH | O_DIRECTORY, 0, error);
    if (upper < 0) {
        return -1;
    }
    struct stat there;
    if (is_watched(list, path) || fstatat(upper, name, &there, AT_SYMLINK_NOFOLLOW) == 0) {
        return 0; /* written before the mount point is made: none of our business */
    }
    struct watched item = { .path = str_of(name) };
    _cleanup_fd_ int fd = fs_open_in_root(root, name, O_RDONLY | O_DIRECTORY, 0, error);
    if (fd < 0 || fs_read_xattrs(fd, ".", &list->arena, &item.xattrs, error) < 0) {
        return -1;
    }
    if (fstat(fd, &item.stat) < 0) {
        return error_system(error, "cannot look at /%s in the image", name);
    }
    arena_vec_push(&list->arena, &list->items, item);
    return 0;
}

int copied_up_watch(struct copied_up *list, int root, struct str path, struct error *error) {
    for (size_t i = 1; i <= path.len; i++) {
        if ((i == path.len || path.data[i] == '/') &&
            watch(list, root, str_sub(path, 0, i), error) < 0) {
            return -1;
        }
    }
    return 0;
}

static bool is_overlay_xattr(struct str name) {
    return str_has_prefix(name, STR("trusted.overlay.")) ||
           str_has_prefix(name, STR("user.overlay."));
}

static bool is_opaque_xattr(struct str name) {
    return is_overlay_xattr(name) && str_has_suffix(name, STR(".opaque"));
}

/* Overlay keeps notes of its own on what it copied up (origin, impure): they are not part of the layer. */
static bool same_xattrs(const struct fs_xattrs *before, const struct fs_xattrs *after) {
    size_t next = 0;
    for (size_t i = 0; i < after->count; i++) {
        const struct fs_xattr *xattr = &after->items[i];
        if (is_opaque_xattr(xattr->name)) {
            return false;
        }
        if (is_overlay_xattr(xattr->name)) {
            continue;
        }
        if (next == before->count || !str_equal(xattr->name, before->items[next].name) ||
            !str_equal(xattr->value, before->items[next].value)) {
            return false;
        }
        next++;
    }
    return next == before->count;
}

static bool is_same(struct copied_up *list, int upper, const struct watched *item) {
    struct fs_xattrs xattrs;
    struct stat now;
    _cleanup_fd_ int fd =
        fs_open_beneath(upper, item->path.data, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, NULL);
    return fd >= 0 && fstat(fd, &now) == 0 && now.st_mode == item->stat.st_mode &&
           now.st_uid == item->stat.st_uid && now.st_gid == item->stat.st_gid &&
           now.st_mtim.tv_sec == item->stat.st_mtim.tv_sec &&
           now.st_mtim.tv_nsec == item->stat.st_mtim.tv_nsec &&
           fs_read_xattrs(fd, ".", &list->arena, &xattrs, NULL) == 0 &&
           same_xattrs(&item->xattrs, &xattrs);
}

/* Removes the directory if it is empty, and leaves its parent's times as they were. */
static void remove_quietly(int upper, const char *path) {
    const char *slash = strrchr(path, '/');
    _cleanup_free_ char *parent = xstrdup(path);
    parent[slash ? slash - path : 0] = '\0';
    _cleanup_fd_ int fd =
        fs_open_beneath(upper, slash ? parent : ".", O_RDONLY | O_DIRECTORY, 0, NULL);
    struct stat before;
    if (fd >= 0 && fstat(fd, &before) == 0 &&
        unlinkat(fd, slash ? slash + 1 : path, AT_REMOVEDIR) == 0) {
        futimens(fd, (struct timespec[]){ before.st_atim, before.st_mtim });
    }
}

void copied_up_finish(struct copied_up *list) {
    if (!list) {
        return;
    }
    _cleanup_fd_ int upper = fs_open(list->upper, O_RDONLY | O_DIRECTORY, 0, NULL);
    for (size_t i = list->items.count; upper >= 0 && i-- > 0;) {
        if (is_same(list, upper, &list->items.items[i])) {
            remove_quietly(upper, list->items.items[i].path.data);
        }
    }
    struct arena arena = list->arena;
    free(list);
    arena_free(&arena);
}
