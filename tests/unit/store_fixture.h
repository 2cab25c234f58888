/* A store in a temporary directory, and snapshots to publish in it. Wants root: layers have owners. */
#ifndef BUD_TESTS_STORE_FIXTURE_H
#define BUD_TESTS_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/digest.h"
#include "base/fs.h"
#include "store/layer_stream.h"
#include "store/publish.h"
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct fixture {
    char directory[32]; /* holds root/ and run/ */
    char root[48];
    char run_root[48];
    struct store *store;
    struct arena arena;
};

#define assert_ok(expression, error)                                                               \
    do {                                                                                           \
        if ((expression) < 0) {                                                                    \
            fail_msg("%s: %s", #expression, (error)->message);                                     \
        }                                                                                          \
    } while (0)

static inline struct store *fixture_open(const struct fixture *fixture, const char *driver,
                                         enum store_access access) {
    struct store_options options = { .root = fixture->root,
                                     .run_root = fixture->run_root,
                                     .driver = driver };
    _cleanup_error_ struct error error = ERROR_INIT;
    struct store *store = NULL;

    assert_ok(store_open(&options, access, &store, &error), &error);
    return store;
}

/* Without a store yet. */
static inline int fixture_bare(void **state) {
    struct fixture *fixture = xcalloc(1, sizeof(*fixture));

    /* In memory where that is possible: every image published is a syncfs(). */
    strcpy(fixture->directory,
           access("/dev/shm", W_OK) == 0 ? "/dev/shm/bud-store-XXXXXX" : "/tmp/bud-store-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    snprintf(fixture->root, sizeof(fixture->root), "%s/root", fixture->directory);
    snprintf(fixture->run_root, sizeof(fixture->run_root), "%s/run", fixture->directory);
    /* Whatever the machine's storage.conf says must not matter. */
    setenv("CONTAINERS_STORAGE_CONF", "/dev/null", 1);
    unsetenv("STORAGE_DRIVER");
    unsetenv("STORAGE_OPTS");
    *state = fixture;
    return 0;
}

static inline int fixture_overlay(void **state) {
    fixture_bare(state);
    ((struct fixture *)*state)->store = fixture_open(*state, "overlay", STORE_WRITE);
    return 0;
}

static inline int fixture_vfs(void **state) {
    fixture_bare(state);
    ((struct fixture *)*state)->store = fixture_open(*state, "vfs", STORE_WRITE);
    return 0;
}

static inline int fixture_end(void **state) {
    struct fixture *fixture = *state;

    store_close(fixture->store);
    arena_free(&fixture->arena);
    fs_remove_tree(AT_FDCWD, fixture->directory, NULL);
    free(fixture);
    return 0;
}

static inline char *fixture_path(struct fixture *fixture, const char *relative) {
    return arena_printf(&fixture->arena, "%s/%s", fixture->root, relative);
}

static inline void fixture_write(struct fixture *fixture, const char *relative, const char *text) {
    _cleanup_error_ struct error error = ERROR_INIT;

    assert_ok(fs_write_atomic(AT_FDCWD, fixture_path(fixture, relative), text, strlen(text), 0600,
                              FS_NO_SYNC, &error),
              &error);
}

static inline const char *fixture_read(struct fixture *fixture, const char *relative) {
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT;

    assert_ok(fs_read_file(AT_FDCWD, fixture_path(fixture, relative), SIZE_MAX / 2, &text, &error),
              &error);
    return str_dup(&fixture->arena, buf_str(&text));
}

static inline bool fixture_has(struct fixture *fixture, const char *relative) {
    return access(fixture_path(fixture, relative), F_OK) == 0;
}

/* NAME made as long as a snapshot's ID is. */
static inline char *fixture_snapshot_id(struct fixture *fixture, const char *name) {
    char *id = arena_alloc(&fixture->arena, SNAPSHOT_ID_LEN + 1);

    memset(id, 'x', SNAPSHOT_ID_LEN);
    memcpy(id, name, strlen(name));
    return id;
}

/* The empty diff directory of a new snapshot, relative to the root. */
static inline char *fixture_diff(struct fixture *fixture, const char *name) {
    _cleanup_error_ struct error error = ERROR_INIT;
    char *diff =
        arena_printf(&fixture->arena, "bud/snapshots/%s/diff", fixture_snapshot_id(fixture, name));

    assert_ok(fs_make_directories(AT_FDCWD, fixture_path(fixture, diff), 0755, &error), &error);
    assert_int_equal(0, chmod(fixture_path(fixture, diff), 0555));
    return diff;
}

/* The snapshot digested and with its tar-split log, as a finished build step leaves it. */
static inline struct layer_draft fixture_finish(struct fixture *fixture, const char *name) {
    _cleanup_error_ struct error error = ERROR_INIT;
    const char *id = fixture_snapshot_id(fixture, name);
    char *directory = fixture_path(fixture, arena_printf(&fixture->arena, "bud/snapshots/%s", id));
    _cleanup_fd_ int diff = fs_open(arena_printf(&fixture->arena, "%s/diff", directory),
                                    O_RDONLY | O_DIRECTORY, 0, &error);
    struct cache_layer layer;
    struct layer_stream_options options = {
        .tar_split = arena_printf(&fixture->arena, "%s/tar-split.gz", directory),
        .tar = -1,
    };

    assert_true(diff >= 0);
    assert_ok(layer_stream_digest(diff, &options, &fixture->arena, NULL, &layer, &error), &error);
    return (struct layer_draft){ .snapshot = id,
                                 .diff_id = layer.diff_id,
                                 .diff_size = layer.diff_size,
                                 .uids = layer.uids,
                                 .uid_count = layer.uid_count,
                                 .gids = layer.gids,
                                 .gid_count = layer.gid_count };
}

/* A snapshot of one file. */
static inline struct layer_draft fixture_snapshot(struct fixture *fixture, const char *name,
                                                  const char *file, const char *content) {
    const char *diff = fixture_diff(fixture, name);

    fixture_write(fixture, arena_printf(&fixture->arena, "%s/%s", diff, file), content);
    return fixture_finish(fixture, name);
}

/* Config and manifest of an image of these layers; LABEL makes images differ. */
static inline struct image_draft fixture_draft(struct fixture *fixture,
                                               const struct layer_draft *layers, size_t count,
                                               const char *label, const char *const *names) {
    _cleanup_buf_ struct buf config = BUF_INIT;
    _cleanup_buf_ struct buf manifest = BUF_INIT;
    _cleanup_buf_ struct buf diff_ids = BUF_INIT;
    _cleanup_buf_ struct buf blobs = BUF_INIT;
    _cleanup_buf_ struct buf history = BUF_INIT;
    struct digest digest;

    for (size_t i = 0; i < count; i++) {
        struct digest_hex hex = digest_hex(&layers[i].diff_id);
        const char *comma = i > 0 ? "," : "";

        buf_printf(&diff_ids, "%s\"sha256:%s\"", comma, hex.text);
        buf_printf(&history, "%s{\"created_by\":\"test\"}", comma);
        buf_printf(&blobs,
                   "%s{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\","
                   "\"digest\":\"sha256:%s\",\"size\":%llu}",
                   comma, hex.text, (unsigned long long)layers[i].diff_size);
    }
    buf_printf(&config,
               "{\"architecture\":\"amd64\",\"config\":{\"Env\":[\"PATH=/bin\"],\"Labels\":"
               "{\"x\":\"%s\"},\"Cmd\":[\"/sh\"]},\"created\":\"2024-01-02T03:04:05Z\","
               "\"history\":[%s],\"os\":\"linux\",\"rootfs\":{\"type\":\"layers\","
               "\"diff_ids\":[%s]}}",
               label, history.data, diff_ids.data);
    digest = digest_of(config.data, config.len);
    buf_printf(&manifest,
               "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
               "\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\","
               "\"digest\":\"sha256:%s\",\"size\":%zu},\"layers\":[%s]}",
               digest_hex(&digest).text, config.len, blobs.data);
    return (struct image_draft){
        .layers = layers,
        .layer_count = count,
        .config = str_copy(&fixture->arena, buf_str(&config)),
        .manifest = str_copy(&fixture->arena, buf_str(&manifest)),
        .names = names,
        .created = 1704164645000000000,
    };
}

#endif
