/* What a COPY selects, its digest, and the index that saves reading files again. */
#include "tests/unit/planner_fixture.h"

#include "planner/content.h"
#include "planner/context.h"
#include "planner/entry_digest.h"
#include "planner/index.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>

struct row {
    const char *source;
    const char *sources[4];
    const char *ignore;   /* .dockerignore, or NULL */
    const char *excludes; /* one pattern a word, or NULL */
    bool is_parents;
    const char *entries; /* "result base:" and entries, in order; "!pattern": nothing matches */
    const char *error;   /* "message | hint" */
};

/* foo, bar = bar2 (hard links), sub/dir1/dir2/foo, sub/x.txt, lnk → foo, lnkdir → sub, out → ../../etc, "sp ace", a[b],
 * d/e/h, d2/e, dangling → nowhere, abs → /sub */
static const struct row rows[] = {
    { "files 2", { "foo" }, NULL, NULL, false, "foo: foo ", NULL },
    { "files 2 slash", { "/foo/" }, NULL, NULL, false, "foo: foo ", NULL },
    { "files 2 dots", { "../../foo" }, NULL, NULL, false, "foo: foo ", NULL },
    { "files 6.2.3", { "foo", "bar" }, NULL, NULL, false, "foo: foo bar: bar ", NULL },
    { "files 6.2.4",
      { "sub" },
      NULL,
      NULL,
      false,
      "sub/: dir1/ dir1/dir2/ dir1/dir2/foo x.txt ",
      NULL },
    { "files 6.2.5", { "lnk" }, NULL, NULL, false, "lnk: lnk ", NULL },
    { "files 6.2.6", { "lnkdir/dir1" }, NULL, NULL, false, "dir1/: dir2/ dir2/foo ", NULL },
    { "files 6.2.6 absolute link",
      { "abs" },
      NULL,
      NULL,
      false,
      "abs/: dir1/ dir1/dir2/ dir1/dir2/foo x.txt ",
      NULL },
    { "files 6.2.7",
      { "." },
      NULL,
      NULL,
      false,
      "/: a[b] abs@ bar bar2 d/ d/e/ d/e/h d2/ d2/e dangling@ foo lnk@ lnkdir@ out@ sp ace sub/ "
      "sub/dir1/ "
      "sub/dir1/dir2/ sub/dir1/dir2/foo sub/x.txt ",
      NULL },
    { "files 6.2.9", { "sp ace" }, NULL, NULL, false, "sp ace: sp ace ", NULL },
    { "files 6.2.10", { "a[[]b]" }, NULL, NULL, false, "a[b]: a[b] ", NULL },
    { "files 5.3 repeated rule", { "d/e/h" }, "d\n!d/e\nd\n", NULL, false, "h: h ", NULL },
    { "files 5.3 repeated rule, the tree",
      { "d" },
      "d\n!d/e\nd\n",
      NULL,
      false,
      "d/: e/ e/h ",
      NULL },
    { "files 6.2.15", { "no*" }, NULL, NULL, false, "!no* ", NULL },
    { "files 6.2.25", { "d*/e" }, NULL, NULL, false, "e/: h e: e ", NULL },
    { "files 6.2.25 deep", { "*/*/h" }, NULL, NULL, false, "h: h ", NULL },
    { "files 6.2.26", { "./d/./e/../e/h" }, NULL, NULL, false, "h: h ", NULL },
    { "files 2.4",
      { "nofile" },
      NULL,
      NULL,
      false,
      NULL,
      "\"/nofile\": not found in context | sources are relative to the build context, the last "
      "argument of the "
      "command" },
    { "files 2.4 near",
      { "sub/x.tx" },
      NULL,
      NULL,
      false,
      NULL,
      "\"/sub/x.tx\": not found in context | did you mean sub/x.txt?" },
    { "files 2.5 dangling",
      { "dangling" },
      NULL,
      NULL,
      false,
      NULL,
      "\"/dangling\": not found in context | dangling is a link to nowhere, which is not in the "
      "build context" },
    { "files 2.5 behind a link",
      { "lnkdir/nofile" },
      NULL,
      NULL,
      false,
      NULL,
      "\"/lnkdir/nofile\": not found in context | sources are relative to the build context, the "
      "last argument of the command" },
    { "files 2.5 leads out",
      { "out/passwd" },
      NULL,
      NULL,
      false,
      NULL,
      "\"/out/passwd\": not found in context | a link on the way leads out of the build context; "
      "it was followed "
      "inside, where there is no /etc" },
    { "files 2 below a file",
      { "foo/x" },
      NULL,
      NULL,
      false,
      NULL,
      "\"/foo/x\": not found in context | did you mean foo?" },
    { "files 2.1 bad pattern", { "a[" }, NULL, NULL, false, NULL, "…" },
    { "files 5 ignored",
      { "foo" },
      "foo\n",
      NULL,
      false,
      NULL,
      "\"/foo\": not found in context | it exists, but CONTEXT/.dockerignore:1 leaves it out with "
      "`foo`" },
    { "files 5 pruned",
      { "." },
      "*\n!sub/dir1\n",
      NULL,
      false,
      "/: sub/ sub/dir1/ sub/dir1/dir2/ sub/dir1/dir2/foo ",
      NULL },
    { "files 5 kept below an ignored source",
      { "sub" },
      "sub\n!sub/x.txt\n",
      NULL,
      false,
      "sub/: x.txt ",
      NULL },
    { "files 5 ignored directory",
      { "sub" },
      "sub\n",
      NULL,
      false,
      NULL,
      "\"/sub\": not found in context | it exists, but CONTEXT/.dockerignore:1 leaves it out with "
      "`sub`" },
    { "files 5 wildcard", { "*" }, "*\n!foo\n", NULL, false, "foo: foo ", NULL },
    { "files 5 ignored link",
      { "lnk" },
      "lnk\n",
      NULL,
      false,
      NULL,
      "\"/lnk\": not found in context | it exists, but CONTEXT/.dockerignore:1 leaves it out with "
      "`lnk`" },
    { "files 2.5 exclude",
      { "sub" },
      NULL,
      "**/foo",
      false,
      "sub/: dir1/ dir1/dir2/ x.txt ",
      NULL },
    { "files 2.5 exclude relative",
      { "sub" },
      NULL,
      "x.txt dir1/dir2",
      false,
      "sub/: dir1/ ",
      NULL },
    { "files 2.5 exclude a file", { "ba*" }, NULL, "bar2", false, "bar: bar ", NULL },
    { "files 2.6",
      { "sub/dir1/dir2/foo" },
      NULL,
      NULL,
      true,
      "/: sub/ sub/dir1/ sub/dir1/dir2/ sub/dir1/dir2/foo ",
      NULL },
    { "files 2.6 pivot",
      { "sub/./dir1/dir2" },
      NULL,
      NULL,
      true,
      "sub/: dir1/ dir1/dir2/ dir1/dir2/foo ",
      NULL },
    { "files 2.6 wildcard",
      { "sub/./**/foo" },
      NULL,
      NULL,
      true,
      "sub/: dir1/ dir1/dir2/ dir1/dir2/foo ",
      NULL },
    { "files 2.6 behind a link",
      { "lnkdir/x.txt" },
      NULL,
      NULL,
      true,
      "",
      "\"/lnkdir/x.txt\": not found in context | there is a link on the way, which --parents does "
      "not follow; name the directory it leads to" },
    { "files 2.6 pivot pattern", { "d*/./h" }, NULL, NULL, true, "d/: d2/: !d*/./h ", NULL },
    { "files 2.4 beside others",
      { "foo", "no*", "ba?" },
      NULL,
      NULL,
      false,
      "foo: foo !no* bar: bar ",
      NULL },
    { "files 2.4 ignored", { "fo*" }, "foo\n", NULL, false, "!fo* ", NULL },
    { "files 2.4 above", { "no*/foo", "foo/*" }, NULL, NULL, false, "!no*/foo !foo/* ", NULL },
    { "files 2.5 excluded is there", { "foo", "ba*" }, NULL, "foo ba*", false, "", NULL },
    { "files 2.5 excluded, or not there", { "ba*", "no*" }, NULL, "b*", false, "!no* ", NULL },
    { "files 2.6 a pattern",
      { "*/nope", "*/e" },
      NULL,
      NULL,
      true,
      "/: !*/nope /: d/ d/e/ d/e/h d2/ d2/e ",
      NULL },
    { "files 2.6 a pattern for the pivot",
      { "no*/./x", "no*/./", "d2*/./" },
      NULL,
      NULL,
      true,
      "!no*/./x !no*/./ d2/: e ",
      NULL },
    { "files 2.6 a file before the pivot",
      { "foo/./" },
      NULL,
      NULL,
      true,
      NULL,
      "\"/foo/./\": not found in context | foo is no directory; what stands before /./ is one" },
    { "files 2.6 excluded is there",
      { "d/e/h", "*/x.txt" },
      NULL,
      "d/e sub",
      true,
      "/: /: ",
      NULL },
    { "files 2.6 excluded, or not there", { "*/nope" }, NULL, "sub", true, "/: !*/nope ", NULL },
    { "files 2.6 missing, and others excluded",
      { "sub/nofile" },
      NULL,
      "sub",
      true,
      NULL,
      "\"/sub/nofile\": not found in context | sources are relative to the build context, the last "
      "argument of the command" },
    { "files 2.6 missing",
      { "sub/nofile" },
      NULL,
      NULL,
      true,
      NULL,
      "\"/sub/nofile\": not found in context | sources are relative to the build context, the last "
      "argument of the "
      "command" },
};

