/* Directories fetched from elsewhere: how they come to be, who keeps them, what is swept. */
#include "store_fixture.h"

#include "store/fetched.h"

static struct digest key_of(const char *text) {
    return digest_of(text, strlen(text));
}

/* A new entry with one file, kept as KEY. */
static void make(struct fixture *fixture, const char *key, const char *origin,
                 struct fetched *out) {
    _cleanup_error_ struct error error = ERROR_INIT;
    struct digest digest = key_of(key);
    assert_ok(fetched_new(fixture->store, out, &error), &error);
    assert_ok(fs_write_atomic(out->fd, "files/name", key, strlen(key), 0644, FS_NO_SYNC, &error),
              &error);
    assert_ok(fetched_keep(fixture->store, out, &digest, str_of(origin), &error), &error);
    assert_true(out->fd >= 0);
}

static bool is_there(struct fixture *fixture, const char *key) {
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_(fetched_release) struct fetched found = FETCHED_INIT;
    struct digest digest = key_of(key);
    assert_ok(fetched_open(fixture->store, &digest, &found, &error), &error);
    return found.fd >= 0;
}

static size_t count_names(struct fixture *fixture) {
    _cleanup_fd_ int fd = openat(fixture->store->root_fd, FETCHED_DIRECTORY, O_RDONLY | O_CLOEXEC);
    struct str *names;
    size_t count;
    assert_int_equal(0, fs_list(fd, &fixture->arena, &names, &count, NULL));
    return count;
}

static void test_kept_by_key(void **state) {
    struct fixture *fixture = *state;
    _cleanup_(fetched_release) struct fetched first = FETCHED_INIT;
    _cleanup_(fetched_release) struct fetched same = FETCHED_INIT;
    assert_false(is_there(fixture, "a"));
    make(fixture, "a", "there", &first);
    make(fixture, "a", "there", &same); /* by two builds at once: the second becomes the first */
    assert_string_equal(first.path, same.path);
    assert_int_equal(1, count_names(fixture));
    assert_true(is_there(fixture, "a"));
    assert_false(is_there(fixture, "b"));
}

static void test_newest_of_an_origin(void **state) {
    struct fixture *fixture = *state;
    struct fetched first = FETCHED_INIT, second = FETCHED_INIT, third = FETCHED_INIT;
    struct fetched other = FETCHED_INIT;
    make(fixture, "a", "there", &first);
    make(fixture, "other", "elsewhere", &other);
    make(fixture, "b", "there", &second); /* the first is in use */
    assert_true(is_there(fixture, "a"));
    fetched_release(&first);
    fetched_release(&second);
    fetched_release(&other);
    make(fixture, "c", "there", &third);
    assert_false(is_there(fixture, "a"));
    assert_false(is_there(fixture, "b"));
    assert_true(is_there(fixture, "c"));
    assert_true(is_there(fixture, "other"));
    fetched_release(&third);
}

static void test_listed_and_removed(void **state) {
    struct fixture *fixture = *state;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct fetched_list list;
    struct fetched entry = FETCHED_INIT;
    bool is_busy;
    make(fixture, "a", "there", &entry);
    assert_ok(fetched_list(fixture->store, &fixture->arena, &list, &error), &error);
    assert_int_equal(1, list.count);
    assert_true(str_equal_c(list.items[0].origin, "there"));
    assert_true(list.items[0].is_busy && list.items[0].last_used > 0);
    assert_ok(fetched_remove(fixture->store, &list.items[0], &is_busy, &error), &error);
    assert_true(is_busy);
    fetched_release(&entry);
    assert_ok(fetched_list(fixture->store, &fixture->arena, &list, &error), &error);
    assert_false(list.items[0].is_busy);
    assert_ok(fetched_remove(fixture->store, &list.items[0], &is_busy, &error), &error);
    assert_false(is_busy);
    assert_int_equal(0, count_names(fixture));
    /* and once more, as by two prunes at once */
    assert_ok(fetched_remove(fixture->store, &list.items[0], &is_busy, &error), &error);
    assert_false(is_busy);
}

