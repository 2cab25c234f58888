/* Tarballs become images; the library's bind mount of overlay/ is no obstacle. */
#include "store_fixture.h"

#include "base/json.h"
#include "store/check.h"
#include "store/image.h"
#include "store/import.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

/* A tar of one directory and one file, at the start of which the descriptor stands. */
static int make_tar(struct fixture *fixture) {
    const char *diff = fixture_diff(fixture, "tar");
    _cleanup_error_ struct error error = ERROR_INIT;
    struct layer_stream_options options = { .tar = -1 };
    struct cache_layer layer;
    _cleanup_fd_ int directory = -1;
    int fd = fs_open(arena_printf(&fixture->arena, "%s/t.tar", fixture->directory),
                     O_RDWR | O_CREAT | O_TRUNC, 0600, &error);

    assert_true(fd >= 0);
    assert_int_equal(
        0, mkdir(fixture_path(fixture, arena_printf(&fixture->arena, "%s/etc", diff)), 0755));
    fixture_write(fixture, arena_printf(&fixture->arena, "%s/etc/hostname", diff), "imported\n");
    directory = fs_open(fixture_path(fixture, diff), O_RDONLY | O_DIRECTORY, 0, &error);
    options.tar = fd;
    assert_ok(layer_stream_digest(directory, &options, &fixture->arena, NULL, &layer, &error),
              &error);
    assert_ok(
        fs_remove_tree(AT_FDCWD,
                       fixture_path(fixture, arena_printf(&fixture->arena, "bud/snapshots/%s",
                                                          fixture_snapshot_id(fixture, "tar"))),
                       &error),
        &error);
    assert_int_equal(0, lseek(fd, 0, SEEK_SET));
    return fd;
}

static size_t count_names(struct fixture *fixture, const char *relative) {
    _cleanup_fd_ int directory =
        fs_open(fixture_path(fixture, relative), O_RDONLY | O_DIRECTORY, 0, NULL);
    struct str *names;
    size_t count = 0;

    assert_true(directory >= 0);
    assert_int_equal(0, fs_list(directory, &fixture->arena, &names, &count, NULL));
    return count;
}

static void test_a_tarball_becomes_an_image(void **state) {
    struct fixture *fixture = *state;
    _cleanup_fd_ int tar = make_tar(fixture);
    struct import_options options = { .author = "me <me@example.com>",
                                      .created = 1704164645000000000 };
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_buf_ struct buf config = BUF_INIT;
    _cleanup_buf_ struct buf report = BUF_INIT;
    _cleanup_json_ json_t *value = NULL;
    const struct image *image;
    struct image_list images;
    struct digest_hex id;
    size_t findings;

    assert_ok(
        import_image(fixture->store, tar, "t.tar", "localhost/t:latest", &options, &id, &error),
        &error);
    assert_ok(image_list_read(fixture->store, &fixture->arena, &images, &error), &error);
    assert_ok(image_find(&images, (const char *[]){ id.text, NULL }, &image, &error), &error);
    assert_non_null(image);
    assert_ok(image_read_config(image, &config, &error), &error);
    value = json_parse(buf_str(&config), "config", &error);
    assert_string_equal(json_string_value(json_object_get(value, "author")), options.author);
    assert_string_equal(json_string_value(json_object_get(value, "created")),
                        "2024-01-02T03:04:05Z");
    assert_string_equal(json_string_value(json_object_get(value, "os")), "linux");
    assert_int_equal(json_array_size(json_object_get(value, "history")), 1);
    assert_ok(check_store(fixture->store, true, &report, &findings, &error), &error);
    if (findings > 0) {
        fail_msg("%s", report.data);
    }
    assert_int_equal(count_names(fixture, "bud/snapshots"), 0);
    assert_int_equal(count_names(fixture, "bud/builds"), 0);
}

static void test_a_broken_tarball_leaves_nothing(void **state) {
    struct fixture *fixture = *state;
    _cleanup_fd_ int tar = make_tar(fixture);
    struct import_options options = { .author = NULL };
    _cleanup_error_ struct error error = ERROR_INIT;
    struct digest_hex id;

    assert_int_equal(0, ftruncate(tar, 1200));
    assert_int_equal(-1, import_image(fixture->store, tar, "t.tar", "localhost/t:latest", &options,
                                      &id, &error));
    assert_int_equal(error.code, ERROR_INPUT);
    assert_non_null(strstr(error.message, "t.tar"));
    assert_int_equal(count_names(fixture, "bud/snapshots"), 0);
    assert_int_equal(count_names(fixture, "overlay"), 2);
    assert_int_equal(count_names(fixture, "overlay/l"), 0);
    assert_false(fixture_has(fixture, "overlay-images/images.json"));
}

/* In a mount namespace of its own, with overlay/ bound on itself as an open Podman has it. 0: published; 77: no right to
 * try; else the step that failed. */
static int publish_over_bind_mount(struct fixture *fixture, const struct image_draft *draft) {
    const char *home = fixture_path(fixture, "overlay");
    struct digest_hex id;

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        return 77;
    }
    if (mount(home, home, NULL, MS_BIND, NULL) < 0 || mount(home, home, NULL, MS_BIND, NULL) < 0) {
        return 1;
    }
    if (publish_image(fixture->store, draft, &id, NULL) == 0) {
        return 2; /* then there was no mount in the way */
    }
    if (publish_detach(fixture->store, NULL) < 0) {
        return 3;
    }
    if (publish_image(fixture->store, draft, &id, NULL) < 0) {
        return 4;
    }
    return publish_detach(fixture->store, NULL) < 0 ? 5 : 0;
}

/* 0: still there; 77: no right to try; else the step that failed. */
static int detach_another_directory(struct fixture *fixture) {
    const char *home = fixture_path(fixture, "overlay");
    const char *elsewhere = fixture_path(fixture, "elsewhere");

    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        return 77;
    }
    if (mkdir(elsewhere, 0700) < 0 || mkdir(fixture_path(fixture, "elsewhere/mark"), 0700) < 0 ||
        mount(elsewhere, home, NULL, MS_BIND, NULL) < 0) {
        return 1;
    }
    if (publish_detach(fixture->store, NULL) < 0) {
        return 2;
    }
    return fixture_has(fixture, "overlay/mark") ? 0 : 3;
}

/* An administrator may keep the layers in another directory, also of the same file system. */
static void test_another_directory_bound_there_stays(void **state) {
    int status;
    pid_t child = fork();

    if (child == 0) {
        _exit(detach_another_directory(*state));
    }
    assert_int_equal(child, waitpid(child, &status, 0));
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_a_bind_mount_of_the_store_is_detached(void **state) {
    struct fixture *fixture = *state;
    struct layer_draft layer = fixture_snapshot(fixture, "s1", "a", "x");
    struct image_draft draft = fixture_draft(fixture, &layer, 1, "1", NULL);
    int status;
    pid_t child = fork();

    if (child == 0) {
        _exit(publish_over_bind_mount(fixture, &draft));
    }
    assert_int_equal(child, waitpid(child, &status, 0));
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) {
        skip();
    }
    assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_tarball_becomes_an_image, fixture_overlay,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(test_a_broken_tarball_leaves_nothing, fixture_overlay,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(test_another_directory_bound_there_stays, fixture_overlay,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(test_a_bind_mount_of_the_store_is_detached, fixture_overlay,
                                        fixture_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
