/* `bud cache du` */
#include "cli/cache.h"

#include "base/fs.h"
#include "cli/human.h"
#include "store/disk_usage.h"
#include "store/fetched.h"
#include "store/mount_cache.h"
#include "store/prune.h"

#include <errno.h>
#include <unistd.h>

enum { PART_LAYERS = PRUNE_PARTS, PARTS };

static const char *const part_names[PARTS] = {
    "snapshots", "cache mounts", "fetched contexts", "records and index", "other", "shared layers"
};

struct amount {
    size_t count;
    uint64_t bytes, reclaimable;
};

struct disk {
    struct cache_view *view;
    struct disk_usage
        usage; /* a file with several names counts once, whichever part it is met in first */
    struct amount parts[PARTS];
    struct mount_cache_list mounts;
    struct fetched_list contexts;
    uint64_t own, total;
};

static enum prune_part part_of(struct str name) {
    return str_equal_c(name, "snapshots")               ? PRUNE_SNAPSHOTS
           : str_equal_c(name, "cache-mounts")          ? PRUNE_MOUNTS
           : str_equal_c(name, "contexts")              ? PRUNE_CONTEXTS
           : str_has_prefix(name, STR(CACHE_FILE_NAME)) ? PRUNE_INDEX
                                                        : PRUNE_OTHER;
}

/* ROOT/bud, entry by entry; the directory itself is of the other things. */
static int measure_own(struct disk *disk, struct error *error) {
    const struct store *store = disk->view->store;
    struct str *names;
    size_t count;
    struct stat status;
    _cleanup_fd_ int fd =
        store->root_fd < 0 ? -1 : openat(store->root_fd, "bud", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return store->root_fd < 0 || errno == ENOENT
                   ? 0
                   : error_system(error, "cannot read %s/bud", store->root);
    }
    if (fs_list(fd, disk->view->arena, &names, &count, error)) {
        return -1;
    }
    if (fstat(fd, &status) == 0) {
        disk->parts[PRUNE_OTHER].bytes += (uint64_t)status.st_blocks * 512;
    }
    for (size_t i = 0; i < count; i++) {
        if (disk_usage_add(&disk->usage, fd, names[i].data, &disk->parts[part_of(names[i])].bytes,
                           error)) {
            return -1;
        }
    }
    return 0;
}

static int measure_layers(struct disk *disk, struct error *error) {
    const struct usage *usage = &disk->view->usage;
    _cleanup_map_ struct map seen = MAP_INIT;
    for (size_t i = 0; i < usage->count; i++) {
        const struct usage_item *item = &usage->items[i];
        if (item->where != USAGE_LAYER ||
            !map_set(&seen, item->layer, (void *)(uintptr_t)item->directory)) {
            continue;
        }
        disk->parts[PART_LAYERS].count++;
        if (disk_usage_add(&disk->usage, AT_FDCWD, item->directory, &disk->parts[PART_LAYERS].bytes,
                           error)) {
            return -1;
        }
    }
    return 0;
}

/* What `bud cache prune --all` would free. */
static int measure_reclaimable(struct disk *disk, struct error *error) {
    struct usage *usage = &disk->view->usage;
    uint64_t leftovers[PRUNE_PARTS] = { 0 };
    for (size_t i = 0; i < usage->count; i++) {
        usage->items[i].is_victim = true;
    }
    usage_spare_used(usage);
    if (usage_measure_snapshots(usage, true, error)) {
        return -1;
    }
    for (size_t i = 0; i < usage->count; i++) {
        const struct usage_item *item = &usage->items[i];
        if (item->where == USAGE_SNAPSHOT) {
            disk->parts[PRUNE_SNAPSHOTS].count++;
            disk->parts[PRUNE_SNAPSHOTS].reclaimable += item->is_victim ? item->size : 0;
        }
    }
    disk->parts[PRUNE_INDEX].count = usage->count;
    if (prune_leftovers(disk->view->store, disk->view->cache, true, leftovers, error)) {
        return -1;
    }
    for (int i = 0; i < PRUNE_PARTS; i++) {
        disk->parts[i].reclaimable += leftovers[i];
    }
    return 0;
}

static int measure_mounts(struct disk *disk, struct error *error) {
    if (mount_cache_list(disk->view->store, disk->view->arena, &disk->mounts, error)) {
        return -1;
    }
    for (size_t i = 0; i < disk->mounts.count; i++) {
        struct mount_cache *mount = &disk->mounts.items[i];
        _cleanup_disk_usage_ struct disk_usage own = DISK_USAGE_INIT;
        if (mount_cache_measure(disk->view->store, &own, mount, error)) {
            return -1;
        }
        disk->parts[PRUNE_MOUNTS].count++;
        disk->parts[PRUNE_MOUNTS].reclaimable += mount->is_busy ? 0 : mount->size;
    }
    return 0;
}

static int measure_contexts(struct disk *disk, struct error *error) {
    if (fetched_list(disk->view->store, disk->view->arena, &disk->contexts, error)) {
        return -1;
    }
    for (size_t i = 0; i < disk->contexts.count; i++) {
        const struct fetched_item *context = &disk->contexts.items[i];
        disk->parts[PRUNE_CONTEXTS].count++;
        disk->parts[PRUNE_CONTEXTS].reclaimable += context->is_busy ? 0 : context->size;
    }
    return 0;
}

static const char *mount_name(const struct cache_view *view, const struct mount_cache *mount) {
    return mount->id.len > 0 ? human_line(view->arena, mount->id, 60)
                             : str_dup(view->arena, mount->name);
}

