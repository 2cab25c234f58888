#include "planner/resolve.h"

#include "base/vec.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_LINKS 255 /* as BuildKit */
/* So many of the deepest directories on the way are kept open, and the root. */
#define MAX_OPEN 64

struct level {
    int fd;          /* -1: closed meanwhile */
    size_t path_len; /* of the walk's path when we are in this directory */
};

struct resolving {
    struct arena *arena;
    const struct ignore *ignore;
    VEC(struct level) levels; /* levels.items[0] is the root, a descriptor of its own */
    struct buf path;
    struct str rest;
    unsigned links;
    struct str link, target; /* the last one that was followed */
    size_t after_link;       /* length of what follows it in the path */
    bool is_in_link;         /* what is left of the path came from a link */
};

void cleanup_resolved(struct resolved *resolved) {
    cleanup_fd(&resolved->directory);
}

static struct level *top(struct resolving *r) {
    return &r->levels.items[r->levels.count - 1];
}

static void pop(struct resolving *r) {
    cleanup_fd(&top(r)->fd);
    r->levels.count--;
    r->path.len = top(r)->path_len;
    if (top(r)->fd < 0) { /* a link of another time on the way cannot lead out of the root */
        _cleanup_free_ char *path = xasprintf("%.*s", STR_ARG(buf_str(&r->path)));
        top(r)->fd = fs_open_beneath(r->levels.items[0].fd, path, O_PATH | O_DIRECTORY, 0, NULL);
    }
}

static void free_resolving(struct resolving *r) {
    for (size_t i = 0; i < r->levels.count; i++) {
        cleanup_fd(&r->levels.items[i].fd);
    }
    vec_free(&r->levels);
    buf_free(&r->path);
}

static void append_name(struct resolving *r, struct str name) {
    r->path.len = top(r)->path_len;
    if (r->path.len > 0) {
        buf_append_byte(&r->path, '/');
    }
    buf_append_str(&r->path, name);
}

static int enter(struct resolving *r, const char *name, struct error *error) {
    int fd = openat(top(r)->fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return error_system(error, "cannot open directory %.*s", STR_ARG(buf_str(&r->path)));
    }
    vec_push(&r->levels, (struct level){ fd, r->path.len });
    if (r->levels.count > MAX_OPEN + 1) {
        struct level *old = &r->levels.items[r->levels.count - 1 - MAX_OPEN];
        cleanup_fd(&old->fd);
        old->fd = -1;
    }
    return 0;
}

/* The link's target is put before what is left of the path. */
static int follow(struct resolving *r, const char *name, struct resolved *out,
                  struct error *error) {
    char target[PATH_MAX];
    ssize_t len = readlinkat(top(r)->fd, name, target, sizeof(target));
    if (len < 0) {
        return error_system(error, "cannot read link %.*s", STR_ARG(buf_str(&r->path)));
    }
    if (++r->links > MAX_LINKS) {
        error_set(error, ERROR_INPUT, "too many links on the way to %.*s",
                  STR_ARG(buf_str(&r->path)));
        return error_hint(error, "the links may point at each other");
    }
    r->link = str_copy(r->arena, buf_str(&r->path));
    if (len > 0 && target[0] == '/') {
        out->is_outside = true;
        while (r->levels.count > 1) {
            pop(r);
        }
    }
    r->target = str_copy(r->arena, str_make(target, (size_t)len));
    r->after_link = r->rest.len;
    r->path.len = top(r)->path_len;
    r->rest = str_printf(r->arena, "%.*s/%.*s", (int)len, target, STR_ARG(r->rest));
    r->is_in_link = true;
    return 0;
}

/* The answer is named from the directory of LEVEL. */
static void give_directory(struct level *level, struct resolved *out) {
    out->directory = level->fd;
    level->fd = -1;
}

static int missing(struct resolving *r, struct str name, struct resolved *out) {
    out->exists = false;
    out->missing = name;
    if (r->links > 0 && r->rest.len >= r->after_link) {
        out->link = r->link;
        out->target = r->target;
    }
    out->path = str_copy(r->arena, str_make(r->path.data ? r->path.data : "", top(r)->path_len));
    give_directory(top(r), out);
    return 0;
}

/* The directory we are in is the answer: it is named from the one that holds it, the root from itself. */
static int finish_directory(struct resolving *r, struct resolved *out, struct error *error) {
    struct level *last = top(r);
    out->exists = true;
    out->path = str_copy(r->arena, str_make(r->path.data ? r->path.data : "", last->path_len));
    out->name = r->levels.count == 1 ? STR(".") : path_base(out->path);
    struct level *holder = r->levels.count == 1 ? last : last - 1;
    if (fstatat(last->fd, "", &out->stat, AT_EMPTY_PATH)) {
        return error_system(error, "cannot stat %.*s", STR_ARG(out->path));
    }
    give_directory(holder, out);
    return 0;
}

static bool has_more(struct str rest) {
    for (size_t i = 0; i < rest.len; i++) {
        if (rest.data[i] != '/' &&
            !(rest.data[i] == '.' && (i + 1 == rest.len || rest.data[i + 1] == '/') &&
              (i == 0 || rest.data[i - 1] == '/'))) {
            return true;
        }
    }
    return false;
}

/* One component; *is_done when the answer is in OUT. */
static int step(struct resolving *r, struct str name, struct resolved *out, bool *is_done,
                struct error *error) {
    const char *text = str_dup(r->arena, name);
    append_name(r, name);
    struct stat stat;
    if (fstatat(top(r)->fd, text, &stat, AT_SYMLINK_NOFOLLOW)) {
        if (errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG) {
            return error_system(error, "cannot stat %.*s", STR_ARG(buf_str(&r->path)));
        }
        *is_done = true;
        return missing(r, str_of(text), out);
    }
    if (S_ISLNK(stat.st_mode)) {
        struct ignore_state state = { 0 };
        if (r->ignore) {
            ignore_reach(r->ignore, buf_str(&r->path), r->arena, &state);
        }
        if (state.is_ignored) {
            *is_done = true;
            return missing(r, str_of(text), out);
        }
        return follow(r, text, out, error);
    }
    if (S_ISDIR(stat.st_mode)) {
        return enter(r, text, error);
    }
    *is_done = true;
    if (has_more(r->rest)) {
        return missing(r, str_of(text), out);
    }
    out->exists = true;
    out->path = str_copy(r->arena, buf_str(&r->path));
    out->name = str_of(text);
    out->stat = stat;
    give_directory(top(r), out);
    return 0;
}

static int resolve(struct resolving *r, struct resolved *out, struct error *error) {
    struct str name;
    while (str_split(&r->rest, '/', &name)) {
        if (name.len == 0 || str_equal_c(name, ".")) {
            continue;
        }
        if (str_equal_c(name, "..")) {
            if (r->levels.count > 1) {
                pop(r);
            } else {
                out->is_outside |= r->is_in_link;
            }
            continue;
        }
        bool is_done = false;
        if (step(r, name, out, &is_done, error)) {
            return -1;
        }
        if (is_done) {
            return 0;
        }
    }
    return finish_directory(r, out, error);
}

int resolve_path(int root, const struct ignore *ignore, struct str path, struct arena *arena,
                 struct resolved *out, struct error *error) {
    *out = (struct resolved)RESOLVED_INIT;
    struct resolving r = { .arena = arena, .ignore = ignore, .rest = path };
    int fd = fcntl(root, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
        return error_system(error, "cannot duplicate a descriptor");
    }
    vec_push(&r.levels, (struct level){ fd, 0 });
    int result = resolve(&r, out, error);
    free_resolving(&r);
    return result;
}
