/* executor: runs a plan into an image. Never looks at a Dockerfile. */
#ifndef BUD_EXECUTOR_EXECUTOR_H
#define BUD_EXECUTOR_EXECUTOR_H

#include "base/digest.h"
#include "planner/plan.h"
#include "store/store.h"

struct executor_options {
    unsigned jobs;            /* steps at once, 0: number of cores */
    const char *const *names; /* full references to tag, NULL-terminated */
    bool is_quiet;
    bool is_explaining; /* print the reason of every miss */
    bool is_recording;  /* false with --layers=false: results are not kept in the cache */
};

struct executor_result {
    struct digest_hex image;
    unsigned run, cached; /* steps */
};

/* All steps a hit and the image there: only missing names are added, nothing else is touched. Otherwise the process
 * enters its own mount namespace (it must still have a single thread), runs what is needed, and publishes. SIGINT, SIGTERM
 * and SIGHUP end it with ERROR_INTERRUPTED and everything cleaned up. ERROR_CHANGED means the store changed under us:
 * planning and running again may succeed. */
int executor_run(struct plan *plan, const struct store *store, struct cache *cache,
                 const struct executor_options *options, struct executor_result *result,
                 struct error *error);

#endif
