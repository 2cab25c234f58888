/* work: what every running step is given, and the two kinds of steps that write files.
 *
 * The scheduler prepares a snapshot and mounts it as the upper directory of ROOTFS; a step function only writes
 * through ROOTFS. Steps run at the same time on different threads; each thread has its own working directory
 * (CLONE_FS was unshared), all share the process's private mount namespace. */
#ifndef BUD_EXECUTOR_WORK_H
#define BUD_EXECUTOR_WORK_H

#include "executor/progress.h"
#include "executor/rootfs.h"
#include "planner/plan.h"
#include "store/build.h"
#include "store/store.h"

#include <stdatomic.h>

struct work {
    const struct store *store;
    const struct build *build;
    struct cache *cache;
    const struct plan *plan;
    struct progress *progress;
    struct context_copies *copies;   /* executor/context_copy.h */
    const atomic_bool *is_cancelled; /* set: end soon with ERROR_INTERRUPTED, children killed */
};

/* RUN. INPUTS[i] is the mounted root of step->inputs[i] (bind mounts), fd -1 where it is the context. A failing command is
 * ERROR_EXIT with the place of the instruction, the command, and its status. */
int exec_step_run(const struct work *work, const struct step *step, const struct rootfs *rootfs,
                  const struct rootfs *inputs, struct error *error);
/* COPY, ADD, WORKDIR's directory. SOURCE is the tree of inputs[0] (NULL for FILE_DIRECTORY or heredocs only). *STAMPS (may be
 * NULL) gets the selection_stamp() of all that was copied of it. */
int file_step_run(const struct work *work, const struct step *step, const struct rootfs *rootfs,
                  const struct tree *source, uint64_t *stamps, struct error *error);

#endif
