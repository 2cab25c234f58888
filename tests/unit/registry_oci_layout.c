/* Which image of an OCI layout is meant, and what a layout cannot make of us. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fs.h"
#include "registry/oci_layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct layout {
    char path[32];
    struct arena arena;
};

static int begin(void **state) {
    struct layout *layout = xcalloc(1, sizeof(*layout));
    strcpy(layout->path, "/tmp/bud-layout-XXXXXX");
    assert_non_null(mkdtemp(layout->path));
    char *blobs = arena_printf(&layout->arena, "%s/blobs/sha256", layout->path);
    assert_int_equal(0, fs_make_directories(AT_FDCWD, blobs, 0755, NULL));
    *state = layout;
    return 0;
}

static int end(void **state) {
    struct layout *layout = *state;
    fs_remove_tree(AT_FDCWD, layout->path, NULL);
    arena_free(&layout->arena);
    free(layout);
    return 0;
}

static void write_text(struct layout *layout, const char *name, const char *text) {
    char *path = arena_printf(&layout->arena, "%s/%s", layout->path, name);
    assert_int_equal(0,
                     fs_write_atomic(AT_FDCWD, path, text, strlen(text), 0644, FS_NO_SYNC, NULL));
}

/* Keeps TEXT as a blob; its digest, "sha256:…". */
static const char *blob(struct layout *layout, const char *text) {
    struct digest digest = digest_of(text, strlen(text));
    struct digest_hex hex = digest_hex(&digest);
    write_text(layout, arena_printf(&layout->arena, "blobs/sha256/%s", hex.text), text);
    return arena_printf(&layout->arena, "sha256:%s", hex.text);
}

static const char *size_of(struct layout *layout, const char *digest) {
    char *path = arena_printf(&layout->arena, "%s/blobs/sha256/%s", layout->path, digest + 7);
    struct stat status;
    return stat(path, &status) < 0
               ? "7"
               : arena_printf(&layout->arena, "%lld", (long long)status.st_size);
}

#define CONFIG_TYPE "application/vnd.oci.image.config.v1+json"
#define LAYER_TYPE "application/vnd.oci.image.layer.v1.tar+gzip"
#define ID(C) "sha256:" C C C C C C C C C C C C C C C C C C C C C C C C C C C C C C C C
#define DIFF_ID "\"" ID("0a") "\""
#define LAYER "{\"mediaType\":\"" LAYER_TYPE "\",\"digest\":\"" ID("0b") "\",\"size\":5}"

/* A manifest with these members of config and list of layers. */
static const char *manifest_of(struct layout *layout, const char *config, const char *diff_ids,
                               const char *config_type, const char *layers) {
    const char *digest = blob(
        layout, arena_printf(&layout->arena, "{\"author\":\"%s\",\"rootfs\":{\"diff_ids\":[%s]}}",
                             config, diff_ids));
    return blob(layout, arena_printf(&layout->arena,
                                     "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"%s\","
                                     "\"digest\":\"%s\",\"size\":%s},\"layers\":[%s]}",
                                     config_type, digest, size_of(layout, digest), layers));
}

/* A manifest of an image whose author is C. */
static const char *manifest(struct layout *layout, char c) {
    return manifest_of(layout, (const char[]){ c, '\0' }, DIFF_ID, CONFIG_TYPE, LAYER);
}

static const char *descriptor(struct layout *layout, const char *digest, const char *tag,
                              const char *architecture) {
    const char *platform =
        architecture
            ? arena_printf(&layout->arena,
                           ",\"platform\":{\"os\":\"linux\",\"architecture\":\"%s\"}", architecture)
            : "";
    const char *name =
        tag ? arena_printf(&layout->arena,
                           ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"%s\"}", tag)
            : "";
    return arena_printf(&layout->arena, "{\"digest\":\"%s\",\"size\":%s%s%s}", digest,
                        size_of(layout, digest), platform, name);
}

