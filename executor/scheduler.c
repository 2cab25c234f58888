#include "executor/scheduler.h"

#include "base/fs.h"
#include "base/thread_pool.h"
#include "base/time.h"
#include "base/vec.h"
#include "executor/context.h"
#include "executor/rewrite_times.h"
#include "store/container.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

enum task_state { TASK_NOT_NEEDED, TASK_WAITING, TASK_RUNNING, TASK_DONE, TASK_FAILED };

struct task {
    struct scheduler *scheduler;
    struct step *step;
    enum task_state state;
    bool is_layer; /* of the image: its digest will be wanted */
};

/* Everything below `lock` is guarded by it. */
struct scheduler {
    struct plan *plan;
    const struct work *work;
    atomic_bool *is_cancelled;
    struct hashing *hashing;
    const struct scheduler_options *options;
    struct thread_pool *pool;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct outcomes *outcomes;
    struct lookup *lookup;
    struct task *tasks;
    size_t running;
    struct error error; /* the first failure */
    struct scheduler_result *result;
    VEC(struct digest) keys;
    VEC(const char *) unrecorded;
};

/* What one running step holds, released together. */
struct attempt {
    struct arena arena;
    struct rootfs root;
    struct rootfs *inputs;
    size_t input_count;
    struct snapshot *tops; /* of the inputs; with a directory where one was needed */
    struct snapshot snapshot;
    bool has_snapshot;
    const char *diff;      /* the snapshot's */
    struct stat diff_stat; /* before the step */
};

static void attempt_release(const struct store *store, struct attempt *attempt) {
    rootfs_unmount(&attempt->root);
    for (size_t i = 0; i < attempt->input_count; i++) {
        rootfs_unmount(&attempt->inputs[i]);
        if (attempt->tops[i].directory) {
            snapshot_remove(store, attempt->tops[i].id, NULL);
            snapshot_free(&attempt->tops[i]);
        }
    }
    snapshot_free(&attempt->snapshot);
    arena_free(&attempt->arena);
}

/* ---- mounting ---- */

static int stack_of(struct scheduler *scheduler, const struct step *step, struct arena *arena,
                    const char ***directories, size_t *count, struct error *error) {
    pthread_mutex_lock(&scheduler->lock);
    int status = outcomes_stack(scheduler->outcomes, step, arena, directories, count, error);
    pthread_mutex_unlock(&scheduler->lock);
    return status;
}

static int root_of(struct scheduler *scheduler, const struct step *step, struct arena *arena,
                   const char **directory, struct error *error) {
    pthread_mutex_lock(&scheduler->lock);
    int status = outcomes_root(scheduler->outcomes, step, arena, directory, error);
    pthread_mutex_unlock(&scheduler->lock);
    return status;
}

/* What is laid over whatever is below has the `/` of where it was made first: the one that belongs here goes on top. */
static int lay_top(struct scheduler *scheduler, const struct step *step, struct attempt *attempt,
                   struct snapshot *top, const char ***lowers, size_t *count, struct error *error) {
    const struct work *work = scheduler->work;
    const char *like = NULL;
    if (!step || !step_is_independent(step)) {
        return 0;
    }
    if (root_of(scheduler, step, &attempt->arena, &like, error) < 0 ||
        snapshot_new(work->store, work->build, like, top, error) < 0) {
        return -1;
    }
    const char **all = arena_array(&attempt->arena, *count + 1, sizeof(*all));
    all[0] = arena_printf(&attempt->arena, "%s/diff", top->directory);
    memcpy(all + 1, *lowers, *count * sizeof(*all));
    *lowers = all;
    *count += 1;
    return 0;
}

static int mount_inputs(struct scheduler *scheduler, const struct step *step,
                        struct attempt *attempt, struct error *error) {
    attempt->tops = arena_array(&attempt->arena, step->input_count, sizeof(*attempt->tops));
    attempt->inputs = arena_array(&attempt->arena, step->input_count, sizeof(struct rootfs));
    for (size_t i = 0; i < step->input_count; i++) {
        attempt->inputs[i] = (struct rootfs)ROOTFS_INIT;
    }
    attempt->input_count = step->input_count;
    const struct work *work = scheduler->work;
    for (size_t i = 0; i < step->input_count; i++) {
        const char **lowers = NULL;
        size_t count = 0;
        if (step->inputs[i].context != NULL) {
            continue;
        }
        if (stack_of(scheduler, step->inputs[i].step, &attempt->arena, &lowers, &count, error) <
                0 ||
            lay_top(scheduler, step->inputs[i].step, attempt, &attempt->tops[i], &lowers, &count,
                    error) < 0 ||
            rootfs_mount(work->store, work->build, lowers, count, NULL, &attempt->inputs[i],
                         error) < 0) {
            return -1;
        }
    }
    return 0;
}

