/* Snapshots become layers and images; images go again; nobody loses a row. */
#include "store_fixture.h"

#include "store/build.h"
#include "store/cache.h"
#include "store/check.h"
#include "store/container.h"
#include "store/debris.h"
#include "store/image.h"
#include "store/import.h"
#include "store/table.h"

#include <signal.h>
#include <sys/wait.h>

#define NAME "localhost/test:latest"
#define OTHER "localhost/other:1"
#define LAYERS "overlay-layers/layers.json"
#define IMAGES "overlay-images/images.json"

static void assert_clean(struct fixture *fixture) {
    _cleanup_buf_ struct buf report = BUF_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    size_t findings;

    assert_ok(check_store(fixture->store, true, &report, &findings, &error), &error);
    if (findings > 0) {
        fail_msg("%zu findings:\n%s", findings, report.data);
    }
}

static void assert_finding(struct fixture *fixture, const char *text) {
    _cleanup_buf_ struct buf report = BUF_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    size_t findings;

    assert_ok(check_store(fixture->store, true, &report, &findings, &error), &error);
    if (findings == 0 || !strstr(report.data, text)) {
        fail_msg("`%s` is not among the findings:\n%s", text, report.data ? report.data : "");
    }
}

static const char *snapshot_path(struct fixture *fixture, const char *name, const char *rest) {
    return fixture_path(fixture, arena_printf(&fixture->arena, "bud/snapshots/%s/%s",
                                              fixture_snapshot_id(fixture, name), rest));
}

static bool has_snapshot(struct fixture *fixture, const char *name, const char *rest) {
    return access(snapshot_path(fixture, name, rest), F_OK) == 0;
}

/* An image of two layers, made of snapshots s1 and s2. */
static struct digest_hex publish_two(struct fixture *fixture, const char *label, const char *name) {
    static _Thread_local struct layer_draft drafts[2];
    _cleanup_error_ struct error error = ERROR_INIT;
    const char *names[] = { name, NULL };
    struct image_draft draft;
    struct digest_hex id;

    drafts[0] = fixture_snapshot(fixture, "s1", "a", "base\n");
    drafts[1] = fixture_snapshot(fixture, "s2", "b", "child\n");
    draft = fixture_draft(fixture, drafts, 2, label, names);
    assert_ok(publish_image(fixture->store, &draft, &id, &error), &error);
    return id;
}

static size_t count_rows(struct fixture *fixture, enum table_kind kind) {
    _cleanup_table_ struct table table = TABLE_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;

    assert_ok(table_read(fixture->store, fixture->root, kind, &table, &error), &error);
    return json_array_size(table.rows);
}

static const struct image *find_image(struct fixture *fixture, const char *name) {
    _cleanup_error_ struct error error = ERROR_INIT;
    const char *names[] = { name, NULL };
    const struct image *image = NULL;
    struct image_list list;

    assert_ok(image_list_read(fixture->store, &fixture->arena, &list, &error), &error);
    assert_ok(image_find(&list, names, &image, &error), &error);
    return image;
}

static void test_a_published_image_is_whole(void **state) {
    struct fixture *fixture = *state;
    struct digest_hex id = publish_two(fixture, "1", NAME);
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_buf_ struct buf config = BUF_INIT;
    const struct layer **chain;
    const struct image *image;
    struct layer_list layers;
    size_t count;

    assert_clean(fixture);
    image = find_image(fixture, NAME);
    assert_non_null(image);
    assert_string_equal(image->id.data, id.text);
    assert_ok(image_read_config(image, &config, &error), &error);
    assert_ok(image_read_manifest(image, &config, &error), &error);
    assert_ok(layer_list_read(fixture->store, &fixture->arena, &layers, &error), &error);
    assert_ok(layer_chain(&layers, image->layer, &fixture->arena, &chain, &count, &error), &error);
    assert_int_equal(count, 2);
    assert_int_equal(0, access(arena_printf(&fixture->arena, "%s/b", chain[0]->path), F_OK));
    assert_int_equal(0, access(arena_printf(&fixture->arena, "%s/a", chain[1]->path), F_OK));
    assert_false(has_snapshot(fixture, "s1", ""));
    assert_false(has_snapshot(fixture, "s2", ""));
}

