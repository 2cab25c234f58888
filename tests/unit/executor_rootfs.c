/* Mounting stacks of directories, and mount points that leave no trace. Needs root. */
#include "base/fs.h"
#include "executor/mount_points.h"
#include "executor/rootfs.h"
#include "store/snapshot.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct fixture {
    char directory[64];
    struct store *store;
    struct build *build;
};

static int shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int shell(const char *format, ...) {
    char command[8192];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof(command), format, arguments);
    va_end(arguments);
    return system(command);
}

static void require(int result, const struct error *error) {
    if (result < 0) {
        fail_msg("%s", error->message);
    }
}

static char *new_upper(struct fixture *fixture) {
    struct snapshot snapshot;
    struct error error = ERROR_INIT;
    require(snapshot_new(fixture->store, fixture->build, NULL, &snapshot, &error), &error);
    char *upper = xasprintf("%s/diff", snapshot.directory);
    snapshot_free(&snapshot);
    return upper;
}

static size_t count_mounts(const struct fixture *fixture) {
    struct buf text = BUF_INIT;
    size_t count = 0;
    assert_int_equal(fs_read_file(AT_FDCWD, "/proc/self/mounts", 1 << 20, &text, NULL), 0);
    for (const char *at = text.data; (at = strstr(at, fixture->directory)); at++) {
        count++;
    }
    buf_free(&text);
    return count;
}

/* 128 layers with paths of 300 bytes, among them all that divides or escapes mount options. */
static void test_many_lowers(void **state) {
    struct fixture *fixture = *state;
    enum { LOWERS = 128 };
    const char *lowers[LOWERS];
    struct error error = ERROR_INIT;
    struct rootfs root;
    char padding[200];
    memset(padding, 'x', sizeof(padding) - 1);
    padding[sizeof(padding) - 1] = '\0';
    for (int i = 0; i < LOWERS; i++) {
        char *path = xasprintf("%s/lo,wer:%%\\ '\"\n%s-%d", fixture->directory, padding, i);
        char *file = xasprintf("%s/from-%d", path, i);
        char *top = xasprintf("%s/top", path);
        assert_int_equal(mkdir(path, 0755), 0);
        close(open(file, O_CREAT | O_WRONLY, 0644));
        int fd = open(top, O_CREAT | O_WRONLY, 0644);
        dprintf(fd, "%d", i);
        close(fd);
        free(file);
        free(top);
        lowers[i] = path;
    }
    char *upper = new_upper(fixture);
    require(rootfs_mount(fixture->store, fixture->build, lowers, LOWERS, upper, &root, &error),
            &error);
    assert_int_equal(faccessat(root.fd, "from-0", F_OK, 0), 0);
    assert_int_equal(faccessat(root.fd, "from-127", F_OK, 0), 0);
    struct buf top = BUF_INIT;
    assert_int_equal(fs_read_file(root.fd, "top", 100, &top, NULL), 0);
    assert_string_equal(top.data, "0"); /* the first is the topmost */
    buf_free(&top);
    assert_int_equal(mkdirat(root.fd, "new", 0755), 0);
    assert_int_equal(unlinkat(root.fd, "from-127", 0), 0);
    rootfs_unmount(&root);
    assert_int_equal(shell("test -d '%s/new' && test -c '%s/from-127'", upper, upper), 0);

    /* All of them without an upper directory, and one alone. */
    require(rootfs_mount(fixture->store, fixture->build, lowers, LOWERS, NULL, &root, &error),
            &error);
    assert_int_not_equal(mkdirat(root.fd, "no", 0755), 0);
    rootfs_unmount(&root);
    require(rootfs_mount(fixture->store, fixture->build, lowers + 5, 1, NULL, &root, &error),
            &error);
    assert_int_equal(faccessat(root.fd, "from-5", F_OK, 0), 0);
    assert_int_not_equal(mkdirat(root.fd, "no", 0755), 0);
    rootfs_unmount(&root);
    assert_int_equal(count_mounts(fixture), 0);

    assert_int_equal(fs_remove_tree(AT_FDCWD, lowers[77], NULL), 0);
    char cwd[PATH_MAX];
    assert_non_null(getcwd(cwd, sizeof(cwd)));
    assert_int_equal(
        rootfs_mount(fixture->store, fixture->build, lowers, LOWERS, upper, &root, &error), -1);
    assert_int_equal(error.code, ERROR_CHANGED);
    assert_non_null(strstr(error.message, "-77 is gone"));
    error_clear(&error);
    assert_int_equal(
        rootfs_mount(fixture->store, fixture->build, lowers + 77, 1, NULL, &root, &error), -1);
    assert_int_equal(error.code, ERROR_CHANGED);
    error_clear(&error);
    char now[PATH_MAX];
    assert_string_equal(getcwd(now, sizeof(now)), cwd);
    assert_int_equal(count_mounts(fixture), 0);
    for (int i = 0; i < LOWERS; i++) {
        free((char *)lowers[i]);
    }
    free(upper);
}

