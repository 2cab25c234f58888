#include "store/prune.h"

#include "base/fs.h"
#include "base/log.h"
#include "store/cache_aside.h"
#include "store/disk_usage.h"
#include "store/fetched.h"
#include "store/layer_dir.h"
#include "store/mount_cache.h"
#include "store/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define SNAPSHOTS "bud/snapshots"
#define TRASH "bud/trash"

/* ---- records ---- */

struct removal {
    const struct store *store;
    struct cache *cache;
    struct usage *usage;
    struct prune_result *result;
    struct arena arena;
    struct map held; /* by builds */
    struct cache_victim *victims;
    size_t *items; /* of each victim */
    size_t count;
    bool *is_doomed;     /* of each item: its snapshot was put out of sight */
    const char **doomed; /* those that are not deleted yet */
    size_t doomed_count;
};

/* Is it still where it was, and nobody's? */
static bool is_free(struct removal *removal, const struct usage_item *item) {
    if (item->where != USAGE_SNAPSHOT) {
        return true; /* only the record goes */
    }
    const char *path, *layer;
    return !build_is_held(&removal->held, item->result) &&
           !(snapshot_locate(removal->store, removal->cache, str_dup(&removal->arena, item->result),
                             &removal->arena, &path, &layer, NULL) == 0 &&
             layer);
}

