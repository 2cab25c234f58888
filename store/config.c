#include "store/config.h"

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/vec.h"
#include "store/toml.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/vfs.h>
#include <unistd.h>

#define CONFIG_SIZE_LIMIT ((size_t)1 << 20)
/* not in linux/magic.h */
#define ZFS_SUPER_MAGIC 0x2fc12fc1
#define AUFS_SUPER_MAGIC 0x61756673

/* The answer while the sources are being read; NULL: not said yet. */
struct reading {
    struct arena *arena;
    struct config *out;
    const char *driver;
    json_t *priority; /* driver_priority, borrowed */
    VEC(const char *) additional;
};

/* containers/storage pkg/unshare: the tools re-execute themselves in a user namespace and say so in the environment.
 * Root of any other user namespace (a pod's) is treated as root. */
bool config_is_rootless(void) {
    return geteuid() != 0 || getenv("_CONTAINERS_USERNS_CONFIGURED") != NULL;
}

static const char *non_empty_env(const char *name) {
    const char *value = getenv(name);

    return value && value[0] ? value : NULL;
}

static const char *user_id(struct arena *arena) {
    const char *outside = non_empty_env("_CONTAINERS_ROOTLESS_UID");

    return outside ? outside : arena_printf(arena, "%u", (unsigned)geteuid());
}

static const char *user_home(struct error *error) {
    const char *home = non_empty_env("HOME");

    if (!home) {
        error_set(error, ERROR_INPUT, "the HOME variable is not set");
        error_hint(error, "set it, or give --root and --runroot");
    }
    return home;
}

static bool is_true(const char *text) {
    bool is_on;
    return str_parse_bool(str_of(text), &is_on) && is_on;
}

static int unsupported(struct error *error, const char *setting, const char *from) {
    error_set(error, ERROR_UNSUPPORTED, "the storage setting `%s` (%s) is not supported", setting,
              from);
    return error_hint(error, "remove it, or use a store without it (--root, --runroot)");
}

/* One option of the driver, from wherever. FROM names the source, IS_ASKED: by option, so that nothing is ignored. */
static int driver_option(struct reading *reading, struct str key, const char *value,
                         const char *from, bool is_asked, struct error *error) {
    static const char *const prefixes[] = { "storage.", "overlay.", "overlay2.", "vfs.", "." };
    struct arena *arena = reading->arena;

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (str_has_prefix(key, str_of(prefixes[i]))) {
            key = str_from(key, strlen(prefixes[i]));
        }
    }
    if (str_equal_c(key, "mountopt")) {
        reading->out->mount_options = arena_strdup(arena, value);
    } else if (str_equal_c(key, "imagestore") || str_equal_c(key, "additionalimagestore")) {
        arena_vec_push(arena, &reading->additional, arena_strdup(arena, value));
    } else if (str_equal_c(key, "mount_program") || str_equal_c(key, "force_mask")) {
        return value[0] ? unsupported(error, str_dup(arena, key), from) : 0;
    } else if (str_equal_c(key, "use_composefs")) {
        return is_true(value) ? unsupported(error, "use_composefs", from) : 0;
    } else if (str_equal_c(key, "ignore_chown_errors")) {
        if (is_true(value)) {
            log_warn("the storage setting `ignore_chown_errors` (%s) has no effect", from);
        }
    } else if (is_asked && !str_equal_c(key, "skip_mount_home")) {
        return unsupported(error, str_dup(arena, key), from);
    }
    return 0;
}

static int driver_option_pair(struct reading *reading, const char *pair, const char *from,
                              struct error *error) {
    struct str rest = str_of(pair);
    struct str key;

    if (str_find_byte(rest, '=') == SIZE_MAX) {
        return error_set(error, ERROR_USAGE, "the storage option `%s` (%s) is not KEY=VALUE", pair,
                         from);
    }
    str_split(&rest, '=', &key);
    return driver_option(reading, str_trim(key), str_dup(reading->arena, str_trim(rest)), from,
                         true, error);
}

