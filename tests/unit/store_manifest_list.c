/* manifest_list: which image of a list is taken, and what is said when there is none. */
#include "store/big_data.h"
#include "store/manifest_list.h"
#include "tests/unit/store_fixture.h"

#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "sha256:cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
#define FOR(digest, os, architecture)                                                              \
    "{\"digest\":\"" digest "\",\"platform\":{\"os\":\"" os "\",\"architecture\":\"" architecture  \
    "\"}}"

/* one is liked best, two less; the context counts the questions. */
static unsigned rank(void *context, struct str os, struct str architecture, struct str variant) {
    ++*(unsigned *)context;
    (void)variant;
    return !str_equal_c(os, "linux")          ? 0
           : str_equal_c(architecture, "one") ? 1
           : str_equal_c(architecture, "two") ? 2
                                              : 0;
}

static const struct {
    const char *manifest; /* of the image that is asked about, which is item 0; NULL: it has none */
    int chosen;           /* -1: an error, with MESSAGE and HINT in it */
    const char *message, *hint;
} cases[] = {
    { NULL, 0, NULL, NULL },
    { "{\"config\":{},\"layers\":[]}", 0, NULL, NULL },
    { "{\"manifests\":[" FOR(A, "linux", "one") "]}", 1, NULL, NULL },
    { "{\"manifests\":[" FOR(A, "linux", "two") "," FOR(B, "linux", "one") "]}", 2, NULL, NULL },
    { "{\"manifests\":[" FOR(B, "linux", "one") "," FOR(A, "linux", "one") "]}", 2, NULL, NULL },
    { "{\"manifests\":[{\"digest\":\"" A "\"}," FOR(B, "linux", "two") "]}", 2, NULL, NULL },
    { "{\"manifests\":[{\"digest\":\"" A "\"}," FOR(B, "x", "one") "]}", 1, NULL, NULL },
    { "{\"manifests\":[" FOR(A, "x", "one") "," FOR(B, "linux", "s390x") "]}", -1,
      "the manifest list app has no image for platform linux/one", "x/one, linux/s390x" },
    { "{\"manifests\":[]}", -1, "has no image for", "it is empty" },
    { "{\"manifests\":null}", -1, "has no image for", "it is empty" },
    { "{\"manifests\":[" FOR(C, "linux", "one") "," FOR(A, "linux", "two") "]}", -1,
      "the image for linux/one of the manifest list app is not in the store: " C, "podman pull" },
    { "{\"manifests\":[" FOR("../..", "linux", "one") "]}", -1, "is not in the store", "" },
    { "{\"manifests\":[7,\"x\",{\"platform\":7}]}", -1, "is not in the store", "" },
    { "{\"manifests\":[],\"layers\":[]}", -1, "an image and a list at once", "" },
    { "{", -1, "manifest", NULL },
};

static void write_manifest(const char *directory, const char *text) {
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_free_ char *path = xasprintf("%s/manifest", directory);

    unlink(path);
    if (text) {
        assert_ok(fs_write_atomic(AT_FDCWD, path, text, strlen(text), 0600, FS_NO_SYNC, &error),
                  &error);
    }
}

static void test_instances(void **state) {
    const struct fixture *fixture = *state;
    struct image items[] = {
        /* The digest of a list's row is that of another time. */
        { .id = STR("list"), .digest = STR(C), .directory = fixture->directory },
        { .id = STR("a"), .digest = STR(A), .layer = STR("1"), .directory = "/nowhere" },
        { .id = STR("b"), .digest = STR(B), .layer = STR("2"), .directory = "/nowhere" },
    };
    const struct image_list images = { items, sizeof(items) / sizeof(items[0]) };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_error_ struct error error = ERROR_INIT;
        unsigned asked = 0;
        const struct manifest_list_wish wish = { rank, &asked, STR("linux/one") };
        const struct image *image = NULL;
        int status;

        write_manifest(fixture->directory, cases[i].manifest);
        status = manifest_list_resolve(&images, &items[0], STR("app"), &wish, &image, &error);
        if (cases[i].chosen >= 0) {
            assert_ok(status, &error);
            assert_ptr_equal(image, &items[cases[i].chosen]);
            continue;
        }
        assert_int_equal(status, -1);
        if (!strstr(error.message, cases[i].message) ||
            (cases[i].hint && (!error.hint || !strstr(error.hint, cases[i].hint)))) {
            fail_msg("%s: %s (%s)", cases[i].manifest, error.message,
                     error.hint ? error.hint : "no hint");
        }
    }
}

static void test_what_has_a_layer_is_not_looked_at(void **state) {
    const struct fixture *fixture = *state;
    struct image item = { .layer = STR("1"), .directory = fixture->directory };
    const struct image_list images = { &item, 1 };
    const struct manifest_list_wish wish = { rank, NULL, STR_EMPTY };
    const struct image *image = NULL;

    write_manifest(fixture->directory, "{");
    assert_int_equal(manifest_list_resolve(&images, &item, STR("app"), &wish, &image, NULL), 0);
    assert_ptr_equal(image, &item);
}

/* As of one that was pulled through a list: its row has the list's digest, and keeps both manifests by theirs. */
static void test_by_a_kept_manifest(void **state) {
    const struct fixture *fixture = *state;
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    const char *other = arena_printf(&arena, "%s/other", fixture->directory);
    const char *kept = arena_printf(&arena, "%s/%s", other, big_data_file("manifest-" A, &arena));
    struct image items[] = { { .directory = fixture->directory },
                             { .digest = STR(B), .layer = STR("1"), .directory = other } };
    const struct image_list images = { items, 2 };
    unsigned asked = 0;
    const struct manifest_list_wish wish = { rank, &asked, STR_EMPTY };
    const struct image *image = NULL;

    write_manifest(fixture->directory, "{\"manifests\":[" FOR(A, "linux", "one") "]}");
    assert_ok(fs_make_directories(AT_FDCWD, other, 0700, &error), &error);
    assert_ok(fs_write_atomic(AT_FDCWD, kept, "{}", 2, 0600, FS_NO_SYNC, &error), &error);
    assert_ok(manifest_list_resolve(&images, &items[0], STR("app"), &wish, &image, &error), &error);
    assert_ptr_equal(image, &items[1]);
    assert_int_equal(asked, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_instances, fixture_bare, fixture_end),
        cmocka_unit_test_setup_teardown(test_what_has_a_layer_is_not_looked_at, fixture_bare,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(test_by_a_kept_manifest, fixture_bare, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
