/* lint_stage: the needed stages one by one, each beginning with what its base hands down. */
#include "parser/lint_state.h"
#include "parser/parser.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static struct str format_platform(const struct lint *lint, const struct lint_platform *platform) {
    return str_printf(lint->arena, "%.*s/%.*s%s%.*s", STR_ARG(platform->os),
                      STR_ARG(platform->architecture), platform->variant.len > 0 ? "/" : "",
                      STR_ARG(platform->variant));
}

static void check_platform(struct lint *lint, const struct lint_base *base) {
    const struct lint_platform *actual = &base->platform, *expected = &lint->stage->platform;
    bool is_silent = actual->architecture.len == 0; /* it says nothing of a platform */
    if (is_silent || (str_equal(actual->os, expected->os) &&
                      str_equal(actual->architecture, expected->architecture))) {
        return;
    }
    struct lint_finding *finding =
        lint_add(lint, LINT_INVALID_BASE_IMAGE_PLATFORM, lint->instruction->from.image.span,
                 "Base image %.*s was pulled with platform %s, expected %s for current build",
                 STR_ARG(lint->stage->image), lint_quote(lint, format_platform(lint, actual)),
                 lint_quote(lint, format_platform(lint, expected)));
    lint_hint(lint, finding, "fetch the image for %.*s, or name its platform with --platform",
              STR_ARG(format_platform(lint, expected)));
}

/* ---- triggers ------------------------------------------------------------------------------------------ */

/* They run at FROM, with the default escape. One that does not parse fails the build there, not here. */
static void run_trigger(struct lint *lint, struct str text) {
    struct dockerfile *parsed;
    if (parser_parse_trigger(text, "ONBUILD", lint->arena, &parsed, NULL) < 0) {
        return;
    }
    lint->escape = '\\';
    lint->instruction = parsed->instructions[0];
    lint_instruction(lint);
    lint->instruction = lint->place;
    lint->escape = lint->dockerfile->escape;
}

static void run_triggers(struct lint *lint, const struct lint_base *base) {
    const struct lint_stage *parent = lint->stage->base;
    for (size_t i = 0; base && i < base->trigger_count; i++) {
        run_trigger(lint, base->triggers[i]);
    }
    for (size_t i = 0; parent && i < parent->count; i++) {
        if (parent->instructions[i]->kind == INSTRUCTION_ONBUILD) {
            run_trigger(lint, parent->instructions[i]->onbuild.text);
        }
    }
}

/* ---- a stage ------------------------------------------------------------------------------------------- */

static bool has_variable(const struct lint_base *base, const char *name) {
    for (size_t i = 0; i < base->env_count; i++) {
        if (str_equal_c(base->env[i].name, name)) {
            return true;
        }
    }
    return false;
}

static const struct lint_base *find_base(struct lint *lint) {
    const struct lint_world *world = &lint->options->world;
    return world->base ? world->base(world->context, lint->stage->image) : NULL;
}

/* Returns the image the stage is built on, if it is known. */
static const struct lint_base *begin(struct lint *lint) {
    struct lint_stage *stage = lint->stage;
    struct lint_scope *scope = &stage->scope;
    const struct lint_scope *parent = stage->base ? &stage->base->scope : NULL;
    bool is_scratch = !stage->base && str_equal_c(stage->image, "scratch");
    if (parent) {
        scope->is_unknown = !scope->parent; /* the chain is too long to be followed */
        scope->has_shell = parent->has_shell;
        scope->has_workdir = parent->has_workdir;
        scope->has_entrypoint = parent->has_entrypoint;
        return NULL;
    }
    if (!is_scratch) {
        scope->base = find_base(lint);
        scope->is_unknown = !scope->base;
    }
    if (scope->base) {
        scope->has_shell = scope->base->has_shell;
        scope->has_entrypoint = scope->base->has_entrypoint;
        check_platform(lint, scope->base);
    }
    if (is_scratch || (scope->base && !has_variable(scope->base, "PATH"))) {
        lint_set(lint, scope, STR("PATH"), (struct lint_value){ STR(DEFAULT_PATH), true });
    }
    return scope->base;
}

void lint_evaluate(struct lint *lint) {
    for (size_t i = 0; i < lint->stage_count; i++) {
        struct lint_stage *stage = &lint->stages[i];
        if (!stage->is_needed) {
            continue;
        }
        lint->stage = stage;
        lint_enter(lint, stage->from);
        run_triggers(lint, begin(lint));
        for (size_t j = 0; j < stage->count; j++) {
            lint_enter(lint, stage->instructions[j]);
            lint_instruction(lint);
            lint_own(lint);
        }
    }
    lint->stage = NULL;
}
