/* Is a directory still as it was? What is done to one, and whether that is seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/time.h"
#include "store/directory_state.h"
#include "store/layer_compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct row {
    const char *name;
    const char *command; /* done in the directory */
    bool is_seen;
    bool is_like; /* compared with a copy made before: the same layer */
};

static const struct row rows[] = {
    { "nothing", "true", false, true },
    { "reading", "cat file d/e/deep > /dev/null; ls -R > /dev/null", false, true },
    { "a new file", "echo > new", true, false },
    { "a new file and the old time of the directory",
      "touch -r . ../t; echo > new; touch -r ../t .", true, false },
    { "a removed file", "rm file", true, false },
    { "a shorter file", "truncate -s 1 file", true, false },
    { "a shorter file with its old time",
      "touch -r file ../t; truncate -s 1 file; touch -r ../t file", true, false },
    { "a longer file further down", "echo more >> d/e/deep", true, false },
    { "a new file further down", "echo > d/e/new", true, false },
    { "another mode", "chmod 600 d/e/deep", true, false },
    { "another owner", "chown 7 d/e/deep", true, false },
    { "another owner, and the first again", "chown 7 file; chown 0 file", true, true },
    { "an attribute", "setfattr -n user.x -v 1 file", true, false },
    { "an attribute of a directory", "setfattr -n user.x -v 1 d/e", true, false },
    { "an attribute that no layer has", "setfattr -n user.overlay.x -v 1 file", true, true },
    { "another name of a file", "ln file ../elsewhere", true, true },
    { "another target of a link", "ln -sf elsewhere link", true, false },
    { "a fraction of a second", "touch -d '2001-02-03 04:05:06.7' file", true, true },
    { "mode of the directory itself", "chmod 700 .", true, true },
    { "owner of the directory itself", "chown 5:6 .", true, true },
    { "an attribute of the directory itself", "setfattr -n user.x -v 1 .", true, true },
};

static void run(const char *directory, const char *command) {
    _cleanup_free_ char *line = xasprintf("cd %s && %s", directory, command);
    assert_int_equal(system(line), 0);
}

static void what_is_done_to_it(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char place[] = "/tmp/bud-state-XXXXXX";
        struct stat status;
        assert_non_null(mkdtemp(place));
        _cleanup_free_ char *path = xasprintf("%s/diff", place);
        _cleanup_free_ char *copy = xasprintf("%s/copy", place);
        run(place,
            "mkdir -p diff/d/e && echo 12345 > diff/file && echo 1 > diff/d/e/deep && "
            "ln -s file diff/link && touch -d '2001-02-03 04:05:06' diff/file && cp -a diff copy");
        struct directory_state before = directory_state_read(path);
        assert_true(before.inode != 0 && before.shape != 0);
        run(path, rows[i].command);
        assert_int_equal(stat(path, &status), 0);
        if (directory_state_differs(&before, path, &status) != rows[i].is_seen ||
            layer_is_like(copy, path, false) != rows[i].is_like ||
            (rows[i].is_like && !layer_is_like(copy, path, true))) {
            fail_msg("%s", rows[i].name);
        }
        assert_int_equal(fs_remove_tree(AT_FDCWD, place, NULL), 0);
    }
}

static void copies_and_what_is_not_known_are_not_accused(void **state) {
    (void)state;
    char place[] = "/tmp/bud-state-XXXXXX";
    struct stat status;
    assert_non_null(mkdtemp(place));
    _cleanup_free_ char *copy = xasprintf("%s/copy", place);
    run(place, "mkdir diff && echo 1 > diff/b && echo 2 > diff/a && cp -a diff copy");
    _cleanup_free_ char *diff = xasprintf("%s/diff", place);
    struct directory_state before = directory_state_read(diff);
    assert_int_equal(stat(copy, &status), 0);
    assert_false(directory_state_differs(&before, copy, &status));
    const struct directory_state unknown = { .inode = 0 };
    assert_false(directory_state_differs(&unknown, copy, &status));
    run(place, "mkdir empty");
    _cleanup_free_ char *empty = xasprintf("%s/empty", place);
    assert_true(directory_state_read(empty).inode != 0);
    assert_true(directory_state_read("/nowhere/at/all").inode == 0);
    assert_int_equal(fs_remove_tree(AT_FDCWD, place, NULL), 0);
}

/* Of a large directory the first entries are looked at, and no more time is taken than they need. */
static void large_directories_are_looked_at_in_part(void **state) {
    (void)state;
    char place[] = "/tmp/bud-state-XXXXXX";
    struct stat status;
    assert_non_null(mkdtemp(place));
    run(place, "mkdir d && cd d && for i in $(seq 500); do echo $i > $i; done");
    struct directory_state before = directory_state_read(place);
    assert_true(before.shape != 0);
    assert_int_equal(stat(place, &status), 0);
    assert_false(directory_state_differs(&before, place, &status));
    run(place, "cd d && for i in $(seq 500); do echo more >> $i; done");
    assert_int_equal(stat(place, &status), 0);
    assert_true(directory_state_differs(&before, place, &status));
    assert_int_equal(fs_remove_tree(AT_FDCWD, place, NULL), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_done_to_it),
        cmocka_unit_test(copies_and_what_is_not_known_are_not_accused),
        cmocka_unit_test(large_directories_are_looked_at_in_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
