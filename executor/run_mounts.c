#include "executor/run_mounts.h"

#include "base/fs.h"
#include "base/vec.h"
#include "executor/context_copy.h"
#include "executor/mount_points.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

static void bind(struct run_mounts *run, struct str destination, const char *source,
                 const char *how) {
    static const struct {
        unsigned long flag;
        const char *option;
    } lockable[] = {
        { ST_NOSUID, ",nosuid" },
        { ST_NODEV, ",nodev" },
        { ST_NOEXEC, ",noexec" },
        { ST_NOATIME, ",noatime" },
    };
    _cleanup_buf_ struct buf options = BUF_INIT;
    struct statvfs stat;
    buf_printf(&options, "rbind,rprivate,%s", how);
    if (run->work->store->is_rootless && statvfs(source, &stat) == 0) {
        for (size_t i = 0; i < sizeof(lockable) / sizeof(lockable[0]); i++) {
            buf_append_c(&options, stat.f_flag & lockable[i].flag ? lockable[i].option : "");
        }
    }
    bundle_mounts_set(run->mounts, run->arena,
                      (struct bundle_mount){
                          .destination = path_clean(run->arena, destination),
                          .type = "bind",
                          .source = source,
                          .options = str_dup(run->arena, buf_str(&options)),
                      });
}

void run_mounts_bind(struct run_mounts *run, struct str destination, const char *source,
                     bool is_readonly) {
    bind(run, destination, source, is_readonly ? "ro" : "rw");
}

/* A directory of the store's own file system that lives as long as the RUN. PARENT: whose mode and owner it gets. */
static int new_directory(struct run_mounts *run, const char *parent, const char **path,
                         struct error *error) {
    struct snapshot snapshot;
    if (snapshot_new(run->work->store, run->work->build, parent, &snapshot, error) < 0) {
        return -1;
    }
    arena_vec_push(run->arena, &run->snapshots, snapshot);
    *path = arena_printf(run->arena, "%s/diff", snapshot.directory);
    return 0;
}

/* SOURCE inside an input: its absolute path. */
static int find_source(struct run_mounts *run, const struct mount_plan *mount, const char **path,
                       struct error *error) {
    const struct rootfs *input = &run->inputs[mount->input];
    struct str label = run->step->inputs[mount->input].label;
    struct str resolved;
    if (input->fd < 0) {
        return error_set(error, ERROR_NOT_FOUND, "\"%.*s\": not found in %.*s",
                         STR_ARG(mount->source), STR_ARG(label));
    }
    if (root_path_resolve(input->fd, mount->source, run->arena, &resolved, error) < 0) {
        return -1;
    }
    _cleanup_fd_ int fd = fs_open_in_root(
        input->fd, resolved.len ? str_dup(run->arena, resolved) : ".", O_PATH, 0, NULL);
    if (fd < 0) {
        return error_set(error, ERROR_NOT_FOUND, "\"%.*s\": not found in %.*s",
                         STR_ARG(mount->source), STR_ARG(label));
    }
    *path = resolved.len ? arena_printf(run->arena, "%s/%.*s", input->path, STR_ARG(resolved))
                         : input->path;
    return 0;
}

/* *path becomes a place where writing is allowed and forgotten: an overlay on the directory, or on the file's. */
static int make_writable(struct run_mounts *run, const char **path, struct error *error) {
    struct stat stat_buffer;
    const char *upper;
    if (stat(*path, &stat_buffer) < 0) {
        return error_system(error, "cannot look at %s", *path);
    }
    const char *name = S_ISDIR(stat_buffer.st_mode) ? NULL : strrchr(*path, '/') + 1;
    const char *lower =
        name ? str_dup(run->arena, str_make(*path, (size_t)(name - *path) - 1)) : *path;
    struct rootfs root;
    if (new_directory(run, lower, &upper, error) < 0 ||
        rootfs_mount(run->work->store, run->work->build, &lower, 1, upper, &root, error) < 0) {
        return -1;
    }
    arena_vec_push(run->arena, &run->roots, root);
    *path = name ? arena_printf(run->arena, "%s/%s", root.path, name) : root.path;
    return 0;
}

