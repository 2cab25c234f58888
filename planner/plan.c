#include "planner/plan.h"

#include <stdlib.h>
#include <unistd.h>

void plan_free(struct plan *plan) {
    if (!plan) {
        return;
    }
    for (size_t i = 0; i < plan->contexts.count; i++) {
        close(plan->contexts.items[i]->fd);
    }
    arena_free(&plan->arena);
    free(plan);
}

struct str plan_merged_result(struct arena *arena, struct str own, struct str below) {
    return below.len > 0 ? str_printf(arena, "%.*s+%.*s", STR_ARG(own), STR_ARG(below)) : own;
}
