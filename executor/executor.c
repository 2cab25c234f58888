#include "executor/executor.h"

#include "base/log.h"
#include "base/thread_pool.h"
#include "base/time.h"
#include "executor/commit.h"
#include "executor/context_copy.h"
#include "executor/runtime.h"
#include "executor/scheduler.h"
#include "executor/signals.h"
#include "planner/former.h"
#include "planner/recipe.h"
#include "registry/oci_import.h"
#include "store/container.h"
#include "store/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* One execution: what is set up in order, and taken down in reverse. */
struct execution {
    struct plan *plan;
    const struct store *store;
    struct cache *cache;
    const struct executor_options *options;
    struct arena arena;
    atomic_bool is_cancelled;
    struct build *build;
    struct signals *signals;
    struct progress *progress;
    struct hashing *hashing;
    struct outcomes outcomes;
    bool is_protected;
};

static bool has_name(const struct image *image, const char *name) {
    for (size_t i = 0; i < image->name_count; i++) {
        if (str_equal_c(image->names[i], name)) {
            return true;
        }
    }
    return false;
}

/* The image is one of IMAGES: add the names it lacks. Writes only when something is missing. */
static int finish_cached(struct execution *execution, const struct image_list *images,
                         struct executor_result *result, struct error *error) {
    const struct image *image = NULL;
    const char *id = str_dup(&execution->arena, execution->plan->image->record.result);
    const char *const wanted[] = { id, NULL };
    if (image_find(images, wanted, &image, error) < 0) {
        return -1;
    }
    if (image == NULL) {
        return error_set(error, ERROR_CHANGED, "image %.12s was removed while it was being used",
                         id);
    }
    for (const char *const *name = execution->options->names; *name != NULL; name++) {
        if (!has_name(image, *name) && image_add_name(execution->store, id, *name, error) < 0) {
            return -1;
        }
    }
    snprintf(result->image.text, sizeof(result->image.text), "%s", id);
    return 0;
}

static void report_cached(struct execution *execution, struct executor_result *result) {
    const struct plan *plan = execution->plan;
    for (size_t i = 0; i < plan->step_count; i++) {
        if (plan->steps[i]->kind != STEP_IMAGE) {
            progress_hit(execution->progress, plan->steps[i]);
            result->cached += plan->steps[i]->kind != STEP_SOURCE;
        }
    }
}

static bool has_work(const struct plan *plan) {
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct step *step = plan->steps[i];
        if (step->is_needed && step->state != STEP_HIT && step->kind != STEP_IMAGE) {
            return true;
        }
    }
    return false;
}

/* Nobody may remove the layers we stand on while steps run. */
static int protect(struct execution *execution, struct error *error) {
    const char **layers = NULL;
    const char **images = NULL;
    size_t count = outcomes_tops(&execution->outcomes, &execution->arena, &layers, &images);
    execution->is_protected = true; /* also without any yet: results may turn out to be layers */
    return container_protect(execution->store, execution->build, layers, images, count, error);
}

/* Nobody may prune the snapshots of earlier builds that this one uses: told before looking whether they are there. */
static int hold_results(struct execution *execution, struct error *error) {
    const struct plan *plan = execution->plan;
    const char **results = arena_array(&execution->arena, plan->step_count, sizeof(*results));
    size_t count = 0;
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct step *step = plan->steps[i];
        if (step->is_needed && step->state == STEP_HIT && step->kind != STEP_SOURCE &&
            step->kind != STEP_IMAGE) {
            results[count++] = str_dup(&execution->arena, step->record.result);
        }
    }
    return build_hold(execution->store, execution->build, results, count, error);
}

/* Instructions may have come or gone since the former build: its records go where their steps are now, before the first is
 * replaced. */
static void move_places(struct execution *execution) {
    _cleanup_error_ struct error error = ERROR_INIT;
    struct cache_place *places;
    size_t count = former_places(execution->plan, execution->cache, &execution->arena, &places);
    if (!cache_places_are(execution->cache, places, count) &&
        (cache_site_put(execution->cache, &execution->plan->site, &error) < 0 ||
         cache_places_put(execution->cache, places, count, &error) < 0)) {
        log_debug("%s", error.message); /* only reasons depend on it */
    }
}

