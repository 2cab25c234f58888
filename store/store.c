#include "store/store.h"

#include "base/fs.h"
#include "base/log.h"
#include "store/config.h"
#include "store/lock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Are we root of a user namespace that does not map every ID? Then overlay's xattrs are user.overlay.*, and device
 * nodes cannot be made. */
static bool is_in_user_namespace(void) {
    _cleanup_buf_ struct buf map = BUF_INIT;
    unsigned inside, outside, count;

    if (fs_read_file(AT_FDCWD, "/proc/self/uid_map", 65536, &map, NULL) < 0) {
        return false;
    }
    return !(sscanf(map.data, "%u %u %u", &inside, &outside, &count) == 3 && inside == 0 &&
             outside == 0 && count == UINT32_MAX);
}

/* An existing directory keeps its mode; a new one gets MODE whatever the umask. */
static int make_directory(int directory, const char *path, mode_t mode, struct error *error) {
    if (mkdirat(directory, path, mode) == 0) {
        if (fchmodat(directory, path, mode, 0) == 0) {
            return 0;
        }
    } else if (errno == EEXIST) {
        return 0;
    }
    return error_system(error, "cannot make the directory %s of the store", path);
}

/* containers/storage drivers/overlay: a store without this marker is searched for fuse-overlayfs whiteouts by the next
 * tool, and one hit changes its format for ever. */
static int mark_kernel_overlay(const struct store *store, struct error *error) {
    if (store->driver != STORE_OVERLAY ||
        faccessat(store->root_fd, "overlay/.has-mount-program", F_OK, 0) == 0) {
        return 0;
    }
    return fs_write_atomic(store->root_fd, "overlay/.has-mount-program", "false", 5, 0600, FS_SYNC,
                           error);
}

/* Whatever the format wants, in one list: path below the root, and its mode. */
static int make_root_directories(const struct store *store, struct error *error) {
    static const char *const parts[] = { "", "-layers", "-images", "-containers" };
    static const char *const own[] = { "bud", "bud/snapshots", "bud/builds", "bud/trash" };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        _cleanup_free_ char *path = xasprintf("%s%s", store->driver_name, parts[i]);

        if (make_directory(store->root_fd, path, 0700, error) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (make_directory(store->root_fd, own[i], 0700, error) < 0) {
            return -1;
        }
    }
    if (store->driver == STORE_VFS) {
        return make_directory(store->root_fd, "vfs/dir", 0700, error);
    }
    return make_directory(store->root_fd, "overlay/l", 0755, error);
}

static int make_run_directories(const struct store *store, struct error *error) {
    static const char *const parts[] = { "", "-layers", "-containers", "-locks" };
    _cleanup_fd_ int run_root = -1;

    if (fs_make_directories(AT_FDCWD, store->run_root, 0700, error) < 0) {
        return -1;
    }
    run_root = fs_open(store->run_root, O_RDONLY | O_DIRECTORY, 0, error);
    if (run_root < 0) {
        return -1;
    }
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        _cleanup_free_ char *path = xasprintf("%s%s", store->driver_name, parts[i]);

        if (make_directory(run_root, path, 0700, error) < 0) {
            return -1;
        }
    }
    return make_directory(run_root, "bud", 0700, error);
}

/* A store without a layer table is new, or its maker died before it was done. */
static bool is_fresh(const struct store *store) {
    _cleanup_free_ char *table = xasprintf("%s-layers/layers.json", store->driver_name);

    return faccessat(store->root_fd, table, F_OK, 0) < 0;
}

static int make_directories(const struct store *store, struct error *error) {
    _cleanup_lock_ struct lock lock = LOCK_INIT;
    int result = 0;

    if (is_fresh(store)) {
        result = lock_take(store, LOCK_STORAGE, LOCK_EXCLUSIVE, &lock, error);
        if (result == 0 && is_fresh(store)) {
            result = make_directory(store->root_fd, store->driver_name, 0700, error);
            result = result < 0 ? -1 : mark_kernel_overlay(store, error);
            if (result == 0 && store->advice) {
                log_warn("%s", store->advice);
            }
        }
    }
    if (result == 0) {
        result = make_root_directories(store, error);
    }
    if (result == 0) {
        result = make_run_directories(store, error);
    }
    return result;
}

