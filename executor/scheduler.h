/* scheduler: runs every step that has to run, as soon as what it needs is there.
 *
 * At most JOBS steps at once. The first failure cancels the rest. A deferred step gets its key when its inputs are
 * ready and is looked up again before it runs (early cut-off). */
#ifndef BUD_EXECUTOR_SCHEDULER_H
#define BUD_EXECUTOR_SCHEDULER_H

#include "executor/hashing.h"
#include "executor/outcome.h"
#include "executor/work.h"
#include "planner/lookup.h"

struct scheduler_options {
    unsigned jobs;
    bool is_recording; /* results go into the cache */
};

struct scheduler_result {
    unsigned run;
    unsigned cached;     /* found, among them deferred steps that turned out to be hits */
    struct digest *keys; /* of the records written and found, in the outcomes' arena */
    size_t key_count;
    const char **unrecorded; /* snapshots that no record keeps */
    size_t unrecorded_count;
};

/* Runs what PLAN needs; OUTCOMES is complete afterwards for all needed steps. RESULT is filled also on failure.
 * WORK->is_cancelled must be IS_CANCELLED. */
int scheduler_run(struct plan *plan, const struct work *work, atomic_bool *is_cancelled,
                  struct outcomes *outcomes, struct hashing *hashing, struct lookup *lookup,
                  const struct scheduler_options *options, struct scheduler_result *result,
                  struct error *error);

#endif
