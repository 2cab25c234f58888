#include "executor/commit.h"

#include "base/time.h"
#include "executor/manifest.h"
#include "executor/squash.h"
#include "store/layer_dir.h"
#include "store/publish.h"

#include <stdlib.h>
#include <unistd.h>

/* The image under construction. */
struct commit {
    const struct work *work;
    const struct outcomes *outcomes;
    const struct hashing *hashing;
    struct layer_list
        existing; /* the store's layers now: others may have published since the build began */
    struct arena *arena;
    const char *base_layer;        /* top of what exists in the store already; NULL: nothing */
    struct manifest_layer *layers; /* all, lowest first */
    size_t layer_count;
    struct layer_draft *drafts; /* those to publish, lowest first */
    size_t draft_count;
    struct image_config config;
    int64_t now;
};

/* ---- layers ---- */

static void add_layer(struct commit *commit, const struct digest *diff_id, uint64_t size) {
    commit->layers[commit->layer_count++] =
        (struct manifest_layer){ .digest = *diff_id, .size = size };
}

static int add_existing(struct commit *commit, struct str top, struct error *error) {
    const struct layer **chain = NULL;
    size_t count = 0;
    if (layer_find(&commit->existing, top) == NULL) {
        return error_set(error, ERROR_CHANGED, "layer %.12s was removed while it was being used",
                         top.data);
    }
    if (layer_chain(&commit->existing, top, commit->arena, &chain, &count, error) < 0) {
        return -1;
    }
    for (size_t i = count; i-- > 0;) {
        struct digest diff_id;
        if (!digest_parse(chain[i]->diff_id, &diff_id) || chain[i]->diff_size < 0) {
            error_set(error, ERROR_UNSUPPORTED,
                      "layer %.*s of the base image has no diff digest (it was pulled partially)",
                      STR_ARG(chain[i]->id));
            return error_hint(error, "pull the image again without partial pulls");
        }
        add_layer(commit, &diff_id, (uint64_t)chain[i]->diff_size);
    }
    return 0;
}

static void add_draft(struct commit *commit, const char *snapshot,
                      const struct cache_layer *facts) {
    add_layer(commit, &facts->diff_id, facts->diff_size);
    commit->drafts[commit->draft_count++] = layer_draft(snapshot, facts);
}

/* A layer is what it is only on those below it: one that stands on others already is made once more, unless it is there. */
static int add_independent(struct commit *commit, const struct step *step, struct error *error) {
    const struct outcome *outcome = &commit->outcomes->items[step->id];
    const char *like = NULL;
    if (outcomes_root(commit->outcomes, step, commit->arena, &like, error) < 0) {
        return -1;
    }
    if (outcome->layer == NULL) {
        if (snapshot_set_root(commit->work->store, outcome->snapshot, like, error) < 0) {
            return -1;
        }
        add_draft(commit, outcome->snapshot, hashing_result(commit->hashing, outcome->snapshot));
        return 0;
    }
    const struct layer *layer = layer_find(&commit->existing, str_of(outcome->layer));
    struct digest diff_id;
    if (layer == NULL) {
        return error_set(error, ERROR_CHANGED, "layer %.12s was removed while it was being used",
                         outcome->layer);
    }
    if (commit->draft_count == 0 && digest_parse(layer->diff_id, &diff_id)) {
        struct digest_hex id = layer_id(str_of(commit->base_layer), &diff_id);
        if (layer_find(&commit->existing, str_of(id.text)) != NULL) {
            commit->base_layer = arena_strdup(commit->arena, id.text);
            add_layer(commit, &diff_id, (uint64_t)layer->diff_size);
            return 0;
        }
    }
    const char *snapshot = NULL;
    struct cache_layer *facts = arena_new(commit->arena, struct cache_layer);
    if (squash_directories(commit->work, &outcome->path, 1, like, commit->arena, &snapshot, facts,
                           error) < 0) {
        return -1;
    }
    add_draft(commit, snapshot, facts);
    return 0;
}

/* Bottom up: the base image's layers, published steps, then the snapshots of the others. */
static int collect_layers(struct commit *commit, const struct step *step, struct error *error) {
    if (step == NULL) {
        return 0;
    }
    const struct outcome *outcome = &commit->outcomes->items[step->id];
    if (step->kind == STEP_SOURCE) {
        commit->base_layer = step->source.layer;
        return step->source.layer == NULL ? 0
                                          : add_existing(commit, str_of(step->source.layer), error);
    }
    if (step_is_independent(step)) {
        return collect_layers(commit, step->parent, error) < 0
                   ? -1
                   : add_independent(commit, step, error);
    }
    if (outcome->layer != NULL) {
        commit->base_layer = outcome->layer;
        return add_existing(commit, str_of(outcome->layer), error);
    }
    if (collect_layers(commit, step->parent, error) < 0) {
        return -1;
    }
    const struct cache_layer *facts = hashing_result(commit->hashing, outcome->snapshot);
    add_draft(commit, outcome->snapshot, facts);
    return 0;
}

