#include "planner/explain.h"

#include "base/fs.h"
#include "base/map.h"
#include "base/vec.h"
#include "planner/explain_files.h"
#include "planner/recipe.h"

#include <stdlib.h>

#define MAX_SHOWN 3
#define MAX_VALUE 40 /* bytes of a value that are shown */

/* How telling a difference is: files before the directories they are in and before contents, own changes before the
 * parent's. */
enum rank { RANK_OWN, RANK_DIRECTORY, RANK_CONTENT, RANK_PARENT };

struct difference {
    struct str text;
    enum rank rank;
};

struct comparison {
    const struct step *step;
    struct arena *arena;
    const struct str *base;    /* the name of the image that was below; NULL: none, or not known */
    const struct str *base_id; /* and its ID */
    const struct str *arguments; /* names of ARGs it had; NULL: none, or not known */
    const struct map *listings;  /* directories in which others came or went */
    VEC(struct difference) list;
    bool has_command;
    bool
        has_selection; /* what is taken is written otherwise: that files came or went says nothing then */
    bool has_content; /* files or directories are named */
    bool has_files;   /* and some are not directories */
};

static struct str shown(struct str value, struct arena *arena) {
    for (size_t i = 0; i < value.len && i < MAX_VALUE; i++) {
        if ((unsigned char)value.data[i] < 0x20) {
            return str_printf(arena, "%.*s…", (int)i, value.data);
        }
    }
    if (value.len <= MAX_VALUE) {
        return value.len > 0 ? value : STR("\"\"");
    }
    size_t end = MAX_VALUE; /* not within a character */
    while (end > 0 && ((unsigned char)value.data[end] & 0xc0) == 0x80) {
        end--;
    }
    return str_printf(arena, "%.*s…", (int)end, value.data);
}

static void add(struct comparison *c, enum rank rank, struct str text) {
    vec_push(&c->list, (struct difference){ text, rank });
}

static void add_change(struct comparison *c, struct str name, const struct str *before,
                       const struct str *now) {
    struct str old = before ? shown(*before, c->arena) : STR("none");
    struct str new = now ? shown(*now, c->arena) : STR("none");
    add(c, RANK_OWN,
        str_printf(c->arena, "%.*s: %.*s → %.*s", STR_ARG(name), STR_ARG(old), STR_ARG(new)));
}

static bool is_argument(const struct step *step, struct str name) {
    for (size_t i = 0; step->kind == STEP_EXEC && i < step->exec.arguments.count; i++) {
        if (str_equal(step->exec.arguments.items[i], name)) {
            return true;
        }
    }
    return false;
}

static bool take_prefix(struct str *name, struct str prefix) {
    if (!str_has_prefix(*name, prefix)) {
        return false;
    }
    *name = str_from(*name, prefix.len);
    return true;
}

/* Among the names in LIST, with spaces between. */
static bool is_listed(const struct str *list, struct str name) {
    struct str rest = list ? *list : STR_EMPTY, word;
    while (rest.len > 0 && str_split(&rest, ' ', &word)) {
        if (str_equal(word, name)) {
            return true;
        }
    }
    return false;
}

static void compare_variable(struct comparison *c, struct str name, const struct str *before,
                             const struct str *now) {
    bool is_arg = now ? is_argument(c->step, name) : is_listed(c->arguments, name);
    const char *keyword = is_arg ? "ARG" : "ENV";
    struct str text =
        !before ? str_printf(c->arena, "%s %.*s is new", keyword, STR_ARG(name))
        : !now  ? str_printf(c->arena, "%s %.*s is gone", keyword, STR_ARG(name))
                : str_printf(c->arena, "%s %.*s: %.*s → %.*s", keyword, STR_ARG(name),
                             STR_ARG(shown(*before, c->arena)), STR_ARG(shown(*now, c->arena)));
    add(c, RANK_OWN, text);
}

/* "100644 0123456789abcdef", as recipe_files.c writes it. */
static bool parse_file(struct str value, uint64_t *mode, struct str *digest) {
    struct str number;
    *digest = value;
    return str_split(digest, ' ', &number) && str_parse_uint(number, 8, UINT32_MAX, mode);
}

static const char *type_name(uint64_t mode) {
    return S_ISREG(mode)   ? "a file"
           : S_ISDIR(mode) ? "a directory"
           : S_ISLNK(mode) ? "a link"
                           : "a special file";
}

