#include "store/image_files.h"

#include "base/fs.h"
#include "store/big_data.h"
#include "store/table.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOB_SIZE_LIMIT ((size_t)64 << 20)

enum { FILE_CONFIG, FILE_MANIFEST_BY_DIGEST, FILE_MANIFEST, FILE_SIGNATURE };

void image_files_init(const struct store *store, struct str config, struct str manifest,
                      struct arena *arena, struct image_files *out) {
    struct digest config_digest = digest_of(config.data, config.len);
    struct digest manifest_digest = digest_of(manifest.data, manifest.len);
    struct digest_hex config_hex = digest_hex(&config_digest);
    struct digest_hex manifest_hex = digest_hex(&manifest_digest);

    out->id = arena_strdup(arena, config_hex.text);
    out->manifest_digest = arena_printf(arena, "sha256:%s", manifest_hex.text);
    out->directory =
        arena_printf(arena, "%s/%s-images/%s", store->root, store->driver_name, out->id);
    out->items[FILE_CONFIG] =
        (struct image_file){ arena_printf(arena, "sha256:%s", config_hex.text), config,
                             config_digest };
    out->items[FILE_MANIFEST_BY_DIGEST] =
        (struct image_file){ arena_printf(arena, "manifest-%s", out->manifest_digest), manifest,
                             manifest_digest };
    out->items[FILE_MANIFEST] = (struct image_file){ "manifest", manifest, manifest_digest };
    out->items[FILE_SIGNATURE] =
        (struct image_file){ arena_printf(arena, "signature-%s", manifest_hex.text), STR_EMPTY,
                             digest_of("", 0) };
}

static int write_file(const struct image_files *files, const struct image_file *file,
                      enum fs_durability durability, struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    const char *path =
        arena_printf(&arena, "%s/%s", files->directory, big_data_file(file->key, &arena));

    return fs_write_atomic(AT_FDCWD, path, file->content.data, file->content.len, 0600, durability,
                           error);
}

static int make_directory(const struct image_files *files, bool *is_made, struct error *error) {
    *is_made = mkdir(files->directory, 0700) == 0;
    if (!*is_made && errno != EEXIST) {
        return error_system(error, "cannot make the directory %s", files->directory);
    }
    return 0;
}

int image_files_prepare(const struct image_files *files, bool *is_made, struct error *error) {
    if (make_directory(files, is_made, error) < 0) {
        return -1;
    }
    for (size_t i = 0; *is_made && i < IMAGE_FILE_COUNT; i++) {
        if (write_file(files, &files->items[i], FS_NO_SYNC, error) < 0) {
            if (access(files->directory, F_OK) == 0) {
                return -1;
            }
            /* Swept as debris, since no row names it yet: image_files_finish() makes it again. */
            if (error) {
                error_clear(error);
            }
            return 0;
        }
    }
    return 0;
}

/* The file's bytes as they are; *exists false when there is none. */
static int read_file(const struct image_files *files, const char *key, struct buf *out,
                     bool *exists, struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    const char *path = arena_printf(&arena, "%s/%s", files->directory, big_data_file(key, &arena));

    return fs_read_file_if_exists(AT_FDCWD, path, BLOB_SIZE_LIMIT, out, exists, error);
}

/* Do both manifests describe the same layer blobs? */
static bool has_same_layers(struct str a, struct str b) {
    _cleanup_json_ json_t *first = json_parse(a, "manifest", NULL);
    _cleanup_json_ json_t *second = json_parse(b, "manifest", NULL);
    size_t count = json_array_size(json_object_get(first, "layers"));

    if (count != json_array_size(json_object_get(second, "layers"))) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        json_t *x = json_array_get(json_object_get(first, "layers"), i);
        json_t *y = json_array_get(json_object_get(second, "layers"), i);

        if (!json_equal(json_object_get(x, "digest"), json_object_get(y, "digest"))) {
            return false;
        }
    }
    return first && second;
}