static size_t most_layers(const struct commit *commit) {
    return commit->existing.count + commit->work->plan->step_count + 1;
}

/* Readers find the layer of a snapshot by this mapping once its directory has moved. Told once more when it IS_DONE: the
 * directory of a layer may be another than the snapshot's. */
static int announce(struct commit *commit, bool is_done, struct error *error) {
    const struct store *store = commit->work->store;
    size_t count = commit->draft_count;
    const char **snapshots = arena_array(commit->arena, count + 1, sizeof(char *));
    struct cache_publication *layers = arena_array(commit->arena, count + 1, sizeof(*layers));
    struct str parent = str_of(commit->base_layer);
    for (size_t i = 0; i < count; i++) {
        snapshots[i] = commit->drafts[i].snapshot;
        layers[i].layer = layer_id(parent, &commit->drafts[i].diff_id);
        parent = str_of(layers[i].layer.text);
        const char *root = is_done ? layer_dir_root(store, parent.data) : NULL;
        if (root != NULL) {
            _cleanup_free_ char *contents = layer_dir_contents(store, root, parent.data);
            layers[i].state = directory_state_read(contents);
        }
    }
    return cache_published_put(commit->work->cache, snapshots, layers, count, error);
}

/* ---- config ---- */

static int64_t clamp(const struct commit *commit, int64_t time) {
    const struct plan *plan = commit->work->plan;
    return plan->has_timestamp && time > plan->timestamp ? plan->timestamp : time;
}

static void date_history(struct commit *commit) {
    struct image_config *config = &commit->config;
    for (size_t i = 0; i < config->history_count; i++) {
        struct history_entry *entry = &config->history[i];
        if (entry->step == NULL) {
            continue; /* the base image's own, dated already or undated for good */
        }
        int64_t created = entry->step->kind == STEP_IMAGE
                              ? commit->now
                              : commit->outcomes->items[entry->step->id].created;
        entry->created = clamp(commit, created);
        entry->has_created = true;
    }
}

static size_t history_layers(const struct image_config *config) {
    size_t count = 0;
    for (size_t i = 0; i < config->history_count; i++) {
        count += !config->history[i].is_empty_layer;
    }
    return count;
}

/* Entries of a base image that claim layers it does not have come first, and so does what it has without a word. */
static void deny_layers(struct image_config *config, size_t surplus) {
    for (size_t i = 0; i < config->history_count && surplus > 0; i++) {
        surplus -= !config->history[i].is_empty_layer;
        config->history[i].is_empty_layer = true;
    }
}

/* Readers want one entry for each layer, and no other that claims one; base images keep to it or not. */
static void explain_layers(struct commit *commit) {
    struct image_config *config = &commit->config;
    size_t told = history_layers(config);
    if (told >= commit->layer_count) {
        deny_layers(config, told - commit->layer_count);
        return;
    }
    size_t missing = commit->layer_count - told;
    struct history_entry *history =
        arena_array(commit->arena, config->history_count + missing, sizeof(struct history_entry));
    for (size_t i = 0; i < missing; i++) {
        history[i] = (struct history_entry){ .comment = STR("layer of the base image") };
    }
    for (size_t i = 0; i < config->history_count; i++) {
        history[missing + i] = config->history[i];
    }
    config->history = history;
    config->history_count += missing;
}

static void fill_config(struct commit *commit) {
    struct image_config *config = &commit->config;
    date_history(commit);
    if (commit->work->plan->image->image.is_squashed) {
        config->history_count = 0;
        config->history = arena_new(commit->arena, struct history_entry);
        config->history[config->history_count++] = (struct history_entry){
            .created_by = STR("bud build --squash"),
            .has_created = true,
            .created = clamp(commit, commit->now),
        };
    }
    explain_layers(commit);
    config->diff_ids = (struct str_list){ 0 };
    for (size_t i = 0; i < commit->layer_count; i++) {
        struct digest_hex hex = digest_hex(&commit->layers[i].digest);
        str_list_push(&config->diff_ids, commit->arena,
                      str_printf(commit->arena, "sha256:%s", hex.text));
    }
    config->created = commit->now;
    for (size_t i = 0; i < config->history_count; i++) {
        if (config->history[i].has_created) {
            config->created = config->history[i].created;
        }
    }
    config->created = clamp(commit, config->created);
    config->has_created = true;
}

