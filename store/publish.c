#include "store/publish.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/time.h"
#include "store/build.h"
#include "store/image_files.h"
#include "store/layer_compare.h"
#include "store/layer_dir.h"
#include "store/table.h"
#include "store/vfs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What one draft comes to. */
struct placement {
    struct digest_hex id;
    const char *contents;  /* absolute: what is renamed into the store */
    const char *tar_split; /* absolute */
    bool is_changed;       /* what the store has is not what was made: somebody changed it */
    bool has_row;
    bool is_new; /* the directory has to be made */
};

struct publication {
    const struct store *store;
    const struct image_draft *draft;
    struct arena arena;
    struct placement *placements; /* one for each draft layer */
    struct image_files files;
    bool has_made_image_directory;
    struct lock storage, layers_lock, images_lock;
    struct table layers, images;
    struct table *additional; /* layer tables of the additional stores */
    size_t additional_count;
    struct sync_set sync;
};

static void publication_free(struct publication *work) {
    sync_set_free(&work->sync);
    table_free(&work->layers);
    table_free(&work->images);
    for (size_t i = 0; i < work->additional_count; i++) {
        table_free(&work->additional[i]);
    }
    lock_release(&work->images_lock);
    lock_release(&work->layers_lock);
    lock_release(&work->storage);
    arena_free(&work->arena);
}

/* The layer the I-th draft stands on, or NULL. */
static const char *parent_of(const struct publication *work, size_t i) {
    return i > 0 ? work->placements[i - 1].id.text : work->draft->base_layer;
}

static const char *top_layer(const struct publication *work) {
    return parent_of(work, work->draft->layer_count);
}

static void place_drafts(struct publication *work) {
    const struct store *store = work->store;
    size_t count = work->draft->layer_count;

    work->placements = arena_array(&work->arena, count, sizeof(*work->placements));
    for (size_t i = 0; i < count; i++) {
        const char *snapshot = work->draft->layers[i].snapshot;

        work->placements[i] = (struct placement){
            .id = layer_id(str_of(parent_of(work, i)), &work->draft->layers[i].diff_id),
            .contents =
                arena_printf(&work->arena, "%s/bud/snapshots/%s/diff", store->root, snapshot),
            .tar_split = arena_printf(&work->arena, "%s/bud/snapshots/%s/tar-split.gz", store->root,
                                      snapshot),
        };
    }
}

static int take_locks(struct publication *work, struct error *error) {
    const struct store *store = work->store;
    size_t count = 0;

    if (lock_take(store, LOCK_STORAGE, LOCK_EXCLUSIVE, &work->storage, error) < 0 ||
        lock_take(store, LOCK_LAYERS, LOCK_EXCLUSIVE, &work->layers_lock, error) < 0 ||
        table_read(store, store->root, TABLE_LAYERS, &work->layers, error) < 0) {
        return -1;
    }
    while (store->additional_roots[count]) {
        count++;
    }
    work->additional = arena_array(&work->arena, count, sizeof(*work->additional));
    for (size_t i = 0; i < count; i++) {
        if (table_read_shared(store, store->additional_roots[i], TABLE_LAYERS, &work->additional[i],
                              error) < 0) {
            return -1;
        }
        work->additional_count++;
    }
    if (lock_take(store, LOCK_IMAGES, LOCK_EXCLUSIVE, &work->images_lock, error) < 0) {
        return -1;
    }
    return table_read(store, store->root, TABLE_IMAGES, &work->images, error);
}

static bool has_layer_row(const struct publication *work, const char *id) {
    if (table_find(&work->layers, id)) {
        return true;
    }
    for (size_t i = 0; i < work->additional_count; i++) {
        if (table_find(&work->additional[i], id)) {
            return true;
        }
    }
    return false;
}

/* A row whose maker died half-way: whoever sees it holding the lock deletes the layer. The row goes with the save that
 * follows. */
static int drop_incomplete(struct publication *work, const char *id, struct error *error) {
    const json_t *row = table_find(&work->layers, id);

    if (!row || !row_is_incomplete(row)) {
        return 0;
    }
    table_drop(&work->layers, id);
    return layer_dir_discard(work->store, id, error);
}

/* A directory without a row is what a crash during publishing leaves; while it is there, those who look for the
 * snapshot's contents would find it again and again. */
static int vanished(struct publication *work, const char *what, const char *id, const char *layer,
                    struct error *error) {
    if (!table_find(&work->layers, layer) &&
        layer_dir_discard_debris(work->store, layer, error) < 0) {
        return -1;
    }
    error_set(error, ERROR_CHANGED, "the %s %s was removed meanwhile", what, id);
    return error_hint(error, "build again");
}

