/* Which files of contexts changed, came and went. What stands for all below it is named alone. */
#include "base/fs.h"
#include "planner/explain_part.h"

/* "100644 0123456789abcdef", as recipe_files.c writes it. */
static bool parse_value(struct str value, uint64_t *mode, struct str *digest) {
    struct str number;
    *digest = value;
    return str_split(digest, ' ', &number) && str_parse_uint(number, 8, UINT32_MAX, mode);
}

/* A file may be called `times`, which is an option, too: that has one part only. */
static bool is_path(const struct ingredient *ingredient, struct str *path, uint64_t *mode) {
    struct str digest;
    if (!str_has_prefix(ingredient->name, STR("file ")) ||
        str_find_byte(ingredient->value, ' ') == SIZE_MAX ||
        !parse_value(ingredient->value, mode, &digest)) {
        return false;
    }
    *path = str_from(ingredient->name, strlen("file "));
    return true;
}

static const char *type_name(uint64_t mode) {
    return S_ISREG(mode)   ? "a file"
           : S_ISDIR(mode) ? "a directory"
           : S_ISLNK(mode) ? "a link"
                           : "a special file";
}

struct str explain_type(struct comparison *c, struct str path, uint64_t mode) {
    return str_printf(c->arena, "%.*s is %s now", STR_ARG(path), type_name(mode));
}

/* The same path before and now, and the same type. */
static struct str describe_change(struct comparison *c, struct str path, struct str before,
                                  struct str now) {
    uint64_t old_mode = 0, mode = 0;
    struct str old_digest, digest;
    parse_value(before, &old_mode, &old_digest);
    parse_value(now, &mode, &digest);
    if (str_equal(old_digest, digest)) {
        return str_printf(c->arena, "mode of %.*s: %04o → %04o", STR_ARG(path),
                          (unsigned)old_mode & 07777, (unsigned)mode & 07777);
    }
    return str_printf(c->arena, S_ISDIR(mode) ? "attributes of %.*s/ changed" : "%.*s changed",
                      STR_ARG(path));
}

/* ---- what became of a path that is not taken any more ---- */

static int64_t nanoseconds(struct statx_timestamp time) {
    return time.tv_sec * 1000000000 + time.tv_nsec;
}

static struct fate look_at(const struct comparison *c, const struct tree *tree, struct str path) {
    struct fate fate = { .is_read = true };
    struct ignore_rule rule;
    struct statx stat;
    _cleanup_fd_ int fd = fs_open_beneath(tree->fd, str_dup(c->arena, path),
                                          O_PATH | O_NOFOLLOW | O_CLOEXEC, 0, NULL);
    if (fd < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &stat)) {
        return fate;
    }
    fate.is_there = true;
    fate.is_ignored = tree->ignore && ignore_deciding(tree->ignore, path, &rule);
    fate.is_old = nanoseconds(stat.stx_ctime) < c->since;
    fate.is_new = (stat.stx_mask & STATX_BTIME) && nanoseconds(stat.stx_btime) >= c->since;
    fate.mode = stat.stx_mode;
    return fate;
}

struct fate explain_fate(const struct comparison *c, struct str path) {
    struct fate fate = { .is_read = false };
    struct str told = path, origin = recipe_split_origin(&path);
    path = origin.len > 0 ? path : told;
    for (size_t i = 0; i < c->step->input_count && !fate.is_there; i++) {
        const struct step_input *input = &c->step->inputs[i];
        if (input->context && str_equal(recipe_origin(input, c->arena), origin)) {
            fate = look_at(c, input->context, path);
        }
    }
    return fate;
}

/* ---- all of them ---- */

struct paths {
    struct comparison *c;
    struct map tops; /* paths that came, went or have another type, and so tell of what is below */
    struct map opened; /* what is above those that went */
    struct str_list gone;
    bool
        is_led_astray; /* some that went are there: a link leads elsewhere, what came may have been there, too */
    struct map links; /* what is a link now, and was a directory of some that went */
};

bool explain_is_below(const struct map *tops, struct str path) {
    for (path = path_above(path); path.len > 0; path = path_above(path)) {
        if (map_has(tops, path)) {
            return true;
        }
    }
    return false;
}

static bool has_other_type(const struct str *before, uint64_t mode) {
    uint64_t old_mode = 0;
    struct str digest;
    parse_value(*before, &old_mode, &digest);
    return ((old_mode ^ mode) & S_IFMT) != 0;
}

static void find_tops(struct paths *paths, const struct ingredient_list *list,
                      const struct map *others) {
    for (size_t i = 0; i < list->count; i++) {
        struct str path;
        uint64_t mode = 0;
        if (!is_path(&list->items[i], &path, &mode)) {
            continue;
        }
        const struct str *other = map_get(others, list->items[i].name);
        if (!other || has_other_type(other, mode)) {
            map_set(&paths->tops, path, paths);
        }
    }
}

