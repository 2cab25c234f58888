/* Files and directories: hostile names and trees, holes, atomic replacement. */
#include "base/fs.h"
#include "base/fs_walk.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct fixture {
    char path[64];
    int fd;
};

static int make_directory(void **state) {
    struct fixture *fixture = xcalloc(1, sizeof(*fixture));
    strcpy(fixture->path, "/tmp/bud-fs-XXXXXX");
    if (!mkdtemp(fixture->path)) {
        return -1;
    }
    chmod(fixture->path, 0755);
    fixture->fd = open(fixture->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = fixture;
    return 0;
}

static int remove_directory(void **state) {
    struct fixture *fixture = *state;
    close(fixture->fd);
    int result = fs_remove_tree(AT_FDCWD, fixture->path, NULL);
    free(fixture);
    return result;
}

static int directory_of(void **state) {
    return ((struct fixture *)*state)->fd;
}

static void write_file(int directory, const char *name, const char *text) {
    assert_int_equal(fs_write_atomic(directory, name, text, strlen(text), 0644, FS_NO_SYNC, NULL),
                     0);
}

static bool exists(int directory, const char *name) {
    struct stat stat_buffer;
    return fstatat(directory, name, &stat_buffer, AT_SYMLINK_NOFOLLOW) == 0;
}

static size_t entry_count(int directory) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct str *names;
    size_t count;
    assert_int_equal(fs_list(directory, &arena, &names, &count, NULL), 0);
    return count;
}

