#include "executor/outcome.h"

#include "base/vec.h"

#include <stdlib.h>

int outcomes_new(const struct store *store, const struct plan *plan, struct arena *arena,
                 struct outcomes *out, struct error *error) {
    *out = (struct outcomes){ .arena = arena, .store = store, .plan = plan };
    out->items = arena_array(arena, plan->step_count, sizeof(struct outcome));
    return layer_list_read(store, arena, &out->layers, error);
}

static int locate_source(struct outcomes *outcomes, const struct step *step, struct error *error) {
    struct outcome *outcome = &outcomes->items[step->id];
    const char *layer = step->source.layer;
    if (layer != NULL && layer_find(&outcomes->layers, str_of(layer)) == NULL) {
        return error_set(error, ERROR_CHANGED, "image %.*s was removed while it was being used",
                         STR_ARG(step->source.name));
    }
    *outcome = (struct outcome){ .is_ready = true, .layer = layer, .result = step->source.image };
    return 0;
}

const char *outcomes_merged(struct outcomes *outcomes, const struct step *step, const char *own) {
    if (!step_is_independent(step)) {
        return own;
    }
    struct str below = outcomes_result(outcomes, step->parent);
    return plan_merged_result(outcomes->arena, str_of(own), below).data;
}

int outcomes_locate(struct outcomes *outcomes, struct cache *cache, struct error *error) {
    const struct plan *plan = outcomes->plan;
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct step *step = plan->steps[i];
        if (!step->is_needed) {
            continue;
        }
        if (step->kind == STEP_SOURCE) {
            if (locate_source(outcomes, step, error) < 0) {
                return -1;
            }
        } else if (step->kind != STEP_IMAGE && step->state == STEP_HIT &&
                   (step->parent == NULL || outcomes->items[step->parent->id].is_ready)) {
            struct outcome *outcome = &outcomes->items[i];
            outcome->snapshot = str_dup(outcomes->arena, step->record.result);
            outcome->result = outcomes_merged(outcomes, step, outcome->snapshot);
            outcome->created = step->record.created;
            if (snapshot_locate(outcomes->store, cache, outcome->snapshot, outcomes->arena,
                                &outcome->path, &outcome->layer, error) < 0) {
                return -1;
            }
            outcome->is_ready = true;
        }
    }
    return 0;
}

struct stack {
    const char **items; /* top first */
    size_t count, capacity;
};

/* A result of COPY --link may be in the base image already. Overlay takes no directory twice, and what the upper one shows
 * the lower one cannot change. */
static void push(struct stack *stack, struct arena *arena, const char *directory) {
    for (size_t i = 0; i < stack->count; i++) {
        if (strcmp(stack->items[i], directory) == 0) {
            return;
        }
    }
    arena_vec_push(arena, stack, directory);
}

static int push_source(const struct outcomes *outcomes, const char *top, struct arena *arena,
                       struct stack *stack, struct error *error) {
    const struct layer **chain = NULL;
    size_t chain_count = 0;
    if (layer_chain(&outcomes->layers, str_of(top), arena, &chain, &chain_count, error) < 0) {
        return -1;
    }
    /* A vfs layer is a whole tree: the top one is all there is to mount. */
    if (outcomes->store->driver == STORE_VFS && chain_count > 1) {
        chain_count = 1;
    }
    for (size_t i = 0; i < chain_count; i++) {
        push(stack, arena, chain[i]->path);
    }
    return 0;
}

int outcomes_stack(const struct outcomes *outcomes, const struct step *step, struct arena *arena,
                   const char ***directories, size_t *count, struct error *error) {
    struct stack stack = { 0 };
    for (; step != NULL; step = step->parent) {
        const struct outcome *outcome = &outcomes->items[step->id];
        if (step->kind == STEP_SOURCE) {
            if (step->source.layer != NULL &&
                push_source(outcomes, step->source.layer, arena, &stack, error) < 0) {
                return -1;
            }
            break;
        }
        push(&stack, arena, outcome->path);
        if (outcome->layer != NULL && outcomes->store->driver == STORE_VFS) {
            break;
        }
    }
    *directories = stack.items;
    *count = stack.count;
    return 0;
}

int outcomes_root(const struct outcomes *outcomes, const struct step *step, struct arena *arena,
                  const char **directory, struct error *error) {
    const struct layer **chain = NULL;
    size_t count = 0;
    *directory = NULL;
    while (step != NULL && step_is_independent(step)) {
        step = step->parent;
    }
    if (step == NULL || (step->kind == STEP_SOURCE && step->source.layer == NULL)) {
        return 0;
    }
    if (step->kind != STEP_SOURCE) {
        *directory = outcomes->items[step->id].path;
        return 0;
    }
    if (layer_chain(&outcomes->layers, str_of(step->source.layer), arena, &chain, &count, error) <
        0) {
        return -1;
    }
    *directory = chain[0]->path;
    return 0;
}

size_t outcomes_tops(const struct outcomes *outcomes, struct arena *arena, const char ***layers,
                     const char ***images) {
    const struct plan *plan = outcomes->plan;
    bool *is_below = arena_array(arena, plan->step_count, sizeof(bool));
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct step *step = plan->steps[i];
        if (outcomes->items[i].layer != NULL && step->parent != NULL &&
            !step_is_independent(step)) {
            is_below[step->parent->id] = true;
        }
    }
    *layers = arena_array(arena, plan->step_count, sizeof(char *));
    *images = arena_array(arena, plan->step_count, sizeof(char *));
    size_t count = 0;
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct outcome *outcome = &outcomes->items[i];
        if (outcome->layer != NULL && !is_below[i]) {
            (*layers)[count] = outcome->layer;
            (*images)[count] =
                plan->steps[i]->kind == STEP_SOURCE ? plan->steps[i]->source.image : "";
            count++;
        }
    }
    return count;
}

struct str outcomes_result(const struct outcomes *outcomes, const struct step *step) {
    return step == NULL ? STR_EMPTY : str_of(outcomes->items[step->id].result);
}