static int add_bind(struct run_mounts *run, const struct mount_plan *mount, struct error *error) {
    const char *path = NULL;
    if (mount->input >= run->step->input_count) {
        return error_set(error, ERROR_UNSUPPORTED, "this bind mount has no source");
    }
    const struct run_options *options = &run->work->plan->run;
    bool is_context = run->step->inputs[mount->input].context != NULL;
    /* A command that may mount can make a read-only mount a writable one. */
    bool is_shielded = !mount->is_readonly || run->step->exec.is_insecure || options->cap_add.count;
    int status = is_context ? context_copy_get(run->work, run->step, mount, &path, error)
                            : find_source(run, mount, &path, error);
    if (status < 0 || (is_shielded && make_writable(run, &path, error) < 0)) {
        return -1;
    }
    run_mounts_bind(run, mount->target, path, mount->is_readonly);
    return 0;
}

static const char *find_cache(const struct run_mounts *run, struct str id) {
    for (size_t i = 0; i < run->caches.count; i++) {
        if (str_equal(run->caches.items[i].id, id)) {
            return run->caches.items[i].path;
        }
    }
    return NULL;
}

static int open_cache(struct run_mounts *run, const struct mount_plan *mount, struct error *error) {
    struct cache_mount cache;
    struct tree tree = { .fd = -1 };
    if (mount->input < run->step->input_count) {
        tree.fd = run->inputs[mount->input].fd;
        tree.name = str_dup(run->arena, run->step->inputs[mount->input].label);
        if (run->step->inputs[mount->input].context) {
            tree = *run->step->inputs[mount->input].context;
        }
    }
    if (cache_mount_open(run->work, run->step, mount, tree.fd >= 0 ? &tree : NULL, run->arena,
                         &cache, error) < 0) {
        return -1;
    }
    arena_vec_push(run->arena, &run->caches, cache);
    return 0;
}

/* In the order of the ids, so that two RUNs with the same locked caches do not wait for each other. */
static int open_caches(struct run_mounts *run, struct error *error) {
    const struct step_exec *exec = &run->step->exec;
    for (;;) {
        const struct mount_plan *next = NULL;
        for (size_t i = 0; i < exec->mount_count; i++) {
            const struct mount_plan *mount = &exec->mounts[i];
            if (!mount->is_host && mount->type == MOUNT_CACHE && !find_cache(run, mount->id) &&
                (!next || str_compare(mount->id, next->id) < 0)) {
                next = mount;
            }
        }
        if (!next) {
            return 0;
        }
        if (open_cache(run, next, error) < 0) {
            return error_wrap(error, "cannot use the cache \"%.*s\"", STR_ARG(next->id));
        }
    }
}

static int add_tmpfs(struct run_mounts *run, const struct mount_plan *mount) {
    struct bundle_mount item = {
        .destination = path_clean(run->arena, mount->target),
        .type = "tmpfs",
        .source = "tmpfs",
        .options = "nosuid,nodev,mode=1777",
    };
    if (mount->size) {
        item.options =
            arena_printf(run->arena, "%s,size=%llu", item.options, (unsigned long long)mount->size);
    }
    bundle_mounts_set(run->mounts, run->arena, item);
    return 0;
}

static int add_host(struct run_mounts *run, const struct mount_plan *mount, struct error *error) {
    const char *source = str_dup(run->arena, mount->source);
    struct stat there;
    if (stat(source, &there) < 0) {
        return error_system(error, "cannot mount %s", source);
    }
    run_mounts_bind(run, mount->target, source, mount->is_readonly);
    return 0;
}

static const struct secret *find_secret(const struct run_mounts *run, struct str id) {
    const struct run_options *options = &run->work->plan->run;
    for (size_t i = 0; i < options->secret_count; i++) {
        if (str_equal(options->secrets[i].id, id)) {
            return &options->secrets[i];
        }
    }
    return NULL;
}

