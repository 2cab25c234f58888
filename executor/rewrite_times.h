/* rewrite_times: the times of a step's files set to --timestamp, as `buildah bud --timestamp` commits them. */
#ifndef BUD_EXECUTOR_REWRITE_TIMES_H
#define BUD_EXECUTOR_REWRITE_TIMES_H

#include "base/error.h"

#include <stdint.h>

/* Sets access and modification time of everything below DIFF (absolute path of a finished, unmounted snapshot) to
 * TIME, nanoseconds since 1970. */
int rewrite_times(const char *diff, int64_t time, struct error *error);

#endif
