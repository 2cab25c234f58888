#include "store/table.h"

#include "base/digest.h"
#include "base/fs.h"
#include "base/time.h"

#include <assert.h>
#include <stdlib.h>

/* A thousand times the table of a store with ten thousand layers. */
#define TABLE_SIZE_LIMIT ((size_t)1 << 30)

enum field_type {
    FIELD_TEXT,
    FIELD_ID, /* 64 hex digits */
    FIELD_ID_OR_EMPTY,
    FIELD_TIME,
    FIELD_DIGEST, /* or empty */
    FIELD_INTEGER,
    FIELD_OBJECT,
    FIELD_TEXTS,    /* [string] */
    FIELD_INTEGERS, /* [int] */
    FIELD_MAPPINGS, /* [{int}] */
    FIELD_SIZES,    /* {int} */
    FIELD_DIGESTS,  /* {digest} */
};

struct field {
    const char *name;
    enum field_type type;
};

/* containers/storage layers.go, images.go, containers.go: what its decoder wants of each member. `id` comes first and
 * is the only required one. */
static const struct field layer_fields[] = {
    { "id", FIELD_ID },
    { "names", FIELD_TEXTS },
    { "parent", FIELD_ID_OR_EMPTY },
    { "metadata", FIELD_TEXT },
    { "mountlabel", FIELD_TEXT },
    { "created", FIELD_TIME },
    { "compressed-diff-digest", FIELD_DIGEST },
    { "compressed-size", FIELD_INTEGER },
    { "diff-digest", FIELD_DIGEST },
    { "diff-size", FIELD_INTEGER },
    { "toc-digest", FIELD_DIGEST },
    { "compression", FIELD_INTEGER },
    { "uidset", FIELD_INTEGERS },
    { "gidset", FIELD_INTEGERS },
    { "flags", FIELD_OBJECT },
    { "uidmap", FIELD_MAPPINGS },
    { "gidmap", FIELD_MAPPINGS },
    { "big-data-names", FIELD_TEXTS },
    { NULL, FIELD_TEXT },
};

static const struct field image_fields[] = {
    { "id", FIELD_ID },
    { "digest", FIELD_DIGEST },
    { "names", FIELD_TEXTS },
    { "names-history", FIELD_TEXTS },
    { "layer", FIELD_ID_OR_EMPTY },
    { "mapped-layers", FIELD_TEXTS },
    { "metadata", FIELD_TEXT },
    { "big-data-names", FIELD_TEXTS },
    { "big-data-sizes", FIELD_SIZES },
    { "big-data-digests", FIELD_DIGESTS },
    { "created", FIELD_TIME },
    { "flags", FIELD_OBJECT },
    { NULL, FIELD_TEXT },
};

static const struct field container_fields[] = {
    { "id", FIELD_ID },
    { "names", FIELD_TEXTS },
    { "image", FIELD_ID_OR_EMPTY },
    { "layer", FIELD_ID_OR_EMPTY },
    { "metadata", FIELD_TEXT },
    { "big-data-names", FIELD_TEXTS },
    { "big-data-sizes", FIELD_SIZES },
    { "big-data-digests", FIELD_DIGESTS },
    { "created", FIELD_TIME },
    { "uidmap", FIELD_MAPPINGS },
    { "gidmap", FIELD_MAPPINGS },
    { "flags", FIELD_OBJECT },
    { NULL, FIELD_TEXT },
};

static const struct {
    const char *part; /* of the store's directory */
    const char *file;
    const struct field *fields;
} kinds[TABLE_COUNT] = {
    [TABLE_LAYERS] = { "layers", "layers", layer_fields },
    [TABLE_IMAGES] = { "images", "images", image_fields },
    [TABLE_CONTAINERS] = { "containers", "containers", container_fields },
    [TABLE_VOLATILE_LAYERS] = { "layers", "volatile-layers", layer_fields },
    [TABLE_VOLATILE_CONTAINERS] = { "containers", "volatile-containers", container_fields },
};

static bool is_id(const json_t *value) {
    return json_is_string(value) && digest_is_hex_id(json_text(value));
}

/* opencontainers/go-digest: the registered algorithms with their lengths in lower-case hex. */
static bool is_digest(const json_t *value) {
    static const struct {
        const char *prefix;
        size_t length;
    } algorithms[] = { { "sha256:", 64 }, { "sha384:", 96 }, { "sha512:", 128 } };
    struct str text;

    if (!json_is_string(value)) {
        return false;
    }
    text = json_text(value);
    if (text.len == 0) {
        return true;
    }
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++) {
        struct str prefix = str_of(algorithms[i].prefix);

        if (str_has_prefix(text, prefix) && text.len == prefix.len + algorithms[i].length) {
            return strspn(text.data + prefix.len, "0123456789abcdef") == algorithms[i].length;
        }
    }
    return false;
}