/* The members of [storage.options] and [storage.options.DRIVER] that concern the driver. */
static int driver_table(struct reading *reading, const json_t *table, struct error *error) {
    static const char *const keys[] = { "mountopt", "mount_program", "force_mask", "use_composefs",
                                        "ignore_chown_errors" };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        const json_t *value = json_object_get(table, keys[i]);
        const char *text = json_is_true(value) ? "true" : json_string_value(value);

        if (text &&
            driver_option(reading, str_of(keys[i]), text, reading->out->path, false, error) < 0) {
            return -1;
        }
    }
    return 0;
}

/* os.ExpandEnv, as the library applies it to paths in rootless mode; $UID counts although shells do not export it. */
static const char *expand_path(struct arena *arena, const char *path) {
    _cleanup_buf_ struct buf out = BUF_INIT;
    const char *at = path;

    while (*at) {
        const char *name = at + 1;
        bool is_braced = *name == '{';
        size_t length;
        const char *variable, *value;

        if (*at != '$') {
            buf_append_byte(&out, *at++);
            continue;
        }
        name += is_braced;
        length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");
        if (length == 0 || (is_braced && name[length] != '}')) {
            buf_append_byte(&out, *at++);
            continue;
        }
        variable = arena_memdup(arena, name, length);
        value = strcmp(variable, "UID") == 0 ? user_id(arena) : getenv(variable);
        buf_append_c(&out, value ? value : "");
        at = name + length + is_braced;
    }
    return str_dup(arena, buf_str(&out));
}

static int refuse_members(const json_t *storage, const char *path, struct error *error) {
    const json_t *transient = json_object_get(storage, "transient_store");
    const char *imagestore = json_string_value(json_object_get(storage, "imagestore"));

    if (json_is_true(transient)) {
        return unsupported(error, "transient_store", path);
    }
    return imagestore && imagestore[0] ? unsupported(error, "imagestore", path) : 0;
}

static int read_additional(struct reading *reading, const json_t *options, struct error *error) {
    json_t *list = NULL;

    if (json_read_array(options, "additionalimagestores", &list, error) < 0) {
        return -1;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *root = json_string_value(json_array_get(list, i));

        if (root && root[0]) {
            arena_vec_push(reading->arena, &reading->additional,
                           arena_strdup(reading->arena, root));
        }
    }
    return 0;
}

/* What to take from a storage.conf. A rootless user without one gets the system's, but not its paths. */
enum share { SHARE_ALL, SHARE_SYSTEM_ROOTLESS };

static int take_paths(struct reading *reading, const json_t *storage, enum share share,
                      bool is_rootless, struct error *error) {
    struct config *out = reading->out;
    const char *root = NULL, *run_root = NULL, *rootless = NULL;

    if (json_read_string(storage, "graphroot", &root, error) < 0 ||
        json_read_string(storage, "runroot", &run_root, error) < 0 ||
        json_read_string(storage, "rootless_storage_path", &rootless, error) < 0) {
        return -1;
    }
    if (share == SHARE_SYSTEM_ROOTLESS) {
        root = run_root = NULL;
    }
    if (is_rootless && rootless && rootless[0]) {
        root = rootless;
    }
    if (root && root[0]) {
        out->root =
            is_rootless ? expand_path(reading->arena, root) : arena_strdup(reading->arena, root);
    }
    if (run_root && run_root[0]) {
        out->run_root = is_rootless ? expand_path(reading->arena, run_root)
                                    : arena_strdup(reading->arena, run_root);
    }
    return 0;
}