/* A step that is written otherwise and comes to the same finds the record of what was written before: the next reason is to
 * compare with what is written now. Steps that share a record tell of the first. */
static void tell_again(struct execution *execution) {
    struct plan *plan = execution->plan;
    for (size_t i = 0; i < plan->step_count; i++) {
        struct step *step = plan->steps[i];
        _cleanup_error_ struct error error = ERROR_INIT;
        if (step->state != STEP_HIT || recipe_is_told(plan, step)) {
            continue;
        }
        recipe_add_explanations(step, &plan->arena);
        if (cache_tell(execution->cache, &step->key, step->text, step->ingredients,
                       step->ingredient_count, &error) < 0) {
            log_debug("%s", error.message); /* only reasons depend on it */
        }
    }
}

/* Which records this build found: they are the last of its places from now on. When all is what the last build of this
 * Dockerfile had, and nothing ran, nothing is written. */
static void tell_found(struct execution *execution, bool is_all) {
    struct error error = ERROR_INIT;
    struct cache_place *places;
    size_t count = former_found(execution->plan, execution->cache, &execution->arena, &places);
    tell_again(execution);
    if (is_all && cache_places_are(execution->cache, places, count)) {
        return;
    }
    if (cache_site_put(execution->cache, &execution->plan->site, &error) < 0 ||
        cache_count_hits(execution->cache, places, count, is_all, time_now(), &error) < 0) {
        log_debug("%s", error.message); /* only what is told of builds, and kept the longest */
    }
    error_clear(&error);
}

/* Images that steps need and the store has not got. */
static int fetch_images(struct execution *execution, struct error *error) {
    const struct plan *plan = execution->plan;
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct step *step = plan->steps[i];
        if (step->kind != STEP_SOURCE || !step->is_needed || step->source.layout == NULL) {
            continue;
        }
        progress_note(execution->progress, "reading the image %.12s from the OCI layout %s",
                      step->source.image, step->source.layout->directory);
        if (oci_import(execution->store, execution->build, step->source.layout, NULL,
                       &execution->is_cancelled, error) < 0) {
            return -1;
        }
    }
    return 0;
}

static int begin(struct execution *execution, struct error *error) {
    const struct store *store = execution->store;
    if (rootfs_enter_namespace(store, error) < 0 ||
        signals_watch(&execution->is_cancelled, &execution->signals, error) < 0) {
        return -1;
    }
    runtime_sweep(store); /* finds the cgroups of dead builds by what build_begin() sweeps away */
    if (build_begin(store, &execution->build, error) < 0 ||
        snapshot_sweep(store, execution->cache, 1, error) < 0 ||
        fetch_images(execution, error) < 0 ||
        outcomes_new(store, execution->plan, &execution->arena, &execution->outcomes, error) < 0 ||
        hold_results(execution, error) < 0 ||
        outcomes_locate(&execution->outcomes, execution->cache, error) < 0) {
        return -1;
    }
    if (has_work(execution->plan) && protect(execution, error) < 0) {
        return -1;
    }
    return hashing_new(store, execution->cache, thread_pool_cores(), &execution->is_cancelled,
                       &execution->hashing, error);
}

static int end(struct execution *execution, int status, struct error *error) {
    hashing_free(execution->hashing);
    if (execution->build != NULL) {
        _cleanup_error_ struct error late = ERROR_INIT;
        if (execution->is_protected &&
            container_release(execution->store, execution->build, &late) < 0) {
            log_warn("%s; the next build does it",
                     late.message); /* the image is there, if one was made */
        }
        build_end(execution->store, execution->build,
                  late.code != ERROR_NONE ? &late
                  : status < 0            ? error
                                          : NULL);
    }
    int signal = signals_end(execution->signals);
    if (signal != 0 && status < 0) {
        error_clear(error);
        error_set(error, ERROR_INTERRUPTED, "interrupted; nothing was committed");
        error->number = signal;
    }
    progress_free(execution->progress);
    arena_free(&execution->arena);
    return status;
}