static int list_result(void *context, const struct selection_result *result, struct error *error) {
    (void)error;
    buf_printf(context, "%.*s%s: ", STR_ARG(result->base), result->is_directory ? "/" : "");
    return 0;
}

static int list_entry(void *context, const struct selection_entry *entry, struct error *error) {
    (void)error;
    struct stat stat;
    assert_int_equal(0, fstatat(entry->directory, entry->name, &stat, AT_SYMLINK_NOFOLLOW));
    assert_int_equal(stat.st_ino, entry->stat.st_ino);
    buf_printf(context, "%.*s%s ", STR_ARG(entry->path),
               S_ISDIR(stat.st_mode)   ? "/"
               : S_ISLNK(stat.st_mode) ? "@"
                                       : "");
    return 0;
}

static void list_unmatched(void *context, struct str source) {
    buf_printf(context, "!%.*s ", STR_ARG(source));
}

static void make_context(struct fixture *fixture) {
    fixture_file(fixture, "foo", "foo");
    fixture_file(fixture, "bar", "bar");
    fixture_file(fixture, "sub/dir1/dir2/foo", "deep");
    fixture_file(fixture, "sub/x.txt", "x");
    fixture_file(fixture, "sp ace", "");
    fixture_file(fixture, "a[b]", "");
    fixture_file(fixture, "d/e/h", "");
    fixture_file(fixture, "d2/e", "");
    assert_int_equal(0, link(fixture_path(fixture, "bar"), fixture_path(fixture, "bar2")));
    assert_int_equal(0, symlink("foo", fixture_path(fixture, "lnk")));
    assert_int_equal(0, symlink("sub", fixture_path(fixture, "lnkdir")));
    assert_int_equal(0, symlink("../../etc", fixture_path(fixture, "out")));
    assert_int_equal(0, symlink("nowhere", fixture_path(fixture, "dangling")));
    assert_int_equal(0, symlink("/sub", fixture_path(fixture, "abs")));
}

