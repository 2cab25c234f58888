#include "planner/selection.h"

#include "base/vec.h"
#include "planner/content.h"
#include "planner/resolve.h"

#include <errno.h>
#include <stdlib.h>

/* A directory on the way down whose own entry is announced only when something in it is kept. */
struct pending {
    size_t path_len; /* of the tree path when we are at this entry */
    int directory;   /* that holds it */
    const char *name;
    const struct stat *stat;
};

struct walk {
    const struct tree *tree;
    const struct selection *selection;
    const struct selection_visitor *visitor;
    const struct ignore *ignore;   /* NULL: nothing is ignored */
    const struct ignore *excludes; /* NULL: none */
    struct arena arena;
    size_t result_count;
    struct buf path;                       /* of the current entry, from the tree's root */
    size_t base_len;                       /* where paths relative to the result begin in it */
    const struct selection_result *result; /* not announced yet, or NULL */
    VEC(struct pending) pending;

    /* --parents: only what matches below the pivot. */
    const struct ignore *only; /* pattern, or NULL */
    struct str only_path;      /* literal, when len > 0 */
    bool has_only;
    bool has_match;
};

/* ---- messages ---- */

static int not_found(const struct walk *walk, struct str source, const struct resolved *resolved,
                     struct error *error);

/* Why PATH is hidden by the ignore file, as a hint; false when it is not. */
static bool hint_ignored(const struct walk *walk, struct str path, struct error *error) {
    size_t rule;
    if (!walk->ignore || path.len == 0 || !ignore_decides(walk->ignore, path, &rule) ||
        rule == SIZE_MAX) {
        return false;
    }
    unsigned line;
    struct str text = ignore_rule_text(walk->ignore, rule, &line);
    const char *file = walk->tree->ignore_name ? walk->tree->ignore_name : ".dockerignore";
    error_hint(error, "it exists, but %s:%u leaves it out with `%.*s`", file, line, STR_ARG(text));
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

static int not_found(const struct walk *walk, struct str source, const struct resolved *resolved,
                     struct error *error) {
    struct str shown = str_has_prefix(source, STR("/")) ? str_from(source, 1) : source;
    error_set(error, ERROR_NOT_FOUND, "\"/%.*s\": not found in %s", STR_ARG(shown),
              walk->tree->name);
    if (resolved->exists) {
        hint_ignored(walk, resolved->path, error);
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
    const char *nearest =
        nearest_name((struct walk *)(uintptr_t)walk, resolved->directory, resolved->missing);
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

static int refuse_special(const struct walk *walk, const struct stat *stat, struct error *error) {
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

static int announce_result(struct walk *walk, const struct selection_result *result,
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
        if (announce_result(walk, result, error)) {
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
    if (refuse_special(walk, stat, error)) {
        return -1;
    }
    return announce(walk, walk->path.len, directory, name, stat, error);
}

/* ---- walking a directory ---- */

struct states { /* of the ignore rules, the exclusions and the --parents pattern for a directory */
    struct ignore_state ignore, excludes, only;
};

static int open_directory(const struct walk *walk, int parent, const char *name,
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

static int walk_directory(struct walk *walk, int fd, const struct states *states,
                          struct error *error);

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
    _cleanup_fd_ int child = open_directory(walk, fd, name, error);
    if (child < 0 || walk_directory(walk, child, &own, error)) {
        return -1;
    }
    if (walk->pending.count > held) {
        walk->pending.count = held; /* nothing in it was kept */
    }
    return 0;
}

static int walk_directory(struct walk *walk, int fd, const struct states *states,
                          struct error *error) {
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
        /* fs_list gives slices with a NUL behind them. */
        if (walk_entry(walk, fd, names[i].data, states, &arena, error)) {
            return -1;
        }
    }
    walk->path.len = len;
    return 0;
}

/* ---- results ---- */

/* The state of the ignore rules at PATH, from the root down. */
static void enter_states(struct walk *walk, struct str path, struct states *out) {
    memset(out, 0, sizeof(*out));
    if (walk->excludes) {
        ignore_root(walk->excludes, &walk->arena, &out->excludes);
    }
    if (walk->only) {
        ignore_root(walk->only, &walk->arena, &out->only);
    }
    if (!walk->ignore) {
        return;
    }
    ignore_root(walk->ignore, &walk->arena, &out->ignore);
    for (size_t end = 0; path.len > 0 && end <= path.len; end++) {
        if (end == path.len || path.data[end] == '/') {
            struct ignore_state state;
            ignore_enter(walk->ignore, &out->ignore, str_sub(path, 0, end), &walk->arena, &state);
            out->ignore = state;
        }
    }
}

static void set_path(struct walk *walk, struct str path) {
    buf_reset(&walk->path);
    buf_append_str(&walk->path, path);
}

/* *is_kept: false when the ignore rules leave nothing of it. */
static int take_directory(struct walk *walk, const struct resolved *resolved,
                          const struct selection_result *result, bool *is_kept,
                          struct error *error) {
    struct states states;
    set_path(walk, resolved->path);
    walk->base_len = resolved->path.len > 0 ? resolved->path.len + 1 : 0;
    enter_states(walk, resolved->path, &states);
    walk->pending.count = 0;
    walk->result = NULL;
    if (walk->ignore && states.ignore.is_ignored) {
        if (!ignore_may_keep_below(walk->ignore, &states.ignore, resolved->path)) {
            *is_kept = false;
            return 0;
        }
        walk->result = result;
    } else if (announce_result(walk, result, error)) {
        return -1;
    }
    _cleanup_fd_ int fd = open_directory(walk, resolved->directory, resolved->name.data, error);
    if (fd < 0 || walk_directory(walk, fd, &states, error)) {
        return -1;
    }
    *is_kept = walk->result == NULL;
    walk->result = NULL;
    return 0;
}

static int take_file(struct walk *walk, const struct resolved *resolved,
                     const struct selection_result *result, bool *is_kept, struct error *error) {
    size_t rule;
    set_path(walk, resolved->path);
    if (walk->ignore && ignore_decides(walk->ignore, resolved->path, &rule)) {
        *is_kept = false;
        return 0;
    }
    *is_kept = true;
    if (walk->excludes && ignore_decides(walk->excludes, result->base, &rule)) {
        return 0;
    }
    if (refuse_special(walk, &resolved->stat, error) || announce_result(walk, result, error)) {
        return -1;
    }
    struct selection_entry entry = {
        .path = result->base,
        .directory = resolved->directory,
        .name = resolved->name.data,
        .stat = resolved->stat,
        .tree_path = resolved->path,
    };
    return walk->visitor->entry(walk->visitor->context, &entry, error);
}

static struct str last_component(struct str path) {
    size_t slash = str_rfind_byte(path, '/');
    return slash == SIZE_MAX ? path : str_from(path, slash + 1);
}

/* PATH (cleaned, from the root, no leading '/') as one result. *IS_FOUND false: missing or ignored. */
static int take_path(struct walk *walk, struct str path, struct str source, bool is_wildcard,
                     bool *is_found, struct error *error) {
    _cleanup_resolved_ struct resolved resolved = RESOLVED_INIT;
    if (resolve_path(walk->tree->fd, walk->ignore, path, &walk->arena, &resolved, error)) {
        return -1;
    }
    *is_found = false;
    if (resolved.exists) {
        struct selection_result result = {
            .path = resolved.path,
            .base = last_component(path),
            .source = source,
            .is_directory = S_ISDIR(resolved.stat.st_mode),
            .is_wildcard = is_wildcard,
            .stat = resolved.stat,
        };
        int failed = result.is_directory ? take_directory(walk, &resolved, &result, is_found, error)
                                         : take_file(walk, &resolved, &result, is_found, error);
        if (failed) {
            return -1;
        }
    }
    size_t rule;
    bool is_hidden = walk->ignore && ignore_decides(walk->ignore, path, &rule);
    if (!*is_found && !(is_wildcard && is_hidden)) {
        return not_found(walk, path, &resolved, error);
    }
    return 0;
}

/* ---- patterns ---- */

static bool has_escape(struct str text) {
    return str_find_byte(text, '\\') != SIZE_MAX;
}

typedef int pattern_visitor(struct walk *walk, struct str path, struct str source,
                            struct error *error);

/* Every entry below DIRECTORY (at PATH) that matches PATTERN, one component at a time. */
static int match_below(struct walk *walk, int directory, struct str path, struct str pattern,
                       struct str source, pattern_visitor *visit, struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct str rest = pattern;
    struct str component;
    str_split(&rest, '/', &component);
    struct str *names = &component;
    size_t count = 1;
    bool is_literal = !pattern_has_wildcard(component) && !has_escape(component);
    if (is_literal) {
        component = str_copy(&arena, component);
    } else if (fs_list(directory, &arena, &names, &count, error)) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct stat stat;
        if (!is_literal && !pattern_matches(component, names[i])) {
            continue;
        }
        if (fstatat(directory, names[i].data, &stat, AT_SYMLINK_NOFOLLOW)) {
            continue;
        }
        struct str child = str_printf(&arena, "%.*s%s%.*s", STR_ARG(path), path.len > 0 ? "/" : "",
                                      STR_ARG(names[i]));
        if (!rest.data) {
            if (visit(walk, child, source, error)) {
                return -1;
            }
            continue;
        }
        if (!S_ISDIR(stat.st_mode)) {
            continue;
        }
        _cleanup_fd_ int fd = open_directory(walk, directory, names[i].data, error);
        if (fd < 0 || match_below(walk, fd, child, rest, source, visit, error)) {
            return -1;
        }
    }
    return 0;
}

/* The part of PATTERN before its first component with a wildcard; *rest is what follows. */
static struct str fixed_prefix(struct str pattern, struct str *rest) {
    size_t start = 0;
    while (start < pattern.len) {
        size_t end = start;
        while (end < pattern.len && pattern.data[end] != '/') {
            end++;
        }
        if (pattern_has_wildcard(str_sub(pattern, start, end))) {
            break;
        }
        start = end + 1;
    }
    *rest = str_from(pattern, start);
    return str_sub(pattern, 0, start > 0 ? start - 1 : 0);
}

static int match_pattern(struct walk *walk, struct str pattern, struct str source,
                         pattern_visitor *visit, struct error *error) {
    if (pattern_check(pattern, error)) {
        return -1;
    }
    struct str rest;
    struct str prefix = fixed_prefix(pattern, &rest);
    _cleanup_resolved_ struct resolved resolved = RESOLVED_INIT;
    if (resolve_path(walk->tree->fd, walk->ignore, prefix, &walk->arena, &resolved, error)) {
        return -1;
    }
    if (!resolved.exists || !S_ISDIR(resolved.stat.st_mode)) {
        return 0;
    }
    set_path(walk, resolved.path);
    _cleanup_fd_ int fd = open_directory(walk, resolved.directory, resolved.name.data, error);
    return fd < 0 ? -1 : match_below(walk, fd, resolved.path, rest, source, visit, error);
}

static int take_match(struct walk *walk, struct str path, struct str source, struct error *error) {
    bool is_found;
    return take_path(walk, str_copy(&walk->arena, path), source, true, &is_found, error);
}

/* ---- --parents ---- */

static int take_pivot(struct walk *walk, struct str path, struct str source, struct error *error) {
    _cleanup_resolved_ struct resolved resolved = RESOLVED_INIT;
    if (resolve_path(walk->tree->fd, walk->ignore, path, &walk->arena, &resolved, error)) {
        return -1;
    }
    if (!resolved.exists || !S_ISDIR(resolved.stat.st_mode)) {
        bool is_pattern = pattern_has_wildcard(source); /* then only directories were meant */
        return resolved.exists || is_pattern ? 0 : not_found(walk, source, &resolved, error);
    }
    struct selection_result result = {
        .path = resolved.path,
        .base = last_component(resolved.path),
        .source = source,
        .is_directory = true,
        .is_wildcard = walk->only != NULL,
        .stat = resolved.stat,
    };
    bool is_kept;
    return take_directory(walk, &resolved, &result, &is_kept, error);
}

static int take_parents(struct walk *walk, struct str source, struct error *error) {
    struct str path = source;
    while (str_has_prefix(path, STR("/"))) {
        path = str_from(path, 1);
    }
    size_t pivot = str_find(path, STR("/./"));
    struct str before = pivot == SIZE_MAX ? STR_EMPTY : str_sub(path, 0, pivot);
    struct str after = pivot == SIZE_MAX ? path : str_from(path, pivot + 3);
    struct str cleaned =
        path_clean(&walk->arena, str_printf(&walk->arena, "/%.*s", STR_ARG(after)));
    after = str_from(cleaned, 1);
    struct str root = path_clean(&walk->arena, str_printf(&walk->arena, "/%.*s", STR_ARG(before)));
    root = str_from(root, 1);
    walk->has_only = after.len > 0;
    walk->only = NULL;
    walk->only_path = after;
    walk->has_match = after.len == 0;
    if (pattern_has_wildcard(after)) {
        struct ignore *only;
        if (ignore_from_patterns(&after, 1, &walk->arena, &only, error)) {
            return -1;
        }
        walk->only = only;
    }
    bool is_pattern = pattern_has_wildcard(root);
    int failed = is_pattern ? match_pattern(walk, root, source, take_pivot, error)
                            : take_pivot(walk, root, source, error);
    if (failed) {
        return -1;
    }
    if (!walk->has_match && !walk->only && !is_pattern) {
        struct resolved missing = RESOLVED_INIT;
        struct str whole = str_printf(&walk->arena, "%.*s%s%.*s", STR_ARG(root),
                                      root.len > 0 ? "/" : "", STR_ARG(after));
        if (resolve_path(walk->tree->fd, walk->ignore, whole, &walk->arena, &missing, error)) {
            return -1;
        }
        not_found(walk, whole, &missing, error);
        cleanup_resolved(&missing);
        return -1;
    }
    return 0;
}

/* ---- the whole selection ---- */

static int take_source(struct walk *walk, struct str source, struct error *error) {
    if (walk->selection->is_parents) {
        return take_parents(walk, source, error);
    }
    struct str path = path_clean(&walk->arena, str_printf(&walk->arena, "/%.*s", STR_ARG(source)));
    path = str_from(path, 1);
    if (!walk->selection->is_literal && pattern_has_wildcard(path)) {
        return match_pattern(walk, path, source, take_match, error);
    }
    bool is_found;
    return take_path(walk, path, source, false, &is_found, error);
}

int selection_walk(const struct tree *tree, const struct selection *selection,
                   const struct selection_visitor *visitor, size_t *result_count,
                   struct error *error) {
    struct walk walk = { .tree = tree, .selection = selection, .visitor = visitor };
    if (tree->ignore && !ignore_is_empty(tree->ignore)) {
        walk.ignore = tree->ignore;
    }
    if (selection->excludes && !ignore_is_empty(selection->excludes)) {
        walk.excludes = selection->excludes;
    }
    int result = 0;
    for (size_t i = 0; i < selection->source_count && result == 0; i++) {
        result = take_source(&walk, selection->sources[i], error);
    }
    if (result_count) {
        *result_count = walk.result_count;
    }
    vec_free(&walk.pending);
    buf_free(&walk.path);
    arena_free(&walk.arena);
    return result;
}

int selection_digest(const struct tree *tree, const struct selection *selection, struct digest *out,
                     uint64_t *files, uint64_t *bytes, struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct content content;
    if (content_read(tree, selection, &arena, &content, error)) {
        return -1;
    }
    *out = content.digest;
    if (files) {
        *files = content.files;
    }
    if (bytes) {
        *bytes = content.bytes;
    }
    return 0;
}
