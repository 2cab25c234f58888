/* Other threads look ahead: nobody may see it but by the clock. */
#include "tests/unit/planner_fixture.h"

#include "planner/context.h"
#include "planner/entry_digest.h"
#include "planner/selection.h"

#include <dirent.h>
#include <sys/resource.h>

/* What a walk told, one line an entry, and what it is to do meanwhile. */
struct telling {
    struct buf text;
    size_t count;
    size_t fail_at;                    /* entry, from 1; 0: none */
    void (*disturb)(struct fixture *); /* at entry 1, or NULL */
    struct fixture *fixture;
};

static int tell_result(void *context, const struct selection_result *result, struct error *error) {
    (void)error;
    struct telling *telling = context;
    buf_printf(&telling->text, "%.*s:\n", STR_ARG(result->path));
    return 0;
}

static int tell_entry(void *context, const struct selection_entry *entry, struct error *error) {
    struct telling *telling = context;
    struct stat stat;
    if (++telling->count == telling->fail_at) {
        return error_set(error, ERROR_INPUT, "enough");
    }
    if (telling->count == 1 && telling->disturb) {
        telling->disturb(telling->fixture);
    }
    if (!telling->disturb) {
        assert_int_equal(0, fstatat(entry->directory, entry->name, &stat, AT_SYMLINK_NOFOLLOW));
        assert_int_equal(stat.st_ino, entry->stat.st_ino);
    }
    buf_printf(&telling->text, "%.*s %.*s %o %zu %zu\n", STR_ARG(entry->path),
               STR_ARG(entry->tree_path), entry->stat.st_mode, (size_t)entry->stat.st_ino,
               (size_t)entry->directory_id);
    return 0;
}

/* Wide, deep, with much of a kind in one place: 300 files and 300 directories in one, chains of 30, empty ones. */
static void make_tree(struct fixture *fixture) {
    char name[200];
    for (unsigned i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "wide/f%u", i * 7919 % 1000);
        fixture_file(fixture, name, "");
        snprintf(name, sizeof(name), "wide/d%u/%s", i, i % 3 == 0 ? "" : i % 3 == 1 ? "x" : "y/z");
        fixture_file(fixture, name, "");
    }
    for (unsigned chain = 0; chain < 4; chain++) {
        size_t len = (size_t)snprintf(name, sizeof(name), "deep");
        for (unsigned depth = 0; depth < 30; depth++) {
            len += (size_t)snprintf(name + len, sizeof(name) - len, "/%u", (chain + depth) % 4);
            snprintf(name + len, sizeof(name) - len, "/x");
            fixture_file(fixture, name, "");
        }
    }
    assert_int_equal(0, symlink("wide", fixture_path(fixture, "link")));
}

static const struct row {
    const char *source, *ignore, *exclude;
    bool is_parents;
} rows[] = {
    { ".", NULL, NULL, false },
    { "*", NULL, NULL, false },
    { "wide", NULL, NULL, false },
    { ".", "**/x\n", NULL, false },
    { ".", "wide\n!wide/d1*/x\n", NULL, false },
    { ".", "deep/0/1\n!**/3/x\n", "**/y", false },
    { "wide/d*", NULL, NULL, false },
    { "deep/./*/1/2", NULL, NULL, true },
    { "./deep/2/3", NULL, NULL, true },
};

/* Deeper than anybody looks ahead for directories, with more of them at every depth. */
static void make_bush(struct fixture *fixture) {
    char name[200];
    size_t len = (size_t)snprintf(name, sizeof(name), "bush");
    for (unsigned depth = 0; depth < 28; depth++) {
        for (unsigned i = 0; i < 10; i++) {
            snprintf(name + len, sizeof(name) - len, "/%u/", i);
            fixture_file(fixture, name, "");
        }
        len += (size_t)snprintf(name + len, sizeof(name) - len, "/0");
    }
}

static const struct row bushy = { "bush", NULL, NULL, false };

static int walk(struct fixture *fixture, const struct row *row, size_t look_ahead_after,
                struct telling *telling, struct error *error) {
    const struct str source = str_of(row->source);
    const struct str texts[] = { str_of(row->exclude ? row->exclude : "") };
    struct selection selection = { .sources = &source,
                                   .source_count = 1,
                                   .is_parents = row->is_parents };
    if (row->exclude) {
        struct ignore *excludes;
        assert_int_equal(0, ignore_from_patterns(texts, 1, &fixture->arena, &excludes, NULL));
        selection.excludes = excludes;
    }
    struct tree tree;
    assert_ok(context_open(fixture->context, NULL, NULL, NULL, &fixture->arena, &tree, error),
              error);
    const struct selection_visitor visitor = {
        .result = tell_result,
        .entry = tell_entry,
        .context = telling,
        .look_ahead_after = look_ahead_after,
    };
    telling->fixture = fixture;
    int result = selection_walk(&tree, &selection, &visitor, error);
    close(tree.fd);
    return result;
}

