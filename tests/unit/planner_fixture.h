/* A store, a cache and a build context in a temporary directory, and a stand-in for the executor. */
#ifndef BUD_TESTS_PLANNER_FIXTURE_H
#define BUD_TESTS_PLANNER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/time.h"
#include "base/vec.h"
#include "parser/parser.h"
#include "planner/lookup.h"
#include "planner/planner.h"
#include "store/layer_stream.h"
#include "store/publish.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct fixture {
    char directory[32];
    struct store *store;
    struct cache *cache;
    struct arena arena;
    const char *context;
    struct plan_request request; /* what tests change before planning */
    struct dockerfile *dockerfile;
    unsigned snapshots;
};

#define assert_ok(expression, error)                                                               \
    do {                                                                                           \
        if ((expression) < 0) {                                                                    \
            fail_msg("%s: %s", #expression, (error)->message);                                     \
        }                                                                                          \
    } while (0)

static inline void fixture_open_cache(struct fixture *fixture) {
    _cleanup_error_ struct error error = ERROR_INIT;
    assert_ok(cache_open(fixture->store, CACHE_WRITE, &fixture->cache, &error), &error);
}

static inline int fixture_begin(void **state) {
    struct fixture *fixture = xcalloc(1, sizeof(*fixture));
    strcpy(fixture->directory, access("/dev/shm", W_OK) == 0 ? "/dev/shm/bud-planner-XXXXXX"
                                                             : "/tmp/bud-planner-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    setenv("CONTAINERS_STORAGE_CONF", "/dev/null", 1);
    unsetenv("STORAGE_DRIVER");
    unsetenv("STORAGE_OPTS");
    struct arena *arena = &fixture->arena;
    struct store_options options = {
        .root = arena_printf(arena, "%s/root", fixture->directory),
        .run_root = arena_printf(arena, "%s/run", fixture->directory),
        .driver = "overlay",
    };
    _cleanup_error_ struct error error = ERROR_INIT;
    assert_ok(store_open(&options, STORE_WRITE, &fixture->store, &error), &error);
    fixture->context = arena_printf(arena, "%s/context", fixture->directory);
    assert_int_equal(0, mkdir(fixture->context, 0755));
    fixture_open_cache(fixture);
    fixture->request.context = fixture->context;
    fixture->request.is_layers = true;
    fixture->request.run.network = NETWORK_HOST;
    *state = fixture;
    return 0;
}

static inline int fixture_end(void **state) {
    struct fixture *fixture = *state;
    cache_close(fixture->cache);
    store_close(fixture->store);
    fs_remove_tree(AT_FDCWD, fixture->directory, NULL);
    arena_free(&fixture->arena);
    free(fixture);
    return 0;
}

static inline char *fixture_path(struct fixture *fixture, const char *relative) {
    return arena_printf(&fixture->arena, "%s/%s", fixture->context, relative);
}

/* A file of the context; directories are made. A name that ends in '/' is a directory. */
static inline void fixture_file(struct fixture *fixture, const char *relative, const char *text) {
    _cleanup_error_ struct error error = ERROR_INIT;
    char *path = fixture_path(fixture, relative);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    assert_ok(fs_make_directories(AT_FDCWD, path, 0755, &error), &error);
    *slash = '/';
    if (slash[1] == '\0') {
        return;
    }
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    assert_int_equal(0, fclose(file));
    assert_int_equal(0, chmod(path, 0644));
}

/* Files younger than a tick of the kernel's clock are not believed; tests that count on the index wait. */
static inline void fixture_age(void) {
    usleep(25000);
}

static inline void fixture_image(struct fixture *fixture, const char *name, const char *config) {
    _cleanup_error_ struct error error = ERROR_INIT;
    const char *names[] = { arena_printf(&fixture->arena, "localhost/%s:latest", name), NULL };
    struct image_draft draft = {
        .config = str_of(config),
        .manifest = STR("{\"schemaVersion\":2,\"config\":{},\"layers\":[]}"),
        .names = names,
    };
    struct digest_hex id;
    assert_ok(publish_image(fixture->store, &draft, &id, &error), &error);
}

/* An image with one layer, which holds etc/passwd. */
static inline void fixture_layer_image(struct fixture *fixture, const char *name) {
    _cleanup_error_ struct error error = ERROR_INIT;
    struct arena *arena = &fixture->arena;
    char id[SNAPSHOT_ID_LEN + 1];
    memset(id, 'i', SNAPSHOT_ID_LEN);
    id[SNAPSHOT_ID_LEN] = '\0';
    const char *directory = arena_printf(arena, "%s/bud/snapshots/%s", fixture->store->root, id);
    const char *etc = arena_printf(arena, "%s/diff/etc", directory);
    assert_ok(fs_make_directories(AT_FDCWD, etc, 0755, &error), &error);
    assert_ok(fs_write_atomic(AT_FDCWD, arena_printf(arena, "%s/passwd", etc), "root", 4, 0644,
                              FS_NO_SYNC, &error),
              &error);
    _cleanup_fd_ int diff =
        fs_open(arena_printf(arena, "%s/diff", directory), O_RDONLY | O_DIRECTORY, 0, &error);
    struct layer_stream_options options = {
        .tar_split = arena_printf(arena, "%s/tar-split.gz", directory),
        .tar = -1,
    };
    struct cache_layer layer;
    assert_ok(layer_stream_digest(diff, &options, arena, NULL, &layer, &error), &error);
    struct layer_draft layers[] = { {
        .snapshot = id,
        .diff_id = layer.diff_id,
        .diff_size = layer.diff_size,
        .uids = layer.uids,
        .uid_count = layer.uid_count,
        .gids = layer.gids,
        .gid_count = layer.gid_count,
    } };
    const char *names[] = { arena_printf(arena, "localhost/%s:latest", name), NULL };
    struct image_draft draft = {
        .layers = layers,
        .layer_count = 1,
        .config = str_printf(
            arena,
            "{\"architecture\":\"amd64\",\"config\":{\"Labels\":{\"name\":\"%s\"}},"
            "\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:%s\"]}}",
            name, digest_hex(&layer.diff_id).text),
        .manifest = STR("{\"schemaVersion\":2,\"config\":{},\"layers\":[]}"),
        .names = names,
    };
    struct digest_hex image;
    assert_ok(publish_image(fixture->store, &draft, &image, &error), &error);
}

/* The error stays with the caller. The source is an exact-size copy: sanitizers see reads behind it. */
static inline int fixture_plan(struct fixture *fixture, const char *text, struct plan **out,
                               struct error *error) {
    struct str source = { arena_memdup(&fixture->arena, text, strlen(text)), strlen(text) };
    *out = NULL;
    if (parser_parse(source, "Dockerfile", &fixture->arena, &fixture->dockerfile, error)) {
        return -1;
    }
    fixture->request.dockerfile = fixture->dockerfile;
    return planner_plan(&fixture->request, fixture->store, fixture->cache, out, error);
}

static inline void fixture_build_arg(struct fixture *fixture, const char *pair) {
    struct str value = str_of(pair);
    struct str name;
    str_split(&value, '=', &name);
    name_values_set(&fixture->request.build_args, &fixture->arena, name, value);
}

/* "A=1 B=2" */
static inline void fixture_build_args(struct fixture *fixture, const char *pairs) {
    fixture->request.build_args = (struct name_values){ 0 };
    struct str rest = str_of(pairs);
    struct str pair;
    while (pairs && str_split(&rest, ' ', &pair)) {
        fixture_build_arg(fixture, str_dup(&fixture->arena, pair));
    }
}

#endif
