/* Where the store is: options, environment, storage.conf; and what is refused by name. */
#include "store_fixture.h"

#include "store/config.h"

struct setting {
    const char *file;      /* storage.conf; NULL: none is named */
    const char *driver;    /* STORAGE_DRIVER */
    const char *opts;      /* STORAGE_OPTS */
    const char *option;    /* --storage-opt */
    const char *directory; /* made below the root before */
    const char *complaint; /* part of the message, or NULL */
    enum store_driver wanted;
    const char *mount_options; /* NULL: not looked at */
};

static const struct setting settings[] = {
    { .file = "", .wanted = STORE_OVERLAY },
    { .file = "[storage]\ndriver = \"overlay\"\n", .wanted = STORE_OVERLAY },
    { .file = "[storage]\ndriver = \"overlay2\"\n", .wanted = STORE_OVERLAY },
    { .file = "[storage]\ndriver = \"vfs\"\n", .wanted = STORE_VFS },
    { .file = "[storage]\ndriver = \"vfs\"\n", .driver = "overlay", .wanted = STORE_OVERLAY },
    { .file = "[storage]\ndriver = \"btrfs\"\n", .complaint = "`btrfs` is not supported" },
    { .file = "", .directory = "btrfs", .complaint = "`btrfs` is not supported" },
    /* A vfs directory alone decides nothing unless driver_priority names it. */
    { .file = "", .directory = "vfs", .wanted = STORE_OVERLAY },
    { .file = "[storage]\ndriver_priority = [\"overlay\", \"vfs\"]\n",
      .directory = "vfs",
      .wanted = STORE_VFS },
    { .file = "[storage]\ndriver_priority = [\"vfs\"]\n", .wanted = STORE_VFS },
    { .file = "[storage.options]\nmountopt = \"nodev,metacopy=on\"\n",
      .wanted = STORE_OVERLAY,
      .mount_options = "nodev,metacopy=on" },
    { .file = "[storage.options.overlay]\nmountopt = \"nodev\"\n",
      .wanted = STORE_OVERLAY,
      .mount_options = "nodev" },
    /* The environment replaces the driver options of the file, the command line both. */
    { .file = "[storage.options.overlay]\nmount_program = \"/usr/bin/fuse-overlayfs\"\n",
      .opts = "overlay.mountopt=noatime",
      .wanted = STORE_OVERLAY,
      .mount_options = "noatime" },
    { .file = "",
      .opts = "overlay.mountopt=noatime",
      .option = "mountopt=nodev",
      .wanted = STORE_OVERLAY,
      .mount_options = "nodev" },
    { .file = "[storage.options.overlay]\nmount_program = \"/usr/bin/fuse-overlayfs\"\n",
      .complaint = "`mount_program`" },
    { .file = "[storage.options]\nmount_program = \"/usr/bin/fuse-overlayfs\"\n",
      .complaint = "`mount_program`" },
    { .file = "[storage.options.overlay]\nforce_mask = \"shared\"\n", .complaint = "`force_mask`" },
    { .file = "[storage.options.overlay]\nuse_composefs = \"true\"\n",
      .complaint = "`use_composefs`" },
    { .file = "[storage.options.overlay]\nuse_composefs = \"false\"\n", .wanted = STORE_OVERLAY },
    { .file = "[storage]\nimagestore = \"/x\"\n", .complaint = "`imagestore`" },
    { .file = "[storage]\nimagestore = \"\"\n", .wanted = STORE_OVERLAY },
    { .file = "[storage]\ntransient_store = true\n", .complaint = "`transient_store`" },
    { .file = "[storage]\ntransient_store = false\n", .wanted = STORE_OVERLAY },
    { .file = "", .option = "overlay.size=1G", .complaint = "`size`" },
    { .file = "", .option = "nonsense", .complaint = "not KEY=VALUE" },
    { .file = "[storage]\ndriver = 3\n", .complaint = "driver" },
    { .file = "[storage\n", .complaint = "" },
};

static void set_env(const char *name, const char *value) {
    if (value) {
        setenv(name, value, 1);
    } else {
        unsetenv(name);
    }
}