static int take_storage(struct reading *reading, const json_t *storage, enum share share,
                        bool is_rootless, bool has_driver_options, struct error *error) {
    const char *driver = NULL;
    json_t *options = NULL, *overlay = NULL;

    if (refuse_members(storage, reading->out->path, error) < 0 ||
        take_paths(reading, storage, share, is_rootless, error) < 0 ||
        json_read_string(storage, "driver", &driver, error) < 0 ||
        json_read_array(storage, "driver_priority", &reading->priority, error) < 0 ||
        json_read_object(storage, "options", &options, error) < 0) {
        return -1;
    }
    if (driver && driver[0] && !reading->driver) {
        reading->driver = arena_strdup(reading->arena, driver);
    }
    if (options == NULL || share == SHARE_SYSTEM_ROOTLESS) {
        return 0;
    }
    if (read_additional(reading, options, error) < 0) {
        return -1;
    }
    if (has_driver_options) {
        return 0; /* they replace those of the file */
    }
    if (json_read_object(options, "overlay", &overlay, error) < 0 ||
        driver_table(reading, options, error) < 0) {
        return -1;
    }
    return overlay ? driver_table(reading, overlay, error) : 0;
}

/* *document stays NULL when there is no file. */
static int load(const char *path, json_t **document, struct error *error) {
    _cleanup_buf_ struct buf text = BUF_INIT;
    bool exists = false;

    if (fs_read_file_if_exists(AT_FDCWD, path, CONFIG_SIZE_LIMIT, &text, &exists, error) < 0) {
        return -1;
    }
    if (exists) {
        *document = toml_parse(buf_str(&text), path, error);
    }
    return exists && *document == NULL ? -1 : 0;
}

/* Which file counts, in the library's order. */
static int load_first(struct reading *reading, bool is_rootless, enum share *share,
                      json_t **document, struct error *error) {
    const char *named = non_empty_env("CONTAINERS_STORAGE_CONF");
    const char *home = non_empty_env("XDG_CONFIG_HOME");
    const char *candidates[4] = { NULL };
    size_t count = 0;

    *share = SHARE_ALL;
    if (named) {
        candidates[count++] = named;
    } else {
        if (is_rootless) {
            if (!home && non_empty_env("HOME")) {
                home = arena_printf(reading->arena, "%s/.config", getenv("HOME"));
            }
            candidates[count++] =
                home ? arena_printf(reading->arena, "%s/containers/storage.conf", home) : "";
        }
        candidates[count++] = "/etc/containers/storage.conf";
        candidates[count++] = "/usr/share/containers/storage.conf";
    }
    for (size_t i = 0; i < count; i++) {
        if (load(candidates[i], document, error) < 0) {
            return -1;
        }
        if (*document) {
            reading->out->path = arena_strdup(reading->arena, candidates[i]);
            *share = is_rootless && !named && i > 0 ? SHARE_SYSTEM_ROOTLESS : SHARE_ALL;
            return 0;
        }
    }
    if (named) {
        error_set(error, ERROR_NOT_FOUND, "%s does not exist", named);
        return error_hint(error, "CONTAINERS_STORAGE_CONF names it; correct or unset the variable");
    }
    return 0;
}

static int default_rootless_paths(struct reading *reading, struct error *error) {
    struct config *out = reading->out;
    const char *data = non_empty_env("XDG_DATA_HOME");
    const char *run = non_empty_env("XDG_RUNTIME_DIR");
    struct arena *arena = reading->arena;
    const char *uid = user_id(arena);

    if (!out->root) {
        const char *home = data ? NULL : user_home(error);

        if (!data && !home) {
            return -1;
        }
        out->root = data ? arena_printf(arena, "%s/containers/storage", data)
                         : arena_printf(arena, "%s/.local/share/containers/storage", home);
    }
    if (!out->run_root && !run) {
        const char *usual = arena_printf(arena, "/run/user/%s", uid);

        run = access(usual, W_OK) == 0 ? usual : NULL;
    }
    if (!out->run_root) {
        out->run_root = run ? arena_printf(arena, "%s/containers", run)
                            : arena_printf(arena, "/tmp/containers-user-%s/containers", uid);
    }
    return 0;
}

static int default_paths(struct reading *reading, bool is_rootless, struct error *error) {
    if (is_rootless) {
        return default_rootless_paths(reading, error);
    }
    if (!reading->out->root) {
        reading->out->root = "/var/lib/containers/storage";
    }
    if (!reading->out->run_root) {
        reading->out->run_root = "/run/containers/storage";
    }
    return 0;
}

