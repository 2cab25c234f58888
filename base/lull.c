#include "base/lull.h"

#include "base/arena.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#define SECOND UINT64_C(1000000000)

struct lull {
    uint64_t length;
    void (*act)(void *context);
    void *context;
    pthread_t thread;
    bool has_thread; /* from here on under the mutex */
    bool is_due;     /* something happened since ACT was last called */
    bool is_ending;
    struct timespec until; /* by the monotonic clock */
    pthread_mutex_t mutex;
    pthread_cond_t has_news;
};

struct lull *lull_new(uint64_t length, void (*act)(void *context), void *context) {
    struct lull *lull = xcalloc(1, sizeof(*lull));
    pthread_condattr_t attributes;
    *lull = (struct lull){ .length = length, .act = act, .context = context };
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&lull->has_news, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&lull->mutex, NULL);
    return lull;
}

static bool is_over(const struct timespec *until) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec != until->tv_sec ? now.tv_sec > until->tv_sec : now.tv_nsec >= until->tv_nsec;
}

static void *wait_and_act(void *argument) {
    struct lull *lull = argument;
    pthread_mutex_lock(&lull->mutex);
    while (!lull->is_ending) {
        if (!lull->is_due) {
            pthread_cond_wait(&lull->has_news, &lull->mutex);
        } else if (!is_over(&lull->until)) {
            pthread_cond_timedwait(&lull->has_news, &lull->mutex, &lull->until);
        } else {
            lull->is_due = false;
            pthread_mutex_unlock(&lull->mutex);
            lull->act(lull->context);
            pthread_mutex_lock(&lull->mutex);
        }
    }
    pthread_mutex_unlock(&lull->mutex);
    return NULL;
}

/* Threads inherit the mask of their creator: signals stay with those that ask for them. */
static bool start(struct lull *lull) {
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int problem = pthread_create(&lull->thread, NULL, wait_and_act, lull);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return problem == 0;
}

void lull_touch(struct lull *lull) {
    pthread_mutex_lock(&lull->mutex);
    clock_gettime(CLOCK_MONOTONIC, &lull->until);
    lull->until.tv_sec += (time_t)(lull->length / SECOND);
    lull->until.tv_nsec += (long)(lull->length % SECOND);
    if (lull->until.tv_nsec >= (long)SECOND) {
        lull->until.tv_sec++;
        lull->until.tv_nsec -= (long)SECOND;
    }
    if (!lull->has_thread) {
        lull->has_thread = start(lull);
    }
    if (!lull->is_due) { /* who waits for the end of the lull looks at the clock again then */
        lull->is_due = true;
        pthread_cond_signal(&lull->has_news);
    }
    pthread_mutex_unlock(&lull->mutex);
}

void lull_free(struct lull *lull) {
    if (!lull) {
        return;
    }
    pthread_mutex_lock(&lull->mutex);
    lull->is_ending = true;
    pthread_cond_signal(&lull->has_news);
    pthread_mutex_unlock(&lull->mutex);
    if (lull->has_thread) {
        pthread_join(lull->thread, NULL);
    }
    pthread_cond_destroy(&lull->has_news);
    pthread_mutex_destroy(&lull->mutex);
    free(lull);
}