static bool is_time(const json_t *value) {
    int64_t nanoseconds;

    /* Go's zero time lies before what 64 bits of nanoseconds can say. */
    return json_is_string(value) && (time_parse(json_text(value), &nanoseconds) ||
                                     str_has_prefix(json_text(value), STR("0001-01-01T")));
}

static bool is_list_of(const json_t *value, bool (*is_member)(const json_t *)) {
    if (!json_is_array(value)) {
        return false;
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (!is_member(json_array_get(value, i))) {
            return false;
        }
    }
    return true;
}

static bool is_object_of(const json_t *value, bool (*is_member)(const json_t *)) {
    if (!json_is_object(value)) {
        return false;
    }
    for (void *i = json_object_iter((json_t *)value); i;
         i = json_object_iter_next((json_t *)value, i)) {
        if (!is_member(json_object_iter_value(i))) {
            return false;
        }
    }
    return true;
}

static bool is_text(const json_t *value) {
    return json_is_string(value);
}

static bool is_integer(const json_t *value) {
    return json_is_integer(value);
}

static bool is_mapping(const json_t *value) {
    return is_object_of(value, is_integer);
}

/* What is wrong with VALUE, or NULL. Go's decoder takes null for "not there", so it is fine everywhere. */
static const char *field_complaint(const json_t *value, enum field_type type) {
    bool is_right = true;
    static const char *const wanted[] = {
        [FIELD_TEXT] = "a string",
        [FIELD_ID] = "an ID of 64 hex digits",
        [FIELD_ID_OR_EMPTY] = "an ID of 64 hex digits",
        [FIELD_TIME] = "a time as RFC 3339 has it",
        [FIELD_DIGEST] = "a digest",
        [FIELD_INTEGER] = "an integer",
        [FIELD_OBJECT] = "an object",
        [FIELD_TEXTS] = "a list of strings",
        [FIELD_INTEGERS] = "a list of integers",
        [FIELD_MAPPINGS] = "a list of ID mappings",
        [FIELD_SIZES] = "an object of integers",
        [FIELD_DIGESTS] = "an object of digests",
    };

    if (type != FIELD_ID && (value == NULL || json_is_null(value))) {
        return NULL;
    }
    switch (type) {
    case FIELD_TEXT:
        is_right = json_is_string(value);
        break;
    case FIELD_ID:
        is_right = is_id(value);
        break;
    case FIELD_ID_OR_EMPTY:
        is_right = is_id(value) || (json_is_string(value) && json_string_length(value) == 0);
        break;
    case FIELD_TIME:
        is_right = is_time(value);
        break;
    case FIELD_DIGEST:
        is_right = is_digest(value);
        break;
    case FIELD_INTEGER:
        is_right = json_is_integer(value);
        break;
    case FIELD_OBJECT:
        is_right = json_is_object(value);
        break;
    case FIELD_TEXTS:
        is_right = is_list_of(value, is_text);
        break;
    case FIELD_INTEGERS:
        is_right = is_list_of(value, is_integer);
        break;
    case FIELD_MAPPINGS:
        is_right = is_list_of(value, is_mapping);
        break;
    case FIELD_SIZES:
        is_right = is_object_of(value, is_integer);
        break;
    case FIELD_DIGESTS:
        is_right = is_object_of(value, is_digest);
        break;
    }
    return is_right ? NULL : wanted[type];
}

static int corrupt_hint(struct error *error) {
    return error_hint(error, "nothing was changed; repair the file while no container tool runs");
}

static int check_row(struct table *table, size_t number, json_t *row, struct error *error) {
    if (!json_is_object(row)) {
        error_set(error, ERROR_CORRUPT, "%s: row %zu is not an object", table->path, number);
        return corrupt_hint(error);
    }
    for (const struct field *field = kinds[table->kind].fields; field->name; field++) {
        const char *wanted = field_complaint(json_object_get(row, field->name), field->type);

        if (wanted) {
            error_set(error, ERROR_CORRUPT, "%s: row %zu (%s): `%s` is not %s", table->path, number,
                      row_text(row, "id"), field->name, wanted);
            return corrupt_hint(error);
        }
    }
    if (!map_set(&table->index, json_text(json_object_get(row, "id")), row)) {
        error_set(error, ERROR_CORRUPT, "%s: two rows have the id %s", table->path,
                  row_text(row, "id"));
        return corrupt_hint(error);
    }
    return 0;
}

