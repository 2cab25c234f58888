/* lint_from: FROM, with the global arguments; which stage is built on which, and which are needed. */
#include "parser/expand.h"
#include "parser/lint_state.h"

/* A stage built on more others than this is treated as if nothing were known of its base: looking a variable up costs a
 * step for each. */
enum { CHAIN_LENGTH = 100 };

/* Which variables an expansion used. */
struct trace {
    struct lint *lint;
    const struct lint_scope *scope;
    struct str matched; /* one of them */
    size_t matched_count;
    bool is_several;           /* different ones */
    VEC(struct str) unmatched; /* arena */
};

static bool look_up(void *context, struct str name, struct str *value) {
    struct trace *trace = context;
    const struct lint_value *found = map_get(&trace->scope->env, name);
    if (found) {
        trace->is_several = trace->matched_count > 0 && !str_equal(trace->matched, name);
        trace->matched = name;
        trace->matched_count++;
        *value = found->text;
    }
    return found != NULL;
}

static void take_unset(void *context, struct str name) {
    struct trace *trace = context;
    arena_vec_push(trace->lint->arena, &trace->unmatched, name);
}

static bool expand(struct trace *trace, struct ast_word word, struct str *out) {
    _cleanup_error_ struct error error = ERROR_INIT;
    struct lint *lint = trace->lint;
    struct expand_scope rules = { .escape = lint->dockerfile->escape,
                                  .lookup = look_up,
                                  .context = trace,
                                  .on_unset = take_unset };
    if (expand_word(&rules, word.text, lint->arena, out, &error) < 0) {
        lint_fail(lint, word.span, &error);
        return false;
    }
    return true;
}

static void report_undeclared(struct trace *trace, struct span span) {
    struct lint *lint = trace->lint;
    for (size_t i = 0; i < trace->unmatched.count; i++) {
        struct str name = trace->unmatched.items[i];
        if (map_has(&lint->globals.declared, name)) {
            continue;
        }
        struct nearest nearest = { .word = name };
        for (size_t j = 0; j < lint->globals.env.count; j++) {
            lint_consider(&nearest, lint->globals.env.entries[j].key);
        }
        for (size_t j = 0; j < lint->globals.declared.count; j++) {
            lint_consider(&nearest, lint->globals.declared.entries[j].key);
        }
        struct lint_finding *finding = lint_add(lint, LINT_UNDEFINED_ARG_IN_FROM, span,
                                                "FROM argument '%.*s' is not declared%s",
                                                STR_ARG(name), lint_suggestion(lint, &nearest, ""));
        lint_hint(lint, finding, "write `ARG %.*s=VALUE` before the first FROM", STR_ARG(name));
    }
}

/* ---- the platform -------------------------------------------------------------------------------------- */

static bool parse_platform(const struct lint *lint, struct str text, struct lint_platform *out) {
    const struct lint_world *world = &lint->options->world;
    return world->parse_platform && world->parse_platform(world->context, text, out);
}

static void fail_platform(struct lint *lint, struct ast_word word, struct str text) {
    _cleanup_error_ struct error error = ERROR_INIT;
    if (text.len == 0) {
        error_set(&error, ERROR_INPUT, "empty platform value from expression %.*s",
                  STR_ARG(word.text));
        error_hint(&error, "declare the ARG before the first FROM, or give it with --build-arg");
    } else {
        error_set(&error, ERROR_INPUT, "failed to parse platform %.*s", STR_ARG(text));
        error_hint(&error, "write os/architecture[/variant], for example linux/arm64");
    }
    lint_fail(lint, word.span, &error);
}

