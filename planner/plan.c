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
    struct hasher hasher;
    hasher_init(&hasher);
    hasher_update_str(&hasher, STR("bud-merge-v1"));
    hasher_update_str(&hasher, own);
    hasher_update_str(&hasher, below);
    struct digest digest = hasher_finish(&hasher);
    return str_of(arena_strdup(arena, digest_hex(&digest).text));
}