static void paths_do_not_leave_their_root(void **state) {
    int top = directory_of(state);
    assert_int_equal(fs_make_directories(top, "root/etc", 0755, NULL), 0);
    write_file(top, "secret", "outside");
    write_file(top, "root/secret", "inside");
    _cleanup_fd_ int root = openat(top, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    symlinkat("../secret", root, "up");
    symlinkat("/secret", root, "absolute");
    symlinkat("../../../../secret", root, "etc/far");
    symlinkat("loop", root, "loop");
    symlinkat("/proc/self/root/etc/passwd", root, "magic");
    const struct {
        const char *path;
        bool in_root;
        bool beneath;
    } rows[] = {
        { "secret", true, true },        { "/secret", true, false },  { "../secret", true, false },
        { "up", true, false },           { "absolute", true, false }, { "etc/far", true, false },
        { "etc/../secret", true, true }, { "loop", false, false },    { "magic", false, false },
        { "nothing", false, false },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_error_ struct error error = ERROR_INIT;
        _cleanup_fd_ int in_root = fs_open_in_root(root, rows[i].path, O_RDONLY, 0, &error);
        _cleanup_fd_ int beneath = fs_open_beneath(root, rows[i].path, O_RDONLY, 0, &error);
        _cleanup_fd_ int walk_in_root = walk_open(root, rows[i].path, O_RDONLY, 0, WALK_IN_ROOT);
        _cleanup_fd_ int walk_beneath = walk_open(root, rows[i].path, O_RDONLY, 0, WALK_BENEATH);
        print_message("%s\n", rows[i].path);
        assert_int_equal(in_root >= 0, rows[i].in_root);
        assert_int_equal(beneath >= 0, rows[i].beneath);
        assert_int_equal(walk_in_root >= 0, rows[i].in_root);
        assert_int_equal(walk_beneath >= 0, rows[i].beneath);
        _cleanup_buf_ struct buf text = BUF_INIT;
        if (in_root >= 0) {
            assert_int_equal(fs_read_fd(in_root, "secret", 100, &text, NULL), 0);
            assert_string_equal(text.data, "inside");
            assert_true(fcntl(in_root, F_GETFD) & FD_CLOEXEC);
        }
    }
}

/* Same flags, same path: same file or same errno. */
static void walking_is_as_the_kernel_does(void **state) {
    int top = directory_of(state);
    assert_int_equal(fs_make_directories(top, "a/b/c", 0755, NULL), 0);
    write_file(top, "a/file", "x");
    symlinkat("b/c", top, "a/down");
    symlinkat("../a/down/../../file", top, "a/round");
    symlinkat("/a/b/", top, "a/slash");
    symlinkat("nothing", top, "a/dangling");
    symlinkat("self", top, "a/self");
    const char *const paths[] = {
        "a",       "a/",        "/",       ".",        "..",       "/..",       "a/..",
        "a/../..", "a/./b//c/", "a/file",  "a/file/",  "a/file/x", "a/file/..", "a/down",
        "a/down/", "a/down/..", "a/round", "a/round/", "a/slash",  "a/slash/c", "a/dangling",
        "a/self",  "a/self/x",  "none",    "none/x",   "none/..",  "",          "a//b/../file",
    };
    const int all_flags[] = {
        O_RDONLY,
        O_PATH,
        O_PATH | O_NOFOLLOW,
        O_RDONLY | O_NOFOLLOW,
        O_RDONLY | O_DIRECTORY,
        O_RDWR,
        O_WRONLY | O_CREAT | O_EXCL,
    };
    for (size_t i = 0; i < COUNT(paths) * COUNT(all_flags) * 2; i++) {
        const char *path = paths[i / 2 / COUNT(all_flags)];
        int flags = all_flags[i / 2 % COUNT(all_flags)];
        errno = 0;
        _cleanup_fd_ int kernel = i % 2 ? fs_open_in_root(top, path, flags, 0600, NULL)
                                        : fs_open_beneath(top, path, flags, 0600, NULL);
        int kernel_errno = errno;
        struct stat a = { 0 };
        struct stat b = { 0 };
        if (kernel >= 0) {
            fstat(kernel, &a);
        }
        if (kernel >= 0 && (flags & O_CREAT)) {
            assert_int_equal(unlinkat(top, path, 0), 0);
        }
        _cleanup_fd_ int walked =
            walk_open(top, path, flags, 0600, i % 2 ? WALK_IN_ROOT : WALK_BENEATH);
        int walk_errno = errno;
        if (walked >= 0) {
            fstat(walked, &b);
            assert_true(fcntl(walked, F_GETFD) & FD_CLOEXEC);
        }
        if ((kernel >= 0) != (walked >= 0) || (kernel < 0 && kernel_errno != walk_errno) ||
            a.st_mode != b.st_mode || (!(flags & O_CREAT) && a.st_ino != b.st_ino)) {
            fail_msg("\"%s\" with flags %o, rule %zu: %d (%s) is not %d (%s)", path, flags, i % 2,
                     kernel, strerror(kernel_errno), walked, strerror(walk_errno));
        }
        if (walked >= 0 && (flags & O_CREAT)) {
            assert_int_equal(unlinkat(top, path, 0), 0);
        }
    }
}

static void reading_is_limited(void **state) {
    int top = directory_of(state);
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_buf_ struct buf out = BUF_INIT;
    bool is_there = true;
    write_file(top, "ten", "0123456789");
    buf_append_c(&out, "x");
    assert_int_equal(fs_read_file(top, "ten", 10, &out, &error), 0);
    assert_string_equal(out.data, "x0123456789");
    assert_int_equal(fs_read_file(top, "ten", 9, &out, &error), -1);
    assert_int_equal(error.code, ERROR_INPUT);
    assert_string_equal(out.data, "x0123456789");
    assert_int_equal(fs_read_file(AT_FDCWD, "/dev/zero", 100000, &out, &error), -1);
    assert_int_equal(fs_read_file_if_exists(top, "none", 9, &out, &is_there, &error), 0);
    assert_false(is_there);
    assert_int_equal(fs_read_file_if_exists(top, "ten", 10, &out, &is_there, &error), 0);
    assert_true(is_there);
    assert_int_equal(fs_read_file(top, ".", 10, &out, &error), -1);
    assert_int_equal(error.number, EISDIR);
}

static void replacing_is_all_or_nothing(void **state) {
    int top = directory_of(state);
    _cleanup_buf_ struct buf out = BUF_INIT;
    struct stat stat_buffer;
    char longest[256];
    memset(longest, 'n', 255);
    longest[255] = '\0';
    assert_int_equal(fs_write_atomic(top, "file", "old", 3, 0600, FS_SYNC, NULL), 0);
    mode_t mask = umask(077);
    assert_int_equal(fs_write_atomic(top, "./file", "new", 3, 0664, FS_SYNC, NULL), 0);
    umask(mask);
    assert_int_equal(fs_read_file(top, "file", 10, &out, NULL), 0);
    assert_string_equal(out.data, "new");
    assert_int_equal(fstatat(top, "file", &stat_buffer, 0), 0);
    assert_int_equal(stat_buffer.st_mode & 07777, 0664);
    assert_int_equal(fs_write_atomic(top, longest, "", 0, 0644, FS_NO_SYNC, NULL), 0);

    /* A directory cannot be replaced by a file: what fails is the last step. */
    mkdirat(top, "dir", 0755);
    _cleanup_error_ struct error error = ERROR_INIT;
    assert_int_equal(fs_write_atomic(top, "dir", "x", 1, 0644, FS_NO_SYNC, &error), -1);
    assert_int_equal(error.number, EISDIR);
    assert_int_equal(fs_write_atomic(top, "none/file", "x", 1, 0644, FS_NO_SYNC, &error), -1);
    assert_int_equal(error.number, ENOENT);
    assert_int_equal(fs_write_atomic(top, "dir/", "x", 1, 0644, FS_NO_SYNC, &error), -1);
    assert_int_equal(entry_count(top), 3);
}

static void a_full_disk_keeps_the_old_file(void **state) {
    struct fixture *fixture = *state;
    mkdirat(fixture->fd, "small", 0755);
    _cleanup_free_ char *path = xasprintf("%s/small", fixture->path);
    if (geteuid() != 0 || mount("tmpfs", path, "tmpfs", 0, "size=64k") < 0) {
        skip();
    }
    int small = openat(fixture->fd, "small", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_free_ char *large = xcalloc(1, 1 << 20);
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_buf_ struct buf out = BUF_INIT;
    write_file(small, "file", "old");
    int result = fs_write_atomic(small, "file", large, 1 << 20, 0644, FS_SYNC, &error);
    size_t count = entry_count(small);
    int reading = fs_read_file(small, "file", 100, &out, NULL);
    close(small);
    umount2(path, MNT_DETACH);
    assert_int_equal(result, -1);
    assert_int_equal(error.number, ENOSPC);
    assert_int_equal(count, 1);
    assert_int_equal(reading, 0);
    assert_string_equal(out.data, "old");
}

static void directories_are_made_with_their_parents(void **state) {
    int top = directory_of(state);
    _cleanup_error_ struct error error = ERROR_INIT;
    assert_int_equal(fs_make_directories(top, "a/b//c/", 0755, NULL), 0);
    assert_int_equal(fs_make_directories(top, "a/b/c", 0755, NULL), 0);
    assert_int_equal(fs_make_directories(top, ".", 0755, NULL), 0);
    assert_int_equal(fs_make_directories(top, "/", 0755, NULL), 0);
    assert_true(exists(top, "a/b/c"));
    write_file(top, "file", "");
    assert_int_equal(fs_make_directories(top, "file", 0755, &error), -1);
    assert_int_equal(error.number, ENOTDIR);
    assert_int_equal(fs_make_directories(top, "file/x/y", 0755, &error), -1);
    assert_int_equal(error.number, ENOTDIR);
}

static void listing_is_sorted_bytewise(void **state) {
    int top = directory_of(state);
    const char *const names[] = { "\xff", "b", "a b", "B", "a", ".hidden" };
    const char *const sorted[] = { ".hidden", "B", "a", "a b", "b", "\xff" };
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    for (size_t i = 0; i < COUNT(names); i++) {
        write_file(top, names[i], "");
    }
    for (int round = 0; round < 2; round++) {
        struct str *list;
        size_t count;
        assert_int_equal(fs_list(top, &arena, &list, &count, NULL), 0);
        assert_int_equal(count, COUNT(sorted));
        for (size_t i = 0; i < count; i++) {
            assert_true(str_equal_c(list[i], sorted[i]));
        }
    }
}

/* A tree DEPTH deep, deeper than any path can name. */
static void make_deep(int top, int depth) {
    int fd = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < depth; i++) {
        assert_int_equal(mkdirat(fd, "d", 0755), 0);
        int next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        close(fd);
        fd = next;
    }
    write_file(fd, "leaf", "x");
    close(fd);
}

static void trees_of_any_shape_are_removed(void **state) {
    int top = directory_of(state);
    write_file(top, "keep", "x");
    assert_int_equal(fs_make_directories(top, "tree/a/b", 0755, NULL), 0);
    assert_int_equal(fs_make_directories(top, "tree/wide", 0755, NULL), 0);
    assert_int_equal(fs_make_directories(top, "kept", 0755, NULL), 0);
    write_file(top, "kept/file", "x");
    symlinkat("../keep", top, "tree/to-file");
    symlinkat("../kept", top, "tree/to-directory");
    mkfifoat(top, "tree/fifo", 0644);
    for (int i = 0; i < 3000; i++) {
        char name[40];
        snprintf(name, sizeof(name), i % 3 ? "tree/wide/%d" : "tree/wide/%d/sub", i);
        assert_int_equal(i % 3 ? mknodat(top, name, S_IFREG | 0644, 0)
                               : fs_make_directories(top, name, 0755, NULL),
                         0);
    }
    _cleanup_fd_ int tree = openat(top, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    make_deep(tree, 5000);
    fchmodat(top, "tree/a/b", 0, 0);
    fchmodat(top, "tree/a", 0, 0);

    assert_int_equal(fs_remove_tree(top, "tree/", NULL), 0);
    assert_false(exists(top, "tree"));
    assert_true(exists(top, "keep"));
    assert_true(exists(top, "kept/file"));
    assert_int_equal(fs_remove_tree(top, "tree", NULL), 0);
    assert_int_equal(fs_remove_tree(top, "keep", NULL), 0);
    symlinkat("kept", top, "link");
    assert_int_equal(fs_remove_tree(top, "link", NULL), 0);
    assert_true(exists(top, "kept/file"));
    assert_int_equal(fs_remove_tree(top, "kept/.", NULL), -1);
    assert_int_equal(fs_remove_tree(top, "kept/..", NULL), -1);
    assert_int_equal(fs_remove_tree(top, "", NULL), 0);
}

static void users_remove_their_own_closed_directories(void **state) {
    int top = directory_of(state);
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(fs_make_directories(top, "user", 0755, NULL), 0);
    assert_int_equal(fchownat(top, "user", 65534, 65534, 0), 0);
    pid_t pid = fork();
    if (pid == 0) {
        int status = setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534);
        const int modes[] = { 0, 0100, 0400, 0500, 0300 };
        for (size_t i = 0; i < COUNT(modes) && !status; i++) {
            char name[] = "user/0";
            name[5] = (char)('0' + i);
            char inner[20];
            snprintf(inner, sizeof(inner), "%s/sub", name);
            status |= mkdirat(top, name, 0755) | mkdirat(top, inner, 0755);
            status |= fchmodat(top, inner, (mode_t)modes[i], 0);
            status |= fchmodat(top, name, (mode_t)modes[i], 0);
            status |= fs_remove_tree(top, name, NULL);
        }
        _exit(status ? 1 : 0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(fs_remove_tree(top, "user", NULL), 0);
}

static void mounts_are_not_entered(void **state) {
    struct fixture *fixture = *state;
    if (geteuid() != 0) {
        skip();
    }
    assert_int_equal(fs_make_directories(fixture->fd, "tree/mounted", 0755, NULL), 0);
    assert_int_equal(fs_make_directories(fixture->fd, "precious", 0755, NULL), 0);
    write_file(fixture->fd, "precious/file", "x");
    _cleanup_free_ char *from = xasprintf("%s/precious", fixture->path);
    _cleanup_free_ char *to = xasprintf("%s/tree/mounted", fixture->path);
    if (mount(from, to, "none", MS_BIND, NULL) < 0) {
        skip();
    }
    _cleanup_error_ struct error error = ERROR_INIT;
    int result = fs_remove_tree(fixture->fd, "tree", &error);
    umount2(to, MNT_DETACH);
    assert_int_equal(result, -1);
    assert_non_null(error.hint);
    assert_true(exists(fixture->fd, "precious/file"));
}

/* A file of SIZE bytes, a hole but for the blocks at EVERY bytes. */
static int make_sparse(int top, const char *name, off_t size, off_t every) {
    int fd = openat(top, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    for (off_t at = 0; every && at < size; at += every) {
        char block[4096];
        memset(block, 'a' + (int)(at / every % 26), sizeof(block));
        size_t len = size - at < 4096 ? (size_t)(size - at) : 4096;
        assert_int_equal(pwrite(fd, block, len, at), len);
    }
    assert_int_equal(ftruncate(fd, size), 0);
    return fd;
}

static void assert_same_data(int a, int b) {
    char left[65536];
    char right[65536];
    for (off_t at = 0;; at += sizeof(left)) {
        ssize_t got = pread(a, left, sizeof(left), at);
        assert_int_equal(pread(b, right, sizeof(right), at), got);
        if (got <= 0) {
            return;
        }
        assert_memory_equal(left, right, (size_t)got);
    }
}

static void copies_are_equal_and_keep_holes(void **state) {
    int top = directory_of(state);
    const struct {
        off_t size;
        off_t every;
        blkcnt_t most; /* 512-byte blocks the copy may use */
    } rows[] = {
        { 0, 0, 0 },
        { 1, 1, 16 },
        { 100000, 4096, 400 },
        { (off_t)1 << 32, 0, 16 },
        { 10000001, 1000000, 400 },
        { 3000000, 4096, 7000 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_fd_ int source = make_sparse(top, "source", rows[i].size, rows[i].every);
        /* Once in the same file system, once to another one. */
        _cleanup_fd_ int near = openat(top, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        _cleanup_fd_ int far = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        const int targets[] = { near, far };
        for (size_t t = 0; t < COUNT(targets) && targets[t] >= 0; t++) {
            struct stat stat_buffer;
            assert_int_equal(
                fs_copy_data(source, targets[t], "source", (uint64_t)rows[i].size, NULL), 0);
            assert_int_equal(fstat(targets[t], &stat_buffer), 0);
            assert_int_equal(stat_buffer.st_size, rows[i].size);
            assert_true(stat_buffer.st_blocks <= rows[i].most);
            if (rows[i].size < 1 << 30) {
                assert_same_data(source, targets[t]);
            }
        }
    }
}

static void a_size_that_is_not_as_expected_is_told(void **state) {
    int top = directory_of(state);
    _cleanup_fd_ int source = make_sparse(top, "source", 10000, 4096);
    const uint64_t sizes[] = { 0, 9999, 10001, UINT64_MAX };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        _cleanup_error_ struct error error = ERROR_INIT;
        _cleanup_fd_ int target = openat(top, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        assert_int_equal(fs_copy_data(source, target, "source", sizes[i], &error), -1);
        assert_int_equal(error.code, ERROR_CHANGED);
    }
}

static void xattrs_come_sorted(void **state) {
    int top = directory_of(state);
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct fs_xattrs xattrs;
    write_file(top, "file", "");
    symlinkat("file", top, "link");
    assert_int_equal(fs_read_xattrs(top, "file", &arena, &xattrs, &error), 0);
    assert_int_equal(xattrs.count, 0);
    if (fs_set_xattr(top, "file", STR("user.b"), STR("2\0b"), &error) < 0) {
        skip();
    }
    _cleanup_free_ char *large = xcalloc(1, 2000);
    assert_int_equal(fs_set_xattr(top, "file", STR("user.a"), str_make(large, 2000), &error), 0);
    assert_int_equal(fs_set_xattr(top, "file", STR("user.c"), STR(""), &error), 0);
    assert_int_equal(fs_read_xattrs(top, "file", &arena, &xattrs, &error), 0);
    assert_int_equal(xattrs.count, 3);
    assert_true(str_equal_c(xattrs.items[0].name, "user.a"));
    assert_int_equal(xattrs.items[0].value.len, 2000);
    assert_true(str_equal(xattrs.items[1].value, STR("2\0b")));
    assert_int_equal(xattrs.items[2].value.len, 0);
    assert_int_equal(fs_read_xattrs(top, "link", &arena, &xattrs, &error), 0);
    assert_int_equal(xattrs.count, 0);
    assert_int_equal(fs_read_xattrs(top, "none", &arena, &xattrs, &error), -1);
    assert_int_equal(error.number, ENOENT);
    assert_int_equal(fs_set_xattr(top, "file", STR("user.\0x"), STR("1"), &error), -1);
}

static void random_names_differ(void **state) {
    (void)state;
    char a[27];
    char b[27];
    fs_random_name(a, 26);
    fs_random_name(b, 26);
    assert_int_equal(strlen(a), 26);
    assert_int_equal(strspn(a, "abcdefghijklmnopqrstuvwxyz234567"), 26);
    assert_string_not_equal(a, b);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_directory, remove_directory)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(paths_do_not_leave_their_root),
        TEST(walking_is_as_the_kernel_does),
        TEST(reading_is_limited),
        TEST(replacing_is_all_or_nothing),
        TEST(a_full_disk_keeps_the_old_file),
        TEST(directories_are_made_with_their_parents),
        TEST(listing_is_sorted_bytewise),
        TEST(trees_of_any_shape_are_removed),
        TEST(users_remove_their_own_closed_directories),
        TEST(mounts_are_not_entered),
        TEST(copies_are_equal_and_keep_holes),
        TEST(a_size_that_is_not_as_expected_is_told),
        TEST(xattrs_come_sorted),
        TEST(random_names_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