/* Follows `parent` from every row with a second pointer that goes twice as fast. Parents are shared, so rows known to
 * lead to a base are remembered. */
static int check_cycles(const struct table *table, struct error *error) {
    _cleanup_map_ struct map done = MAP_INIT;

    FOR_EACH_ROW(table, i, row) {
        size_t steps = 0;

        for (const json_t *at = row; at != NULL; at = table_find(table, row_text(at, "parent"))) {
            if (map_has(&done, str_of(row_text(at, "id")))) {
                break;
            }
            if (steps++ > table->index.count) {
                error_set(error, ERROR_CORRUPT, "%s: the parents of layer %s form a cycle",
                          table->path, row_text(row, "id"));
                return corrupt_hint(error);
            }
        }
        for (const json_t *at = row; at != NULL && map_set(&done, str_of(row_text(at, "id")), row);
             at = table_find(table, row_text(at, "parent"))) {
        }
    }
    return 0;
}

static int check_rows(struct table *table, struct error *error) {
    FOR_EACH_ROW(table, i, row) {
        if (check_row(table, i, row, error) < 0) {
            return -1;
        }
    }
    return kinds[table->kind].fields == layer_fields && !table->is_partial
               ? check_cycles(table, error)
               : 0;
}

struct reduction {
    const char *const *members;
    struct buf text;
};

static bool reduce_row(void *context, const struct str *values) {
    struct reduction *reduction = context;
    char separator = '{';

    buf_append_byte(&reduction->text, reduction->text.len == 0 ? '[' : ',');
    for (size_t i = 0; reduction->members[i]; i++) {
        if (values[i].len > 0) {
            buf_append_byte(&reduction->text, separator);
            buf_append_byte(&reduction->text, '"');
            buf_append_c(&reduction->text, reduction->members[i]);
            buf_append_c(&reduction->text, "\":");
            buf_append_str(&reduction->text, values[i]);
            separator = ',';
        }
    }
    buf_append_c(&reduction->text, separator == '{' ? "{}" : "}");
    return true;
}

/* MEMBERS: NULL for all. */
static json_t *parse_rows(const struct table *table, const struct buf *text,
                          const char *const *members, struct error *error) {
    struct reduction reduction = { members, BUF_INIT };
    json_t *rows;

    if (text->len == 0) {
        return json_array();
    }
    if (members && row_scan(buf_str(text), members, reduce_row, &reduction)) {
        buf_append_byte(&reduction.text, ']');
        text = &reduction.text;
    }
    rows = json_parse(buf_str(text), table->path, error);
    buf_free(&reduction.text);
    return rows;
}

static int read_text(const struct table *table, struct buf *text, struct error *error) {
    bool exists = false;

    return fs_read_file_if_exists(AT_FDCWD, table->path, TABLE_SIZE_LIMIT, text, &exists, error);
}

static int read_rows(struct table *table, const char *const *members, struct error *error) {
    _cleanup_buf_ struct buf text = BUF_INIT;

    if (read_text(table, &text, error) < 0) {
        return -1;
    }
    table->rows = parse_rows(table, &text, members, error);
    if (table->rows == NULL) {
        return corrupt_hint(error);
    }
    if (json_is_null(table->rows)) {
        table->rows = json_array();
    }
    if (!json_is_array(table->rows)) {
        error_set(error, ERROR_CORRUPT, "%s: not a list of rows", table->path);
        return corrupt_hint(error);
    }
    return check_rows(table, error);
}

static void begin(const struct store *store, const char *root, enum table_kind kind,
                  struct table *out) {
    *out = (struct table)TABLE_INIT;
    out->kind = kind;
    out->path =
        xasprintf("%s/%s-%s/%s.json", root, store->driver_name, kinds[kind].part, kinds[kind].file);
}

int table_read(const struct store *store, const char *root, enum table_kind kind, struct table *out,
               struct error *error) {
    begin(store, root, kind, out);
    if (read_rows(out, NULL, error) < 0) {
        table_free(out);
        return -1;
    }
    return 0;
}

static int take_shared(const struct store *store, const char *root, enum table_kind kind,
                       struct lock *lock, struct error *error) {
    _cleanup_free_ char *path =
        xasprintf("%s/%s-%s/%s.lock", root, store->driver_name, kinds[kind].part, kinds[kind].part);

    return lock_take_path(path, LOCK_SHARED, false, lock, error);
}

