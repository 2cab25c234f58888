#include "store/snapshot.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/time.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DIRECTORY "bud/snapshots"
/* What is being removed is renamed first: a snapshot is there as a whole or not at all. */
#define DOOMED_PREFIX ".removed-"

bool snapshot_is_id(struct str name) {
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z')) {
            return false;
        }
    }
    return name.len == SNAPSHOT_ID_LEN;
}

/* Owner and mode of the root are set whatever umask and set-group-ID parents make of mkdir. */
static int set_root(int snapshot, const char *parent_diff, struct error *error) {
    struct stat like = { .st_mode = 0555 };
    if (parent_diff && stat(parent_diff, &like)) {
        int number = errno;
        error_system(error, "cannot read %s", parent_diff);
        if (number == ENOENT && error) {
            error->code = ERROR_CHANGED;
            error_hint(error, "the layer below was removed meanwhile; building again may help");
        }
        return -1;
    }
    /* Where it is so already, it stays as it was recorded: see directory_state.h. */
    struct stat present;
    if (fstatat(snapshot, "diff", &present, AT_SYMLINK_NOFOLLOW) == 0 &&
        present.st_uid == like.st_uid && present.st_gid == like.st_gid &&
        (present.st_mode & 07777) == (like.st_mode & 07777)) {
        return 0;
    }
    if (fchownat(snapshot, "diff", like.st_uid, like.st_gid, AT_SYMLINK_NOFOLLOW) ||
        fchmodat(snapshot, "diff", like.st_mode & 07777, 0)) {
        return error_system(error, "cannot set the owner and mode of a snapshot");
    }
    return 0;
}

static int make_diff(int snapshot, const char *parent_diff, struct error *error) {
    if (mkdirat(snapshot, "diff", 0700) || mkdirat(snapshot, "work", 0700)) {
        return error_system(error, "cannot create the directories of a snapshot");
    }
    return set_root(snapshot, parent_diff, error);
}

int snapshot_set_root(const struct store *store, const char *id, const char *parent_diff,
                      struct error *error) {
    _cleanup_free_ char *path = xasprintf(DIRECTORY "/%s", id);
    struct stat status;
    _cleanup_fd_ int fd =
        openat(store->root_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstatat(fd, "diff", &status, AT_SYMLINK_NOFOLLOW)) {
        return errno == ENOENT ? 0 : error_system(error, "cannot open snapshot %s", id);
    }
    return set_root(fd, parent_diff, error);
}

int snapshot_new(const struct store *store, const struct build *build, const char *parent_diff,
                 struct snapshot *out, struct error *error) {
    *out = (struct snapshot){ .directory = NULL };
    if (fs_make_directories(store->root_fd, DIRECTORY, 0700, error)) {
        return -1;
    }
    memcpy(out->id, build->id, BUILD_ID_LEN);
    fs_random_name(out->id + BUILD_ID_LEN, SNAPSHOT_ID_LEN - BUILD_ID_LEN);
    out->directory = xasprintf("%s/" DIRECTORY "/%s", store->root, out->id);
    if (mkdir(out->directory, 0700)) {
        error_system(error, "cannot create %s", out->directory);
        snapshot_free(out);
        return -1;
    }
    _cleanup_fd_ int fd = fs_open(out->directory, O_RDONLY | O_DIRECTORY, 0, error);
    if (fd < 0 || make_diff(fd, parent_diff, error)) {
        snapshot_remove(store, out->id, NULL);
        snapshot_free(out);
        return -1;
    }
    return 0;
}

void snapshot_free(struct snapshot *snapshot) {
    free(snapshot->directory);
    snapshot->directory = NULL;
}

