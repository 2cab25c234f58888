/* secret: the value of a --secret, read when a RUN asks for it. */
#ifndef BUD_EXECUTOR_SECRET_H
#define BUD_EXECUTOR_SECRET_H

#include "planner/plan.h"

/* As large as BuildKit takes them. */
#define SECRET_LIMIT ((size_t)500 << 10)

/* The value of the secret ID in ARENA; *is_given is false when OPTIONS have none of that id. ERROR_INPUT when it is larger
 * than SECRET_LIMIT bytes, ERROR_NOT_FOUND when its file or variable is gone. */
int secret_read(const struct run_options *options, struct str id, struct arena *arena,
                struct str *out, bool *is_given, struct error *error);

#endif
