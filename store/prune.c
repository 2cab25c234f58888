#include "store/prune.h"

#include "base/fs.h"
#include "base/log.h"
#include "store/cache_aside.h"
#include "store/disk_usage.h"
#include "store/mount_cache.h"
#include "store/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define SNAPSHOTS "bud/snapshots"

/* ---- records ---- */

struct removal {
    const struct store *store;
    struct cache *cache;
    struct usage *usage;
    struct prune_result *result;
    struct arena arena;
    struct cache_victim *victims;
    size_t *items; /* of each victim */
    size_t count;
    const char **doomed; /* snapshots put out of sight */
    size_t doomed_count;
};

/* Is it still where it was, and nobody's? */
static bool is_free(struct removal *removal, const struct map *held,
                    const struct usage_item *item) {
    if (item->where != USAGE_SNAPSHOT) {
        return true; /* only the record goes */
    }
    const char *path, *layer;
    return !build_is_held(held, item->result) &&
           !(snapshot_locate(removal->store, removal->cache, str_dup(&removal->arena, item->result),
                             &removal->arena, &path, &layer, NULL) == 0 &&
             layer);
}

static void choose(struct removal *removal, const struct map *held) {
    struct usage *usage = removal->usage;
    removal->victims = arena_array(&removal->arena, usage->count, sizeof(*removal->victims));
    removal->items = arena_array(&removal->arena, usage->count, sizeof(*removal->items));
    for (size_t i = 0; i < usage->count; i++) {
        const struct usage_item *item = &usage->items[i];
        if (!item->is_victim) {
            continue;
        }
        if (!is_free(removal, held, item)) {
            removal->result->spared++;
            continue;
        }
        removal->items[removal->count] = i;
        removal->victims[removal->count++] = (struct cache_victim){
            .key = item->record.key,
            .result = item->is_readable ? item->record.result : str_make(NULL, 0),
            .hits = item->use.hits,
        };
    }
}

static int doom(struct removal *removal, struct error *error) {
    removal->doomed = arena_array(&removal->arena, removal->count, sizeof(*removal->doomed));
    for (size_t i = 0; i < removal->count; i++) {
        struct usage_item *item = &removal->usage->items[removal->items[i]];
        if (!removal->victims[i].is_gone) {
            removal->result->spared++;
            continue;
        }
        item->is_removed = true;
        removal->result->records++;
        if (item->where != USAGE_SNAPSHOT || cache_has_result(removal->cache, item->result)) {
            continue;
        }
        const char *id = str_dup(&removal->arena, item->result);
        if (snapshot_doom(removal->store, id, error)) {
            return -1;
        }
        removal->doomed[removal->doomed_count++] = id;
        removal->result->snapshots++;
        removal->result->bytes += item->size;
    }
    return 0;
}

/* The part during which no build begins or ends. */
static int remove_records(struct removal *removal, struct error *error) {
    _cleanup_lock_ struct lock registry = LOCK_INIT;
    _cleanup_map_ struct map held = MAP_INIT;
    if (build_held(removal->store, &registry, &removal->arena, &held, error)) {
        return -1;
    }
    choose(removal, &held);
    return cache_forget(removal->cache, removal->victims, removal->count, error) ||
                   doom(removal, error)
               ? -1
               : 0;
}

int prune_records(const struct store *store, struct cache *cache, struct usage *usage,
                  struct prune_result *result, struct error *error) {
    struct removal removal = {
        .store = store, .cache = cache, .usage = usage, .result = result, .arena = ARENA_INIT
    };
    int status = remove_records(&removal, error);
    for (size_t i = 0; i < removal.doomed_count; i++) {
        _cleanup_error_ struct error late = ERROR_INIT;
        if (snapshot_delete_doomed(store, removal.doomed[i], &late)) {
            log_warn("%s; the next build or prune tries again", late.message);
        }
    }
    arena_free(&removal.arena);
    return status;
}

/* ---- leftovers ---- */

struct leftovers {
    const struct store *store;
    struct cache *cache;
    struct map held;
    struct arena arena;
};

static bool is_known(void *context, struct str snapshot) {
    struct leftovers *leftovers = context;
    return build_is_held(&leftovers->held, snapshot) ||
           cache_has_result(leftovers->cache, snapshot);
}

static int count_directory(struct leftovers *leftovers, const char *path,
                           struct prune_result *result, struct error *error) {
    _cleanup_disk_usage_ struct disk_usage disk = DISK_USAGE_INIT;
    result->snapshots++;
    return disk_usage_add(&disk, leftovers->store->root_fd, path, &result->bytes, error);
}

static int list(struct leftovers *leftovers, const char *path, struct str **names, size_t *count,
                struct error *error) {
    *count = 0;
    _cleanup_fd_ int fd =
        openat(leftovers->store->root_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? 0 : error_system(error, "cannot read %s", path);
    }
    return fs_list(fd, &leftovers->arena, names, count, error);
}

/* What snapshot_sweep() will take out. */
static int count_snapshots(struct leftovers *leftovers, bool is_alone, struct prune_result *result,
                           struct error *error) {
    struct str *names;
    size_t count;
    if (list(leftovers, SNAPSHOTS, &names, &count, error)) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        const char *path = arena_printf(&leftovers->arena, SNAPSHOTS "/%.*s", STR_ARG(names[i]));
        struct stat status;
        bool has_files =
            fstatat(leftovers->store->root_fd, arena_printf(&leftovers->arena, "%s/diff", path),
                    &status, AT_SYMLINK_NOFOLLOW) == 0;
        bool is_left =
            snapshot_is_id(names[i])
                ? is_alone && !(has_files && cache_has_result(leftovers->cache, names[i]))
                : true;
        if (is_left && count_directory(leftovers, path, result, error)) {
            return -1;
        }
    }
    return 0;
}

static int drop_set_aside(const struct store *store, bool is_dry, uint64_t *bytes,
                          struct error *error) {
    _cleanup_fd_ int fd = openat(store->root_fd, "bud", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? 0 : error_system(error, "cannot read %s/bud", store->root);
    }
    return cache_aside_drop(fd, CACHE_FILE_NAME, is_dry, bytes, error);
}

/* With the register of builds locked, so that what is nobody's stays so; but a dry run only reads. */
static int sweep_tables(struct leftovers *leftovers, bool is_dry, struct prune_result *result,
                        struct error *error) {
    _cleanup_lock_ struct lock registry = LOCK_INIT;
    if (build_held(leftovers->store, is_dry ? NULL : &registry, &leftovers->arena, &leftovers->held,
                   error)) {
        return -1;
    }
    bool is_alone = leftovers->held.count == 0;
    if (count_snapshots(leftovers, is_alone, result, error)) {
        return -1;
    }
    if (is_dry) {
        return 0;
    }
    if (is_alone) {
        mount_cache_sweep(leftovers->store);
    }
    return cache_forget_snapshots(leftovers->cache, is_known, leftovers, error);
}

int prune_leftovers(const struct store *store, struct cache *cache, bool is_dry,
                    struct prune_result *result, struct error *error) {
    if (!store_exists(store)) {
        return 0;
    }
    struct leftovers leftovers = { store, cache, MAP_INIT, ARENA_INIT };
    int status = sweep_tables(&leftovers, is_dry, result, error);
    if (status == 0) {
        status = drop_set_aside(store, is_dry, &result->bytes, error);
    }
    if (status == 0 && !is_dry) {
        status = snapshot_sweep(store, cache, 0, error);
    }
    map_free(&leftovers.held);
    arena_free(&leftovers.arena);
    return status;
}
