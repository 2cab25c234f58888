#include "cli/build_lint.h"

#include "base/log.h"
#include "cli/check.h"

struct build_world {
    const struct plan *plan;
    struct arena *arena;
};

static const struct lint_base *find_base(void *context, struct str name) {
    const struct build_world *world = context;
    for (size_t i = 0; i < world->plan->bases.count; i++) {
        const struct plan_base *base = &world->plan->bases.items[i];
        if (str_equal(base->name, name)) {
            struct lint_base *found = arena_new(world->arena, struct lint_base);
            check_base_of(base->config, world->arena, found);
            if (base->is_listed) { /* for every platform the list has another one */
                found->platform = (struct lint_platform){ 0 };
            }
            return found;
        }
    }
    return NULL;
}

static bool is_reference(void *context, struct str text) {
    const struct build_world *world = context;
    return check_is_reference(world->arena, text);
}

static bool parse_platform(void *context, struct str text, struct lint_platform *out) {
    const struct build_world *world = context;
    return check_parse_platform(world->arena, text, out);
}

int build_lint_run(struct build_lint *lint, const struct plan_request *request,
                   const struct plan *plan, struct error *error) {
    struct build_world world = { plan, &lint->arena };
    struct lint_options options = {
        .world = { .context = &world,
                   .base = find_base,
                   .is_reference = is_reference,
                   .parse_platform = parse_platform },
    };
    check_options_of(request, &lint->arena, &options);
    const char *name = request->context_origin ? request->context_origin : request->context;
    for (size_t i = 0; i < plan->contexts.count; i++) {
        const struct tree *tree = plan->contexts.items[i];
        if (name && strcmp(tree->name, name) == 0) {
            options.ignore = tree->ignore;
            options.ignore_name = tree->ignore_name;
            break;
        }
    }
    lint_run(request->dockerfile, &options, &lint->arena, &lint->report);
    if (lint->report.error.code != ERROR_NONE) {
        /* Only a wrong `check` directive gets here: the planner has evaluated everything else. */
        *error = lint->report.error;
        lint->report.error = (struct error)ERROR_INIT;
        return -1;
    }
    return lint_check_fatal(&lint->report, error);
}

void build_lint_tell(const struct build_lint *lint) {
    for (size_t i = 0; i < lint->report.count; i++) {
        const struct lint_finding *finding = &lint->report.findings[i];
        log_warn("%s: %.*s (line %u)", lint_rules[finding->rule].name, STR_ARG(finding->message),
                 finding->line);
    }
}

void build_lint_free(struct build_lint *lint) {
    error_clear(&lint->report.error);
    arena_free(&lint->arena);
}