static void test_the_same_again_changes_nothing_but_the_name(void **state) {
    struct fixture *fixture = *state;
    struct digest_hex first = publish_two(fixture, "1", NAME);
    const char *layers = fixture_read(fixture, LAYERS);
    const char *images = fixture_read(fixture, IMAGES);
    struct digest_hex second = publish_two(fixture, "1", NAME);

    assert_string_equal(first.text, second.text);
    assert_string_equal(layers, fixture_read(fixture, LAYERS));
    assert_string_equal(images, fixture_read(fixture, IMAGES));
    assert_false(has_snapshot(fixture, "s1", ""));
    /* A new config on the same layers takes the name; the old image keeps its history. */
    second = publish_two(fixture, "2", NAME);
    assert_string_equal(layers, fixture_read(fixture, LAYERS));
    assert_string_equal(find_image(fixture, NAME)->id.data, second.text);
    assert_int_equal(find_image(fixture, first.text)->name_count, 0);
    assert_clean(fixture);
}

static void test_snapshots_stay_while_another_build_may_use_them(void **state) {
    struct fixture *fixture = *state;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct build *builds[2];

    publish_two(fixture, "1", NAME);
    assert_ok(build_begin(fixture->store, &builds[0], &error), &error);
    assert_ok(build_begin(fixture->store, &builds[1], &error), &error);
    publish_two(fixture, "2", NAME);
    assert_true(has_snapshot(fixture, "s1", "diff/a"));
    build_end(fixture->store, builds[1], NULL);
    publish_two(fixture, "3", NAME);
    assert_false(has_snapshot(fixture, "s1", ""));
    build_end(fixture->store, builds[0], NULL);
    assert_clean(fixture);
}

static void test_what_vanished_is_said_before_anything_changes(void **state) {
    struct fixture *fixture = *state;
    struct layer_draft drafts[2] = { fixture_snapshot(fixture, "s1", "a", "x"),
                                     fixture_snapshot(fixture, "s2", "b", "y") };
    struct image_draft draft = fixture_draft(fixture, drafts, 2, "1", NULL);
    _cleanup_error_ struct error error = ERROR_INIT;
    struct digest_hex id;

    assert_ok(fs_remove_tree(AT_FDCWD, snapshot_path(fixture, "s2", ""), &error), &error);
    assert_int_equal(-1, publish_image(fixture->store, &draft, &id, &error));
    assert_int_equal(error.code, ERROR_CHANGED);
    assert_true(has_snapshot(fixture, "s1", "diff/a"));
    assert_int_equal(count_rows(fixture, TABLE_LAYERS), 0);
    draft.base_layer = "1111111111111111111111111111111111111111111111111111111111111111";
    assert_int_equal(-1, publish_image(fixture->store, &draft, &id, &error));
    assert_int_equal(error.code, ERROR_CHANGED);
    assert_clean(fixture);
}

static void test_a_broken_table_is_not_saved_over(void **state) {
    struct fixture *fixture = *state;
    struct layer_draft layer = fixture_snapshot(fixture, "s1", "a", "x");
    struct image_draft draft = fixture_draft(fixture, &layer, 1, "1", NULL);
    static const char *const broken[] = { "[{\"id\":\"..\"}]", "[{]", "[{\"id\":1},{}]", "{}" };
    static const char *const tables[] = { LAYERS, IMAGES };

    for (size_t t = 0; t < 2; t++) {
        for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
            _cleanup_error_ struct error error = ERROR_INIT;
            struct image_removal removal = { .untagged = BUF_INIT, .deleted = BUF_INIT };
            struct digest_hex id;

            fixture_write(fixture, tables[t], broken[i]);
            assert_int_equal(-1, publish_image(fixture->store, &draft, &id, &error));
            assert_int_equal(error.code, ERROR_CORRUPT);
            assert_int_equal(-1, image_remove(fixture->store, id.text, NULL, &removal, &error));
            assert_string_equal(fixture_read(fixture, tables[t]), broken[i]);
            assert_true(has_snapshot(fixture, "s1", "diff/a"));
        }
        fixture_write(fixture, tables[t], "");
    }
}