static void open_tree(struct fixture *fixture, struct tree *tree) {
    _cleanup_error_ struct error error = ERROR_INIT;
    assert_ok(
        context_open(fixture->context, NULL, NULL, fixture->cache, &fixture->arena, tree, &error),
        &error);
    tree->name = "context";
}

static void set_ignore(struct fixture *fixture, const char *text) {
    const char *path = fixture_path(fixture, ".dockerignore");
    if (text) {
        fixture_file(fixture, ".dockerignore", text);
    } else {
        unlink(path);
    }
}

static struct selection make_selection(struct fixture *fixture, const struct row *row) {
    struct arena *arena = &fixture->arena;
    struct selection selection = { .is_parents = row->is_parents };
    struct str *sources = arena_array(arena, 4, sizeof(*sources));
    while (selection.source_count < 4 && row->sources[selection.source_count]) {
        sources[selection.source_count] = str_of(row->sources[selection.source_count]);
        selection.source_count++;
    }
    selection.sources = sources;
    if (row->excludes) {
        struct str_list texts = { 0 };
        struct str rest = str_of(row->excludes), word;
        while (str_split(&rest, ' ', &word)) {
            str_list_push(&texts, arena, word);
        }
        struct ignore *excludes;
        assert_int_equal(0, ignore_from_patterns(texts.items, texts.count, arena, &excludes, NULL));
        selection.excludes = excludes;
        selection.exclude_texts = texts.items;
        selection.exclude_count = texts.count;
    }
    return selection;
}

/* The context's path is another one in every run. */
static bool is_expected(struct fixture *fixture, const char *expected, const char *found) {
    const char *mark = strstr(expected, "CONTEXT");
    if (!mark) {
        return strcmp(expected, found) == 0;
    }
    return strcmp(arena_printf(&fixture->arena, "%.*s%s%s", (int)(mark - expected), expected,
                               fixture->context, mark + 7),
                  found) == 0;
}

static int check_row(struct fixture *fixture, const struct row *row, size_t look_ahead_after) {
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct tree tree;
    set_ignore(fixture, row->ignore);
    open_tree(fixture, &tree);
    if (!row->ignore) {
        unlink(fixture_path(fixture, ".dockerignore"));
    }
    struct selection selection = make_selection(fixture, row);
    const struct selection_visitor visitor = {
        .result = list_result,
        .entry = list_entry,
        .unmatched = list_unmatched,
        .context = &text,
        .look_ahead_after = look_ahead_after,
    };
    int result = selection_walk(&tree, &selection, &visitor, &error);
    close(tree.fd);
    if (result == 0) {
        if (!row->entries || strcmp(row->entries, text.data ? text.data : "") != 0) {
            print_error("%s: entries\n%s\nwanted\n%s\n", row->source, text.data ? text.data : "",
                        row->entries ? row->entries : row->error);
            return 1;
        }
        return 0;
    }
    buf_reset(&text);
    buf_printf(&text, "%s%s%s", error.message, error.hint ? " | " : "",
               error.hint ? error.hint : "");
    if (!row->error ||
        (strcmp(row->error, "…") != 0 && !is_expected(fixture, row->error, text.data))) {
        print_error("%s: error\n%s\nwanted\n%s\n", row->source, text.data,
                    row->error ? row->error : "none");
        return 1;
    }
    return 0;
}