static json_t *member_object(json_t *row, const char *key) {
    json_t *object = json_object_get(row, key);

    if (!json_is_object(object)) {
        object = json_object();
        json_object_set_new(row, key, object);
    }
    return object;
}

/* Sets KEY of OBJECT; true when it had another value. */
static bool set_member(json_t *object, const char *key, json_t *value) {
    bool is_same = json_equal(json_object_get(object, key), value);

    if (is_same) {
        json_decref(value);
    } else {
        json_object_set_new(object, key, value);
    }
    return !is_same;
}

static bool describe_file(json_t *row, const struct image_file *file) {
    json_t *keys = json_object_get(row, "big-data-names");
    struct digest_hex hex = digest_hex(&file->digest);
    bool is_listed = false, is_changed;

    if (!json_is_array(keys)) {
        keys = json_array();
        json_object_set_new(row, "big-data-names", keys);
    }
    for (size_t i = 0; i < json_array_size(keys); i++) {
        is_listed |= strcmp(json_string_value(json_array_get(keys, i)), file->key) == 0;
    }
    if (!is_listed) {
        json_array_append_new(keys, json_string(file->key));
    }
    is_changed = set_member(member_object(row, "big-data-sizes"), file->key,
                            json_integer((json_int_t)file->content.len));
    is_changed |= set_member(member_object(row, "big-data-digests"), file->key,
                             json_sprintf("sha256:%s", hex.text));
    return is_changed || !is_listed;
}

/* `signatures-sizes` must say an empty list for a manifest without signatures; other members stay. */
static bool describe_signatures(json_t *row, const char *manifest_digest) {
    _cleanup_json_ json_t *metadata =
        json_parse(str_of(row_text(row, "metadata")), "image metadata", NULL);
    _cleanup_buf_ struct buf text = BUF_INIT;

    if (!json_is_object(metadata)) {
        json_decref(metadata);
        metadata = json_object();
    }
    if (json_object_get(member_object(metadata, "signatures-sizes"), manifest_digest)) {
        return false;
    }
    json_object_set_new(json_object_get(metadata, "signatures-sizes"), manifest_digest,
                        json_array());
    json_write(&text, metadata);
    json_object_set_new(row, "metadata", json_string(text.data));
    return true;
}

/* Of an image that was pulled the manifest stays what the registry has. */
static int keeps_manifest(const struct image_files *files, bool is_new, bool *keeps,
                          struct error *error) {
    _cleanup_buf_ struct buf present = BUF_INIT;
    bool exists = false;

    if (!is_new && read_file(files, "manifest", &present, &exists, error) < 0) {
        return -1;
    }
    *keeps = exists && !has_same_layers(buf_str(&present), files->items[FILE_MANIFEST].content);
    return 0;
}

static int finish_file(const struct image_files *files, const struct image_file *file, json_t *row,
                       bool *is_changed, struct error *error) {
    _cleanup_buf_ struct buf present = BUF_INIT;
    bool exists = false;

    if (read_file(files, file->key, &present, &exists, error) < 0) {
        return -1;
    }
    if (!(exists && str_equal(buf_str(&present), file->content)) &&
        write_file(files, file, FS_SYNC, error) < 0) {
        return -1;
    }
    *is_changed |= describe_file(row, file);
    return 0;
}

int image_files_finish(const struct image_files *files, json_t *row, bool is_new, bool *is_changed,
                       struct error *error) {
    bool keeps = false, is_made;

    if (make_directory(files, &is_made, error) < 0 ||
        keeps_manifest(files, is_new, &keeps, error) < 0) {
        return -1;
    }
    if (keeps) {
        return finish_file(files, &files->items[FILE_CONFIG], row, is_changed, error);
    }
    for (size_t i = 0; i < IMAGE_FILE_COUNT; i++) {
        if (finish_file(files, &files->items[i], row, is_changed, error) < 0) {
            return -1;
        }
    }
    *is_changed |= set_member(row, "digest", json_string(files->manifest_digest));
    *is_changed |= describe_signatures(row, files->manifest_digest);
    return 0;
}
