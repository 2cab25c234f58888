#include "store/layer_walk.h"

#include "base/fs.h"
#include "base/log.h"
#include "store/whiteout.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define OPEN_DIRECTORY (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static int changed(const struct layer_walk *walk, const char *name, struct error *error) {
    if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP) {
        return error_system(error, "cannot read '%.*s%s' of the layer",
                            STR_ARG(buf_str(&walk->path)), name);
    }
    return error_set(error, ERROR_CHANGED, "'%.*s%s' changed while the layer was read",
                     STR_ARG(buf_str(&walk->path)), name);
}

static struct layer_entry entry_of(struct arena *arena, const char *name,
                                   const struct stat *status) {
    struct layer_entry entry = {
        .mode = status->st_mode,
        .uid = status->st_uid,
        .gid = status->st_gid,
        .rdev = status->st_rdev,
        .size = (uint64_t)status->st_size,
        .mtime = status->st_mtim,
        .device = status->st_dev,
        .inode = status->st_ino,
        .links = status->st_nlink,
        .is_whiteout = whiteout_is(status),
    };
    /* One allocation holds all three names: ".wh.NAME" and "NAME/" differ from NAME at the ends only. */
    size_t len = strlen(name);
    if (entry.is_whiteout) {
        char *text = arena_alloc(arena, len + 5);
        memcpy(text, ".wh.", 4);
        memcpy(text + 4, name, len);
        entry.tar_name = str_make(text, len + 4);
        entry.name = str_make(text + 4, len);
    } else if (S_ISDIR(status->st_mode)) {
        entry.name = str_make(arena_memdup(arena, name, len), len);
        char *text = arena_alloc(arena, len + 2);
        memcpy(text, name, len);
        text[len] = '/';
        entry.tar_name = str_make(text, len + 1);
    } else {
        entry.name = entry.tar_name = str_make(arena_memdup(arena, name, len), len);
    }
    return entry;
}

static int compare_entries(const void *a, const void *b) {
    return str_compare(((const struct layer_entry *)a)->tar_name,
                       ((const struct layer_entry *)b)->tar_name);
}

/* Reads the directory that walk->fd now is into a new frame. */
static int push_frame(struct layer_walk *walk, struct error *error) {
    struct stat status;
    if (fstat(walk->fd, &status)) {
        return error_system(error, "cannot read '%.*s' of the layer",
                            STR_ARG(buf_str(&walk->path)));
    }
    struct layer_frame frame = { .arena = ARENA_INIT,
                                 .path_len = walk->path.len,
                                 .device = status.st_dev,
                                 .inode = status.st_ino };
    VEC(struct layer_entry) entries = VEC_INIT;
    _Alignas(struct dirent64) char block[32 * 1024];
    ssize_t len;
    int result = 0;
    while (result == 0 && (len = getdents64(walk->fd, block, sizeof(block))) != 0) {
        if (len < 0) {
            result = changed(walk, "", error);
        }
        for (ssize_t at = 0; result == 0 && at < len;) {
            const struct dirent64 *found = (const struct dirent64 *)(block + at);
            at += found->d_reclen;
            const char *name = found->d_name;
            if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
                continue;
            }
            if (fstatat(walk->fd, name, &status, AT_SYMLINK_NOFOLLOW)) {
                result = changed(walk, name, error);
                break;
            }
            arena_vec_push(&frame.arena, &entries, entry_of(&frame.arena, name, &status));
        }
    }
    frame.entries = entries.items;
    frame.count = entries.count;
    if (frame.count > 1) {
        qsort(frame.entries, frame.count, sizeof(*frame.entries), compare_entries);
    }
    vec_push(&walk->frames, frame);
    return result;
}

int layer_walk_open(struct layer_walk *walk, int diff, struct error *error) {
    walk->fd = openat(diff, ".", OPEN_DIRECTORY);
    if (walk->fd < 0) {
        return error_system(error, "cannot open the directory of the layer");
    }
    return push_frame(walk, error);
}

static int descend(struct layer_walk *walk, const struct layer_entry *entry, struct error *error) {
    int fd = openat(walk->fd, entry->name.data, OPEN_DIRECTORY);
    if (fd < 0) {
        return changed(walk, entry->name.data, error);
    }
    close(walk->fd);
    walk->fd = fd;
    buf_append_str(&walk->path, entry->tar_name);
    return push_frame(walk, error);
}

/* Back through "..", checked to be where we came from: nobody may move directories of a layer being read. */
static int ascend(struct layer_walk *walk, struct error *error) {
    arena_free(&walk->frames.items[--walk->frames.count].arena);
    const struct layer_frame *frame = &walk->frames.items[walk->frames.count - 1];
    int fd = openat(walk->fd, "..", OPEN_DIRECTORY);
    if (fd < 0) {
        return changed(walk, "..", error);
    }
    close(walk->fd);
    walk->fd = fd;
    struct stat status;
    if (fstat(fd, &status) || status.st_dev != frame->device || status.st_ino != frame->inode) {
        errno = ENOENT;
        return changed(walk, "", error);
    }
    walk->path.len = frame->path_len;
    walk->path.data[frame->path_len] = '\0';
    return 0;
}

int layer_walk_next(struct layer_walk *walk, const struct layer_entry **entry,
                    struct error *error) {
    for (;;) {
        struct layer_frame *frame = &walk->frames.items[walk->frames.count - 1];
        if (frame->next == frame->count) {
            if (walk->frames.count == 1) {
                *entry = NULL;
                return 0;
            }
            if (ascend(walk, error)) {
                return -1;
            }
            continue;
        }
        const struct layer_entry *found = &frame->entries[frame->next++];
        if (str_has_prefix(found->name, STR(".wh."))) {
            error_set(error, ERROR_INPUT,
                      "the layer has a file '%.*s%.*s'; names that begin with '.wh.' mean "
                      "deletions in an image and cannot be stored",
                      STR_ARG(buf_str(&walk->path)), STR_ARG(found->name));
            return error_hint(error, "remove or rename the file in the step that makes it");
        }
        if (S_ISSOCK(found->mode)) {
            log_debug("socket '%.*s%.*s' is left out of the layer", STR_ARG(buf_str(&walk->path)),
                      STR_ARG(found->name));
            continue;
        }
        *entry = found;
        return S_ISDIR(found->mode) ? descend(walk, found, error) : 0;
    }
}

void layer_walk_close(struct layer_walk *walk) {
    for (size_t i = 0; i < walk->frames.count; i++) {
        arena_free(&walk->frames.items[i].arena);
    }
    vec_free(&walk->frames);
    buf_free(&walk->path);
    cleanup_fd(&walk->fd);
}
