/* What is kept with a record for explanations only: what its step reads of a context, file by file, its base, and which of
 * its variables are ARGs. */
#include "base/map.h"
#include "base/vec.h"
#include "planner/content.h"
#include "planner/recipe.h"

/* More directories than this are kept by the first component of their path. */
#define MAX_DIRECTORIES 1000

static struct str short_hex(struct arena *arena, const struct digest *digest) {
    return str_printf(arena, "%.16s", digest_hex(digest).text);
}

static void add_directory(struct ingredient_list *list, struct arena *arena, const char *kind,
                          struct str path, const struct digest *digest) {
    ingredient_add(list, arena,
                   str_printf(arena, "%s %.*s", kind, STR_ARG(path.len > 0 ? path : STR("."))),
                   short_hex(arena, digest));
}

static void add_files(struct ingredient_list *list, struct arena *arena,
                      const struct content *content, const struct content_directory *directory) {
    const struct content_file *files;
    if (!content_list(content, directory, arena, &files)) {
        add_directory(list, arena, "directory", directory->path, &directory->digest);
        return;
    }
    for (size_t i = 0; i < directory->count; i++) {
        struct str name = str_printf(arena, "file %.*s%s%.*s", STR_ARG(directory->path),
                                     directory->path.len > 0 ? "/" : "", STR_ARG(files[i].name));
        struct str digest = short_hex(arena, &files[i].digest);
        ingredient_add(list, arena, name,
                       str_printf(arena, "%o %.*s", files[i].mode, STR_ARG(digest)));
    }
}

static struct str first_component(struct str path) {
    size_t slash = str_find_byte(path, '/');
    return slash == SIZE_MAX ? path : str_sub(path, 0, slash);
}

/* One ingredient for everything below the same entry of the root; the first thousand say enough. */
static void add_coarse(struct ingredient_list *list, struct arena *arena,
                       const struct content *content) {
    _cleanup_map_ struct map groups = MAP_INIT; /* first component -> hasher */
    for (size_t i = 0; i < content->directory_count; i++) {
        const struct content_directory *directory = &content->directories[i];
        struct str group = first_component(directory->path);
        struct hasher *hasher = map_get(&groups, group);
        if (!hasher && groups.count == MAX_DIRECTORIES) {
            continue;
        }
        if (!hasher) {
            hasher = arena_new(arena, struct hasher);
            hasher_init(hasher);
            map_set(&groups, group, hasher);
        }
        hasher_update_str(hasher, directory->path);
        hasher_update(hasher, directory->digest.bytes, sizeof(directory->digest.bytes));
    }
    for (size_t i = 0; i < groups.count; i++) {
        struct digest digest = hasher_finish(groups.entries[i].value);
        add_directory(list, arena, "directories", groups.entries[i].key, &digest);
    }
}

enum recipe_detail recipe_detail(const struct content *content) {
    return content->count <= CONTENT_LISTED              ? DETAIL_FILES
           : content->directory_count <= MAX_DIRECTORIES ? DETAIL_DIRECTORIES
                                                         : DETAIL_TREES;
}

void recipe_add_content(struct ingredient_list *list, struct arena *arena,
                        const struct content *content, enum recipe_detail detail) {
    if (detail == DETAIL_TREES) {
        add_coarse(list, arena, content);
        return;
    }
    for (size_t i = 0; i < content->directory_count; i++) {
        const struct content_directory *directory = &content->directories[i];
        if (detail == DETAIL_DIRECTORIES) {
            add_directory(list, arena, "directory", directory->path, &directory->digest);
        } else {
            add_files(list, arena, content, directory);
        }
    }
}

const struct step *recipe_base(const struct step *step) {
    const struct step *below = step->parent;
    while (below && step_is_independent(below)) {
        below = below->parent;
    }
    return below && below->kind == STEP_SOURCE ? below : NULL;
}

struct str recipe_base_name(const struct step *base, struct arena *arena) {
    const struct step_source *source = &base->source;
    return source->replacement.len > 0 ? str_printf(arena, "%.*s (%.*s)", STR_ARG(source->name),
                                                    STR_ARG(source->replacement))
                                       : source->name;
}

/* Which of the variables are ARGs: of those that are gone nothing else would tell. */
static void add_argument_names(struct ingredient_list *list, struct arena *arena,
                               const struct str_list *names) {
    _cleanup_buf_ struct buf text = BUF_INIT;
    for (size_t i = 0; i < names->count; i++) {
        buf_printf(&text, "%s%.*s", i > 0 ? " " : "", STR_ARG(names->items[i]));
    }
    ingredient_add(list, arena, STR("ARG names"), str_copy(arena, buf_str(&text)));
}

void recipe_add_explanations(struct step *step, struct arena *arena) {
    struct ingredient_list list = { step->ingredients, step->ingredient_count,
                                    step->ingredient_count };
    const struct step *base = step_is_independent(step) ? NULL : recipe_base(step);
    if (base) {
        ingredient_add(&list, arena, STR("base image"), recipe_base_name(base, arena));
        ingredient_add(&list, arena, STR("base image ID"), str_of(base->source.image));
    }
    if (step->kind == STEP_EXEC && step->exec.arguments.count > 0) {
        add_argument_names(&list, arena, &step->exec.arguments);
    }
    for (size_t i = 0; i < step->input_count; i++) {
        if (step->inputs[i].details) {
            recipe_add_content(&list, arena, step->inputs[i].details,
                               recipe_detail(step->inputs[i].details));
        }
    }
    step->ingredients = list.items;
    step->ingredient_count = list.count;
}
