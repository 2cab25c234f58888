#include "store/layer_compare.h"

#include "base/fs.h"
#include "store/layer_stream.h"
#include "store/layer_walk.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct link_text {
    char text[PATH_MAX];
    ssize_t len;
};

static struct link_text read_link(int directory, const char *name) {
    struct link_text link;
    link.len = readlinkat(directory, name, link.text, sizeof(link.text));
    return link;
}

static bool has_same_target(int ours, int theirs, const char *our_name, const char *their_name) {
    struct link_text a = read_link(ours, our_name), b = read_link(theirs, their_name);
    return a.len >= 0 && a.len == b.len && memcmp(a.text, b.text, (size_t)a.len) == 0;
}

/* What a layer's tar says of both; not of sizes of what is no file, and not more of times than any tar does. */
static bool is_alike(const struct layer_entry *ours, mode_t mode, uid_t uid, gid_t gid, dev_t rdev,
                     uint64_t size, time_t seconds) {
    bool is_device = S_ISBLK(mode) || S_ISCHR(mode);
    return ours->mode == mode && ours->uid == uid && ours->gid == gid &&
           (!S_ISREG(mode) || ours->size == size) && (!is_device || ours->rdev == rdev) &&
           ours->mtime.tv_sec == seconds;
}

static void keep_layer_xattrs(struct fs_xattrs *xattrs) {
    size_t count = 0;
    for (size_t i = 0; i < xattrs->count; i++) {
        if (layer_stream_keeps_xattr(xattrs->items[i].name)) {
            xattrs->items[count++] = xattrs->items[i];
        }
    }
    xattrs->count = count;
}

/* Of ENTRY in directory OURS and of THEIR_NAME in THEIRS. Only files and directories have any. */
static bool has_same_xattrs(const struct layer_entry *entry, int ours, int theirs,
                            const char *their_name) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct fs_xattrs a, b;
    if (!S_ISREG(entry->mode) && !S_ISDIR(entry->mode)) {
        return true;
    }
    /* the walk is in a directory that it has come to */
    if (fs_read_xattrs(ours, S_ISDIR(entry->mode) ? "." : entry->name.data, &arena, &a, NULL) ||
        fs_read_xattrs(theirs, their_name, &arena, &b, NULL)) {
        return false;
    }
    keep_layer_xattrs(&a);
    keep_layer_xattrs(&b);
    bool is_same = a.count == b.count;
    for (size_t i = 0; is_same && i < a.count; i++) {
        is_same = str_equal(a.items[i].name, b.items[i].name) &&
                  str_equal(a.items[i].value, b.items[i].value);
    }
    return is_same;
}

static bool is_same_layer(struct layer_walk *ours, struct layer_walk *theirs) {
    for (;;) {
        const struct layer_entry *a, *b;
        if (layer_walk_next(ours, &a, NULL) || layer_walk_next(theirs, &b, NULL)) {
            return false;
        }
        if (!a || !b) {
            return !a && !b;
        }
        if (!str_equal(a->tar_name, b->tar_name)) {
            return false;
        }
        if (a->is_whiteout) {
            continue; /* only the name of one means anything */
        }
        if (!is_alike(a, b->mode, b->uid, b->gid, b->rdev, b->size, b->mtime.tv_sec) ||
            (S_ISLNK(a->mode) &&
             !has_same_target(ours->fd, theirs->fd, a->name.data, b->name.data)) ||
            !has_same_xattrs(a, ours->fd, theirs->fd, S_ISDIR(b->mode) ? "." : b->name.data)) {
            return false;
        }
    }
}

/* The entry as it must be in the tree TREE, where PATH is. */
static bool is_in_tree(const struct layer_entry *entry, int directory, int tree, const char *path) {
    struct stat status;
    if (fstatat(tree, path, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        /* What is deeper than a path may be is not looked at. */
        return entry->is_whiteout ? errno == ENOENT : errno == ENAMETOOLONG;
    }
    return !entry->is_whiteout &&
           is_alike(entry, status.st_mode, status.st_uid, status.st_gid, status.st_rdev,
                    (uint64_t)status.st_size, status.st_mtim.tv_sec) &&
           (!S_ISLNK(entry->mode) || has_same_target(directory, tree, entry->name.data, path)) &&
           has_same_xattrs(entry, directory, tree, path);
}

static bool is_part_of(struct layer_walk *ours, int tree) {
    _cleanup_buf_ struct buf path = BUF_INIT;
    const struct layer_entry *entry;
    for (;;) {
        if (layer_walk_next(ours, &entry, NULL)) {
            return false;
        }
        if (!entry) {
            return true;
        }
        buf_reset(&path);
        buf_append_str(&path, buf_str(&ours->path));
        if (S_ISDIR(
                entry
                    ->mode)) { /* the walk is in it: its path is there, with a slash that would follow a link */
            path.data[--path.len] = '\0';
        } else {
            buf_append_str(&path, entry->name);
        }
        if (!is_in_tree(entry, ours->fd, tree, path.data)) {
            return false;
        }
    }
}

bool layer_is_like(const char *diff, const char *theirs, bool is_tree) {
    _cleanup_fd_ int our_fd = fs_open(diff, O_RDONLY | O_DIRECTORY, 0, NULL);
    _cleanup_fd_ int their_fd = fs_open(theirs, O_RDONLY | O_DIRECTORY, 0, NULL);
    _cleanup_layer_walk_ struct layer_walk our_walk = LAYER_WALK_INIT;
    _cleanup_layer_walk_ struct layer_walk their_walk = LAYER_WALK_INIT;
    if (our_fd < 0 || their_fd < 0 || layer_walk_open(&our_walk, our_fd, NULL)) {
        return false;
    }
    if (is_tree) {
        return is_part_of(&our_walk, their_fd);
    }
    return layer_walk_open(&their_walk, their_fd, NULL) == 0 &&
           is_same_layer(&our_walk, &their_walk);
}