/* ---- the transaction ---- */

static int record_image(struct commit *commit, const struct digest_hex *id,
                        const struct digest *manifest, struct error *error) {
    struct digest_hex digest = digest_hex(manifest);
    const struct step *image = commit->work->plan->image;
    struct cache_record record = {
        .key = image->key,
        .kind = CACHE_IMAGE,
        .result = str_printf(commit->arena, "%s@sha256:%s", id->text, digest.text),
        .parent = outcomes_result(commit->outcomes, image->parent),
        .created = commit->now,
        .text = image->text,
        .stage = image->stage->label,
        .reason = image->reason,
        .build = str_of(commit->work->build->id),
        .ingredients = image->ingredients,
        .ingredient_count = image->ingredient_count,
    };
    return cache_store(commit->work->cache, &record, &image->place, error);
}

static int publish(struct commit *commit, const char *const *names, struct digest_hex *id,
                   struct digest *manifest_digest, struct error *error) {
    const struct step_image *image = &commit->work->plan->image->image;
    _cleanup_buf_ struct buf config = BUF_INIT;
    _cleanup_buf_ struct buf manifest = BUF_INIT;
    image_config_write(&config, &commit->config);
    manifest_write(&manifest, image->is_docker, buf_str(&config), commit->layers,
                   commit->layer_count, &image->annotations);
    *manifest_digest = digest_of(manifest.data, manifest.len);
    struct image_draft draft = {
        .base_layer = commit->base_layer,
        .layers = commit->drafts,
        .layer_count = commit->draft_count,
        .config = buf_str(&config),
        .manifest = buf_str(&manifest),
        .names = names,
        .created = commit->config.created,
    };
    if (announce(commit, false, error) < 0 ||
        publish_image(commit->work->store, &draft, id, error) < 0) {
        return -1;
    }
    return announce(commit, true, error);
}

static int collect(struct commit *commit, struct error *error) {
    const struct step *image = commit->work->plan->image;
    if (!image->image.is_squashed) {
        return collect_layers(commit, image->parent, error);
    }
    const char *snapshot = NULL;
    struct cache_layer *facts = arena_new(commit->arena, struct cache_layer);
    if (squash_steps(commit->work, commit->outcomes, commit->arena, &snapshot, facts, error) < 0) {
        return -1;
    }
    if (snapshot != NULL) {
        add_draft(commit, snapshot, facts);
    }
    return 0;
}

int commit_settle(const struct work *work, const struct digest *keys, size_t count,
                  struct error *error) {
    if (cache_is_settled(work->cache, keys, count)) {
        return 0;
    }
    if (syncfs(work->store->root_fd) < 0) {
        return error_system(error, "cannot write %s through to the disk", work->store->root);
    }
    return cache_settle(work->cache, keys, count, error);
}

int commit_image(const struct work *work, const struct outcomes *outcomes,
                 const struct hashing *hashing, const char *const *names, bool is_recording,
                 const struct digest *keys, size_t key_count, struct digest_hex *id,
                 struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct commit commit = {
        .work = work,
        .outcomes = outcomes,
        .hashing = hashing,
        .arena = &arena,
        .now = time_now(),
    };
    if (layer_list_read(work->store, &arena, &commit.existing, error) < 0) {
        return -1;
    }
    commit.layers = arena_array(&arena, most_layers(&commit), sizeof(struct manifest_layer));
    commit.drafts = arena_array(&arena, most_layers(&commit), sizeof(struct layer_draft));
    image_config_copy(&commit.config, &work->plan->image->image.config, &arena);
    if (collect(&commit, error) < 0) {
        return -1;
    }
    fill_config(&commit);
    struct digest manifest;
    if (publish(&commit, names, id, &manifest, error) < 0) {
        return -1;
    }
    if (!is_recording) {
        return 0;
    }
    if (record_image(&commit, id, &manifest, error) < 0) {
        return -1;
    }
    /* Publishing layers has synced the file system; without any, the steps of other stages may not be on disk yet. */
    if (commit.draft_count == 0 && commit_settle(work, keys, key_count, error) < 0) {
        return -1;
    }
    struct digest *settled = arena_array(&arena, key_count + 1, sizeof(struct digest));
    for (size_t i = 0; i < key_count; i++) {
        settled[i] = keys[i];
    }
    settled[key_count] = work->plan->image->key;
    return cache_settle(work->cache, settled, key_count + 1, error);
}
