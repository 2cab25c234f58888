#include "store/vfs.h"

#include "base/fs.h"
#include "base/map.h"
#include "store/layer_stream.h"
#include "store/layer_walk.h"
#include "store/whiteout.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Times of directories are set when nothing more is written into them. */
struct directory_time {
    const char *path;
    struct timespec mtime;
};

/* One tree being copied over another. */
struct overlaying {
    const struct store *store;
    int target; /* the root of what is written */
    struct layer_walk walk;
    struct arena arena;
    struct map
        links; /* device and inode of a source with several links -> path of its first copy */
    VEC(struct directory_time) times;
    int parent; /* descriptor of the directory being written, and its path */
    const char *parent_path;
};

static void overlaying_end(struct overlaying *work) {
    layer_walk_close(&work->walk);
    map_free(&work->links);
    vec_free(&work->times);
    cleanup_fd(&work->parent);
    arena_free(&work->arena);
}

static int failed(const struct overlaying *work, const struct layer_entry *entry,
                  struct error *error) {
    return error_system(error, "cannot copy '%.*s%s' of a layer",
                        STR_ARG(buf_str(&work->walk.path)),
                        S_ISDIR(entry->mode) ? "" : entry->name.data);
}

/* work->parent becomes the directory of the target that ENTRY belongs into. */
static int enter_parent(struct overlaying *work, const struct layer_entry *entry,
                        struct error *error) {
    struct str path = buf_str(&work->walk.path);

    if (S_ISDIR(entry->mode)) {
        path.len -= entry->tar_name.len; /* the walk is in the directory itself already */
    }
    if (work->parent >= 0 && str_equal_c(path, work->parent_path)) {
        return 0;
    }
    cleanup_fd(&work->parent);
    work->parent_path = str_dup(&work->arena, path);
    work->parent = fs_open_beneath(work->target, path.len > 0 ? work->parent_path : ".",
                                   O_RDONLY | O_DIRECTORY, 0, error);
    return work->parent < 0 ? -1 : 0;
}