static int make_absolute(struct arena *arena, const char **path, struct error *error) {
    _cleanup_free_ char *here = NULL;

    if ((*path)[0] != '/') {
        here = getcwd(NULL, 0);
        if (!here) {
            return error_system(error, "cannot tell the current directory");
        }
    }
    *path = str_dup(arena, path_join(arena, str_of(here ? here : "/"), str_of(*path)));
    return 0;
}

static bool root_has(const char *root, const char *name) {
    _cleanup_free_ char *path = xasprintf("%s/%s", root, name);

    return access(path, F_OK) == 0;
}

static const char *const drivers[] = { "btrfs", "overlay", "zfs", "aufs", "devicemapper", "vfs" };

static bool is_in_priority(const struct reading *reading, const char *driver) {
    for (size_t i = 0; i < json_array_size(reading->priority); i++) {
        const char *name = json_string_value(json_array_get(reading->priority, i));

        if (name && strcmp(name, driver) == 0) {
            return true;
        }
    }
    return false;
}

/* Overlay refuses to be laid over these, and the library knows (containers/storage drivers/overlay, Init). */
static bool is_unfit_for_overlay(const char *root) {
    static const long unfit[] = { OVERLAYFS_SUPER_MAGIC, ECRYPTFS_SUPER_MAGIC, ZFS_SUPER_MAGIC,
                                  AUFS_SUPER_MAGIC };
    _cleanup_free_ char *path = xstrdup(root);
    struct statfs stat;

    while (statfs(path, &stat) < 0) { /* it may be made only now: the directory it will be in */
        char *slash = strrchr(path, '/');

        if (errno != ENOENT || !slash || slash == path) {
            return false;
        }
        *slash = '\0';
    }
    for (size_t i = 0; i < sizeof(unfit) / sizeof(unfit[0]); i++) {
        if ((long)stat.f_type == unfit[i]) {
            return true;
        }
    }
    return false;
}

/* What a library that has to choose does (drivers/driver.go, New): the one whose store is there, vfs apart; else the first
 * that works. */
static const char *find_driver(const struct reading *reading, struct error *error) {
    const char *first = json_string_value(json_array_get(reading->priority, 0));
    const char *root = reading->out->root, *found = NULL;

    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
        if (!root_has(root, drivers[i]) ||
            (strcmp(drivers[i], "vfs") == 0 && !is_in_priority(reading, "vfs"))) {
            continue;
        }
        if (strcmp(drivers[i], "overlay") == 0 && !root_has(root, "overlay-images") &&
            is_unfit_for_overlay(root)) {
            continue; /* what the library's own attempt left */
        }
        if (found) {
            error_set(error, ERROR_INPUT, "%s holds stores of the drivers %s and %s", root, found,
                      drivers[i]);
            error_hint(error, "choose one with --storage-driver");
            return NULL;
        }
        found = drivers[i];
    }
    if (found || first) {
        return found ? found : arena_strdup(reading->arena, first);
    }
    if (!is_unfit_for_overlay(root)) {
        return "overlay";
    }
    if (!root_has(root, "vfs-images")) {
        reading->out->advice = arena_printf(
            reading->arena,
            "the new store %s is of the driver vfs, in which every layer has a copy of "
            "all files: overlay does not work on its file system",
            root);
    }
    return "vfs";
}

/* A rootless user for whom no configuration speaks. The library before 1.47 (Podman 4.5, Debian 12) takes vfs whatever there is,
 * later ones the first store there is by name, else overlay: with vfs where there is nothing yet they all agree. Where there is
 * overlay alone later ones are in use, or a Podman whose database knows (types/options.go, getRootlessStorageOpts). */
