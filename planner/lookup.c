#include "planner/lookup.h"

#include "planner/content.h"
#include "planner/explain.h"
#include "planner/former.h"
#include "planner/former_like.h"
#include "planner/recipe.h"
#include "store/layer_dir.h"
#include "store/snapshot.h"

#include <stdlib.h>

/* ---- what the inputs hold ---- */

struct digest lookup_input_id(const struct step_input *input, struct str result) {
    const struct selection *selection = input->selection;
    struct hasher hasher;
    hasher_init(&hasher);
    hasher_update_str(&hasher, STR("bud-selection-v4"));
    hasher_update_str(&hasher, result);
    hasher_update_u64(&hasher, selection->source_count);
    for (size_t i = 0; i < selection->source_count; i++) {
        hasher_update_str(&hasher, selection->sources[i]);
    }
    hasher_update_u64(&hasher, selection->exclude_count);
    for (size_t i = 0; i < selection->exclude_count; i++) {
        hasher_update_str(&hasher, selection->exclude_texts[i]);
    }
    hasher_update_u64(&hasher, (selection->is_parents ? 1 : 0) | (selection->is_literal ? 2 : 0));
    return hasher_finish(&hasher);
}

int lookup_read_context(struct lookup *lookup, struct step_input *input, struct error *error) {
    struct content *content = arena_new(lookup->arena, struct content);
    if (content_read(input->context, input->selection, lookup->arena, content, error)) {
        return -1;
    }
    input->details = content;
    input->content = content->digest;
    input->has_content = true;
    return 0;
}

/* Is all of the file system after STEP there (NULL: the empty one)? A result is there only if those below are, but for the
 * independent ones. */
static bool is_there(const struct step *step) {
    while (step && step->state == STEP_HIT && step_is_independent(step)) {
        step = step->parent;
    }
    return !step || step->state == STEP_HIT;
}

/* What records call the file system after STEP, which is there. */
static struct str result_of(struct lookup *lookup, const struct step *step) {
    if (!step) {
        return STR_EMPTY;
    }
    return step_is_independent(step) ? plan_merged_result(lookup->arena, step->record.result,
                                                          result_of(lookup, step->parent))
                                     : step->record.result;
}

static int find_content(struct lookup *lookup, struct step_input *input, const struct digest *given,
                        struct error *error) {
    if (input->has_content || !input->selection) {
        return 0;
    }
    if (input->context) {
        return lookup_read_context(lookup, input, error);
    }
    if (!input->step) { /* an empty file system: what is asked for says what there is */
        input->content = lookup_input_id(input, STR("scratch"));
        input->has_content = true;
    } else if (given) {
        input->content = *given;
        input->has_content = true;
    } else if (is_there(input->step)) {
        struct digest id = lookup_input_id(input, result_of(lookup, input->step));
        input->has_content = cache_content_get(lookup->cache, &id, &input->content);
    }
    return 0;
}

/* Those below an independent step tell whether it is a repetition of one of them; what has another destination cannot be
 * the same whatever it copies. */
static bool knows_repetitions(const struct step *step) {
    const struct step *below = step->parent;
    while (below && (below->has_key || !step_is_independent(below) ||
                     !str_equal(below->file.destination, step->file.destination))) {
        below = below->parent;
    }
    return !below;
}

/* Will the file system after STEP be made anew, so that nothing made on it before can be used? */
static bool is_made_anew(const struct step *step) {
    while (step && step->state == STEP_HIT && step_is_independent(step)) {
        step = step->parent;
    }
    return step && step_shown_state(step) == STEP_MISS;
}

/* True when the key cannot be made yet; the reason is set then. */
static bool is_deferred(struct lookup *lookup, struct step *step) {
    step->state = STEP_DEFERRED;
    step->is_certain = false;
    for (size_t i = 0; i < step->input_count; i++) {
        const struct step_input *input = &step->inputs[i];
        if (input->selection && !input->has_content) {
            step->reason =
                str_printf(lookup->arena,
                           is_there(input->step) ? "the files of %.*s have not been read yet"
                                                 : "decided when %.*s is built",
                           STR_ARG(input->label));
            return true;
        }
    }
    if (step_is_independent(step) ? !knows_repetitions(step) : !recipe_has_root(step->parent)) {
        step->reason = STR("follows a step that is decided later");
        return true;
    }
    return false;
}

