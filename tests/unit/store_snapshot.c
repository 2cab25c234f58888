/* Snapshots: made, found wherever they are, and swept when nobody will ask for them. Wants root. */
#include "store_fixture.h"

#include "store/build.h"
#include "store/snapshot.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LAYER "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

struct world {
    struct fixture *fixture;
    struct build *build;
    struct cache *cache;
};

static struct world begin(void **state) {
    struct world world = { .fixture = *state };
    _cleanup_error_ struct error error = ERROR_INIT;
    assert_ok(build_begin(world.fixture->store, &world.build, &error), &error);
    assert_ok(cache_open(world.fixture->store, CACHE_WRITE, &world.cache, &error), &error);
    return world;
}

static void end(struct world *world) {
    cache_close(world->cache);
    if (world->build) {
        build_end(world->fixture->store, world->build, NULL);
    }
}

static void record(struct world *world, const char *snapshot) {
    struct cache_record record = { .key = digest_of(snapshot, strlen(snapshot)),
                                   .result = str_of(snapshot) };
    assert_int_equal(cache_store(world->cache, &record, NULL, NULL), 0);
}

static void publish(struct world *world, const char *snapshot) {
    struct cache_publication layer = { { LAYER }, { .inode = 0 } };
    assert_int_equal(cache_published_put(world->cache, &snapshot, &layer, 1, NULL), 0);
    char *path = arena_printf(&world->fixture->arena, "bud/snapshots/%s/diff", snapshot);
    mkdir(fixture_path(world->fixture, "overlay/" LAYER), 0700);
    assert_int_equal(rename(fixture_path(world->fixture, path),
                            fixture_path(world->fixture, "overlay/" LAYER "/diff")),
                     0);
}

static bool is_there(struct world *world, const char *snapshot) {
    return fixture_has(world->fixture,
                       arena_printf(&world->fixture->arena, "bud/snapshots/%s", snapshot));
}

static void check_diff(const struct snapshot *snapshot, mode_t mode, uid_t owner) {
    char path[200];
    struct stat status;
    snprintf(path, sizeof(path), "%s/diff", snapshot->directory);
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode, S_IFDIR | mode);
    assert_int_equal(status.st_uid, owner);
    snprintf(path, sizeof(path), "%s/work", snapshot->directory);
    assert_int_equal(access(path, W_OK), 0);
}

static void a_new_one_looks_like_its_parent(void **state) {
    struct world world = begin(state);
    _cleanup_error_ struct error error = ERROR_INIT;
    struct snapshot base, child;
    umask(077);
    assert_ok(snapshot_new(world.fixture->store, world.build, NULL, &base, &error), &error);
    assert_int_equal(strlen(base.id), SNAPSHOT_ID_LEN);
    assert_memory_equal(base.id, world.build->id, BUILD_ID_LEN);
    check_diff(&base, 0555, 0);

    char *diff = arena_printf(&world.fixture->arena, "%s/diff", base.directory);
    assert_int_equal(chown(diff, 1000, 5), 0);
    assert_int_equal(chmod(diff, 01775), 0);
    assert_ok(snapshot_new(world.fixture->store, world.build, diff, &child, &error), &error);
    assert_string_not_equal(base.id, child.id);
    check_diff(&child, 01775, 1000);

    assert_int_equal(snapshot_remove(world.fixture->store, base.id, NULL), 0);
    assert_int_equal(snapshot_remove(world.fixture->store, base.id, NULL), 0);
    assert_false(is_there(&world, base.id));
    struct snapshot orphan;
    assert_int_equal(snapshot_new(world.fixture->store, world.build, diff, &orphan, &error), -1);
    assert_int_equal(error.code, ERROR_CHANGED);
    snapshot_free(&base);
    snapshot_free(&child);
    end(&world);
}