/* The same path before and now. */
static struct str describe_file(struct comparison *c, struct str path, struct str before,
                                struct str now) {
    uint64_t old_mode, mode;
    struct str old_digest, digest;
    if (!parse_file(before, &old_mode, &old_digest) || !parse_file(now, &mode, &digest)) {
        return str_printf(c->arena, "%.*s changed", STR_ARG(path));
    }
    if ((old_mode & S_IFMT) != (mode & S_IFMT)) {
        return str_printf(c->arena, "%.*s is %s now", STR_ARG(path), type_name(mode));
    }
    if (str_equal(old_digest, digest)) {
        return str_printf(c->arena, "mode of %.*s: %04o → %04o", STR_ARG(path),
                          (unsigned)old_mode & 07777, (unsigned)mode & 07777);
    }
    return str_printf(c->arena, S_ISDIR(mode) ? "attributes of %.*s/ changed" : "%.*s changed",
                      STR_ARG(path));
}

/* PATH is not taken any more: is it there all the same? */
static bool is_left_out(const struct comparison *c, struct str path) {
    struct str told = path, origin = recipe_split_origin(&path);
    for (size_t i = 0; i < c->step->input_count; i++) {
        const struct step_input *input = &c->step->inputs[i];
        bool is_its = input->context && str_equal(recipe_origin(input, c->arena), origin);
        _cleanup_fd_ int fd = is_its
                                  ? fs_open_beneath(input->context->fd,
                                                    str_dup(c->arena, origin.len > 0 ? path : told),
                                                    O_PATH | O_NOFOLLOW | O_CLOEXEC, 0, NULL)
                                  : -1;
        if (fd >= 0) {
            return true;
        }
    }
    return false;
}

static void compare_file(struct comparison *c, struct str path, const struct str *before,
                         const struct str *now) {
    uint64_t mode = 0;
    struct str digest;
    bool is_directory = parse_file(now ? *now : *before, &mode, &digest) && S_ISDIR(mode);
    c->has_content = true;
    c->has_files |= !is_directory;
    if (c->has_selection && !(before && now)) {
        return;
    }
    add(c, is_directory && !(before && now) ? RANK_DIRECTORY : RANK_OWN,
        !before ? str_printf(c->arena, "new %s %.*s", is_directory ? "directory" : "file",
                             STR_ARG(path))
        : !now  ? str_printf(c->arena,
                            is_left_out(c, path) ? "%.*s is left out now" : "%.*s was removed",
                             STR_ARG(path))
                : describe_file(c, path, *before, *now));
}

static void compare_directory(struct comparison *c, struct str path, const struct str *before,
                              const struct str *now) {
    c->has_content = true;
    if (before && now && map_has(c->listings, path)) {
        return; /* the directory that came or went is named */
    }
    add(c, RANK_OWN,
        !before ? str_printf(c->arena, "new files in %.*s/", STR_ARG(path))
        : !now  ? str_printf(c->arena, "the files of %.*s/ were removed", STR_ARG(path))
                : str_printf(c->arena, "files in %.*s/ changed", STR_ARG(path)));
}

/* An image that has the name now moved only when it had that name for the step before, too. */
static struct str describe_parent(const struct comparison *c, const struct str *before) {
    const struct step *source = recipe_base(c->step);
    struct str former = c->base                                     ? *c->base
                        : before && str_equal_c(*before, "scratch") ? STR("scratch")
                                                                    : STR_EMPTY;
    if (!source || former.len == 0 ||
        (c->base_id && str_equal_c(*c->base_id, source->source.image))) {
        return STR("the steps before it are others");
    }
    struct str base = recipe_base_name(source, c->arena);
    return str_equal(former, base) ? str_printf(c->arena, "base image %.*s moved", STR_ARG(base))
                                   : str_printf(c->arena, "another base image: %.*s → %.*s",
                                                STR_ARG(former), STR_ARG(base));
}

static void compare_parent(struct comparison *c, enum rank rank, const struct str *before) {
    add(c, rank, describe_parent(c, before));
}

static void compare_content(struct comparison *c) {
    struct str label = c->step->input_count > 0 ? c->step->inputs[0].label : STR("the sources");
    add(c, RANK_CONTENT, str_printf(c->arena, "the files from %.*s changed", STR_ARG(label)));
}

/* "bind ro CONTENT", as recipe.c writes it: do they differ in the content alone? */
static bool is_same_bind(const struct str *before, const struct str *now) {
    size_t mode = sizeof("bind ro") - 1;
    return before && now && str_has_prefix(*now, STR("bind ")) &&
           str_equal(str_sub(*before, 0, mode), str_sub(*now, 0, mode));
}

/* Does an image that is nothing but its base name it by this ingredient? */
static bool is_layer_of_base(const struct comparison *c, struct str name) {
    return c->step->kind == STEP_IMAGE && c->step->parent && c->step->parent->kind == STEP_SOURCE &&
           str_equal_c(name, "layer 1");
}