int snapshot_doom(const struct store *store, const char *id, struct error *error) {
    if (!snapshot_is_id(str_of(id))) {
        return error_set(error, ERROR_FAILED, "'%s' is no snapshot ID", id);
    }
    _cleanup_free_ char *path = xasprintf(DIRECTORY "/%s", id);
    _cleanup_free_ char *doomed = xasprintf(DIRECTORY "/" DOOMED_PREFIX "%s", id);
    if (renameat(store->root_fd, path, store->root_fd, doomed) && errno != ENOENT) {
        return error_system(error, "cannot remove snapshot %s", id);
    }
    return 0;
}

/* Another sweeper may be at the same. */
int snapshot_delete_doomed(const struct store *store, const char *id, struct error *error) {
    _cleanup_error_ struct error reason = ERROR_INIT;
    _cleanup_free_ char *doomed = xasprintf(DIRECTORY "/" DOOMED_PREFIX "%s", id);
    if (fs_remove_tree(store->root_fd, doomed, &reason) == 0 || reason.code == ERROR_CHANGED) {
        return 0;
    }
    return error_set(error, ERROR_FAILED, "cannot remove %s/%s: %s", store->root, doomed,
                     reason.message);
}

int snapshot_remove(const struct store *store, const char *id, struct error *error) {
    return snapshot_doom(store, id, error) ? -1 : snapshot_delete_doomed(store, id, error);
}

static bool read_directory(const char *path, struct stat *status) {
    return lstat(path, status) == 0 && S_ISDIR(status->st_mode);
}

static bool is_directory(const char *path) {
    struct stat status;
    return read_directory(path, &status);
}

static const char *layer_directory(const struct store *store, struct arena *arena,
                                   const char *layer) {
    return store->driver == STORE_VFS
               ? arena_printf(arena, "%s/%s/dir/%s", store->root, store->driver_name, layer)
               : arena_printf(arena, "%s/%s/%s/diff", store->root, store->driver_name, layer);
}

/* PUBLISHED: how, if *layer is set. */
static bool find(const struct store *store, struct cache *cache, const char *id,
                 struct arena *arena, const char **path, const char **layer,
                 struct cache_publication *published, struct stat *status) {
    *layer = NULL;
    *path = arena_printf(arena, "%s/" DIRECTORY "/%s/diff", store->root, id);
    if (snapshot_is_id(str_of(id)) && read_directory(*path, status)) {
        return true;
    }
    /* Publishing writes this before it renames, so whoever comes too late for the one finds the other. */
    if (!cache_published_get(cache, id, published)) {
        return false;
    }
    *path = layer_directory(store, arena, published->layer.text);
    if (!read_directory(*path, status)) {
        return false;
    }
    *layer = arena_strdup(arena, published->layer.text);
    return true;
}

int snapshot_locate(const struct store *store, struct cache *cache, const char *id,
                    struct arena *arena, const char **path, const char **layer,
                    struct error *error) {
    struct cache_publication published;
    struct stat status;
    if (find(store, cache, id, arena, path, layer, &published, &status)) {
        return 0;
    }
    error_set(error, ERROR_CHANGED, "the result of a cached step, snapshot %s, is gone", id);
    return error_hint(error,
                      "its layer may have been removed with 'podman rmi' or the like; build again");
}

bool snapshot_is_duplicate(const struct store *store, struct cache *cache, const char *id,
                           struct arena *arena, const char **path, const char **layer) {
    struct cache_publication published;
    struct stat status;
    if (!snapshot_is_id(str_of(id)) || !cache_published_get(cache, id, &published) ||
        published.state.inode == 0) { /* its build has not come to telling how the layer is */
        return false;
    }
    *path = layer_directory(store, arena, published.layer.text);
    *layer = arena_strdup(arena, published.layer.text);
    published.state.changed = 0; /* as in snapshot_check() */
    return is_directory(arena_printf(arena, "%s/" DIRECTORY "/%s/diff", store->root, id)) &&
           read_directory(*path, &status) &&
           !directory_state_differs(&published.state, *path, &status);
}

