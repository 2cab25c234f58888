/* merge: steps that do the same on the same become one. Internal to this folder.
 *
 * Two stages that begin alike (FROM base, RUN apt-get …) share those steps, as vertices of LLB do. It is more than a saving:
 * two results of one key would fight for its record. */
#ifndef BUD_PLANNER_MERGE_H
#define BUD_PLANNER_MERGE_H

#include "planner/lookup.h"

/* Reads what the steps take of the context, then merges and renumbers. A step belongs to the stage that had it first; the
 * lines of the others point at it. Errors of files have the step in *FAILED. */
int merge_steps(struct lookup *lookup, struct plan *plan, const struct step **failed,
                struct error *error);

#endif
