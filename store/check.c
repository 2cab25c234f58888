#include "store/check.h"

#include "base/digest.h"
#include "base/fs.h"
#include "store/big_data.h"
#include "store/check_files.h"
#include "store/layer.h"
#include "store/layer_dir.h"
#include "store/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

void check_finding(struct check *check, const char *invariant, const char *format, ...) {
    va_list arguments;

    check->findings++;
    buf_printf(check->report, "%s ", invariant);
    va_start(arguments, format);
    buf_vprintf(check->report, format, arguments);
    va_end(arguments);
    buf_append_byte(check->report, '\n');
}

static void check_end(struct check *check) {
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        table_free(&check->tables[i]);
    }
    for (size_t i = 0; i < 3; i++) {
        lock_release(&check->locks[i]);
    }
    arena_free(&check->arena);
}

const json_t *check_layer_row(const struct check *check, const char *id) {
    const json_t *row = table_find(&check->tables[TABLE_LAYERS], id);

    return row ? row : table_find(&check->tables[TABLE_VOLATILE_LAYERS], id);
}

bool check_layer_exists(const struct check *check, const char *id) {
    const struct layer wanted = { .id = str_of(id) };

    return check_layer_row(check, id) || layer_find(&check->all_layers, wanted.id) != NULL;
}

/* A table that cannot be read is what the check is about, not a failure of the check. */
static int read_table(struct check *check, enum table_kind kind, struct error *error) {
    _cleanup_error_ struct error own = ERROR_INIT;

    if (table_read(check->store, check->store->root, kind, &check->tables[kind], &own) == 0) {
        return 0;
    }
    if (own.code != ERROR_CORRUPT) {
        return error_set(error, own.code, "%s", own.message);
    }
    check->is_broken = true;
    check_finding(check, "I6", "%s", own.message);
    return 0;
}

static int check_begin(struct check *check, struct error *error) {
    static const enum store_lock_name names[] = { LOCK_LAYERS, LOCK_IMAGES, LOCK_CONTAINERS };
    _cleanup_error_ struct error own = ERROR_INIT;

    /* Before the locks: it takes them itself, and only the layers of additional stores are wanted of it. */
    if (layer_list_read(check->store, &check->arena, &check->all_layers, &own) < 0 &&
        own.code != ERROR_CORRUPT) {
        return error_set(error, own.code, "%s", own.message);
    }
    for (size_t i = 0; i < 3; i++) {
        if (lock_take(check->store, names[i], LOCK_SHARED, &check->locks[i], error) < 0) {
            return -1;
        }
    }
    for (size_t kind = 0; kind < TABLE_COUNT; kind++) {
        if (read_table(check, kind, error) < 0) {
            return -1;
        }
    }
    return 0;
}

/* I1: everything a row names exists. */
static void check_references(struct check *check) {
    FOR_EACH_ROW(&check->tables[TABLE_LAYERS], i, row) {
        const char *parent = row_text(row, "parent");

        if (parent[0] && !check_layer_exists(check, parent)) {
            check_finding(check, "I1", "layer %s: its parent %s does not exist",
                          row_text(row, "id"), parent);
        }
    }
    FOR_EACH_ROW(&check->tables[TABLE_IMAGES], i, row) {
        const json_t *mapped = row_list(row, "mapped-layers");
        const char *layer = row_text(row, "layer");

        if (layer[0] && !check_layer_exists(check, layer)) {
            check_finding(check, "I1", "image %s: its layer %s does not exist", row_text(row, "id"),
                          layer);
        }
        for (size_t m = 0; m < json_array_size(mapped); m++) {
            const char *id = json_string_value(json_array_get(mapped, m));

            if (!check_layer_exists(check, id)) {
                check_finding(check, "I1", "image %s: its mapped layer %s does not exist",
                              row_text(row, "id"), id);
            }
        }
    }
    FOR_EACH_ROW(&check->tables[TABLE_CONTAINERS], i, row) {
        const char *image = row_text(row, "image");
        const char *layer = row_text(row, "layer");

        if (layer[0] && !check_layer_exists(check, layer)) {
            check_finding(check, "I1", "container %s: its layer %s does not exist",
                          row_text(row, "id"), layer);
        }
        if (image[0] && !table_find(&check->tables[TABLE_IMAGES], image) &&
            !check->store->additional_roots[0]) {
            check_finding(check, "I1", "container %s: its image %s does not exist",
                          row_text(row, "id"), image);
        }
    }
}