static void test_rows(void **state) {
    struct fixture *fixture = *state;
    make_context(fixture);
    int failures = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        failures += check_row(fixture, &rows[i], 0);
        failures += check_row(fixture, &rows[i], 1);
    }
    assert_int_equal(0, failures);
}

static void test_sockets_are_refused_by_name(void **state) {
    struct fixture *fixture = *state;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct tree tree;
    struct digest digest;
    fixture_file(fixture, "d/f", "");
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/d/s", fixture->context);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(0, bind(fd, (struct sockaddr *)&address, sizeof(address)));
    close(fd);
    struct str sources[] = { STR("d") };
    struct selection selection = { .sources = sources, .source_count = 1 };
    open_tree(fixture, &tree);
    assert_int_equal(-1, selection_digest(&tree, &selection, &digest, &error));
    assert_string_equal("d/s is a socket and cannot be copied from a build context", error.message);
    close(tree.fd);
}

/* ---- digests ---- */

static void run_in(const struct fixture *fixture, const char *command) {
    _cleanup_free_ char *line = xasprintf("cd %s && { %s; }", fixture->context, command);
    assert_int_equal(0, system(line));
}

static struct digest digest_sources(struct fixture *fixture, const char *source) {
    _cleanup_error_ struct error error = ERROR_INIT;
    struct tree tree;
    struct digest digest;
    struct str sources[] = { str_of(source) };
    struct selection selection = { .sources = sources, .source_count = 1 };
    open_tree(fixture, &tree);
    assert_ok(selection_digest(&tree, &selection, &digest, &error), &error);
    close(tree.fd);
    return digest;
}

static void change_nothing(struct fixture *f) {
    (void)f;
}

static void touch(struct fixture *f) {
    struct timespec times[2] = { { 5, 0 }, { 5, 0 } };
    utimensat(AT_FDCWD, fixture_path(f, "sub/x.txt"), times, 0);
    utimensat(AT_FDCWD, fixture_path(f, "sub/dir1"), times, 0);
}

static void change_owner(struct fixture *f) {
    assert_int_equal(0, chown(fixture_path(f, "sub/x.txt"), 7, 8));
}

static void add_unrelated(struct fixture *f) {
    fixture_file(f, "other", "new");
}

static void change_mode(struct fixture *f) {
    assert_int_equal(0, chmod(fixture_path(f, "sub/x.txt"), 0600));
}

static void change_source_mode(struct fixture *f) {
    assert_int_equal(0, chmod(fixture_path(f, "sub"), 0700));
}

static void change_directory_mode(struct fixture *f) {
    assert_int_equal(0, chmod(fixture_path(f, "sub/dir1"), 0700));
}

static void change_data(struct fixture *f) {
    fixture_file(f, "sub/x.txt", "y"); /* same size */
}

static void rename_file(struct fixture *f) {
    assert_int_equal(0, rename(fixture_path(f, "sub/x.txt"), fixture_path(f, "sub/y.txt")));
}

static void add_file(struct fixture *f) {
    fixture_file(f, "sub/new", "");
}

static void replace_by_link(struct fixture *f) {
    assert_int_equal(0, unlink(fixture_path(f, "sub/x.txt")));
    assert_int_equal(0, symlink("foo", fixture_path(f, "sub/x.txt")));
}

static void replace_inode(struct fixture *f) {
    assert_int_equal(0, rename(fixture_path(f, "sub/x.txt"), fixture_path(f, "old")));
    fixture_file(f, "sub/x.txt", "x");
    assert_int_equal(0, unlink(fixture_path(f, "old")));
}

static void add_attribute(struct fixture *f) {
    if (lsetxattr(fixture_path(f, "sub/x.txt"), "user.bud", "1", 1, 0)) {
        change_data(f); /* no attributes on this file system: nothing to see here */
    }
}

/* In no copy and no image. */
static void add_foreign_attributes(struct fixture *f) {
    lsetxattr(fixture_path(f, "sub/x.txt"), "trusted.bud", "1", 1, 0);
    lsetxattr(fixture_path(f, "sub/x.txt"), "user.containers.bud", "1", 1, 0);
}

