#include "store/image.h"

#include "base/digest.h"
#include "base/fs.h"
#include "store/big_data.h"
#include "store/table.h"

#include <unistd.h>

/* Configs and manifests are kilobytes; registries refuse manifests above 4 MiB. */
#define BLOB_SIZE_LIMIT ((size_t)64 << 20)
#define ID_PREFIX_MIN 3

/* A row of storage before 1.36 has no `digest`; the library takes that of the manifest then. */
static const char *row_digest(const json_t *row) {
    const char *digest = row_text(row, "digest");

    return digest[0] ? digest : row_text(json_object_get(row, "big-data-digests"), "manifest");
}

static struct str *texts(const json_t *list, struct arena *arena, size_t *count) {
    *count = json_array_size(list);
    struct str *out = arena_array(arena, *count, sizeof(*out));
    for (size_t i = 0; i < *count; i++) {
        out[i] = str_copy(arena, json_text(json_array_get(list, i)));
    }
    return out;
}

static void image_from_row(const struct store *store, const char *root, const json_t *row,
                           struct arena *arena, struct image *out) {
    *out = (struct image){
        .id = str_copy(arena, str_of(row_text(row, "id"))),
        .digest = str_copy(arena, str_of(row_digest(row))),
        .layer = str_copy(arena, str_of(row_text(row, "layer"))),
        .created = row_time(row, "created"),
        .directory =
            arena_printf(arena, "%s/%s-images/%s", root, store->driver_name, row_text(row, "id")),
    };
    out->names = texts(row_list(row, "names"), arena, &out->name_count);
    out->former_names = texts(row_list(row, "names-history"), arena, &out->former_name_count);
}

static bool lacks_digest(const struct table *table) {
    FOR_EACH_ROW(table, i, row) {
        if (!row_text(row, "digest")[0]) {
            return true;
        }
    }
    return false;
}

/* Most of a row says what blobs there are. */
static int read_table(const struct store *store, const char *root, struct table *out,
                      struct error *error) {
    static const char *const members[] = { "id",    "digest",  "names", "names-history",
                                           "layer", "created", NULL };
    if (table_read_members(store, root, TABLE_IMAGES, members, out, error) < 0) {
        return -1;
    }
    if (!lacks_digest(out)) {
        return 0;
    }
    table_free(out);
    return table_read_shared(store, root, TABLE_IMAGES, out, error);
}

/* An image that is in several stores is listed from each, ours first: the names differ. */
static int add_root(const struct store *store, const char *root, struct arena *arena,
                    struct image_list *list, struct error *error) {
    _cleanup_table_ struct table table = TABLE_INIT;
    struct image *items;

    if (read_table(store, root, &table, error) < 0) {
        return -1;
    }
    items = arena_array(arena, list->count + json_array_size(table.rows), sizeof(*items));
    if (list->count > 0) {
        memcpy(items, list->items, list->count * sizeof(*items));
    }
    list->items = items;
    FOR_EACH_ROW(&table, i, row) {
        image_from_row(store, root, row, arena, &list->items[list->count++]);
    }
    return 0;
}

int image_list_read(const struct store *store, struct arena *arena, struct image_list *out,
                    struct error *error) {
    *out = (struct image_list){ NULL, 0 };
    if (add_root(store, store->root, arena, out, error) < 0) {
        return -1;
    }
    for (const char **root = store->additional_roots; *root; root++) {
        if (add_root(store, *root, arena, out, error) < 0) {
            return error_wrap(error, "cannot read the additional image store %s", *root);
        }
    }
    return 0;
}

static bool image_has_name(const struct image *image, struct str name) {
    for (size_t i = 0; i < image->name_count; i++) {
        if (str_equal(image->names[i], name)) {
            return true;
        }
    }
    return false;
}

/* REPOSITORY@DIGEST, as it is asked for, against a row that has the digest and another name of that repository. */
static bool image_has_repository(const struct image *image, struct str repository) {
    for (size_t i = 0; i < image->name_count; i++) {
        struct str name = image->names[i];

        if (str_has_prefix(name, repository) && name.len > repository.len &&
            (name.data[repository.len] == '@' ||
             (name.data[repository.len] == ':' &&
              str_find_byte(str_from(name, repository.len), '/') == SIZE_MAX))) {
            return true;
        }
    }
    return false;
}

static const struct image *find_by_name(const struct image_list *list, struct str name) {
    size_t at = str_find(name, STR("@sha256:"));

    for (size_t i = 0; i < list->count; i++) {
        if (image_has_name(&list->items[i], name)) {
            return &list->items[i];
        }
    }
    for (size_t i = 0; at != SIZE_MAX && i < list->count; i++) {
        if (str_equal(list->items[i].digest, str_from(name, at + 1)) &&
            image_has_repository(&list->items[i], str_sub(name, 0, at))) {
            return &list->items[i];
        }
    }
    return NULL;
}

static bool is_hex(struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        if (!strchr("0123456789abcdef", text.data[i]) || text.data[i] == '\0') {
            return false;
        }
    }
    return true;
}