static bool is_below(const struct publication *work, const char *id, const char *layer) {
    for (const json_t *row; layer[0] && (row = table_find(&work->layers, layer));
         layer = row_text(row, "parent")) {
        if (strcmp(layer, id) == 0) {
            return true;
        }
    }
    return false;
}

/* Who has layer ID mounted would lose its files under his feet, and in an additional store it is not ours to mend. */
static int check_replaceable(struct publication *work, const char *id, struct error *error) {
    const struct store *store = work->store;
    _cleanup_table_ struct table containers = TABLE_INIT;
    _cleanup_lock_ struct lock lock = LOCK_INIT;

    if (strcmp(layer_dir_root(store, id), store->root) != 0) {
        error_set(error, ERROR_CORRUPT, "layer %.12s in the additional store %s was changed", id,
                  layer_dir_root(store, id));
        return error_hint(error, "remove the images that have it there");
    }
    if (lock_take(store, LOCK_CONTAINERS, LOCK_EXCLUSIVE, &lock, error) < 0 ||
        table_read(store, store->root, TABLE_CONTAINERS, &containers, error) < 0) {
        return -1;
    }
    FOR_EACH_ROW(&containers, i, row) {
        if (is_below(work, id, row_text(row, "layer"))) {
            error_set(error, ERROR_CORRUPT,
                      "layer %.12s was changed by somebody else, and the container %.12s uses it",
                      id, row_text(row, "id"));
            return error_hint(error, "remove the container, then build again");
        }
    }
    return 0;
}

/* Looks again now that nobody else can change anything, before anything is changed. */
static int check_drafts(struct publication *work, struct error *error) {
    const struct image_draft *draft = work->draft;

    if (draft->base_layer && (!has_layer_row(work, draft->base_layer) ||
                              row_is_incomplete(table_find(&work->layers, draft->base_layer)) ||
                              !layer_dir_root(work->store, draft->base_layer))) {
        return vanished(work, "layer", draft->base_layer, draft->base_layer, error);
    }
    for (size_t i = 0; i < draft->layer_count; i++) {
        struct placement *place = &work->placements[i];

        if (drop_incomplete(work, place->id.text, error) < 0) {
            return -1;
        }
        place->has_row = has_layer_row(work, place->id.text);
        place->is_new = !(place->has_row && layer_dir_root(work->store, place->id.text));
        place->is_changed &= !place->is_new;
        if (place->is_changed && check_replaceable(work, place->id.text, error) < 0) {
            return -1;
        }
        if ((place->is_new || place->is_changed) &&
            (access(place->contents, F_OK) < 0 || access(place->tar_split, F_OK) < 0)) {
            return vanished(work, "snapshot", draft->layers[i].snapshot, place->id.text, error);
        }
    }
    return 0;
}

static json_t *id_list(const uint32_t *ids, size_t count) {
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, json_integer(ids[i]));
    }
    return list;
}

static json_t *layer_row(const char *id, const char *parent, const struct layer_draft *draft) {
    struct digest_hex hex = digest_hex(&draft->diff_id);
    struct digest_hex blob = digest_hex(draft->blob ? draft->blob : &draft->diff_id);
    char created[TIME_TEXT_SIZE];
    json_t *row = json_object();

    time_format(created, time_now());
    json_object_set_new(row, "id", json_string(id));
    if (parent) {
        json_object_set_new(row, "parent", json_string(parent));
    }
    json_object_set_new(row, "created", json_string(created));
    json_object_set_new(row, "compressed-diff-digest", json_sprintf("sha256:%s", blob.text));
    json_object_set_new(
        row, "compressed-size",
        json_integer((json_int_t)(draft->blob ? draft->blob_size : draft->diff_size)));
    json_object_set_new(row, "diff-digest", json_sprintf("sha256:%s", hex.text));
    json_object_set_new(row, "diff-size", json_integer((json_int_t)draft->diff_size));
    if (draft->compression > 0) {
        json_object_set_new(row, "compression", json_integer((json_int_t)draft->compression));
    }
    json_object_set_new(row, "uidset", id_list(draft->uids, draft->uid_count));
    json_object_set_new(row, "gidset", id_list(draft->gids, draft->gid_count));
    return row;
}

static char *tar_split_path(const struct publication *work, const struct placement *place) {
    return xasprintf("%s/%s-layers/%s.tar-split.gz", work->store->root, work->store->driver_name,
                     place->id.text);
}

static int move_tar_split(struct publication *work, const struct placement *place,
                          struct error *error) {
    _cleanup_free_ char *target = tar_split_path(work, place);

    if (chmod(place->tar_split, 0600) < 0 || rename(place->tar_split, target) < 0) {
        return error_system(error, "cannot move %s to %s", place->tar_split, target);
    }
    return 0;
}

