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

/* A manifest whose config digest is 64 times C. */
static const char *manifest(struct layout *layout, char c) {
    char hex[65];
    memset(hex, c, 64);
    hex[64] = '\0';
    return blob(layout,
                arena_printf(&layout->arena, "{\"config\":{\"digest\":\"sha256:%s\"}}", hex));
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
    return arena_printf(&layout->arena, "{\"digest\":\"%s\"%s%s}", digest, platform, name);
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

/* The first digit of the config that is found, or '!' and the error's message in *WHY. */
static char find(struct layout *layout, const char *reference, char *why, size_t size) {
    struct error error = ERROR_INIT;
    struct digest config;
    if (oci_layout_find(layout->path, str_of(reference), like_amd64, NULL, &config, &error)) {
        snprintf(why, size, "%s", error.message);
        for (const struct error *cause = error.cause; cause; cause = cause->cause) {
            snprintf(why, size, "%s", cause->message);
        }
        error_clear(&error);
        return '!';
    }
    return digest_hex(&config).text[0];
}

static void test_tags_and_digests(void **state) {
    struct layout *layout = *state;
    char why[256];
    const char *first = manifest(layout, 'a'), *second = manifest(layout, 'b');
    write_text(
        layout, "index.json",
        list(layout, arena_printf(&layout->arena, "%s,%s", descriptor(layout, first, "v1", NULL),
                                  descriptor(layout, second, "v2", NULL))));
    assert_int_equal('a', find(layout, "v1", why, sizeof(why)));
    assert_int_equal('b', find(layout, "v2", why, sizeof(why)));
    assert_int_equal('b', find(layout, second, why, sizeof(why)));
    assert_int_equal('!', find(layout, "v3", why, sizeof(why)));
    assert_non_null(strstr(why, "has no image v3"));
}

static void test_platforms(void **state) {
    struct layout *layout = *state;
    char why[256];
    const char *index = blob(
        layout,
        list(layout, arena_printf(&layout->arena, "%s,%s,%s,%s",
                                  descriptor(layout, manifest(layout, 'a'), NULL, "s390x"),
                                  descriptor(layout, manifest(layout, 'b'), NULL, "386"),
                                  descriptor(layout, manifest(layout, 'c'), NULL, "amd64"),
                                  descriptor(layout, manifest(layout, 'd'), NULL, "unknown"))));
    write_text(layout, "index.json", list(layout, descriptor(layout, index, "v1", NULL)));
    assert_int_equal('c', find(layout, "v1", why, sizeof(why)));
    assert_int_equal('c', find(layout, "", why, sizeof(why)));
    write_text(layout, "index.json",
               list(layout, descriptor(layout, manifest(layout, 'a'), NULL, "s390x")));
    assert_int_equal('!', find(layout, "", why, sizeof(why)));
    assert_non_null(strstr(why, "no match for platform"));
}

static void test_hostile(void **state) {
    struct layout *layout = *state;
    char why[256];
    static const char *const indexes[] = {
        "",
        "[]",
        "{}",
        "{\"manifests\":[{}]}",
        "{\"manifests\":[{\"digest\":\"sha256:../../../../etc/passwd\"}]}",
        "{\"manifests\":[{\"digest\":5}]}",
        "{\"manifests\":[null,7]}",
        "{\"manifests\":[{\"digest\":\"sha256:00\"}]}",
    };
    for (size_t i = 0; i < sizeof(indexes) / sizeof(indexes[0]); i++) {
        write_text(layout, "index.json", indexes[i]);
        assert_int_equal('!', find(layout, "", why, sizeof(why)));
    }
    static const char nothing[] = "{\"manifests\":[{\"digest\":\"sha256:"
                                  "0000000000000000000000000000000000000000000000000000000000000000"
                                  "\"}]}";
    write_text(layout, "index.json", nothing);
    assert_int_equal('!', find(layout, "", why, sizeof(why)));
    /* An index in an index, and so on. */
    const char *digest = manifest(layout, 'a');
    for (int depth = 0; depth < 6; depth++) {
        write_text(layout, "index.json", list(layout, descriptor(layout, digest, NULL, NULL)));
        assert_int_equal(depth < 4 ? 'a' : '!', find(layout, "", why, sizeof(why)));
        digest = blob(layout, list(layout, descriptor(layout, digest, NULL, NULL)));
    }
    /* A blob that is not what it is called. */
    digest = manifest(layout, 'b');
    write_text(layout, arena_printf(&layout->arena, "blobs/sha256/%s", digest + 7), "{}");
    write_text(layout, "index.json", list(layout, descriptor(layout, digest, NULL, NULL)));
    assert_int_equal('!', find(layout, "", why, sizeof(why)));
    assert_non_null(strstr(why, "a blob is not what its digest says"));
    /* A pipe in its place is not waited for. */
    char *index = arena_printf(&layout->arena, "%s/index.json", layout->path);
    assert_int_equal(0, unlink(index));
    assert_int_equal(0, mkfifo(index, 0600));
    assert_int_equal('!', find(layout, "", why, sizeof(why)));
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
        cmocka_unit_test_setup_teardown(test_hostile, begin, end),
        cmocka_unit_test(test_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