static void choose(struct removal *removal) {
    struct usage *usage = removal->usage;
    removal->count = 0;
    removal->result->records = removal->result->spared = 0;
    for (size_t i = 0; i < usage->count; i++) {
        const struct usage_item *item = &usage->items[i];
        if (!item->is_victim) {
            continue;
        }
        if (!is_free(removal, item)) {
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

/* From here on, and until REGISTRY is released, no build begins or ends. */
static int look(struct removal *removal, struct lock *registry, struct error *error) {
    map_free(&removal->held);
    if (build_held(removal->store, registry, &removal->arena, &removal->held, error)) {
        return -1;
    }
    choose(removal);
    return 0;
}

static int doom(struct removal *removal, size_t item, struct error *error) {
    const char *id = str_dup(&removal->arena, removal->usage->items[item].result);
    if (removal->is_doomed[item]) {
        return 0;
    }
    if (snapshot_doom(removal->store, id, error)) {
        return -1;
    }
    removal->is_doomed[item] = true;
    removal->doomed[removal->doomed_count++] = id;
    removal->result->bytes += removal->usage->items[item].size;
    return 0;
}

/* The snapshots of records that are gone. */
static int doom_forgotten(struct removal *removal, struct error *error) {
    for (size_t i = 0; i < removal->count; i++) {
        struct usage_item *item = &removal->usage->items[removal->items[i]];
        if (!removal->victims[i].is_gone) {
            removal->result->spared++;
            continue;
        }
        item->is_removed = true;
        removal->result->records++;
        if (item->where == USAGE_SNAPSHOT && !cache_has_result(removal->cache, item->result) &&
            doom(removal, removal->items[i], error)) {
            return -1;
        }
    }
    return 0;
}

/* LMDB calls a write that was cut short EIO. */
static bool is_lack_of_space(const struct error *error) {
    return error->code == ERROR_SYSTEM &&
           (error->number == ENOSPC || error->number == EDQUOT || error->number == EIO);
}

static bool is_known(void *context, struct str snapshot) {
    struct removal *removal = context;
    return build_is_held(&removal->held, snapshot) || cache_has_result(removal->cache, snapshot);
}

/* A few bytes: without room for that, the next prune does it. */
static int forget_rest(struct removal *removal, struct error *error) {
    const struct usage *usage = removal->usage;
    _cleanup_error_ struct error reason = ERROR_INIT;
    bool is_done =
        cache_forget_snapshots(removal->cache, is_known, removal, &reason) == 0 &&
        cache_forget_sites(removal->cache, usage->gone_sites, usage->gone_site_count, &reason) == 0;
    return is_done || is_lack_of_space(&reason) ? 0 : error_move(error, &reason);
}

static int remove_records(struct removal *removal, struct error *error) {
    _cleanup_lock_ struct lock registry = LOCK_INIT;
    return look(removal, &registry, error) ||
                   cache_forget(removal->cache, removal->victims, removal->count, error) ||
                   doom_forgotten(removal, error) || forget_rest(removal, error)
               ? -1
               : 0;
}

/* On a full disk a record cannot even be removed, but its snapshot can: what is left is a miss. Only those that no other record
 * has, and that nobody has found meanwhile. */
static int doom_first(struct removal *removal, struct error *error) {
    const struct usage *usage = removal->usage;
    _cleanup_lock_ struct lock registry = LOCK_INIT;
    _cleanup_map_ struct map kept = MAP_INIT;
    if (look(removal, &registry, error)) {
        return -1;
    }
    for (size_t i = 0; i < usage->count; i++) {
        if (!usage->items[i].is_victim) {
            map_set(&kept, usage->items[i].result, &usage->items[i]);
        }
    }
    for (size_t i = 0; i < removal->count; i++) {
        const struct usage_item *item = &usage->items[removal->items[i]];
        struct cache_use use;
        cache_use_get(removal->cache, &item->record.key, &use);
        if (item->where == USAGE_SNAPSHOT && use.hits <= item->use.hits &&
            !map_has(&kept, item->result)) {
            doom(removal, removal->items[i], NULL); /* should that take room, too, it comes again */
        }
    }
    return 0;
}

static void delete_doomed(struct removal *removal) {
    for (size_t i = 0; i < removal->doomed_count; i++) {
        _cleanup_error_ struct error error = ERROR_INIT;
        if (snapshot_delete_doomed(removal->store, removal->doomed[i], &error)) {
            log_warn("%s; the next build or prune tries again", error.message);
        }
    }
    removal->doomed_count = 0;
}

int prune_records(const struct store *store, struct cache *cache, struct usage *usage,
                  struct prune_result *result, struct error *error) {
    _cleanup_error_ struct error reason = ERROR_INIT;
    struct removal removal = { .store = store,
                               .cache = cache,
                               .usage = usage,
                               .result = result,
                               .arena = ARENA_INIT,
                               .held = MAP_INIT };
    removal.victims = arena_array(&removal.arena, usage->count, sizeof(*removal.victims));
    removal.items = arena_array(&removal.arena, usage->count, sizeof(*removal.items));
    removal.is_doomed = arena_array(&removal.arena, usage->count, sizeof(*removal.is_doomed));
    removal.doomed = arena_array(&removal.arena, usage->count, sizeof(*removal.doomed));
    int status = remove_records(&removal, &reason);
    if (status < 0 && is_lack_of_space(&reason)) {
        error_clear(&reason);
        status = doom_first(&removal, &reason);
        delete_doomed(&removal);
        status = status < 0 ? -1 : remove_records(&removal, &reason);
    }
    delete_doomed(&removal);
    map_free(&removal.held);
    arena_free(&removal.arena);
    return status < 0 ? error_move(error, &reason) : 0;
}

/* ---- leftovers ---- */

struct leftovers {
    const struct store *store;
    struct cache *cache;
    struct arena arena;
};

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

/* Does snapshot_sweep() take out what is called NAME? */
static bool is_left(struct leftovers *leftovers, struct str name, bool is_alone) {
    const char *diff = arena_printf(&leftovers->arena, SNAPSHOTS "/%.*s/diff", STR_ARG(name));
    const char *path, *layer;
    struct stat status;
    if (!snapshot_is_id(name) || !is_alone) {
        return !snapshot_is_id(name);
    }
    return fstatat(leftovers->store->root_fd, diff, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
           !cache_has_result(leftovers->cache, name) ||
           snapshot_is_duplicate(leftovers->store, leftovers->cache,
                                 str_dup(&leftovers->arena, name), &leftovers->arena, &path,
                                 &layer);
}

static int count_snapshots(struct leftovers *leftovers, bool is_alone, uint64_t *bytes,
                           struct error *error) {
    struct str *names;
    size_t count;
    if (list(leftovers, SNAPSHOTS, &names, &count, error)) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        _cleanup_disk_usage_ struct disk_usage disk = DISK_USAGE_INIT;
        const char *path = arena_printf(&leftovers->arena, SNAPSHOTS "/%.*s", STR_ARG(names[i]));
        if (is_left(leftovers, names[i], is_alone) &&
            disk_usage_add(&disk, leftovers->store->root_fd, path, bytes, error)) {
            return -1;
        }
    }
    return 0;
}

static int count_trash(struct leftovers *leftovers, uint64_t *bytes, struct error *error) {
    _cleanup_disk_usage_ struct disk_usage disk = DISK_USAGE_INIT;
    struct str *names;
    size_t count;
    if (list(leftovers, TRASH, &names, &count, error)) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        const char *path = arena_printf(&leftovers->arena, TRASH "/%.*s", STR_ARG(names[i]));
        if (disk_usage_add(&disk, leftovers->store->root_fd, path, bytes, error)) {
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

static int count_leftovers(struct leftovers *leftovers, uint64_t bytes[PRUNE_PARTS],
                           struct error *error) {
    _cleanup_map_ struct map held = MAP_INIT;
    return build_held(leftovers->store, NULL, &leftovers->arena, &held, error) ||
                   count_snapshots(leftovers, held.count == 0, &bytes[PRUNE_SNAPSHOTS], error) ||
                   count_trash(leftovers, &bytes[PRUNE_OTHER], error)
               ? -1
               : 0;
}

int prune_leftovers(const struct store *store, struct cache *cache, bool is_dry,
                    uint64_t bytes[PRUNE_PARTS], struct error *error) {
    if (!store_exists(store)) {
        return 0;
    }
    struct leftovers leftovers = { store, cache, ARENA_INIT };
    int status = count_leftovers(&leftovers, bytes, error);
    arena_free(&leftovers.arena);
    mount_cache_sweep(store, is_dry, &bytes[PRUNE_MOUNTS]);
    fetched_sweep(store, is_dry, &bytes[PRUNE_CONTEXTS]);
    if (status == 0) {
        status = drop_set_aside(store, is_dry, &bytes[PRUNE_INDEX], error);
    }
    if (status == 0 && !is_dry) {
        layer_dir_empty_trash(store, 0);
        status = snapshot_sweep(store, cache, 0, error);
    }
    return status;
}

/* Where overlay/ is a mount of its own, which builds take off in their own namespace, what no row names cannot be put into the
 * trash: it is deleted at once, so nobody may be using it. */
int prune_dead_builds(const struct store *store, struct error *error) {
    _cleanup_lock_ struct lock registry = LOCK_INIT;
    size_t alive;
    if (build_census(store, &registry, &alive, error)) {
        return -1;
    }
    lock_release(&registry);
    return alive > 0 ? 0 : build_sweep(store, 0, error);
}
