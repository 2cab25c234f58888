#include "base/thread_pool.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct job {
    struct job *next;
    void (*run)(void *context);
    void *context;
};

struct thread_pool {
    pthread_mutex_t mutex; /* guards everything below but the threads */
    pthread_cond_t has_work;
    pthread_cond_t is_idle;
    struct job *first;
    struct job **last; /* where the next job goes */
    size_t unfinished; /* queued or running */
    bool is_closing;
    unsigned thread_count;
    pthread_t threads[];
};

unsigned thread_pool_cores(void) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores > 1 ? (unsigned)cores : 1;
}

/* The oldest job, waiting for one; NULL when the pool is closing. The mutex is held. */
static struct job *next_job(struct thread_pool *pool) {
    while (!pool->first && !pool->is_closing) {
        pthread_cond_wait(&pool->has_work, &pool->mutex);
    }
    struct job *job = pool->first;
    if (job) {
        pool->first = job->next;
        if (!pool->first) {
            pool->last = &pool->first;
        }
    }
    return job;
}

static void *work(void *argument) {
    struct thread_pool *pool = argument;
    struct job *job;
    pthread_mutex_lock(&pool->mutex);
    while ((job = next_job(pool))) {
        pthread_mutex_unlock(&pool->mutex);
        job->run(job->context);
        free(job);
        pthread_mutex_lock(&pool->mutex);
        if (--pool->unfinished == 0) {
            pthread_cond_broadcast(&pool->is_idle);
        }
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

int thread_pool_new(unsigned threads, struct thread_pool **out, struct error *error) {
    assert(threads >= 1);
    struct thread_pool *pool = xcalloc(1, sizeof(*pool) + threads * sizeof(pool->threads[0]));
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->has_work, NULL);
    pthread_cond_init(&pool->is_idle, NULL);
    pool->last = &pool->first;

    /* Threads inherit the mask of their creator: signals stay with the main thread. */
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int problem = 0;
    while (!problem && pool->thread_count < threads) {
        problem = pthread_create(&pool->threads[pool->thread_count], NULL, work, pool);
        pool->thread_count += problem == 0;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (problem) {
        unsigned started = pool->thread_count;
        thread_pool_free(pool);
        errno = problem;
        error_system(error, "cannot start thread %u of %u", started + 1, threads);
        return error_hint(error, "the limit of processes may be reached (ulimit -u, pids.max); "
                                 "try a smaller --jobs");
    }
    *out = pool;
    return 0;
}

void thread_pool_submit(struct thread_pool *pool, void (*run)(void *context), void *context) {
    struct job *job = xmalloc(sizeof(*job));
    *job = (struct job){ .run = run, .context = context };
    pthread_mutex_lock(&pool->mutex);
    *pool->last = job;
    pool->last = &job->next;
    pool->unfinished++;
    pthread_cond_signal(&pool->has_work);
    pthread_mutex_unlock(&pool->mutex);
}

void thread_pool_wait(struct thread_pool *pool) {
    pthread_mutex_lock(&pool->mutex);
    while (pool->unfinished) {
        pthread_cond_wait(&pool->is_idle, &pool->mutex);
    }
    pthread_mutex_unlock(&pool->mutex);
}

void thread_pool_free(struct thread_pool *pool) {
    if (!pool) {
        return;
    }
    thread_pool_wait(pool);
    pthread_mutex_lock(&pool->mutex);
    pool->is_closing = true;
    pthread_cond_broadcast(&pool->has_work);
    pthread_mutex_unlock(&pool->mutex);
    for (unsigned i = 0; i < pool->thread_count; i++) {
        pthread_join(pool->threads[i], NULL);
    }
    pthread_cond_destroy(&pool->is_idle);
    pthread_cond_destroy(&pool->has_work);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}