static const char *list(struct layout *layout, const char *descriptors) {
    return arena_printf(&layout->arena, "{\"manifests\":[%s]}", descriptors);
}

static unsigned like_amd64(void *context, struct str os, struct str architecture,
                           struct str variant) {
    (void)context;
    (void)os;
    (void)variant;
    return str_equal_c(architecture, "amd64") ? 1 : str_equal_c(architecture, "386") ? 2 : 0;
}

/* The author of the image that is found, or '!' and the last cause and the hint in WHY. */
static char find(struct layout *layout, const char *reference, char *why, size_t size) {
    struct error error = ERROR_INIT;
    struct oci_image image;
    if (oci_layout_read(layout->path, str_of(reference), like_amd64, NULL, &layout->arena, &image,
                        &error)) {
        const struct error *last = &error;
        while (last->cause) {
            last = last->cause;
        }
        snprintf(why, size, "%s (%s)", last->message, last->hint ? last->hint : "");
        error_clear(&error);
        return '!';
    }
    assert_int_equal(1, image.layer_count);
    assert_int_equal(5, image.layers[0].size);
    assert_int_equal(0x0b, image.layers[0].digest.bytes[31]);
    assert_int_equal(0x0a, image.layers[0].diff_id.bytes[31]);
    struct digest id = digest_of(image.config.data, image.config.len);
    assert_true(digest_equal(&id, &image.id));
    return image.config.data[strlen("{\"author\":\"")];
}

static void write_index(struct layout *layout, const char *descriptors) {
    write_text(layout, "index.json", list(layout, descriptors));
}

static void test_tags_and_digests(void **state) {
    struct layout *layout = *state;
    char why[256];
    const char *first = manifest(layout, 'a'), *second = manifest(layout, 'b');
    const char *both = arena_printf(&layout->arena, "%s,%s", descriptor(layout, first, "v1", NULL),
                                    descriptor(layout, second, "v2", NULL));
    write_index(layout, both);
    assert_int_equal('a', find(layout, "v1", why, sizeof(why)));
    assert_int_equal('b', find(layout, "v2", why, sizeof(why)));
    assert_int_equal('b', find(layout, second, why, sizeof(why)));
    assert_int_equal('!', find(layout, "v22", why, sizeof(why)));
    assert_non_null(strstr(why, "has no image v22 (did you mean v2? There are v1, v2)"));
    assert_int_equal('!', find(layout, "other", why, sizeof(why)));
    assert_non_null(strstr(why, "(there are v1, v2)"));
    assert_int_equal('!', find(layout, ID("00"), why, sizeof(why)));
    assert_non_null(strstr(why, "has no image sha256:00"));
    assert_int_equal('!', find(layout, "sha256:00", why, sizeof(why)));
    assert_int_equal('!', find(layout, "md5:00", why, sizeof(why)));
    assert_int_equal('!', find(layout, "", why, sizeof(why)));
    assert_non_null(strstr(why, "several images and none is called latest (say which with :TAG; "
                                "there are v1, v2)"));
    const char *third = descriptor(layout, manifest(layout, 'c'), "latest", NULL);
    write_index(layout, arena_printf(&layout->arena, "%s,%s", both, third));
    assert_int_equal('c', find(layout, "", why, sizeof(why)));
    write_index(layout, descriptor(layout, first, "v1", NULL));
    assert_int_equal('a', find(layout, "", why, sizeof(why)));
    /* A second name of the same image is no second image. */
    write_index(layout, arena_printf(&layout->arena, "%s,%s", descriptor(layout, first, "x", NULL),
                                     descriptor(layout, first, "y", NULL)));
    assert_int_equal('a', find(layout, "", why, sizeof(why)));
    /* Nor is one without a name none. */
    const char *unnamed = descriptor(layout, second, NULL, NULL);
    write_index(layout, arena_printf(&layout->arena, "%s,%s", unnamed,
                                     descriptor(layout, first, "x", NULL)));
    assert_int_equal('!', find(layout, "", why, sizeof(why)));
    assert_non_null(strstr(why, "(say which with :TAG; there are x)"));
    write_index(layout, arena_printf(&layout->arena, "%s,%s", unnamed,
                                     descriptor(layout, first, NULL, NULL)));
    assert_int_equal('!', find(layout, "", why, sizeof(why)));
    assert_non_null(strstr(why, "(say which with @DIGEST"));
}

