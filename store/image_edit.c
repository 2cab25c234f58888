/* Changes of image rows: names move, images go. */
#include "store/image.h"

#include "base/digest.h"
#include "base/fs.h"
#include "store/layer_dir.h"
#include "store/table.h"

#include <errno.h>
#include <stdlib.h>

/* With no lock that excludes anybody: is there nothing to do? */
static bool has_name_already(const struct store *store, const char *id, const char *name) {
    _cleanup_table_ struct table images = TABLE_INIT;
    const json_t *row;

    if (table_read_shared(store, store->root, TABLE_IMAGES, &images, NULL) < 0) {
        return false;
    }
    row = table_find(&images, id);
    return row && row_has_name(row, name);
}

static int image_missing(const struct store *store, const char *id, struct error *error) {
    error_set(error, ERROR_NOT_FOUND, "there is no image %s in %s", id, store->root);
    return error_hint(error, store->additional_roots[0]
                                 ? "images of additional stores are read-only"
                                 : "`bud images` lists what there is");
}

int image_add_name(const struct store *store, const char *id, const char *name,
                   struct error *error) {
    _cleanup_lock_ struct lock lock = LOCK_INIT;
    _cleanup_table_ struct table images = TABLE_INIT;
    json_t *row;

    if (has_name_already(store, id, name)) {
        return 0;
    }
    if (lock_take(store, LOCK_IMAGES, LOCK_EXCLUSIVE, &lock, error) < 0 ||
        table_read(store, store->root, TABLE_IMAGES, &images, error) < 0) {
        return -1;
    }
    row = table_find(&images, id);
    if (!row) {
        return image_missing(store, id, error);
    }
    FOR_EACH_ROW(&images, i, other) {
        if (other != row) {
            row_remove_name(other, name);
        }
    }
    if (!row_prepend(row, "names", name) && !row_prepend(row, "names-history", name)) {
        return 0; /* somebody else was as fast */
    }
    row_prepend(row, "names-history", name);
    return table_save(&images, &lock, error);
}

struct removal {
    const struct store *store;
    struct lock storage, layers_lock, images_lock, containers_lock;
    struct table layers, volatile_layers, images, containers, volatile_containers;
    json_t *mounts; /* mountpoints.json of the run root, or NULL */
};

#define REMOVAL_INIT                                                                               \
    {                                                                                              \
        NULL, LOCK_INIT, LOCK_INIT, LOCK_INIT, LOCK_INIT, TABLE_INIT, TABLE_INIT, TABLE_INIT,      \
            TABLE_INIT, TABLE_INIT, NULL                                                           \
    }

static void removal_end(struct removal *work) {
    json_decref(work->mounts);
    table_free(&work->volatile_containers);
    table_free(&work->containers);
    table_free(&work->images);
    table_free(&work->volatile_layers);
    table_free(&work->layers);
    lock_release(&work->containers_lock);
    lock_release(&work->images_lock);
    lock_release(&work->layers_lock);
    lock_release(&work->storage);
}

static int read_mounts(struct removal *work, struct error *error) {
    const struct store *store = work->store;
    _cleanup_buf_ struct buf text = BUF_INIT;
    _cleanup_free_ char *path =
        xasprintf("%s/%s-layers/mountpoints.json", store->run_root, store->driver_name);
    bool exists = false;

    if (fs_read_file_if_exists(AT_FDCWD, path, (size_t)64 << 20, &text, &exists, error) < 0) {
        return -1;
    }
    if (text.len > 0) {
        work->mounts = json_parse(buf_str(&text), path, error);
    }
    return text.len > 0 && !work->mounts ? -1 : 0;
}

static int removal_begin(const struct store *store, struct removal *work, struct error *error) {
    const char *root = store->root;

    work->store = store;
    if (lock_take(store, LOCK_STORAGE, LOCK_EXCLUSIVE, &work->storage, error) < 0 ||
        lock_take(store, LOCK_LAYERS, LOCK_EXCLUSIVE, &work->layers_lock, error) < 0 ||
        table_read(store, root, TABLE_LAYERS, &work->layers, error) < 0 ||
        table_read(store, root, TABLE_VOLATILE_LAYERS, &work->volatile_layers, error) < 0 ||
        lock_take(store, LOCK_IMAGES, LOCK_EXCLUSIVE, &work->images_lock, error) < 0 ||
        table_read(store, root, TABLE_IMAGES, &work->images, error) < 0 ||
        lock_take(store, LOCK_CONTAINERS, LOCK_EXCLUSIVE, &work->containers_lock, error) < 0 ||
        table_read(store, root, TABLE_CONTAINERS, &work->containers, error) < 0 ||
        table_read(store, root, TABLE_VOLATILE_CONTAINERS, &work->volatile_containers, error) < 0) {
        return -1;
    }
    return read_mounts(work, error);
}

