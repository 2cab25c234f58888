/* `bud cache prune` and `bud cache rm` */
#include "cli/cache.h"

#include "base/log.h"
#include "cli/human.h"
#include "executor/runtime.h"
#include "store/fetched.h"
#include "store/mount_cache.h"
#include "store/prune.h"

#include <stdlib.h>

#define TEXT_WIDTH 70

/* What is no record goes as a whole: a directory behind a cache mount, or a fetched context. */
struct whole {
    const char *column, *noun; /* before its size and in a sentence */
    const char *id;            /* the member of the JSON that tells which one it is */
    size_t count;              /* removed */
    json_t *items;             /* those, for --format json */
};

struct pruning {
    struct cache_view *view;
    bool is_dry, is_all;
    struct prune_result result;
    struct whole mounts, contexts;
    struct fetched_list fetched;
    uint64_t whole_bytes;
    uint64_t left[PRUNE_PARTS]; /* what crashes left */
    size_t nameless;            /* superseded records that would go if images without a name did */
    struct buf out;
    json_t *records; /* those removed, for --format json */
};

static struct pruning pruning_of(struct cache_view *view) {
    return (
        struct pruning){ .view = view,
                         .is_dry = option_flag(view->options, "dry-run", false),
                         .mounts = { "cache mount", "cache mount", "id", 0, json_array() },
                         .contexts = { "context", "fetched context", "origin", 0, json_array() },
                         .records = json_array() };
}

static void tell(struct pruning *pruning, const struct usage_item *item) {
    const struct cache_view *view = pruning->view;
    if (cache_is_json(view)) {
        json_array_append_new(pruning->records, cache_json(view, item));
        return;
    }
    buf_printf(&pruning->out, "%s  %s  %s\n", cache_short_key(view, &item->record.key),
               human_size(view->arena, item->where == USAGE_SNAPSHOT ? item->size : 0),
               item->is_readable ? human_line(view->arena, item->record.text, TEXT_WIDTH)
                                 : "(cannot be read)");
}

static void pretend(struct pruning *pruning) {
    const struct usage *usage = &pruning->view->usage;
    for (size_t i = 0; i < usage->count; i++) {
        if (usage->items[i].is_victim) {
            tell(pruning, &usage->items[i]);
            pruning->result.records++;
            pruning->result.bytes +=
                usage->items[i].where == USAGE_SNAPSHOT ? usage->items[i].size : 0;
        }
    }
}

static int remove_victims(struct pruning *pruning, struct error *error) {
    struct cache_view *view = pruning->view;
    if (!view->is_changing) {
        pretend(pruning);
        return 0;
    }
    int result = prune_records(view->store, view->cache, &view->usage, &pruning->result, error);
    for (size_t i = 0; i < view->usage.count; i++) {
        if (view->usage.items[i].is_removed) {
            tell(pruning, &view->usage.items[i]);
        }
    }
    return result;
}

static void count_whole(struct buf *out, const struct whole *whole) {
    if (whole->count > 0) {
        buf_printf(out, " and %zu %s%s", whole->count, whole->noun, whole->count == 1 ? "" : "s");
    }
}

static uint64_t all_bytes(const struct pruning *pruning) {
    uint64_t bytes = pruning->result.bytes + pruning->whole_bytes;
    for (int i = 0; i < PRUNE_PARTS; i++) {
        bytes += pruning->left[i];
    }
    return bytes;
}

static void print_left(struct pruning *pruning) {
    static const char *const names[PRUNE_PARTS] = {
        [PRUNE_SNAPSHOTS] = "snapshots that no build needs",
        [PRUNE_MOUNTS] = "cache mounts, half made or half removed",
        [PRUNE_CONTEXTS] = "contexts, half fetched or half removed",
        [PRUNE_INDEX] = "a damaged cache file that was set aside",
        [PRUNE_OTHER] = "trash",
    };
    for (int i = 0; i < PRUNE_PARTS; i++) {
        if (pruning->left[i] > 0) {
            buf_printf(&pruning->out, "%-*s  %s  %s\n", SHORT_KEY, "leftovers",
                       human_size(pruning->view->arena, pruning->left[i]), names[i]);
        }
    }
}

static int print_text(struct pruning *pruning, struct error *error) {
    const struct prune_result *done = &pruning->result;
    print_left(pruning);
    buf_printf(&pruning->out, "%s %zu record%s", pruning->is_dry ? "would remove" : "removed",
               done->records, done->records == 1 ? "" : "s");
    count_whole(&pruning->out, &pruning->mounts);
    count_whole(&pruning->out, &pruning->contexts);
    buf_printf(&pruning->out, ", %s\n", human_size(pruning->view->arena, all_bytes(pruning)));
    if (done->spared > 0) {
        buf_printf(&pruning->out, "%zu left alone: in use since a moment ago\n", done->spared);
    }
    if (pruning->nameless > 0) {
        buf_printf(&pruning->out,
                   "%zu superseded record%s of images without a name: `bud rmi --prune` "
                   "removes those\n",
                   pruning->nameless,
                   pruning->nameless == 1 ? " stays, it is" : "s stay, they are");
    }
    return output_write(&pruning->out, error);
}