static void it_is_found_where_it_is(void **state) {
    struct world world = begin(state);
    const struct store *store = world.fixture->store;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct snapshot snapshot;
    const char *path, *layer;
    assert_ok(snapshot_new(store, world.build, NULL, &snapshot, &error), &error);
    assert_ok(snapshot_locate(store, world.cache, snapshot.id, &world.fixture->arena, &path, &layer,
                              &error),
              &error);
    assert_null(layer);
    assert_int_equal(access(path, F_OK), 0);

    publish(&world, snapshot.id);
    assert_ok(snapshot_locate(store, world.cache, snapshot.id, &world.fixture->arena, &path, &layer,
                              &error),
              &error);
    assert_string_equal(layer, LAYER);
    assert_string_equal(path, fixture_path(world.fixture, "overlay/" LAYER "/diff"));

    assert_int_equal(rmdir(path), 0);
    assert_int_equal(snapshot_locate(store, world.cache, snapshot.id, &world.fixture->arena, &path,
                                     &layer, &error),
                     -1);
    assert_int_equal(error.code, ERROR_CHANGED);
    assert_int_equal(snapshot_locate(store, world.cache, "../../etc", &world.fixture->arena, &path,
                                     &layer, &error),
                     -1);
    snapshot_free(&snapshot);
    end(&world);
}

static void only_debris_is_swept(void **state) {
    struct world world = begin(state);
    const struct store *store = world.fixture->store;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct snapshot orphan, recorded, published, alive;
    assert_ok(snapshot_new(store, world.build, NULL, &orphan, &error), &error);
    assert_ok(snapshot_new(store, world.build, NULL, &recorded, &error), &error);
    assert_ok(snapshot_new(store, world.build, NULL, &published, &error), &error);
    record(&world, recorded.id);
    record(&world, published.id);
    publish(&world, published.id);
    assert_ok(fs_make_directories(store->root_fd, "bud/snapshots/.removed-x/diff/d", 0700, &error),
              &error);
    assert_ok(fs_make_directories(store->root_fd, "bud/snapshots/Not-ours", 0700, &error), &error);

    assert_ok(snapshot_sweep(store, world.cache, 1, &error), &error); /* their build lives */
    assert_true(is_there(&world, orphan.id));
    assert_true(is_there(&world, published.id));
    assert_false(is_there(&world, ".removed-x"));

    struct build *next;
    build_end(store, world.build, NULL);
    assert_ok(build_begin(store, &next, &error), &error);
    world.build = next;
    assert_ok(snapshot_new(store, world.build, NULL, &alive, &error), &error);
    struct build *other;
    assert_ok(build_begin(store, &other, &error), &error);
    assert_ok(snapshot_sweep(store, world.cache, 1, &error), &error); /* the other might use it */
    assert_true(is_there(&world, orphan.id));
    build_end(store, other, NULL);
    assert_ok(snapshot_sweep(store, world.cache, 1, &error), &error);
    assert_false(is_there(&world, orphan.id));
    assert_true(is_there(&world, recorded.id));
    assert_false(is_there(&world, published.id));
    assert_true(is_there(&world, alive.id));
    assert_true(is_there(&world, "Not-ours"));
    snapshot_free(&orphan);
    snapshot_free(&recorded);
    snapshot_free(&published);
    snapshot_free(&alive);
    end(&world);
}

static void a_cache_that_cannot_be_read_spares_all(void **state) {
    struct world world = begin(state);
    const struct store *store = world.fixture->store;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct snapshot recorded;
    assert_ok(snapshot_new(store, world.build, NULL, &recorded, &error), &error);
    record(&world, recorded.id);
    build_end(store, world.build, NULL);
    world.build = NULL;
    cache_close(world.cache);
    assert_int_equal(truncate(fixture_path(world.fixture, "bud/cache.mdb"), 5000), 0);
    assert_ok(cache_open(store, CACHE_READ, &world.cache, &error), &error);
    assert_ok(snapshot_sweep(store, world.cache, 1, &error), &error);
    assert_true(is_there(&world, recorded.id));
    snapshot_free(&recorded);
    end(&world);
}

int main(void) {
    if (geteuid() != 0) {
        puts("not root: skipped");
        return 0;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_overlay, fixture_end)
    const struct CMUnitTest tests[] = {
        TEST(a_new_one_looks_like_its_parent),
        TEST(it_is_found_where_it_is),
        TEST(only_debris_is_swept),
        TEST(a_cache_that_cannot_be_read_spares_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
