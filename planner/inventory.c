#include "planner/inventory.h"

#include "base/vec.h"
#include "planner/resolve.h"

#include <stdlib.h>

struct taking {
    struct arena *arena;
    VEC(struct inventory_entry) entries;
    size_t *open; /* indices of the directories on the way to the last entry */
    size_t open_count, open_capacity;
};

static void push_open(struct taking *taking, size_t index) {
    if (taking->open_count == taking->open_capacity) {
        taking->open = vec_grow(NULL, taking->open, taking->open_count, &taking->open_capacity,
                                sizeof(*taking->open));
    }
    taking->open[taking->open_count++] = index;
}

static bool is_inside(struct str path, struct str directory) {
    return directory.len == 0 || (str_has_prefix(path, directory) && path.len > directory.len &&
                                  path.data[directory.len] == '/');
}

static int take_entry(void *context, const struct selection_entry *entry, struct error *error) {
    (void)error;
    struct taking *taking = context;
    struct str path = str_copy(taking->arena, entry->tree_path);
    struct inventory_entry *entries = taking->entries.items;
    while (!is_inside(path, entries[taking->open[taking->open_count - 1]].path)) {
        taking->open_count--;
    }
    bool is_file = S_ISREG(entry->stat.st_mode);
    struct inventory_entry new = {
        .path = path,
        .name = path_base(path),
        .mode = entry->stat.st_mode,
        .bytes = is_file ? (uint64_t)entry->stat.st_size : 0,
        .files = is_file,
        .parent = taking->open[taking->open_count - 1],
        .depth = taking->open_count,
    };
    vec_push(&taking->entries, new);
    if (S_ISDIR(new.mode)) {
        push_open(taking, taking->entries.count - 1);
    }
    return 0;
}

/* A directory that was asked for: its contents follow. */
static int take_result(void *context, const struct selection_result *result, struct error *error) {
    (void)error;
    struct taking *taking = context;
    if (result->is_directory && result->path.len > 0) {
        struct str path = str_copy(taking->arena, result->path);
        struct inventory_entry new = {
            .path = path, .name = path_base(path), .mode = result->stat.st_mode, .depth = 1
        };
        vec_push(&taking->entries, new);
        push_open(taking, taking->entries.count - 1);
    }
    return 0;
}

/* Children come after their directories: backwards, each is complete when it is added. */
static void add_up(struct inventory *inventory) {
    for (size_t i = inventory->count; i-- > 1;) {
        const struct inventory_entry *entry = &inventory->entries[i];
        struct inventory_entry *parent = &inventory->entries[entry->parent];
        parent->bytes += entry->bytes;
        parent->files += entry->files;
        parent->directories += entry->directories + (S_ISDIR(entry->mode) ? 1 : 0);
        parent->child_count++;
    }
}

static int compare_sizes(const void *a, const void *b, void *entries) {
    const struct inventory_entry *all = entries;
    size_t left = *(const size_t *)a, right = *(const size_t *)b;
    if (all[left].bytes != all[right].bytes) {
        return all[left].bytes > all[right].bytes ? -1 : 1;
    }
    return left < right ? -1 : 1;
}

static void link_children(struct inventory *inventory, bool is_by_size, struct arena *arena) {
    for (size_t i = 0; i < inventory->count; i++) {
        struct inventory_entry *entry = &inventory->entries[i];
        entry->children = arena_array(arena, entry->child_count, sizeof(*entry->children));
        entry->child_count = 0;
    }
    for (size_t i = 1; i < inventory->count; i++) {
        struct inventory_entry *parent = &inventory->entries[inventory->entries[i].parent];
        parent->children[parent->child_count++] = i;
    }
    for (size_t i = 0; is_by_size && i < inventory->count; i++) {
        struct inventory_entry *entry = &inventory->entries[i];
        qsort_r(entry->children, entry->child_count, sizeof(*entry->children), compare_sizes,
                inventory->entries);
    }
}

int inventory_read(const struct tree *tree, struct str path, bool is_by_size, struct arena *arena,
                   struct inventory *out, struct error *error) {
    struct taking taking = { .arena = arena };
    const struct str source = path.len > 0 ? path : STR(".");
    const struct selection selection = { .sources = &source,
                                         .source_count = 1,
                                         .is_literal = true };
    const struct selection_visitor visitor = {
        .result = take_result,
        .entry = take_entry,
        .context = &taking,
        .takes_special = true,
        .look_ahead_after = SELECTION_LOOK_AHEAD,
    };
    vec_push(&taking.entries, (struct inventory_entry){ .path = STR_EMPTY, .mode = S_IFDIR });
    push_open(&taking, 0);
    int result = selection_walk(tree, &selection, &visitor, error);
    if (result == 0) {
        out->count = taking.entries.count;
        out->entries = arena_array(arena, out->count, sizeof(*out->entries));
        memcpy(out->entries, taking.entries.items, out->count * sizeof(*out->entries));
        add_up(out);
        link_children(out, is_by_size, arena);
    }
    vec_free(&taking.entries);
    free(taking.open);
    return result;
}

const struct inventory_entry *inventory_find(const struct inventory *inventory, struct str path) {
    for (size_t i = 0; i < inventory->count; i++) {
        if (str_equal(inventory->entries[i].path, path)) {
            return &inventory->entries[i];
        }
    }
    return NULL;
}

struct str inventory_resolve(const struct tree *tree, struct str path, struct arena *arena) {
    _cleanup_resolved_ struct resolved resolved = RESOLVED_INIT;
    if (resolve_path(tree->fd, tree->ignore, path, arena, &resolved, NULL) < 0 ||
        !resolved.exists || str_equal(resolved.path, path)) {
        return STR_EMPTY;
    }
    return resolved.path;
}
