#include "store/check_files.h"

#include "base/digest.h"
#include "base/fs.h"
#include "base/vec.h"
#include "store/big_data.h"
#include "store/layer_dir.h"
#include "store/tar_split.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define TEXT_LIMIT ((size_t)1 << 20)
#define BLOB_LIMIT ((size_t)64 << 20)

/* The file's text with no end of line taken off; false when it cannot be read. */
static bool read_text(struct check *check, const char *path, size_t limit, struct str *out) {
    _cleanup_buf_ struct buf text = BUF_INIT;

    if (fs_read_file(check->store->root_fd, path, limit, &text, NULL) < 0) {
        return false;
    }
    *out = str_copy(&check->arena, buf_str(&text));
    return true;
}

/* ---- layers ---- */

/* `lower` of the layer as its parent's files demand it; "" for a base. */
static struct str expected_lower(struct check *check, const char *parent) {
    const char *root = parent[0] ? layer_dir_root(check->store, parent) : NULL;
    struct str link, lower;

    if (!root) {
        return STR_EMPTY;
    }
    if (!read_text(check, arena_printf(&check->arena, "%s/overlay/%s/link", root, parent),
                   TEXT_LIMIT, &link)) {
        return STR_EMPTY;
    }
    if (!read_text(check, arena_printf(&check->arena, "%s/overlay/%s/lower", root, parent),
                   TEXT_LIMIT, &lower)) {
        return str_printf(&check->arena, "l/%.*s", STR_ARG(link));
    }
    return str_printf(&check->arena, "l/%.*s:%.*s", STR_ARG(link), STR_ARG(lower));
}

static size_t count_lowers(struct str lower) {
    size_t count = 0;
    struct str one;

    while (lower.len > 0 && str_split(&lower, ':', &one)) {
        count++;
    }
    return count;
}

static void check_link(struct check *check, const char *id) {
    const char *path = arena_printf(&check->arena, "overlay/%s/link", id);
    char target[128] = "";
    struct str link;

    if (!read_text(check, path, TEXT_LIMIT, &link)) {
        check_finding(check, "I2", "layer %s has no link file", id);
        return;
    }
    path = arena_printf(&check->arena, "overlay/l/%.*s", STR_ARG(link));
    if (str_find_byte(link, '/') != SIZE_MAX ||
        readlinkat(check->store->root_fd, path, target, sizeof(target) - 1) < 0 ||
        strcmp(target, arena_printf(&check->arena, "../%s/diff", id)) != 0) {
        check_finding(check, "I2", "layer %s: %s does not lead to it", id, path);
    }
}

static void check_overlay(struct check *check, const char *id, const char *parent) {
    struct str expected = expected_lower(check, parent);
    struct str lower = STR_EMPTY;

    check_link(check, id);
    read_text(check, arena_printf(&check->arena, "overlay/%s/lower", id), TEXT_LIMIT, &lower);
    if (!str_equal(lower, expected)) {
        check_finding(check, "I2", "layer %s: `lower` is not its parent's link and lowers", id);
    }
    if (count_lowers(lower) > LAYER_DIR_MAX_LOWERS) {
        check_finding(check, "I10", "layer %s has %zu lowers, more than %d", id,
                      count_lowers(lower), LAYER_DIR_MAX_LOWERS);
    }
}

struct assembly {
    struct hasher hasher;
    int64_t size;
};

static int assembly_take(void *context, const void *data, size_t len, struct error *error) {
    struct assembly *assembly = context;

    (void)error;
    hasher_update(&assembly->hasher, data, len);
    assembly->size += (int64_t)len;
    return 0;
}

static bool digest_is(const struct digest *digest, const char *text) {
    struct digest expected;

    return digest_parse(str_of(text), &expected) && digest_equal(digest, &expected);
}

