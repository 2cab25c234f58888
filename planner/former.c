#include "planner/former.h"

#include "base/map.h"
#include "base/vec.h"

#include <stdlib.h>

struct digest former_place(const struct plan *plan, const struct stage *stage, unsigned number,
                           bool is_image) {
    struct hasher hasher;
    hasher_init(&hasher);
    hasher_update_str(&hasher, STR("bud-place-v2"));
    hasher_update_str(&hasher, stage->label);
    hasher_update_u64(&hasher, stage->twins);
    hasher_update_u64(&hasher, number);
    hasher_update_u64(&hasher, is_image);
    struct digest place = hasher_finish(&hasher);
    memcpy(place.bytes, plan->site.id, sizeof(plan->site.id));
    return place;
}

static struct str real_path(struct plan *plan, const char *path) {
    _cleanup_free_ char *real = path ? realpath(path, NULL) : NULL;
    return str_copy(&plan->arena, str_of(real));
}

/* What was fetched is in another directory every time. */
static void set_site(struct plan *plan, const struct plan_request *request) {
    const char *origin = request->context_origin, *dockerfile = request->dockerfile_path;
    struct cache_site *site = &plan->site;
    site->context =
        origin ? str_copy(&plan->arena, str_of(origin)) : real_path(plan, request->context);
    site->dockerfile = origin ? STR_EMPTY : real_path(plan, dockerfile);
    if (site->dockerfile.len == 0) {
        site->dockerfile = dockerfile ? str_copy(&plan->arena, str_of(dockerfile)) : STR("-");
    }
    struct hasher hasher;
    hasher_init(&hasher);
    hasher_update_str(&hasher, site->context);
    hasher_update_str(&hasher, site->dockerfile);
    struct digest digest = hasher_finish(&hasher);
    memcpy(site->id, digest.bytes, sizeof(site->id));
}

/* A later stage may have the name of an earlier one, or be called as one without a name is. */
static void count_twins(const struct plan *plan) {
    _cleanup_map_ struct map seen = MAP_INIT; /* label -> its last stage */
    for (size_t i = 0; i < plan->stage_count; i++) {
        struct stage *stage = plan->stages[i];
        const struct stage *twin = map_get(&seen, stage->label);
        if (twin) { /* of another platform it is the same stage */
            stage->twins = twin->twins + (twin->index != stage->index);
        }
        map_set(&seen, stage->label, stage);
    }
}

void former_set_places(struct plan *plan, const struct plan_request *request) {
    set_site(plan, request);
    count_twins(plan);
    for (size_t i = 0; i < plan->step_count; i++) {
        struct step *step = plan->steps[i];
        step->place = former_place(plan, step->stage, step->number, step->kind == STEP_IMAGE);
    }
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
