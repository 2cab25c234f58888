#include "executor/copy.h"

#include "base/fs.h"
#include "base/log.h"
#include "executor/metadata.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Descriptors kept open from the innermost directory upwards; those above are reached by `..` again. */
#define OPEN_LEVELS 32
/* Longest piece of a path handed to the kernel at once. */
#define PIECE_MAX (PATH_MAX - NAME_MAX - 1)

struct copy_level {
    int fd;          /* -1: closed, see OPEN_LEVELS; level 0 is the caller's */
    size_t path_len; /* of copy->path here */
    struct timespec times[2];
    bool has_times; /* to be set when the directory is left */
};

/* What one entry becomes. */
struct target {
    int directory;
    const char *name;
    struct metadata metadata;
    struct timespec times[2];
};

void copy_begin(struct copy *copy, const struct copy_rules *rules, int directory,
                const char *name) {
    *copy = (struct copy){ .rules = rules, .name = name };
    vec_push(&copy->levels, (struct copy_level){ .fd = directory });
}

static struct copy_level *top_of(const struct copy *copy) {
    return &copy->levels.items[copy->levels.count - 1];
}

/* NAME in the directory being written, absolute, for messages. */
static const char *show(struct copy *copy, const char *name) {
    const char *base = strcmp(copy->name, "/") == 0 ? "" : copy->name;
    return copy->path.len ? arena_printf(&copy->arena, "%s/%s/%s", base, copy->path.data, name)
                          : arena_printf(&copy->arena, "%s/%s", base, name);
}

/* ---- the way to the directory an entry belongs to ---- */

static void enter(struct copy *copy, const char *name, int fd, const struct timespec *times) {
    if (copy->path.len) {
        buf_append_byte(&copy->path, '/');
    }
    buf_append_c(&copy->path, name);
    struct copy_level level = { .fd = fd, .path_len = copy->path.len, .has_times = times != NULL };
    if (times) {
        memcpy(level.times, times, sizeof(level.times));
    }
    vec_push(&copy->levels, level);
    /* Level 0 is not ours to close. */
    if (copy->levels.count > OPEN_LEVELS + 1) {
        struct copy_level *outer = &copy->levels.items[copy->levels.count - 1 - OPEN_LEVELS];
        cleanup_fd(&outer->fd);
        outer->fd = -1;
    }
}