static void test_platforms(void **state) {
    struct layout *layout = *state;
    char why[256];
    const char *s390x = descriptor(layout, manifest(layout, 'a'), NULL, "s390x");
    const char *unknown = descriptor(layout, manifest(layout, 'd'), NULL, "unknown");
    const char *index = blob(
        layout, list(layout, arena_printf(&layout->arena, "%s,%s,%s,%s", s390x,
                                          descriptor(layout, manifest(layout, 'b'), NULL, "386"),
                                          descriptor(layout, manifest(layout, 'c'), NULL, "amd64"),
                                          unknown)));
    write_index(layout, descriptor(layout, index, "v1", NULL));
    assert_int_equal('c', find(layout, "v1", why, sizeof(why)));
    assert_int_equal('c', find(layout, "", why, sizeof(why)));
    assert_int_equal('c', find(layout, index, why, sizeof(why)));
    write_index(layout, s390x);
    assert_int_equal('!', find(layout, "", why, sizeof(why)));
    assert_non_null(strstr(why, "no match for platform"));
    assert_non_null(strstr(why, "there are linux/s390x"));
}

/* `skopeo copy --all` and `docker buildx` write indexes of indexes: the image may be in any. */
static void test_indexes_in_an_index(void **state) {
    struct layout *layout = *state;
    char why[256];
    struct arena *arena = &layout->arena;
    const char *s390x = descriptor(layout, manifest(layout, 'a'), NULL, "s390x");
    const char *arm = descriptor(layout, manifest(layout, 'b'), NULL, "arm");
    const char *i386 = descriptor(layout, manifest(layout, 'c'), NULL, "386");
    const char *amd64 = descriptor(layout, manifest(layout, 'd'), NULL, "amd64");
    const char *others = arena_printf(arena, "%s,%s", s390x, arm);
    const char *foreign = descriptor(layout, blob(layout, list(layout, others)), "v1", NULL);
    const char *older = descriptor(layout, blob(layout, list(layout, i386)), "v1", NULL);
    const char *ours = descriptor(layout, blob(layout, list(layout, amd64)), "v1", NULL);
    const char *deep =
        descriptor(layout, blob(layout, list(layout, arena_printf(arena, "%s,%s", foreign, ours))),
                   "v1", NULL);
    const char *missing = "{\"digest\":\"" ID("00") "\",\"size\":7}";
    const char *twice = descriptor(
        layout, blob(layout, list(layout, arena_printf(arena, "%s,%s", i386, amd64))), "v2", NULL);
    const struct {
        const char *first, *second, *reference;
        char found;
        const char *why;
    } rows[] = {
        { foreign, ours, "v1", 'd', NULL },
        { ours, foreign, "", 'd', NULL },
        { older, ours, "v1", 'd', NULL },
        { ours, older, "v1", 'd', NULL },
        { foreign, older, "v1", 'c', NULL },
        { foreign, deep, "v1", 'd', NULL },
        { missing, ours, "", 'd', NULL },
        { older, missing, "", 'c', NULL },
        { missing, foreign, "", '!', "No such file" },
        { foreign, s390x, "", '!',
          "(choose another --platform; there are linux/s390x, linux/arm)" },
        { foreign, ours, "v2", '!', "has no image v2 (did you mean v1?)" },
        { ours, twice, "v2", 'd', NULL },
        { ours, amd64, "", 'd', NULL }, /* the same image, by another way */
        { ours, descriptor(layout, manifest(layout, 'e'), NULL, "amd64"), "", '!',
          "has several images and none is called latest" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        write_index(layout, arena_printf(arena, "%s,%s", rows[i].first, rows[i].second));
        char found = find(layout, rows[i].reference, why, sizeof(why));
        if (found != rows[i].found || (rows[i].why && !strstr(why, rows[i].why))) {
            fail_msg("row %zu: %c %s", i, found, found == '!' ? why : "");
        }
    }
    struct buf many = BUF_INIT;
    for (int i = 0; i < 65; i++) {
        buf_printf(&many, "%s%s", i == 0 ? "" : ",", older);
    }
    write_index(layout, many.data);
    buf_free(&many);
    assert_int_equal('!', find(layout, "v1", why, sizeof(why)));
    assert_non_null(strstr(why, "too many indexes"));
}

static void test_hostile_indexes(void **state) {
    struct layout *layout = *state;
    char why[256];
    static const char *const indexes[] = {
        "",
        "[]",
        "{}",
        "{\"manifests\":[]}",
        "{\"manifests\":[{}]}",
        "{\"manifests\":[{\"digest\":\"sha256:../../../../etc/passwd\",\"size\":1}]}",
        "{\"manifests\":[{\"digest\":5,\"size\":1}]}",
        "{\"manifests\":[null,7]}",
        "{\"manifests\":[{\"digest\":\"sha256:00\",\"size\":1}]}",
        "{\"manifests\":[{\"digest\":\"" ID("00") "\",\"size\":1}]}",
        "{\"manifests\":[{\"digest\":\"" ID("00") "\",\"size\":-1}]}",
        "{\"manifests\":[{\"digest\":\"" ID("00") "\"}]}",
    };
    for (size_t i = 0; i < sizeof(indexes) / sizeof(indexes[0]); i++) {
        write_text(layout, "index.json", indexes[i]);
        assert_int_equal('!', find(layout, "", why, sizeof(why)));
    }
    /* An index in an index, and so on. */
    const char *digest = manifest(layout, 'a');
    for (int depth = 0; depth < 6; depth++) {
        write_index(layout, descriptor(layout, digest, NULL, NULL));
        assert_int_equal(depth < 4 ? 'a' : '!', find(layout, "", why, sizeof(why)));
        digest = blob(layout, list(layout, descriptor(layout, digest, NULL, NULL)));
    }
    assert_non_null(strstr(why, "lead to each other"));
    /* A pipe in its place is not waited for. */
    char *index = arena_printf(&layout->arena, "%s/index.json", layout->path);
    assert_int_equal(0, unlink(index));
    assert_int_equal(0, mkfifo(index, 0600));
    assert_int_equal('!', find(layout, "", why, sizeof(why)));
    assert_non_null(strstr(why, "no regular file"));
}

static void test_hostile_manifests(void **state) {
    struct layout *layout = *state;
    char why[256];
    static const struct {
        const char *diff_ids, *config_type, *layers, *why;
    } rows[] = {
        { DIFF_ID, "application/vnd.oci.empty.v1+json", LAYER, "the config has the type" },
        { DIFF_ID, "", LAYER, "the config has the type ''" },
        { DIFF_ID "," DIFF_ID, CONFIG_TYPE, LAYER, "manifest has 1 layers, the config 2" },
        { "", CONFIG_TYPE, LAYER, "manifest has 1 layers, the config 0" },
        { DIFF_ID, CONFIG_TYPE, "", "manifest has 0 layers, the config 1" },
        { "\"0a\"", CONFIG_TYPE, LAYER, "a diff ID that is no sha256 digest" },
        { "5", CONFIG_TYPE, LAYER, "a diff ID that is no sha256 digest" },
        { DIFF_ID, CONFIG_TYPE, "5", "a descriptor has no sha256 digest" },
        { DIFF_ID, CONFIG_TYPE, "{\"digest\":\"" ID("0b") "\",\"size\":5}",
          "a layer has the type ''" },
        { DIFF_ID, CONFIG_TYPE,
          "{\"mediaType\":\"" LAYER_TYPE "+encrypted\",\"digest\":\"" ID("0b") "\",\"size\":5}",
          "tar+gzip+encrypted'" },
        { DIFF_ID, CONFIG_TYPE, "],\"manifests\":[", "index and manifest at once" },
        { DIFF_ID, CONFIG_TYPE, "],\"schemaVersion\":[2", "duplicate" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *digest =
            manifest_of(layout, "x", rows[i].diff_ids, rows[i].config_type, rows[i].layers);
        write_index(layout, descriptor(layout, digest, NULL, NULL));
        assert_int_equal('!', find(layout, "", why, sizeof(why)));
        if (!strstr(why, rows[i].why)) {
            fail_msg("row %zu: %s", i, why);
        }
    }
    /* Blobs that are not what they are called, or longer. */
    const char *digest = manifest(layout, 'b'), *place = descriptor(layout, digest, NULL, NULL);
    char *path = arena_printf(&layout->arena, "blobs/sha256/%s", digest + 7);
    write_index(layout, place);
    write_text(layout, path, "{}");
    assert_int_equal('!', find(layout, "", why, sizeof(why)));
    assert_non_null(strstr(why, "another size than its descriptor says"));
    write_index(layout, descriptor(layout, digest, NULL, NULL));
    assert_int_equal('!', find(layout, "", why, sizeof(why)));
    assert_non_null(strstr(why, "a blob is not what its digest says"));
}

/* A link leads nowhere but in the layout. */
static void test_layers(void **state) {
    struct layout *layout = *state;
    struct error error = ERROR_INIT;
    char why[256];
    struct oci_image image;
    write_index(layout, descriptor(layout, manifest(layout, 'a'), NULL, NULL));
    assert_int_equal('a', find(layout, "", why, sizeof(why)));
    assert_int_equal(0, oci_layout_read(layout->path, STR_EMPTY, like_amd64, NULL, &layout->arena,
                                        &image, NULL));
    char *path = arena_printf(&layout->arena, "blobs/sha256/%s", &ID("0b")[7]);
    char *absolute = arena_printf(&layout->arena, "%s/%s", layout->path, path);
    assert_int_equal(-1, oci_layout_open_layer(&image, 0, NULL));
    assert_int_equal(0, symlink("/etc/passwd", absolute));
    assert_int_equal(-1, oci_layout_open_layer(&image, 0, NULL));
    assert_int_equal(0, unlink(absolute));
    write_text(layout, path, "123456");
    assert_int_equal(-1, oci_layout_open_layer(&image, 0, &error));
    assert_non_null(strstr(error.message, "has 6 bytes, and should have 5"));
    error_clear(&error);
    write_text(layout, path, "12345");
    _cleanup_fd_ int fd = oci_layout_open_layer(&image, 0, NULL);
    assert_true(fd >= 0);
}

static void test_split(void **state) {
    (void)state;
    static const struct {
        const char *text, *path, *reference;
    } rows[] = {
        { "/a/b", "/a/b", "" },
        { "/a/b:v1", "/a/b", "v1" },
        { "b:v1", "b", "v1" },
        { "/a:1/b", "/a:1/b", "" },
        { "/a/b@sha256:00", "/a/b", "sha256:00" },
        { "/a/b:v1@sha256:00", "/a/b", "sha256:00" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct str path, reference;
        oci_layout_split(str_of(rows[i].text), &path, &reference);
        assert_true(str_equal_c(path, rows[i].path));
        assert_true(str_equal_c(reference, rows[i].reference));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tags_and_digests, begin, end),
        cmocka_unit_test_setup_teardown(test_platforms, begin, end),
        cmocka_unit_test_setup_teardown(test_indexes_in_an_index, begin, end),
        cmocka_unit_test_setup_teardown(test_hostile_indexes, begin, end),
        cmocka_unit_test_setup_teardown(test_hostile_manifests, begin, end),
        cmocka_unit_test_setup_teardown(test_layers, begin, end),
        cmocka_unit_test(test_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