static void test_debris_is_replaced_and_swept(void **state) {
    struct fixture *fixture = *state;
    struct layer_draft layer = fixture_snapshot(fixture, "s1", "a", "x");
    struct digest_hex chain = layer_id(STR_EMPTY, &layer.diff_id);
    struct image_draft draft = fixture_draft(fixture, &layer, 1, "1", NULL);
    const char *stray = "overlay/2222222222222222222222222222222222222222222222222222222222222222";
    _cleanup_error_ struct error error = ERROR_INIT;
    struct digest_hex id;
    char *home = arena_printf(&fixture->arena, "overlay/%s", chain.text);

    /* As if we died after the link and before the row. */
    assert_int_equal(0, mkdir(fixture_path(fixture, home), 0700));
    assert_int_equal(0, mkdir(fixture_path(fixture, stray), 0700));
    assert_int_equal(
        0, symlink("../gone/diff", fixture_path(fixture, "overlay/l/AAAAAAAAAAAAAAAAAAAAAAAAAA")));
    fixture_write(fixture, arena_printf(&fixture->arena, "%s/link", home),
                  "BBBBBBBBBBBBBBBBBBBBBBBBBB");
    fixture_write(fixture, "overlay-layers/.tmp-layers.json-abcdefgh", "[");
    fixture_write(fixture, "overlay-images/.tmp-images.json123456", "[");
    fixture_write(fixture, "overlay-containers/.tmp-containers.json-abcdefgh", "[");
    assert_finding(fixture, "belongs to no layer");
    assert_ok(publish_image(fixture->store, &draft, &id, &error), &error);
    assert_ok(debris_sweep(fixture->store, &error), &error);
    assert_false(fixture_has(fixture, stray));
    assert_false(fixture_has(fixture, "overlay-layers/.tmp-layers.json-abcdefgh"));
    assert_false(fixture_has(fixture, "overlay-images/.tmp-images.json123456"));
    assert_false(fixture_has(fixture, "overlay-containers/.tmp-containers.json-abcdefgh"));
    assert_clean(fixture);
}

static void test_an_incomplete_layer_is_made_again(void **state) {
    struct fixture *fixture = *state;
    struct layer_draft layer = fixture_snapshot(fixture, "s1", "a", "x");
    struct digest_hex chain = layer_id(STR_EMPTY, &layer.diff_id);
    struct image_draft draft = fixture_draft(fixture, &layer, 1, "1", NULL);
    _cleanup_error_ struct error error = ERROR_INIT;
    struct digest_hex id;

    fixture_write(fixture, LAYERS,
                  arena_printf(&fixture->arena, "[{\"id\":\"%s\",\"flags\":{\"incomplete\":true}}]",
                               chain.text));
    assert_ok(
        fs_make_directories(
            AT_FDCWD,
            fixture_path(fixture, arena_printf(&fixture->arena, "overlay/%s/diff", chain.text)),
            0700, &error),
        &error);
    assert_finding(fixture, "incomplete");
    assert_ok(publish_image(fixture->store, &draft, &id, &error), &error);
    assert_clean(fixture);
}

/* As a pull leaves it that was killed: part of the contents, and a row that says so. */
static void test_nothing_is_built_upon_an_incomplete_layer(void **state) {
    struct fixture *fixture = *state;
    struct digest_hex id = publish_two(fixture, "1", NAME);
    const char *layers[] = { find_image(fixture, NAME)->layer.data };
    const char *images[] = { id.text };
    struct layer_draft layer = fixture_snapshot(fixture, "s3", "c", "z");
    struct image_draft draft = fixture_draft(fixture, &layer, 1, "2", NULL);
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_json_ json_t *rows = json_parse(str_of(fixture_read(fixture, LAYERS)), LAYERS, &error);
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct build *build;

    for (size_t i = 0; i < json_array_size(rows); i++) {
        json_t *row = json_array_get(rows, i);

        if (strcmp(json_string_value(json_object_get(row, "id")), layers[0]) == 0) {
            json_object_set_new(row, "flags", json_pack("{s:b}", "incomplete", 1));
        }
    }
    json_write(&text, rows);
    fixture_write(fixture, LAYERS, text.data);
    assert_ok(build_begin(fixture->store, &build, &error), &error);
    assert_int_equal(-1, container_protect(fixture->store, build, layers, images, 1, &error));
    assert_int_equal(error.code, ERROR_CHANGED);
    draft.base_layer = layers[0];
    assert_int_equal(-1, publish_image(fixture->store, &draft, &id, &error));
    assert_int_equal(error.code, ERROR_CHANGED);
    build_end(fixture->store, build, NULL);
}