static int mount_root(struct scheduler *scheduler, const struct step *step, struct attempt *attempt,
                      struct error *error) {
    const struct work *work = scheduler->work;
    const char **lowers = NULL;
    size_t count = 0;
    const char *like = NULL;
    if (stack_of(scheduler, step->parent, &attempt->arena, &lowers, &count, error) < 0 ||
        root_of(scheduler, step->parent, &attempt->arena, &like, error) < 0 ||
        snapshot_new(work->store, work->build, like, &attempt->snapshot, error) < 0) {
        return -1;
    }
    attempt->has_snapshot = true;
    attempt->diff = arena_printf(&attempt->arena, "%s/diff", attempt->snapshot.directory);
    if (stat(attempt->diff, &attempt->diff_stat) < 0) {
        return error_system(error, "cannot read %s", attempt->diff);
    }
    /* Of what an independent step is laid over it sees nothing. */
    return rootfs_mount(work->store, work->build, lowers, step_is_independent(step) ? 0 : count,
                        attempt->diff, &attempt->root, error);
}

/* Mode and owner of `/` are in no layer: what a RUN makes of them ends with it (docs/store.md). */
static int restore_root(const struct attempt *attempt, struct error *error) {
    const struct stat *before = &attempt->diff_stat;
    struct stat now;
    if (stat(attempt->diff, &now) == 0 && now.st_mode == before->st_mode &&
        now.st_uid == before->st_uid && now.st_gid == before->st_gid) {
        return 0;
    }
    return chown(attempt->diff, before->st_uid, before->st_gid) < 0 ||
                   chmod(attempt->diff, before->st_mode & 07777) < 0
               ? error_system(error, "cannot set owner and mode of %s", attempt->diff)
               : 0;
}

/* ---- keys known late ---- */

/* The tree a COPY reads: the context, or the mounted file system of its input. */
static void input_tree(const struct step *step, size_t input, const struct attempt *attempt,
                       struct tree *tree) {
    if (step->inputs[input].context != NULL) {
        *tree = *step->inputs[input].context;
        return;
    }
    *tree = (struct tree){
        .fd = attempt->inputs[input].fd,
        .name = str_dup((struct arena *)&attempt->arena, step->inputs[input].label),
    };
}

/* What STEP reads from input INPUT, which is a step, as content. */
static int input_content(struct scheduler *scheduler, const struct step *step, size_t input,
                         struct attempt *attempt, struct digest *content, struct error *error) {
    const struct step_input *in = &step->inputs[input];
    struct tree tree;
    input_tree(step, input, attempt, &tree);
    if (selection_digest(&tree, in->selection, content, error) < 0) {
        return error_at(error, scheduler->plan->dockerfile->name,
                        scheduler->plan->dockerfile->source, step->instruction->span);
    }
    struct digest id = lookup_input_id(in, outcomes_result(scheduler->outcomes, in->step));
    return cache_content_put(scheduler->work->cache, &id, content, error);
}

/* Computes the key of a deferred step and looks it up. */
static int resolve_deferred(struct scheduler *scheduler, struct step *step, struct attempt *attempt,
                            struct error *error) {
    struct digest *contents =
        arena_array(&attempt->arena, step->input_count, sizeof(struct digest));
    for (size_t i = 0; i < step->input_count; i++) {
        const struct step_input *input = &step->inputs[i];
        if (input->selection != NULL && input->context == NULL && input->step != NULL &&
            input_content(scheduler, step, i, attempt, &contents[i], error) < 0) {
            return -1;
        }
    }
    pthread_mutex_lock(&scheduler->lock);
    int status = lookup_step(scheduler->lookup, step, contents, error);
    pthread_mutex_unlock(&scheduler->lock);
    return status;
}

/* ---- one step ---- */

