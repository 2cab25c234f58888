/* The directories behind cache mounts: what is in use, and what is swept. */
#include "store_fixture.h"

#include "store/mount_cache.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define HASH "7e1ddfc85ae45a95330209c0834c59876011aa587be693354cbd1f40bf637fcd"
#define PLACE MOUNT_CACHE_DIRECTORY "/"

static void make(struct fixture *fixture, const char *name) {
    _cleanup_error_ struct error error = ERROR_INIT;
    const char *path = arena_printf(&fixture->arena, PLACE "%s/inner", name);
    assert_ok(fs_make_directories(fixture->store->root_fd, path, 0700, &error), &error);
}

static struct lock lock(struct fixture *fixture, const char *name, enum lock_mode mode) {
    _cleanup_error_ struct error error = ERROR_INIT;
    const char *path = fixture_path(fixture, arena_printf(&fixture->arena, PLACE "%s.lock", name));
    struct lock lock;
    assert_ok(lock_take_path(path, mode, true, &lock, &error), &error);
    assert_true(lock.fd >= 0);
    return lock;
}

static void test_who_has_it_in_whatever_mode_uses_it(void **state) {
    struct fixture *fixture = *state;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct mount_cache_list list;
    make(fixture, HASH);
    for (enum lock_mode mode = LOCK_SHARED; mode <= LOCK_EXCLUSIVE; mode++) {
        for (int is_held = 1; is_held >= 0; is_held--) {
            struct lock held = lock(fixture, HASH, mode);
            if (!is_held) {
                lock_release(&held);
            }
            assert_ok(mount_cache_list(fixture->store, &fixture->arena, &list, &error), &error);
            assert_int_equal(list.count, 1);
            assert_int_equal(list.items[0].is_busy, is_held);
            lock_release(&held);
        }
    }
}

static void test_what_the_dead_left_is_swept(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        const char *name;
        bool is_swept;
    } rows[] = {
        { HASH, false },
        { HASH "-1", false },
        { HASH ".new-a", false }, /* its maker has the lock */
        { HASH ".new-b", false }, /* nobody knows which of them is the one being made */
        { HASH "-1.new-a", true },
        { HASH "-2.new-a", true }, /* there is not even a lock */
        { ".removed-" HASH "-a", true },
        { "somebody's", false },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        make(fixture, rows[i].name);
    }
    struct lock maker = lock(fixture, HASH, LOCK_SHARED),
                other = lock(fixture, HASH "-1", LOCK_SHARED);
    uint64_t foretold = 0, bytes = 0;
    lock_release(&other);
    mount_cache_sweep(fixture->store, true, &foretold);
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_true(fixture_has(fixture, arena_printf(&fixture->arena, PLACE "%s", rows[i].name)));
    }
    mount_cache_sweep(fixture->store, false, &bytes);
    assert_true(bytes == foretold);
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(
            fixture_has(fixture, arena_printf(&fixture->arena, PLACE "%s", rows[i].name)),
            !rows[i].is_swept);
    }
    lock_release(&maker);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_who_has_it_in_whatever_mode_uses_it, fixture_overlay,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(test_what_the_dead_left_is_swept, fixture_overlay,
                                        fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