int store_prepare(const struct store *store, struct error *error) {
    return make_directories(store, error) < 0
               ? error_wrap(error, "cannot prepare the store %s", store->root)
               : 0;
}

bool store_exists(const struct store *store) {
    _cleanup_free_ char *layers = xasprintf("%s-layers", store->driver_name);
    return store->root_fd >= 0 && (faccessat(store->root_fd, layers, F_OK, 0) == 0 ||
                                   faccessat(store->root_fd, "bud", F_OK, 0) == 0);
}

static int refuse_fuse(const struct store *store, struct error *error) {
    _cleanup_buf_ struct buf text = BUF_INIT;
    bool exists = false;

    if (store->driver != STORE_OVERLAY || store->root_fd < 0) {
        return 0;
    }
    if (fs_read_file_if_exists(store->root_fd, "overlay/.has-mount-program", 64, &text, &exists,
                               error) < 0) {
        return -1;
    }
    if (str_equal_c(str_trim(buf_str(&text)), "true")) {
        error_set(error, ERROR_UNSUPPORTED,
                  "the store %s keeps whiteouts in the form of fuse-overlayfs", store->root);
        return error_hint(error, "use another root (--root), or reset the store");
    }
    return 0;
}

static int open_root(struct store *store, enum store_access access, struct error *error) {
    if (access == STORE_WRITE && fs_make_directories(AT_FDCWD, store->root, 0700, error) < 0) {
        return error_wrap(error, "cannot make the store %s", store->root);
    }
    store->root_fd = open(store->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->root_fd < 0 && !(access != STORE_WRITE && errno == ENOENT)) {
        error_system(error, "cannot open the store %s", store->root);
        return error_hint(error, "choose another with --root");
    }
    if ((access == STORE_WRITE || (access == STORE_CHANGE && store_exists(store))) &&
        store_prepare(store, error) < 0) {
        return -1;
    }
    return refuse_fuse(store, error);
}

/* What of the command line or configuration Podman finds by itself needs no word. */
static const char *podman_words(const struct store_options *options, const struct config *config,
                                struct arena *arena) {
    if (!options->root && !options->run_root && !options->driver) {
        return "podman";
    }
    return arena_printf(arena, "podman --root %s --runroot %s%s%s", config->root, config->run_root,
                        options->driver ? " --storage-driver " : "",
                        options->driver ? options->driver : "");
}

int store_open(const struct store_options *options, enum store_access access, struct store **out,
               struct error *error) {
    struct arena arena = ARENA_INIT;
    struct config config;
    struct store *store;

    if (config_read(options, &arena, &config, error) < 0) {
        arena_free(&arena);
        return -1;
    }
    const char *podman = podman_words(options, &config, &arena);
    store = xcalloc(1, sizeof(*store));
    store->arena = arena;
    store->podman = podman;
    store->root = config.root;
    store->run_root = config.run_root;
    store->driver = config.driver;
    store->driver_name = config.driver == STORE_VFS ? "vfs" : "overlay";
    store->mount_options = config.mount_options;
    store->additional_roots = config.additional_roots;
    store->configuration = config.path;
    store->advice = config.advice;
    store->is_rootless = geteuid() != 0 || is_in_user_namespace();
    store->root_fd = -1;
    if (open_root(store, access, error) < 0) {
        store_close(store);
        return -1;
    }
    *out = store;
    return 0;
}

void store_close(struct store *store) {
    struct arena arena;

    if (!store) {
        return;
    }
    if (store->root_fd >= 0) {
        close(store->root_fd);
    }
    arena = store->arena;
    arena_free(&arena);
    free(store);
}
