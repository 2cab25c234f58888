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