/* Members as docs/cache.md has them. */
static int print_json(const struct pruning *pruning, struct error *error) {
    static const char *const members[PRUNE_PARTS] = { "snapshots", "mounts", "contexts", "index",
                                                      "other" };
    json_t *left = json_object();
    for (int i = 0; i < PRUNE_PARTS; i++) {
        json_set_integer(left, members[i], pruning->left[i]);
    }
    json_t *object = json_pack("{s:b, s:O, s:O, s:O, s:o}", "dry_run", pruning->is_dry, "records",
                               pruning->records, "mounts", pruning->mounts.items, "contexts",
                               pruning->contexts.items, "leftovers", left);
    json_set_integer(object, "bytes", all_bytes(pruning));
    json_set_integer(object, "spared", pruning->result.spared);
    json_set_integer(object, "nameless", pruning->nameless);
    return cache_print_json(object, error);
}

/* What was removed is told even when something else failed. */
static int finish(struct pruning *pruning, int result, struct error *error) {
    bool is_something = pruning->result.records + pruning->result.spared + all_bytes(pruning) +
                            pruning->mounts.count + pruning->contexts.count >
                        0;
    struct error *own = result == 0 ? error : NULL;
    if (result == 0 || is_something) {
        int printed =
            cache_is_json(pruning->view) ? print_json(pruning, own) : print_text(pruning, own);
        result = printed < 0 ? -1 : result;
    }
    json_decref(pruning->records);
    json_decref(pruning->mounts.items);
    json_decref(pruning->contexts.items);
    buf_free(&pruning->out);
    return result;
}

/* ---- choosing ---- */

/* What --keep-size weighs: a record with its snapshot, or a fetched context. */
struct candidate {
    bool *is_victim;
    int64_t last_used, created; /* ns */
    uint64_t size;
};

static int by_use(const void *left, const void *right) {
    const struct candidate *a = left, *b = right;
    if (a->last_used != b->last_used) {
        return a->last_used < b->last_used ? -1 : 1;
    }
    /* Of a chain used at once, what is built upon the others first: then the others stay usable. */
    return a->created == b->created ? 0 : a->created > b->created ? -1 : 1;
}

/* Of those marked only so many, the least recently used first, that the others take at most LIMIT bytes. */
static void keep_size(struct pruning *pruning, uint64_t limit) {
    struct usage *usage = &pruning->view->usage;
    struct fetched_list *fetched = &pruning->fetched;
    struct candidate *all =
        arena_array(pruning->view->arena, usage->count + fetched->count, sizeof(*all));
    size_t count = 0, victims = 0;
    for (size_t i = 0; i < usage->count; i++) {
        struct usage_item *item = &usage->items[i];
        all[count++] = (struct candidate){ &item->is_victim, item->last_used, item->record.created,
                                           item->where == USAGE_SNAPSHOT ? item->size : 0 };
    }
    for (size_t i = 0; i < fetched->count; i++) {
        struct fetched_item *item = &fetched->items[i];
        all[count++] =
            (struct candidate){ &item->is_victim, item->last_used, item->last_used, item->size };
    }
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        bytes += all[i].size;
        if (*all[i].is_victim) {
            *all[i].is_victim = false;
            all[victims++] = all[i];
        }
    }
    qsort(all, victims, sizeof(*all), by_use);
    for (size_t i = 0; i < victims && bytes > limit; i++) {
        *all[i].is_victim = true;
        bytes -= all[i].size;
    }
}

/* Filters are about records; those that can be said of a context are. */
static bool context_matches(const struct pruning *pruning, const struct fetched_item *context) {
    const struct cache_view *view = pruning->view;
    bool matches = true;
    for (size_t i = 0; i < view->filter_count; i++) {
        const struct usage_filter *filter = &view->filters[i];
        switch (filter->test) {
        case USAGE_TEST_KIND:
            matches &= str_equal_nocase(filter->text, STR(CACHE_KIND_CONTEXT));
            break;
        case USAGE_TEST_TEXT:
            matches &= str_find(context->origin, filter->text) != SIZE_MAX;
            break;
        case USAGE_TEST_OLDER:
            matches &= view->now - context->last_used > filter->age;
            break;
        case USAGE_TEST_UNUSED:
            matches &= !context->is_busy;
            break;
        case USAGE_TEST_STAGE:
        case USAGE_TEST_SUPERSEDED:
        case USAGE_TEST_DEAD:
            matches = false;
            break;
        }
    }
    return matches;
}

