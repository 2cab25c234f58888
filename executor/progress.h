/* progress: what a person sees while the plan runs, on standard error. Any thread may call. */
#ifndef BUD_EXECUTOR_PROGRESS_H
#define BUD_EXECUTOR_PROGRESS_H

#include "planner/plan.h"

struct progress;

/* OUT is a descriptor. Lines of a step are prefixed with its label when PLAN has several stages. IS_QUIET: nothing
 * but the output of failing steps. */
struct progress *progress_new(int out, const struct plan *plan, bool is_quiet, bool is_explaining);
void progress_free(struct progress *progress);
void progress_begin(struct progress *progress, const struct step *step);
/* Of the image, which has no line of its own: only why it is made, when that is asked for. */
void progress_image(struct progress *progress, const struct step *image);
void progress_hit(struct progress *progress, const struct step *step);
/* Any bytes of the step's output; whole lines are written at once, an unfinished one with progress_end. */
void progress_output(struct progress *progress, const struct step *step, const char *data,
                     size_t len);
void progress_end(struct progress *progress, const struct step *step, bool is_ok,
                  uint64_t duration);
void progress_note(struct progress *progress, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
