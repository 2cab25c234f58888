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

/* Triggers stand where the FROM is that runs them. */
bool step_is_trigger(const struct step *step) {
    return step->instruction && step->stage && step->instruction->kind != INSTRUCTION_FROM &&
           step->instruction->span.start == step->stage->span.start;
}

int step_tell_trigger(const struct step *step, struct error *error) {
    return error && error->code != ERROR_INTERRUPTED && step_is_trigger(step)
               ? error_wrap(error, "%.*s of the %.*s", STR_ARG(step->text),
                            STR_ARG(step->stage->base))
               : -1;
}

struct str plan_merged_result(struct arena *arena, struct str own, struct str below) {
    return below.len > 0 ? str_printf(arena, "%.*s+%.*s", STR_ARG(own), STR_ARG(below)) : own;
}