static void test_what_changes_a_digest(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        const char *source;
        void (*change)(struct fixture *fixture);
        bool is_same;
    } changes[] = {
        { "nothing", change_nothing, true },
        { "caching 7.1", touch, true },
        { "caching 7.3", change_owner, true },
        { "caching 7.4", add_unrelated, true },
        { "files 2.2 mode of the source itself", change_source_mode, true },
        { "caching 2 inode", replace_inode, true },
        { "caching 7.2", change_mode, false },
        { "caching 7.2 directory", change_directory_mode, false },
        { "caching 7.5", rename_file, false },
        { "caching 2.1 data", change_data, false },
        { "caching 2.1 new file", add_file, false },
        { "caching 2.1 type", replace_by_link, false },
        { "caching 2.1 xattr", add_attribute, false },
        { "files 2.2 xattrs that are not copied", add_foreign_attributes, true },
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        fs_remove_tree(AT_FDCWD, fixture->context, NULL);
        assert_int_equal(0, mkdir(fixture->context, 0755));
        make_context(fixture);
        fixture_age();
        struct digest before = digest_sources(fixture, "sub");
        changes[i].change(fixture);
        struct digest after = digest_sources(fixture, "sub");
        if (digest_equal(&before, &after) != changes[i].is_same) {
            fail_msg("%s: the digest %s", changes[i].source,
                     changes[i].is_same ? "changed" : "stayed");
        }
    }
}

/* A RUN sees a stage's own files, but a copy of those of a context. */
static void test_a_mount_shows_attributes_that_are_not_copied(void **state) {
    struct fixture *fixture = *state;
    static const char attribute[] = "user.containers.bud";
    const struct {
        bool is_context, is_literal, is_same;
    } uses[] = { { true, true, true }, { false, false, true }, { false, true, false } };
    struct str sources[] = { STR("sub") };
    make_context(fixture);
    for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
        _cleanup_error_ struct error error = ERROR_INIT;
        struct digest before, after;
        struct selection selection = { .sources = sources, .source_count = 1 };
        struct tree tree;
        open_tree(fixture, &tree);
        tree.is_context = uses[i].is_context;
        selection.is_literal = uses[i].is_literal;
        assert_ok(selection_digest(&tree, &selection, &before, &error), &error);
        if (lsetxattr(fixture_path(fixture, "sub/x.txt"), attribute, "1", 1, 0)) {
            close(tree.fd);
            skip(); /* no attributes on this file system */
        }
        assert_ok(selection_digest(&tree, &selection, &after, &error), &error);
        assert_int_equal(uses[i].is_same, digest_equal(&before, &after));
        assert_int_equal(0, lremovexattr(fixture_path(fixture, "sub/x.txt"), attribute));
        close(tree.fd);
    }
}

/* ---- the index ---- */

static bool index_has(struct fixture *fixture, const char *directory, const char *name) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct index_node node = { .cursor = 0 };
    struct stat stat;
    struct tree tree;
    open_tree(fixture, &tree);
    close(tree.fd);
    index_load(fixture->cache, &tree.identity, str_of(directory), &node);
    const char *path = arena_printf(&arena, "%s/%s/%s", fixture->context, directory, name);
    struct digest digest;
    assert_int_equal(0, lstat(path, &stat));
    struct index_stamp stamp = index_stamp_of(&stat);
    bool is_found = index_find(&node, str_of(name), &stamp, &digest);
    index_free(&node);
    return is_found;
}

static void test_unchanged_files_are_not_read(void **state) {
    struct fixture *fixture = *state;
    make_context(fixture);
    fixture_age();
    struct digest before = digest_sources(fixture, "sub");
    assert_true(index_has(fixture, "sub", "x.txt"));
    assert_true(index_has(fixture, "sub/dir1/dir2", "foo"));
    /* Bytes changed behind the back of the file system are not seen: nobody read the file. The clock is set back with
     * nothing but a mount of our own, so the index itself is bent instead. */
    struct tree tree;
    open_tree(fixture, &tree);
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct index_node node = { .cursor = 0 };
    index_load(fixture->cache, &tree.identity, STR("sub"), &node);
    struct stat stat;
    struct digest wrong = { { 1 } };
    assert_int_equal(0, lstat(fixture_path(fixture, "sub/x.txt"), &stat));
    struct index_stamp stamp = index_stamp_of(&stat);
    index_learn(&node, &arena, STR("x.txt"), &stamp, INT64_MAX, &wrong);
    struct cache_node stored = { index_key(&tree.identity, STR("sub")),
                                 index_encode(&node, tree.fd, &arena) };
    assert_int_equal(0, cache_nodes_put(fixture->cache, &stored, 1, NULL));
    close(tree.fd);
    index_free(&node);
    struct digest after = digest_sources(fixture, "sub");
    assert_false(digest_equal(&before, &after));
}

static void test_young_files_are_not_trusted(void **state) {
    struct fixture *fixture = *state;
    struct stat stat;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct index_node node = { 0 };
    struct digest digest = { { 1 } };
    fixture_file(fixture, "f", "1");
    assert_int_equal(0, lstat(fixture_path(fixture, "f"), &stat));
    int64_t changed = time_of(stat.st_ctim);
    struct index_stamp stamp = index_stamp_of(&stat);
    index_learn(&node, &arena, STR("f"), &stamp, changed, &digest);
    assert_int_equal(0, node.learned.count);
    index_learn(&node, &arena, STR("f"), &stamp, changed + 1, &digest);
    assert_int_equal(1, node.learned.count);
    stat.st_ctim.tv_nsec = stat.st_mtim.tv_nsec = 0; /* whole seconds only: two of them must pass */
    stamp = index_stamp_of(&stat);
    index_learn(&node, &arena, STR("g"), &stamp, stamp.ctime + 1999999999, &digest);
    assert_int_equal(1, node.learned.count);
    index_learn(&node, &arena, STR("g"), &stamp, stamp.ctime + 2000000001, &digest);
    assert_int_equal(2, node.learned.count);
}

