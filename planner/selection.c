#include "planner/selection.h"

#include "planner/content.h"
#include "planner/index.h"
#include "planner/walk.h"
#include "store/crc64.h"

#include <limits.h>
#include <stdlib.h>

/* ---- results ---- */

static bool is_ignored(struct walk *walk, struct str path) {
    struct ignore_state state = { 0 };
    if (walk->rules.ignore) {
        ignore_reach(walk->rules.ignore, path, &walk->arena, &state);
    }
    return state.is_ignored;
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
    walk->rules.base_len = resolved->path.len > 0 ? resolved->path.len + 1 : 0;
    rules_reach(&walk->rules, resolved->path, &walk->arena, &states);
    walk->pending.count = 0;
    walk->result = NULL;
    if (walk->rules.ignore && states.ignore.is_ignored) {
        if (!ignore_may_keep_below(walk->rules.ignore, &states.ignore, resolved->path)) {
            *is_kept = false;
            return 0;
        }
        walk->result = result;
    } else if (walk_announce_result(walk, result, error)) {
        return -1;
    }
    int fd = walk_open_directory(walk, resolved->directory, resolved->name.data, error);
    int failed = fd < 0 ? -1 : walk_directory(walk, fd, &states, error);
    *is_kept = walk->result == NULL;
    walk->result = NULL;
    return failed;
}

static int take_file(struct walk *walk, const struct resolved *resolved,
                     const struct selection_result *result, bool *is_kept, struct error *error) {
    set_path(walk, resolved->path);
    if (is_ignored(walk, resolved->path)) {
        *is_kept = false;
        return 0;
    }
    *is_kept = true;
    struct ignore_rule rule;
    if (walk->rules.excludes && ignore_deciding(walk->rules.excludes, result->base, &rule)) {
        return 0;
    }
    if (walk_refuse_special(walk, &resolved->stat, error) ||
        walk_announce_result(walk, result, error)) {
        return -1;
    }
    struct selection_entry entry = {
        .path = result->base,
        .directory = resolved->directory,
        .directory_id = ++walk->directory_count,
        .name = resolved->name.data,
        .stat = resolved->stat,
        .tree_path = resolved->path,
    };
    return walk->visitor->entry(walk->visitor->context, &entry, error);
}