static void drop_unrecorded(const struct execution *execution,
                            const struct scheduler_result *scheduled) {
    for (size_t i = 0; i < scheduled->unrecorded_count; i++) {
        snapshot_remove(execution->store, scheduled->unrecorded[i], NULL);
    }
}

/* A layer that cannot be digested has stopped the steps: that is the reason then, not that they were stopped. */
static int wait_for_layers(struct execution *execution, int status, struct error *error) {
    struct error reason = ERROR_INIT;
    if (status < 0 && error->code != ERROR_INTERRUPTED) {
        return -1;
    }
    if (hashing_wait(execution->hashing, &reason) < 0) {
        return error_move(error, &reason);
    }
    return status;
}

/* All steps are done: the image, found or made. */
static int finish(struct execution *execution, const struct work *work, struct lookup *lookup,
                  const struct scheduler_result *scheduled, struct executor_result *result,
                  struct error *error) {
    const struct executor_options *options = execution->options;
    struct step *image = execution->plan->image;
    if (image->state == STEP_DEFERRED && lookup_step(lookup, image, NULL, error) < 0) {
        return -1;
    }
    if (image->state == STEP_HIT) {
        struct image_list images = { 0 };
        if (image_list_read(execution->store, &execution->arena, &images, error) < 0 ||
            (options->is_recording &&
             commit_settle(work, scheduled->keys, scheduled->key_count, error) < 0)) {
            return -1;
        }
        return finish_cached(execution, &images, result, error);
    }
    progress_image(execution->progress, image);
    return commit_image(work, &execution->outcomes, execution->hashing, options->names,
                        options->is_recording, scheduled->keys, scheduled->key_count,
                        &result->image, error);
}

static int run(struct execution *execution, struct executor_result *result, struct error *error) {
    const struct executor_options *options = execution->options;
    struct context_copies copies = CONTEXT_COPIES_INIT;
    struct work work = {
        .store = execution->store,
        .build = execution->build,
        .cache = execution->cache,
        .plan = execution->plan,
        .progress = execution->progress,
        .copies = &copies,
        .is_cancelled = &execution->is_cancelled,
    };
    struct lookup lookup = {
        .store = execution->store,
        .cache = execution->cache,
        .layers = execution->outcomes.layers,
        .arena = &execution->plan->arena,
        .is_disabled = !options->is_recording,
        .plan = execution->plan,
    };
    struct scheduler_options scheduling = {
        .jobs = options->jobs > 0 ? options->jobs : thread_pool_cores(),
        .is_recording = options->is_recording,
    };
    struct scheduler_result scheduled = { 0 };
    if (options->is_recording) {
        move_places(execution);
    }
    int status =
        scheduler_run(execution->plan, &work, &execution->is_cancelled, &execution->outcomes,
                      execution->hashing, &lookup, &scheduling, &scheduled, error);
    context_copies_free(execution->store, &copies);
    status = wait_for_layers(execution, status, error);
    if (status == 0) {
        status = finish(execution, &work, &lookup, &scheduled, result, error);
    }
    drop_unrecorded(execution, &scheduled);
    if (options->is_recording) {
        tell_found(execution, false);
    }
    result->run = scheduled.run;
    result->cached = scheduled.cached;
    return status;
}

int executor_run(struct plan *plan, const struct store *store, struct cache *cache,
                 const struct executor_options *options, struct executor_result *result,
                 struct error *error) {
    *result = (struct executor_result){ 0 };
    struct execution execution = {
        .plan = plan, .store = store, .cache = cache, .options = options, .arena = ARENA_INIT
    };
    execution.progress =
        progress_new(STDERR_FILENO, plan, options->is_quiet, options->is_explaining);
    int status;
    if (plan->image->state == STEP_HIT) {
        report_cached(&execution, result);
        status = finish_cached(&execution, plan->stored, result, error);
        if (status == 0) {
            tell_found(&execution, true);
        }
    } else {
        status = begin(&execution, error);
        if (status == 0) {
            status = run(&execution, result, error);
        }
    }
    return end(&execution, status, error);
}