/* Directories first, then one save of the table: no row ever names something incomplete. */
static int publish_layers(struct publication *work, struct error *error) {
    const struct image_draft *draft = work->draft;
    bool is_changed = false;

    for (size_t i = 0; i < draft->layer_count; i++) {
        struct placement *place = &work->placements[i];

        if (place->is_changed) {
            log_warn("layer %.12s was changed by somebody else: it is replaced by what was built",
                     place->id.text);
            if (layer_dir_replace(work->store, place->id.text, place->contents, &work->sync,
                                  error) < 0 ||
                move_tar_split(work, place, error) < 0) {
                return -1;
            }
        }
        if (!place->is_new) {
            continue;
        }
        if (layer_dir_make(work->store, place->id.text, parent_of(work, i), place->contents,
                           &work->sync, error) < 0 ||
            move_tar_split(work, place, error) < 0) {
            return -1;
        }
        if (!place->has_row) {
            table_add(&work->layers,
                      layer_row(place->id.text, parent_of(work, i), &draft->layers[i]));
            is_changed = true;
        }
    }
    if (sync_set_wait(&work->sync, error) < 0) {
        return -1;
    }
    return is_changed ? table_save(&work->layers, &work->layers_lock, error) : 0;
}

static json_t *new_image_row(const struct publication *work) {
    char created[TIME_TEXT_SIZE];
    json_t *row = json_object();

    time_format(created, work->draft->created);
    json_object_set_new(row, "id", json_string(work->files.id));
    json_object_set_new(row, "digest", json_string(work->files.manifest_digest));
    if (top_layer(work)) {
        json_object_set_new(row, "layer", json_string(top_layer(work)));
    }
    json_object_set_new(row, "created", json_string(created));
    return row;
}

/* The row with the draft's names, first name first. */
static bool move_names(struct publication *work, json_t *row) {
    const char *const *names = work->draft->names;
    bool is_changed = false;
    size_t count = 0;

    while (names && names[count]) {
        count++;
    }
    for (size_t n = count; n-- > 0;) {
        FOR_EACH_ROW(&work->images, i, other) {
            is_changed |= other != row && row_remove_name(other, names[n]);
        }
        if (!row_has_name(row, names[n])) {
            is_changed |= row_prepend(row, "names", names[n]);
            is_changed |= row_prepend(row, "names-history", names[n]);
        }
    }
    return is_changed;
}

static int publish_row(struct publication *work, struct error *error) {
    json_t *row = table_find(&work->images, work->files.id);
    bool is_new = row == NULL, is_changed = is_new;

    if (is_new) {
        row = new_image_row(work);
        table_add(&work->images, row);
    }
    /* Another top layer: its writer does not use chain IDs. That image is as good as ours. */
    if (strcmp(row_text(row, "layer"), top_layer(work) ? top_layer(work) : "") == 0 &&
        image_files_finish(&work->files, row, is_new, &is_changed, error) < 0) {
        return -1;
    }
    is_changed |= move_names(work, row);
    return is_changed ? table_save(&work->images, &work->images_lock, error) : 0;
}

/* A layer that is there already is what was made just now, unless somebody changed it: what stands on it would be wrong. */
static void find_changed(struct publication *work) {
    const struct store *store = work->store;
    bool is_tree = store->driver == STORE_VFS;

    for (size_t i = 0; i < work->draft->layer_count; i++) {
        struct placement *place = &work->placements[i];
        const char *root = layer_dir_root(store, place->id.text);
        _cleanup_free_ char *theirs = root ? layer_dir_contents(store, root, place->id.text) : NULL;

        /* A snapshot that somebody else published meanwhile is that layer. */
        place->is_changed = theirs && access(place->contents, F_OK) == 0 &&
                            !layer_is_like(place->contents, theirs, is_tree);
    }
}

/* The vfs driver wants whole trees: each draft's is made beside its diff, from the one below. */
static int stage_trees(struct publication *work, struct error *error) {
    const struct store *store = work->store;
    const char *below = NULL;

    if (work->draft->base_layer) {
        const char *root = layer_dir_root(store, work->draft->base_layer);

        if (!root) {
            return error_set(error, ERROR_CHANGED, "the layer %s was removed meanwhile",
                             work->draft->base_layer);
        }
        below = arena_printf(&work->arena, "%s/vfs/dir/%s", root, work->draft->base_layer);
    }
    for (size_t i = 0; i < work->draft->layer_count; i++) {
        struct placement *place = &work->placements[i];
        const char *root = layer_dir_root(store, place->id.text);
        const char *diff = place->contents;

        place->contents = arena_printf(&work->arena, "%s/bud/snapshots/%s/full", store->root,
                                       work->draft->layers[i].snapshot);
        bool is_made = !root || place->is_changed;
        if (is_made && vfs_stage(store, below, diff, place->contents, error) < 0) {
            return -1;
        }
        below = !is_made ? arena_printf(&work->arena, "%s/vfs/dir/%s", root, place->id.text)
                         : place->contents;
    }
    return 0;
}