int table_read_shared(const struct store *store, const char *root, enum table_kind kind,
                      struct table *out, struct error *error) {
    _cleanup_lock_ struct lock lock = LOCK_INIT;

    if (take_shared(store, root, kind, &lock, error) < 0) {
        return -1;
    }
    return table_read(store, root, kind, out, error);
}

int table_read_members(const struct store *store, const char *root, enum table_kind kind,
                       const char *const *members, struct table *out, struct error *error) {
    _cleanup_lock_ struct lock lock = LOCK_INIT;

    if (take_shared(store, root, kind, &lock, error) < 0) {
        return -1;
    }
    begin(store, root, kind, out);
    out->is_partial = true;
    if (read_rows(out, members, error) < 0) {
        table_free(out);
        return -1;
    }
    return 0;
}

int table_scan(const struct store *store, const char *root, enum table_kind kind,
               const char *const *members, row_visit *visit, void *context, bool *is_scanned,
               struct error *error) {
    _cleanup_lock_ struct lock lock = LOCK_INIT;
    _cleanup_table_ struct table table = TABLE_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT;

    begin(store, root, kind, &table);
    if (take_shared(store, root, kind, &lock, error) < 0 || read_text(&table, &text, error) < 0) {
        return -1;
    }
    *is_scanned = text.len == 0 || row_scan(buf_str(&text), members, visit, context);
    return 0;
}

int table_save(const struct table *table, const struct lock *lock, struct error *error) {
    _cleanup_buf_ struct buf text = BUF_INIT;

    assert(!table->is_partial);
    json_write(&text, table->rows);
    /* Dying between the two costs readers a needless reload; the other order could leave them with old rows. */
    if (lock_touch(lock, error) < 0) {
        return -1;
    }
    return fs_write_atomic(AT_FDCWD, table->path, text.data, text.len, 0600, FS_SYNC, error);
}

void table_free(struct table *table) {
    map_free(&table->index);
    json_decref(table->rows);
    free(table->path);
    *table = (struct table)TABLE_INIT;
}

json_t *table_find(const struct table *table, const char *id) {
    return id[0] ? map_get(&table->index, str_of(id)) : NULL;
}

void table_add(struct table *table, json_t *row) {
    json_array_append_new(table->rows, row);
    map_set(&table->index, json_text(json_object_get(row, "id")), row);
}

void table_drop(struct table *table, const char *id) {
    FOR_EACH_ROW(table, i, row) {
        if (strcmp(row_text(row, "id"), id) == 0) {
            map_remove(&table->index, str_of(id));
            json_array_remove(table->rows, i);
            return;
        }
    }
}

const char *row_text(const json_t *row, const char *key) {
    const char *text = json_string_value(json_object_get(row, key));

    return text ? text : "";
}

const json_t *row_list(const json_t *row, const char *key) {
    const json_t *list = json_object_get(row, key);

    return json_is_array(list) ? list : NULL;
}

int64_t row_time(const json_t *row, const char *key) {
    int64_t nanoseconds = 0;

    return time_parse(str_of(row_text(row, key)), &nanoseconds) ? nanoseconds : 0;
}

bool row_is_incomplete(const json_t *row) {
    return json_is_true(json_object_get(json_object_get(row, "flags"), "incomplete"));
}

static size_t list_position(const json_t *list, const char *text) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (strcmp(json_string_value(json_array_get(list, i)), text) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

bool row_has_name(const json_t *row, const char *name) {
    return list_position(row_list(row, "names"), name) != SIZE_MAX;
}

bool row_remove_name(json_t *row, const char *name) {
    json_t *names = json_object_get(row, "names");
    size_t position = json_is_array(names) ? list_position(names, name) : SIZE_MAX;

    if (position == SIZE_MAX) {
        return false;
    }
    json_array_remove(names, position);
    if (json_array_size(names) == 0) {
        json_object_del(row, "names");
    }
    return true;
}

bool row_prepend(json_t *row, const char *key, const char *text) {
    json_t *list = json_object_get(row, key);
    size_t position;

    if (!json_is_array(list)) {
        list = json_array();
        json_object_set_new(row, key, list);
    }
    position = list_position(list, text);
    if (position == 0) {
        return false;
    }
    if (position != SIZE_MAX) {
        json_array_remove(list, position);
    }
    json_array_insert_new(list, 0, json_from_str(str_of(text)));
    return true;
}