/* A build may have mounted what it found there. */
static void test_removing_an_image_leaves_debris_to_the_builds(void **state) {
    struct fixture *fixture = *state;
    struct image_removal removal = { .is_forced = true, .untagged = BUF_INIT, .deleted = BUF_INIT };
    const char *debris = "bud/trash/debris-x";
    _cleanup_error_ struct error error = ERROR_INIT;
    struct build *build;

    for (int is_alive = 1; is_alive >= 0; is_alive--) {
        struct digest_hex id = publish_two(fixture, is_alive ? "1" : "2", NAME);

        mkdir(fixture_path(fixture, debris), 0700);
        if (is_alive) {
            assert_ok(build_begin(fixture->store, &build, &error), &error);
            mkdir(fixture_path(fixture, debris), 0700);
        }
        assert_ok(image_remove(fixture->store, id.text, NULL, &removal, &error), &error);
        assert_int_equal(is_alive, fixture_has(fixture, debris));
        if (is_alive) {
            build_end(fixture->store, build, NULL);
        }
    }
    buf_free(&removal.untagged);
    buf_free(&removal.deleted);
}

static void test_foreign_rows_and_members_survive_publishing(void **state) {
    struct fixture *fixture = *state;
    const char *row =
        "{\"id\":\"3333333333333333333333333333333333333333333333333333333333333333\","
        "\"future\":{\"x\":[1]},\"names\":[\"localhost/far:1\"]}";
    struct image_removal removal = { .untagged = BUF_INIT, .deleted = BUF_INIT };
    _cleanup_error_ struct error error = ERROR_INIT;
    struct digest_hex id;

    fixture_write(fixture, IMAGES, arena_printf(&fixture->arena, "[%s]", row));
    id = publish_two(fixture, "1", NAME);
    assert_non_null(strstr(fixture_read(fixture, IMAGES), row));
    assert_ok(image_add_name(fixture->store, id.text, OTHER, &error), &error);
    assert_ok(image_remove(fixture->store, id.text, OTHER, &removal, &error), &error);
    assert_ok(image_remove(fixture->store, id.text, NAME, &removal, &error), &error);
    assert_string_equal(fixture_read(fixture, IMAGES), arena_printf(&fixture->arena, "[%s]", row));
    buf_free(&removal.untagged);
    buf_free(&removal.deleted);
}

static void test_names_are_moved_and_removed(void **state) {
    struct fixture *fixture = *state;
    struct image_removal removal = { .untagged = BUF_INIT, .deleted = BUF_INIT };
    struct digest_hex first = publish_two(fixture, "1", NAME);
    struct digest_hex second = publish_two(fixture, "2", OTHER);
    _cleanup_error_ struct error error = ERROR_INIT;
    const char *images;

    assert_ok(image_add_name(fixture->store, first.text, OTHER, &error), &error);
    assert_string_equal(find_image(fixture, OTHER)->id.data, first.text);
    images = fixture_read(fixture, IMAGES);
    assert_ok(image_add_name(fixture->store, first.text, NAME, &error), &error);
    assert_string_equal(images, fixture_read(fixture, IMAGES));

    assert_int_equal(-1, image_remove(fixture->store, first.text, NULL, &removal, &error));
    assert_non_null(strstr(error.message, "several names"));
    assert_int_equal(-1,
                     image_remove(fixture->store, first.text, "localhost/no:1", &removal, &error));
    assert_int_equal(error.code, ERROR_NOT_FOUND);
    assert_ok(image_remove(fixture->store, first.text, OTHER, &removal, &error), &error);
    assert_string_equal(removal.untagged.data, OTHER "\n");
    assert_int_equal(removal.deleted.len, 0);
    /* The other image has the same layers: they stay. */
    assert_ok(image_remove(fixture->store, first.text, NULL, &removal, &error), &error);
    assert_string_equal(removal.deleted.data, arena_printf(&fixture->arena, "%s\n", first.text));
    assert_int_equal(count_rows(fixture, TABLE_LAYERS), 2);
    assert_clean(fixture);
    removal.is_forced = true;
    assert_ok(image_remove(fixture->store, second.text, NULL, &removal, &error), &error);
    assert_int_equal(count_rows(fixture, TABLE_LAYERS), 0);
    assert_int_equal(count_rows(fixture, TABLE_IMAGES), 0);
    assert_int_equal(-1, image_remove(fixture->store, second.text, NULL, &removal, &error));
    assert_int_equal(error.code, ERROR_NOT_FOUND);
    assert_clean(fixture);
    buf_free(&removal.untagged);
    buf_free(&removal.deleted);
}