static int copy_xattrs(struct overlaying *work, int source, const char *source_name, int target,
                       const char *name, struct error *error) {
    struct fs_xattrs xattrs;

    if (fs_read_xattrs(source, source_name, &work->arena, &xattrs, error) < 0) {
        return -1;
    }
    for (size_t i = 0; i < xattrs.count; i++) {
        if (layer_stream_keeps_xattr(xattrs.items[i].name) &&
            fs_set_xattr(target, name, xattrs.items[i].name, xattrs.items[i].value, error) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Owner first: it takes set-id bits and capabilities away. */
static int copy_metadata(struct overlaying *work, const struct layer_entry *entry, int source,
                         const char *source_name, struct error *error) {
    const char *name = entry->name.data;
    const struct timespec times[2] = { { 0, UTIME_OMIT }, entry->mtime };

    if (fchownat(work->parent, name, entry->uid, entry->gid, AT_SYMLINK_NOFOLLOW) < 0 ||
        (!S_ISLNK(entry->mode) && fchmodat(work->parent, name, entry->mode & 07777, 0) < 0)) {
        return failed(work, entry, error);
    }
    if (copy_xattrs(work, source, source_name, work->parent, name, error) < 0) {
        return -1;
    }
    if (utimensat(work->parent, name, times, AT_SYMLINK_NOFOLLOW) < 0) {
        return failed(work, entry, error);
    }
    return 0;
}

static int put_directory(struct overlaying *work, const struct layer_entry *entry,
                         struct error *error) {
    const char *name = entry->name.data;
    struct stat st;
    bool is_there = fstatat(work->parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0;

    if (is_there &&
        (!S_ISDIR(st.st_mode) || whiteout_is_opaque(work->walk.fd, work->store->is_rootless))) {
        if (fs_remove_tree(work->parent, name, error) < 0) {
            return -1;
        }
        is_there = false;
    }
    if (!is_there && mkdirat(work->parent, name, 0700) < 0) {
        return failed(work, entry, error);
    }
    vec_push(&work->times, (struct directory_time){
                               str_dup(&work->arena, buf_str(&work->walk.path)), entry->mtime });
    return copy_metadata(work, entry, work->walk.fd, ".", error);
}

static int put_file(struct overlaying *work, const struct layer_entry *entry, struct error *error) {
    _cleanup_fd_ int source =
        fs_open_at(work->walk.fd, entry->name.data, O_RDONLY | O_NOFOLLOW, 0, error);
    _cleanup_fd_ int target = -1;

    if (source < 0) {
        return -1;
    }
    target = fs_open_at(work->parent, entry->name.data, O_WRONLY | O_CREAT | O_EXCL, 0600, error);
    return target < 0 ? -1 : fs_copy_data(source, target, entry->name.data, entry->size, error);
}

static int put_symlink(struct overlaying *work, const struct layer_entry *entry,
                       struct error *error) {
    char *text = arena_alloc(&work->arena, entry->size + 1);
    ssize_t length = readlinkat(work->walk.fd, entry->name.data, text, entry->size + 1);

    if (length < 0 || (uint64_t)length > entry->size) {
        return failed(work, entry, error);
    }
    text[length] = '\0';
    return symlinkat(text, work->parent, entry->name.data) < 0 ? failed(work, entry, error) : 0;
}

/* True when ENTRY was copied under another name already; then it is linked. */
static int put_link(struct overlaying *work, const struct layer_entry *entry, bool *is_link,
                    struct error *error) {
    struct str key;
    const char *first, *path;

    *is_link = false;
    if (entry->links < 2) {
        return 0;
    }
    key = str_printf(&work->arena, "%llu:%llu", (unsigned long long)entry->device,
                     (unsigned long long)entry->inode);
    path = arena_printf(&work->arena, "%s%s", work->parent_path, entry->name.data);
    first = map_get(&work->links, key);
    if (!first) {
        map_set(&work->links, key, (void *)path);
        return 0;
    }
    *is_link = true;
    return linkat(work->target, first, work->parent, entry->name.data, 0) < 0
               ? failed(work, entry, error)
               : 0;
}

static int put_other(struct overlaying *work, const struct layer_entry *entry,
                     struct error *error) {
    int result = 0;
    bool is_link;

    if (fs_remove_tree(work->parent, entry->name.data, error) < 0 ||
        put_link(work, entry, &is_link, error) < 0) {
        return -1;
    }
    if (is_link) {
        return 0;
    }
    if (S_ISREG(entry->mode)) {
        result = put_file(work, entry, error);
    } else if (S_ISLNK(entry->mode)) {
        result = put_symlink(work, entry, error);
    } else if (mknodat(work->parent, entry->name.data, entry->mode, entry->rdev) < 0) {
        result = failed(work, entry, error);
    }
    return result < 0 ? -1 : copy_metadata(work, entry, work->walk.fd, entry->name.data, error);
}

static int set_directory_times(struct overlaying *work, struct error *error) {
    for (size_t i = work->times.count; i-- > 0;) {
        const struct timespec times[2] = { { 0, UTIME_OMIT }, work->times.items[i].mtime };

        if (utimensat(work->target, work->times.items[i].path, times, AT_SYMLINK_NOFOLLOW) < 0 &&
            errno != ENOENT) {
            return error_system(error, "cannot set the time of '%s'", work->times.items[i].path);
        }
    }
    return 0;
}

/* The root directory itself is no entry of the walk. */
static int copy_root(int source, int target, struct error *error) {
    struct stat st;

    if (fstat(source, &st) < 0 || fchown(target, st.st_uid, st.st_gid) < 0 ||
        fchmod(target, st.st_mode & 07777) < 0 ||
        futimens(target, (const struct timespec[2]){ { 0, UTIME_OMIT }, st.st_mtim }) < 0) {
        return error_system(error, "cannot copy the owner and mode of a layer's root");
    }
    return 0;
}

static int overlay_tree(const struct store *store, const char *from, int target,
                        struct error *error) {
    _cleanup_fd_ int source = fs_open(from, O_RDONLY | O_DIRECTORY, 0, error);
    _cleanup_(overlaying_end) struct overlaying work = { .store = store,
                                                         .target = target,
                                                         .walk = LAYER_WALK_INIT,
                                                         .arena = ARENA_INIT,
                                                         .links = MAP_INIT,
                                                         .parent = -1 };
    const struct layer_entry *entry;

    if (source < 0 || layer_walk_open(&work.walk, source, error) < 0) {
        return -1;
    }
    for (;;) {
        int result;

        if (layer_walk_next(&work.walk, &entry, error) < 0) {
            return -1;
        }
        if (!entry) {
            break;
        }
        if (enter_parent(&work, entry, error) < 0) {
            return -1;
        }
        if (entry->is_whiteout) {
            result = fs_remove_tree(work.parent, entry->name.data, error);
        } else if (S_ISDIR(entry->mode)) {
            result = put_directory(&work, entry, error);
        } else {
            result = put_other(&work, entry, error);
        }
        if (result < 0) {
            return -1;
        }
    }
    return set_directory_times(&work, error) < 0 ? -1 : copy_root(source, target, error);
}

int vfs_stage(const struct store *store, const char *parent, const char *diff, const char *target,
              struct error *error) {
    _cleanup_fd_ int directory = -1;

    if (fs_remove_tree(AT_FDCWD, target, error) < 0) {
        return -1;
    }
    if (mkdir(target, 0700) < 0) {
        return error_system(error, "cannot make %s", target);
    }
    directory = fs_open(target, O_RDONLY | O_DIRECTORY, 0, error);
    if (directory < 0 || (parent && overlay_tree(store, parent, directory, error) < 0)) {
        return -1;
    }
    return overlay_tree(store, diff, directory, error);
}