static void check_constant(struct lint *lint, const struct lint_stage *stage, struct str text) {
    const struct instruction *from = stage->from;
    if (str_find(stage->name, stage->platform.os) != SIZE_MAX ||
        str_find(stage->name, stage->platform.architecture) != SIZE_MAX) {
        return;
    }
    struct lint_finding *finding =
        lint_add(lint, LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED, from->from.platform.span,
                 "FROM --platform flag should not use constant value %s", lint_quote(lint, text));
    lint_hint(lint, finding,
              "use $BUILDPLATFORM or $TARGETPLATFORM, or have %.*s in the name of the stage",
              STR_ARG(stage->platform.architecture));
}

static bool evaluate_platform(struct lint *lint, struct lint_stage *stage) {
    const struct ast_word *word = &stage->from->from.platform;
    struct trace trace = { .lint = lint, .scope = &lint->globals };
    struct str text;
    stage->platform = lint->options->target_platform;
    if (word->text.len == 0) {
        return true;
    }
    if (!expand(&trace, *word, &text)) {
        return false;
    }
    report_undeclared(&trace, word->span);
    const struct lint_value *target = map_get(&lint->globals.env, STR("TARGETPLATFORM"));
    if (trace.matched_count > 0 && !trace.is_several && trace.unmatched.count == 0 &&
        str_equal_c(trace.matched, "TARGETPLATFORM") && target && str_equal(text, target->text)) {
        struct lint_finding *finding =
            lint_add(lint, LINT_REDUNDANT_TARGET_PLATFORM, word->span,
                     "Setting platform to predefined %.*s in FROM is redundant as this is the "
                     "default behavior",
                     STR_ARG(word->text));
        lint_hint(lint, finding, "leave --platform out");
        lint_fix_platform(lint, finding);
    }
    if (!lint->options->world.parse_platform) {
        return true;
    }
    if (!parse_platform(lint, text, &stage->platform)) {
        fail_platform(lint, *word, text);
        return false;
    }
    if (trace.matched_count == 0 && trace.unmatched.count == 0) {
        check_constant(lint, stage, text);
    }
    return true;
}

/* ---- the image ----------------------------------------------------------------------------------------- */

/* With no build arguments, would FROM name an image? DEFAULTS are the global arguments as they are then. */
static void check_default(struct lint *lint, const struct lint_scope *defaults) {
    const struct lint_world *world = &lint->options->world;
    const struct ast_word *word = &lint->instruction->from.image;
    struct trace trace = { .lint = lint, .scope = defaults };
    struct expand_scope rules = { .escape = lint->dockerfile->escape,
                                  .lookup = look_up,
                                  .context = &trace,
                                  .on_unset = take_unset };
    struct str name;
    if (!world->is_reference || expand_word(&rules, word->text, lint->arena, &name, NULL) < 0 ||
        (trace.matched_count == 0 && trace.unmatched.count == 0) ||
        (name.len > 0 && world->is_reference(world->context, name))) {
        return;
    }
    struct lint_finding *finding =
        lint_add(lint, LINT_INVALID_DEFAULT_ARG_IN_FROM, word->span,
                 "Default value for ARG %.*s results in empty or invalid base image name",
                 STR_ARG(word->text));
    lint_hint(lint, finding, "give the ARG a default: ARG NAME=VALUE before the first FROM");
}

static bool evaluate_image(struct lint *lint, struct lint_stage *stage) {
    const struct ast_word *word = &stage->from->from.image;
    struct trace trace = { .lint = lint, .scope = &lint->globals };
    if (!expand(&trace, *word, &stage->image)) {
        return false;
    }
    report_undeclared(&trace, word->span);
    if (stage->image.len == 0) {
        _cleanup_error_ struct error error = ERROR_INIT;
        error_set(&error, ERROR_INPUT, "base name (%.*s) should not be blank", STR_ARG(word->text));
        error_hint(&error, "declare the ARG with a default before the first FROM, or give it with "
                           "--build-arg");
        lint_fail(lint, word->span, &error);
        return false;
    }
    stage->base = map_get(&lint->names, stage->image);
    const struct lint_world *world = &lint->options->world;
    if (!stage->base && world->is_reference && !world->is_reference(world->context, stage->image)) {
        /* No image can be called so: a stage was meant, whose names are lower-case. */
        stage->base = map_get(&lint->names, str_lower(lint->arena, stage->image));
    }
    return true;
}