static void test_protected_images_stay(void **state) {
    struct fixture *fixture = *state;
    struct image_removal removal = { .is_forced = true, .untagged = BUF_INIT, .deleted = BUF_INIT };
    struct digest_hex id = publish_two(fixture, "1", NAME);
    const char *layers[] = { find_image(fixture, NAME)->layer.data };
    const char *images[] = { id.text };
    const char *missing[] = { "1111111111111111111111111111111111111111111111111111111111111111" };
    const char *nothing[] = { "" };
    _cleanup_error_ struct error error = ERROR_INIT;
    struct build *build;

    assert_ok(build_begin(fixture->store, &build, &error), &error);
    assert_ok(container_protect(fixture->store, build, layers, images, 1, &error), &error);
    assert_ok(container_protect(fixture->store, build, layers, nothing, 1, &error), &error);
    assert_int_equal(-1, container_protect(fixture->store, build, missing, nothing, 1, &error));
    assert_int_equal(error.code, ERROR_CHANGED);
    assert_int_equal(count_rows(fixture, TABLE_CONTAINERS), 2);
    assert_int_equal(count_rows(fixture, TABLE_LAYERS), 4);
    assert_clean(fixture);
    assert_ok(container_sweep(fixture->store, &error), &error);
    assert_int_equal(count_rows(fixture, TABLE_CONTAINERS), 2);
    assert_int_equal(-1, image_remove(fixture->store, id.text, NULL, &removal, &error));
    assert_non_null(strstr(error.message, "is used by the container bud-"));
    assert_ok(container_release(fixture->store, build, &error), &error);
    assert_ok(container_release(fixture->store, build, &error), &error);
    assert_int_equal(count_rows(fixture, TABLE_CONTAINERS), 0);
    build_end(fixture->store, build, NULL);
    assert_clean(fixture);
    assert_ok(image_remove(fixture->store, id.text, NULL, &removal, &error), &error);
    assert_int_equal(count_rows(fixture, TABLE_LAYERS), 0);
    buf_free(&removal.untagged);
    buf_free(&removal.deleted);
}

static void test_foreign_containers_protect_too(void **state) {
    struct fixture *fixture = *state;
    struct image_removal removal = { .is_forced = true, .untagged = BUF_INIT, .deleted = BUF_INIT };
    struct digest_hex id = publish_two(fixture, "1", NAME);
    const char *row = arena_printf(
        &fixture->arena,
        "[{\"id\":\"4444444444444444444444444444444444444444444444444444444444444444\","
        "\"names\":[\"web\"],\"image\":\"%s\"}]",
        id.text);
    static const char *const tables[] = { "overlay-containers/containers.json",
                                          "overlay-containers/volatile-containers.json" };

    for (size_t i = 0; i < 2; i++) {
        _cleanup_error_ struct error error = ERROR_INIT;

        fixture_write(fixture, tables[i], row);
        assert_int_equal(-1, image_remove(fixture->store, id.text, NULL, &removal, &error));
        assert_non_null(strstr(error.message, "web"));
        fixture_write(fixture, tables[i], "[]");
    }
    assert_int_equal(count_rows(fixture, TABLE_LAYERS), 2);
}

/* The child dies in the middle of a build; the next build sweeps after it. */
static void test_dead_builds_are_swept(void **state) {
    struct fixture *fixture = *state;
    const char *layers[1], *images[] = { "" };
    _cleanup_error_ struct error error = ERROR_INIT;
    struct build *build;
    int ready[2], status;
    char id[BUILD_ID_LEN + 1] = "";
    pid_t child;

    publish_two(fixture, "1", NAME);
    layers[0] = find_image(fixture, NAME)->layer.data;
    assert_int_equal(0, pipe(ready));
    child = fork();
    if (child == 0) {
        if (build_begin(fixture->store, &build, NULL) < 0 ||
            container_protect(fixture->store, build, layers, images, 1, NULL) < 0 ||
            write(ready[1], build->id, BUILD_ID_LEN) != BUILD_ID_LEN) {
            _exit(1);
        }
        pause();
    }
    assert_int_equal(BUILD_ID_LEN, read(ready[0], id, BUILD_ID_LEN));
    assert_true(build_is_alive(fixture->store, id));
    assert_ok(build_begin(fixture->store, &build, &error), &error);
    build_end(fixture->store, build, NULL);
    assert_int_equal(count_rows(fixture, TABLE_CONTAINERS), 1);

    kill(child, SIGKILL);
    assert_int_equal(child, waitpid(child, &status, 0));
    assert_false(build_is_alive(fixture->store, id));
    assert_ok(build_begin(fixture->store, &build, &error), &error);
    assert_int_equal(count_rows(fixture, TABLE_CONTAINERS), 0);
    assert_int_equal(count_rows(fixture, TABLE_LAYERS), 2);
    assert_false(fixture_has(fixture, arena_printf(&fixture->arena, "bud/builds/%s", id)));
    assert_int_not_equal(
        0, access(arena_printf(&fixture->arena, "%s/bud/%s", fixture->run_root, id), F_OK));
    build_end(fixture->store, build, NULL);
    assert_clean(fixture);
    close(ready[0]);
    close(ready[1]);
}