static bool is_container_layer(const struct check *check, const char *id) {
    static const enum table_kind kinds[] = { TABLE_CONTAINERS, TABLE_VOLATILE_CONTAINERS };

    for (size_t k = 0; k < 2; k++) {
        FOR_EACH_ROW(&check->tables[kinds[k]], i, row) {
            if (strcmp(row_text(row, "layer"), id) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* I4: layers are found again by their chain IDs. */
static void check_layer_id(struct check *check, const json_t *row) {
    const char *id = row_text(row, "id");
    struct digest diff_id;
    struct digest_hex expected;

    /* Copies for other ID mappings have random IDs, layers known by their table of contents a formula of their own. */
    if (!digest_parse(str_of(row_text(row, "diff-digest")), &diff_id) ||
        json_object_get(row, "uidmap") || row_text(row, "toc-digest")[0] ||
        is_container_layer(check, id)) {
        return;
    }
    expected = layer_id(str_of(row_text(row, "parent")), &diff_id);
    if (strcmp(expected.text, id) != 0) {
        check_finding(check, "I4", "layer %s: its chain ID is %s", id, expected.text);
    }
}

/* I6: one owner a name. */
static void check_unique_names(struct check *check, enum table_kind kind) {
    _cleanup_map_ struct map seen = MAP_INIT;

    FOR_EACH_ROW(&check->tables[kind], i, row) {
        const json_t *names = row_list(row, "names");

        for (size_t n = 0; n < json_array_size(names); n++) {
            const char *name = json_string_value(json_array_get(names, n));
            const json_t *other = map_get(&seen, str_of(name));

            if (other) {
                check_finding(check, "I6", "the name %s belongs to %s and %s", name,
                              row_text(other, "id"), row_text(row, "id"));
            }
            map_set(&seen, str_of(name), row);
        }
    }
}

/* HOST/PATH:TAG or HOST/PATH@DIGEST, the host being what has a dot or port, or localhost. */
static bool is_full_reference(struct str name) {
    size_t slash = str_find_byte(name, '/');
    size_t last = str_rfind_byte(name, '/');
    struct str host = str_sub(name, 0, slash);

    if (slash == SIZE_MAX) {
        return false;
    }
    return (str_find_byte(host, '.') != SIZE_MAX || str_find_byte(host, ':') != SIZE_MAX ||
            str_equal_c(host, "localhost")) &&
           (str_find_byte(str_from(name, last), ':') != SIZE_MAX ||
            str_find_byte(name, '@') != SIZE_MAX);
}

static void check_names(struct check *check) {
    check_unique_names(check, TABLE_LAYERS);
    check_unique_names(check, TABLE_IMAGES);
    check_unique_names(check, TABLE_CONTAINERS);
    FOR_EACH_ROW(&check->tables[TABLE_IMAGES], i, row) {
        const json_t *names = row_list(row, "names");

        for (size_t n = 0; n < json_array_size(names); n++) {
            const char *name = json_string_value(json_array_get(names, n));

            if (!is_full_reference(str_of(name))) {
                check_finding(check, "I6", "image %s: its name %s is not a full reference",
                              row_text(row, "id"), name);
            }
        }
    }
}

static int check_layers(struct check *check, bool is_deep, struct error *error) {
    FOR_EACH_ROW(&check->tables[TABLE_LAYERS], i, row) {
        if (row_is_incomplete(row)) {
            check_finding(check, "I7", "layer %s is flagged incomplete", row_text(row, "id"));
            continue;
        }
        check_layer_id(check, row);
        if (check_layer_files(check, row, is_deep, error) < 0) {
            return -1;
        }
    }
    return 0;
}

int check_store(const struct store *store, bool is_deep, struct buf *report, size_t *findings,
                struct error *error) {
    _cleanup_(check_end) struct check check = {
        .store = store,
        .report = report,
        .locks = { LOCK_INIT, LOCK_INIT, LOCK_INIT },
    };

    *findings = 0;
    if (store->root_fd < 0) {
        return 0;
    }
    if (check_begin(&check, error) < 0) {
        return -1;
    }
    if (!check.is_broken) {
        check_references(&check);
        check_names(&check);
        check_images(&check);
        if (check_layers(&check, is_deep, error) < 0 || check_home(&check, error) < 0) {
            return -1;
        }
    }
    *findings = check.findings;
    return 0;
}