/* ---- the stages ---------------------------------------------------------------------------------------- */

static void set_automatic(struct lint *lint, struct lint_scope *scope, bool is_default,
                          const char *name, struct str value) {
    const struct lint_variable *given = is_default ? NULL : lint_build_arg(lint, str_of(name));
    lint_set(lint, scope, str_of(name), (struct lint_value){ given ? given->value : value, true });
}

static void set_platform(struct lint *lint, struct lint_scope *scope, bool is_default,
                         const char *prefix, const struct lint_platform *platform) {
    struct arena *arena = lint->arena;
    struct str text =
        str_printf(arena, "%.*s/%.*s%s%.*s", STR_ARG(platform->os), STR_ARG(platform->architecture),
                   platform->variant.len > 0 ? "/" : "", STR_ARG(platform->variant));
    const struct {
        const char *suffix;
        struct str value;
    } parts[] = {
        { "PLATFORM", text },
        { "OS", platform->os },
        { "ARCH", platform->architecture },
        { "VARIANT", platform->variant },
        { "OSVERSION", STR_EMPTY },
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        set_automatic(lint, scope, is_default, arena_printf(arena, "%s%s", prefix, parts[i].suffix),
                      parts[i].value);
    }
}

static void set_automatics(struct lint *lint, struct lint_scope *scope, bool is_default) {
    struct str target = lint->options->target;
    for (size_t i = lint->stage_count; target.len == 0 && i-- > 0;) {
        target = lint->stages[i].name.len > 0 ? lint->stages[i].name : STR("default");
    }
    set_platform(lint, scope, is_default, "BUILD", &lint->options->build_platform);
    set_platform(lint, scope, is_default, "TARGET", &lint->options->target_platform);
    set_automatic(lint, scope, is_default, "TARGETSTAGE", target);
}

static void cut(struct lint *lint) {
    const struct dockerfile *dockerfile = lint->dockerfile;
    size_t count = 0;
    for (size_t i = 0; i < dockerfile->instruction_count; i++) {
        count += dockerfile->instructions[i]->kind == INSTRUCTION_FROM;
    }
    lint->stages = arena_array(lint->arena, count, sizeof(*lint->stages));
    for (size_t i = 0; i < dockerfile->instruction_count; i++) {
        const struct instruction *instruction = dockerfile->instructions[i];
        if (instruction->kind == INSTRUCTION_FROM) {
            struct lint_stage *stage = &lint->stages[lint->stage_count++];
            stage->from = instruction;
            stage->instructions = dockerfile->instructions + i + 1;
            stage->name = instruction->from.name.text;
        } else if (lint->stage_count > 0) {
            lint->stages[lint->stage_count - 1].count++;
        }
    }
}

/* The global ARGs into SCOPE; IS_DEFAULT: as if no build argument were given. */
static void declare_globals(struct lint *lint, struct lint_scope *scope, bool is_default) {
    const struct dockerfile *dockerfile = lint->dockerfile;
    struct lint_options without = *lint->options;
    const struct lint_options *given = lint->options;
    set_automatics(lint, scope, is_default);
    without.build_arg_count = 0;
    lint->options = is_default ? &without : given;
    for (size_t i = 0; i < dockerfile->instruction_count; i++) {
        const struct instruction *instruction = dockerfile->instructions[i];
        if (instruction->kind == INSTRUCTION_FROM) {
            break;
        }
        if (instruction->kind == INSTRUCTION_ARG) {
            lint_enter(lint, instruction);
            lint_declare(lint, scope);
        }
    }
    lint->options = given;
}