static unsigned count_descriptors(void) {
    DIR *directory = opendir("/proc/self/fd");
    unsigned count = 0;
    while (readdir(directory)) {
        count++;
    }
    closedir(directory);
    return count;
}

static void test_the_same_is_told(void **state) {
    struct fixture *fixture = *state;
    static const size_t starts[] = { 1, 2, 150, 700 };
    make_tree(fixture);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_error_ struct error error = ERROR_INIT;
        struct telling alone = { .count = 0 };
        fixture_file(fixture, ".dockerignore", rows[i].ignore ? rows[i].ignore : "");
        assert_ok(walk(fixture, &rows[i], 0, &alone, &error), &error);
        assert_true(alone.count > 10);
        for (size_t k = 0; k < sizeof(starts) / sizeof(starts[0]); k++) {
            struct telling ahead = { .count = 0 };
            assert_ok(walk(fixture, &rows[i], starts[k], &ahead, &error), &error);
            assert_string_equal(alone.text.data, ahead.text.data);
            buf_free(&ahead.text);
        }
        buf_free(&alone.text);
    }
}

/* Nothing stays open, whenever a walk ends. */
static void test_a_walk_may_end_early(void **state) {
    struct fixture *fixture = *state;
    make_tree(fixture);
    unsigned before = count_descriptors();
    for (size_t i = 2; i < 800; i += 41) {
        _cleanup_error_ struct error error = ERROR_INIT;
        struct telling telling = { .fail_at = i };
        assert_int_equal(-1, walk(fixture, &rows[0], 1, &telling, &error));
        assert_string_equal("enough", error.message);
        assert_int_equal(i, telling.count);
        buf_free(&telling.text);
    }
    assert_int_equal(before, count_descriptors());
}

/* A walk that needs a few descriptors gets along with a few. */
static void test_descriptors_run_out(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        const struct row *row;
        rlim_t from, to;
    } cases[] = { { &rows[2], 5, 12 }, { &bushy, 36, 44 } };
    struct rlimit limit;
    make_tree(fixture);
    make_bush(fixture);
    assert_int_equal(0, getrlimit(RLIMIT_NOFILE, &limit));
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_error_ struct error error = ERROR_INIT;
        struct telling alone = { .count = 0 };
        assert_ok(walk(fixture, cases[i].row, 0, &alone, &error), &error);
        for (rlim_t more = cases[i].from; more < cases[i].to; more++) {
            struct telling ahead = { .count = 0 };
            struct rlimit few = { count_descriptors() - 3 + more, limit.rlim_max };
            assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &few));
            int result = walk(fixture, cases[i].row, 1, &ahead, &error);
            assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &limit));
            assert_ok(result, &error);
            assert_string_equal(alone.text.data, ahead.text.data);
            buf_free(&ahead.text);
        }
        buf_free(&alone.text);
    }
}

static void remove_much(struct fixture *fixture) {
    for (unsigned i = 0; i < 300; i += 2) {
        char name[20];
        snprintf(name, sizeof(name), "wide/d%u", i);
        assert_int_equal(0, fs_remove_tree(AT_FDCWD, fixture_path(fixture, name), NULL));
    }
}

/* Seen before it went, or an error that names it: as when nobody looks ahead. */
static void test_what_vanishes_is_named(void **state) {
    struct fixture *fixture = *state;
    make_tree(fixture);
    _cleanup_error_ struct error error = ERROR_INIT;
    struct telling telling = { .disturb = remove_much };
    assert_int_equal(-1, walk(fixture, &rows[2], 1, &telling, &error));
    assert_int_equal(ERROR_CHANGED, error.code); /* what is read again */
    assert_non_null(strstr(error.message, "wide/d"));
    buf_free(&telling.text);
}

/* Nor is it another error when it goes after it was seen. */
static void test_what_vanishes_before_it_is_read_has_changed(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        const char *name;
        mode_t mode;
    } gone[] = { { "gone", S_IFREG | 0644 }, { "gone", S_IFLNK | 0777 }, { "file", S_IFLNK } };
    fixture_file(fixture, "file", "");
    _cleanup_fd_ int directory = open(fixture->context, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct tree tree = { .fd = directory, .name = "context", .is_context = true };
    for (size_t i = 0; i < sizeof(gone) / sizeof(gone[0]); i++) {
        _cleanup_error_ struct error error = ERROR_INIT;
        struct unknown_entry *unknown;
        const struct selection_entry entry = { .path = str_of(gone[i].name),
                                               .directory = directory,
                                               .name = gone[i].name,
                                               .stat.st_mode = gone[i].mode,
                                               .tree_path = str_of(gone[i].name) };
        assert_int_equal(-1, entry_digest_begin(&tree, &entry, gone[i].name, false, &fixture->arena,
                                                &unknown, &error));
        assert_int_equal(ERROR_CHANGED, error.code);
        assert_non_null(strstr(error.message, gone[i].name));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_the_same_is_told, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_a_walk_may_end_early, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_descriptors_run_out, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_what_vanishes_is_named, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_what_vanishes_before_it_is_read_has_changed,
                                        fixture_begin, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