/* Into the bundle's directory, which is on no disk then. */
static int write_secret(struct run_mounts *run, const struct mount_plan *mount, struct str value,
                        struct error *error) {
    const char *path =
        arena_printf(run->arena, "%s/secret-%zu", run->directory, run->secret_count++);
    if (fs_write_atomic(AT_FDCWD, path, value.data, value.len, 0600, FS_NO_SYNC, error) < 0) {
        return -1;
    }
    if (chown(path, mount->uid, mount->gid) < 0 || chmod(path, mount->mode & 07777) < 0) {
        error_system(error, "cannot give the secret %.*s mode %o and owner %u:%u",
                     STR_ARG(mount->id), mount->mode, mount->uid, mount->gid);
        return run->work->store->is_rootless
                   ? error_hint(error, "without root owners must be among the subordinate IDs")
                   : -1;
    }
    bind(run, mount->target, path, "ro,nosuid,nodev,noexec");
    return 0;
}

/* Empty when the secret is not given, as in BuildKit. */
static int set_variable(struct run_mounts *run, const struct mount_plan *mount, struct str value,
                        struct error *error) {
    if (str_find_byte(value, '\0') != SIZE_MAX || !str_is_utf8(value)) {
        error_set(error, ERROR_INPUT, "the secret %.*s is no text: it cannot be the variable %.*s",
                  STR_ARG(mount->id), STR_ARG(mount->env));
        return error_hint(error, "let the RUN read it as a file, with target= instead of env=");
    }
    struct str pair = str_printf(run->arena, "%.*s=%.*s", STR_ARG(mount->env), STR_ARG(value));
    struct str name = str_sub(pair, 0, mount->env.len + 1);
    for (size_t i = 0; i < run->env->count; i++) {
        if (str_has_prefix(run->env->items[i], name)) {
            run->env->items[i] = pair;
            return 0;
        }
    }
    arena_vec_push(run->arena, run->env, pair);
    return 0;
}

static int add_secret(struct run_mounts *run, const struct mount_plan *mount, struct error *error) {
    const struct secret *secret = find_secret(run, mount->id);
    struct str value = secret ? secret->value : STR_EMPTY;
    if (!secret && mount->is_required) {
        error_set(error, ERROR_NOT_FOUND, "the secret %.*s is required and not given",
                  STR_ARG(mount->id));
        return error_hint(error,
                          "give it with --secret id=%.*s,src=FILE or --secret id=%.*s,env=NAME",
                          STR_ARG(mount->id), STR_ARG(mount->id));
    }
    if (mount->env.len > 0 && set_variable(run, mount, value, error) < 0) {
        return -1;
    }
    return secret && mount->target.len > 0 ? write_secret(run, mount, value, error) : 0;
}

static int add(struct run_mounts *run, const struct mount_plan *mount, struct error *error) {
    if (mount->is_host) {
        return add_host(run, mount, error);
    }
    switch (mount->type) {
    case MOUNT_BIND:
        return add_bind(run, mount, error);
    case MOUNT_CACHE:
        run_mounts_bind(run, mount->target, find_cache(run, mount->id), mount->is_readonly);
        return 0;
    case MOUNT_TMPFS:
        return add_tmpfs(run, mount);
    case MOUNT_SECRET:
        return add_secret(run, mount, error);
    case MOUNT_SSH:
        return error_set(error, ERROR_UNSUPPORTED, "ssh mounts are not supported");
    }
    return error_set(error, ERROR_UNSUPPORTED, "unknown kind of mount");
}

int run_mounts_prepare(struct run_mounts *run, struct error *error) {
    if (open_caches(run, error) < 0) {
        return -1;
    }
    for (size_t i = 0; i < run->step->exec.mount_count; i++) {
        const struct mount_plan *mount = &run->step->exec.mounts[i];
        if (add(run, mount, error) < 0) {
            return mount->target.len > 0
                       ? error_wrap(error, "cannot mount on %.*s", STR_ARG(mount->target))
                       : -1;
        }
    }
    return 0;
}

void run_mounts_release(struct run_mounts *run) {
    for (size_t i = 0; i < run->caches.count; i++) {
        cache_mount_close(&run->caches.items[i]);
    }
    for (size_t i = run->roots.count; i-- > 0;) {
        rootfs_unmount(&run->roots.items[i]);
    }
    for (size_t i = 0; i < run->snapshots.count; i++) {
        snapshot_remove(run->work->store, run->snapshots.items[i].id, NULL);
        snapshot_free(&run->snapshots.items[i]);
    }
}
