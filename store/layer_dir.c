#include "store/layer_dir.h"

#include "base/digest.h"
#include "base/fs.h"
#include "base/log.h"
#include "store/build.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#define LINK_LENGTH 26
#define LOWER_SIZE_LIMIT ((size_t)1 << 20)
#define DEBRIS_PREFIX "debris-"
#define BASE32 "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

int sync_set_add(struct sync_set *set, const char *path, struct error *error) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0) {
        return error_system(error, "cannot open %s to write it through to the disk", path);
    }
    vec_push(&set->fds, fd);
    return 0;
}

int sync_set_wait(struct sync_set *set, struct error *error) {
    int result = 0;

    for (size_t i = 0; i < set->fds.count; i++) {
        /* Only a head start; directories refuse it. */
        sync_file_range(set->fds.items[i], 0, 0, SYNC_FILE_RANGE_WRITE);
    }
    for (size_t i = 0; i < set->fds.count && result == 0; i++) {
        result = fsync(set->fds.items[i]);
    }
    if (result < 0) {
        error_system(error, "cannot write a layer's directory through to the disk");
    }
    sync_set_free(set);
    return result;
}

void sync_set_free(struct sync_set *set) {
    for (size_t i = 0; i < set->fds.count; i++) {
        close(set->fds.items[i]);
    }
    vec_free(&set->fds);
}

char *layer_dir_contents(const struct store *store, const char *root, const char *id) {
    return store->driver == STORE_VFS ? xasprintf("%s/vfs/dir/%s", root, id)
                                      : xasprintf("%s/overlay/%s/diff", root, id);
}

const char *layer_dir_root(const struct store *store, const char *id) {
    const char *root = store->root;

    for (size_t next = 0; root; root = store->additional_roots[next++]) {
        _cleanup_free_ char *contents = layer_dir_contents(store, root, id);

        if (access(contents, F_OK) == 0) {
            return root;
        }
    }
    return NULL;
}

/* TEXT is followed by a byte that is no digit of base32. */
static bool is_link(struct str text) {
    return text.len == LINK_LENGTH && strspn(text.data, BASE32) == LINK_LENGTH;
}

/* The 26 characters of a layer, from its directory HOME; empty when there are none. */
static int read_link(const char *home, struct buf *link, struct error *error) {
    _cleanup_free_ char *path = xasprintf("%s/link", home);
    bool exists = false;

    if (fs_read_file_if_exists(AT_FDCWD, path, 4096, link, &exists, error) < 0) {
        return -1;
    }
    if (exists && !is_link(buf_str(link))) {
        error_set(error, ERROR_CORRUPT, "%s is not a link name of %d characters", path,
                  LINK_LENGTH);
        return error_hint(error, "remove the image the layer belongs to and make it again");
    }
    return 0;
}

/* The library does not check `lower`; a path in there must not lead out of overlay/l all the same. */
static int check_lower(const char *path, struct str lower, size_t *count, struct error *error) {
    struct str one;

    while (str_split(&lower, ':', &one)) {
        if (!str_has_prefix(one, STR("l/")) || !is_link(str_from(one, 2))) {
            error_set(error, ERROR_CORRUPT, "%s names `%.*s`, which is not a link of a layer", path,
                      STR_ARG(one));
            return error_hint(error, "remove the image the layer belongs to and make it again");
        }
        ++*count;
    }
    return 0;
}

/* What `lower` of a child of PARENT says: the parent's link, then the parent's own lowers. */
static int compose_lower(const struct store *store, const char *parent, struct buf *out,
                         struct error *error) {
    const char *root = layer_dir_root(store, parent);
    _cleanup_free_ char *home = root ? xasprintf("%s/overlay/%s", root, parent) : NULL;
    _cleanup_free_ char *path = root ? xasprintf("%s/lower", home) : NULL;
    _cleanup_buf_ struct buf link = BUF_INIT;
    _cleanup_buf_ struct buf above = BUF_INIT;
    bool has_lower = false;
    size_t count = 1;

    if (!root) {
        return error_set(error, ERROR_CHANGED, "the directory of layer %s is gone", parent);
    }
    if (read_link(home, &link, error) < 0) {
        return -1;
    }
    if (link.len == 0) {
        error_set(error, ERROR_CORRUPT, "layer %s has no link file", parent);
        return error_hint(error, "mount an image with it by Podman once, which repairs the link");
    }
    if (fs_read_file_if_exists(AT_FDCWD, path, LOWER_SIZE_LIMIT, &above, &has_lower, error) < 0 ||
        (has_lower && check_lower(path, buf_str(&above), &count, error) < 0)) {
        return -1;
    }
    if (count > LAYER_DIR_MAX_LOWERS) {
        error_set(error, ERROR_UNSUPPORTED, "the image has more than %d layers",
                  LAYER_DIR_MAX_LOWERS);
        return error_hint(error, "combine RUN instructions, or build with --squash");
    }
    buf_printf(out, "l/%s%s%s", link.data, has_lower ? ":" : "", has_lower ? above.data : "");
    return 0;
}

