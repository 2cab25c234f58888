/* runtime: running one container with runc or crun, from start to exit status.
 *
 * The runtime runs contained (base/subprocess.h): when bud dies, whatever way, so does every process of the
 * container. Any thread may call. */
#ifndef BUD_EXECUTOR_RUNTIME_H
#define BUD_EXECUTOR_RUNTIME_H

#include "base/error.h"
#include "base/str.h"
#include "store/store.h"

#include <stdatomic.h>

struct runtime {
    const char *program; /* absolute, or as given with a slash */
    const char *state;   /* directory of its state, made by the runtime */
    bool is_rootless;
};

/* Fills program: WANTED (name or path), else runc, else crun of PATH. ERROR_NOT_FOUND with a hint. */
int runtime_find(const char *wanted, struct arena *arena, struct runtime *out, struct error *error);

/* Where both outputs go as they come, in whole lines but for the last one of each. */
struct runtime_output {
    void (*write)(void *context, const char *data, size_t len);
    void *context;
};

enum runtime_end {
    RUNTIME_EXITED,         /* the command ran: `status`, 128 + N for signal N */
    RUNTIME_NOT_FOUND,      /* the command does not exist */
    RUNTIME_NOT_EXECUTABLE, /* it exists and cannot be executed */
    RUNTIME_FAILED,         /* the runtime could not start the container */
};

struct runtime_result {
    enum runtime_end end;
    int status;
    struct buf message; /* the runtime's own words unless RUNTIME_EXITED; freed by the caller */
};

/* Runs the bundle in directory BUNDLE as container ID with an empty standard input, until it ends or *IS_CANCELLED is set
 * (ERROR_INTERRUPTED). The container, its cgroup and its state are gone afterwards in every case. */
int runtime_run(const struct runtime *runtime, const char *bundle, const char *id,
                const struct runtime_output *output, const atomic_bool *is_cancelled,
                struct runtime_result *result, struct error *error);

/* Removes what is left of container ID's cgroups; one with processes in it stays. */
void runtime_remove_cgroups(const char *id);
/* Removes the cgroups that builds which died have left; to be called before build_begin, which removes their other
 * traces, by which they are found. Never fails: what is in use, or not ours, stays. */
void runtime_sweep(const struct store *store);

#endif
