#include "store/directory_state.h"

#include "base/fs.h"
#include "base/time.h"
#include "base/vec.h"
#include "store/crc64.h"

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

/* Directories in the order they are found in, each by its path: nothing is deeper than there are entries to look at. */
struct look {
    struct arena arena;
    struct {
        const char **items;
        size_t count, capacity;
    } directories;
    size_t left; /* entries that may still be looked at */
    uint64_t shape;
};

static void add_entry(struct look *look, const char *name, const struct stat *status) {
    const uint64_t facts[] = {
        status->st_mode,
        S_ISREG(status->st_mode) ? (uint64_t)status->st_size : 0,
        (uint64_t)time_of(status->st_mtim),
        (uint64_t)time_of(status->st_ctim),
    };
    look->shape = crc64_update(look->shape, name, strlen(name) + 1);
    look->shape = crc64_update(look->shape, facts, sizeof(facts));
}

/* False when it cannot be looked at. PATH is that of DIRECTORY, and begins at the root. */
static bool look_at_entry(struct look *look, int directory, const char *path, const char *name) {
    struct stat status;
    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        return true;
    }
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        return false;
    }
    look->left--;
    add_entry(look, name, &status);
    if (S_ISDIR(status.st_mode)) {
        const char *below = arena_printf(&look->arena, "%s%s/", path, name);
        arena_vec_push(&look->arena, &look->directories, below);
    }
    return true;
}

/* The entries in the kernel's order, which stays what it is as long as nothing changes; from the stack, for this is done for
 * every step of a build with nothing to do. */
static bool look_at_entries(struct look *look, int directory, const char *path) {
    _Alignas(struct dirent64) char block[4096];
    ssize_t len = 0;
    while (look->left > 0 && (len = getdents64(directory, block, sizeof(block))) > 0) {
        for (ssize_t at = 0; at < len && look->left > 0;) {
            const struct dirent64 *found = (const struct dirent64 *)(block + at);
            at += found->d_reclen;
            if (!look_at_entry(look, directory, path, found->d_name)) {
                return false;
            }
        }
    }
    return len >= 0;
}

/* 0: it could not be told. STATUS is that of PATH. */
static uint64_t shape_of(const char *path, const struct stat *status) {
    _cleanup_fd_ int root = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct look look = { .arena = ARENA_INIT,
                         .left = DIRECTORY_STATE_ENTRIES,
                         .shape = CRC64_INIT };
    const uint64_t mode = status->st_mode;
    look.shape = crc64_update(look.shape, &mode, sizeof(mode));
    bool is_known = root >= 0 && look_at_entries(&look, root, "");
    for (size_t i = 0; is_known && look.left > 0 && i < look.directories.count; i++) {
        const char *below = look.directories.items[i];
        _cleanup_fd_ int directory =
            openat(root, below, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        is_known = directory >= 0 && look_at_entries(&look, directory, below);
    }
    arena_free(&look.arena);
    return !is_known ? 0 : look.shape ? look.shape : 1;
}

struct directory_state directory_state_read(const char *path) {
    struct stat status;
    if (lstat(path, &status) < 0 || !S_ISDIR(status.st_mode)) {
        return (struct directory_state){ .inode = 0 };
    }
    return (struct directory_state){
        .inode = status.st_ino,
        .modified = time_of(status.st_mtim),
        .changed = time_of(status.st_ctim),
        .shape = shape_of(path, &status),
    };
}

bool directory_state_differs(const struct directory_state *before, const char *path,
                             const struct stat *status) {
    if (before->inode == 0) {
        return false;
    }
    if (before->modified != time_of(status->st_mtim)) {
        return true;
    }
    if (before->inode != status->st_ino) {
        return false;
    }
    if (before->changed != 0 && before->changed != time_of(status->st_ctim)) {
        return true;
    }
    if (before->shape == 0) {
        return false;
    }
    uint64_t shape = shape_of(path, status);
    return shape != 0 && shape != before->shape;
}