static void check_setting(struct fixture *fixture, const struct setting *setting) {
    _cleanup_error_ struct error error = ERROR_INIT;
    const char *const driver_options[] = { setting->option, NULL };
    struct store_options options = { .root = fixture->root,
                                     .run_root = fixture->run_root,
                                     .driver_options = setting->option ? driver_options : NULL };
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct config config;
    int result;

    assert_ok(fs_remove_tree(AT_FDCWD, fixture->root, &error), &error);
    assert_ok(fs_make_directories(
                  AT_FDCWD, fixture_path(fixture, setting->directory ? setting->directory : "."),
                  0700, &error),
              &error);
    fixture_write(fixture, "storage.conf", setting->file);
    set_env("CONTAINERS_STORAGE_CONF", fixture_path(fixture, "storage.conf"));
    set_env("STORAGE_DRIVER", setting->driver);
    set_env("STORAGE_OPTS", setting->opts);
    result = config_read(&options, &fixture->arena, &config, &error);
    error_print(&text, &error, false);
    if (setting->complaint) {
        if (result == 0 || !strstr(text.data, setting->complaint)) {
            fail_msg("%s: %s", setting->file, result == 0 ? "accepted" : text.data);
        }
        return;
    }
    if (result < 0) {
        fail_msg("%s: %s", setting->file, text.data);
    }
    assert_int_equal(config.driver, setting->wanted);
    if (setting->mount_options) {
        assert_string_equal(config.mount_options, setting->mount_options);
    }
}

static void test_settings(void **state) {
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        check_setting(*state, &settings[i]);
    }
    set_env("STORAGE_DRIVER", NULL);
    set_env("STORAGE_OPTS", NULL);
}

static void test_paths_come_from_the_file_unless_given(void **state) {
    struct fixture *fixture = *state;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct store_options options = { .driver = "overlay" };
    struct config config;

    assert_ok(fs_make_directories(AT_FDCWD, fixture->root, 0700, &error), &error);
    fixture_write(fixture, "storage.conf",
                  "[storage]\ngraphroot = \"/srv/a/../root\"\nrunroot = \"/srv/run\"\n"
                  "[storage.options]\nadditionalimagestores = [\"/srv/more\", \"/srv/most\"]\n");
    set_env("CONTAINERS_STORAGE_CONF", fixture_path(fixture, "storage.conf"));
    assert_ok(config_read(&options, &fixture->arena, &config, &error), &error);
    assert_string_equal(config.root, "/srv/root");
    assert_string_equal(config.run_root, "/srv/run");
    assert_string_equal(config.additional_roots[0], "/srv/more");
    assert_string_equal(config.additional_roots[1], "/srv/most");
    assert_null(config.additional_roots[2]);
    options.root = "relative";
    assert_int_equal(0, chdir("/tmp"));
    assert_ok(config_read(&options, &fixture->arena, &config, &error), &error);
    assert_string_equal(config.root, "/tmp/relative");
    set_env("CONTAINERS_STORAGE_CONF", "/nowhere/storage.conf");
    assert_int_equal(-1, config_read(&options, &fixture->arena, &config, &error));
    assert_int_equal(error.code, ERROR_NOT_FOUND);
}

static void test_rootless_users_have_paths_of_their_own(void **state) {
    struct fixture *fixture = *state;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct store_options options = { .driver = "overlay" };
    struct config config;
    char *file;

    set_env("CONTAINERS_STORAGE_CONF", NULL);
    set_env("_CONTAINERS_USERNS_CONFIGURED", "1");
    set_env("_CONTAINERS_ROOTLESS_UID", "1234");
    set_env("HOME", fixture->directory);
    set_env("XDG_CONFIG_HOME", NULL);
    set_env("XDG_DATA_HOME", NULL);
    set_env("XDG_RUNTIME_DIR", "/run/some");
    assert_true(config_is_rootless());
    assert_ok(config_read(&options, &fixture->arena, &config, &error), &error);
    assert_string_equal(
        config.root,
        arena_printf(&fixture->arena, "%s/.local/share/containers/storage", fixture->directory));
    assert_string_equal(config.run_root, "/run/some/containers");

    file = arena_printf(&fixture->arena, "%s/.config/containers", fixture->directory);
    assert_ok(fs_make_directories(AT_FDCWD, file, 0700, &error), &error);
    file = arena_printf(&fixture->arena, "%s/storage.conf", file);
    assert_ok(fs_write_atomic(AT_FDCWD, file,
                              "[storage]\ngraphroot = \"$HOME/x/${UID}\"\nrunroot=\"/r\"\n", 51,
                              0600, FS_NO_SYNC, &error),
              &error);
    assert_ok(config_read(&options, &fixture->arena, &config, &error), &error);
    assert_string_equal(config.root,
                        arena_printf(&fixture->arena, "%s/x/1234", fixture->directory));
    assert_string_equal(config.run_root, "/r");
    set_env("_CONTAINERS_USERNS_CONFIGURED", NULL);
    set_env("_CONTAINERS_ROOTLESS_UID", NULL);
}

