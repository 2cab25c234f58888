#include "base/subprocess.h"
#include "base/thread_pool.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void add_one(void *context) {
    atomic_fetch_add((atomic_int *)context, 1);
}

static void every_job_runs_once(void **state) {
    (void)state;
    for (unsigned threads = 1; threads <= 8; threads *= 2) {
        struct thread_pool *pool;
        atomic_int sum = 0;
        assert_int_equal(thread_pool_new(threads, &pool, NULL), 0);
        thread_pool_wait(pool);
        for (int i = 0; i < 10000; i++) {
            thread_pool_submit(pool, add_one, &sum);
        }
        thread_pool_wait(pool);
        assert_int_equal(sum, 10000);
        thread_pool_submit(pool, add_one, &sum);
        thread_pool_free(pool);
        assert_int_equal(sum, 10001);
    }
    thread_pool_free(NULL);
}

struct entry {
    int *next; /* what the next job finds; only one thread runs */
    int found;
};

static void note(void *context) {
    struct entry *entry = context;
    entry->found = (*entry->next)++;
}

static void one_thread_keeps_the_order(void **state) {
    (void)state;
    struct thread_pool *pool;
    struct entry entries[100];
    int next = 0;
    assert_int_equal(thread_pool_new(1, &pool, NULL), 0);
    for (int i = 0; i < 100; i++) {
        entries[i] = (struct entry){ .next = &next, .found = -1 };
        thread_pool_submit(pool, note, &entries[i]);
    }
    thread_pool_free(pool);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(entries[i].found, i);
    }
}

struct chain {
    struct thread_pool *pool;
    atomic_int left;
};

static void submit_next(void *context) {
    struct chain *chain = context;
    if (atomic_fetch_sub(&chain->left, 1) > 1) {
        thread_pool_submit(chain->pool, submit_next, chain);
    }
}

static void jobs_may_submit_jobs(void **state) {
    (void)state;
    struct chain chain = { .left = 1000 };
    assert_int_equal(thread_pool_new(2, &chain.pool, NULL), 0);
    thread_pool_submit(chain.pool, submit_next, &chain);
    thread_pool_wait(chain.pool);
    assert_int_equal(chain.left, 0);
    thread_pool_free(chain.pool);
}

static void look_at_mask(void *context) {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    *(int *)context = sigismember(&mask, SIGINT) && sigismember(&mask, SIGTERM);
}

static void signals_are_blocked_in_threads_only(void **state) {
    (void)state;
    struct thread_pool *pool;
    int is_blocked = 0;
    int is_blocked_here = 1;
    assert_int_equal(thread_pool_new(1, &pool, NULL), 0);
    thread_pool_submit(pool, look_at_mask, &is_blocked);
    thread_pool_free(pool);
    look_at_mask(&is_blocked_here);
    assert_true(is_blocked);
    assert_false(is_blocked_here);
}

/* Programs start while other threads hold the allocator's locks. */
static void run_programs(void *context) {
    const char *const argv[] = { "true", NULL };
    struct subprocess_options options = {
        .argv = argv, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1, .is_contained = true
    };
    for (int i = 0; i < 20; i++) {
        int status = 99;
        free(malloc(100000));
        if (subprocess_run(&options, NULL, NULL, 0, &status, NULL) < 0 || status != 0) {
            atomic_fetch_add((atomic_int *)context, 1);
        }
    }
}

static void threads_start_programs_at_once(void **state) {
    (void)state;
    struct thread_pool *pool;
    atomic_int failures = 0;
    assert_int_equal(thread_pool_new(4, &pool, NULL), 0);
    for (int i = 0; i < 8; i++) {
        thread_pool_submit(pool, run_programs, &failures);
    }
    thread_pool_free(pool);
    assert_int_equal(failures, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_runs_once),
        cmocka_unit_test(one_thread_keeps_the_order),
        cmocka_unit_test(jobs_may_submit_jobs),
        cmocka_unit_test(signals_are_blocked_in_threads_only),
        cmocka_unit_test(threads_start_programs_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