/* As they are without build arguments: the same, unless there are some. */
static void check_defaults(struct lint *lint) {
    struct lint_scope globals = lint->globals;
    bool is_other = lint->options->build_arg_count > 0;
    if (is_other) {
        struct error error = lint->report->error;
        lint->globals = (struct lint_scope){ 0 };
        lint->report->error = (struct error)ERROR_INIT;
        declare_globals(lint, &lint->globals, true);
        error_clear(&lint->report->error); /* an argument that must be given is fine when it is */
        lint->report->error = error;
    }
    for (size_t i = 0; i < lint->stage_count; i++) {
        lint_enter(lint, lint->stages[i].from);
        check_default(lint, &lint->globals);
    }
    if (is_other) {
        map_free(&lint->globals.env);
        map_free(&lint->globals.declared);
        lint->globals = globals;
    }
}

const struct lint_stage *lint_find_stage(const struct lint *lint, const struct lint_stage *from,
                                         struct str name, bool is_index_allowed) {
    uint64_t index;
    if (is_index_allowed && str_parse_uint(name, 10, UINT32_MAX, &index)) {
        return index < lint->stage_count ? &lint->stages[index] : NULL;
    }
    const struct lint_stage *last = map_get(&lint->names, str_lower(lint->arena, name));
    for (const struct lint_stage *stage = last; stage; stage = stage->previous) {
        if (stage < from) {
            return stage;
        }
    }
    return last;
}

static void need(struct lint *lint, const struct lint_stage *stage) {
    if (stage) {
        lint->stages[stage - lint->stages].is_needed = true;
    }
}

static void need_sources(struct lint *lint, const struct lint_stage *stage,
                         const struct instruction *instruction) {
    struct ast_origins origins = { .instruction = instruction };
    struct ast_word name;
    while (ast_origins_next(&origins, &name)) {
        need(lint, lint_find_stage(lint, stage, name.text, instruction->kind == INSTRUCTION_COPY));
    }
}

static bool find_needed(struct lint *lint) {
    struct str target = lint->options->target;
    struct lint_stage *last = &lint->stages[lint->stage_count - 1];
    if (target.len > 0) {
        last = map_get(&lint->names, str_lower(lint->arena, target));
    }
    if (!last) {
        _cleanup_error_ struct error error = ERROR_INIT;
        error_set(&error, ERROR_NOT_FOUND, "target stage \"%.*s\" could not be found",
                  STR_ARG(target));
        error_append(&lint->report->error, &error);
        return false;
    }
    for (size_t i = 0; i < lint->stage_count; i++) {
        lint->stages[i].is_needed = lint->options->is_every_stage;
    }
    last->is_needed = true;
    for (size_t i = lint->stage_count; i-- > 0;) { /* stages are built on earlier ones only */
        const struct lint_stage *stage = &lint->stages[i];
        if (stage->is_needed) {
            need(lint, stage->base);
            for (size_t j = 0; j < stage->count; j++) {
                need_sources(lint, stage, stage->instructions[j]);
            }
        }
    }
    return true;
}

bool lint_stages(struct lint *lint) {
    bool is_fine = true;
    cut(lint);
    declare_globals(lint, &lint->globals, false);
    check_defaults(lint);
    for (size_t i = 0; i < lint->stage_count; i++) {
        struct lint_stage *stage = &lint->stages[i];
        lint_enter(lint, stage->from);
        bool has_platform = evaluate_platform(lint, stage);
        is_fine = evaluate_image(lint, stage) && has_platform && is_fine;
        stage->scope.depth = stage->base ? stage->base->scope.depth + 1 : 0;
        if (stage->scope.depth < CHAIN_LENGTH && stage->base) {
            stage->scope.parent = &stage->base->scope;
        } else {
            stage->scope.depth = 0;
        }
        if (stage->name.len > 0) { /* after its own FROM: a stage is not its own base */
            stage->previous = map_get(&lint->names, stage->name);
            map_set(&lint->names, stage->name, stage);
        }
    }
    return find_needed(lint) && is_fine;
}