/* A file may be called `times`, too: its value has two parts. */
static bool is_time(struct str name, const struct str *value) {
    return str_equal_c(name, "timestamp") ||
           (str_equal_c(name, "file times") && str_find_byte(*value, ' ') == SIZE_MAX);
}

/* In seconds, as the options have it; ingredients have ns. */
static struct str shown_time(struct comparison *c, const struct str *value) {
    uint64_t time;
    if (!value || !str_parse_uint(*value, 10, UINT64_MAX, &time)) {
        return value ? shown(*value, c->arena) : STR("none");
    }
    unsigned long long seconds = time / 1000000000, rest = time % 1000000000;
    return rest > 0 ? str_printf(c->arena, "%llu.%09llu", seconds, rest)
                    : str_printf(c->arena, "%llu", seconds);
}

static void compare_time(struct comparison *c, struct str name, const struct str *before,
                         const struct str *now) {
    add(c, RANK_OWN,
        str_printf(c->arena, "%.*s: %.*s → %.*s", STR_ARG(name), STR_ARG(shown_time(c, before)),
                   STR_ARG(shown_time(c, now))));
}

/* BEFORE or NOW may be NULL: the ingredient is new or gone. */
static void compare(struct comparison *c, struct str name, const struct str *before,
                    const struct str *now) {
    struct str rest = name;
    if (take_prefix(&rest, STR("env "))) {
        compare_variable(c, rest, before, now);
    } else if (is_time(name, now ? now : before)) {
        compare_time(c, name, before, now);
    } else if (take_prefix(&rest, STR("file "))) {
        compare_file(c, rest, before, now);
    } else if (take_prefix(&rest, STR("directory ")) || take_prefix(&rest, STR("directories "))) {
        compare_directory(c, rest, before, now);
    } else if (str_has_prefix(name, STR("argument ")) || str_has_prefix(name, STR("script "))) {
        if (!c->has_command) {
            add(c, RANK_OWN, STR("the command changed"));
        }
        c->has_command = true;
    } else if (str_equal_c(name, "sources") || str_equal_c(name, "excluded")) {
        if (c->has_selection) {
            add_change(c, name, before, now);
        }
    } else if (str_equal_c(name, "parent")) {
        compare_parent(c, RANK_PARENT, before);
    } else if (is_layer_of_base(c, name)) {
        compare_parent(c, RANK_OWN, before);
    } else if (str_equal_c(name, "content")) {
        compare_content(c);
    } else if (take_prefix(&rest, STR("mount ")) && is_same_bind(before, now)) {
        add(c, RANK_CONTENT, str_printf(c->arena, "the files on %.*s changed", STR_ARG(rest)));
    } else if (take_prefix(&rest, STR("heredoc "))) {
        add(c, RANK_OWN, STR("a heredoc changed"));
    } else if (str_has_prefix(name, STR("layer "))) {
        add(c, RANK_PARENT, STR("the layers are others"));
    } else if (str_equal_c(name, "config")) {
        add(c, RANK_OWN, STR("the configuration changed"));
    } else if (!str_equal_c(name, "base image") && !str_equal_c(name, "base image ID") &&
               !str_equal_c(name, "ARG names")) { /* those are no cause by themselves */
        add_change(c, name, before, now);
    }
}

/* An empty value of a directory is one that is not known. */
static bool is_same(struct str name, struct str before, struct str now) {
    return str_equal(before, now) ||
           ((before.len == 0 || now.len == 0) &&
            (str_has_prefix(name, STR("directory ")) || str_has_prefix(name, STR("directories "))));
}

/* Adds to LISTINGS the directories that have other entries because those among ITEMS are not in OTHERS. */
static void find_listings(const struct ingredient_list *items, const struct map *others,
                          struct arena *arena, struct map *listings) {
    for (size_t i = 0; i < items->count; i++) {
        struct str path = items->items[i].name;
        if (!map_has(others, path) && take_prefix(&path, STR("directory "))) {
            struct str origin = recipe_split_origin(&path), parent = path_parent(path);
            parent = parent.len > 0 ? parent : STR(".");
            map_set(listings, str_printf(arena, "%.*s%.*s", STR_ARG(origin), STR_ARG(parent)),
                    listings);
        }
    }
}

static bool differs(const struct map *before, const struct map *now, const char *name) {
    const struct str *old = map_get(before, str_of(name)), *new = map_get(now, str_of(name));
    return !old != !new || (old && !str_equal(*old, *new));
}

