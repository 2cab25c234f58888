#include "executor/hashing.h"

#include "base/fs.h"
#include "base/map.h"
#include "base/thread_pool.h"
#include "base/vec.h"
#include "store/layer_stream.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

struct hashing_job {
    struct hashing *hashing;
    const struct plan *plan;
    const struct step *step;
    const char *snapshot;
    const char *path;
    struct arena arena; /* one a job: jobs run at the same time */
    struct cache_layer layer;
};

struct hashing {
    const struct store *store;
    struct cache *cache;
    atomic_bool *is_cancelled;
    struct thread_pool *pool;
    struct map
        jobs; /* by snapshot ID; submitting is for one thread at a time, the workers do not look */
    pthread_mutex_t lock;
    struct error error; /* the first failure */
};

int hashing_new(const struct store *store, struct cache *cache, unsigned threads,
                atomic_bool *is_cancelled, struct hashing **out, struct error *error) {
    struct hashing *hashing = xcalloc(1, sizeof(*hashing));
    hashing->store = store;
    hashing->cache = cache;
    hashing->is_cancelled = is_cancelled;
    pthread_mutex_init(&hashing->lock, NULL);
    if (thread_pool_new(threads, &hashing->pool, error) < 0) {
        hashing_free(hashing);
        return -1;
    }
    *out = hashing;
    return 0;
}

static int digest_layer(struct hashing_job *job, struct error *error) {
    struct hashing *hashing = job->hashing;
    if (cache_layer_get(hashing->cache, job->snapshot, &job->arena, &job->layer)) {
        return 0;
    }
    _cleanup_fd_ int diff = fs_open(job->path, O_RDONLY | O_DIRECTORY, 0, error);
    if (diff < 0) {
        return -1;
    }
    struct layer_stream_options options = {
        .tar_split = arena_printf(&job->arena, "%s/bud/snapshots/%s/tar-split.gz",
                                  hashing->store->root, job->snapshot),
        .tar = -1,
        .is_rootless = hashing->store->is_rootless,
    };
    if (layer_stream_digest(diff, &options, &job->arena, hashing->is_cancelled, &job->layer,
                            error) < 0) {
        return -1;
    }
    return cache_layer_put(hashing->cache, job->snapshot, &job->layer, error);
}

static void run_job(void *context) {
    struct hashing_job *job = context;
    struct error error = ERROR_INIT;
    if (digest_layer(job, &error) < 0) {
        if (job->plan->dockerfile != NULL && job->step->instruction != NULL) {
            error_at(&error, job->plan->dockerfile->name, job->plan->dockerfile->source,
                     job->step->instruction->span);
        }
        pthread_mutex_lock(&job->hashing->lock);
        if (job->hashing->error.code == ERROR_NONE) {
            job->hashing->error = error;
        } else {
            error_clear(&error);
        }
        pthread_mutex_unlock(&job->hashing->lock);
        atomic_store(job->hashing->is_cancelled, true);
    }
}

void hashing_submit(struct hashing *hashing, const struct plan *plan, const struct step *step,
                    const char *snapshot, const char *path) {
    if (map_has(&hashing->jobs, str_of(snapshot))) {
        return;
    }
    struct hashing_job *job = xcalloc(1, sizeof(*job));
    job->hashing = hashing;
    job->plan = plan;
    job->step = step;
    job->snapshot = snapshot;
    job->path = path;
    map_set(&hashing->jobs, str_of(snapshot), job);
    thread_pool_submit(hashing->pool, run_job, job);
}

int hashing_wait(struct hashing *hashing, struct error *error) {
    thread_pool_wait(hashing->pool);
    if (hashing->error.code == ERROR_NONE) {
        return 0;
    }
    *error = hashing->error;
    hashing->error = (struct error)ERROR_INIT;
    return -1;
}

const struct cache_layer *hashing_result(const struct hashing *hashing, const char *snapshot) {
    const struct hashing_job *job = map_get(&hashing->jobs, str_of(snapshot));
    return job == NULL ? NULL : &job->layer;
}

void hashing_free(struct hashing *hashing) {
    if (hashing == NULL) {
        return;
    }
    thread_pool_free(hashing->pool);
    for (size_t i = 0; i < hashing->jobs.count; i++) {
        struct hashing_job *job = hashing->jobs.entries[i].value;
        arena_free(&job->arena);
        free(job);
    }
    map_free(&hashing->jobs);
    error_clear(&hashing->error);
    pthread_mutex_destroy(&hashing->lock);
    free(hashing);
}
