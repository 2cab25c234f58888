#include "store/debris.h"

#include "base/digest.h"
#include "base/fs.h"
#include "store/layer_dir.h"
#include "store/table.h"

#include <errno.h>
#include <unistd.h>

#define TAR_SPLIT_SUFFIX ".tar-split.gz"

struct sweep {
    const struct store *store;
    struct arena arena;
    struct lock storage, layers_lock, images_lock, containers_lock;
    struct table layers, volatile_layers, images;
};

static void sweep_end(struct sweep *work) {
    table_free(&work->images);
    table_free(&work->volatile_layers);
    table_free(&work->layers);
    lock_release(&work->containers_lock);
    lock_release(&work->images_lock);
    lock_release(&work->layers_lock);
    lock_release(&work->storage);
    arena_free(&work->arena);
}

static int sweep_begin(struct sweep *work, struct error *error) {
    const struct store *store = work->store;

    if (lock_take(store, LOCK_STORAGE, LOCK_EXCLUSIVE, &work->storage, error) < 0 ||
        lock_take(store, LOCK_LAYERS, LOCK_EXCLUSIVE, &work->layers_lock, error) < 0 ||
        table_read(store, store->root, TABLE_LAYERS, &work->layers, error) < 0 ||
        table_read(store, store->root, TABLE_VOLATILE_LAYERS, &work->volatile_layers, error) < 0 ||
        lock_take(store, LOCK_IMAGES, LOCK_EXCLUSIVE, &work->images_lock, error) < 0 ||
        table_read(store, store->root, TABLE_IMAGES, &work->images, error) < 0) {
        return -1;
    }
    return lock_take(store, LOCK_CONTAINERS, LOCK_EXCLUSIVE, &work->containers_lock, error);
}

static int list(struct sweep *work, const char *path, struct str **names, size_t *count,
                struct error *error) {
    _cleanup_fd_ int directory =
        fs_open_at(work->store->root_fd, path, O_RDONLY | O_DIRECTORY, 0, error);

    return directory < 0 ? -1 : fs_list(directory, &work->arena, names, count, error);
}

static bool has_layer(const struct sweep *work, const char *id) {
    return table_find(&work->layers, id) || table_find(&work->volatile_layers, id);
}

static int sweep_incomplete(struct sweep *work, struct error *error) {
    bool is_changed = false;

    for (size_t i = json_array_size(work->layers.rows); i-- > 0;) {
        const json_t *row = json_array_get(work->layers.rows, i);

        if (!row_is_incomplete(row)) {
            continue;
        }
        if (layer_dir_discard(work->store, row_text(row, "id"), error) < 0) {
            return -1;
        }
        table_drop(&work->layers, row_text(row, "id"));
        is_changed = true;
    }
    return is_changed ? table_save(&work->layers, &work->layers_lock, error) : 0;
}

static int sweep_layers(struct sweep *work, struct error *error) {
    const char *path = work->store->driver == STORE_VFS ? "vfs/dir" : "overlay";
    struct str *names;
    size_t count;

    if (list(work, path, &names, &count, error) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (digest_is_hex_id(names[i]) && !has_layer(work, names[i].data) &&
            layer_dir_discard_debris(work->store, names[i].data, error) < 0) {
            return -1;
        }
    }
    return 0;
}

/* A crash between a link and the file that says its name leaves one that leads nowhere. */
static int sweep_links(struct sweep *work, struct error *error) {
    struct str *names;
    size_t count;

    if (work->store->driver != STORE_OVERLAY) {
        return 0;
    }
    if (list(work, "overlay/l", &names, &count, error) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        const char *path = arena_printf(&work->arena, "overlay/l/%s", names[i].data);
        struct stat st;

        if (fstatat(work->store->root_fd, path, &st, 0) < 0 && errno == ENOENT &&
            unlinkat(work->store->root_fd, path, 0) < 0 && errno != ENOENT) {
            return error_system(error, "cannot remove %s/%s", work->store->root, path);
        }
    }
    return 0;
}

static int sweep_tar_splits(struct sweep *work, struct error *error) {
    const char *path = arena_printf(&work->arena, "%s-layers", work->store->driver_name);
    struct str *names;
    size_t count;

    if (list(work, path, &names, &count, error) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct str id = str_sub(names[i], 0, DIGEST_HEX_LEN);

        if (digest_is_hex_id(id) && !has_layer(work, str_dup(&work->arena, id)) &&
            str_equal(str_from(names[i], DIGEST_HEX_LEN), STR(TAR_SPLIT_SUFFIX)) &&
            layer_dir_discard(work->store, str_dup(&work->arena, id), error) < 0) {
            return -1;
        }
    }
    return 0;
}

/* Tables that were being written when their writer died, ours or another tool's; the locks are ours, so nobody is at it. */
static int sweep_temporaries(struct sweep *work, const char *part, const char *prefix,
                             struct error *error) {
    const char *path = arena_printf(&work->arena, "%s-%s", work->store->driver_name, part);
    struct str *names;
    size_t count;

    if (list(work, path, &names, &count, error) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        const char *file = arena_printf(&work->arena, "%s/%s", path, names[i].data);

        if (str_has_prefix(names[i], str_of(prefix)) &&
            unlinkat(work->store->root_fd, file, 0) < 0 && errno != ENOENT) {
            return error_system(error, "cannot remove %s/%s", work->store->root, file);
        }
    }
    return 0;
}

static int sweep_images(struct sweep *work, struct error *error) {
    const char *path = arena_printf(&work->arena, "%s-images", work->store->driver_name);
    struct str *names;
    size_t count;

    if (list(work, path, &names, &count, error) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (digest_is_hex_id(names[i]) && !table_find(&work->images, names[i].data) &&
            layer_dir_trash(work->store, arena_printf(&work->arena, "%s/%s", path, names[i].data),
                            error) < 0) {
            return -1;
        }
    }
    return 0;
}

int debris_sweep(const struct store *store, struct error *error) {
    _cleanup_(sweep_end) struct sweep work = {
        .store = store,
        .arena = ARENA_INIT,
        .storage = LOCK_INIT,
        .layers_lock = LOCK_INIT,
        .images_lock = LOCK_INIT,
        .containers_lock = LOCK_INIT,
        .layers = TABLE_INIT,
        .volatile_layers = TABLE_INIT,
        .images = TABLE_INIT,
    };

    if (sweep_begin(&work, error) < 0 || sweep_incomplete(&work, error) < 0 ||
        sweep_layers(&work, error) < 0 || sweep_links(&work, error) < 0 ||
        sweep_tar_splits(&work, error) < 0 ||
        sweep_temporaries(&work, "layers", ".tmp-layers.json", error) < 0 ||
        sweep_temporaries(&work, "images", ".tmp-images.json", error) < 0 ||
        sweep_temporaries(&work, "containers", ".tmp-containers.json", error) < 0) {
        return -1;
    }
    return sweep_images(&work, error);
}
