/* recipe: the ingredients of a step in canonical order, and the key they make. Internal to this folder.
 *
 * docs/plan.md lists the ingredients of every kind of step. */
#ifndef BUD_PLANNER_RECIPE_H
#define BUD_PLANNER_RECIPE_H

#include "planner/plan.h"

/* Fills step->ingredients and step->key. Parent and inputs must be known: their keys, the content of the latter. */
void recipe_make(const struct plan *plan, struct step *step, struct arena *arena);
/* Adds what explains a later miss: the files the step reads, one by one, or by directory when they are very many. They are
 * covered by the content and do not change the key. */
void recipe_add_files(struct step *step, struct arena *arena);

#endif
