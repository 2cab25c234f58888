/* What is kept with a record for explanations only: what its step reads of a context, as written and file by file, its base,
 * and which of its variables are ARGs. */
#include "base/map.h"
#include "base/vec.h"
#include "planner/content.h"
#include "planner/recipe.h"

/* More directories than this are kept by the first component of their path. */
#define MAX_DIRECTORIES 1000

static struct str short_hex(struct arena *arena, const struct digest *digest) {
    return str_printf(arena, "%.16s", digest_hex(digest).text);
}

/* What of a context is told of, and how its paths begin: those of a named context with its name. */
struct telling {
    struct ingredient_list *list;
    struct arena *arena;
    struct str origin;
};

static struct str path_told(const struct telling *telling, struct str directory, struct str name) {
    return str_printf(telling->arena, "%.*s%.*s%s%.*s", STR_ARG(telling->origin),
                      STR_ARG(directory), directory.len > 0 && name.len > 0 ? "/" : "",
                      STR_ARG(name));
}

static void add_directory(const struct telling *telling, const char *kind, struct str path,
                          const struct digest *digest) {
    struct str told = path_told(telling, path.len > 0 ? path : STR("."), STR_EMPTY);
    ingredient_add(telling->list, telling->arena,
                   str_printf(telling->arena, "%s %.*s", kind, STR_ARG(told)),
                   short_hex(telling->arena, digest));
}

static void add_files(const struct telling *telling, const struct content_directory *directory) {
    if (!directory->files) {
        add_directory(telling, "directory", directory->path, &directory->digest);
        return;
    }
    for (size_t i = 0; i < directory->count; i++) {
        const struct content_file *file = &directory->files[i];
        struct str name = directory->found.len > 0 ? directory->found : file->name;
        struct str path = path_told(telling, directory->path, name);
        struct str digest = short_hex(telling->arena, &file->digest);
        ingredient_add(telling->list, telling->arena,
                       str_printf(telling->arena, "file %.*s", STR_ARG(path)),
                       str_printf(telling->arena, "%o %.*s", file->mode, STR_ARG(digest)));
    }
}

static struct str first_component(struct str path) {
    size_t slash = str_find_byte(path, '/');
    return slash == SIZE_MAX ? path : str_sub(path, 0, slash);
}

/* One ingredient for everything below the same entry of the root; the first thousand say enough. */
static void add_coarse(const struct telling *telling, const struct content *content) {
    _cleanup_map_ struct map groups = MAP_INIT; /* first component -> hasher */
    for (size_t i = 0; i < content->directory_count; i++) {
        const struct content_directory *directory = &content->directories[i];
        struct str group = first_component(directory->path);
        struct hasher *hasher = map_get(&groups, group);
        if (!hasher && groups.count == MAX_DIRECTORIES) {
            continue;
        }
        if (!hasher) {
            hasher = arena_new(telling->arena, struct hasher);
            hasher_init(hasher);
            map_set(&groups, group, hasher);
        }
        hasher_update_str(hasher, directory->path);
        hasher_update(hasher, directory->digest.bytes, sizeof(directory->digest.bytes));
    }
    for (size_t i = 0; i < groups.count; i++) {
        struct digest digest = hasher_finish(groups.entries[i].value);
        add_directory(telling, "directories", groups.entries[i].key, &digest);
    }
}

enum recipe_detail recipe_detail(const struct content *content) {
    return content->count <= CONTENT_LISTED              ? DETAIL_FILES
           : content->directory_count <= MAX_DIRECTORIES ? DETAIL_DIRECTORIES
                                                         : DETAIL_TREES;
}

struct str recipe_origin(const struct step_input *input, struct arena *arena) {
    struct str name = input->label;
    return str_has_prefix(name, STR("context "))
               ? str_printf(arena, "[%.*s] ", STR_ARG(str_from(name, strlen("context "))))
               : STR_EMPTY;
}

struct str recipe_split_origin(struct str *path) {
    size_t end = str_has_prefix(*path, STR("[")) ? str_find(*path, STR("] ")) : SIZE_MAX;
    struct str origin = end == SIZE_MAX ? STR_EMPTY : str_sub(*path, 0, end + 2);
    *path = str_from(*path, origin.len);
    return origin;
}