/* PATH (cleaned, from the root, no leading '/') as one result. */
static int take_path(struct walk *walk, struct str path, struct str source, bool is_wildcard,
                     struct error *error) {
    _cleanup_resolved_ struct resolved resolved = RESOLVED_INIT;
    if (resolve_path(walk->tree->fd, walk->rules.ignore, path, &walk->arena, &resolved, error)) {
        return -1;
    }
    bool is_found = false; /* and not ignored */
    if (resolved.exists) {
        struct selection_result result = {
            .path = resolved.path,
            .base = path_base(path),
            .source = source,
            .is_directory = S_ISDIR(resolved.stat.st_mode),
            .is_wildcard = is_wildcard,
            .stat = resolved.stat,
        };
        int failed = result.is_directory
                         ? take_directory(walk, &resolved, &result, &is_found, error)
                         : take_file(walk, &resolved, &result, &is_found, error);
        if (failed) {
            return -1;
        }
    }
    walk->has_match = walk->has_match || is_found;
    if (!is_found && !(is_wildcard && is_ignored(walk, path))) {
        return walk_not_found(walk, path, source, &resolved, error);
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
        if (!S_ISDIR(stat.st_mode) || child.len >= PATH_MAX) {
            continue;
        }
        _cleanup_fd_ int fd = walk_open_directory(walk, directory, names[i].data, error);
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
    if (resolve_path(walk->tree->fd, walk->rules.ignore, prefix, &walk->arena, &resolved, error)) {
        return -1;
    }
    if (!resolved.exists || !S_ISDIR(resolved.stat.st_mode)) {
        return 0;
    }
    set_path(walk, resolved.path);
    _cleanup_fd_ int fd = walk_open_directory(walk, resolved.directory, resolved.name.data, error);
    return fd < 0 ? -1 : match_below(walk, fd, resolved.path, rest, source, visit, error);
}

static int take_match(struct walk *walk, struct str path, struct str source, struct error *error) {
    return take_path(walk, str_copy(&walk->arena, path), source, true, error);
}

static int take_source(struct walk *walk, struct str source, struct error *error);

static int look_at_entry(void *context, const struct selection_entry *entry, struct error *error) {
    (void)context;
    (void)entry;
    (void)error;
    return 0;
}

/* What is excluded is there all the same: nothing is taken of SOURCE, which is gone through once more, without --exclude. */
static int look_for_excluded(const struct walk *walk, struct str source, bool *is_there,
                             struct error *error) {
    static const struct selection_visitor silent = { .entry = look_at_entry,
                                                     .takes_special = true };
    struct walk again = { .tree = walk->tree, .selection = walk->selection, .visitor = &silent };
    again.rules.ignore = walk->rules.ignore;
    int failed = take_source(&again, source, error);
    *is_there = again.has_match;
    walk_free(&again);
    return failed;
}

/* ---- --parents ---- */

static int take_pivot(struct walk *walk, struct str path, struct str source, struct error *error) {
    _cleanup_resolved_ struct resolved resolved = RESOLVED_INIT;
    if (resolve_path(walk->tree->fd, walk->rules.ignore, path, &walk->arena, &resolved, error)) {
        return -1;
    }
    if (!resolved.exists || !S_ISDIR(resolved.stat.st_mode)) {
        if (pattern_has_wildcard(source)) { /* then only directories were meant */
            return 0;
        }
        if (!resolved.exists) {
            return walk_not_found(walk, source, source, &resolved, error);
        }
        error_set(error, ERROR_NOT_FOUND, "\"/%.*s\": not found in %s", STR_ARG(source),
                  walk->tree->name);
        return error_hint(error, "%.*s is no directory; what stands before /./ is one",
                          STR_ARG(path));
    }
    struct selection_result result = {
        .path = resolved.path,
        .base = path_base(resolved.path),
        .source = source,
        .is_directory = true,
        .is_wildcard = walk->rules.only != NULL,
        .stat = resolved.stat,
    };
    bool is_kept;
    walk->has_match = walk->has_match || !walk->rules.has_only;
    return take_directory(walk, &resolved, &result, &is_kept, error);
}

/* WHOLE, which SOURCE names and of which nothing was taken, is missing, unless it is excluded. */
static int miss_parents(struct walk *walk, struct str whole, struct str source,
                        struct error *error) {
    if (walk->rules.excludes) {
        return look_for_excluded(walk, source, &walk->has_match, error);
    }
    _cleanup_resolved_ struct resolved missing = RESOLVED_INIT;
    return resolve_path(walk->tree->fd, walk->rules.ignore, whole, &walk->arena, &missing, error)
               ? -1
               : walk_not_found(walk, whole, source, &missing, error);
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
    walk->rules.has_only = after.len > 0;
    walk->rules.only = NULL;
    walk->rules.only_path = after;
    bool is_pattern = pattern_has_wildcard(root);
    walk->has_match = after.len == 0 && !is_pattern;
    if (pattern_has_wildcard(after)) {
        struct ignore *only;
        if (ignore_from_patterns(&after, 1, &walk->arena, &only, error)) {
            return -1;
        }
        walk->rules.only = only;
    }
    int failed = is_pattern ? match_pattern(walk, root, source, take_pivot, error)
                            : take_pivot(walk, root, source, error);
    if (failed || walk->has_match || walk->rules.only || is_pattern) {
        return failed;
    }
    struct str whole = str_printf(&walk->arena, "%.*s%s%.*s", STR_ARG(root),
                                  root.len > 0 ? "/" : "", STR_ARG(after));
    return miss_parents(walk, whole, source, error);
}

/* ---- the whole selection ---- */

/* Leaves HAS_MATCH false for a pattern of which nothing was taken. */
static int take_source(struct walk *walk, struct str source, struct error *error) {
    walk->has_match = false;
    if (walk->selection->is_parents) {
        return take_parents(walk, source, error);
    }
    struct str path = path_clean(&walk->arena, str_printf(&walk->arena, "/%.*s", STR_ARG(source)));
    path = str_from(path, 1);
    if (!walk->selection->is_literal && pattern_has_wildcard(path)) {
        return match_pattern(walk, path, source, take_match, error);
    }
    return take_path(walk, path, source, false, error);
}

static int tell_unmatched(struct walk *walk, struct str source, struct error *error) {
    bool is_there = false;
    if (walk->rules.excludes && look_for_excluded(walk, source, &is_there, error)) {
        return -1;
    }
    if (!is_there) {
        walk->visitor->unmatched(walk->visitor->context, source);
    }
    return 0;
}

int selection_walk(const struct tree *tree, const struct selection *selection,
                   const struct selection_visitor *visitor, struct error *error) {
    struct walk walk = { .tree = tree, .selection = selection, .visitor = visitor };
    if (tree->ignore && !ignore_is_empty(tree->ignore)) {
        walk.rules.ignore = tree->ignore;
    }
    if (selection->excludes && !ignore_is_empty(selection->excludes)) {
        walk.rules.excludes = selection->excludes;
    }
    int result = 0;
    for (size_t i = 0; i < selection->source_count && result == 0; i++) {
        result = take_source(&walk, selection->sources[i], error);
        if (result == 0 && !walk.has_match && visitor->unmatched) {
            result = tell_unmatched(&walk, selection->sources[i], error);
        }
    }
    walk_free(&walk);
    return result;
}

int selection_digest(const struct tree *tree, const struct selection *selection, struct digest *out,
                     struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct content content;
    if (content_read(tree, selection, &arena, &content, error)) {
        return -1;
    }
    *out = content.digest;
    return 0;
}

uint64_t selection_stamp(uint64_t stamps, const struct selection_entry *entry) {
    struct index_stamp stamp = index_stamp_of(&entry->stat);
    if (S_ISDIR(stamp.mode)) { /* its times tell of files that are not taken, too */
        stamp = (struct index_stamp){ .mode = stamp.mode };
    }
    stamps = crc64_update(stamps, entry->tree_path.data, entry->tree_path.len);
    return crc64_update(stamps, &stamp, sizeof(stamp));
}

int selection_check(const struct tree *tree, const struct selection *selection,
                    const struct digest *expected, const struct content *details, uint64_t stamps,
                    struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct content now;
    if (content_read(tree, selection, &arena, &now, error)) {
        return -1;
    }
    if (digest_equal(&now.digest, expected) && now.stamps == stamps) {
        return 0;
    }
    struct str path = details ? content_difference(details, &now, &arena) : STR_EMPTY;
    if (path.len > 0) {
        error_set(error, ERROR_CHANGED, "%.*s changed while the build was copying it",
                  STR_ARG(path));
    } else {
        error_set(error, ERROR_CHANGED, "files of %s changed while the build was copying them",
                  tree->name);
    }
    return error_hint(error, "something is still writing to them; build again when it is done");
}