static void test_the_index_forgets_what_is_gone(void **state) {
    struct fixture *fixture = *state;
    make_context(fixture);
    fixture_age();
    digest_sources(fixture, "sub");
    digest_sources(fixture, "sub/x.txt");
    struct stat stat;
    assert_int_equal(0, lstat(fixture_path(fixture, "sub/x.txt"), &stat));
    assert_int_equal(0, unlink(fixture_path(fixture, "sub/x.txt")));
    fixture_file(fixture, "sub/z", "z");
    fixture_age();
    digest_sources(fixture, "sub/z"); /* another selection: it has not seen x.txt go */
    struct tree tree;
    struct index_node node = { .cursor = 0 };
    open_tree(fixture, &tree);
    close(tree.fd);
    index_load(fixture->cache, &tree.identity, STR("sub"), &node);
    struct digest digest;
    struct index_stamp stamp = index_stamp_of(&stat);
    assert_false(index_find(&node, STR("x.txt"), &stamp, &digest));
    index_free(&node);
    assert_true(index_has(fixture, "sub", "z"));
}

/* Deeper than a process may have descriptors: both the way to a source and the walk below one. */
static void test_trees_may_be_deep(void **state) {
    struct fixture *fixture = *state;
    struct rlimit limit, few;
    char path[2 * 900 + 1] = "";
    _cleanup_fd_ int fd = open(fixture->context, O_RDONLY | O_DIRECTORY);
    for (size_t i = 0; i < 900; i++) {
        assert_int_equal(0, mkdirat(fd, "d", 0755));
        int below = openat(fd, "d", O_RDONLY | O_DIRECTORY);
        close(fd);
        fd = below;
        strcat(path, i > 0 ? "/d" : "d");
    }
    assert_int_equal(0,
                     mkdirat(fd, "z", 0755)); /* after the way down there is more on the way up */
    assert_int_equal(0, getrlimit(RLIMIT_NOFILE, &limit));
    few = limit;
    few.rlim_cur = 128;
    assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &few));
    struct digest all = digest_sources(fixture, "d");
    struct digest again = digest_sources(fixture, "d");
    struct digest lowest = digest_sources(fixture, path);
    assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &limit));
    assert_true(digest_equal(&all, &again));
    assert_false(digest_equal(&all, &lowest));
}

static void test_a_change_while_reading_is_noticed(void **state) {
    struct fixture *fixture = *state;
    fixture_file(fixture, "f", "one");
    struct tree tree;
    open_tree(fixture, &tree);
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct unknown_entry *unknown;
    struct selection_entry entry = {
        .path = STR("f"), .directory = tree.fd, .name = "f", .tree_path = STR("f")
    };
    char *room = xmalloc(ENTRY_READ_SIZE);
    assert_int_equal(0, fstatat(tree.fd, "f", &entry.stat, 0));
    assert_int_equal(0, entry_digest_begin(&tree, &entry, "f", false, &arena, &unknown, &error));
    fixture_file(fixture, "f", "other"); /* what is there when it is read counts */
    assert_int_equal(0, entry_digest_file(&tree, unknown, room, &error));
    assert_int_equal(5, unknown->stamp.size);
    assert_int_equal(0, entry_digest_begin(&tree, &entry, "f", false, &arena, &unknown, &error));
    assert_int_equal(0, unlinkat(tree.fd, "f", 0)); /* gone: an error that names it */
    assert_int_equal(-1, entry_digest_file(&tree, unknown, room, &error));
    assert_int_equal(ERROR_CHANGED, error.code);
    assert_string_equal("f changed while the build was reading it", error.message);
    free(room);
    close(tree.fd);
}

/* --paranoid: what the index knows is not believed. */
static void test_paranoid_reads_everything(void **state) {
    struct fixture *fixture = *state;
    fixture_file(fixture, "f", "one");
    fixture_age();
    struct digest before = digest_sources(fixture, "f");
    struct tree tree;
    open_tree(fixture, &tree);
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct index_node node = { .cursor = 0 };
    struct stat stat;
    struct digest wrong = { { 1 } };
    index_load(fixture->cache, &tree.identity, STR_EMPTY, &node);
    assert_int_equal(0, fstatat(tree.fd, "f", &stat, 0));
    struct index_stamp stamp = index_stamp_of(&stat);
    index_learn(&node, &arena, STR("f"), &stamp, INT64_MAX, &wrong);
    struct cache_node bent = { index_key(&tree.identity, STR_EMPTY),
                               index_encode(&node, tree.fd, &arena) };
    assert_int_equal(0, cache_nodes_put(fixture->cache, &bent, 1, NULL));
    index_free(&node);
    const struct str source = STR("f");
    const struct selection selection = { .sources = &source, .source_count = 1 };
    struct digest believed, read;
    assert_int_equal(0, selection_digest(&tree, &selection, &believed, NULL));
    tree.is_paranoid = true;
    assert_int_equal(0, selection_digest(&tree, &selection, &read, NULL));
    assert_false(digest_equal(&before, &believed));
    assert_true(digest_equal(&before, &read));
    close(tree.fd);
}