/* The IDs of images with a name and of the layers they have. */
static void add_named(const struct cache_view *view, struct map *named) {
    const struct image_list *images = &view->usage.images;
    for (size_t i = 0; i < images->count; i++) {
        const struct image *image = &images->items[i];
        const struct layer **chain;
        size_t count = 0;
        if (image->name_count == 0) {
            continue;
        }
        map_set(named, image->id, view->arena);
        if (image->layer.len > 0 &&
            layer_chain(&view->usage.layers, image->layer, view->arena, &chain, &count, NULL) < 0) {
            continue;
        }
        for (size_t j = 0; j < count; j++) {
            map_set(named, chain[j]->id, view->arena);
        }
    }
}

/* Of what is chosen, but is an image's, that which only images without a name have: such images are what is left of former
 * builds. */
static size_t count_nameless(const struct cache_view *view) {
    _cleanup_map_ struct map named = MAP_INIT;
    size_t count = 0;
    add_named(view, &named);
    for (size_t i = 0; i < view->usage.count; i++) {
        const struct usage_item *item = &view->usage.items[i];
        bool is_superseded = !item->is_current && !item->is_dead;
        struct str id = item->where == USAGE_LAYER ? item->layer : item->result;
        count += item->is_victim && is_superseded && !item->is_held && usage_is_in_image(item) &&
                 !map_has(&named, id);
    }
    return count;
}

static int choose(struct pruning *pruning, struct error *error) {
    struct cache_view *view = pruning->view;
    const char *size = option_text(view->options, "keep-size", NULL);
    bool is_choosing = view->filter_count > 0 || size || pruning->is_all;
    uint64_t limit;
    if (size && !human_parse_size(size, &limit)) {
        error_set(error, ERROR_USAGE, "--keep-size: `%s` is no size", size);
        return error_hint(error,
                          "a number and kB, MB, GB, TB, KiB, MiB, GiB or TiB: 500MB, 1.5GiB");
    }
    if (option_is_given(view->options, "mount") && !is_choosing) {
        return 0; /* only mounts are asked for */
    }
    if ((size && usage_measure_snapshots(&view->usage, false, error)) ||
        fetched_list(view->store, view->arena, &pruning->fetched, error)) {
        return -1;
    }
    for (size_t i = 0; i < pruning->fetched.count; i++) {
        struct fetched_item *context = &pruning->fetched.items[i];
        context->is_victim = is_choosing && context_matches(pruning, context) &&
                             !(size && context->is_busy); /* it would stay */
    }
    for (size_t i = 0; i < view->usage.count; i++) {
        struct usage_item *item = &view->usage.items[i];
        item->is_victim =
            is_choosing ? cache_matches(view, item) : item->is_dead || !item->is_current;
    }
    pruning->nameless = count_nameless(view);
    usage_spare_used(&view->usage);
    if (size) {
        keep_size(pruning, limit);
    }
    usage_add_descendants(&view->usage);
    return size ? 0 : usage_measure_snapshots(&view->usage, true, error);
}

/* ---- what goes as a whole ---- */

/* One called NAME was removed, or would be, unless it is in use. */
static void tell_whole(struct pruning *pruning, struct whole *whole, struct str name,
                       struct str directory, uint64_t size, bool is_busy) {
    struct arena *arena = pruning->view->arena;
    const char *line = human_line(arena, name.len > 0 ? name : directory, TEXT_WIDTH);
    if (is_busy) {
        log_warn("the %s %s is in use, and stays", whole->noun, line);
        return;
    }
    if (cache_is_json(pruning->view)) {
        json_array_append_new(
            whole->items, json_pack("{s:o, s:o, s:I}", whole->id, json_from_str(name), "directory",
                                    json_from_str(directory), "bytes", (json_int_t)size));
    } else {
        buf_printf(&pruning->out, "%-*s  %s  %s\n", SHORT_KEY, whole->column,
                   human_size(arena, size), line);
    }
    whole->count++;
    pruning->whole_bytes += size;
}

/* ---- cache mounts ---- */

static bool is_called(const struct mount_cache *mount, const char *id) {
    return mount_cache_has_id(mount, str_of(id)) || str_equal_c(mount->name, id);
}

/* By its id, or with --all, unless something else is asked for than its age. */
static bool is_mount_chosen(const struct pruning *pruning, const struct mount_cache *mount) {
    const struct cache_view *view = pruning->view;
    const char *const *ids = option_items(view->options, "mount");
    for (; *ids; ids++) {
        if (is_called(mount, *ids)) {
            return true;
        }
    }
    int64_t age;
    const char *older = option_text(view->options, "older-than", NULL);
    return pruning->is_all && !option_is_given(view->options, "mount") &&
           !option_is_given(view->options, "filter") &&
           !option_is_given(view->options, "keep-size") &&
           (!older || (human_parse_duration(older, &age) && view->now - mount->last_used > age));
}