static const char *find_rootless_driver(const struct reading *reading) {
    const char *first = json_string_value(json_array_get(reading->priority, 0));
    const char *root = reading->out->root, *found = NULL;

    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
        _cleanup_free_ char *images = xasprintf("%s-images", drivers[i]);

        if (!root_has(root, images)) {
            continue;
        }
        if (found && strcmp(drivers[i], "vfs") == 0) {
            log_warn(
                "%s holds stores of the drivers %s and vfs: vfs is taken, as Podman before 4.6 "
                "does; say which with driver = \"...\" in storage.conf or --storage-driver",
                root, found);
            return "vfs";
        }
        found = found ? found : drivers[i];
    }
    if (found || first) {
        return found ? found : arena_strdup(reading->arena, first);
    }
    reading->out->advice = arena_printf(
        reading->arena,
        "the new store %s is of the driver vfs, in which every layer has a copy of all files: for "
        "overlay remove it (`podman unshare rm -rf`, for it has files of other IDs), and write "
        "`[storage]` and `driver = \"overlay\"` to "
        "~/.config/containers/storage.conf",
        root);
    return "vfs";
}

/* IS_OWN: the configuration that was read is the user's. */
static int choose_driver(const struct reading *reading, bool is_rootless, bool is_own,
                         struct error *error) {
    const char *driver = reading->driver;

    if (!driver) {
        driver =
            is_rootless && !is_own ? find_rootless_driver(reading) : find_driver(reading, error);
    }
    if (!driver) {
        return -1;
    }
    if (strcmp(driver, "overlay") == 0 || strcmp(driver, "overlay2") == 0) {
        reading->out->driver = STORE_OVERLAY;
    } else if (strcmp(driver, "vfs") == 0) {
        reading->out->driver = STORE_VFS;
    } else {
        error_set(error, ERROR_UNSUPPORTED, "the storage driver `%s` is not supported", driver);
        return error_hint(error, "bud knows overlay and vfs: choose one with --storage-driver");
    }
    return 0;
}

static int take_driver_options(struct reading *reading, const struct store_options *options,
                               const char *environment, struct error *error) {
    struct str rest = str_of(environment);
    struct str pair;

    if (options->driver_options) {
        for (const char *const *option = options->driver_options; *option; option++) {
            if (driver_option_pair(reading, *option, "--storage-opt", error) < 0) {
                return -1;
            }
        }
        return 0;
    }
    while (environment && str_split(&rest, ',', &pair)) {
        pair = str_trim(pair);
        if (pair.len > 0 &&
            driver_option_pair(reading, str_dup(reading->arena, pair), "STORAGE_OPTS", error) < 0) {
            return -1;
        }
    }
    return 0;
}

static int finish_additional(struct reading *reading, struct error *error) {
    for (size_t i = 0; i < reading->additional.count; i++) {
        if (make_absolute(reading->arena, &reading->additional.items[i], error) < 0) {
            return -1;
        }
    }
    arena_vec_push(reading->arena, &reading->additional, NULL);
    reading->out->additional_roots = reading->additional.items;
    return 0;
}

int config_read(const struct store_options *options, struct arena *arena, struct config *out,
                struct error *error) {
    bool is_rootless = config_is_rootless();
    const char *driver = options->driver ? options->driver : non_empty_env("STORAGE_DRIVER");
    const char *environment = non_empty_env("STORAGE_OPTS");
    struct reading reading = { .arena = arena, .out = out, .driver = driver };
    _cleanup_json_ json_t *document = NULL;
    json_t *storage = NULL;
    enum share share;

    *out = (struct config){ .mount_options = "" };
    if (load_first(&reading, is_rootless, &share, &document, error) < 0) {
        return -1;
    }
    if (document &&
        (json_read_object(document, "storage", &storage, error) < 0 ||
         (storage && take_storage(&reading, storage, share, is_rootless,
                                  environment || options->driver_options, error) < 0))) {
        return error_wrap(error, "cannot use the storage configuration %s", out->path);
    }
    out->root = options->root ? options->root : out->root;
    out->run_root = options->run_root ? options->run_root : out->run_root;
    if (take_driver_options(&reading, options, environment, error) < 0 ||
        default_paths(&reading, is_rootless, error) < 0 ||
        make_absolute(arena, &out->root, error) < 0 ||
        make_absolute(arena, &out->run_root, error) < 0 ||
        choose_driver(&reading, is_rootless, document && share == SHARE_ALL, error) < 0) {
        return -1;
    }
    return finish_additional(&reading, error);
}