static void test_too_many_lowers(void **state) {
    struct fixture *fixture = *state;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct rootfs root;
    const char *lowers[501];
    for (size_t i = 0; i < 501; i++) {
        lowers[i] = "/";
    }
    assert_int_equal(rootfs_mount(fixture->store, fixture->build, lowers, 501, NULL, &root, &error),
                     -1);
    assert_int_equal(error.code, ERROR_UNSUPPORTED);
    assert_string_equal(error.message, "501 layers are too many to mount: the kernel takes 500");
}

static void test_no_lowers(void **state) {
    struct fixture *fixture = *state;
    struct error error = ERROR_INIT;
    struct rootfs root;
    char *upper = new_upper(fixture);
    require(rootfs_mount(fixture->store, fixture->build, NULL, 0, upper, &root, &error), &error);
    assert_string_equal(root.path, upper);
    assert_false(root.is_mounted);
    rootfs_unmount(&root);
    require(rootfs_mount(fixture->store, fixture->build, NULL, 0, NULL, &root, &error), &error);
    assert_int_equal(faccessat(root.fd, ".", R_OK, 0), 0);
    char *path = xstrdup(root.path);
    rootfs_unmount(&root);
    assert_int_not_equal(access(path, F_OK), 0);
    rootfs_unmount(&root);
    free(path);
    free(upper);
}

/* ---- mount points ---- */

struct row {
    const char *name;
    const char *lower;  /* shell commands in the image */
    const char *points; /* divided by spaces; files end in '*' */
    const char *during; /* shell commands in the mounted root while the points are there */
    const char *layer;  /* afterwards: find, sorted, divided by spaces */
    const char *same;   /* a directory of the image whose attributes must be the same as before */
    const char *error;
};

static const struct row rows[] = {
    { .name = "directories of the image are not copied up",
      .lower = "mkdir etc",
      .points = "/etc/hosts* /etc/resolv.conf* /proc",
      .layer = "",
      .same = "etc" },
    { .name = "deep ones neither",
      .lower = "mkdir -p a/b/c; touch -d 2001-01-01 a/b/c a/b a; chmod 2751 a/b; chown 5:6 a/b/c",
      .points = "/a/b/c/d/e/f* /a/x /a/b/y*",
      .layer = "",
      .same = "a/b/c" },
    { .name = "with attributes",
      .lower = "mkdir etc; setfattr -n user.x -v y etc; setfattr -n security.z -v w etc",
      .points = "/etc/hosts*",
      .layer = "" },
    { .name = "an attribute set meanwhile",
      .lower = "mkdir etc",
      .points = "/etc/hosts*",
      .during = "setfattr -n user.x -v y etc",
      .layer = "etc" },
    { .name = "a mode changed meanwhile",
      .lower = "mkdir etc",
      .points = "/etc/hosts*",
      .during = "chmod 711 etc",
      .layer = "etc" },
    { .name = "a time changed meanwhile",
      .lower = "mkdir etc",
      .points = "/etc/hosts*",
      .during = "touch -d 2002-02-02 etc",
      .layer = "etc" },
    { .name = "something made and removed changes the time",
      .lower = "mkdir etc",
      .points = "/etc/hosts*",
      .during = "touch etc/x; rm etc/x",
      .layer = "etc" },
    { .name = "a file deleted meanwhile",
      .lower = "mkdir etc; touch etc/x",
      .points = "/etc/hosts*",
      .during = "rm etc/x",
      .layer = "etc etc/x" },
    { .name = "the directory replaced by an opaque one",
      .lower = "mkdir -p a/etc; touch a/etc/x",
      .points = "/a/etc/hosts*",
      .during = "rm -r a/etc; mkdir a/etc",
      .layer = "a a/etc" },
    { .name = "a point that was written to",
      .lower = "mkdir etc",
      .points = "/etc/hosts* /new/dir",
      .during = "echo x >etc/hosts; touch new/dir/y",
      .layer = "etc etc/hosts new new/dir new/dir/y" },
    { .name = "a point that was replaced",
      .lower = "mkdir etc",
      .points = "/etc/hosts*",
      .during = "rm etc/hosts; ln -s x etc/hosts",
      .layer = "etc etc/hosts" },
    { .name = "another file in its place",
      .lower = "mkdir etc",
      .points = "/etc/hosts*",
      .during = "touch etc/new; mv etc/new etc/hosts",
      .layer = "etc etc/hosts" },
    { .name = "its directory moved",
      .points = "/made/hosts*",
      .during = "mv made other",
      .layer = "other" },
    { .name = "one below another is the runtime's affair",
      .points = "/dev /dev/pts /dev/x/y*",
      .layer = "" },
    { .name = "a point that exists",
      .lower = "mkdir etc; echo own >etc/hosts; chmod 600 etc/hosts",
      .points = "/etc/hosts*",
      .layer = "" },
    { .name = "links are followed inside",
      .lower = "ln -s /real etc; mkdir real; ln -s ../../../run/x real/resolv.conf",
      .points = "/etc/hosts* /etc/resolv.conf*",
      .during = "test -f real/hosts && test -f run/x",
      .layer = "" },
    { .name = "out of the root and back",
      .points = "/a/../../../b/./c//d",
      .during = "test -d b/c/d && test ! -e a",
      .layer = "" },
    { .name = "through a file",
      .lower = "touch etc",
      .points = "/etc/hosts*",
      .error = "is not a directory" },
    { .name = "in circles", .lower = "ln -s b a; ln -s a b", .points = "/a/x", .error = "circles" },
    { .name = "links that grow",
      .lower = "ln -s x/x/x/x/x/x/x/x/x/x x",
      .points = "/x/y",
      .error = "circles" },
};