static void test_broken_nodes_are_forgotten(void **state) {
    struct fixture *fixture = *state;
    make_context(fixture);
    fixture_age();
    struct digest before = digest_sources(fixture, "sub");
    struct tree tree;
    open_tree(fixture, &tree);
    close(tree.fd);
    static const char *const broken[] = { "x", "budnode\3garbage", "budnode\1" };
    for (size_t i = 0; i < 3; i++) {
        struct cache_node stored = { index_key(&tree.identity, STR("sub")), str_of(broken[i]) };
        assert_int_equal(0, cache_nodes_put(fixture->cache, &stored, 1, NULL));
        struct digest after = digest_sources(fixture, "sub");
        assert_true(digest_equal(&before, &after));
    }
    assert_true(index_has(fixture, "sub", "x.txt"));
}

static void test_unreadable_files_are_named(void **state) {
    struct fixture *fixture = *state;
    _cleanup_error_ struct error error = ERROR_INIT;
    fixture_file(fixture, "d/secret", "s");
    assert_int_equal(0, chmod(fixture->directory, 0755));
    assert_int_equal(0, chmod(fixture_path(fixture, "d/secret"), 0));
    if (geteuid() == 0 && seteuid(65534)) {
        skip();
    }
    struct tree tree;
    struct str sources[] = { STR("d") };
    struct selection selection = { .sources = sources, .source_count = 1 };
    struct digest digest;
    int opened = context_open(fixture->context, NULL, NULL, NULL, &fixture->arena, &tree, &error);
    int result = opened ? opened : selection_digest(&tree, &selection, &digest, &error);
    assert_int_equal(0, seteuid(getuid()));
    assert_int_equal(-1, result);
    assert_non_null(strstr(error.message, "cannot read d/secret"));
    assert_non_null(error.hint);
    close(tree.fd);
}

/* Threads read them, and any may be the first to fail: the file that is told of is always the first. */
static void test_the_first_of_unreadable_files_is_named(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(0, chmod(fixture->directory, 0755));
    for (unsigned i = 0; i < 300; i++) { /* more than one thread reads */
        char name[32];
        snprintf(name, sizeof(name), "d/%03u", i);
        fixture_file(fixture, name, "s");
        assert_int_equal(0, chmod(fixture_path(fixture, name), i < 3 ? 0644 : 0));
    }
    if (geteuid() == 0 && seteuid(65534)) {
        skip();
    }
    struct tree tree;
    struct str sources[] = { STR("d") };
    struct selection selection = { .sources = sources, .source_count = 1 };
    struct digest digest;
    int named = 0;
    _cleanup_error_ struct error error = ERROR_INIT;
    int opened = context_open(fixture->context, NULL, NULL, NULL, &fixture->arena, &tree, &error);
    for (unsigned i = 0; opened == 0 && i < 40; i++) {
        error_clear(&error);
        int result = selection_digest(&tree, &selection, &digest, &error);
        named += result == -1 && strstr(error.message, "cannot read d/003");
    }
    assert_int_equal(0, seteuid(getuid()));
    assert_int_equal(0, opened);
    close(tree.fd);
    assert_int_equal(40, named);
}

/* Many files: cold by several threads, then from the index, the same digest. */
static void test_many_files(void **state) {
    struct fixture *fixture = *state;
    for (unsigned i = 0; i < 600; i++) {
        char name[32];
        snprintf(name, sizeof(name), "many/%u/%u", i % 7, i);
        fixture_file(fixture, name, name);
    }
    fixture_age();
    struct digest cold = digest_sources(fixture, "many");
    struct digest warm = digest_sources(fixture, "many");
    assert_true(digest_equal(&cold, &warm));
    cache_close(fixture->cache);
    fixture_open_cache(fixture);
    struct digest again = digest_sources(fixture, "many");
    assert_true(digest_equal(&cold, &again));
}

static int add_stamp(void *context, const struct selection_entry *entry, struct error *error) {
    (void)error;
    uint64_t *stamps = context;
    *stamps = selection_stamp(*stamps, entry);
    return 0;
}

