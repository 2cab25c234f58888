#include "planner/explain_files.h"

#include "base/map.h"

static const char *const prefixes[] = {
    [DETAIL_FILES] = "file ",
    [DETAIL_DIRECTORIES] = "directory ",
    [DETAIL_TREES] = "directories ",
};

/* False when the ingredient is none of a file (nor is the option called `file times`); otherwise *path is what it is of. */
static bool parse(const struct ingredient *ingredient, enum recipe_detail *detail,
                  struct str *path) {
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (str_has_prefix(ingredient->name, str_of(prefixes[i]))) {
            *detail = (enum recipe_detail)i;
            if (i == DETAIL_FILES && str_find_byte(ingredient->value, ' ') == SIZE_MAX) {
                return false;
            }
            *path = str_from(ingredient->name, strlen(prefixes[i]));
            return true;
        }
    }
    return false;
}

/* False when there are no files at all. */
static bool find_detail(const struct ingredient *items, size_t count, enum recipe_detail *out) {
    bool is_found = false;
    enum recipe_detail detail;
    struct str path;
    for (size_t i = 0; i < count; i++) {
        if (parse(&items[i], &detail, &path)) {
            *out = is_found && *out > detail ? *out : detail;
            is_found = true;
        }
    }
    return is_found;
}

/* What PATH, known in DETAIL, belongs to in WANTED. */
static struct str reduce(struct str path, enum recipe_detail detail, enum recipe_detail wanted,
                         struct arena *arena) {
    struct str origin = recipe_split_origin(&path);
    if (detail == DETAIL_FILES && wanted > detail) {
        path = path_parent(path);
        path = path.len > 0 ? path : STR(".");
    }
    size_t slash = wanted == DETAIL_TREES ? str_find_byte(path, '/') : SIZE_MAX;
    path = slash == SIZE_MAX ? path : str_sub(path, 0, slash);
    return str_printf(arena, "%.*s%.*s", STR_ARG(origin), STR_ARG(path));
}

/* ITEMS in the detail WANTED, each once. With STEP, what is in another one is left out: its own files are looked at again. */
static void convert(const struct ingredient *items, size_t count, const struct step *step,
                    enum recipe_detail wanted, struct arena *arena, struct ingredient_list *out) {
    _cleanup_map_ struct map seen = MAP_INIT;
    for (size_t i = 0; i < count; i++) {
        enum recipe_detail detail;
        struct str path;
        bool is_file = parse(&items[i], &detail, &path);
        if (!is_file || detail == wanted) {
            ingredient_add(out, arena, items[i].name, items[i].value);
            map_set(&seen, items[i].name, out);
            continue;
        }
        struct str name = str_printf(arena, "%s%.*s", prefixes[wanted],
                                     STR_ARG(reduce(path, detail, wanted, arena)));
        if (!step && !map_has(&seen, name)) {
            ingredient_add(out, arena, name, STR_EMPTY);
            map_set(&seen, name, out);
        }
    }
    for (size_t i = 0; step && i < step->input_count; i++) {
        if (step->inputs[i].details && recipe_detail(step->inputs[i].details) < wanted) {
            recipe_add_content(out, arena, &step->inputs[i], wanted);
        }
    }
}

void explain_files_align(const struct cache_record *old, const struct step *step,
                         struct arena *arena, struct ingredient_list *before,
                         struct ingredient_list *now) {
    enum recipe_detail former = DETAIL_FILES, present = DETAIL_FILES;
    bool is_comparable = find_detail(old->ingredients, old->ingredient_count, &former) &&
                         find_detail(step->ingredients, step->ingredient_count, &present);
    if (!is_comparable || former == present) {
        *before = (struct ingredient_list){ (struct ingredient *)old->ingredients,
                                            old->ingredient_count, old->ingredient_count };
        *now = (struct ingredient_list){ step->ingredients, step->ingredient_count,
                                         step->ingredient_count };
        return;
    }
    enum recipe_detail wanted = former > present ? former : present;
    convert(old->ingredients, old->ingredient_count, NULL, wanted, arena, before);
    convert(step->ingredients, step->ingredient_count, step, wanted, arena, now);
}
