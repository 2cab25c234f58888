/* Which directories of contexts changed, came and went, where files are not kept one by one. What came or went whole is named
 * by its topmost directory alone. */
#include "base/fs.h"
#include "planner/explain_part.h"

bool explain_is_directory(struct str name) {
    return str_has_prefix(name, STR("directory ")) || str_has_prefix(name, STR("directories "));
}

/* What is told of is in PATH then. */
static bool take_path(struct str name, struct str *path) {
    struct str prefix =
        str_has_prefix(name, STR("directory ")) ? STR("directory ") : STR("directories ");
    *path = str_from(name, prefix.len);
    return str_has_prefix(name, prefix);
}

/* That PATH is in, the root being "."; both with the name of their context before them. */
static struct str directory_above(struct arena *arena, struct str path) {
    struct str origin = recipe_split_origin(&path), parent = path_parent(path);
    parent = parent.len > 0 ? parent : STR(".");
    return str_printf(arena, "%.*s%.*s", STR_ARG(origin), STR_ARG(parent));
}

struct directories {
    struct comparison *c;
    struct map tops;     /* those that came or went, and so tell of what is below */
    struct map listings; /* those in which others came or went */
};

static void find_tops(struct directories *directories, const struct ingredient_list *list,
                      const struct map *others) {
    for (size_t i = 0; i < list->count; i++) {
        struct str path;
        if (take_path(list->items[i].name, &path) && !map_has(others, list->items[i].name)) {
            map_set(&directories->tops, path, directories);
            map_set(&directories->listings, directory_above(directories->c->arena, path),
                    directories);
        }
    }
}

static struct str describe_departure(struct comparison *c, struct str path,
                                     const struct fate *fate) {
    if (!fate->is_there) {
        return str_printf(c->arena, "%.*s was removed", STR_ARG(path));
    }
    if (fate->is_ignored) {
        return str_printf(c->arena, "%.*s is left out now", STR_ARG(path));
    }
    if (!S_ISDIR(fate->mode)) {
        return explain_type(c, path, fate->mode);
    }
    return str_printf(c->arena, "the files of %.*s/ %s", STR_ARG(path),
                      fate->is_old ? "are not taken now" : "were removed");
}

static void add_departure(struct comparison *c, struct str path) {
    struct fate fate = explain_fate(c, path);
    bool is_taken_otherwise = fate.is_there && !fate.is_ignored && c->has_selection;
    if (!fate.is_read || is_taken_otherwise) {
        c->is_unexplained = true;
        return;
    }
    c->has_content = true;
    explain_add(c, RANK_OWN, describe_departure(c, path, &fate));
}

/* One that was there may have been empty: of those nothing is kept. */
static void add_arrival(struct comparison *c, struct str path) {
    struct fate fate = explain_fate(c, path);
    c->has_content = true;
    if (c->has_selection) {
        c->is_unexplained = true;
        return;
    }
    explain_add(c, RANK_OWN,
                fate.is_old   ? str_printf(c->arena, "%.*s is taken now", STR_ARG(path))
                : fate.is_new ? str_printf(c->arena, "new directory %.*s", STR_ARG(path))
                              : str_printf(c->arena, "new files in %.*s/", STR_ARG(path)));
}

/* An empty value is one that is not known. Where a directory came or went, that is named instead. */
static void add_change(struct directories *directories, struct str path, struct str before,
                       struct str now) {
    struct comparison *c = directories->c;
    if (str_equal(before, now) || before.len == 0 || now.len == 0) {
        return;
    }
    c->has_content = true;
    c->is_unexplained = true;
    if (!map_has(&directories->listings, path)) {
        explain_add(c, RANK_OWN, str_printf(c->arena, "files in %.*s/ changed", STR_ARG(path)));
    }
}

static void add_present(struct directories *directories) {
    struct comparison *c = directories->c;
    for (size_t i = 0; i < c->new.count; i++) {
        const struct ingredient *ingredient = &c->new.items[i];
        const struct str *before = map_get(c->before, ingredient->name);
        struct str path;
        if (!take_path(ingredient->name, &path)) {
            continue;
        }
        if (before) {
            add_change(directories, path, *before, ingredient->value);
        } else if (!explain_is_below(&directories->tops, path)) {
            add_arrival(c, path);
        }
    }
}

static void add_gone(struct directories *directories) {
    struct comparison *c = directories->c;
    for (size_t i = 0; i < c->old.count; i++) {
        struct str path, name = c->old.items[i].name;
        if (take_path(name, &path) && !map_has(c->now, name) &&
            !explain_is_below(&directories->tops, path)) {
            add_departure(c, path);
        }
    }
}

void explain_directories(struct comparison *c) {
    struct directories directories = { .c = c, .tops = MAP_INIT, .listings = MAP_INIT };
    find_tops(&directories, &c->new, c->before);
    find_tops(&directories, &c->old, c->now);
    add_present(&directories);
    add_gone(&directories);
    map_free(&directories.tops);
    map_free(&directories.listings);
}