static int add_points(struct mount_points *points, const char *text, struct error *error) {
    struct str rest = str_of(text);
    struct str point;
    while (rest.len && str_split(&rest, ' ', &point)) {
        bool is_file = str_has_suffix(point, STR("*"));
        struct str path = str_sub(point, 0, point.len - is_file);
        if (mount_points_add(points, path, is_file ? 0 : 0755, error) < 0) {
            return -1;
        }
    }
    return 0;
}

static void read_line(const char *command, char *line, size_t size) {
    FILE *pipe = popen(command, "r");
    if (!fgets(line, (int)size, pipe)) {
        line[0] = '\0';
    }
    pclose(pipe);
}

static void run_row(struct fixture *fixture, const struct row *row, bool has_lower) {
    struct error error = ERROR_INIT;
    struct rootfs root;
    char before[256] = "";
    char after[256] = "";
    char line[1024];
    char *lower = new_upper(fixture);
    char *upper = new_upper(fixture);
    const char *lowers[] = { lower };
    assert_int_equal(
        shell("cd '%s' && { %s; }", has_lower ? lower : upper, row->lower ? row->lower : ":"), 0);
    require(rootfs_mount(fixture->store, fixture->build, lowers, has_lower, upper, &root, &error),
            &error);
    char *command =
        xasprintf("stat -c '%%n %%f %%u %%g %%y' '%s/%s'", root.path, row->same ? row->same : ".");
    read_line(command, before, sizeof(before));
    usleep(10000); /* beyond the kernel's clock tick */
    struct mount_points *points = mount_points_new(&root);
    int status = add_points(points, row->points, &error);
    if (status == 0 && row->during) {
        usleep(10000);
        if (shell("cd '%s' && { %s; }", root.path, row->during) != 0) {
            fail_msg("%s: %s", row->name, row->during);
        }
    }
    mount_points_remove(points);
    read_line(command, after, sizeof(after));
    rootfs_unmount(&root);
    if (row->same && strcmp(before, after) != 0) {
        fail_msg("%s: %s instead of %s", row->name, after, before);
    }
    if (row->error ? status == 0 || !error.cause || !strstr(error.cause->message, row->error)
                   : status < 0) {
        fail_msg("%s: %s", row->name, status < 0 ? error.message : "no error");
    }
    free(command);
    command = xasprintf("cd '%s' && find . -mindepth 1 | sed 's,^..,,' | LC_ALL=C sort | tr '\\n' "
                        "' ' | sed 's/ $//'",
                        upper);
    read_line(command, line, sizeof(line));
    if (has_lower && row->layer && strcmp(line, row->layer) != 0) {
        fail_msg("%s: '%s' instead of '%s'", row->name, line, row->layer);
    }
    error_clear(&error);
    free(command);
    free(lower);
    free(upper);
}

static bool needs_setfattr(const struct row *row) {
    return (row->lower && strstr(row->lower, "setfattr")) ||
           (row->during && strstr(row->during, "setfattr"));
}

static void test_mount_points(void **state) {
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (needs_setfattr(&rows[i]) && access("/usr/bin/setfattr", X_OK) != 0) {
            print_message("skipped: '%s' needs setfattr\n", rows[i].name);
            continue;
        }
        run_row(*state, &rows[i], true);
        /* Without an overlay only the points themselves are looked at. */
        run_row(*state, &rows[i], false);
    }
}

/* ---- fixture ---- */

static int set_up(void **state) {
    struct fixture *fixture = xcalloc(1, sizeof(*fixture));
    struct error error = ERROR_INIT;
    snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/bud-test-XXXXXX");
    if (!mkdtemp(fixture->directory)) {
        return -1;
    }
    char *root = xasprintf("%s/ro,ot:\\x", fixture->directory);
    char *run_root = xasprintf("%s/ru,n:\\x", fixture->directory);
    const struct store_options options = { .root = root,
                                           .run_root = run_root,
                                           .driver = "overlay" };
    if (store_open(&options, STORE_WRITE, &fixture->store, &error) < 0 ||
        rootfs_enter_namespace(fixture->store, &error) < 0 ||
        build_begin(fixture->store, &fixture->build, &error) < 0) {
        print_error("%s\n", error.message);
        return -1;
    }
    free(root);
    free(run_root);
    *state = fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    build_end(fixture->store, fixture->build, NULL);
    store_close(fixture->store);
    shell("rm -rf %s", fixture->directory);
    free(fixture);
    return 0;
}

int main(void) {
    if (geteuid() != 0) {
        printf("skipped: needs root\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_lowers),
        cmocka_unit_test(test_too_many_lowers),
        cmocka_unit_test(test_no_lowers),
        cmocka_unit_test(test_mount_points),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
