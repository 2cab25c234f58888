/* Secrets that RUNs want and --secret does not give, and the other way round: told when the plan is made, before anything runs. */
#include "planner/planning.h"

#include "base/map.h"
#include "base/vec.h"

#include <stdlib.h>

static bool is_secret(const struct mount_plan *mount) {
    return mount->type == MOUNT_SECRET && !mount->is_host;
}

static bool is_given(const struct planning *planning, struct str id) {
    const struct run_options *run = &planning->request->run;
    for (size_t i = 0; i < run->secret_count; i++) {
        if (str_equal(run->secrets[i].id, id)) {
            return true;
        }
    }
    return false;
}

static void warn_missing_of(struct planning *planning, const struct step *step, struct map *told) {
    bool is_certain = step_shown_state(step) == STEP_MISS;
    for (size_t i = 0; i < step->exec.mount_count; i++) {
        const struct mount_plan *mount = &step->exec.mounts[i];
        if (!is_secret(mount) || !mount->is_required || is_given(planning, mount->id) ||
            !map_set(told, mount->id, planning)) {
            continue;
        }
        planning_warn(planning,
                      "the secret %.*s is required and not given: RUN at %s:%u %s; give it with "
                      "--secret id=%.*s,src=FILE",
                      STR_ARG(mount->id), planning->plan->dockerfile->name, step->instruction->line,
                      is_certain ? "will fail" : "fails if it has to run", STR_ARG(mount->id));
    }
}

/* Once for each secret, of the first RUN that runs or, when none is sure to, that may. */
static void warn_missing(struct planning *planning) {
    static const enum step_state states[] = { STEP_MISS, STEP_DEFERRED };
    _cleanup_map_ struct map told = MAP_INIT;
    for (size_t s = 0; s < sizeof(states) / sizeof(states[0]); s++) {
        for (size_t i = 0; i < planning->plan->step_count; i++) {
            const struct step *step = planning->plan->steps[i];
            if (step->kind == STEP_EXEC && step_shown_state(step) == states[s]) {
                warn_missing_of(planning, step, &told);
            }
        }
    }
}

static void warn_unused(struct planning *planning) {
    const struct run_options *run = &planning->request->run;
    const struct plan *plan = planning->plan;
    _cleanup_map_ struct map wanted = MAP_INIT;
    VEC(const char *) names = VEC_INIT;
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct step *step = plan->steps[i];
        for (size_t j = 0; step->kind == STEP_EXEC && j < step->exec.mount_count; j++) {
            struct str id = step->exec.mounts[j].id;
            if (is_secret(&step->exec.mounts[j]) && map_set(&wanted, id, planning) &&
                !is_given(planning, id)) {
                vec_push(&names, str_dup(planning->arena, id));
            }
        }
    }
    for (size_t i = 0; i < run->secret_count; i++) {
        struct str id = run->secrets[i].id;
        if (!map_has(&wanted, id)) {
            const char *nearest = str_nearest(id, names.items, names.count);
            planning_warn(planning,
                          "the secret %.*s is not used: no RUN of the target asks for it%s%s%s",
                          STR_ARG(id), nearest ? " (did you mean " : "", nearest ? nearest : "",
                          nearest ? "?)" : "");
        }
    }
    vec_free(&names);
}

void secrets_warn(struct planning *planning) {
    warn_missing(planning);
    if (planning->request->run.secret_count > 0) {
        warn_unused(planning);
    }
}
