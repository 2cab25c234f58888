#include "planner/walk.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

/* ---- messages ---- */

/* Why PATH is hidden by the ignore file, as a hint; false when it is not. */
static bool hint_ignored(const struct walk *walk, struct str path, struct error *error) {
    struct ignore_rule rule;
    if (!walk->ignore || !ignore_deciding(walk->ignore, path, &rule)) {
        return false;
    }
    const char *file = walk->tree->ignore_name ? walk->tree->ignore_name : ".dockerignore";
    error_hint(error, "it exists, but %s:%u leaves it out with `%.*s`", file, rule.line,
               STR_ARG(rule.text));
    return true;
}

static const char *nearest_name(struct walk *walk, int directory, struct str missing) {
    struct str *names;
    size_t count;
    if (directory < 0 || fs_list(directory, &walk->arena, &names, &count, NULL) || count > 10000) {
        return NULL;
    }
    const char **candidates = arena_array(&walk->arena, count, sizeof(*candidates));
    for (size_t i = 0; i < count; i++) {
        candidates[i] = str_dup(&walk->arena, names[i]);
    }
    return str_nearest(missing, candidates, count);
}

int walk_not_found(struct walk *walk, struct str source, const struct resolved *resolved,
                   struct error *error) {
    struct str shown = str_has_prefix(source, STR("/")) ? str_from(source, 1) : source;
    error_set(error, ERROR_NOT_FOUND, "\"/%.*s\": not found in %s", STR_ARG(shown),
              walk->tree->name);
    if (resolved->exists) {
        if (!hint_ignored(walk, resolved->path, error) && walk->selection->is_parents) {
            error_hint(error, "there is a link on the way, which --parents does not follow; name "
                              "the directory it leads to");
        }
        return -1;
    }
    if (resolved->is_outside) {
        return error_hint(error,
                          "a link on the way leads out of %s; it was followed inside, where there "
                          "is no %s%.*s%s%.*s",
                          walk->tree->is_context ? "the build context" : "the file system",
                          resolved->path.len > 0 ? "/" : "", STR_ARG(resolved->path), "/",
                          STR_ARG(resolved->missing));
    }
    const char *nearest = nearest_name(walk, resolved->directory, resolved->missing);
    if (nearest) {
        return error_hint(error, "did you mean %.*s%s%s?", STR_ARG(resolved->path),
                          resolved->path.len > 0 ? "/" : "", nearest);
    }
    return error_hint(error,
                      walk->tree->is_context
                          ? "sources are relative to the build context, the last argument of "
                            "the command"
                          : "sources are relative to the root of that file system");
}

int walk_refuse_special(const struct walk *walk, const struct stat *stat, struct error *error) {
    const char *what = S_ISSOCK(stat->st_mode)  ? "a socket"
                       : S_ISBLK(stat->st_mode) ? "a block device"
                       : S_ISCHR(stat->st_mode) ? "a character device"
                                                : NULL;
    if (!walk->tree->is_context || !what) {
        return 0;
    }
    error_set(error, ERROR_INPUT, "%.*s is %s and cannot be copied from a build context",
              STR_ARG(buf_str(&walk->path)), what);
    return error_hint(error, "add it to .dockerignore");
}

/* ---- announcing ---- */

int walk_announce_result(struct walk *walk, const struct selection_result *result,
                         struct error *error) {
    walk->result_count++;
    return walk->visitor->result ? walk->visitor->result(walk->visitor->context, result, error) : 0;
}

static int announce(struct walk *walk, size_t path_len, int directory, const char *name,
                    const struct stat *stat, struct error *error) {
    struct str tree_path = str_make(walk->path.data, path_len);
    struct selection_entry entry = {
        .path = str_from(tree_path, walk->base_len),
        .directory = directory,
        .name = name,
        .stat = *stat,
        .tree_path = tree_path,
    };
    return walk->visitor->entry(walk->visitor->context, &entry, error);
}

/* The current entry is kept: whatever was held back before it comes first. */
static int keep(struct walk *walk, int directory, const char *name, const struct stat *stat,
                struct error *error) {
    if (walk->result) {
        const struct selection_result *result = walk->result;
        walk->result = NULL;
        if (walk_announce_result(walk, result, error)) {
            return -1;
        }
    }
    for (size_t i = 0; i < walk->pending.count; i++) {
        struct pending *held = &walk->pending.items[i];
        if (announce(walk, held->path_len, held->directory, held->name, held->stat, error)) {
            return -1;
        }
    }
    walk->pending.count = 0;
    if (walk_refuse_special(walk, stat, error)) {
        return -1;
    }
    return announce(walk, walk->path.len, directory, name, stat, error);
}

/* ---- walking a directory ---- */

int walk_open_directory(const struct walk *walk, int parent, const char *name,
                        struct error *error) {
    int fd = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        error_system(error, "cannot open directory %.*s", STR_ARG(buf_str(&walk->path)));
    }
    return fd;
}

/* Does the literal --parents path lead to, or lie above, PATH? */
static bool only_path_matches(const struct walk *walk, struct str path, bool *leads) {
    struct str only = walk->only_path;
    bool is_below =
        str_has_prefix(path, only) && (path.len == only.len || path.data[only.len] == '/');
    *leads = is_below || (str_has_prefix(only, path) && only.data[path.len] == '/');
    return is_below;
}

