#include "store/layer.h"

#include "base/map.h"
#include "base/vec.h"
#include "store/table.h"

#include <stdlib.h>

static int64_t row_size(const json_t *row) {
    const json_t *size = json_object_get(row, "diff-size");

    return json_is_integer(size) ? json_integer_value(size) : -1;
}

static void layer_from_row(const struct store *store, const char *root, const json_t *row,
                           struct arena *arena, struct layer *out) {
    const char *id = row_text(row, "id");

    *out = (struct layer){
        .id = str_copy(arena, str_of(id)),
        .parent = str_copy(arena, str_of(row_text(row, "parent"))),
        .diff_id = str_copy(arena, str_of(row_text(row, "diff-digest"))),
        .diff_size = row_size(row),
        .created = row_time(row, "created"),
        .path = store->driver == STORE_VFS ? arena_printf(arena, "%s/vfs/dir/%s", root, id)
                                           : arena_printf(arena, "%s/overlay/%s/diff", root, id),
    };
}

static int layer_compare(const void *a, const void *b) {
    return str_compare(((const struct layer *)a)->id, ((const struct layer *)b)->id);
}

/* Appends the rows of one root. A layer that is in several stores is used from the first, which is our own. */
static int add_root(const struct store *store, const char *root, struct arena *arena,
                    struct map *seen, struct layer_list *list, struct error *error) {
    _cleanup_table_ struct table table = TABLE_INIT;
    struct layer *items;
    size_t rows;

    if (table_read_shared(store, root, TABLE_LAYERS, &table, error) < 0) {
        return -1;
    }
    rows = json_array_size(table.rows);
    items = arena_array(arena, list->count + rows, sizeof(*items));
    if (list->count > 0) {
        memcpy(items, list->items, list->count * sizeof(*items));
    }
    list->items = items;
    FOR_EACH_ROW(&table, i, row) {
        if (!row_is_incomplete(row) && !map_has(seen, str_of(row_text(row, "id")))) {
            struct layer *layer = &list->items[list->count++];

            layer_from_row(store, root, row, arena, layer);
            map_set(seen, layer->id, row);
        }
    }
    return 0;
}

static void sort(struct layer_list *list) {
    if (list->count > 0) {
        qsort(list->items, list->count, sizeof(*list->items), layer_compare);
    }
}

int layer_list_read(const struct store *store, struct arena *arena, struct layer_list *out,
                    struct error *error) {
    _cleanup_map_ struct map seen = MAP_INIT;

    *out = (struct layer_list){ NULL, 0 };
    if (add_root(store, store->root, arena, &seen, out, error) < 0) {
        return -1;
    }
    for (const char **root = store->additional_roots; *root; root++) {
        if (add_root(store, *root, arena, &seen, out, error) < 0) {
            return error_wrap(error, "cannot read the additional image store %s", *root);
        }
    }
    sort(out);
    return 0;
}

/* ---- IDs only ---- */

struct ids {
    struct arena *arena;
    struct layer *items;
    size_t count, capacity;
};

static bool take_id(void *context, const struct str *values) {
    struct ids *ids = context;
    struct str id = values[0], flags = values[1];

    if (id.len != DIGEST_HEX_LEN + 2 || !digest_is_hex_id(str_sub(id, 1, id.len - 1))) {
        return false;
    }
    if (flags.len > 0) {
        _cleanup_json_ json_t *value = json_parse(flags, "flags", NULL);

        if (!value || json_is_true(json_object_get(value, "incomplete"))) {
            return value != NULL;
        }
    }
    if (ids->count == ids->capacity) {
        ids->items =
            vec_grow(ids->arena, ids->items, ids->count, &ids->capacity, sizeof(*ids->items));
    }
    ids->items[ids->count++] =
        (struct layer){ .id = str_copy(ids->arena, str_sub(id, 1, id.len - 1)) };
    return true;
}

int layer_list_read_ids(const struct store *store, struct arena *arena, struct layer_list *out,
                        struct error *error) {
    static const char *const members[] = { "id", "flags", NULL };
    struct ids ids = { .arena = arena };
    const char *root = store->root;
    bool is_scanned = true;

    for (const char **next = store->additional_roots; root && is_scanned; root = *next++) {
        if (table_scan(store, root, TABLE_LAYERS, members, take_id, &ids, &is_scanned, error) < 0) {
            return -1;
        }
    }
    if (!is_scanned) {
        return layer_list_read(store, arena, out, error);
    }
    *out = (struct layer_list){ ids.items, ids.count };
    sort(out);
    return 0;
}

const struct layer *layer_find(const struct layer_list *list, struct str id) {
    struct layer wanted = { .id = id };

    if (list->count == 0) {
        return NULL;
    }
    return bsearch(&wanted, list->items, list->count, sizeof(*list->items), layer_compare);
}

int layer_chain(const struct layer_list *list, struct str top, struct arena *arena,
                const struct layer ***chain, size_t *count, struct error *error) {
    const struct layer *at;
    size_t length = 0;

    for (struct str id = top; id.len > 0; id = at->parent) {
        at = layer_find(list, id);
        if (!at) {
            error_set(error, ERROR_CORRUPT, "layer %.*s, below layer %.*s, is not in the store",
                      STR_ARG(id), STR_ARG(top));
            return error_hint(error, "remove and pull again, or rebuild, the image that has it");
        }
        /* Also across stores: each table alone has no cycle, but together they could. */
        if (length++ > list->count) {
            return error_set(error, ERROR_CORRUPT, "the parents of layer %.*s form a cycle",
                             STR_ARG(top));
        }
    }
    *chain = arena_array(arena, length, sizeof(**chain));
    *count = 0;
    for (struct str id = top; id.len > 0; id = at->parent) {
        at = layer_find(list, id);
        (*chain)[(*count)++] = at;
    }
    return 0;
}

struct digest_hex layer_id(struct str parent, const struct digest *diff_id) {
    struct digest_hex own = digest_hex(diff_id);
    struct hasher hasher;
    struct digest digest;

    if (parent.len == 0) {
        return own;
    }
    hasher_init(&hasher);
    hasher_update(&hasher, parent.data, parent.len);
    hasher_update(&hasher, "+", 1);
    hasher_update(&hasher, own.text, DIGEST_HEX_LEN);
    digest = hasher_finish(&hasher);
    return digest_hex(&digest);
}
