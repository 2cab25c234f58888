/* Lock files: what excludes whom, and the token. */
#include "store_fixture.h"

#include "store/lock.h"

#include <errno.h>
#include <sys/wait.h>

#define LOCK_FILE "overlay-images/images.lock"

/* Another process tries a traditional record lock, as the Go library takes them: is it refused? */
static bool is_refused_to_others(const char *path, short type) {
    int status;
    pid_t child = fork();

    if (child == 0) {
        struct flock range = { .l_type = type, .l_whence = SEEK_SET };
        int fd = open(path, O_RDWR | O_CLOEXEC);

        _exit(fd >= 0 && fcntl(fd, F_SETLK, &range) < 0 && (errno == EAGAIN || errno == EACCES));
    }
    assert_int_equal(child, waitpid(child, &status, 0));
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status) == 1;
}

static void test_locks_exclude_the_library(void **state) {
    struct fixture *fixture = *state;
    const char *path = fixture_path(fixture, LOCK_FILE);
    _cleanup_error_ struct error error = ERROR_INIT;
    struct lock lock = LOCK_INIT;

    assert_ok(lock_take(fixture->store, LOCK_IMAGES, LOCK_EXCLUSIVE, &lock, &error), &error);
    assert_true(is_refused_to_others(path, F_RDLCK));
    /* A stray descriptor of the same file must not drop it, as it would a traditional lock. */
    close(open(path, O_RDWR | O_CLOEXEC));
    assert_true(is_refused_to_others(path, F_RDLCK));
    lock_release(&lock);
    assert_false(is_refused_to_others(path, F_WRLCK));

    assert_ok(lock_take(fixture->store, LOCK_IMAGES, LOCK_SHARED, &lock, &error), &error);
    assert_false(is_refused_to_others(path, F_RDLCK));
    assert_true(is_refused_to_others(path, F_WRLCK));
    lock_release(&lock);
    lock_release(&lock);
}

static void test_trying_does_not_wait(void **state) {
    struct fixture *fixture = *state;
    const char *path = fixture_path(fixture, LOCK_FILE);
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_lock_ struct lock first = LOCK_INIT;
    _cleanup_lock_ struct lock second = LOCK_INIT;

    assert_ok(lock_take_path(path, LOCK_EXCLUSIVE, true, &first, &error), &error);
    assert_true(first.fd >= 0);
    assert_ok(lock_take_path(path, LOCK_EXCLUSIVE, true, &second, &error), &error);
    assert_int_equal(second.fd, -1);
}

static void test_asking_takes_nothing(void **state) {
    struct fixture *fixture = *state;
    const char *path = fixture_path(fixture, LOCK_FILE);
    _cleanup_error_ struct error error = ERROR_INIT;

    assert_false(lock_is_held(path)); /* nor is it made */
    assert_int_not_equal(0, access(path, F_OK));
    for (enum lock_mode mode = LOCK_SHARED; mode <= LOCK_EXCLUSIVE; mode++) {
        struct lock lock = LOCK_INIT;

        assert_ok(lock_take_path(path, mode, false, &lock, &error), &error);
        assert_true(lock_is_held(path));
        lock_release(&lock);
        assert_false(lock_is_held(path));
        assert_false(is_refused_to_others(path, F_WRLCK));
    }
}

static void test_every_change_has_a_fresh_token(void **state) {
    struct fixture *fixture = *state;
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_lock_ struct lock lock = LOCK_INIT;
    char tokens[2][65];

    assert_ok(lock_take(fixture->store, LOCK_IMAGES, LOCK_EXCLUSIVE, &lock, &error), &error);
    for (int i = 0; i < 2; i++) {
        assert_ok(lock_touch(&lock, &error), &error);
        assert_int_equal(64, pread(lock.fd, tokens[i], sizeof(tokens[i]), 0));
    }
    assert_memory_not_equal(tokens[0], tokens[1], 64);
}

static void test_reading_locks_nothing_that_is_not_there(void **state) {
    struct fixture *fixture = *state;
    struct store *store = fixture_open(fixture, "overlay", STORE_READ);
    _cleanup_error_ struct error error = ERROR_INIT;
    struct lock lock = LOCK_INIT;

    assert_ok(lock_take(store, LOCK_IMAGES, LOCK_SHARED, &lock, &error), &error);
    assert_int_equal(lock.fd, -1);
    assert_int_equal(-1, lock_take(store, LOCK_IMAGES, LOCK_EXCLUSIVE, &lock, &error));
    assert_int_equal(error.code, ERROR_SYSTEM);
    assert_int_not_equal(0, access(fixture->root, F_OK));
    store_close(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_locks_exclude_the_library, fixture_overlay,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(test_trying_does_not_wait, fixture_overlay, fixture_end),
        cmocka_unit_test_setup_teardown(test_asking_takes_nothing, fixture_overlay, fixture_end),
        cmocka_unit_test_setup_teardown(test_every_change_has_a_fresh_token, fixture_overlay,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(test_reading_locks_nothing_that_is_not_there, fixture_bare,
                                        fixture_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