void recipe_add_content(struct ingredient_list *list, struct arena *arena,
                        const struct step_input *input, enum recipe_detail detail) {
    const struct content *content = input->details;
    struct telling telling = { list, arena, recipe_origin(input, arena) };
    if (detail == DETAIL_TREES) {
        add_coarse(&telling, content);
        return;
    }
    if (detail == DETAIL_FILES) {
        content = content_listed(content, arena);
    }
    for (size_t i = 0; i < content->directory_count; i++) {
        const struct content_directory *directory = &content->directories[i];
        if (detail == DETAIL_DIRECTORIES) {
            add_directory(&telling, "directory", directory->path, &directory->digest);
        } else {
            add_files(&telling, directory);
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

static void add_words(struct ingredient_list *list, struct arena *arena, const char *name,
                      const struct str *words, size_t count) {
    _cleanup_buf_ struct buf text = BUF_INIT;
    for (size_t i = 0; i < count; i++) {
        buf_printf(&text, "%s%.*s", i > 0 ? " " : "", STR_ARG(words[i]));
    }
    if (count > 0) {
        ingredient_add(list, arena, str_of(name), str_copy(arena, buf_str(&text)));
    }
}

/* All but the files. */
static void add_remarks(struct ingredient_list *list, struct arena *arena,
                        const struct step *step) {
    const struct step *base = step_is_independent(step) ? NULL : recipe_base(step);
    if (base) {
        ingredient_add(list, arena, STR("base image"), recipe_base_name(base, arena));
        ingredient_add(list, arena, STR("base image ID"), str_of(base->source.image));
    }
    if (step->kind ==
        STEP_EXEC) { /* of variables that are gone nothing else would tell which were ARGs */
        const struct str_list *names = &step->exec.arguments;
        add_words(list, arena, "ARG names", names->items, names->count);
    }
    for (size_t i = 0; step->kind == STEP_EXEC && i < step->exec.mount_count; i++) {
        const struct mount_plan *mount = &step->exec.mounts[i];
        if (mount->input < step->input_count) {
            struct str words[] = { step->inputs[mount->input].label, mount->source };
            const char *name = arena_printf(arena, "mounted on %.*s", STR_ARG(mount->target));
            add_words(list, arena, name, words, str_equal_c(mount->source, "/") ? 1 : 2);
        }
    }
    if (step->kind == STEP_FILE) {
        const struct selection *selection = &step->file.selection;
        add_words(list, arena, "sources", selection->sources, selection->source_count);
        add_words(list, arena, "excluded", selection->exclude_texts, selection->exclude_count);
    }
}

void recipe_add_explanations(struct step *step, struct arena *arena) {
    struct ingredient_list list = { step->ingredients, step->ingredient_count,
                                    step->ingredient_count };
    add_remarks(&list, arena, step);
    for (size_t i = 0; i < step->input_count; i++) {
        if (step->inputs[i].details) {
            recipe_add_content(&list, arena, &step->inputs[i],
                               recipe_detail(step->inputs[i].details));
        }
    }
    step->ingredients = list.items;
    step->ingredient_count = list.count;
}

bool recipe_is_own(const struct step *step, const struct cache_record *record) {
    return !record->place ||
           (memcmp(record->place->bytes, step->place.bytes, CACHE_SITE_SIZE) == 0 &&
            str_equal(record->stage, step->stage->label));
}

static bool is_first_of_its_key(const struct plan *plan, const struct step *step) {
    for (size_t i = 0; i < step->id; i++) {
        if (digest_equal(&plan->steps[i]->key, &step->key)) {
            return false;
        }
    }
    return true;
}

static bool is_of_files(struct str name) {
    return str_has_prefix(name, STR("file ")) || str_has_prefix(name, STR("directory ")) ||
           str_has_prefix(name, STR("directories "));
}

/* The remarks of a record stand behind what makes its key, before the files. */
static bool has_remarks(const struct cache_record *record, size_t from,
                        const struct ingredient_list *remarks) {
    size_t end = from + remarks->count;
    if (record->ingredient_count < end) {
        return false;
    }
    for (size_t i = 0; i < remarks->count; i++) {
        const struct ingredient *told = &record->ingredients[from + i];
        if (!str_equal(told->name, remarks->items[i].name) ||
            !str_equal(told->value, remarks->items[i].value)) {
            return false;
        }
    }
    return record->ingredient_count == end || is_of_files(record->ingredients[end].name);
}

bool recipe_is_told(const struct plan *plan, const struct step *step) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct ingredient_list list = { 0 };
    if (step->kind == STEP_SOURCE || !recipe_is_own(step, &step->record)) {
        return true;
    }
    add_remarks(&list, &arena, step);
    return has_remarks(&step->record, step->ingredient_count, &list) ||
           !is_first_of_its_key(plan, step);
}