struct verdict {
    bool is_kept;
    bool is_entered; /* something below may be kept */
};

static struct verdict judge_file(const struct walk *walk, const struct states *parent) {
    struct str tree_path = buf_str(&walk->path);
    struct str path = str_from(tree_path, walk->base_len);
    bool leads;
    if (walk->ignore && ignore_matches(walk->ignore, &parent->ignore, tree_path)) {
        return (struct verdict){ false, false };
    }
    if (walk->excludes && ignore_matches(walk->excludes, &parent->excludes, path)) {
        return (struct verdict){ false, false };
    }
    if (walk->has_only && !(walk->only ? ignore_matches(walk->only, &parent->only, path)
                                       : only_path_matches(walk, path, &leads))) {
        return (struct verdict){ false, false };
    }
    return (struct verdict){ true, false };
}

static struct verdict judge_directory(const struct walk *walk, const struct states *parent,
                                      struct arena *arena, struct states *own) {
    struct str tree_path = buf_str(&walk->path);
    struct str path = str_from(tree_path, walk->base_len);
    struct verdict verdict = { true, true };
    if (walk->ignore) {
        ignore_enter(walk->ignore, &parent->ignore, tree_path, arena, &own->ignore);
        if (own->ignore.is_ignored) {
            verdict.is_kept = false;
            verdict.is_entered &= ignore_may_keep_below(walk->ignore, &own->ignore, tree_path);
        }
    }
    if (walk->excludes) {
        ignore_enter(walk->excludes, &parent->excludes, path, arena, &own->excludes);
        if (own->excludes.is_ignored) {
            verdict.is_kept = false;
            verdict.is_entered &= ignore_may_keep_below(walk->excludes, &own->excludes, path);
        }
    }
    if (walk->has_only && walk->only) {
        ignore_enter(walk->only, &parent->only, path, arena, &own->only);
        verdict.is_kept &= own->only.is_ignored;
    } else if (walk->has_only) {
        bool leads;
        verdict.is_kept &= only_path_matches(walk, path, &leads);
        verdict.is_entered &= leads;
    }
    return verdict;
}

static int walk_entry(struct walk *walk, int fd, const char *name, const struct states *states,
                      struct arena *arena, struct error *error) {
    struct stat stat;
    if (fstatat(fd, name, &stat, AT_SYMLINK_NOFOLLOW)) {
        if (errno == ENOENT) { /* it went between listing and looking */
            return error_set(error, ERROR_CHANGED, "%.*s vanished while the build was reading it",
                             STR_ARG(buf_str(&walk->path)));
        }
        return error_system(error, "cannot stat %.*s", STR_ARG(buf_str(&walk->path)));
    }
    if (!S_ISDIR(stat.st_mode)) {
        if (!judge_file(walk, states).is_kept) {
            return 0;
        }
        walk->has_match = true;
        return keep(walk, fd, name, &stat, error);
    }
    struct states own;
    struct verdict verdict = judge_directory(walk, states, arena, &own);
    if (verdict.is_kept) {
        walk->has_match = true;
        if (keep(walk, fd, name, &stat, error)) {
            return -1;
        }
    }
    if (!verdict.is_entered) {
        return 0;
    }
    size_t held = walk->pending.count;
    if (!verdict.is_kept) {
        vec_push(&walk->pending, (struct pending){ walk->path.len, fd, name, &stat });
    }
    _cleanup_fd_ int child = walk_open_directory(walk, fd, name, error);
    if (child < 0 || walk_directory(walk, child, &own, error)) {
        return -1;
    }
    if (walk->pending.count > held) {
        walk->pending.count = held; /* nothing in it was kept */
    }
    return 0;
}

static int too_long(const struct walk *walk, struct error *error) {
    error_set(error, ERROR_INPUT, "a path below %.60s… is longer than %d bytes", walk->path.data,
              PATH_MAX - 1);
    return error_hint(error, "such deep directories cannot be copied; leave them out with "
                             ".dockerignore or --exclude");
}

int walk_directory(struct walk *walk, int fd, const struct states *states, struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct str *names;
    size_t count;
    if (fs_list(fd, &arena, &names, &count, error)) {
        return error_wrap(error, "cannot read directory %s%s%.*s", walk->tree->name,
                          walk->path.len > 0 ? "/" : "", STR_ARG(buf_str(&walk->path)));
    }
    size_t len = walk->path.len;
    for (size_t i = 0; i < count; i++) {
        walk->path.len = len;
        if (len > 0) {
            buf_append_byte(&walk->path, '/');
        }
        buf_append_str(&walk->path, names[i]);
        if (walk->path.len >= PATH_MAX) { /* nobody could open it; it bounds our own depth, too */
            return too_long(walk, error);
        }
        /* fs_list gives slices with a NUL behind them. */
        if (walk_entry(walk, fd, names[i].data, states, &arena, error)) {
            return -1;
        }
    }
    walk->path.len = len;
    return 0;
}
