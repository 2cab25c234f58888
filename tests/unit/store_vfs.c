/* The vfs driver: every layer is a whole tree. */
#include "store_fixture.h"

#include "store/check.h"
#include "store/image.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

static char *in(struct fixture *fixture, const char *diff, const char *path) {
    return fixture_path(fixture, arena_printf(&fixture->arena, "%s/%s", diff, path));
}

static struct layer_draft make_base(struct fixture *fixture) {
    const char *diff = fixture_diff(fixture, "base");
    static const char *const directories[] = { "kept", "opaque", "becomes-file" };

    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(0, mkdir(in(fixture, diff, directories[i]), 0755));
    }
    fixture_write(fixture, arena_printf(&fixture->arena, "%s/kept/old", diff), "old");
    fixture_write(fixture, arena_printf(&fixture->arena, "%s/kept/doomed", diff), "doomed");
    fixture_write(fixture, arena_printf(&fixture->arena, "%s/opaque/hidden", diff), "hidden");
    fixture_write(fixture, arena_printf(&fixture->arena, "%s/one", diff), "linked");
    assert_int_equal(0, link(in(fixture, diff, "one"), in(fixture, diff, "two")));
    assert_int_equal(0, symlink("kept/old", in(fixture, diff, "symlink")));
    assert_int_equal(0, mkfifo(in(fixture, diff, "fifo"), 0644));
    assert_int_equal(0, chown(in(fixture, diff, "one"), 1000, 1001));
    assert_int_equal(0, chmod(in(fixture, diff, "one"), 04755));
    return fixture_finish(fixture, "base");
}

static struct layer_draft make_child(struct fixture *fixture) {
    const char *diff = fixture_diff(fixture, "child");

    assert_int_equal(0, mkdir(in(fixture, diff, "kept"), 0700));
    assert_int_equal(0, mknod(in(fixture, diff, "kept/doomed"), S_IFCHR, makedev(0, 0)));
    assert_int_equal(0, mkdir(in(fixture, diff, "opaque"), 0755));
    assert_int_equal(0, setxattr(in(fixture, diff, "opaque"), "trusted.overlay.opaque", "y", 1, 0));
    fixture_write(fixture, arena_printf(&fixture->arena, "%s/opaque/fresh", diff), "fresh");
    fixture_write(fixture, arena_printf(&fixture->arena, "%s/becomes-file", diff), "file");
    return fixture_finish(fixture, "child");
}

static void assert_content(struct fixture *fixture, const char *tree, const char *path,
                           const char *wanted) {
    char *relative = arena_printf(&fixture->arena, "%s/%s", tree, path);

    if (wanted) {
        assert_string_equal(fixture_read(fixture, relative), wanted);
    } else {
        assert_false(fixture_has(fixture, relative));
    }
}

static void test_layers_are_whole_trees(void **state) {
    struct fixture *fixture = *state;
    struct layer_draft drafts[2] = { make_base(fixture), make_child(fixture) };
    const char *names[] = { "localhost/vfs:1", NULL };
    struct image_draft draft = fixture_draft(fixture, drafts, 2, "1", names);
    struct digest_hex base = layer_id(STR_EMPTY, &drafts[0].diff_id);
    struct digest_hex child = layer_id(str_of(base.text), &drafts[1].diff_id);
    const char *tree = arena_printf(&fixture->arena, "vfs/dir/%s", child.text);
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_buf_ struct buf report = BUF_INIT;
    struct digest_hex id;
    struct stat one, two;
    char target[16];
    size_t findings;

    assert_ok(publish_image(fixture->store, &draft, &id, &error), &error);
    assert_content(fixture, tree, "kept/old", "old");
    assert_content(fixture, tree, "kept/doomed", NULL);
    assert_content(fixture, tree, "opaque/hidden", NULL);
    assert_content(fixture, tree, "opaque/fresh", "fresh");
    assert_content(fixture, tree, "becomes-file", "file");
    assert_content(fixture, arena_printf(&fixture->arena, "vfs/dir/%s", base.text), "kept/doomed",
                   "doomed");
    assert_int_equal(0, stat(in(fixture, tree, "one"), &one));
    assert_int_equal(0, stat(in(fixture, tree, "two"), &two));
    assert_int_equal(one.st_ino, two.st_ino);
    assert_int_equal(one.st_nlink, 2);
    assert_int_equal(one.st_uid, 1000);
    assert_int_equal(one.st_mode & 07777, 04755);
    assert_int_equal(8, readlink(in(fixture, tree, "symlink"), target, sizeof(target)));
    assert_int_equal(0, stat(in(fixture, tree, "fifo"), &one));
    assert_true(S_ISFIFO(one.st_mode));
    assert_int_equal(0, stat(in(fixture, tree, "kept"), &one));
    assert_int_equal(one.st_mode & 07777, 0700);
    assert_int_equal(-1, getxattr(in(fixture, tree, "opaque"), "trusted.overlay.opaque", NULL, 0));
    assert_false(fixture_has(fixture, arena_printf(&fixture->arena, "bud/snapshots/%s",
                                                   fixture_snapshot_id(fixture, "base"))));
    assert_ok(check_store(fixture->store, true, &report, &findings, &error), &error);
    if (findings > 0) {
        fail_msg("%s", report.data);
    }
}

static void test_a_base_is_built_upon_and_removed(void **state) {
    struct fixture *fixture = *state;
    struct layer_draft drafts[2] = { make_base(fixture), make_child(fixture) };
    const char *names[] = { "localhost/vfs:1", NULL };
    struct image_draft draft = fixture_draft(fixture, drafts, 1, "1", names);
    struct digest_hex base = layer_id(STR_EMPTY, &drafts[0].diff_id);
    struct digest_hex child = layer_id(str_of(base.text), &drafts[1].diff_id);
    struct image_removal removal = { .untagged = BUF_INIT, .deleted = BUF_INIT };
    _cleanup_error_ struct error error = ERROR_INIT;
    struct digest_hex first, second;

    assert_ok(publish_image(fixture->store, &draft, &first, &error), &error);
    names[0] = "localhost/vfs:2";
    draft = fixture_draft(fixture, drafts, 2, "2", names);
    draft.base_layer = base.text;
    draft.layers = &drafts[1];
    draft.layer_count = 1;
    assert_ok(publish_image(fixture->store, &draft, &second, &error), &error);
    assert_ok(image_remove(fixture->store, first.text, names[1], &removal, &error), &error);
    assert_true(fixture_has(fixture, arena_printf(&fixture->arena, "vfs/dir/%s", base.text)));
    assert_ok(image_remove(fixture->store, second.text, names[0], &removal, &error), &error);
    assert_false(fixture_has(fixture, arena_printf(&fixture->arena, "vfs/dir/%s", base.text)));
    assert_false(fixture_has(fixture, arena_printf(&fixture->arena, "vfs/dir/%s", child.text)));
    buf_free(&removal.untagged);
    buf_free(&removal.deleted);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_layers_are_whole_trees, fixture_vfs, fixture_end),
        cmocka_unit_test_setup_teardown(test_a_base_is_built_upon_and_removed, fixture_vfs,
                                        fixture_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
