#include "planner/walk.h"

#include "base/thread_pool.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

/* ---- messages ---- */

/* Why PATH is hidden by the ignore file, as a hint; false when it is not. */
static bool hint_ignored(const struct walk *walk, struct str path, struct error *error) {
    struct ignore_rule rule;
    if (!walk->rules.ignore || !ignore_deciding(walk->rules.ignore, path, &rule)) {
        return false;
    }
    const char *file = walk->tree->ignore_name ? walk->tree->ignore_name : ".dockerignore";
    error_hint(error, "it exists, but %s:%u leaves it out with `%.*s`", file, rule.line,
               STR_ARG(rule.text));
    return true;
}

/* The same of a link on the way, which counts as missing then. */
static bool hint_ignored_link(struct walk *walk, const struct resolved *resolved,
                              struct error *error) {
    struct stat stat;
    struct str above = resolved->path;
    return fstatat(resolved->directory, str_dup(&walk->arena, resolved->missing), &stat,
                   AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISLNK(stat.st_mode) &&
           hint_ignored(walk,
                        str_printf(&walk->arena, "%.*s%s%.*s", STR_ARG(above),
                                   above.len > 0 ? "/" : "", STR_ARG(resolved->missing)),
                        error);
}

int walk_not_found(struct walk *walk, struct str path, struct str source,
                   const struct resolved *resolved, struct error *error) {
    struct str shown = str_has_prefix(path, STR("/")) ? str_from(path, 1) : path;
    error_set(error, ERROR_NOT_FOUND, "\"/%.*s\": not found in %s", STR_ARG(shown),
              walk->tree->name);
    if (resolved->exists) {
        if (!hint_ignored(walk, resolved->path, error) && walk->selection->is_parents) {
            error_hint(error, "there is a link on the way, which --parents does not follow; name "
                              "the directory it leads to");
        }
        return -1;
    }
    if (hint_ignored_link(walk, resolved, error)) {
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
    if (path_climbs_out(source)) {
        return error_hint(error, "`..` stops at the root of %s: what is outside cannot be copied",
                          walk->tree->is_context ? "the build context" : "that file system");
    }
    if (resolved->link.len > 0) {
        return error_hint(error, "%.*s is a link to %.*s, which is not in %s",
                          STR_ARG(resolved->link), STR_ARG(resolved->target),
                          walk->tree->is_context ? "the build context" : "that file system");
    }
    if (walk->tree->has_no_files) {
        return error_hint(error,
                          "a Dockerfile on standard input comes without files; with those of "
                          "a directory: bud -f - DIRECTORY < FILE");
    }
    const char *nearest = fs_nearest(resolved->directory, resolved->missing, &walk->arena);
    if (nearest) {
        return error_hint(error, "did you mean %s%.*s%s%s?", walk->tree->is_context ? "" : "/",
                          STR_ARG(resolved->path), resolved->path.len > 0 ? "/" : "", nearest);
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
    if (!walk->tree->is_context || walk->visitor->takes_special || !what) {
        return 0;
    }
    error_set(error, ERROR_INPUT, "%.*s is %s and cannot be copied from a build context",
              STR_ARG(buf_str(&walk->path)), what);
    return error_hint(error, "add it to .dockerignore");
}

/* ---- the directories we are in ---- */

/* So many of the deepest are kept open. */
#define MAX_OPEN 64
/* That look ahead. */
#define MAX_THREADS 7

static struct level *level_at(struct walk *walk, size_t level) {
    return &walk->levels.items[level];
}

static int vanished(const struct walk *walk, struct error *error) {
    error_set(error, ERROR_CHANGED, "%.*s vanished while the build was reading it",
              STR_ARG(buf_str(&walk->path)));
    return error_hint(error, "build again when nothing writes to the files any more");
}

/* The descriptor of a level, opened again if it was closed: what is at its path then must be what was. */
static int level_fd(struct walk *walk, size_t at, struct error *error) {
    struct level *level = level_at(walk, at);
    if (level->fd >= 0) {
        return level->fd;
    }
    struct stat stat;
    _cleanup_free_ char *path = level->path_len > 0
                                    ? xasprintf("%.*s", (int)level->path_len, walk->path.data)
                                    : xstrdup(".");
    _cleanup_fd_ int fd = fs_open_beneath(walk->tree->fd, path, O_RDONLY | O_DIRECTORY, 0, error);
    if (fd < 0 || fstat(fd, &stat) || stat.st_dev != level->device || stat.st_ino != level->inode) {
        return vanished(walk, error);
    }
    level->fd = fd;
    fd = -1;
    return level->fd;
}

/* What was ordered of LEVEL is not wanted any more. */
static void forget(struct walk *walk, struct level *level) {
    if (walk->ahead) {
        lookahead_forget(walk->ahead, &level->outlook);
    }
}

/* Takes FD. */
static int push_level(struct walk *walk, int fd, struct error *error) {
    if (walk->level_count == walk->levels.count) {
        vec_push(&walk->levels, (struct level){ .fd = -1 });
    }
    struct level *level = level_at(walk, walk->level_count++);
    level->fd = fd;
    level->path_len = walk->path.len;
    level->id = ++walk->directory_count;
    if (walk->level_count <= MAX_OPEN) {
        return 0;
    }
    struct level *old = level_at(walk, walk->level_count - 1 - MAX_OPEN);
    struct stat stat;
    if (old->fd < 0) {
        return 0;
    }
    if (fstat(old->fd, &stat)) {
        return error_system(error, "cannot stat a directory above %.*s",
                            STR_ARG(buf_str(&walk->path)));
    }
    forget(walk, old);
    old->device = stat.st_dev;
    old->inode = stat.st_ino;
    cleanup_fd(&old->fd);
    old->fd = -1;
    return 0;
}

static void pop_level(struct walk *walk) {
    struct level *level = level_at(walk, --walk->level_count);
    forget(walk, level);
    cleanup_fd(&level->fd);
    level->fd = -1;
}

void walk_free(struct walk *walk) {
    lookahead_stop(walk->ahead);
    for (size_t i = 0; i < walk->levels.count; i++) {
        cleanup_fd(&walk->levels.items[i].fd);
        listing_free(&walk->levels.items[i].listing);
    }
    vec_free(&walk->levels);
    vec_free(&walk->pending);
    buf_free(&walk->path);
    arena_free(&walk->arena);
}

/* ---- announcing ---- */

int walk_announce_result(struct walk *walk, const struct selection_result *result,
                         struct error *error) {
    return walk->visitor->result ? walk->visitor->result(walk->visitor->context, result, error) : 0;
}

/* The entry at the first PATH_LEN bytes of the walk's path. */
static int announce(struct walk *walk, size_t path_len, size_t level, const struct stat *stat,
                    struct error *error) {
    int directory = level_fd(walk, level, error);
    if (directory < 0) {
        return -1;
    }
    size_t start = level_at(walk, level)->path_len;
    char after = walk->path.data[path_len];
    walk->path.data[path_len] = '\0';
    struct str tree_path = str_make(walk->path.data, path_len);
    struct selection_entry entry = {
        .path = str_from(tree_path, walk->rules.base_len),
        .directory = directory,
        .directory_id = level_at(walk, level)->id,
        .name = tree_path.data + start + (start > 0),
        .stat = *stat,
        .tree_path = tree_path,
    };
    int result = walk->visitor->entry(walk->visitor->context, &entry, error);
    walk->path.data[path_len] = after;
    return result;
}

static int announce_pending(struct walk *walk, struct error *error) {
    if (walk->result) {
        const struct selection_result *result = walk->result;
        walk->result = NULL;
        if (walk_announce_result(walk, result, error)) {
            return -1;
        }
    }
    for (size_t i = 0; i < walk->pending.count; i++) {
        struct pending *held = &walk->pending.items[i];
        if (announce(walk, held->path_len, held->level, held->stat, error)) {
            return -1;
        }
    }
    walk->pending.count = 0;
    return 0;
}

/* The current entry is kept: whatever was held back before it comes first. */
static int keep(struct walk *walk, const struct stat *stat, struct error *error) {
    if (announce_pending(walk, error) || walk_refuse_special(walk, stat, error)) {
        return -1;
    }
    return announce(walk, walk->path.len, walk->level_count - 1, stat, error);
}

/* ---- walking a directory ---- */

int walk_open_directory(const struct walk *walk, int parent, const char *name,
                        struct error *error) {
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) {
        return fd;
    }
    /* It was a directory when it was looked at, which may be a while ago. */
    if (errno == ENOENT || errno == ENOTDIR) {
        return vanished(walk, error);
    }
    bool is_closed = errno == EACCES || errno == EPERM;
    error_system(error, "cannot open directory %.*s", STR_ARG(buf_str(&walk->path)));
    return is_closed && walk->tree->is_context
               ? error_hint(error, "make it readable, or leave it out with .dockerignore")
               : -1;
}

/* Other threads look ahead once there is enough to look at. */
static void start_lookahead(struct walk *walk) {
    unsigned others = thread_pool_cores() - 1;
    walk->has_looked_ahead = true;
    if (others > 0) {
        /* If they cannot be started it only takes longer. */
        walk->ahead = lookahead_start(others < MAX_THREADS ? others : MAX_THREADS);
    }
}

static void stop_lookahead(struct walk *walk) {
    for (size_t i = 0; i < walk->level_count; i++) {
        forget(walk, level_at(walk, i));
    }
    lookahead_stop(walk->ahead);
    walk->ahead = NULL;
}

/* From entry INDEX on. The walk's path is that of the directory. */
static void look_ahead(struct walk *walk, size_t index, const struct states *states,
                       struct arena *arena) {
    struct level *level = level_at(walk, walk->level_count - 1);
    const struct vantage vantage = {
        .rules = &walk->rules,
        .states = states,
        .path = buf_str(&walk->path),
        .level = (unsigned)walk->level_count,
        .fd = level->fd,
        .listing = &level->listing,
        .arena = arena,
    };
    if (level->fd >= 0) {
        lookahead_extend(walk->ahead, &level->outlook, &vantage, index);
    }
}

static int walk_level(struct walk *walk, int fd, struct glimpse *glimpse,
                      const struct states *states, struct error *error);

static int open_current(struct walk *walk, struct error *error) {
    size_t level = walk->level_count - 1;
    size_t start = level_at(walk, level)->path_len;
    int parent = level_fd(walk, level, error);
    return parent < 0
               ? -1
               : walk_open_directory(walk, parent, walk->path.data + start + (start > 0), error);
}

/* Into the directory at the walk's path. GLIMPSE: of it, or NULL. */
static int descend(struct walk *walk, struct glimpse *glimpse, const struct states *own,
                   struct error *error) {
    if (glimpse) {
        lookahead_await(walk->ahead, glimpse);
        if (!glimpse->is_failed) {
            return walk_level(walk, glimpse->fd, glimpse, own, error);
        }
    }
    int fd = glimpse ? -1 : open_current(walk, walk->ahead ? NULL : error);
    if (fd < 0 && walk->ahead) { /* descriptors may have run out, and glimpses hold some */
        stop_lookahead(walk);
        fd = open_current(walk, error);
    }
    return fd < 0 ? -1 : walk_level(walk, fd, NULL, own, error);
}

/* The current entry is a directory, number INDEX of its own; STAT stays where it is while we are in it. */
static int enter(struct walk *walk, size_t index, const struct stat *stat,
                 const struct states *states, struct arena *arena, struct error *error) {
    size_t level = walk->level_count - 1;
    struct glimpse *glimpse =
        walk->ahead ? lookahead_directory(walk->ahead, &level_at(walk, level)->outlook, index)
                    : NULL;
    struct states own;
    struct verdict verdict = { true, true };
    if (glimpse) {
        own = glimpse->states;
        verdict.is_kept = glimpse->is_kept;
    } else {
        verdict = rules_judge_directory(&walk->rules, states, buf_str(&walk->path), arena, &own);
    }
    if (verdict.is_kept) {
        walk->has_match = true;
        if (keep(walk, stat, error)) {
            return -1;
        }
    }
    if (!verdict.is_entered) {
        return 0;
    }
    size_t held = walk->pending.count;
    if (!verdict.is_kept) {
        vec_push(&walk->pending, (struct pending){ walk->path.len, level, stat });
    }
    if (descend(walk, glimpse, &own, error)) {
        return -1;
    }
    if (walk->pending.count > held) {
        walk->pending.count = held; /* nothing in it was kept */
    }
    return 0;
}

/* Looks at the current entry, NAME of the level. */
static int look(struct walk *walk, size_t level, const char *name, struct stat *stat,
                struct error *error) {
    int directory = level_fd(walk, level, error);
    if (directory < 0 || fstatat(directory, name, stat, AT_SYMLINK_NOFOLLOW) == 0) {
        return directory < 0 ? -1 : 0;
    }
    /* It may have gone between listing and looking. */
    return errno == ENOENT ? vanished(walk, error)
                           : error_system(error, "cannot stat %.*s", STR_ARG(buf_str(&walk->path)));
}

/* Entry INDEX of the level. TYPE is DT_UNKNOWN or what the listing said: a file that is left out is not even looked at. */
static int walk_entry(struct walk *walk, size_t index, uint8_t type, const struct states *states,
                      struct arena *arena, struct error *error) {
    size_t level = walk->level_count - 1;
    size_t start = level_at(walk, level)->path_len;
    const struct look *seen =
        walk->ahead ? lookahead_entry(walk->ahead, &level_at(walk, level)->outlook, index) : NULL;
    bool is_judged = type != DT_UNKNOWN && type != DT_DIR;
    struct stat stat;
    if (seen ? seen->is_left_out
             : is_judged && !rules_keep_file(&walk->rules, states, buf_str(&walk->path))) {
        return 0;
    }
    if (seen) {
        stat = seen->stat;
    } else if (look(walk, level, walk->path.data + start + (start > 0), &stat, error)) {
        return -1;
    }
    if (S_ISDIR(stat.st_mode)) {
        return enter(walk, index, &stat, states, arena, error);
    }
    if (!is_judged && !rules_keep_file(&walk->rules, states, buf_str(&walk->path))) {
        return 0;
    }
    walk->has_match = true;
    return keep(walk, &stat, error);
}

static int too_long(const struct walk *walk, struct error *error) {
    error_set(error, ERROR_INPUT, "a path below %.60s… is longer than %d bytes", walk->path.data,
              PATH_MAX - 1);
    return error_hint(error, "such deep directories cannot be copied; leave them out with "
                             ".dockerignore or --exclude");
}

static int list(struct walk *walk, struct error *error) {
    size_t level = walk->level_count - 1;
    if (listing_read(&level_at(walk, level)->listing, level_at(walk, level)->fd, error)) {
        return error_wrap(error, "cannot read directory %s%s%.*s", walk->tree->name,
                          walk->path.len > 0 ? "/" : "", STR_ARG(buf_str(&walk->path)));
    }
    if (level >= MAX_OPEN) {
        listing_shrink(&level_at(walk, level)->listing);
    }
    return 0;
}

static int walk_names(struct walk *walk, const struct states *states, struct error *error) {
    size_t level = walk->level_count - 1;
    size_t len = walk->path.len;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    size_t count = level_at(walk, level)->listing.count;
    for (size_t i = 0; i < count; i++) {
        walk->path.len = len;
        if (walk->visitor->look_ahead_after > 0 && !walk->has_looked_ahead &&
            walk->entry_count >= walk->visitor->look_ahead_after) {
            start_lookahead(walk);
        }
        if (walk->ahead) {
            look_ahead(walk, i, states, &arena);
        }
        const struct listing *listing = &level_at(walk, level)->listing; /* levels move */
        struct listing_name name = listing->names[i];
        if (len > 0) {
            buf_append_byte(&walk->path, '/');
        }
        buf_append(&walk->path, listing_name(listing, i), name.len);
        if (walk->path.len >= PATH_MAX) { /* nobody could open it; it bounds our own depth, too */
            return too_long(walk, error);
        }
        walk->entry_count++;
        if (walk_entry(walk, i, name.type, states, &arena, error)) {
            return -1;
        }
    }
    walk->path.len = len;
    return 0;
}

/* Takes FD. GLIMPSE: of this directory, listed already, or NULL. */
static int walk_level(struct walk *walk, int fd, struct glimpse *glimpse,
                      const struct states *states, struct error *error) {
    if (glimpse) {
        glimpse->fd = -1;
    }
    int result = push_level(walk, fd, error);
    if (glimpse) {
        struct level *level = level_at(walk, walk->level_count - 1);
        struct listing older = level->listing;
        level->listing = glimpse->listing;
        glimpse->listing = older;
        lookahead_descend(&level_at(walk, walk->level_count - 2)->outlook, &level->outlook);
    } else if (result == 0) {
        result = list(walk, error);
    }
    if (result == 0) {
        result = walk_names(walk, states, error);
    }
    pop_level(walk);
    return result;
}

int walk_directory(struct walk *walk, int fd, const struct states *states, struct error *error) {
    return walk_level(walk, fd, NULL, states, error);
}