/* What the slow disk does is done while nobody waits for us. */
static int prepare(struct publication *work, struct error *error) {
    if (work->draft->layer_count == 0) {
        return 0; /* nothing big to wait for: the few files are written when the locks are held */
    }
    find_changed(work);
    if (work->store->driver == STORE_VFS && stage_trees(work, error) < 0) {
        return -1;
    }
    if (image_files_prepare(&work->files, &work->has_made_image_directory, error) < 0) {
        return -1;
    }
    if (syncfs(work->store->root_fd) < 0) {
        return error_system(error, "cannot write %s through to the disk", work->store->root);
    }
    return 0;
}

/* After a failure, with the locks held: layers no row came to name become snapshots again. What cannot be moved back
 * is found by the next who publishes it. */
static void take_back_layers(struct publication *work) {
    _cleanup_table_ struct table saved = TABLE_INIT;

    if (work->images_lock.fd < 0 ||
        table_read(work->store, work->store->root, TABLE_LAYERS, &saved, NULL) < 0) {
        return;
    }
    for (size_t i = work->draft->layer_count; i-- > 0;) {
        struct placement *place = &work->placements[i];
        _cleanup_free_ char *contents =
            layer_dir_contents(work->store, work->store->root, place->id.text);
        _cleanup_free_ char *tar_split = tar_split_path(work, place);

        if (!place->is_new || table_find(&saved, place->id.text) ||
            (access(place->contents, F_OK) < 0 && rename(contents, place->contents) < 0)) {
            continue;
        }
        if (access(place->tar_split, F_OK) < 0 && rename(tar_split, place->tar_split) < 0) {
            log_debug("cannot move %s back: %s", tar_split, strerror(errno));
        }
        /* Also where we only got as far as making it. */
        layer_dir_discard_debris(work->store, place->id.text, NULL);
    }
}

/* After a failure, with the lock held (else it stays as debris nobody sees). */
static void drop_image_directory(struct publication *work) {
    if (work->has_made_image_directory && work->images_lock.fd >= 0 && work->images.rows &&
        !table_find(&work->images, work->files.id)) {
        fs_remove_tree(AT_FDCWD, work->files.directory, NULL);
    }
}

/* Snapshots whose layer was there already, or is a copy, are in nobody's way but take space. Another build may have one
 * of them mounted, so they go only when ours is the only build; else they wait for a prune (snapshot_is_duplicate()). */
static void drop_snapshots(struct publication *work) {
    _cleanup_lock_ struct lock registry = LOCK_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    size_t alive = 0;

    if (build_census(work->store, &registry, &alive, &error) < 0) {
        log_warn("cannot count the builds at work: %s", error.message);
        return;
    }
    for (size_t i = 0; i < work->draft->layer_count; i++) {
        const char *snapshot = work->draft->layers[i].snapshot;
        const struct placement *place = &work->placements[i];
        bool has_moved =
            (place->is_new || place->is_changed) && work->store->driver == STORE_OVERLAY;

        if ((has_moved || alive <= 1) && snapshot_remove(work->store, snapshot, &error) < 0) {
            log_warn("cannot remove the snapshot %s: %s", snapshot, error.message);
        }
    }
}

struct layer_draft layer_draft(const char *snapshot, const struct cache_layer *layer) {
    return (struct layer_draft){
        .snapshot = snapshot,
        .diff_id = layer->diff_id,
        .diff_size = layer->diff_size,
        .uids = layer->uids,
        .uid_count = layer->uid_count,
        .gids = layer->gids,
        .gid_count = layer->gid_count,
    };
}

int publish_image(const struct store *store, const struct image_draft *draft, struct digest_hex *id,
                  struct error *error) {
    _cleanup_(publication_free) struct publication work = {
        .store = store,
        .draft = draft,
        .arena = ARENA_INIT,
        .storage = LOCK_INIT,
        .layers_lock = LOCK_INIT,
        .images_lock = LOCK_INIT,
        .layers = TABLE_INIT,
        .images = TABLE_INIT,
        .sync = SYNC_SET_INIT,
    };

    place_drafts(&work);
    image_files_init(store, draft->config, draft->manifest, &work.arena, &work.files);
    if (prepare(&work, error) < 0 || take_locks(&work, error) < 0 ||
        check_drafts(&work, error) < 0 || publish_layers(&work, error) < 0 ||
        publish_row(&work, error) < 0) {
        take_back_layers(&work);
        drop_image_directory(&work);
        return -1;
    }
    memcpy(id->text, work.files.id, sizeof(id->text));
    lock_release(&work.images_lock);
    lock_release(&work.layers_lock);
    lock_release(&work.storage);
    drop_snapshots(&work);
    layer_dir_empty_trash(store, 1);
    return 0;
}