static int prune_mount(struct pruning *pruning, struct mount_cache *mount, struct error *error) {
    const struct store *store = pruning->view->store;
    _cleanup_disk_usage_ struct disk_usage disk = DISK_USAGE_INIT;
    bool is_busy = mount->is_busy;
    if (mount_cache_measure(store, &disk, mount, error) ||
        (!pruning->is_dry && mount_cache_remove(store, mount, &is_busy, error))) {
        return -1;
    }
    tell_whole(pruning, &pruning->mounts, mount->id, mount->name, mount->size, is_busy);
    return 0;
}

static int refuse_unknown_mounts(const struct cache_view *view, const struct mount_cache_list *list,
                                 struct error *error) {
    const char *const *ids = option_items(view->options, "mount");
    for (; *ids; ids++) {
        bool is_found = false;
        for (size_t i = 0; i < list->count; i++) {
            is_found |= is_called(&list->items[i], *ids);
        }
        if (!is_found) {
            error_set(error, ERROR_NOT_FOUND, "there is no cache mount %s", *ids);
            return error_hint(error, "`bud cache du` lists them; without id=, a mount's id is its "
                                     "target as written");
        }
    }
    return 0;
}

static int prune_mounts(struct pruning *pruning, struct error *error) {
    struct cache_view *view = pruning->view;
    struct mount_cache_list list;
    if (mount_cache_list(view->store, view->arena, &list, error) ||
        refuse_unknown_mounts(view, &list, error)) {
        return -1;
    }
    for (size_t i = 0; i < list.count; i++) {
        if (is_mount_chosen(pruning, &list.items[i]) &&
            prune_mount(pruning, &list.items[i], error)) {
            return -1;
        }
    }
    return 0;
}

/* ---- fetched contexts ---- */

static int prune_context(struct pruning *pruning, const struct fetched_item *context,
                         struct error *error) {
    bool is_busy = context->is_busy;
    if (!pruning->is_dry && fetched_remove(pruning->view->store, context, &is_busy, error)) {
        return -1;
    }
    tell_whole(pruning, &pruning->contexts, context->origin, context->name, context->size, is_busy);
    return 0;
}

static int prune_contexts(struct pruning *pruning, struct error *error) {
    const struct fetched_list *list = &pruning->fetched;
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].is_victim && prune_context(pruning, &list->items[i], error)) {
            return -1;
        }
    }
    return 0;
}

/* ---- what crashes left ---- */

static int prune_left(struct pruning *pruning, struct error *error) {
    struct cache_view *view = pruning->view;
    return prune_leftovers(view->store, view->cache, pruning->is_dry, pruning->left, error);
}

static int prune_dead(const struct store *store, struct error *error) {
    runtime_sweep(store); /* finds the cgroups of dead builds by what is swept then */
    return prune_dead_builds(store, error);
}

/* ---- the commands ---- */

static int prune_all_parts(struct pruning *pruning, struct error *error) {
    struct cache_view *view = pruning->view;
    bool is_plain_all =
        pruning->is_all && view->filter_count == 0 && !option_is_given(view->options, "keep-size");
    if (choose(pruning, error) || prune_mounts(pruning, error) || prune_contexts(pruning, error) ||
        prune_left(pruning, error) || remove_victims(pruning, error)) {
        return -1;
    }
    if (!view->is_changing) {
        return 0;
    }
    return (is_plain_all && cache_forget_index(view->cache, error)) ||
                   prune_dead(view->store, error)
               ? -1
               : 0;
}

int cache_command_prune(struct cache_view *view, struct error *error) {
    struct pruning pruning = pruning_of(view);
    pruning.is_all = option_flag(view->options, "all", false);
    return finish(&pruning, prune_all_parts(&pruning, error), error);
}

static int refuse_held(const struct cache_view *view, struct error *error) {
    for (size_t i = 0; i < view->usage.count; i++) {
        const struct usage_item *item = &view->usage.items[i];
        if (item->is_victim && item->is_held) {
            error_set(error, ERROR_FAILED, "a running build uses %s",
                      cache_short_key(view, &item->record.key));
            return error_hint(error, "try again when it has ended");
        }
    }
    return 0;
}

int cache_command_remove(struct cache_view *view, struct error *error) {
    for (size_t i = 0; i < view->word_count; i++) {
        struct usage_item *item;
        if (cache_find_key(view, view->words[i], &item, error)) {
            return -1;
        }
        item->is_victim = true;
    }
    usage_add_descendants(&view->usage);
    if (refuse_held(view, error) || usage_measure_snapshots(&view->usage, true, error)) {
        return -1;
    }
    struct pruning pruning = pruning_of(view);
    return finish(&pruning, remove_victims(&pruning, error), error);
}
