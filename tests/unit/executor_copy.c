/* Copying a tree entry by entry: orders, depths, names and sources that change. */
#include "executor/copy.h"

#include <errno.h>
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
#define DEPTH 3000

struct place {
    char base[32];
    int source, target;
    struct copy_rules rules;
    struct copy copy;
};

static int set_up(void **state) {
    struct place *place = xcalloc(1, sizeof(*place));
    strcpy(place->base, "/tmp/bud-copy-XXXXXX");
    assert_non_null(mkdtemp(place->base));
    int base = open(place->base, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mkdirat(base, "source", 0755) | mkdirat(base, "target", 0755), 0);
    place->source = openat(base, "source", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    place->target = openat(base, "target", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    close(base);
    place->rules = (struct copy_rules){ .is_context = true };
    copy_begin(&place->copy, &place->rules, place->target, "/dst");
    *state = place;
    return 0;
}

static int tear_down(void **state) {
    struct place *place = *state;
    copy_end(&place->copy, NULL);
    close(place->source);
    close(place->target);
    int result = fs_remove_tree(AT_FDCWD, place->base, NULL);
    free(place);
    return result;
}

static void make_file(int directory, const char *name, const char *text) {
    int fd = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static struct selection_entry entry_of(int directory, const char *name, const char *path) {
    struct selection_entry entry = {
        .path = str_of(path), .directory = directory, .name = name, .tree_path = str_of(path)
    };
    assert_int_equal(fstatat(directory, name, &entry.stat, AT_SYMLINK_NOFOLLOW), 0);
    return entry;
}

/* PATH of the source, opened from its root. */
static int copy_path(struct place *place, const char *path, struct error *error) {
    struct selection_entry entry = entry_of(place->source, path, path);
    return copy_entry(&place->copy, entry.path, &entry, error);
}

static void assert_holds(int directory, const char *path, const char *text) {
    _cleanup_buf_ struct buf data = BUF_INIT;
    assert_int_equal(fs_read_file(directory, path, 1024 * 1024, &data, NULL), 0);
    assert_string_equal(data.len ? data.data : "", text);
}

static void entries_may_come_in_any_order_of_directories(void **state) {
    struct place *place = *state;
    /* Bytewise, `a-b` comes between `a` and what is in it. */
    const char *const paths[] = { "a", "a-b", "a/b", "a/b/c", "b", "a/b/d", "a/e" };
    assert_int_equal(mkdirat(place->source, "a", 0755) | mkdirat(place->source, "a/b", 0711) |
                         mkdirat(place->source, "b", 0700),
                     0);
    make_file(place->source, "a-b", "1");
    make_file(place->source, "a/b/c", "2");
    make_file(place->source, "a/b/d", "3");
    make_file(place->source, "a/e", "4");
    const struct timespec old[2] = { { 1000, 5 }, { 2000, 7 } };
    assert_int_equal(
        utimensat(place->source, "a/b", old, 0) | utimensat(place->source, "a", old, 0), 0);
    for (size_t i = 0; i < COUNT(paths); i++) {
        assert_int_equal(copy_path(place, paths[i], NULL), 0);
    }
    assert_int_equal(copy_end(&place->copy, NULL), 0);
    assert_holds(place->target, "a/b/c", "2");
    assert_holds(place->target, "a/b/d", "3");
    assert_holds(place->target, "a/e", "4");
    struct stat stat;
    assert_int_equal(fstatat(place->target, "a/b", &stat, 0), 0);
    assert_int_equal(stat.st_mode & 07777, 0711);
    assert_int_equal(stat.st_mtim.tv_sec, 2000);
    assert_int_equal(stat.st_mtim.tv_nsec, 7);
    assert_int_equal(stat.st_atim.tv_sec, 1000);
    assert_int_equal(fstatat(place->target, "a", &stat, 0), 0);
    assert_int_equal(stat.st_mtim.tv_sec, 2000);
}

static void parents_that_do_not_come_are_made(void **state) {
    struct place *place = *state;
    assert_int_equal(mkdirat(place->source, "a", 0700) | mkdirat(place->source, "a/b", 0700), 0);
    make_file(place->source, "a/b/c", "1");
    assert_int_equal(copy_path(place, "a/b/c", NULL), 0);
    struct stat stat;
    assert_int_equal(fstatat(place->target, "a/b", &stat, 0), 0);
    assert_int_equal(stat.st_mode & 07777, 0755);
}

static void links_stay_links_across_directories(void **state) {
    struct place *place = *state;
    const char *const paths[] = { "a", "a/one", "b", "b/two", "c" };
    assert_int_equal(mkdirat(place->source, "a", 0755) | mkdirat(place->source, "b", 0755), 0);
    make_file(place->source, "a/one", "1");
    assert_int_equal(linkat(place->source, "a/one", place->source, "b/two", 0) |
                         linkat(place->source, "a/one", place->source, "c", 0),
                     0);
    /* What is in the way of a link goes, as for every file. */
    make_file(place->target, "c", "old");
    for (size_t i = 0; i < COUNT(paths); i++) {
        assert_int_equal(copy_path(place, paths[i], NULL), 0);
    }
    struct stat one, two, three;
    assert_int_equal(fstatat(place->target, "a/one", &one, 0), 0);
    assert_int_equal(fstatat(place->target, "b/two", &two, 0), 0);
    assert_int_equal(fstatat(place->target, "c", &three, 0), 0);
    assert_int_equal(one.st_nlink, 3);
    assert_true(one.st_ino == two.st_ino && two.st_ino == three.st_ino);
}

/* Names of all kinds that are not text. */
static void names_are_bytes(void **state) {
    struct place *place = *state;
    char longest[256];
    memset(longest, 'x', 255);
    longest[255] = '\0';
    const char *const names[] = { "new\nline", "\xff\xfe", "\xed\xa0\x80", "\x1b[31m",
                                  " ",         "-rf",      "a\\b",         "*",
                                  "\"'",       "...",      longest };
    for (size_t i = 0; i < COUNT(names); i++) {
        make_file(place->source, names[i], "1");
        assert_int_equal(copy_path(place, names[i], NULL), 0);
        assert_holds(place->target, names[i], "1");
    }
    assert_int_equal(symlinkat("\xff\n", place->source, "link"), 0);
    assert_int_equal(copy_path(place, "link", NULL), 0);
    char text[8] = "";
    assert_int_equal(readlinkat(place->target, "link", text, sizeof(text)), 2);
    assert_memory_equal(text, "\xff\n", 2);
}

static void names_that_lead_elsewhere_are_refused(void **state) {
    struct place *place = *state;
    make_file(place->source, "f", "1");
    struct selection_entry entry = entry_of(place->source, "f", "f");
    const struct str paths[] = { STR(""),    STR("."),  STR(".."),     STR("a/.."), STR("../f"),
                                 STR("./f"), STR("f/"), STR("a/../f"), STR("f\0g"), STR("..//f") };
    for (size_t i = 0; i < COUNT(paths); i++) {
        _cleanup_error_ struct error error = ERROR_INIT;
        assert_int_equal(copy_entry(&place->copy, paths[i], &entry, &error), -1);
        assert_int_equal(error.code, ERROR_INPUT);
    }
}

static void trees_may_be_deep(void **state) {
    struct place *place = *state;
    _cleanup_buf_ struct buf path = BUF_INIT;
    int directory = dup(place->source);
    make_file(place->source, "first", "1");
    assert_int_equal(copy_path(place, "first", NULL), 0);
    for (unsigned i = 0; i < DEPTH; i++) {
        assert_int_equal(mkdirat(directory, "dd", 0750), 0);
        buf_append_c(&path, i ? "/dd" : "dd");
        struct selection_entry entry = entry_of(directory, "dd", path.data);
        assert_int_equal(copy_entry(&place->copy, entry.path, &entry, NULL), 0);
        int next = openat(directory, "dd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(directory);
        directory = next;
    }
    /* Two names of one file at the bottom and, afterwards, half-way up. */
    make_file(directory, "bottom", "2");
    assert_int_equal(linkat(directory, "bottom", place->source, "link", 0), 0);
    _cleanup_free_ char *bottom = xasprintf("%s/bottom", path.data);
    struct selection_entry entry = entry_of(directory, "bottom", bottom);
    assert_int_equal(copy_entry(&place->copy, entry.path, &entry, NULL), 0);
    path.data[(DEPTH / 2) * 3 - 1] = '\0';
    _cleanup_free_ char *middle = xasprintf("%s/link", path.data);
    entry = entry_of(place->source, "link", middle);
    assert_int_equal(copy_entry(&place->copy, entry.path, &entry, NULL), 0);
    assert_int_equal(copy_end(&place->copy, NULL), 0);
    close(directory);

    directory = dup(place->target);
    for (unsigned i = 0; i < DEPTH; i++) {
        int next = openat(directory, "dd", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        assert_true(next >= 0);
        close(directory);
        directory = next;
        if (i + 1 == DEPTH / 2) {
            struct stat stat;
            assert_int_equal(fstatat(directory, "link", &stat, 0), 0);
            assert_int_equal(stat.st_nlink, 2);
        }
    }
    assert_holds(directory, "bottom", "2");
    close(directory);
}

static void a_source_that_changed_is_named(void **state) {
    struct place *place = *state;
    enum change { GROWN, SHRUNK, TOUCHED, REPLACED, GONE, NOW_A_LINK, NOW_A_FIFO, CHANGES };
    for (enum change change = GROWN; change < CHANGES; change++) {
        for (unsigned is_large = 0; is_large < 2; is_large++) {
            _cleanup_error_ struct error error = ERROR_INIT;
            int fd = openat(place->source, "f", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
            off_t size = is_large ? 1000000 : 1000;
            assert_int_equal(ftruncate(fd, size), 0);
            struct selection_entry entry = entry_of(place->source, "f", "dir/f");
            const struct timespec times[2] = { { 0, UTIME_OMIT }, { 1, 1 } };
            if (change == GROWN || change == SHRUNK) {
                assert_int_equal(ftruncate(fd, change == GROWN ? size + 1 : size - 1), 0);
            } else if (change == TOUCHED) {
                assert_int_equal(futimens(fd, times), 0);
            } else {
                assert_int_equal(unlinkat(place->source, "f", 0), 0);
            }
            if (change == REPLACED) {
                int other = openat(place->source, "f", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
                const struct timespec same[2] = { entry.stat.st_atim, entry.stat.st_mtim };
                assert_int_equal(ftruncate(other, size) | futimens(other, same), 0);
                close(other);
            } else if (change == NOW_A_LINK) {
                assert_int_equal(symlinkat("/etc/hostname", place->source, "f"), 0);
            } else if (change == NOW_A_FIFO) {
                assert_int_equal(mkfifoat(place->source, "f", 0644), 0);
            }
            assert_int_equal(copy_entry(&place->copy, STR("f"), &entry, &error), -1);
            assert_int_equal(error.code, ERROR_CHANGED);
            assert_non_null(strstr(error.message, "dir/f"));
            assert_non_null(error.hint);
            close(fd);
            unlinkat(place->source, "f", 0);
        }
    }
}

static void data_is_the_same(void **state) {
    struct place *place = *state;
    const size_t sizes[] = { 0, 1, 4096, 131071, 131072, 131073, 1000000 };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        _cleanup_free_ char *text = xmalloc(sizes[i] + 1);
        for (size_t at = 0; at < sizes[i]; at++) {
            text[at] = (char)('a' + (at * 7 + at / 4096) % 26);
        }
        text[sizes[i]] = '\0';
        make_file(place->source, "f", text);
        assert_int_equal(copy_path(place, "f", NULL), 0);
        assert_holds(place->target, "f", text);
    }
}

static void attributes_are_copied(void **state) {
    struct place *place = *state;
    make_file(place->source, "f", "1");
    assert_int_equal(mkdirat(place->source, "d", 0755), 0);
    char source[64], target[64], value[16];
    const char *const names[] = { "f", "d" };
    for (size_t i = 0; i < COUNT(names); i++) {
        snprintf(source, sizeof(source), "%s/source/%s", place->base, names[i]);
        snprintf(target, sizeof(target), "%s/target/%s", place->base, names[i]);
        if (setxattr(source, "user.bud", "value", 5, 0) < 0 && errno == ENOTSUP) {
            skip();
        }
        assert_int_equal(setxattr(source, "user.overlay.opaque", "y", 1, 0), 0);
        assert_int_equal(copy_path(place, names[i], NULL), 0);
        assert_int_equal(getxattr(target, "user.bud", value, sizeof(value)), 5);
        assert_memory_equal(value, "value", 5);
        /* It would make the directory hide those of the layers below. */
        assert_int_equal(getxattr(target, "user.overlay.opaque", value, sizeof(value)), -1);
    }
}

static void a_capability_survives_a_change_of_owner(void **state) {
    struct place *place = *state;
    if (geteuid() != 0) {
        skip();
    }
    /* Version 2, effective, cap_net_bind_service (linux/capability.h). */
    const char capability[20] = { 1, 0, 0, 2, 0, 4 };
    char source[64], target[64], value[32];
    snprintf(source, sizeof(source), "%s/source/f", place->base);
    snprintf(target, sizeof(target), "%s/target/f", place->base);
    make_file(place->source, "f", "1");
    assert_int_equal(setxattr(source, "security.capability", capability, sizeof(capability), 0), 0);
    place->rules.has_owner = true;
    place->rules.uid = 7;
    assert_int_equal(copy_path(place, "f", NULL), 0);
    assert_int_equal(getxattr(target, "security.capability", value, sizeof(value)), 20);
    assert_memory_equal(value, capability, sizeof(capability));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(entries_may_come_in_any_order_of_directories),
        TEST(parents_that_do_not_come_are_made),
        TEST(links_stay_links_across_directories),
        TEST(names_are_bytes),
        TEST(names_that_lead_elsewhere_are_refused),
        TEST(trees_may_be_deep),
        TEST(a_source_that_changed_is_named),
        TEST(data_is_the_same),
        TEST(attributes_are_copied),
        TEST(a_capability_survives_a_change_of_owner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
