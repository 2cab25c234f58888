/* What is done once it is quiet, and only then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/lull.h"
#include "base/time.h"

#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#define LENGTH 50000000 /* ns */
#define LONG 3600000000000

struct act {
    atomic_int count;
    uint64_t at; /* when it was done last */
    int is_masked;
};

static void act(void *context) {
    struct act *done = context;
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    done->is_masked = sigismember(&mask, SIGINT);
    done->at = time_monotonic();
    atomic_fetch_add(&done->count, 1);
}

static void wait_for(struct act *done, int count) {
    for (int i = 0; i < 2000 && atomic_load(&done->count) < count; i++) {
        usleep(5000);
    }
    assert_int_equal(atomic_load(&done->count), count);
}

static void once_after_the_last_touch(void **state) {
    (void)state;
    struct act done = { .count = 0 };
    struct lull *lull = lull_new(LENGTH, act, &done);
    uint64_t last = 0;
    for (int i = 0; i < 5; i++) {
        last = time_monotonic();
        lull_touch(lull);
    }
    wait_for(&done, 1);
    assert_true(done.at >= last + LENGTH);
    assert_true(done.is_masked);
    lull_touch(lull);
    wait_for(&done, 2);
    lull_free(lull);
    assert_int_equal(done.count, 2);
}

static void never_when_it_ends_before(void **state) {
    (void)state;
    struct act done = { .count = 0 };
    struct lull *lull = lull_new(LONG, act, &done);
    lull_touch(lull);
    lull_free(lull);
    lull_free(lull_new(LONG, act, &done));
    lull_free(NULL);
    assert_int_equal(done.count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(once_after_the_last_touch),
        cmocka_unit_test(never_when_it_ends_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
