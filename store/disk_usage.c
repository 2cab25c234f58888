#include "store/disk_usage.h"

#include "base/fs.h"
#include "base/vec.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK 512 /* st_blocks, stat(2) */

void disk_usage_free(struct disk_usage *usage) {
    map_free(&usage->links);
    arena_free(&usage->arena);
}

/* The subdirectories of one directory that are still to be looked at. */
struct level {
    struct arena arena;
    struct str *names;
    size_t count, next;
};

struct walk {
    struct disk_usage *usage;
    const char *path; /* where it began */
    dev_t device;
    uint64_t bytes;
    VEC(struct level) levels;
};

static bool is_counted_already(struct disk_usage *usage, const struct stat *status) {
    if (S_ISDIR(status->st_mode) || status->st_nlink < 2) {
        return false;
    }
    uint64_t identity[] = { status->st_dev, status->st_ino };
    char *key = arena_memdup(&usage->arena, identity, sizeof(identity));
    return !map_set(&usage->links, str_make(key, sizeof(identity)), key);
}

static void count(struct walk *walk, const struct stat *status) {
    if (!is_counted_already(walk->usage, status)) {
        walk->bytes += (uint64_t)status->st_blocks * BLOCK;
    }
}

/* The directory that was come to last. */
static int cannot_read(const struct walk *walk, struct error *error) {
    int number = errno;
    _cleanup_buf_ struct buf path = BUF_INIT;
    buf_append_c(&path, walk->path);
    for (size_t i = 0; i < walk->levels.count; i++) {
        const struct level *level = &walk->levels.items[i];
        if (level->next > 0) {
            buf_printf(&path, "/%s", level->names[level->next - 1].data);
        }
    }
    errno = number;
    return error_system(error, "cannot read the directory %s", path.data);
}

static int enter(struct walk *walk, int directory, struct error *error) {
    struct level level = { .arena = ARENA_INIT };
    struct str *names;
    size_t name_count;
    if (fs_list(directory, &level.arena, &names, &name_count, NULL)) {
        arena_free(&level.arena);
        return cannot_read(walk, error);
    }
    level.names = names;
    for (size_t i = 0; i < name_count; i++) {
        struct stat status;
        if (fstatat(directory, names[i].data, &status, AT_SYMLINK_NOFOLLOW) ||
            status.st_dev != walk->device) {
            continue;
        }
        count(walk, &status);
        if (S_ISDIR(status.st_mode)) {
            level.names[level.count++] = names[i];
        }
    }
    vec_push(&walk->levels, level);
    return 0;
}

/* To the next subdirectory, or up when there is none. One descriptor, whatever the depth: nobody moves directories here. */
static int step(struct walk *walk, int *directory, struct error *error) {
    struct level *level = &walk->levels.items[walk->levels.count - 1];
    bool is_down = level->next < level->count;
    const char *name = is_down ? level->names[level->next++].data : "..";
    if (!is_down) {
        arena_free(&level->arena);
        walk->levels.count--;
        if (walk->levels.count == 0) {
            return 0;
        }
    }
    int next = openat(*directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0 && errno == EACCES && is_down) {
        return 0; /* others may not look into overlay's work/work: it counts for what it is by itself */
    }
    if (next < 0 && errno == ENOENT) { /* it, or the one we are in, was removed */
        while (!is_down && walk->levels.count > 0) {
            arena_free(&walk->levels.items[--walk->levels.count].arena);
        }
        return 0;
    }
    if (next < 0) {
        return cannot_read(walk, error);
    }
    close(*directory);
    *directory = next;
    return is_down ? enter(walk, next, error) : 0;
}

int disk_usage_add(struct disk_usage *usage, int directory, const char *path, uint64_t *bytes,
                   struct error *error) {
    struct walk walk = { .usage = usage, .path = path };
    struct stat status;
    if (fstatat(directory, path, &status, AT_SYMLINK_NOFOLLOW)) {
        return errno == ENOENT ? 0 : error_system(error, "cannot read %s", path);
    }
    walk.device = status.st_dev;
    count(&walk, &status);
    int result = 0;
    if (S_ISDIR(status.st_mode)) {
        _cleanup_fd_ int fd =
            openat(directory, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0) {
            result = enter(&walk, fd, error);
        } else if (errno != ENOENT && errno != EACCES) {
            result = cannot_read(&walk, error);
        }
        while (result == 0 && walk.levels.count > 0) {
            result = step(&walk, &fd, error);
        }
    }
    for (size_t i = 0; i < walk.levels.count; i++) {
        arena_free(&walk.levels.items[i].arena);
    }
    vec_free(&walk.levels);
    *bytes += walk.bytes;
    return result;
}
