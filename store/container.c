#include "store/container.h"

#include "base/digest.h"
#include "base/fs.h"
#include "base/time.h"
#include "store/layer_dir.h"
#include "store/table.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#define NAME_PREFIX "bud-"
#define LAYER_SUFFIX "-layer"

/* All that a change of container rows needs, in the order of the locks. */
struct transaction {
    struct lock storage, layers_lock, containers_lock;
    struct table layers, containers;
    struct sync_set sync;
};

#define TRANSACTION_INIT                                                                           \
    { LOCK_INIT, LOCK_INIT, LOCK_INIT, TABLE_INIT, TABLE_INIT, SYNC_SET_INIT }

static void transaction_end(struct transaction *work) {
    sync_set_free(&work->sync);
    table_free(&work->layers);
    table_free(&work->containers);
    lock_release(&work->containers_lock);
    lock_release(&work->layers_lock);
    lock_release(&work->storage);
}
#define _cleanup_transaction_ _cleanup_(transaction_end)

static int transaction_begin(const struct store *store, struct transaction *work,
                             struct error *error) {
    if (lock_take(store, LOCK_STORAGE, LOCK_EXCLUSIVE, &work->storage, error) < 0 ||
        lock_take(store, LOCK_LAYERS, LOCK_EXCLUSIVE, &work->layers_lock, error) < 0 ||
        table_read(store, store->root, TABLE_LAYERS, &work->layers, error) < 0 ||
        lock_take(store, LOCK_CONTAINERS, LOCK_EXCLUSIVE, &work->containers_lock, error) < 0) {
        return -1;
    }
    return table_read(store, store->root, TABLE_CONTAINERS, &work->containers, error);
}

static int random_id(struct digest_hex *out, struct error *error) {
    struct digest digest;

    if (getrandom(digest.bytes, sizeof(digest.bytes), 0) != sizeof(digest.bytes)) {
        return error_system(error, "cannot read random bytes");
    }
    *out = digest_hex(&digest);
    return 0;
}

/* Partial pulls of newer tools keep a layer's files as objects named by digest; as a lower directory that would be a
 * wrong file system. */
static int refuse_composefs(const struct store *store, const char *layer, struct error *error) {
    const char *root = layer_dir_root(store, layer);
    _cleanup_free_ char *path = NULL;

    if (!root) {
        error_set(error, ERROR_CHANGED, "the layer %s is gone", layer);
        return error_hint(error, "pull or build the image again");
    }
    path = xasprintf("%s/overlay/%s/composefs-data", root, layer);
    if (access(path, F_OK) == 0) {
        error_set(error, ERROR_UNSUPPORTED, "the layer %s is kept as composefs", layer);
        return error_hint(error, "pull the image into a store without use_composefs");
    }
    return 0;
}

/* The layer and those below it that are in our own table; additional stores never lose any. */
static int check_chain(const struct store *store, const struct transaction *work, const char *layer,
                       struct error *error) {
    for (const char *id = layer; id[0];) {
        const json_t *row = table_find(&work->layers, id);

        if (refuse_composefs(store, id, error) < 0) {
            return -1;
        }
        /* We hold the lock, so nobody is at work on it: whoever was has died. */
        if (row_is_incomplete(row)) {
            error_set(error, ERROR_CHANGED, "the layer %s was left half made or half removed", id);
            return error_hint(error, "build again, or pull the image it belongs to again");
        }
        if (!row) {
            return 0;
        }
        id = row_text(row, "parent");
    }
    return 0;
}

static bool is_in_own_table_or_additional(const struct store *store, const struct transaction *work,
                                          const char *layer) {
    const char *root = layer_dir_root(store, layer);

    return table_find(&work->layers, layer) || (root && strcmp(root, store->root) != 0);
}

