/* diff: what a rewrite would change, as `diff -u` prints it. */
#ifndef BUD_CLI_DIFF_H
#define BUD_CLI_DIFF_H

#include "base/str.h"

/* Appends the difference from BEFORE to AFTER, three lines of context, under the name NAME; nothing when they are the same.
 * It is the shortest one unless the changed part is very long. */
void diff_print(struct buf *out, const char *name, struct str before, struct str after,
                bool is_coloured);

#endif
