#include "planner/former.h"

#include "base/vec.h"

#include <stdlib.h>

struct digest former_place(const struct plan *plan, const struct stage *stage, unsigned number,
                           bool is_image) {
    struct hasher hasher = plan->site;
    hasher_update_str(&hasher, stage->label);
    hasher_update_u64(&hasher, number);
    hasher_update_u64(&hasher, is_image);
    return hasher_finish(&hasher);
}

void former_set_places(struct plan *plan, const struct plan_request *request) {
    const char *context = request->context, *origin = request->context_origin;
    const char *dockerfile = request->dockerfile_path;
    /* What was fetched is in another directory every time. */
    char *directory = origin ? xstrdup(origin) : context ? realpath(context, NULL) : NULL;
    char *file = dockerfile && !origin ? realpath(dockerfile, NULL) : NULL;
    hasher_init(&plan->site);
    hasher_update_str(&plan->site, STR("bud-place-v1"));
    hasher_update_str(&plan->site, str_of(directory));
    hasher_update_str(&plan->site, dockerfile ? str_of(file ? file : dockerfile) : STR("-"));
    for (size_t i = 0; i < plan->step_count; i++) {
        struct step *step = plan->steps[i];
        step->place = former_place(plan, step->stage, step->number, step->kind == STEP_IMAGE);
    }
    free(directory);
    free(file);
}

static const struct digest nothing;

struct place_list {
    struct cache_place *items;
    size_t count;
    size_t capacity;
};

/* Where STAGE may have had records of its own once: a step that is another stage's now, or an image, or behind the end. */
static void add_left(const struct plan *plan, const struct stage *stage, struct cache *cache,
                     struct arena *arena, struct place_list *list) {
    struct digest key;
    struct cache_place left = { .key = &nothing };
    unsigned number = 0;
    for (size_t i = 0; i < stage->lines.count; i++) {
        const struct step *step = stage->lines.items[i].step;
        number += step != NULL;
        if (step && (step->stage != stage || step->kind == STEP_SOURCE)) {
            left.place = former_place(plan, stage, number, false);
            arena_vec_push(arena, list, left);
        }
    }
    left.key = NULL;
    while (left.place = former_place(plan, stage, ++number, false),
           cache_last_at(cache, &left.place, &key)) {
        arena_vec_push(arena, list, left);
    }
}

static size_t list_places(const struct plan *plan, bool is_begun, struct cache *cache,
                          struct arena *arena, struct cache_place **places) {
    struct place_list list = { 0 };
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct step *step = plan->steps[i];
        struct cache_place place = { step->place, &nothing };
        if (step->state == STEP_HIT) {
            place.key = &step->key;
        } else if (step->former_kind == FORMER_KEY) {
            place.key = &step->former;
        }
        if (step->kind != STEP_SOURCE && (step->state == STEP_HIT || !is_begun)) {
            arena_vec_push(arena, &list, place);
        }
    }
    for (size_t i = 0; i < plan->stage_count; i++) {
        add_left(plan, plan->stages[i], cache, arena, &list);
    }
    *places = list.items;
    return list.count;
}

size_t former_places(const struct plan *plan, struct cache *cache, struct arena *arena,
                     struct cache_place **places) {
    return list_places(plan, false, cache, arena, places);
}

size_t former_found(const struct plan *plan, struct cache *cache, struct arena *arena,
                    struct cache_place **places) {
    return list_places(plan, true, cache, arena, places);
}
