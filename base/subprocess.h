/* subprocess: start a program, feed and read it, wait for it.
 *
 * Only the descriptors named are inherited; everything else the program opens is close-on-exec. The child is in
 * its own process group, so that the terminal's Ctrl-C does not reach it directly, and dies with its parent
 * thread's process (PR_SET_PDEATHSIG). Any thread may start and wait for its own children. */
#ifndef BUD_BASE_SUBPROCESS_H
#define BUD_BASE_SUBPROCESS_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* How often a program is looked at that somebody watches. */
#define SUBPROCESS_WATCH_MILLISECONDS 250

/* RECEIVED: bytes of output so far, also those that were dropped. -1, with the error set, kills the program. */
typedef int subprocess_watch(void *context, uint64_t received, struct error *error);

struct subprocess_options {
    const char *const *argv; /* argv[0] is looked up in PATH unless it has a slash */
    const char *const *envp; /* NULL: inherit */
    int stdin_fd;            /* -1: /dev/null */
    int stdout_fd;           /* -1: /dev/null */
    int stderr_fd;           /* -1: /dev/null */
    const char *directory;   /* NULL: unchanged */
    /* Runs the program in a PID namespace (and private mount namespace with a fresh /proc) whose init dies with
     * the caller: whatever the program leaves behind, daemons included, is gone when the caller is. Ignored where
     * the kernel refuses. */
    bool is_contained;
    subprocess_watch
        *watch; /* by subprocess_run(), every SUBPROCESS_WATCH_MILLISECONDS; NULL: nobody */
    void *watch_context;
};

/* Starts it; *pid is the child to wait for. ERROR_NOT_FOUND when the program does not exist.
 *
 * The child is killed when the calling *thread* ends (prctl(2), PR_SET_PDEATHSIG): call it from threads that live
 * as long as the child may. With is_contained, *pid is the namespace's init: signals sent to it reach the program,
 * SIGKILL ends everything in the namespace, and the numbers the program knows its processes by mean nothing
 * outside. */
int subprocess_start(const struct subprocess_options *options, pid_t *pid, struct error *error);
/* Waits; *status is the exit status, or 128 + signal. */
int subprocess_wait(pid_t pid, int *status, struct error *error);
/* Runs to the end with both outputs captured (each up to LIMIT bytes, the rest is read and dropped).
 * Without OUT or ERR (NULL) that output goes where the options say. Processes the program leaves behind are not
 * waited for. With is_contained, they go as well when the watch kills it. */
int subprocess_run(const struct subprocess_options *options, struct buf *out, struct buf *err,
                   size_t limit, int *status, struct error *error);
/* Looks NAME up in PATH; a path in ARENA, or NULL. */
const char *subprocess_find(struct arena *arena, const char *name);

#endif