static void add_rows(struct transaction *work, const struct digest_hex *container,
                     const struct digest_hex *working, const char *layer, const char *image,
                     const char *name) {
    char created[TIME_TEXT_SIZE];

    time_format(created, time_now());
    table_add(&work->layers, json_pack("{s:s, s:[s+], s:s, s:s}", "id", working->text, "names",
                                       name, LAYER_SUFFIX, "parent", layer, "created", created));
    table_add(&work->containers,
              json_pack("{s:s, s:[s], s:s, s:s, s:s, s:{s:s, s:s}}", "id", container->text, "names",
                        name, "image", image, "layer", working->text, "created", created, "flags",
                        "MountLabel", "", "ProcessLabel", ""));
}

static int protect(const struct store *store, struct transaction *work, const char *build,
                   size_t number, const char *layer, const char *image, struct error *error) {
    _cleanup_free_ char *name = xasprintf(NAME_PREFIX "%s-%zu", build, number);
    struct digest_hex container, working;

    if (!is_in_own_table_or_additional(store, work, layer)) {
        error_set(error, ERROR_CHANGED, "the layer %s was removed meanwhile", layer);
        return error_hint(error, "build again");
    }
    if (check_chain(store, work, layer, error) < 0 || random_id(&container, error) < 0 ||
        random_id(&working, error) < 0 ||
        layer_dir_make(store, working.text, layer, NULL, &work->sync, error) < 0) {
        return -1;
    }
    add_rows(work, &container, &working, layer, image, name);
    return 0;
}

/* The numbers a build has used so far: it may protect more layers later on. */
static size_t next_number(const struct table *containers, const char *build) {
    _cleanup_free_ char *prefix = xasprintf(NAME_PREFIX "%s-", build);
    size_t next = 0;

    FOR_EACH_ROW(containers, i, row) {
        const char *name = json_string_value(json_array_get(row_list(row, "names"), 0));
        uint64_t number;

        if (name && strncmp(name, prefix, strlen(prefix)) == 0 &&
            str_parse_uint(str_of(name + strlen(prefix)), 10, SIZE_MAX - 1, &number) &&
            number >= next) {
            next = (size_t)number + 1;
        }
    }
    return next;
}

/* Takes back the directories of rows that are not going to be saved. */
static void discard_from(const struct store *store, struct transaction *work, size_t first) {
    for (size_t i = first; i < json_array_size(work->layers.rows); i++) {
        layer_dir_discard(store, row_text(json_array_get(work->layers.rows, i), "id"), NULL);
    }
}

int container_protect(const struct store *store, const struct build *build,
                      const char *const *layers, const char *const *images, size_t count,
                      struct error *error) {
    _cleanup_transaction_ struct transaction work = TRANSACTION_INIT;
    size_t first, number;

    if (count == 0) {
        return 0;
    }
    if (transaction_begin(store, &work, error) < 0) {
        return -1;
    }
    first = json_array_size(work.layers.rows);
    number = next_number(&work.containers, build->id);
    for (size_t i = 0; i < count; i++) {
        if (protect(store, &work, build->id, number + i, layers[i], images[i], error) < 0) {
            discard_from(store, &work, first);
            return -1;
        }
    }
    if (sync_set_wait(&work.sync, error) < 0) {
        discard_from(store, &work, first);
        return -1;
    }
    /* Layers first: a container must never name a layer that is not there. */
    if (table_save(&work.layers, &work.layers_lock, error) < 0) {
        return -1;
    }
    return table_save(&work.containers, &work.containers_lock, error);
}

/* Is NAME bud-BUILD-…, and is that build BUILD, or (NULL) one that is dead? */
static bool is_ours(const struct store *store, const char *name, const char *build) {
    char id[BUILD_ID_LEN + 1];
    size_t prefix = strlen(NAME_PREFIX);

    if (strncmp(name, NAME_PREFIX, prefix) != 0 || strlen(name) < prefix + BUILD_ID_LEN + 2 ||
        name[prefix + BUILD_ID_LEN] != '-') {
        return false;
    }
    memcpy(id, name + prefix, BUILD_ID_LEN);
    id[BUILD_ID_LEN] = '\0';
    if (strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789") != BUILD_ID_LEN ||
        !strchr("0123456789", name[prefix + BUILD_ID_LEN + 1])) {
        return false;
    }
    return build ? strcmp(id, build) == 0 : !build_is_alive(store, id);
}

