#include "planner/plan.h"

#include <stdlib.h>
#include <unistd.h>

void plan_free(struct plan *plan) {
    if (!plan) {
        return;
    }
    if (plan->context.fd >= 0) {
        close(plan->context.fd);
    }
    arena_free(&plan->arena);
    free(plan);
}