/* What happens between looking up, copying and looking again: is it noticed, and the file named? */
static void test_what_was_copied_is_what_was_looked_up(void **state) {
    static const struct {
        const char *before_copy, *after_copy; /* done in the context */
        const char *message;                  /* NULL: nothing to be said */
    } changes[] = {
        { "true", "true", NULL },
        { "touch d/b", "true", NULL },
        { "true", "echo > unrelated", NULL },
        { "echo new > d/b", "true", "d/b changed while the build was copying it" },
        { "true", "echo new > d/b", "d/b changed while the build was copying it" },
        { "true", "rm d/b", "d/b changed while the build was copying it" },
        { "true", "echo > d/a", "d/a changed while the build was copying it" },
        { "true", "echo > d/c/d", "d/c/d changed while the build was copying it" },
        { "true", "echo > d/c/e/f", "d/c/e/f changed while the build was copying it" },
        /* there and back */
        { "mv d/b keep; echo new > d/b", "mv keep d/b", "files of " },
        { "cp d/b keep; echo new > d/b", "cat keep > d/b", "files of " },
    };
    struct fixture *fixture = *state;
    struct str sources[] = { STR("d") };
    struct selection selection = { .sources = sources, .source_count = 1 };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        _cleanup_error_ struct error error = ERROR_INIT;
        struct tree tree;
        struct content content;
        uint64_t stamps = 0;
        const struct selection_visitor visitor = { .entry = add_stamp, .context = &stamps };
        run_in(fixture, "rm -rf d keep; mkdir -p d/c/e; echo b > d/b; echo f > d/c/e/f");
        fixture_age();
        open_tree(fixture, &tree);
        assert_ok(content_read(&tree, &selection, &fixture->arena, &content, &error), &error);
        run_in(fixture, changes[i].before_copy);
        assert_ok(selection_walk(&tree, &selection, &visitor, &error), &error);
        run_in(fixture, changes[i].after_copy);
        int result = selection_check(&tree, &selection, &content.digest, &content, stamps, &error);
        if (result != (changes[i].message ? -1 : 0) ||
            (result && (error.code != ERROR_CHANGED ||
                        !str_has_prefix(str_of(error.message), str_of(changes[i].message))))) {
            fail_msg("%s; %s: %s", changes[i].before_copy, changes[i].after_copy,
                     result ? error.message : "no error");
        }
        close(tree.fd);
    }
}

/* A tree nobody could name: refused, without running out of stack. */
static void test_too_deep(void **state) {
    struct fixture *fixture = *state;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct rlimit limit = { 8192, 8192 };
    int fd = open(fixture->context, O_PATH | O_DIRECTORY);
    if (setrlimit(RLIMIT_NOFILE, &limit)) {
        skip();
    }
    for (unsigned i = 0; i < 2100; i++) {
        assert_int_equal(0, mkdirat(fd, "d", 0755));
        int next = openat(fd, "d", O_PATH | O_DIRECTORY);
        close(fd);
        fd = next;
    }
    close(fd);
    struct tree tree;
    struct digest digest;
    struct str sources[] = { STR(".") };
    struct selection selection = { .sources = sources, .source_count = 1 };
    open_tree(fixture, &tree);
    assert_int_equal(-1, selection_digest(&tree, &selection, &digest, &error));
    assert_non_null(strstr(error.message, "is longer than 4095 bytes"));
    close(tree.fd);
}

static void test_which_ignore_file(void **state) {
    struct fixture *fixture = *state;
    struct arena *arena = &fixture->arena;
    const char *dockerfile = fixture_path(fixture, "D");
    static const char *const names[] = { ".dockerignore", ".containerignore", "D.dockerignore" };
    for (size_t i = 0; i < 3; i++) { /* each goes before the ones before it */
        _cleanup_error_ struct error error = ERROR_INIT;
        struct tree tree;
        fixture_file(fixture, names[i], "x\n");
        assert_ok(context_open(fixture->context, dockerfile, NULL, NULL, arena, &tree, &error),
                  &error);
        assert_string_equal(fixture_path(fixture, names[i]), tree.ignore_name);
        close(tree.fd);
    }
    _cleanup_error_ struct error error = ERROR_INIT;
    struct tree tree;
    assert_int_equal(
        -1, context_open(fixture->context, dockerfile, "/nowhere", NULL, arena, &tree, &error));
    assert_int_equal(-1, tree.fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_sockets_are_refused_by_name, fixture_begin,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(test_what_changes_a_digest, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_a_mount_shows_attributes_that_are_not_copied,
                                        fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_unchanged_files_are_not_read, fixture_begin,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(test_young_files_are_not_trusted, fixture_begin,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(test_the_index_forgets_what_is_gone, fixture_begin,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(test_trees_may_be_deep, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_a_change_while_reading_is_noticed, fixture_begin,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(test_paranoid_reads_everything, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_broken_nodes_are_forgotten, fixture_begin,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(test_the_first_of_unreadable_files_is_named, fixture_begin,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(test_unreadable_files_are_named, fixture_begin,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(test_many_files, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_what_was_copied_is_what_was_looked_up, fixture_begin,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(test_too_deep, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_which_ignore_file, fixture_begin, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
