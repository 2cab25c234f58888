#include "base/fs_walk.h"

#include "base/fs.h"
#include "base/vec.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

/* As the kernel allows (path_resolution(7)). */
#define MOST_SYMLINKS 40

struct walk {
    VEC(int) fds; /* from the root to where we are; the first is the caller's */
    struct buf rest;
    size_t at; /* in REST: what is still to be walked */
    unsigned symlinks;
    enum walk_rule rule;
};

static int here(const struct walk *walk) {
    return walk->fds.items[walk->fds.count - 1];
}

static void go_up_to(struct walk *walk, size_t count) {
    while (walk->fds.count > count) {
        close(walk->fds.items[--walk->fds.count]);
    }
}

static void walk_free(struct walk *walk) {
    int saved = errno;
    go_up_to(walk, 1);
    vec_free(&walk->fds);
    buf_free(&walk->rest);
    errno = saved;
}

static int refuse(int number) {
    errno = number;
    return -1;
}

static int go_up(struct walk *walk) {
    if (walk->fds.count > 1) {
        go_up_to(walk, walk->fds.count - 1);
        return 0;
    }
    return walk->rule == WALK_BENEATH ? refuse(EXDEV) : 0;
}

static int go_to_root(struct walk *walk) {
    if (walk->rule == WALK_BENEATH) {
        return refuse(EXDEV);
    }
    go_up_to(walk, 1);
    return 0;
}

/* TARGET comes before what is still to be walked. */
static int follow(struct walk *walk, struct str target) {
    struct buf rest = BUF_INIT;
    if (++walk->symlinks > MOST_SYMLINKS) {
        return refuse(ELOOP);
    }
    buf_append_str(&rest, target);
    buf_append_str(&rest, str_from(buf_str(&walk->rest), walk->at));
    buf_free(&walk->rest);
    walk->rest = rest;
    walk->at = 0;
    return str_has_prefix(target, STR("/")) ? go_to_root(walk) : 0;
}

/* The next component in NAME; *is_last when only slashes follow, *is_directory when any does. 0 at the end. */
static int next_name(struct walk *walk, char name[NAME_MAX + 1], bool *is_last,
                     bool *is_directory) {
    const char *text = buf_str(&walk->rest).data + walk->at;
    size_t slashes = strspn(text, "/");
    size_t len = strcspn(text + slashes, "/");
    const char *end = text + slashes + len;
    if (len > NAME_MAX) {
        return refuse(ENAMETOOLONG);
    }
    memcpy(name, text + slashes, len);
    name[len] = '\0';
    walk->at += slashes + len;
    *is_directory = *end == '/';
    *is_last = end[strspn(end, "/")] == '\0';
    return len > 0;
}

static int enter(struct walk *walk, const char *name) {
    int fd = openat(here(walk), name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    vec_push(&walk->fds, fd);
    return 0;
}

/* The target of NAME when it is a symlink to be followed; else length 0. */
static ssize_t target_of(const struct walk *walk, const char *name, bool is_followed,
                         char target[PATH_MAX]) {
    ssize_t len = is_followed ? readlinkat(here(walk), name, target, PATH_MAX) : 0;
    return len == PATH_MAX ? refuse(ENAMETOOLONG) : len > 0 ? len : 0;
}

/* NAME is not a symlink, or one to be opened itself. */
static int open_last(const struct walk *walk, const char *name, int flags, mode_t mode,
                     bool is_directory) {
    if (is_directory && (flags & O_CREAT)) {
        return refuse(EISDIR);
    }
    flags |= is_directory ? O_DIRECTORY : 0;
    return openat(here(walk), name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
}

static int walk_all(struct walk *walk, int flags, mode_t mode) {
    bool is_followed = !(flags & O_NOFOLLOW) && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
    char name[NAME_MAX + 1];
    char target[PATH_MAX];
    bool is_last;
    bool is_directory;
    int found;
    while ((found = next_name(walk, name, &is_last, &is_directory)) > 0) {
        int result = 0;
        if (strcmp(name, "..") == 0) {
            result = go_up(walk);
        } else if (strcmp(name, ".") != 0) {
            ssize_t len = target_of(walk, name, is_followed || !is_last || is_directory, target);
            if (len == 0 && is_last) {
                return open_last(walk, name, flags, mode, is_directory);
            }
            result = len < 0   ? -1
                     : len > 0 ? follow(walk, str_make(target, (size_t)len))
                               : enter(walk, name);
        }
        if (result < 0) {
            return -1;
        }
    }
    /* Ended at the root or after a `..`. */
    return found < 0 ? -1 : openat(here(walk), ".", flags | O_CLOEXEC, mode);
}

int walk_open(int directory, const char *path, int flags, mode_t mode, enum walk_rule rule) {
    struct walk walk = { .rule = rule };
    if (!*path) {
        return refuse(ENOENT);
    }
    vec_push(&walk.fds, directory);
    buf_append_c(&walk.rest, path);
    int fd = *path == '/' && go_to_root(&walk) < 0 ? -1 : walk_all(&walk, flags, mode);
    walk_free(&walk);
    return fd;
}