/* Of a directory that is a link now the files are there no more by their names; it is told once. */
static bool is_below_link(struct paths *paths, struct str path) {
    struct comparison *c = paths->c;
    for (struct str above = path_above(path); above.len > 0; above = path_above(above)) {
        struct fate fate = { .is_read = false };
        bool is_known = map_has(&paths->links, above);
        if (!is_known) {
            fate = explain_fate(c, above);
        }
        if (!is_known && fate.is_there && S_ISLNK(fate.mode)) {
            map_set(&paths->links, above, paths);
            str_list_push(&paths->gone, c->arena, explain_type(c, above, fate.mode));
            is_known = true;
        }
        if (is_known) {
            paths->is_led_astray = true;
            return true;
        }
    }
    return false;
}

static void add_departure(struct paths *paths, struct str path, uint64_t mode) {
    struct comparison *c = paths->c;
    struct fate fate = explain_fate(c, path);
    const char *what = NULL;
    if (!fate.is_read) { /* that it reads it no more is another difference */
        c->is_unexplained = true;
        return;
    }
    c->has_content = true;
    if (is_below_link(paths, path)) {
        return;
    }
    if (!fate.is_there) {
        what = "was removed";
    } else if (fate.is_ignored) {
        what = "is left out now";
    } else if (((fate.mode ^ mode) & S_IFMT) != 0) {
        paths->is_led_astray |= S_ISLNK(fate.mode);
        str_list_push(&paths->gone, c->arena, explain_type(c, path, fate.mode));
    } else if (c->has_selection) {
        c->is_unexplained = true;
    } else {
        paths->is_led_astray = true;
        what = "is not taken now";
    }
    if (what) {
        str_list_push(&paths->gone, c->arena, str_printf(c->arena, "%.*s %s", STR_ARG(path), what));
    }
}

/* Of a directory that is a source only what is in it is taken: a file in its place comes from nowhere. */
static bool is_source(const struct comparison *c, struct str path) {
    const struct step *step = c->step;
    for (size_t i = 0; step->kind == STEP_FILE && i < step->file.selection.source_count; i++) {
        struct str source = path_clean(c->arena, step->file.selection.sources[i]);
        source = str_has_prefix(source, STR("/")) ? str_from(source, 1) : source;
        if (str_equal(source, path)) {
            return true;
        }
    }
    return false;
}

/* What was changed since may have been there as well, but then a file that was written anew is not told from a new one. */
static bool was_there(const struct paths *paths, struct str path) {
    struct fate fate = explain_fate(paths->c, path);
    return paths->is_led_astray ? !fate.is_new : fate.is_old;
}

static void add_arrival(struct paths *paths, struct str path, uint64_t mode) {
    struct comparison *c = paths->c;
    struct str plain = path;
    recipe_split_origin(&plain);
    c->has_content = true;
    if (!S_ISDIR(mode) &&
        (map_has(&paths->opened, path) || (!c->has_selection && is_source(c, plain)))) {
        explain_add(c, RANK_OWN, explain_type(c, path, mode));
    } else if (c->has_selection) {
        c->is_unexplained = true;
    } else if (was_there(paths, path)) {
        explain_add(c, RANK_OWN, str_printf(c->arena, "%.*s is taken now", STR_ARG(path)));
    } else {
        explain_add(c, RANK_OWN,
                    str_printf(c->arena, "new %s %.*s", S_ISDIR(mode) ? "directory" : "file",
                               STR_ARG(path)));
    }
}

/* A change of what was there before and is now. */
static void add_change(struct comparison *c, struct str path, uint64_t mode,
                       const struct str *before, const struct str *now) {
    if (!str_equal(*before, *now)) {
        c->has_content = true;
        explain_add(c, RANK_OWN,
                    has_other_type(before, mode) ? explain_type(c, path, mode)
                                                 : describe_change(c, path, *before, *now));
    }
}

static void add_departures(struct paths *paths) {
    const struct comparison *c = paths->c;
    for (size_t i = 0; i < c->old.count; i++) {
        const struct ingredient *ingredient = &c->old.items[i];
        struct str path;
        uint64_t mode = 0;
        if (!is_path(ingredient, &path, &mode) || map_has(c->now, ingredient->name)) {
            continue;
        }
        for (struct str above = path_above(path); above.len > 0; above = path_above(above)) {
            map_set(&paths->opened, above, paths);
        }
        if (!explain_is_below(&paths->tops, path)) {
            add_departure(paths, path, mode);
        }
    }
}

static void add_others(struct paths *paths) {
    struct comparison *c = paths->c;
    for (size_t i = 0; i < c->new.count; i++) {
        const struct ingredient *ingredient = &c->new.items[i];
        const struct str *before = map_get(c->before, ingredient->name);
        struct str path;
        uint64_t mode = 0;
        if (!is_path(ingredient, &path, &mode)) {
            continue;
        }
        if (before) {
            add_change(c, path, mode, before, &ingredient->value);
        } else if (!explain_is_below(&paths->tops, path)) {
            add_arrival(paths, path, mode);
        }
    }
}

void explain_paths(struct comparison *c) {
    struct paths paths = { .c = c, .tops = MAP_INIT, .opened = MAP_INIT, .links = MAP_INIT };
    find_tops(&paths, &c->new, c->before);
    find_tops(&paths, &c->old, c->now);
    add_departures(&paths);
    add_others(&paths);
    for (size_t i = 0; i < paths.gone.count; i++) {
        explain_add(c, RANK_OWN, paths.gone.items[i]);
    }
    map_free(&paths.tops);
    map_free(&paths.opened);
    map_free(&paths.links);
}