/* ---- is the result there? ---- */

/* Images whose configs are the same have the same ID: only the manifest tells of another format or other annotations. */
static bool has_image(struct lookup *lookup, struct str id, struct str manifest) {
    struct image_list own = { 0 };
    const struct image_list *images = lookup->images;
    if (!images) {
        if (image_list_read(lookup->store, lookup->arena, &own, NULL)) {
            return false;
        }
        images = &own;
    }
    for (size_t i = 0; i < images->count; i++) {
        if (str_equal(images->items[i].id, id)) {
            return str_equal(images->items[i].digest, manifest);
        }
    }
    return false;
}

/* Why the result of RECORD cannot be used; empty: it can, and LAYER is the one it is by now, or NULL. Afterwards that of an
 * image record is the image's ID alone. */
static struct str find_fault(struct lookup *lookup, struct cache_record *record,
                             const char **layer) {
    *layer = NULL;
    if (record->kind == CACHE_IMAGE) {
        struct str manifest = record->result;
        str_split(&manifest, '@', &record->result);
        return has_image(lookup, record->result, manifest)
                   ? STR_EMPTY
                   : STR("its image was removed or has another manifest now");
    }
    const char *path;
    struct cache_publication published;
    switch (snapshot_check(lookup->store, lookup->cache, record, lookup->arena, &path, layer)) {
    case SNAPSHOT_CHANGED:
        return STR("its result was changed by somebody else");
    case SNAPSHOT_SOUND:
        if (!*layer || layer_find(&lookup->layers, str_of(*layer))) {
            return STR_EMPTY;
        }
        break;
    case SNAPSHOT_GONE:
        break;
    }
    return cache_published_get(lookup->cache, str_dup(lookup->arena, record->result), &published)
               ? STR("its layer was removed with an image")
               : STR("its result was removed");
}

/* What STEP is made upon: the result that is there, or that of what its parent was. */
static bool find_upon(struct lookup *lookup, const struct step *step, struct str *upon,
                      bool *is_telling) {
    const struct step *parent = step->parent;
    struct cache_record record;
    *upon = STR_EMPTY;
    *is_telling = false;
    if (step_is_independent(step) || !parent) {
        return true;
    }
    *is_telling = parent->kind != STEP_SOURCE; /* all the world builds upon some images */
    if (is_there(parent)) {
        *upon = result_of(lookup, parent);
        return true;
    }
    if (parent->former_kind != FORMER_LIKE || step_is_independent(parent) ||
        !cache_lookup(lookup->cache, &parent->former, lookup->arena, &record)) {
        return false;
    }
    *upon = record.result;
    return true;
}

static void find_like(struct lookup *lookup, struct step *step) {
    struct str upon;
    bool is_telling;
    if ((step->kind == STEP_EXEC || step->kind == STEP_FILE) &&
        find_upon(lookup, step, &upon, &is_telling) &&
        former_like_find(&lookup->likes, lookup->plan, lookup->cache, lookup->arena, upon,
                         step->text, is_telling, &step->former)) {
        step->former_kind = FORMER_LIKE;
    }
}

static struct last find_last(struct lookup *lookup, struct step *step) {
    if (step->former_kind == FORMER_UNKNOWN) {
        former_match(lookup->plan, step->stage, lookup->cache);
    }
    if (step->former_kind == FORMER_NONE) {
        find_like(lookup, step);
    }
    return explain_last(lookup->cache, step, lookup->arena);
}

/* REASON empty: found by comparing. The record to come needs the files too, to explain a later miss. */
static void miss(struct lookup *lookup, struct step *step, struct str reason) {
    struct last last = find_last(lookup, step);
    recipe_add_explanations(step, lookup->arena);
    step->state = STEP_MISS;
    step->expected = explain_expected(&last);
    step->reason = reason.len > 0 ? reason : explain_miss(&last, step, lookup->arena);
}

