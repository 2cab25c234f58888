#include "planner/context.h"

#include <errno.h>
#include <limits.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* More than any real ignore file, less than what would hurt. */
#define IGNORE_FILE_LIMIT (8 << 20)

/* `--ignorefile /dev/null`: no rules. */
static bool is_null_device(const struct stat *stat) {
    return S_ISCHR(stat->st_mode) && stat->st_rdev == makedev(1, 3);
}

/* Nothing could be opened: is there really nothing? A link that leads nowhere, or out of the context, was meant to be one. */
static int check_absence(int directory, const char *path, struct error *error) {
    char target[PATH_MAX];
    ssize_t len = readlinkat(directory, path, target, sizeof(target));
    if (len < 0) {
        return 0;
    }
    if (directory == AT_FDCWD) {
        error_set(error, ERROR_INPUT, "it is a link to %.*s, where nothing is", (int)len, target);
        return error_hint(error, "make it lead to a file, or remove it");
    }
    error_set(error, ERROR_INPUT, "it is a link to %.*s, which is no file of the context", (int)len,
              target);
    return error_hint(error,
                      "name the file by --ignorefile, or make this a file or a relative link "
                      "to one in the context");
}

/* A file of the context is resolved inside it: a link must not make us quote files from elsewhere. *fd is -1 when there
 * is none. */
static int open_ignore(int directory, const char *path, int *fd, struct error *error) {
    int flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC;
    *fd = directory == AT_FDCWD ? fs_open(path, flags, 0, error)
                                : fs_open_in_root(directory, path, flags, 0, error);
    if (*fd >= 0) {
        struct stat stat;
        if (fstat(*fd, &stat) == 0 && !S_ISREG(stat.st_mode) && !is_null_device(&stat)) {
            cleanup_fd(fd);
            *fd = -1;
            return error_set(error, ERROR_INPUT, "it is not a regular file");
        }
        return 0;
    }
    if (errno != ENOENT && errno != ENOTDIR) {
        return -1;
    }
    error_clear(error);
    return check_absence(directory, path, error);
}

/* PATH of DIRECTORY becomes the tree's ignore file when it exists. */
static int read_ignore(int directory, const char *path, const char *shown, struct arena *arena,
                       struct tree *tree, bool *exists, struct error *error) {
    _cleanup_fd_ int fd = -1;
    _cleanup_buf_ struct buf text = BUF_INIT;
    if (open_ignore(directory, path, &fd, error) ||
        (fd >= 0 && fs_read_fd(fd, shown, IGNORE_FILE_LIMIT, &text, error))) {
        return error_wrap(error, "cannot read the ignore file %s", shown);
    }
    *exists = fd >= 0;
    if (!*exists) {
        return 0;
    }
    struct ignore *ignore;
    struct str copy = str_copy(arena, buf_str(&text));
    tree->ignore_name = arena_strdup(arena, shown);
    if (ignore_parse(copy, tree->ignore_name, arena, &ignore, error)) {
        return -1;
    }
    tree->ignore = ignore;
    return 0;
}

int context_read_ignore(const char *path, struct arena *arena, struct tree *tree,
                        struct error *error) {
    bool exists;
    if (read_ignore(AT_FDCWD, path, path, arena, tree, &exists, error)) {
        return -1;
    }
    if (!exists) {
        error_set(error, ERROR_NOT_FOUND, "the ignore file %s does not exist", path);
        return error_hint(error, "check --ignorefile");
    }
    return 0;
}

static int find_ignore(const char *directory, const char *dockerfile, const char *ignore_file,
                       struct arena *arena, struct tree *tree, struct error *error) {
    bool exists = false;
    if (ignore_file) {
        return context_read_ignore(ignore_file, arena, tree, error);
    }
    if (dockerfile) {
        const char *path = arena_printf(arena, "%s.dockerignore", dockerfile);
        if (read_ignore(AT_FDCWD, path, path, arena, tree, &exists, error)) {
            return -1;
        }
    }
    static const char *const names[] = { ".containerignore", ".dockerignore", NULL };
    for (size_t i = 0; !exists && names[i]; i++) {
        if (read_ignore(tree->fd, names[i], arena_printf(arena, "%s/%s", directory, names[i]),
                        arena, tree, &exists, error)) {
            return -1;
        }
    }
    return 0;
}

static int close_context(struct tree *tree) {
    cleanup_fd(&tree->fd);
    tree->fd = -1;
    return -1;
}

static int open_tree(const char *directory, struct cache *cache, struct arena *arena,
                     struct tree *tree, struct error *error) {
    *tree = (struct tree){ .fd = -1, .name = arena_strdup(arena, directory), .cache = cache };
    tree->is_context = true;
    tree->fd = fs_open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, error);
    if (tree->fd < 0) {
        error_wrap(error, "cannot open the build context %s", directory);
        return error_hint(error, "the last argument of the command must be a directory");
    }
    struct stat stat;
    if (fstat(tree->fd, &stat)) {
        error_system(error, "cannot stat the build context %s", directory);
        return close_context(tree);
    }
    /* By what it is, not where: a renamed context stays warm. */
    struct hasher hasher;
    hasher_init(&hasher);
    hasher_update(&hasher, "bud-context-v1", 14);
    hasher_update_u64(&hasher, stat.st_dev);
    hasher_update_u64(&hasher, stat.st_ino);
    tree->identity = hasher_finish(&hasher);
    return 0;
}

int context_open(const char *directory, const char *dockerfile, const char *ignore_file,
                 struct cache *cache, struct arena *arena, struct tree *tree, struct error *error) {
    if (open_tree(directory, cache, arena, tree, error)) {
        return -1;
    }
    return find_ignore(directory, dockerfile, ignore_file, arena, tree, error) ? close_context(tree)
                                                                               : 0;
}

int context_open_fetched(const char *directory, const char *origin, const char *ignore_file,
                         struct cache *cache, struct arena *arena, struct tree *tree,
                         struct error *error) {
    if (open_tree(directory, cache, arena, tree, error)) {
        return -1;
    }
    tree->name = arena_strdup(arena, origin);
    return ignore_file && context_read_ignore(ignore_file, arena, tree, error) ? close_context(tree)
                                                                               : 0;
}
