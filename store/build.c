#include "store/build.h"

#include "base/fs.h"
#include "base/log.h"
#include "store/container.h"
#include "store/debris.h"
#include "store/fetched.h"
#include "store/layer_dir.h"
#include "store/mount_cache.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* ROOT/bud/builds.lock is held while a build's file comes to be or goes, so that a sweeper never meets one that is
 * made but not locked yet. */
static int lock_registry(const struct store *store, struct lock *out, struct error *error) {
    _cleanup_free_ char *path = xasprintf("%s/bud/builds.lock", store->root);

    return lock_take_path(path, LOCK_EXCLUSIVE, false, out, error);
}

static bool is_build_id(struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        if (!islower((unsigned char)text.data[i]) && !isdigit((unsigned char)text.data[i])) {
            return false;
        }
    }
    return text.len == BUILD_ID_LEN;
}

bool build_is_alive(const struct store *store, const char *id) {
    _cleanup_free_ char *path = xasprintf("%s/bud/builds/%s", store->root, id);

    return is_build_id(str_of(id)) && lock_is_held(path);
}

/* None where no bud has written yet. */
static int list_builds(const struct store *store, struct arena *arena, struct str **names,
                       size_t *count, struct error *error) {
    _cleanup_fd_ int directory =
        openat(store->root_fd, "bud/builds", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    *count = 0;
    if (directory < 0) {
        return errno == ENOENT ? 0 : error_system(error, "cannot open %s/bud/builds", store->root);
    }
    return fs_list(directory, arena, names, count, error);
}

int build_census(const struct store *store, struct lock *registry, size_t *count,
                 struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct str *names;
    size_t files;

    *count = 0;
    if (lock_registry(store, registry, error) < 0 ||
        list_builds(store, &arena, &names, &files, error) < 0) {
        return -1;
    }
    for (size_t i = 0; i < files; i++) {
        *count += build_is_alive(store, names[i].data);
    }
    return 0;
}

int build_hold(const struct store *store, const struct build *build, const char *const *results,
               size_t count, struct error *error) {
    _cleanup_lock_ struct lock registry = LOCK_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT;

    for (size_t i = 0; i < count; i++) {
        buf_printf(&text, "%s\n", results[i]);
    }
    if (count == 0) {
        return 0;
    }
    if (lock_registry(store, &registry, error) < 0) {
        return -1;
    }
    if (lseek(build->lock.fd, 0, SEEK_END) < 0) {
        return error_system(error, "cannot write %s/bud/builds/%s", store->root, build->id);
    }
    return fs_write_all(build->lock.fd, "the register of builds", text.data, text.len, error);
}

int build_held(const struct store *store, struct lock *registry, struct arena *arena,
               struct map *held, struct error *error) {
    struct str *names;
    size_t count;

    if ((registry && lock_registry(store, registry, error) < 0) ||
        list_builds(store, arena, &names, &count, error) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        _cleanup_buf_ struct buf text = BUF_INIT;
        struct str rest, line;

        if (!build_is_alive(store, names[i].data)) {
            continue;
        }
        map_set(held, names[i], (void *)(uintptr_t)names[i].data);
        bool exists;
        const char *path = arena_printf(arena, "bud/builds/%s", names[i].data);
        if (fs_read_file_if_exists(store->root_fd, path, (size_t)16 << 20, &text, &exists, error) <
            0) {
            return -1;
        }
        rest = str_copy(arena, buf_str(&text));
        while (str_split(&rest, '\n', &line)) {
            map_set(held, line, (void *)(uintptr_t)names[i].data);
        }
    }
    return 0;
}

bool build_is_held(const struct map *held, struct str snapshot) {
    return map_has(held, snapshot) || map_has(held, str_sub(snapshot, 0, BUILD_ID_LEN));
}

int build_list_dead(const struct store *store, struct arena *arena, struct str **ids, size_t *count,
                    struct error *error) {
    _cleanup_lock_ struct lock registry = LOCK_INIT;
    size_t files;

    *count = 0;
    if (lock_registry(store, &registry, error) < 0 ||
        list_builds(store, arena, ids, &files, error) < 0) {
        return -1;
    }
    for (size_t i = 0; i < files; i++) {
        if (is_build_id((*ids)[i]) && !build_is_alive(store, (*ids)[i].data)) {
            (*ids)[(*count)++] = (*ids)[i];
        }
    }
    return 0;
}

/* RUNROOT/bud/ID of dead builds: plain directories, their mounts died with the private namespace. Only those of this
 * root's builds: several roots may share one run root, and of a build in another root nobody here can tell whether it
 * is alive. */
static void sweep_run_directories(const struct store *store, const struct str *dead, size_t count) {
    for (size_t i = 0; i < count; i++) {
        _cleanup_error_ struct error error = ERROR_INIT;
        _cleanup_free_ char *path = xasprintf("%s/bud/%s", store->run_root, dead[i].data);

        if (fs_remove_tree(AT_FDCWD, path, &error) < 0) {
            log_warn("cannot remove %s, which a dead build left: %s", path, error.message);
        }
    }
}

/* The dead builds' files go last: as long as one is there, the rest is looked for again. */
int build_sweep(const struct store *store, size_t own_builds, struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct str *dead = NULL;
    size_t count;

    if (build_list_dead(store, &arena, &dead, &count, error) < 0) {
        return -1;
    }
    if (container_sweep(store, error) < 0) {
        return error_wrap(error, "cannot remove the container rows of dead builds");
    }
    sweep_run_directories(store, dead, count);
    if (count > 0 && debris_sweep(store, error) < 0) {
        return error_wrap(error, "cannot remove what dead builds left");
    }
    layer_dir_empty_trash(store, own_builds);
    for (size_t i = 0; i < count; i++) {
        const char *path = arena_printf(&arena, "bud/builds/%s", dead[i].data);

        if (unlinkat(store->root_fd, path, 0) < 0 && errno != ENOENT) {
            return error_system(error, "cannot remove %s/%s", store->root, path);
        }
    }
    return 0;
}

/* What any command left that was killed, not only builds. */
static int sweep_all(const struct store *store, struct error *error) {
    uint64_t bytes = 0;

    if (build_sweep(store, 1, error) < 0) {
        return -1;
    }
    mount_cache_sweep(store, false, &bytes);
    fetched_sweep(store, false, &bytes);
    return 0;
}

static int take_id(const struct store *store, struct build *build, struct error *error) {
    _cleanup_lock_ struct lock registry = LOCK_INIT;

    if (lock_registry(store, &registry, error) < 0) {
        return -1;
    }
    for (;;) {
        _cleanup_free_ char *path = NULL;

        fs_random_name(build->id, BUILD_ID_LEN);
        path = xasprintf("%s/bud/builds/%s", store->root, build->id);
        if (access(path, F_OK) == 0) {
            continue;
        }
        return lock_take_path(path, LOCK_EXCLUSIVE, false, &build->lock, error);
    }
}

int build_begin(const struct store *store, struct build **out, struct error *error) {
    struct build *build = xcalloc(1, sizeof(*build));

    build->lock = (struct lock)LOCK_INIT;
    if (take_id(store, build, error) < 0) {
        free(build);
        error_wrap(error, "cannot register the build in %s/bud", store->root);
        return error_hint(error, "what steps make is kept there: it must be writable");
    }
    build->run_directory = xasprintf("%s/bud/%s", store->run_root, build->id);
    if (sweep_all(store, error) < 0) {
        build_end(store, build, error);
        return -1;
    }
    if (mkdir(build->run_directory, 0700) < 0) {
        error_system(error, "cannot make %s", build->run_directory);
        build_end(store, build, error);
        return -1;
    }
    *out = build;
    return 0;
}

/* Such a failure may have cut off what removes traces, too. */
static bool is_of_disk(const struct error *failure) {
    return failure && failure->code == ERROR_SYSTEM &&
           (failure->number == EIO || failure->number == ENOSPC || failure->number == EDQUOT ||
            failure->number == EROFS);
}

void build_end(const struct store *store, struct build *build, const struct error *failure) {
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_lock_ struct lock registry = LOCK_INIT;
    _cleanup_free_ char *path = NULL;

    if (!build) {
        return;
    }
    if (fs_remove_tree(AT_FDCWD, build->run_directory, &error) < 0) {
        log_warn("cannot remove %s: %s", build->run_directory, error.message);
    }
    path = xasprintf("bud/builds/%s", build->id);
    if (is_of_disk(failure) || lock_registry(store, &registry, &error) < 0 ||
        unlinkat(store->root_fd, path, 0) < 0) {
        log_debug("%s/%s stays; the next build removes it", store->root, path);
    }
    lock_release(&build->lock);
    free(build->run_directory);
    free(build);
}