static int find_by_id(const struct image_list *list, struct str text, const struct image **out,
                      struct error *error) {
    struct str prefix = str_has_prefix(text, STR("sha256:")) ? str_from(text, 7) : text;

    if (prefix.len < ID_PREFIX_MIN || prefix.len > DIGEST_HEX_LEN || !is_hex(prefix)) {
        return 0;
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct image *image = &list->items[i];
        bool is_same_digest = prefix.len == DIGEST_HEX_LEN && image->digest.len > 7 &&
                              str_equal(str_from(image->digest, 7), prefix);

        if (!str_has_prefix(image->id, prefix) && !is_same_digest) {
            continue;
        }
        if (*out && !str_equal((*out)->id, image->id)) {
            error_set(error, ERROR_INPUT, "the image ID %.*s is ambiguous: %.*s and %.*s begin so",
                      STR_ARG(text), STR_ARG((*out)->id), STR_ARG(image->id));
            *out = NULL;
            return error_hint(error, "give more digits of the ID");
        }
        if (!*out) {
            *out = image;
        }
    }
    return 0;
}

int image_find(const struct image_list *list, const char *const *names, const struct image **out,
               struct error *error) {
    *out = NULL;
    for (size_t i = 0; names[i]; i++) {
        *out = find_by_name(list, str_of(names[i]));
        if (*out) {
            return 0;
        }
    }
    return names[0] ? find_by_id(list, str_of(names[0]), out, error) : 0;
}

/* The file of KEY below DIRECTORY. */
static int read_blob(const char *directory, const char *key, struct buf *out, struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    const char *path = arena_printf(&arena, "%s/%s", directory, big_data_file(key, &arena));
    bool exists = false;

    if (fs_read_file_if_exists(AT_FDCWD, path, BLOB_SIZE_LIMIT, out, &exists, error) < 0) {
        return -1;
    }
    if (!exists) {
        error_set(error, ERROR_NOT_FOUND, "%s (`%s` of an image) does not exist", path, key);
        return error_hint(error,
                          "the image was removed or is damaged: remove it and make it again");
    }
    return 0;
}

static int verify_blob(const struct buf *blob, size_t start, struct str wanted, const char *what,
                       const char *directory, struct error *error) {
    struct digest expected, actual = digest_of(blob->data + start, blob->len - start);

    if (digest_parse(wanted, &expected) && digest_equal(&expected, &actual)) {
        return 0;
    }
    error_set(error, ERROR_CORRUPT, "the %s in %s has not the digest %.*s", what, directory,
              STR_ARG(wanted));
    return error_hint(error, "remove the image and make it again");
}

static int read_verified(const char *directory, struct str digest, const char *what,
                         struct buf *out, struct error *error) {
    _cleanup_buf_ struct buf key = BUF_INIT;
    size_t start = out->len;

    if (!str_has_prefix(digest, STR("sha256:"))) {
        buf_append_c(&key, "sha256:");
    }
    buf_append_str(&key, digest);
    if (read_blob(directory, key.data, out, error) < 0) {
        return -1;
    }
    return verify_blob(out, start, digest, what, directory, error);
}

/* The ID of an image made of partially pulled layers is not the config's digest: the manifest says which it is. */
static int read_config_of_manifest(const struct image *image, struct buf *out,
                                   struct error *error) {
    _cleanup_buf_ struct buf manifest = BUF_INIT;
    _cleanup_json_ json_t *value = NULL;
    json_t *config = NULL;
    const char *digest = NULL;

    if (image_read_manifest(image, &manifest, error) < 0) {
        return -1;
    }
    value = json_parse(buf_str(&manifest), image->directory, error);
    if (!value || json_read_object(value, "config", &config, error) < 0 ||
        json_read_string(config, "digest", &digest, error) < 0) {
        return -1;
    }
    if (!digest) {
        error_set(error, ERROR_UNSUPPORTED, "%.*s is a list of images or an artifact, not an image",
                  STR_ARG(image->id));
        return error_hint(error, "name one image of the list");
    }
    return read_verified(image->directory, str_of(digest), "config", out, error);
}

int image_read_config(const struct image *image, struct buf *out, struct error *error) {
    _cleanup_error_ struct error first = ERROR_INIT;

    if (read_verified(image->directory, image->id, "config", out, &first) == 0) {
        return 0;
    }
    if (first.code == ERROR_NOT_FOUND) {
        return read_config_of_manifest(image, out, error);
    }
    return error_move(error, &first);
}

int image_read_manifest(const struct image *image, struct buf *out, struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    size_t start = out->len;
    struct digest digest;
    const char *path;

    if (read_blob(image->directory, "manifest", out, error) < 0) {
        return -1;
    }
    if (image->digest.len == 0 ||
        verify_blob(out, start, image->digest, "manifest", image->directory, NULL) == 0) {
        return 0;
    }
    /* `digest` may be that of the list the image was pulled through; the manifest is kept under its own, too. */
    digest = digest_of(out->data + start, out->len - start);
    path = arena_printf(&arena, "manifest-sha256:%s", digest_hex(&digest).text);
    path = arena_printf(&arena, "%s/%s", image->directory, big_data_file(path, &arena));
    if (access(path, F_OK) == 0) {
        return 0;
    }
    return verify_blob(out, start, image->digest, "manifest", image->directory, error);
}