/* A link to layer ID under a name nobody has. */
static int make_link(const struct store *store, const char *id, char link[LINK_LENGTH + 1],
                     struct error *error) {
    _cleanup_free_ char *target = xasprintf("../%s/diff", id);
    unsigned char bytes[LINK_LENGTH];

    for (;;) {
        char path[sizeof("overlay/l/") + LINK_LENGTH];

        if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes)) {
            return error_system(error, "cannot read random bytes");
        }
        for (size_t i = 0; i < LINK_LENGTH; i++) {
            link[i] = BASE32[bytes[i] & 31];
        }
        link[LINK_LENGTH] = '\0';
        snprintf(path, sizeof(path), "overlay/l/%s", link);
        if (symlinkat(target, store->root_fd, path) == 0) {
            return 0;
        }
        if (errno != EEXIST) {
            return error_system(error, "cannot make the link of layer %s", id);
        }
    }
}

static int write_text(const char *path, struct str text, struct sync_set *sync,
                      struct error *error) {
    if (fs_write_atomic(AT_FDCWD, path, text.data, text.len, 0644, FS_NO_SYNC, error) < 0) {
        return -1;
    }
    return sync_set_add(sync, path, error);
}

static int make_owned(const char *path, mode_t mode, uid_t uid, gid_t gid, struct error *error) {
    if (mkdir(path, 0700) < 0 || chown(path, uid, gid) < 0 || chmod(path, mode) < 0) {
        return error_system(error, "cannot make the directory %s", path);
    }
    return 0;
}

/* CONTENTS at its place, or an empty directory like the parent's. */
static int place_contents(const struct store *store, const char *id, const char *parent,
                          const char *contents, struct stat *st, struct error *error) {
    _cleanup_free_ char *target = layer_dir_contents(store, store->root, id);
    const char *root = parent ? layer_dir_root(store, parent) : NULL;
    _cleanup_free_ char *above = NULL;

    if (contents) {
        if (rename(contents, target) < 0 || lstat(target, st) < 0) {
            error_system(error, "cannot move %s to %s", contents, target);
            return errno == EXDEV
                       ? error_hint(error,
                                    "%s/overlay is a mount point of its own: unmount it, or "
                                    "keep the whole store on one file system",
                                    store->root)
                       : -1;
        }
        return 0;
    }
    above = root ? layer_dir_contents(store, root, parent) : NULL;
    if (!above || lstat(above, st) < 0) {
        return error_set(error, ERROR_CHANGED, "the directory of layer %s is gone",
                         parent ? parent : "(none)");
    }
    return make_owned(target, st->st_mode & 07777, st->st_uid, st->st_gid, error);
}

/* work, merged and, for a base, empty: the library makes them when it mounts the layer, and so does bud. */
static int make_mount_directories(const char *home, bool has_parent, const struct stat *st,
                                  struct error *error) {
    static const char *const names[] = { "work", "merged", "empty" };

    for (size_t i = 0; i < (has_parent ? 2 : 3); i++) {
        _cleanup_free_ char *path = xasprintf("%s/%s", home, names[i]);

        if (make_owned(path, 0700, st->st_uid, st->st_gid, error) < 0) {
            return -1;
        }
    }
    return 0;
}

static int make_overlay(const struct store *store, const char *id, const char *parent,
                        const char *contents, struct sync_set *sync, struct error *error) {
    _cleanup_free_ char *home = xasprintf("%s/overlay/%s", store->root, id);
    _cleanup_free_ char *link_path = xasprintf("%s/link", home);
    _cleanup_free_ char *lower_path = xasprintf("%s/lower", home);
    _cleanup_buf_ struct buf lower = BUF_INIT;
    char link[LINK_LENGTH + 1];
    struct stat st;

    if (parent && compose_lower(store, parent, &lower, error) < 0) {
        return -1;
    }
    if (make_owned(home, 0700, geteuid(), getegid(), error) < 0 ||
        place_contents(store, id, parent, contents, &st, error) < 0 ||
        make_mount_directories(home, parent != NULL, &st, error) < 0 ||
        make_link(store, id, link, error) < 0 ||
        write_text(link_path, str_of(link), sync, error) < 0 ||
        (parent && write_text(lower_path, buf_str(&lower), sync, error) < 0)) {
        return -1;
    }
    return sync_set_add(sync, home, error);
}