static void test_what_the_dead_left(void **state) {
    struct fixture *fixture = *state;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct fetched making = FETCHED_INIT, other = FETCHED_INIT;
    int root = fixture->store->root_fd;
    assert_ok(fetched_new(fixture->store, &making, &error), &error);
    assert_int_equal(0, mkdirat(root, FETCHED_DIRECTORY "/.new-dead", 0700));
    assert_int_equal(0, mkdirat(root, FETCHED_DIRECTORY "/.new-dead/files", 0700));
    assert_int_equal(0, mkdirat(root, FETCHED_DIRECTORY "/.removed-dead", 0700));
    assert_ok(fetched_new(fixture->store, &other, &error), &error); /* sweeps what was being made */
    assert_int_equal(3, count_names(fixture));
    uint64_t foretold = 0, bytes = 0;
    fetched_sweep(fixture->store, true, &foretold);
    assert_int_equal(3, count_names(fixture));
    fetched_sweep(fixture->store, false, &bytes);
    assert_int_equal(2, count_names(fixture));
    assert_true(bytes == foretold);
    fetched_release(&making);
    fetched_release(&other);
    assert_int_equal(0, count_names(fixture));
}

static void test_notes(void **state) {
    struct fixture *fixture = *state;
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_(fetched_release) struct fetched entry = FETCHED_INIT;
    struct digest key = key_of("a"), found_key, gone = key_of("gone");
    const char *tag;
    bool found;
    assert_ok(fetched_recall(fixture->store, STR("url"), &fixture->arena, &found_key, &tag, &found,
                             &error),
              &error);
    assert_false(found);
    make(fixture, "a", "there", &entry);
    assert_ok(fetched_note(fixture->store, STR("url"), &key, STR("\"tag\""), &error), &error);
    assert_ok(fetched_note(fixture->store, STR("other"), &gone, STR("\"x\""), &error), &error);
    assert_ok(fetched_recall(fixture->store, STR("url"), &fixture->arena, &found_key, &tag, &found,
                             &error),
              &error);
    assert_true(found);
    assert_memory_equal(&key, &found_key, sizeof(key));
    assert_string_equal("\"tag\"", tag);
    uint64_t bytes = 0;
    fetched_sweep(fixture->store, false, &bytes);
    assert_int_equal(2, count_names(fixture)); /* the entry, and its note */
}

/* A store that is not there: a directory for temporary files. */
static void test_outside(void **state) {
    struct fixture *fixture = *state;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct fetched entry = FETCHED_INIT;
    struct digest key = key_of("a");
    struct stat status;
    setenv("TMPDIR", fixture->directory, 1);
    const char *dead = arena_printf(&fixture->arena, "%s/bud-context-dead", fixture->directory);
    assert_int_equal(0, mkdir(dead, 0700));
    assert_ok(fetched_new(NULL, &entry, &error), &error);
    assert_int_equal(-1, stat(dead, &status));
    assert_ok(fetched_keep(NULL, &entry, &key, STR("there"), &error), &error);
    const char *path = arena_strdup(&fixture->arena, entry.path);
    assert_int_equal(0, stat(path, &status));
    assert_true(str_has_prefix(str_of(path), str_of(fixture->directory)));
    fetched_release(&entry);
    assert_int_equal(-1, stat(path, &status));
    unsetenv("TMPDIR");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kept_by_key, fixture_overlay, fixture_end),
        cmocka_unit_test_setup_teardown(test_newest_of_an_origin, fixture_overlay, fixture_end),
        cmocka_unit_test_setup_teardown(test_listed_and_removed, fixture_overlay, fixture_end),
        cmocka_unit_test_setup_teardown(test_what_the_dead_left, fixture_overlay, fixture_end),
        cmocka_unit_test_setup_teardown(test_notes, fixture_overlay, fixture_end),
        cmocka_unit_test_setup_teardown(test_outside, fixture_overlay, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