static bool is_row_ours(const struct store *store, const json_t *row, const char *build) {
    const json_t *names = row_list(row, "names");

    for (size_t i = 0; i < json_array_size(names); i++) {
        if (is_ours(store, json_string_value(json_array_get(names, i)), build)) {
            return true;
        }
    }
    return false;
}

static bool has_any(const struct store *store, const struct table *table, const char *build) {
    FOR_EACH_ROW(table, i, row) {
        if (is_row_ours(store, row, build)) {
            return true;
        }
    }
    return false;
}

/* True as well when the tables cannot be read: the transaction then says what is wrong. */
static bool is_needed(const struct store *store, const char *build) {
    _cleanup_table_ struct table containers = TABLE_INIT;
    _cleanup_table_ struct table layers = TABLE_INIT;

    if (table_read_shared(store, store->root, TABLE_CONTAINERS, &containers, NULL) < 0 ||
        table_read_shared(store, store->root, TABLE_LAYERS, &layers, NULL) < 0) {
        return true;
    }
    return has_any(store, &containers, build) || has_any(store, &layers, build);
}

/* Drops our rows; false when there were none. */
static bool drop_rows(const struct store *store, struct table *table, const char *build) {
    bool is_changed = false;

    for (size_t i = json_array_size(table->rows); i-- > 0;) {
        const json_t *row = json_array_get(table->rows, i);

        if (is_row_ours(store, row, build)) {
            table_drop(table, row_text(row, "id"));
            is_changed = true;
        }
    }
    return is_changed;
}

/* Our layers' directories; their rows are gone already. */
static int discard_layers(const struct store *store, const json_t *rows, const char *build,
                          struct error *error) {
    size_t i;
    const json_t *row;

    json_array_foreach(rows, i, row) {
        if (is_row_ours(store, row, build) &&
            layer_dir_discard(store, row_text(row, "id"), error) < 0) {
            return -1;
        }
    }
    return 0;
}

/* The containers' rows go first, then the layers', then the directories: a crash in between leaves a layer that its name
 * gives away, or a directory that nothing names. */
static int remove_rows(const struct store *store, const char *build, struct error *error) {
    _cleanup_transaction_ struct transaction work = TRANSACTION_INIT;
    _cleanup_json_ json_t *before = NULL;

    if (!is_needed(store, build)) {
        return 0;
    }
    if (transaction_begin(store, &work, error) < 0) {
        return -1;
    }
    FOR_EACH_ROW(&work.containers, i, row) {
        if (is_row_ours(store, row, build)) {
            _cleanup_free_ char *directory =
                xasprintf("%s-containers/%s", store->driver_name, row_text(row, "id"));

            /* Only there if another tool worked with the container. */
            if (layer_dir_trash(store, directory, error) < 0) {
                return -1;
            }
        }
    }
    if (drop_rows(store, &work.containers, build) &&
        table_save(&work.containers, &work.containers_lock, error) < 0) {
        return -1;
    }
    before = json_copy(work.layers.rows);
    if (!drop_rows(store, &work.layers, build)) {
        return 0;
    }
    return table_save(&work.layers, &work.layers_lock, error) < 0
               ? -1
               : discard_layers(store, before, build, error);
}

int container_release(const struct store *store, const struct build *build, struct error *error) {
    int result = remove_rows(store, build->id, error);

    layer_dir_empty_trash(store, 1);
    return result;
}

int container_sweep(const struct store *store, struct error *error) {
    return remove_rows(store, NULL, error);
}