/* `--root` alone leaves the run root where it was. */
static void test_builds_of_roots_that_share_a_run_root_leave_each_other_alone(void **state) {
    struct fixture *fixture = *state;
    struct store_options options = { .root = fixture_path(fixture, "other"),
                                     .run_root = fixture->run_root,
                                     .driver = "overlay" };
    _cleanup_error_ struct error error = ERROR_INIT;
    struct store *other;
    struct build *ours, *theirs;

    assert_ok(store_open(&options, STORE_WRITE, &other, &error), &error);
    assert_ok(build_begin(fixture->store, &ours, &error), &error);
    assert_ok(build_begin(other, &theirs, &error), &error);
    assert_int_equal(0, access(ours->run_directory, F_OK));
    build_end(other, theirs, NULL);
    assert_int_equal(0, access(ours->run_directory, F_OK));
    build_end(fixture->store, ours, NULL);
    store_close(other);
}

static int add_images(struct fixture *fixture, int writer) {
    for (int i = 0; i < 8; i++) {
        char *snapshot = arena_printf(&fixture->arena, "w%dn%d", writer, i);
        char *label = arena_printf(&fixture->arena, "%d-%d", writer, i);
        const char *names[] = { arena_printf(&fixture->arena, "localhost/w%d:%d", writer, i),
                                "localhost/last:1", NULL };
        struct layer_draft layer = fixture_snapshot(fixture, snapshot, "f", label);
        struct image_draft draft = fixture_draft(fixture, &layer, 1, label, names);
        struct digest_hex id;

        if (publish_image(fixture->store, &draft, &id, NULL) < 0 ||
            image_add_name(fixture->store, id.text,
                           arena_printf(&fixture->arena, "localhost/extra%d:%d", writer, i),
                           NULL) < 0) {
            return 1;
        }
    }
    return 0;
}

static void test_writers_at_once_lose_nothing(void **state) {
    struct fixture *fixture = *state;
    enum { WRITERS = 5 };
    pid_t children[WRITERS];
    int status;

    for (int i = 0; i < WRITERS; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            _exit(add_images(fixture, i));
        }
    }
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(children[i], waitpid(children[i], &status, 0));
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    assert_int_equal(count_rows(fixture, TABLE_IMAGES), WRITERS * 8);
    assert_int_equal(count_rows(fixture, TABLE_LAYERS), WRITERS * 8);
    for (int i = 0; i < WRITERS * 8; i++) {
        assert_non_null(
            find_image(fixture, arena_printf(&fixture->arena, "localhost/w%d:%d", i / 8, i % 8)));
        assert_non_null(find_image(
            fixture, arena_printf(&fixture->arena, "localhost/extra%d:%d", i / 8, i % 8)));
    }
    assert_non_null(find_image(fixture, "localhost/last:1"));
    assert_clean(fixture);
}

static void test_more_lowers_than_mount_are_refused(void **state) {
    struct fixture *fixture = *state;
    enum { DEPTH = 129 };
    struct layer_draft *layers = arena_array(&fixture->arena, DEPTH, sizeof(*layers));
    _cleanup_error_ struct error error = ERROR_INIT;
    struct image_draft draft;
    struct digest_hex id;

    for (int i = 0; i < DEPTH; i++) {
        layers[i] = fixture_snapshot(fixture, arena_printf(&fixture->arena, "d%d", i), "f",
                                     arena_printf(&fixture->arena, "%d", i));
    }
    draft = fixture_draft(fixture, layers, DEPTH, "deep", NULL);
    assert_int_equal(-1, publish_image(fixture->store, &draft, &id, &error));
    assert_int_equal(error.code, ERROR_UNSUPPORTED);
    assert_int_equal(count_rows(fixture, TABLE_LAYERS), 0);
    /* Taken back whole: the steps are as good as before. */
    assert_true(has_snapshot(fixture, "d0", "diff/f"));
    assert_true(has_snapshot(fixture, "d0", "tar-split.gz"));
    assert_clean(fixture);
    draft = fixture_draft(fixture, layers, DEPTH - 1, "deep", NULL);
    assert_ok(publish_image(fixture->store, &draft, &id, &error), &error);
    assert_clean(fixture);
}