static void keep_outcome(struct scheduler *scheduler, struct task *task, const char *snapshot,
                         const char *path, const char *layer, int64_t created) {
    struct arena *arena = scheduler->outcomes->arena;
    struct outcome *outcome = &scheduler->outcomes->items[task->step->id];
    outcome->snapshot = arena_strdup(arena, snapshot);
    outcome->result = outcomes_merged(scheduler->outcomes, task->step, outcome->snapshot);
    outcome->path = arena_strdup(arena, path);
    outcome->layer = layer == NULL ? NULL : arena_strdup(arena, layer);
    outcome->created = created;
    outcome->is_ready = true;
    if (task->is_layer && outcome->layer == NULL) {
        hashing_submit(scheduler->hashing, scheduler->plan, task->step, outcome->snapshot,
                       outcome->path);
    }
}

/* A result that turns out to be LAYER (or NULL: none) of an image only now: nobody may remove it while the steps above
 * run. What was found before the first step is protected already. */
static int protect_late(const struct scheduler *scheduler, const char *layer, struct error *error) {
    const char *image = "";
    return layer == NULL ? 0
                         : container_protect(scheduler->work->store, scheduler->work->build, &layer,
                                             &image, 1, error);
}

static int keep_hit(struct scheduler *scheduler, struct task *task, struct attempt *attempt,
                    struct error *error) {
    const struct cache_record *record = &task->step->record;
    const char *id = str_dup(&attempt->arena, record->result);
    const char *path = NULL;
    const char *layer = NULL;
    if (build_hold(scheduler->work->store, scheduler->work->build, &id, 1, error) < 0 ||
        snapshot_locate(scheduler->work->store, scheduler->work->cache, id, &attempt->arena, &path,
                        &layer, error) < 0) {
        return -1;
    }
    if (protect_late(scheduler, layer, error) < 0) {
        return -1;
    }
    pthread_mutex_lock(&scheduler->lock);
    keep_outcome(scheduler, task, id, path, layer, record->created);
    vec_push(&scheduler->keys, task->step->key);
    scheduler->result->cached++;
    pthread_mutex_unlock(&scheduler->lock);
    progress_hit(scheduler->work->progress, task->step);
    return 0;
}

/* What a record of STEP was built upon. */
static struct str recorded_parent(const struct scheduler *scheduler, const struct step *step) {
    return step_is_independent(step) ? STR_EMPTY
                                     : outcomes_result(scheduler->outcomes, step->parent);
}

/* Somebody else, another build or another step of this one, may have recorded the same step meanwhile: the first result
 * stays, so that what others built upon it goes on holding. Ours is dropped then. */
static bool adopt_earlier(struct scheduler *scheduler, struct task *task, struct attempt *attempt) {
    const struct work *work = scheduler->work;
    const struct step *step = task->step;
    struct cache_record record;
    const char *path = NULL;
    const char *layer = NULL;
    if (scheduler->plan->is_cache_unused || step->is_cache_unused ||
        !cache_lookup(work->cache, &step->key, &attempt->arena, &record) ||
        record.created < scheduler->plan->oldest_record ||
        !str_equal(record.parent, recorded_parent(scheduler, step))) {
        return false;
    }
    const char *id = str_dup(&attempt->arena, record.result);
    if (build_hold(work->store, work->build, &id, 1, NULL) < 0 ||
        snapshot_check(work->store, work->cache, &record, &attempt->arena, &path, &layer) !=
            SNAPSHOT_SOUND ||
        protect_late(scheduler, layer, NULL) < 0) {
        return false;
    }
    pthread_mutex_lock(&scheduler->lock);
    keep_outcome(scheduler, task, id, path, layer, record.created);
    vec_push(&scheduler->keys, step->key);
    scheduler->result->run++;
    pthread_mutex_unlock(&scheduler->lock);
    return true;
}

/* Records the finished snapshot; from here on it is permanent. */
static int keep_result(struct scheduler *scheduler, struct task *task, struct attempt *attempt,
                       uint64_t duration, struct error *error) {
    struct step *step = task->step;
    int64_t created = time_now();
    bool is_recorded = scheduler->options->is_recording && step->has_key;
    if (is_recorded && adopt_earlier(scheduler, task, attempt)) {
        return 0;
    }
    if (is_recorded) {
        struct cache_record record = {
            .key = step->key,
            .kind = CACHE_SNAPSHOT,
            .result = str_of(attempt->snapshot.id),
            .parent = recorded_parent(scheduler, step),
            .created = created,
            .duration = duration,
            .text = step->text,
            .stage = step->stage->label,
            .reason = step->reason,
            .build = str_of(scheduler->work->build->id),
            .ingredients = step->ingredients,
            .ingredient_count = step->ingredient_count,
            .state = directory_state_read(attempt->diff),
        };
        if (cache_store(scheduler->work->cache, &record, &step->place, error) < 0) {
            return -1;
        }
    }
    pthread_mutex_lock(&scheduler->lock);
    keep_outcome(scheduler, task, attempt->snapshot.id, attempt->diff, NULL, created);
    if (is_recorded) {
        vec_push(&scheduler->keys, step->key);
    } else {
        vec_push(&scheduler->unrecorded, scheduler->outcomes->items[step->id].snapshot);
    }
    scheduler->result->run++;
    pthread_mutex_unlock(&scheduler->lock);
    attempt->has_snapshot = false;
    return 0;
}

