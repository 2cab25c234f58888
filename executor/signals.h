/* signals: SIGINT, SIGTERM and SIGHUP turned into a flag, while a build runs.
 *
 * The first one asks the build to stop: *is_cancelled is set and WAKE called from the watching thread. A later second
 * one ends the process at once with 128 + its number; what then remains is swept by the next build. Within half a second
 * it counts as the same: timeout(1) and terminals may signal both the process and its group. SIGHUP is left alone where
 * nohup(1) had it ignored. SIGPIPE is held back: that nobody reads the progress any more is no reason to stop. */
#ifndef BUD_EXECUTOR_SIGNALS_H
#define BUD_EXECUTOR_SIGNALS_H

#include "base/error.h"

#include <stdatomic.h>

struct signals;

/* Blocks the signals in the calling thread (threads started later inherit that) and starts the watcher. */
int signals_watch(atomic_bool *is_cancelled, struct signals **out, struct error *error);
/* Ends the watcher and restores the mask; returns the signal that came, or 0. */
int signals_end(struct signals *signals);

#endif