/* Directories are made one after the other. */
static void test_rootless_users_get_the_driver_podman_takes(void **state) {
    static const struct {
        const char *directory; /* or NULL */
        const char *file;      /* the user's own, or NULL */
        enum store_driver wanted;
        bool is_advised;
    } cases[] = {
        { NULL, NULL, STORE_VFS, true },
        { "overlay", NULL, STORE_VFS, true },
        { "overlay-images", NULL, STORE_OVERLAY, false },
        { "vfs", NULL, STORE_OVERLAY, false },
        { "vfs-images", "[storage]\n", STORE_OVERLAY, false },
        { NULL, "[storage]\ndriver = \"vfs\"\n", STORE_VFS, false },
    };
    struct fixture *fixture = *state;
    const char *home = arena_printf(&fixture->arena, "%s/home", fixture->directory);
    const char *file = arena_printf(&fixture->arena, "%s/containers/storage.conf", home);
    const struct store_options options = { .root = fixture->root, .run_root = fixture->run_root };
    struct config config;

    if (access("/etc/containers/storage.conf", F_OK) == 0 ||
        access("/usr/share/containers/storage.conf", F_OK) == 0) {
        skip(); /* the machine's may name a driver */
    }
    assert_int_equal(0, mkdir(home, 0700));
    set_env("CONTAINERS_STORAGE_CONF", NULL);
    set_env("_CONTAINERS_USERNS_CONFIGURED", "1");
    set_env("XDG_CONFIG_HOME", home);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_error_ struct error error = ERROR_INIT;

        if (cases[i].directory) {
            assert_ok(fs_make_directories(AT_FDCWD, fixture_path(fixture, cases[i].directory), 0700,
                                          &error),
                      &error);
        }
        if (cases[i].file) {
            mkdir(arena_printf(&fixture->arena, "%s/containers", home), 0700);
            assert_ok(fs_write_atomic(AT_FDCWD, file, cases[i].file, strlen(cases[i].file), 0600,
                                      FS_NO_SYNC, &error),
                      &error);
        }
        assert_ok(config_read(&options, &fixture->arena, &config, &error), &error);
        assert_int_equal(config.driver, cases[i].wanted);
        assert_true((config.advice != NULL) == cases[i].is_advised);
    }
    assert_int_equal(0, unlink(file));
    set_env("XDG_CONFIG_HOME", NULL);
    set_env("_CONTAINERS_USERNS_CONFIGURED", NULL);
}

static void test_a_fuse_store_is_refused(void **state) {
    struct fixture *fixture = *state;
    struct store_options options = { .root = fixture->root,
                                     .run_root = fixture->run_root,
                                     .driver = "overlay" };
    _cleanup_error_ struct error error = ERROR_INIT;
    struct store *store;

    assert_string_equal(fixture_read(fixture, "overlay/.has-mount-program"), "false");
    fixture_write(fixture, "overlay/.has-mount-program", "true");
    assert_int_equal(-1, store_open(&options, STORE_READ, &store, &error));
    assert_int_equal(error.code, ERROR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "fuse-overlayfs"));
}

static void test_reading_makes_nothing(void **state) {
    struct fixture *fixture = *state;
    struct store *store = fixture_open(fixture, "overlay", STORE_READ);

    assert_int_equal(store->root_fd, -1);
    assert_int_not_equal(0, access(fixture->root, F_OK));
    store_close(store);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_settings, fixture_bare, fixture_end),
        cmocka_unit_test_setup_teardown(test_paths_come_from_the_file_unless_given, fixture_bare,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(test_rootless_users_get_the_driver_podman_takes,
                                        fixture_bare, fixture_end),
        cmocka_unit_test_setup_teardown(test_rootless_users_have_paths_of_their_own, fixture_bare,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(test_a_fuse_store_is_refused, fixture_overlay, fixture_end),
        cmocka_unit_test_setup_teardown(test_reading_makes_nothing, fixture_bare, fixture_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