/* I3 in full: the tar, put together again, is the blob the row promises. */
static void check_blob(struct check *check, const json_t *row, int log, const char *path) {
    const char *id = row_text(row, "id");
    _cleanup_free_ char *contents = layer_dir_contents(check->store, check->store->root, id);
    _cleanup_fd_ int diff = open(contents, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_error_ struct error error = ERROR_INIT;
    struct assembly assembly = { .size = 0 };
    struct digest digest;

    hasher_init(&assembly.hasher);
    if (diff < 0 || tar_split_assemble(log, path, &diff, 1, assembly_take, &assembly, &error) < 0) {
        check_finding(check, "I3", "layer %s: %s", id,
                      diff < 0 ? "its contents cannot be opened" : error.message);
        return;
    }
    digest = hasher_finish(&assembly.hasher);
    if (!digest_is(&digest, row_text(row, "diff-digest"))) {
        check_finding(check, "I3", "layer %s: its tar has the digest sha256:%s, not %s", id,
                      digest_hex(&digest).text, row_text(row, "diff-digest"));
    }
    if (assembly.size != json_integer_value(json_object_get(row, "diff-size"))) {
        check_finding(check, "I3", "layer %s: its tar has %lld bytes, not %lld", id,
                      (long long)assembly.size,
                      (long long)json_integer_value(json_object_get(row, "diff-size")));
    }
}

static void check_tar_split(struct check *check, const json_t *row, bool is_deep) {
    const char *id = row_text(row, "id");
    const char *path =
        arena_printf(&check->arena, "%s-layers/%s.tar-split.gz", check->store->driver_name, id);
    _cleanup_fd_ int log = openat(check->store->root_fd, path, O_RDONLY | O_CLOEXEC);

    if (row_text(row, "diff-digest")[0] == '\0') {
        return;
    }
    if (log < 0) {
        check_finding(check, "I3", "layer %s has no tar-split log", id);
    } else if (is_deep) {
        check_blob(check, row, log, path);
    }
}

/* I9: a kernel overlay's layers hold no AUFS whiteouts; one would turn the store over to fuse-overlayfs. */
static int check_whiteouts(struct check *check, const char *id, struct error *error) {
    VEC(const char *) todo = VEC_INIT;
    _cleanup_free_ char *contents = layer_dir_contents(check->store, check->store->root, id);
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    int result = 0;

    vec_push(&todo, arena_strdup(&arena, contents));
    while (todo.count > 0 && result == 0) {
        const char *path = todo.items[--todo.count];
        _cleanup_fd_ int directory = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct str *names;
        size_t count = 0;

        result = directory < 0 ? error_system(error, "cannot open %s", path)
                               : fs_list(directory, &arena, &names, &count, error);
        for (size_t i = 0; result == 0 && i < count; i++) {
            struct stat st;

            if (str_has_prefix(names[i], STR(".wh."))) {
                check_finding(check, "I9", "layer %s holds %s/%.*s", id, path, STR_ARG(names[i]));
            }
            if (fstatat(directory, names[i].data, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                S_ISDIR(st.st_mode)) {
                vec_push(&todo, arena_printf(&arena, "%s/%s", path, names[i].data));
            }
        }
    }
    vec_free(&todo);
    return result;
}

int check_layer_files(struct check *check, const json_t *row, bool is_deep, struct error *error) {
    const char *id = row_text(row, "id");
    _cleanup_free_ char *contents = layer_dir_contents(check->store, check->store->root, id);

    if (access(contents, F_OK) < 0) {
        check_finding(check, "I2", "layer %s: %s does not exist", id, contents);
        return 0;
    }
    if (check->store->driver == STORE_OVERLAY) {
        check_overlay(check, id, row_text(row, "parent"));
    }
    check_tar_split(check, row, is_deep);
    return is_deep && check->store->driver == STORE_OVERLAY ? check_whiteouts(check, id, error) : 0;
}

/* ---- images ---- */

static void check_big_data_file(struct check *check, const json_t *row, const char *key) {
    const char *id = row_text(row, "id");
    const char *file = big_data_file(key, &check->arena);
    const json_t *size = json_object_get(json_object_get(row, "big-data-sizes"), key);
    const char *digest = row_text(json_object_get(row, "big-data-digests"), key);
    const char *path =
        arena_printf(&check->arena, "%s-images/%s/%s", check->store->driver_name, id, file);
    struct digest actual;
    struct str blob;

    if (strchr(file, '/') || !read_text(check, path, BLOB_LIMIT, &blob)) {
        check_finding(check, "I5", "image %s: `%s` cannot be read", id, key);
        return;
    }
    actual = digest_of(blob.data, blob.len);
    if (size && json_integer_value(size) != (json_int_t)blob.len) {
        check_finding(check, "I5", "image %s: `%s` has %zu bytes, not %lld", id, key, blob.len,
                      (long long)json_integer_value(size));
    }
    if (digest[0] && !digest_is(&actual, digest)) {
        check_finding(check, "I5", "image %s: `%s` has not the digest %s", id, key, digest);
    }
    if (strncmp(key, "sha256:", 7) == 0 && !digest_is(&actual, key)) {
        check_finding(check, "I5", "image %s: `%s` is another config", id, key);
    }
}

/* The manifest and the files it stands for: `manifest-DIGEST` has the same bytes, and the ID is the config's. */
static void check_manifest(struct check *check, const json_t *row) {
    const char *id = row_text(row, "id");
    const json_t *digests = json_object_get(row, "big-data-digests");
    const char *manifest = row_text(digests, "manifest");
    const char *key = arena_printf(&check->arena, "manifest-%s", row_text(row, "digest"));
    const char *same = row_text(digests, key);

    if (same[0] && manifest[0] && strcmp(same, row_text(row, "digest")) != 0) {
        check_finding(check, "I5", "image %s: `%s` is another manifest", id, key);
    }
    /* A list of images, or an artifact, has no layer and a random ID; so may one with layers known by their contents
     * tables. */
    if (row_text(row, "layer")[0] &&
        !json_object_get(digests, arena_printf(&check->arena, "sha256:%s", id)) &&
        !row_text(check_layer_row(check, row_text(row, "layer")), "toc-digest")[0]) {
        check_finding(check, "I4", "image %s has no config with this digest", id);
    }
}

void check_images(struct check *check) {
    FOR_EACH_ROW(&check->tables[TABLE_IMAGES], i, row) {
        const json_t *keys = row_list(row, "big-data-names");

        for (size_t k = 0; k < json_array_size(keys); k++) {
            check_big_data_file(check, row, json_string_value(json_array_get(keys, k)));
        }
        check_manifest(check, row);
    }
}

/* ---- the driver's directory ---- */

static bool is_known_name(const struct check *check, struct str name) {
    static const char *const known[] = { "l",        "staging",
                                         "tempdirs", ".has-mount-program",
                                         "dir",      "backingFsBlockDev" };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (str_equal_c(name, known[i])) {
            return true;
        }
    }
    return check_layer_row(check, name.data) != NULL;
}

static int check_directory(struct check *check, const char *path, struct error *error) {
    _cleanup_fd_ int directory =
        openat(check->store->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct str *names;
    size_t count;

    if (directory < 0) {
        return errno == ENOENT ? 0 : error_system(error, "cannot open %s", path);
    }
    if (fs_list(directory, &check->arena, &names, &count, error) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_known_name(check, names[i])) {
            check_finding(check, "I9", "%s/%.*s belongs to no layer", path, STR_ARG(names[i]));
        }
    }
    return 0;
}

static int check_links(struct check *check, struct error *error) {
    _cleanup_fd_ int directory =
        openat(check->store->root_fd, "overlay/l", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct str *names;
    size_t count;

    if (directory < 0) {
        return 0;
    }
    if (fs_list(directory, &check->arena, &names, &count, error) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct stat st;

        if (fstatat(directory, names[i].data, &st, 0) < 0) {
            check_finding(check, "I9", "overlay/l/%.*s leads nowhere", STR_ARG(names[i]));
        }
    }
    return 0;
}

int check_home(struct check *check, struct error *error) {
    if (check->store->driver == STORE_VFS) {
        return check_directory(check, "vfs/dir", error);
    }
    return check_directory(check, "overlay", error) < 0 ? -1 : check_links(check, error);
}