static void test_findings_name_what_is_wrong(void **state) {
    struct fixture *fixture = *state;
    struct digest_hex id = publish_two(fixture, "1", NAME);
    const char *top = find_image(fixture, NAME)->layer.data;
    struct arena *arena = &fixture->arena;
    const struct {
        const char *path, *finding;
    } damages[] = {
        { arena_printf(arena, "overlay/%s/lower", top), "I2" },
        { arena_printf(arena, "overlay/%s/link", top), "I2" },
        { arena_printf(arena, "overlay/%s/diff/b", top), "I3" },
        { arena_printf(arena, "overlay-layers/%s.tar-split.gz", top), "I3" },
        { arena_printf(arena, "overlay-images/%s/manifest", id.text), "I5" },
    };

    for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
        char *path = fixture_path(fixture, damages[i].path);
        char *away = arena_printf(arena, "%s/away", fixture->directory);

        assert_int_equal(0, rename(path, away));
        assert_finding(fixture, damages[i].finding);
        fixture_write(fixture, damages[i].path, "wrong");
        assert_finding(fixture, damages[i].finding);
        assert_int_equal(0, rename(away, path));
        assert_clean(fixture);
    }
    fixture_write(fixture, arena_printf(arena, "overlay/%s/diff/.wh.x", top), "");
    assert_finding(fixture, "I9");
}

static void test_images_are_found_by_name_id_and_digest(void **state) {
    struct fixture *fixture = *state;
    struct digest_hex id = publish_two(fixture, "1", NAME);
    const struct image *image = find_image(fixture, NAME);
    struct arena *arena = &fixture->arena;
    const char *ways[] = {
        id.text,
        arena_printf(arena, "sha256:%s", id.text),
        arena_printf(arena, "%.12s", id.text),
        arena_printf(arena, "%.3s", id.text),
        image->digest.data,
        arena_printf(arena, "localhost/test@%s", image->digest.data),
    };

    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        const struct image *found = find_image(fixture, ways[i]);

        if (!found) {
            fail_msg("not found: %s", ways[i]);
        }
    }
    assert_null(find_image(fixture, arena_printf(arena, "%.2s", id.text)));
    assert_null(find_image(fixture, "localhost/test"));
    assert_null(find_image(fixture, arena_printf(arena, "localhost/tes@%s", image->digest.data)));
}

int main(void) {
#define OVERLAY_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_overlay, fixture_end)
    const struct CMUnitTest tests[] = {
        OVERLAY_TEST(test_a_published_image_is_whole),
        OVERLAY_TEST(test_the_same_again_changes_nothing_but_the_name),
        OVERLAY_TEST(test_snapshots_stay_while_another_build_may_use_them),
        OVERLAY_TEST(test_what_vanished_is_said_before_anything_changes),
        OVERLAY_TEST(test_a_broken_table_is_not_saved_over),
        OVERLAY_TEST(test_debris_is_replaced_and_swept),
        OVERLAY_TEST(test_an_incomplete_layer_is_made_again),
        OVERLAY_TEST(test_nothing_is_built_upon_an_incomplete_layer),
        OVERLAY_TEST(test_removing_an_image_leaves_debris_to_the_builds),
        OVERLAY_TEST(test_foreign_rows_and_members_survive_publishing),
        OVERLAY_TEST(test_names_are_moved_and_removed),
        OVERLAY_TEST(test_protected_images_stay),
        OVERLAY_TEST(test_foreign_containers_protect_too),
        OVERLAY_TEST(test_dead_builds_are_swept),
        OVERLAY_TEST(test_builds_of_roots_that_share_a_run_root_leave_each_other_alone),
        OVERLAY_TEST(test_writers_at_once_lose_nothing),
        OVERLAY_TEST(test_more_lowers_than_mount_are_refused),
        OVERLAY_TEST(test_findings_name_what_is_wrong),
        OVERLAY_TEST(test_images_are_found_by_name_id_and_digest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