/* The container that has VALUE as its KEY, or NULL. */
static const json_t *container_with(const struct removal *work, const char *key,
                                    const char *value) {
    const struct table *tables[] = { &work->containers, &work->volatile_containers };

    for (size_t t = 0; t < 2; t++) {
        FOR_EACH_ROW(tables[t], i, row) {
            if (strcmp(row_text(row, key), value) == 0) {
                return row;
            }
        }
    }
    return NULL;
}

static int refuse_used(const struct removal *work, const char *id, struct error *error) {
    const json_t *container = container_with(work, "image", id);
    const char *name;

    if (!container) {
        return 0;
    }
    name = json_string_value(json_array_get(row_list(container, "names"), 0));
    error_set(error, ERROR_FAILED, "image %s is used by the container %s", id,
              name ? name : row_text(container, "id"));
    return error_hint(error, name && strncmp(name, "bud-", 4) == 0
                                 ? "a build is using it: try again when that has ended"
                                 : "remove the container first (`podman rm`, `buildah rm`)");
}

static bool is_mounted(const struct removal *work, const char *id) {
    for (size_t i = 0; i < json_array_size(work->mounts); i++) {
        const json_t *row = json_array_get(work->mounts, i);

        if (strcmp(row_text(row, "id"), id) == 0 &&
            json_integer_value(json_object_get(row, "count")) > 0) {
            return true;
        }
    }
    return false;
}

static bool is_top_layer(const json_t *image, const char *layer) {
    const json_t *mapped = row_list(image, "mapped-layers");

    for (size_t i = 0; i < json_array_size(mapped); i++) {
        if (strcmp(json_string_value(json_array_get(mapped, i)), layer) == 0) {
            return true;
        }
    }
    return strcmp(row_text(image, "layer"), layer) == 0;
}

static bool has_child(const struct table *layers, const char *id, const struct map *going) {
    FOR_EACH_ROW(layers, i, row) {
        if (strcmp(row_text(row, "parent"), id) == 0 &&
            !map_has(going, str_of(row_text(row, "id")))) {
            return true;
        }
    }
    return false;
}

/* Does anybody but the image that goes need the layer? GOING: the layers above it that go as well. */
static bool is_needed(const struct removal *work, const char *id, const struct map *going) {
    FOR_EACH_ROW(&work->images, i, row) {
        if (is_top_layer(row, id)) {
            return true;
        }
    }
    return container_with(work, "layer", id) || has_child(&work->layers, id, going) ||
           has_child(&work->volatile_layers, id, going);
}

/* Marks LAYER and those below it that only the image that goes has, from the top. */
static int mark_chain(const struct removal *work, const char *layer, struct map *going,
                      struct error *error) {
    for (const char *id = layer; id[0];) {
        json_t *row = table_find(&work->layers, id);

        if (!row || is_needed(work, id, going)) {
            return 0;
        }
        if (is_mounted(work, id)) {
            error_set(error, ERROR_FAILED, "the image's layer %s is mounted", id);
            return error_hint(error, "unmount it first (`podman image unmount`)");
        }
        map_set(going, str_of(row_text(row, "id")), row);
        id = row_text(row, "parent");
    }
    return 0;
}

static int mark_layers(const struct removal *work, const json_t *image, struct map *going,
                       struct error *error) {
    const json_t *mapped = row_list(image, "mapped-layers");

    for (size_t i = 0; i < json_array_size(mapped); i++) {
        if (mark_chain(work, json_string_value(json_array_get(mapped, i)), going, error) < 0) {
            return -1;
        }
    }
    return mark_chain(work, row_text(image, "layer"), going, error);
}