int layer_dir_make(const struct store *store, const char *id, const char *parent,
                   const char *contents, struct sync_set *sync, struct error *error) {
    struct stat st;

    if (layer_dir_discard_debris(store, id, error) < 0) {
        return -1;
    }
    if (store->driver == STORE_VFS) {
        _cleanup_free_ char *all = xasprintf("%s/vfs/dir", store->root);

        return place_contents(store, id, parent, contents, &st, error) < 0
                   ? -1
                   : sync_set_add(sync, all, error);
    }
    return make_overlay(store, id, parent, contents, sync, error);
}

static int trash(const struct store *store, const char *path, const char *prefix,
                 struct error *error) {
    char name[21];
    _cleanup_free_ char *target = NULL;

    fs_random_name(name, sizeof(name) - 1);
    target = xasprintf("bud/trash/%s%s", prefix, name);
    if (renameat(store->root_fd, path, store->root_fd, target) == 0 || errno == ENOENT) {
        return 0;
    }
    if (errno != EXDEV) {
        return error_system(error, "cannot move %s/%s away", store->root, path);
    }
    return fs_remove_tree(store->root_fd, path, error);
}

int layer_dir_trash(const struct store *store, const char *path, struct error *error) {
    return trash(store, path, "", error);
}

int layer_dir_replace(const struct store *store, const char *id, const char *contents,
                      struct sync_set *sync, struct error *error) {
    _cleanup_free_ char *home = store->driver == STORE_VFS
                                    ? xasprintf("%s/vfs/dir", store->root)
                                    : xasprintf("%s/overlay/%s", store->root, id);
    _cleanup_free_ char *target = layer_dir_contents(store, store->root, id);

    if (trash(store, target + strlen(store->root) + 1, DEBRIS_PREFIX, error) < 0) {
        return -1;
    }
    return rename(contents, target) < 0
               ? error_system(error, "cannot move %s to %s", contents, target)
               : sync_set_add(sync, home, error);
}

static int unlink_if_there(const struct store *store, const char *path, struct error *error) {
    if (unlinkat(store->root_fd, path, 0) < 0 && errno != ENOENT) {
        return error_system(error, "cannot remove %s/%s", store->root, path);
    }
    return 0;
}

/* The link in overlay/l. A link file that says no link is no reason to keep the rest. */
static int remove_link(const struct store *store, const char *id, struct error *error) {
    _cleanup_free_ char *home = xasprintf("%s/overlay/%s", store->root, id);
    _cleanup_free_ char *path = NULL;
    _cleanup_buf_ struct buf link = BUF_INIT;

    if (store->driver != STORE_OVERLAY || read_link(home, &link, NULL) < 0 || link.len == 0) {
        return 0;
    }
    path = xasprintf("overlay/l/%s", link.data);
    return unlink_if_there(store, path, error);
}

static int discard(const struct store *store, const char *id, const char *prefix,
                   struct error *error) {
    const char *driver = store->driver_name;
    _cleanup_free_ char *home =
        store->driver == STORE_VFS ? xasprintf("vfs/dir/%s", id) : xasprintf("overlay/%s", id);
    _cleanup_free_ char *big_data = xasprintf("%s-layers/%s", driver, id);
    _cleanup_free_ char *tar_split = xasprintf("%s-layers/%s.tar-split.gz", driver, id);

    if (remove_link(store, id, error) < 0 || trash(store, home, prefix, error) < 0 ||
        unlink_if_there(store, tar_split, error) < 0) {
        return -1;
    }
    return trash(store, big_data, "", error);
}

int layer_dir_discard(const struct store *store, const char *id, struct error *error) {
    return discard(store, id, "", error);
}

int layer_dir_discard_debris(const struct store *store, const char *id, struct error *error) {
    return discard(store, id, DEBRIS_PREFIX, error);
}

static bool is_alone(const struct store *store, size_t own_builds) {
    _cleanup_lock_ struct lock registry = LOCK_INIT;
    size_t alive = 0;

    return build_census(store, &registry, &alive, NULL) == 0 && alive <= own_builds;
}

void layer_dir_empty_trash(const struct store *store, size_t own_builds) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_fd_ int directory =
        fs_open_at(store->root_fd, "bud/trash", O_RDONLY | O_DIRECTORY, 0, NULL);
    struct str *names;
    size_t count;

    if (directory < 0 || fs_list(directory, &arena, &names, &count, NULL) < 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (str_has_prefix(names[i], STR(DEBRIS_PREFIX)) && !is_alone(store, own_builds)) {
            continue;
        }
        /* Somebody else may be emptying it, too. */
        if (fs_remove_tree(directory, names[i].data, &error) < 0 && error.code != ERROR_CHANGED) {
            log_warn("cannot empty %s/bud/trash: %s", store->root, error.message);
            return;
        }
    }
}