/* Why no record is asked for, whatever the key is; empty: one is. */
static struct str unused(const struct lookup *lookup, const struct step *step) {
    if (step->is_cache_unused) {
        return STR("its stage is in --no-cache-filter");
    }
    return lookup->is_disabled || lookup->plan->is_cache_unused ? STR("the cache is not used")
                                                                : STR_EMPTY;
}

static void judge(struct lookup *lookup, struct step *step) {
    const struct step *parent = step->parent;
    struct cache_record record;
    struct str reason = unused(lookup, step);
    if (reason.len > 0) {
        miss(lookup, step, reason);
        return;
    }
    if (!step_is_independent(step) && !is_there(parent)) {
        miss(lookup, step, STR("follows a step that runs"));
        return;
    }
    if (!cache_lookup(lookup->cache, &step->key, lookup->arena, &record)) {
        miss(lookup, step, STR_EMPTY);
        return;
    }
    enum cache_result kind = step->kind == STEP_IMAGE ? CACHE_IMAGE : CACHE_SNAPSHOT;
    struct str fault, below = step_is_independent(step) ? STR_EMPTY : result_of(lookup, parent);
    if (record.created < lookup->plan->oldest_record) {
        miss(lookup, step, STR("its record is older than --cache-ttl"));
    } else if (record.kind != kind || !str_equal(record.parent, below)) {
        miss(lookup, step, STR("the step before it was built anew"));
    } else if ((fault = find_fault(lookup, &record, &step->layer)).len > 0) {
        miss(lookup, step, fault);
    } else {
        step->state = STEP_HIT;
        step->record = record;
        step->reason = STR_EMPTY;
    }
}

static int take_source(struct lookup *lookup, struct step *step, struct error *error) {
    const struct step_source *source = &step->source;
    if (source->layer && !source->layout && !layer_dir_root(lookup->store, source->layer)) {
        error_set(error, ERROR_CORRUPT,
                  "the files of the image %.*s are gone: layer %.12s has no "
                  "directory",
                  STR_ARG(source->name), source->layer);
        return error_hint(error, "remove the image with `podman rmi -f`, and fetch or import it "
                                 "again");
    }
    recipe_make(lookup->plan, step, lookup->arena);
    step->state = STEP_HIT;
    step->record = (struct cache_record){
        .key = step->key,
        .kind = CACHE_IMAGE,
        .result = str_of(step->source.image),
        .text = step->text,
    };
    return 0;
}

int lookup_step(struct lookup *lookup, struct step *step, const struct digest *contents,
                struct error *error) {
    if (step->kind == STEP_SOURCE) {
        return take_source(lookup, step, error);
    }
    for (size_t i = 0; i < step->input_count; i++) {
        if (find_content(lookup, &step->inputs[i], contents ? &contents[i] : NULL, error)) {
            return -1;
        }
    }
    if (is_deferred(lookup, step)) {
        struct last last = find_last(lookup, step);
        struct str reason = unused(lookup, step);
        if (reason.len == 0 && !step_is_independent(step) && is_made_anew(step->parent)) {
            reason = STR("follows a step that runs");
        }
        step->expected = explain_expected(&last);
        step->is_certain = reason.len > 0;
        step->reason = step->is_certain ? reason : step->reason;
        return 0;
    }
    recipe_make(lookup->plan, step, lookup->arena);
    judge(lookup, step);
    return 0;
}

/* ---- the plan as a whole ---- */

void lookup_mark_needed(struct plan *plan) {
    for (size_t i = 0; i < plan->images.count; i++) {
        plan->images.items[i]->is_needed = plan->images.items[i]->state != STEP_HIT;
    }
    for (size_t i = plan->step_count; i-- > 0;) {
        struct step *step = plan->steps[i];
        if (!step->is_needed) {
            continue;
        }
        if (step->parent) { /* its files are mounted below, or its layer is published */
            plan->steps[step->parent->id]->is_needed = true;
        }
        for (size_t j = 0; step->state != STEP_HIT && j < step->input_count; j++) {
            if (step->inputs[j].step) {
                plan->steps[step->inputs[j].step->id]->is_needed = true;
            }
        }
    }
}
