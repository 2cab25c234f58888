/* explain_files: what two records say of files, made comparable. Internal to this folder. */
#ifndef BUD_PLANNER_EXPLAIN_FILES_H
#define BUD_PLANNER_EXPLAIN_FILES_H

#include "planner/plan.h"
#include "planner/recipe.h"

/* The ingredients of OLD and of STEP (files included) in ARENA. Where one has its files one by one and the other by directory,
 * both are by directory; the value is empty where that is not known. */
void explain_files_align(const struct cache_record *old, const struct step *step,
                         struct arena *arena, struct ingredient_list *before,
                         struct ingredient_list *now);

#endif