/* Leaves the innermost directory. What is above it was opened or made by us, and nobody moves it. */
static int leave(struct copy *copy, struct error *error) {
    struct copy_level *inner = top_of(copy);
    struct copy_level *outer = inner - 1;
    if (outer->fd < 0) {
        outer->fd = openat(inner->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (outer->fd < 0) {
            return error_system(error, "cannot return from %s", show(copy, ""));
        }
    }
    if (inner->has_times && futimens(inner->fd, inner->times) < 0) {
        return error_system(error, "cannot set the time of %s", show(copy, ""));
    }
    close(inner->fd);
    copy->levels.count--;
    copy->path.len = outer->path_len;
    copy->path.data[copy->path.len] = '\0';
    return 0;
}

static bool is_within(struct str path, struct str directory) {
    return !directory.len || (str_has_prefix(path, directory) &&
                              (path.len == directory.len || path.data[directory.len] == '/'));
}

static int cannot_enter(struct copy *copy, const char *name, struct error *error) {
    if (errno != ENOTDIR && errno != ELOOP) {
        return error_system(error, "cannot open %s", show(copy, name));
    }
    error_set(error, ERROR_INPUT, "cannot copy to non-directory: %s", show(copy, name));
    return error_hint(error, "remove it in an earlier RUN, or copy somewhere else");
}

static int open_directory(int parent, const char *name) {
    return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* A directory whose own entry came earlier, or does not come at all. Its time, already final, is kept. */
static int reenter(struct copy *copy, const char *name, struct error *error) {
    int parent = top_of(copy)->fd;
    int fd = open_directory(parent, name);
    bool is_made = fd < 0 && errno == ENOENT && mkdirat(parent, name, 0755) == 0;
    if (is_made) {
        fd = open_directory(parent, name);
    }
    if (fd < 0) {
        return cannot_enter(copy, name, error);
    }
    struct stat stat;
    const struct copy_rules *rules = copy->rules;
    struct metadata metadata = { rules->has_owner ? rules->uid : 0,
                                 rules->has_owner ? rules->gid : 0,
                                 chmod_of_made_directory(&rules->chmod) };
    if (fstat(fd, &stat) < 0 || (is_made && metadata_set(fd, &metadata, name, error) < 0)) {
        close(fd);
        return is_made ? -1 : error_system(error, "cannot examine %s", show(copy, name));
    }
    struct timespec times[2] = { stat.st_atim, stat.st_mtim };
    enter(copy, name, fd, is_made ? NULL : times);
    return 0;
}

static int bad_name(struct str path, struct error *error) {
    return error_set(error, ERROR_INPUT, "%.*s cannot be a file name", STR_ARG(path));
}

static bool take_name(struct str component, char name[NAME_MAX + 1]) {
    if (!component.len || component.len > NAME_MAX || str_equal(component, STR(".")) ||
        str_equal(component, STR("..")) || memchr(component.data, '\0', component.len)) {
        return false;
    }
    memcpy(name, component.data, component.len);
    name[component.len] = '\0';
    return true;
}

/* Makes PATH's parent the directory being written; NAME gets the last component. */
static int go_to_parent(struct copy *copy, struct str path, char name[NAME_MAX + 1],
                        struct error *error) {
    struct str parent = path_above(path);
    if (!str_equal(buf_str(&copy->path), parent)) {
        while (!is_within(parent, buf_str(&copy->path))) {
            if (leave(copy, error) < 0) {
                return -1;
            }
        }
        struct str rest = str_from(parent, copy->path.len ? copy->path.len + 1 : 0);
        struct str component;
        while (rest.len && str_split(&rest, '/', &component)) {
            if (!take_name(component, name)) {
                return bad_name(path, error);
            }
            if (reenter(copy, name, error) < 0) {
                return -1;
            }
        }
    }
    return take_name(path_base(path), name) ? 0 : bad_name(path, error);
}

/* ---- one entry ---- */

static struct target target_of(const struct copy *copy, const char *name, const struct stat *stat) {
    const struct copy_rules *rules = copy->rules;
    return (struct target){
        .directory = top_of(copy)->fd,
        .name = name,
        .metadata = { rules->has_owner ? rules->uid : stat->st_uid,
                      rules->has_owner ? rules->gid : stat->st_gid,
                      chmod_apply(&rules->chmod, stat->st_mode, S_ISDIR(stat->st_mode)) },
        .times = { stat->st_atim, stat->st_mtim },
    };
}

/* Removes what is where something that is no directory goes. */
static int make_room(struct copy *copy, const struct target *target, struct error *error) {
    struct stat stat;
    if (fstatat(target->directory, target->name, &stat, AT_SYMLINK_NOFOLLOW) < 0) {
        return error_system(error, "cannot examine %s", show(copy, target->name));
    }
    if (S_ISDIR(stat.st_mode) && copy->rules->is_link) {
        return fs_remove_tree(target->directory, target->name, error);
    }
    if (S_ISDIR(stat.st_mode)) {
        error_set(error, ERROR_INPUT, "cannot replace to directory %s with file",
                  show(copy, target->name));
        return error_hint(error, "end the destination with another name, or remove the directory "
                                 "in an earlier RUN");
    }
    if (unlinkat(target->directory, target->name, 0) < 0) {
        return error_system(error, "cannot replace %s", show(copy, target->name));
    }
    return 0;
}

static int cannot_create(struct copy *copy, const struct target *target, struct error *error) {
    return error_system(error, "cannot create %s", show(copy, target->name));
}

/* After a creation that failed: 0 when something was in its way and is gone now. */
static int clear_way(struct copy *copy, const struct target *target, bool *is_cleared,
                     struct error *error) {
    if (errno != EEXIST || *is_cleared) {
        return cannot_create(copy, target, error);
    }
    *is_cleared = true;
    return make_room(copy, target, error);
}

static int create_file(struct copy *copy, const struct target *target, struct error *error) {
    int fd;
    bool is_cleared = false;
    while ((fd = openat(target->directory, target->name,
                        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                        target->metadata.mode & 0777)) < 0) {
        if (clear_way(copy, target, &is_cleared, error) < 0) {
            return -1;
        }
    }
    return fd;
}

/* Owner before attributes: a change of owner drops capabilities. */
static int finish_file(struct copy *copy, const struct selection_entry *entry, int source, int fd,
                       const struct target *target, struct error *error) {
    if (metadata_set(fd, &target->metadata, target->name, error) < 0) {
        return -1;
    }
    if (source >= 0 && flistxattr(source, NULL, 0) > 0 &&
        copy_xattrs(entry, target->directory, target->name, error) < 0) {
        return -1;
    }
    if (futimens(fd, target->times) < 0) {
        return error_system(error, "cannot set the time of %s", show(copy, target->name));
    }
    return 0;
}

static int copy_file(struct copy *copy, const struct selection_entry *entry,
                     const struct target *target, struct error *error) {
    _cleanup_fd_ int source = copy_open_source(entry, error);
    if (source < 0) {
        return -1;
    }
    _cleanup_fd_ int fd = create_file(copy, target, error);
    if (fd < 0 || copy_data(entry, copy->rules->is_context, &copy->buffer, source, fd, error) < 0) {
        return -1;
    }
    return finish_file(copy, entry, source, fd, target, error);
}

/* A socket is nothing without the process behind it: an empty file stands for it. */
static int copy_socket(struct copy *copy, const struct target *target, struct error *error) {
    _cleanup_fd_ int fd = create_file(copy, target, error);
    return fd < 0 ? -1 : finish_file(copy, NULL, -1, fd, target, error);
}

static int finish_at(struct copy *copy, const struct selection_entry *entry,
                     const struct target *target, struct error *error) {
    if (metadata_set_at(target->directory, target->name, &target->metadata, error) < 0 ||
        copy_xattrs(entry, target->directory, target->name, error) < 0) {
        return -1;
    }
    if (utimensat(target->directory, target->name, target->times, AT_SYMLINK_NOFOLLOW) < 0) {
        return error_system(error, "cannot set the time of %s", show(copy, target->name));
    }
    return 0;
}

static int copy_symlink(struct copy *copy, const struct selection_entry *entry,
                        const struct target *target, struct error *error) {
    char text[PATH_MAX];
    ssize_t len = readlinkat(entry->directory, entry->name, text, sizeof(text));
    if (len < 0 || len == sizeof(text)) {
        return error_system(error, "cannot read the link %.*s", STR_ARG(entry->tree_path));
    }
    text[len] = '\0';
    bool is_cleared = false;
    while (symlinkat(text, target->directory, target->name) < 0) {
        if (clear_way(copy, target, &is_cleared, error) < 0) {
            return -1;
        }
    }
    return finish_at(copy, entry, target, error);
}

static int copy_node(struct copy *copy, const struct selection_entry *entry,
                     const struct target *target, struct error *error) {
    mode_t mode = (entry->stat.st_mode & S_IFMT) | target->metadata.mode;
    dev_t device = S_ISFIFO(mode) ? 0 : entry->stat.st_rdev;
    if (S_ISCHR(mode) && device == 0) {
        /* A whiteout that hides nothing, in an image of a single layer: it means "there is no such file". */
        log_debug("%.*s is a whiteout and not copied", STR_ARG(entry->tree_path));
        return 0;
    }
    bool is_cleared = false;
    while (mknodat(target->directory, target->name, mode, device) < 0) {
        if (clear_way(copy, target, &is_cleared, error) < 0) {
            return errno == EPERM ? error_hint(error, "only root outside of a user namespace makes "
                                                      "devices; leave it out with --exclude")
                                  : -1;
        }
    }
    return finish_at(copy, entry, target, error);
}

static int make_directory(struct copy *copy, const struct target *target, struct error *error) {
    bool is_cleared = !copy->rules->is_link;
    for (;;) {
        if (mkdirat(target->directory, target->name, target->metadata.mode & 0777) < 0 &&
            errno != EEXIST) {
            return cannot_create(copy, target, error);
        }
        int fd = open_directory(target->directory, target->name);
        if (fd >= 0) {
            return fd;
        }
        if (is_cleared || (errno != ENOTDIR && errno != ELOOP)) {
            return cannot_enter(copy, target->name, error);
        }
        is_cleared = true;
        if (make_room(copy, target, error) < 0) {
            return -1;
        }
    }
}

/* A directory that exists takes the source's metadata too. Its time is set when it is left. */
static int copy_directory(struct copy *copy, const struct selection_entry *entry,
                          const struct target *target, struct error *error) {
    int fd = make_directory(copy, target, error);
    if (fd < 0) {
        return -1;
    }
    if (metadata_set(fd, &target->metadata, target->name, error) < 0 ||
        copy_xattrs(entry, target->directory, target->name, error) < 0) {
        close(fd);
        return -1;
    }
    enter(copy, target->name, fd, target->times);
    return 0;
}

/* ---- hard links ---- */

/* The directory PATH below the base, however long PATH is. */
static int open_below(const struct copy *copy, struct str path, struct error *error) {
    int fd = fs_open_at(copy->levels.items[0].fd, ".", O_PATH | O_DIRECTORY, 0, error);
    while (fd >= 0 && path.len) {
        struct str piece = str_sub(path, 0, PIECE_MAX);
        if (piece.len < path.len && path.data[piece.len] != '/') {
            piece.len = str_rfind_byte(piece, '/');
        }
        _cleanup_free_ char *text = xasprintf("%.*s", STR_ARG(piece));
        int next = fs_open_beneath(fd, text, O_PATH | O_DIRECTORY, 0, error);
        close(fd);
        fd = next;
        path = str_from(path, piece.len + 1);
    }
    return fd;
}

/* Tries to make TARGET another name of the copy at PATH. Where there cannot be one more link it is simply copied. */
static int link_to(struct copy *copy, struct str path, const struct target *target, bool *is_linked,
                   struct error *error) {
    _cleanup_fd_ int directory = open_below(copy, path_parent(path), error);
    if (directory < 0) {
        return -1;
    }
    const char *name = path_base(path).data;
    bool is_cleared = false;
    while (linkat(directory, name, target->directory, target->name, 0) < 0) {
        if (errno == EMLINK || errno == EPERM) {
            return 0;
        }
        if (clear_way(copy, target, &is_cleared, error) < 0) {
            return -1;
        }
    }
    *is_linked = true;
    return 0;
}

static int copy_linked_file(struct copy *copy, struct str path, const struct selection_entry *entry,
                            const struct target *target, struct error *error) {
    uint64_t identity[2] = { entry->stat.st_dev, entry->stat.st_ino };
    struct str key = { (const char *)identity, sizeof(identity) };
    const char *first = map_get(&copy->links, key);
    bool is_linked = false;
    if (first && link_to(copy, str_of(first), target, &is_linked, error) < 0) {
        return -1;
    }
    if (is_linked) {
        return 0;
    }
    map_set(&copy->links, str_copy(&copy->arena, key), str_dup(&copy->arena, path));
    return copy_file(copy, entry, target, error);
}

int copy_entry(struct copy *copy, struct str path, const struct selection_entry *entry,
               struct error *error) {
    char name[NAME_MAX + 1];
    if (go_to_parent(copy, path, name, error) < 0) {
        return -1;
    }
    struct target target = target_of(copy, name, &entry->stat);
    switch (entry->stat.st_mode & S_IFMT) {
    case S_IFREG:
        return entry->stat.st_nlink > 1 ? copy_linked_file(copy, path, entry, &target, error)
                                        : copy_file(copy, entry, &target, error);
    case S_IFDIR:
        return copy_directory(copy, entry, &target, error);
    case S_IFLNK:
        return copy_symlink(copy, entry, &target, error);
    case S_IFSOCK:
        return copy_socket(copy, &target, error);
    default:
        return copy_node(copy, entry, &target, error);
    }
}

int copy_inline(struct copy *copy, struct str path, struct str data, const struct timespec *time,
                struct error *error) {
    char name[NAME_MAX + 1];
    if (go_to_parent(copy, path, name, error) < 0) {
        return -1;
    }
    struct timespec now = { .tv_nsec = UTIME_NOW };
    const struct stat stat = {
        .st_mode = S_IFREG | 0644,
        .st_atim = time ? *time : now,
        .st_mtim = time ? *time : now,
    };
    struct target target = target_of(copy, name, &stat);
    _cleanup_fd_ int fd = create_file(copy, &target, error);
    if (fd < 0 || fs_write_all(fd, show(copy, name), data.data, data.len, error) < 0) {
        return -1;
    }
    return finish_file(copy, NULL, -1, fd, &target, error);
}

int copy_end(struct copy *copy, struct error *error) {
    int result = 0;
    while (copy->levels.count > 1) {
        if (result == 0 && leave(copy, error) < 0) {
            result = -1;
        }
        /* A directory that could not be left properly is just closed. */
        if (result < 0) {
            cleanup_fd(&top_of(copy)->fd);
            copy->levels.count--;
        }
    }
    vec_free(&copy->levels);
    buf_free(&copy->path);
    copy_buffer_free(&copy->buffer);
    map_free(&copy->links);
    arena_free(&copy->arena);
    return result;
}