static int run_step(struct scheduler *scheduler, struct task *task, struct attempt *attempt,
                    struct error *error) {
    struct step *step = task->step;
    const struct work *work = scheduler->work;
    if (step->state == STEP_HIT) {
        return keep_hit(scheduler, task, attempt, error); /* what is below it had to run */
    }
    if (mount_inputs(scheduler, step, attempt, error) < 0) {
        return -1;
    }
    if (step->state == STEP_DEFERRED) {
        if (resolve_deferred(scheduler, step, attempt, error) < 0) {
            return -1;
        }
        if (step->state == STEP_HIT) {
            return keep_hit(scheduler, task, attempt, error);
        }
    }
    if (mount_root(scheduler, step, attempt, error) < 0) {
        return -1;
    }
    progress_begin(work->progress, step);
    uint64_t start = time_monotonic();
    int status = 0;
    if (step->kind == STEP_EXEC) {
        status = exec_step_run(work, step, &attempt->root, attempt->inputs, error);
    } else {
        struct tree source = { .fd = -1 };
        uint64_t stamps;
        if (step->input_count > 0) {
            input_tree(step, 0, attempt, &source);
        }
        status = file_step_run(work, step, &attempt->root, step->input_count > 0 ? &source : NULL,
                               &stamps, error);
        if (status == 0 && step->input_count > 0) {
            status = context_check(work, step, &step->inputs[0], stamps, error);
        }
    }
    uint64_t duration = time_monotonic() - start;
    rootfs_unmount(&attempt->root);
    if (status == 0) {
        status = restore_root(attempt, error);
    }
    if (status == 0 && scheduler->plan->is_rewriting_times) {
        status = rewrite_times(attempt->diff, scheduler->plan->timestamp, error);
    }
    if (status == 0) {
        status = keep_result(scheduler, task, attempt, duration, error);
    }
    progress_end(work->progress, step, status == 0, duration);
    return status;
}

static void start_ready(struct scheduler *scheduler);

/* Whatever a step fails of, also what has little to do with it: it is the instruction that was not done. */
static void tell_place(const struct scheduler *scheduler, const struct step *step,
                       struct error *error) {
    const struct dockerfile *dockerfile = scheduler->plan->dockerfile;
    if (dockerfile != NULL && step->instruction != NULL && error->code != ERROR_INTERRUPTED) {
        error_at(error, dockerfile->name, dockerfile->source, step->instruction->span);
    }
}

static void run_task(void *context) {
    struct task *task = context;
    struct scheduler *scheduler = task->scheduler;
    struct attempt attempt = { .arena = ARENA_INIT, .root = ROOTFS_INIT };
    struct error error = ERROR_INIT;
    int status;
    if (unshare(CLONE_FS) < 0) {
        status = error_system(&error, "cannot give a worker thread a working directory of its own");
    } else if (atomic_load(scheduler->is_cancelled)) {
        status = error_set(&error, ERROR_INTERRUPTED, "cancelled");
    } else {
        status = run_step(scheduler, task, &attempt, &error);
    }
    if (status < 0) {
        tell_place(scheduler, task->step, &error);
    }
    if (attempt.has_snapshot) {
        rootfs_unmount(&attempt.root);
        snapshot_remove(scheduler->work->store, attempt.snapshot.id, NULL);
    }
    attempt_release(scheduler->work->store, &attempt);

    pthread_mutex_lock(&scheduler->lock);
    task->state = status == 0 ? TASK_DONE : TASK_FAILED;
    if (status < 0 && scheduler->error.code == ERROR_NONE) {
        scheduler->error = error;
    } else {
        error_clear(&error);
    }
    if (status < 0) {
        atomic_store(scheduler->is_cancelled, true);
    }
    scheduler->running--;
    start_ready(scheduler);
    pthread_cond_broadcast(&scheduler->changed);
    pthread_mutex_unlock(&scheduler->lock);
}

/* ---- the graph ---- */

