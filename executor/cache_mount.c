#include "executor/cache_mount.h"

#include "base/digest.h"
#include "base/fs.h"
#include "executor/context.h"
#include "store/mount_cache.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define WAIT 50000 /* microseconds between looks at a lock somebody else holds */

int cache_mount_copy(const struct work *work, const struct step *step, const struct tree *tree,
                     struct str source, const char *directory, uint64_t *stamps,
                     struct error *error) {
    struct rootfs root;
    struct str from = source.len ? source : STR("/");
    struct step copy = *step;
    copy.kind = STEP_FILE;
    copy.file = (struct step_file){
        .kind = FILE_COPY,
        .selection = { .sources = &from, .source_count = 1, .is_literal = true },
        .destination = STR("/"),
    };
    if (rootfs_mount(work->store, work->build, NULL, 0, directory, &root, error) < 0) {
        return -1;
    }
    int result = file_step_run(work, &copy, &root, tree, stamps, error);
    rootfs_unmount(&root);
    return result;
}

static int fill(const struct work *work, const struct step *step, const struct mount_plan *mount,
                const struct tree *from, const char *path, struct error *error) {
    struct stat stat = { .st_mode = mount->mode, .st_uid = mount->uid, .st_gid = mount->gid };
    if (from) {
        uint64_t stamps;
        _cleanup_fd_ int source = -1;
        _cleanup_free_ char *name = xasprintf("%.*s", STR_ARG(mount->source));
        if (cache_mount_copy(work, step, from, mount->source, path, &stamps, error) < 0 ||
            context_check(work, step, &step->inputs[mount->input], stamps, error) < 0) {
            return -1;
        }
        source = fs_open_in_root(from->fd, name, O_PATH | O_DIRECTORY, 0, error);
        if (source < 0) {
            return error_hint(error, "a cache begins with the files of a directory");
        }
        if (mount->is_as_source && fstat(source, &stat) < 0) {
            return error_system(error, "cannot stat %s", name);
        }
        if (mount->is_as_source && from->is_context) {
            stat.st_uid = stat.st_gid = 0;
        }
    }
    if (chown(path, stat.st_uid, stat.st_gid) < 0 || chmod(path, stat.st_mode & 07777) < 0) {
        return error_system(error, "cannot set owner and mode of cache %s", path);
    }
    return 0;
}

/* Complete before it has its name: another RUN may look for it at the same time, and bud may be killed. */
static int make(const struct work *work, const struct step *step, const struct mount_plan *mount,
                const struct tree *from, const char *path, struct error *error) {
    struct stat there;
    char suffix[9];
    if (lstat(path, &there) == 0) {
        return 0;
    }
    fs_random_name(suffix, 8);
    _cleanup_free_ char *temporary = xasprintf("%s.new-%s", path, suffix);
    if (mkdir(temporary, 0700) < 0) {
        return error_system(error, "cannot make cache directory %s", temporary);
    }
    int result = fill(work, step, mount, from, temporary, error);
    if (result == 0 && renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    if (result == 0 && errno != EEXIST) {
        result = error_system(error, "cannot make cache directory %s", path);
    }
    fs_remove_tree(AT_FDCWD, temporary, NULL);
    return result;
}

static int take_lock(const struct work *work, const char *directory, enum cache_sharing sharing,
                     struct lock *lock, struct error *error) {
    _cleanup_free_ char *path = xasprintf("%s.lock", directory);
    enum lock_mode mode = sharing == SHARING_SHARED ? LOCK_SHARED : LOCK_EXCLUSIVE;
    for (;;) {
        if (lock_take_path(path, mode, true, lock, error) < 0) {
            return -1;
        }
        if (lock->fd >= 0 || sharing == SHARING_PRIVATE) {
            return 0;
        }
        if (atomic_load(work->is_cancelled)) {
            return error_set(error, ERROR_INTERRUPTED, "interrupted while waiting for a cache");
        }
        usleep(WAIT);
    }
}

int cache_mount_open(const struct work *work, const struct step *step,
                     const struct mount_plan *mount, const struct tree *from, struct arena *arena,
                     struct cache_mount *out, struct error *error) {
    const struct store *store = work->store;
    struct digest digest = digest_of(mount->id.data, mount->id.len);
    struct digest_hex name = digest_hex(&digest);
    *out = (struct cache_mount){ .id = mount->id, .lock = LOCK_INIT };
    if (fs_make_directories(store->root_fd, MOUNT_CACHE_DIRECTORY, 0700, error) < 0) {
        return -1;
    }
    for (unsigned i = 0; out->lock.fd < 0; i++) {
        out->path =
            i ? arena_printf(arena, "%s/" MOUNT_CACHE_DIRECTORY "/%s-%u", store->root, name.text, i)
              : arena_printf(arena, "%s/" MOUNT_CACHE_DIRECTORY "/%s", store->root, name.text);
        if (take_lock(work, out->path, mount->sharing, &out->lock, error) < 0) {
            return -1;
        }
    }
    if (make(work, step, mount, from, out->path, error) < 0) {
        cache_mount_close(out);
        return -1;
    }
    mount_cache_note(out->path, mount->id);
    return 0;
}

void cache_mount_close(struct cache_mount *cache) {
    lock_release(&cache->lock);
    cache->lock = (struct lock)LOCK_INIT;
}
