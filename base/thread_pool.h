/* thread_pool: a fixed number of threads that run queued jobs, oldest first. */
#ifndef BUD_BASE_THREAD_POOL_H
#define BUD_BASE_THREAD_POOL_H

#include "base/error.h"

struct thread_pool;

/* How many threads the machine runs at once, at least 1. */
unsigned thread_pool_cores(void);
/* THREADS >= 1. Threads start with all signals blocked. */
int thread_pool_new(unsigned threads, struct thread_pool **pool, struct error *error);
/* RUN(CONTEXT) on some thread, some time. */
void thread_pool_submit(struct thread_pool *pool, void (*run)(void *context), void *context);
/* Returns when every job submitted so far has ended. */
void thread_pool_wait(struct thread_pool *pool);
/* Waits for all jobs, ends the threads, frees the pool. NULL is fine. */
void thread_pool_free(struct thread_pool *pool);

#endif