enum snapshot_state snapshot_check(const struct store *store, struct cache *cache,
                                   const struct cache_record *record, struct arena *arena,
                                   const char **path, const char **layer) {
    struct cache_publication published;
    struct stat status;
    if (!find(store, cache, str_dup(arena, record->result), arena, path, layer, &published,
              &status)) {
        return SNAPSHOT_GONE;
    }
    struct directory_state before = record->state;
    if (*layer && published.state.inode != 0) {
        before = published.state;
    } else if (*layer && before.inode != status.st_ino) {
        return SNAPSHOT_SOUND; /* the build died before it could tell which directory the layer has */
    }
    if (*layer) {
        before.changed =
            0; /* renamed to be published; and others set its owner when they mount it */
    }
    return directory_state_differs(&before, *path, &status) ? SNAPSHOT_CHANGED : SNAPSHOT_SOUND;
}

/* Is NAME something that neither a live build nor a record will ask for? The build first: while it lives, it may be
 * about to write the record; when it is dead, the record is there or will never be. */
static bool is_debris(const struct store *store, struct cache *cache, struct str name,
                      struct arena *arena) {
    if (!snapshot_is_id(name) ||
        build_is_alive(store, str_dup(arena, str_sub(name, 0, BUILD_ID_LEN)))) {
        return false;
    }
    /* Of a published snapshot only the shell is left here. */
    return !cache_has_result(cache, name) ||
           !is_directory(
               arena_printf(arena, "%s/" DIRECTORY "/%.*s/diff", store->root, STR_ARG(name)));
}

/* Puts debris out of the way; when no build IS alive, which may have planned with one, duplicates as well. */
static void doom_debris(const struct store *store, struct cache *cache, const struct str *names,
                        size_t count, bool is_alone, struct arena *arena) {
    for (size_t i = 0; i < count; i++) {
        const char *path, *layer;
        bool is_duplicate =
            is_alone &&
            snapshot_is_duplicate(store, cache, str_dup(arena, names[i]), arena, &path, &layer);
        if (!is_duplicate && !is_debris(store, cache, names[i], arena)) {
            continue;
        }
        _cleanup_error_ struct error error = ERROR_INIT;
        if (snapshot_doom(store, str_dup(arena, names[i]), &error)) {
            log_warn("%s", error.message);
        }
    }
}

static void remove_doomed(const struct store *store, const struct str *names, size_t count,
                          struct arena *arena) {
    for (size_t i = 0; i < count; i++) {
        _cleanup_error_ struct error error = ERROR_INIT;
        struct str id = str_from(names[i], strlen(DOOMED_PREFIX));
        if (str_has_prefix(names[i], STR(DOOMED_PREFIX)) &&
            snapshot_delete_doomed(store, str_dup(arena, id), &error)) {
            log_warn("%s", error.message);
        }
    }
}

static int list_snapshots(const struct store *store, struct arena *arena, struct str **names,
                          size_t *count, struct error *error) {
    *count = 0;
    _cleanup_fd_ int fd =
        openat(store->root_fd, DIRECTORY, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? 0 : error_system(error, "cannot read %s/" DIRECTORY, store->root);
    }
    return fs_list(fd, arena, names, count, error);
}

/* A live build may have mounted a snapshot whose record was replaced since; so as long as others are at work, nothing is
 * taken away, and while it is, none may begin. The slow part comes after that. */
int snapshot_sweep(const struct store *store, struct cache *cache, size_t own_builds,
                   struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_lock_ struct lock registry = LOCK_INIT;
    struct str *names;
    size_t count, alive;
    if (list_snapshots(store, &arena, &names, &count, error)) {
        return -1;
    }
    if (count == 0) {
        return 0;
    }
    if (cache_is_readable(cache)) {
        if (build_census(store, &registry, &alive, error)) {
            return -1;
        }
        if (alive <= own_builds) {
            doom_debris(store, cache, names, count, alive == 0, &arena);
        }
        lock_release(&registry);
    }
    if (list_snapshots(store, &arena, &names, &count, error)) {
        return -1;
    }
    remove_doomed(store, names, count, &arena);
    return 0;
}