static void compare_all(struct comparison *c, const struct cache_record *record) {
    _cleanup_map_ struct map before = MAP_INIT;
    _cleanup_map_ struct map now = MAP_INIT;
    _cleanup_map_ struct map listings = MAP_INIT;
    struct ingredient_list old = { 0 }, new = { 0 };
    explain_files_align(record, c->step, c->arena, &old, &new);
    for (size_t i = 0; i < old.count; i++) {
        map_set(&before, old.items[i].name, &old.items[i].value);
    }
    for (size_t i = 0; i < new.count; i++) {
        map_set(&now, new.items[i].name, &new.items[i].value);
    }
    c->base = map_get(&before, STR("base image"));
    c->base_id = map_get(&before, STR("base image ID"));
    c->arguments = map_get(&before, STR("ARG names"));
    c->has_selection = differs(&before, &now, "content") &&
                       (differs(&before, &now, "sources") || differs(&before, &now, "excluded"));
    c->listings = &listings;
    find_listings(&new, &before, c->arena, &listings);
    find_listings(&old, &now, c->arena, &listings);
    for (size_t i = 0; i < new.count; i++) {
        const struct ingredient *ingredient = &new.items[i];
        const struct str *value = map_get(&before, ingredient->name);
        if (!value || !is_same(ingredient->name, *value, ingredient->value)) {
            compare(c, ingredient->name, value, &ingredient->value);
        }
    }
    for (size_t i = 0; i < old.count; i++) {
        const struct ingredient *ingredient = &old.items[i];
        if (!map_has(&now, ingredient->name)) {
            compare(c, ingredient->name, &ingredient->value, NULL);
        }
    }
    c->listings = NULL; /* it ends here */
}

/* Is DIFFERENCE worth a place, given that others of lower rank are there? */
static bool is_shown(const struct comparison *c, size_t at) {
    const struct difference *difference = &c->list.items[at];
    if ((difference->rank == RANK_CONTENT && c->has_content) ||
        (difference->rank == RANK_DIRECTORY && c->has_files)) {
        return false;
    }
    for (size_t i = 0; i < c->list.count; i++) {
        if (difference->rank == RANK_PARENT && c->list.items[i].rank != RANK_PARENT) {
            return false; /* the own change is the answer; the parent's belongs to the parent */
        }
        if (i < at && str_equal(c->list.items[i].text, difference->text)) {
            return false;
        }
    }
    return true;
}

/* The differences of STEP to the record OLD, the most telling first, at most three. */
static struct str describe(const struct cache_record *old, const struct step *step,
                           struct arena *arena) {
    struct comparison c = { .step = step, .arena = arena };
    compare_all(&c, old);
    _cleanup_buf_ struct buf text = BUF_INIT;
    size_t count = 0, more = 0;
    for (size_t i = 0; i < c.list.count; i++) {
        if (count >= MAX_SHOWN && c.list.items[i].rank == RANK_OWN) {
            more++;
        } else if (count < MAX_SHOWN && is_shown(&c, i)) {
            buf_append_c(&text, count++ > 0 ? ", " : "");
            buf_append_str(&text, c.list.items[i].text);
        }
    }
    if (more > 0) {
        buf_printf(&text, " and %zu more", more);
    }
    vec_free(&c.list);
    return str_copy(arena, buf_str(&text));
}

struct last explain_last(struct cache *cache, const struct step *step, struct arena *arena) {
    struct last last = { .kind = LAST_NONE };
    if (step->former_kind == FORMER_OTHERS) {
        last.kind = LAST_OTHERS;
    } else if (step->former_kind == FORMER_BEHIND) {
        last.kind = LAST_BEHIND;
    } else if (step->former_kind == FORMER_KEY) {
        last.kind = cache_lookup(cache, &step->former, arena, &last.record) ? LAST_KNOWN
                    : cache_is_kept(cache, &step->former)                   ? LAST_DOUBTFUL
                                                                            : LAST_PRUNED;
    }
    return last;
}

uint64_t explain_expected(const struct last *last) {
    return last->kind == LAST_KNOWN ? last->record.duration : 0;
}

struct str explain_miss(const struct last *last, const struct step *step, struct arena *arena) {
    if (last->kind == LAST_NONE) {
        return STR("no record: first build");
    }
    if (last->kind == LAST_OTHERS) {
        return STR("new instruction");
    }
    if (last->kind == LAST_BEHIND) {
        return STR("not built yet");
    }
    if (last->kind == LAST_DOUBTFUL) {
        return STR("its result may not have been written out when the machine went down");
    }
    if (last->kind == LAST_PRUNED) {
        return STR("its record was pruned");
    }
    struct str text = describe(&last->record, step, arena);
    return text.len > 0 ? text : STR("no record");
}
