#include "planner/estimate.h"

#include "planner/content.h"

/* The longest way to the end of a step. */
struct way {
    uint64_t time;
    const struct step *before; /* NULL: it begins here */
    /* To tell ways of the same time apart: a RUN that was never run is likely to outlast what was copied. */
    size_t unknown_runs;
    size_t steps; /* that may run */
};

static bool may_run(const struct step *step) {
    return step->kind != STEP_SOURCE && step->state != STEP_HIT;
}

static bool is_longer(const struct way *a, const struct way *b) {
    return a->time != b->time                   ? a->time > b->time
           : a->unknown_runs != b->unknown_runs ? a->unknown_runs > b->unknown_runs
                                                : a->steps > b->steps;
}

static void extend(struct way *way, const struct way *ways, const struct step *before) {
    if (before && is_longer(&ways[before->id], way)) {
        *way = ways[before->id];
        way->before = before;
    }
}

static void find_critical(struct estimate *out, const struct way *ways, const struct step *last,
                          struct arena *arena) {
    size_t count = ways[last->id].steps;
    out->path = ways[last->id].time;
    out->critical = arena_array(arena, count, sizeof(*out->critical));
    out->critical_count = count;
    for (const struct step *step = last; step && count > 0; step = ways[step->id].before) {
        if (may_run(step)) {
            out->critical[--count] = step;
        }
    }
}

static void count_step(struct estimate *out, const struct step *step) {
    if (!may_run(step)) {
        out->cached += step->state == STEP_HIT;
        return;
    }
    out->to_run += step_shown_state(step) == STEP_MISS;
    out->deferred += step_shown_state(step) == STEP_DEFERRED;
    out->unknown += step->expected == 0;
    for (size_t i = 0; i < step->input_count; i++) {
        out->bytes += step->inputs[i].details ? step->inputs[i].details->bytes : 0;
    }
}

struct estimate estimate_plan(const struct plan *plan, struct arena *arena) {
    struct estimate out = { 0 };
    struct way *ways = arena_array(arena, plan->step_count, sizeof(*ways));
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct step *step = plan->steps[i];
        struct way *way = &ways[i];
        extend(way, ways, step->parent);
        for (size_t j = 0; j < step->input_count; j++) {
            extend(way, ways, step->inputs[j].step);
        }
        if (may_run(step)) {
            way->time += step->expected;
            way->unknown_runs += step->kind == STEP_EXEC && step->expected == 0;
            way->steps++;
            out.work += step->expected;
        }
        if (step->kind != STEP_SOURCE && step->kind != STEP_IMAGE) {
            count_step(&out, step);
        }
    }
    const struct step *last = plan->images.items[0];
    for (size_t i = 1; i < plan->images.count; i++) {
        const struct step *image = plan->images.items[i];
        last = is_longer(&ways[image->id], &ways[last->id]) ? image : last;
    }
    find_critical(&out, ways, last, arena);
    return out;
}
