#include "planner/merge.h"

#include "base/map.h"
#include "planner/recipe.h"

#include <stdlib.h>

static struct str digest_str(struct arena *arena, const struct digest *digest) {
    return str_copy(arena, str_make((const char *)digest->bytes, sizeof(digest->bytes)));
}

/* One walk serves all that select the same: `COPY . .` of three stages. */
static int read_contexts(struct lookup *lookup, struct plan *plan, struct arena *scratch,
                         struct map *known, const struct step **failed, struct error *error) {
    for (size_t i = 0; i < plan->step_count; i++) {
        struct step *step = plan->steps[i];
        for (size_t j = 0; j < step->input_count; j++) {
            struct step_input *input = &step->inputs[j];
            if (!input->context || !input->selection) {
                continue;
            }
            /* Not by its identity: the same directory may be there twice, with other ignore rules. */
            struct str tree = str_make((const char *)&input->context, sizeof(input->context));
            struct digest id = lookup_input_id(input, tree);
            const struct step_input *same = map_get(known, digest_str(scratch, &id));
            if (same) {
                input->details = same->details;
                input->content = same->content;
                input->has_content = true;
            } else if (lookup_read_context(lookup, input, error)) {
                *failed = step;
                return -1;
            } else {
                map_set(known, digest_str(scratch, &id), input);
            }
        }
    }
    return 0;
}

static struct str root_hex(struct arena *arena, const struct step *step) {
    struct digest root = recipe_root(step);
    return str_of(arena_strdup(arena, digest_hex(&root).text));
}

/* What STEP is apart from results: its key, with other steps standing for what they will hold. */
static struct digest definition(const struct plan *plan, struct step *step) {
    _cleanup_arena_ struct arena scratch = ARENA_INIT;
    for (size_t i = 0; i < step->input_count; i++) {
        struct step_input *input = &step->inputs[i];
        if (!input->context && input->selection) {
            struct str origin = input->step ? root_hex(&scratch, input->step) : STR("scratch");
            input->content = lookup_input_id(input, origin);
        }
    }
    recipe_make(plan, step, &scratch);
    step->has_key = false;
    step->ingredients = NULL;
    step->ingredient_count = 0;
    return step->root; /* the same on something else is not the same step */
}

static const struct step *moved(struct step *const *to, const struct step *step) {
    return step ? to[step->id] : NULL;
}

static void move_history(struct step *const *to, struct image_config *config) {
    for (size_t i = 0; i < config->history_count; i++) {
        config->history[i].step = moved(to, config->history[i].step);
    }
}

static void move_stage(struct step *const *to, struct stage *stage) {
    stage->last = moved(to, stage->last);
    for (size_t i = 0; i < stage->lines.count; i++) {
        stage->lines.items[i].step = moved(to, stage->lines.items[i].step);
    }
    move_history(to, &stage->config);
}

static void merge(struct plan *plan, struct step **to, struct arena *scratch, struct map *seen) {
    size_t count = 0;
    for (size_t i = 0; i < plan->step_count; i++) {
        struct step *step = plan->steps[i];
        step->parent = moved(to, step->parent);
        for (size_t j = 0; j < step->input_count; j++) {
            step->inputs[j].step = moved(to, step->inputs[j].step);
        }
        struct digest digest = definition(plan, step);
        struct str key = digest_str(scratch, &digest);
        struct step *same = map_get(seen, key);
        to[i] = same ? same : step;
        to[i]->is_cache_unused |= step->is_cache_unused;
        if (!same) {
            map_set(seen, key, step);
            plan->steps[count++] = step;
        }
    }
    for (size_t i = 0; i < plan->stage_count; i++) {
        move_stage(to, plan->stages[i]);
    }
    for (size_t i = 0; i < plan->images.count; i++) {
        struct step **image = &plan->images.items[i]; /* two platforms may come to the same */
        *image = to[(*image)->id];
        move_history(to, &(*image)->image.config);
    }
    plan->image = plan->images.items[plan->images.count - 1];
    plan->step_count = count; /* ids index `to` until here */
    for (size_t i = 0; i < count; i++) {
        plan->steps[i]->id = (unsigned)i;
        plan->steps[i]->has_root = false; /* it was that of stand-ins */
    }
}

int merge_steps(struct lookup *lookup, struct plan *plan, const struct step **failed,
                struct error *error) {
    _cleanup_arena_ struct arena scratch = ARENA_INIT;
    _cleanup_map_ struct map known = MAP_INIT;
    _cleanup_map_ struct map seen = MAP_INIT;
    if (read_contexts(lookup, plan, &scratch, &known, failed, error)) {
        return -1;
    }
    struct step **to = arena_array(&scratch, plan->step_count, sizeof(*to));
    merge(plan, to, &scratch, &seen);
    return 0;
}