static void add_row(const struct disk *disk, struct columns *table, const char *name,
                    const char *count, uint64_t bytes, const char *reclaimable) {
    columns_add(table, name);
    columns_add(table, count);
    columns_add(table, human_size(disk->view->arena, bytes));
    columns_add(table, reclaimable);
}

static void add_item(const struct disk *disk, struct columns *table, const char *name,
                     uint64_t size, bool is_busy, int64_t last_used) {
    struct arena *arena = disk->view->arena;
    columns_add(table, name);
    columns_add(table, human_size(arena, size));
    columns_add(table, is_busy ? "now" : human_age(arena, last_used, disk->view->now));
}

static void print_list(const struct columns *table, size_t count, struct buf *out) {
    if (count > 0) {
        buf_append_byte(out, '\n');
        columns_print(table, out);
    }
}

static void print_lists(const struct disk *disk, struct buf *out) {
    static const char *const mount_headings[] = { "CACHE MOUNT", "SIZE", "USED", NULL };
    static const char *const context_headings[] = { "FETCHED CONTEXT", "SIZE", "USED", NULL };
    struct arena *arena = disk->view->arena;
    struct columns mounts = columns_of(arena, 3, mount_headings);
    struct columns contexts = columns_of(arena, 3, context_headings);
    for (size_t i = 0; i < disk->mounts.count; i++) {
        const struct mount_cache *mount = &disk->mounts.items[i];
        add_item(disk, &mounts, mount_name(disk->view, mount), mount->size, mount->is_busy,
                 mount->last_used);
    }
    for (size_t i = 0; i < disk->contexts.count; i++) {
        const struct fetched_item *context = &disk->contexts.items[i];
        add_item(disk, &contexts, human_line(arena, context->origin, 60), context->size,
                 context->is_busy, context->last_used);
    }
    print_list(&mounts, disk->mounts.count, out);
    print_list(&contexts, disk->contexts.count, out);
}

static int print_tables(const struct disk *disk, struct error *error) {
    struct arena *arena = disk->view->arena;
    _cleanup_buf_ struct buf out = BUF_INIT;
    static const char *const headings[] = { "TYPE", "COUNT", "SIZE", "RECLAIMABLE", NULL };
    struct columns table = columns_of(arena, 3, headings);
    for (int i = 0; i < PARTS; i++) {
        const struct amount *part = &disk->parts[i];
        if (i == PART_LAYERS) {
            add_row(disk, &table, "in bud/", "", disk->own, "");
        }
        add_row(disk, &table, part_names[i],
                i == PRUNE_OTHER ? "" : arena_printf(arena, "%zu", part->count), part->bytes,
                human_size(arena, part->reclaimable));
    }
    add_row(disk, &table, "total", "", disk->total, "");
    columns_print(&table, &out);
    print_lists(disk, &out);
    return output_write(&out, error);
}

static json_t *disk_json(const struct disk *disk) {
    static const char *const members[PARTS] = { "snapshots", "mounts", "contexts",
                                                "index",     "other",  "layers" };
    json_t *object = json_object(), *mounts = json_array(), *contexts = json_array();
    for (int i = 0; i < PARTS; i++) {
        const struct amount *part = &disk->parts[i];
        json_object_set_new(object, members[i],
                            json_pack("{s:I, s:I, s:I}", "count", (json_int_t)part->count, "bytes",
                                      (json_int_t)part->bytes, "reclaimable",
                                      (json_int_t)part->reclaimable));
    }
    json_object_set_new(object, "own", json_integer((json_int_t)disk->own));
    json_object_set_new(object, "total", json_integer((json_int_t)disk->total));
    for (size_t i = 0; i < disk->mounts.count; i++) {
        const struct mount_cache *mount = &disk->mounts.items[i];
        json_array_append_new(mounts,
                              json_pack("{s:o, s:o, s:I, s:o, s:b}", "id", json_from_str(mount->id),
                                        "directory", json_from_str(mount->name), "bytes",
                                        (json_int_t)mount->size, "last_used",
                                        cache_json_time(mount->last_used), "busy", mount->is_busy));
    }
    for (size_t i = 0; i < disk->contexts.count; i++) {
        const struct fetched_item *context = &disk->contexts.items[i];
        json_array_append_new(
            contexts,
            json_pack("{s:o, s:o, s:I, s:o, s:b}", "origin", json_from_str(context->origin),
                      "directory", json_from_str(context->name), "bytes", (json_int_t)context->size,
                      "last_used", cache_json_time(context->last_used), "busy", context->is_busy));
    }
    json_object_set_new(object, "cache_mounts", mounts);
    json_object_set_new(object, "fetched_contexts", contexts);
    return object;
}

int cache_command_disk(struct cache_view *view, struct error *error) {
    struct disk disk = { .view = view, .usage = DISK_USAGE_INIT };
    int result = measure_own(&disk, error);
    for (int i = 0; i < PARTS; i++) {
        disk.own += disk.parts[i].bytes;
    }
    if (result == 0) {
        result = measure_layers(&disk, error) || measure_reclaimable(&disk, error) ||
                         measure_mounts(&disk, error) || measure_contexts(&disk, error)
                     ? -1
                     : 0;
    }
    disk.total = disk.own + disk.parts[PART_LAYERS].bytes;
    disk_usage_free(&disk.usage);
    if (result < 0) {
        return error_wrap(error, "cannot tell what the cache takes on the disk");
    }
    return cache_is_json(view) ? cache_print_json(disk_json(&disk), error)
                               : print_tables(&disk, error);
}
