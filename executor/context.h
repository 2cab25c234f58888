/* context: the user's own directory may change while bud reads it; what was read must be what the key says. */
#ifndef BUD_EXECUTOR_CONTEXT_H
#define BUD_EXECUTOR_CONTEXT_H

#include "executor/work.h"

/* To be called after the files of STEP's INPUT were copied: were those, of which STAMPS tells, what the step was looked up
 * with, and does the context still hold them? ERROR_CHANGED with the place of the instruction when not. Any thread. */
int context_check(const struct work *work, const struct step *step, const struct step_input *input,
                  uint64_t stamps, struct error *error);

#endif