/* A flagged row makes every tool finish the removal, should we die in the middle of it. */
static void flag_incomplete(json_t *row) {
    json_t *flags = json_object_get(row, "flags");

    if (!json_is_object(flags)) {
        flags = json_object();
        json_object_set_new(row, "flags", flags);
    }
    json_object_set_new(flags, "incomplete", json_true());
}

static int remove_layers(struct removal *work, const struct map *going,
                         struct image_removal *removal, struct error *error) {
    if (going->count == 0) {
        return 0;
    }
    for (size_t i = 0; i < going->count; i++) {
        flag_incomplete(going->entries[i].value);
    }
    if (table_save(&work->layers, &work->layers_lock, error) < 0) {
        return -1;
    }
    for (size_t i = 0; i < going->count; i++) {
        const char *id = row_text(going->entries[i].value, "id");

        if (layer_dir_discard(work->store, id, error) < 0) {
            return -1;
        }
        buf_printf(&removal->deleted, "%s\n", id);
    }
    for (size_t i = 0; i < going->count; i++) {
        _cleanup_json_ json_t *row = json_incref(going->entries[i].value);

        table_drop(&work->layers, row_text(row, "id"));
    }
    return table_save(&work->layers, &work->layers_lock, error);
}

static void report_names(const json_t *row, struct image_removal *removal) {
    const json_t *names = row_list(row, "names");

    for (size_t i = 0; i < json_array_size(names); i++) {
        buf_printf(&removal->untagged, "%s\n", json_string_value(json_array_get(names, i)));
    }
}

static int remove_image(struct removal *work, const char *id, struct image_removal *removal,
                        struct error *error) {
    _cleanup_json_ json_t *row = json_incref(table_find(&work->images, id));
    _cleanup_map_ struct map going = MAP_INIT;
    _cleanup_free_ char *directory = xasprintf("%s-images/%s", work->store->driver_name, id);

    table_drop(&work->images, id);
    /* The keys are the IDs of rows that are referenced until the end. */
    if (mark_layers(work, row, &going, error) < 0 ||
        table_save(&work->images, &work->images_lock, error) < 0) {
        return -1;
    }
    report_names(row, removal);
    buf_printf(&removal->deleted, "%s\n", id);
    if (layer_dir_trash(work->store, directory, error) < 0) {
        return -1;
    }
    return remove_layers(work, &going, removal, error);
}

static int refuse_named(const json_t *row, const char *id, struct error *error) {
    const json_t *names = row_list(row, "names");
    _cleanup_buf_ struct buf text = BUF_INIT;

    for (size_t i = 0; i < json_array_size(names); i++) {
        buf_printf(&text, "%s%s", i ? ", " : "", json_string_value(json_array_get(names, i)));
    }
    error_set(error, ERROR_FAILED, "image %s has several names: %s", id, text.data);
    return error_hint(error, "remove one by its name, or all of them with --force");
}

static int remove_locked(struct removal *work, const char *id, const char *name,
                         struct image_removal *removal, struct error *error) {
    json_t *row = table_find(&work->images, id);
    size_t count = json_array_size(row ? row_list(row, "names") : NULL);

    if (!row) {
        return image_missing(work->store, id, error);
    }
    if (name && !row_has_name(row, name)) {
        error_set(error, ERROR_NOT_FOUND, "image %s has no name %s", id, name);
        return error_hint(error, "`bud images` lists the names there are");
    }
    if (name && count > 1) {
        row_remove_name(row, name);
        buf_printf(&removal->untagged, "%s\n", name);
        return table_save(&work->images, &work->images_lock, error);
    }
    if (count > 1 && !removal->is_forced) {
        return refuse_named(row, id, error);
    }
    if (refuse_used(work, id, error) < 0) {
        return -1;
    }
    return remove_image(work, id, removal, error);
}

int image_remove(const struct store *store, const char *id, const char *name,
                 struct image_removal *removal, struct error *error) {
    _cleanup_(removal_end) struct removal work = REMOVAL_INIT;
    int result;

    if (removal_begin(store, &work, error) < 0) {
        return -1;
    }
    result = remove_locked(&work, id, name, removal, error);
    removal_end(&work);
    work = (struct removal)REMOVAL_INIT;
    layer_dir_empty_trash(store, 0);
    return result;
}