static bool is_ready(const struct scheduler *scheduler, const struct step *step) {
    return step == NULL || scheduler->outcomes->items[step->id].is_ready;
}

static bool can_start(const struct scheduler *scheduler, const struct step *step) {
    if (!is_ready(scheduler, step->parent)) {
        return false;
    }
    for (size_t i = 0; step->state != STEP_HIT && i < step->input_count; i++) {
        if (!is_ready(scheduler, step->inputs[i].step)) {
            return false;
        }
    }
    return true;
}

static void start_ready(struct scheduler *scheduler) {
    if (atomic_load(scheduler->is_cancelled)) {
        return;
    }
    for (size_t i = 0; i < scheduler->plan->step_count; i++) {
        struct task *task = &scheduler->tasks[i];
        if (task->state == TASK_WAITING && can_start(scheduler, task->step)) {
            task->state = TASK_RUNNING;
            scheduler->running++;
            thread_pool_submit(scheduler->pool, run_task, task);
        }
    }
}

/* Steps to run become tasks; hits are reported, and those of the image digested if that was never done. */
static void prepare_tasks(struct scheduler *scheduler, struct arena *arena) {
    const struct plan *plan = scheduler->plan;
    scheduler->tasks = arena_array(arena, plan->step_count, sizeof(struct task));
    for (size_t i = 0; i < plan->step_count; i++) {
        scheduler->tasks[i] = (struct task){ .scheduler = scheduler, .step = plan->steps[i] };
    }
    bool is_layer_wanted = !plan->image->image.is_squashed;
    for (const struct step *s = plan->image->parent; s != NULL; s = s->parent) {
        scheduler->tasks[s->id].is_layer = is_layer_wanted && s->kind != STEP_SOURCE;
    }
    for (size_t i = 0; i < plan->step_count; i++) {
        struct task *task = &scheduler->tasks[i];
        const struct step *step = task->step;
        const struct outcome *outcome = &scheduler->outcomes->items[i];
        if (step->kind == STEP_IMAGE) {
            continue;
        }
        if (step->is_needed && !outcome->is_ready) {
            task->state = TASK_WAITING;
        } else if (step->state == STEP_HIT) {
            if (step->kind != STEP_SOURCE) {
                vec_push(&scheduler->keys, step->key);
                scheduler->result->cached++;
            }
            progress_hit(scheduler->work->progress, step);
            if (task->is_layer && outcome->is_ready && outcome->layer == NULL) {
                hashing_submit(scheduler->hashing, scheduler->plan, step, outcome->snapshot,
                               outcome->path);
            }
        }
    }
}

int scheduler_run(struct plan *plan, const struct work *work, atomic_bool *is_cancelled,
                  struct outcomes *outcomes, struct hashing *hashing, struct lookup *lookup,
                  const struct scheduler_options *options, struct scheduler_result *result,
                  struct error *error) {
    struct scheduler scheduler = {
        .plan = plan,
        .work = work,
        .is_cancelled = is_cancelled,
        .hashing = hashing,
        .options = options,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .changed = PTHREAD_COND_INITIALIZER,
        .outcomes = outcomes,
        .lookup = lookup,
        .result = result,
    };
    *result = (struct scheduler_result){ 0 };
    if (thread_pool_new(options->jobs, &scheduler.pool, error) < 0) {
        return -1;
    }
    pthread_mutex_lock(&scheduler.lock);
    prepare_tasks(&scheduler, outcomes->arena);
    start_ready(&scheduler);
    while (scheduler.running > 0) {
        pthread_cond_wait(&scheduler.changed, &scheduler.lock);
    }
    pthread_mutex_unlock(&scheduler.lock);
    thread_pool_free(scheduler.pool);

    result->key_count = scheduler.keys.count;
    result->keys = (struct digest *)arena_memdup(outcomes->arena, scheduler.keys.items,
                                                 scheduler.keys.count * sizeof(struct digest));
    result->unrecorded_count = scheduler.unrecorded.count;
    result->unrecorded = (const char **)arena_memdup(outcomes->arena, scheduler.unrecorded.items,
                                                     scheduler.unrecorded.count * sizeof(char *));
    vec_free(&scheduler.keys);
    vec_free(&scheduler.unrecorded);
    if (scheduler.error.code != ERROR_NONE) {
        *error = scheduler.error;
        return -1;
    }
    if (atomic_load(is_cancelled)) {
        return error_set(error, ERROR_INTERRUPTED, "interrupted");
    }
    return 0;
}
