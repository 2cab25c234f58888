#include "planner/planning.h"

#include "base/vec.h"

#include <stdlib.h>

void arguments_given(const struct name_values *given, struct arena *arena,
                     struct name_values *out) {
    for (size_t i = 0; i < given->count; i++) {
        struct str value = given->items[i].value;
        if (!value.data) {
            const char *text = getenv(str_dup(arena, given->items[i].name));
            if (!text) {
                continue;
            }
            value = str_of(arena_strdup(arena, text));
        }
        name_values_set(out, arena, given->items[i].name, value);
    }
}

static void add_platform(const char *prefix, const struct platform *platform, struct arena *arena,
                         struct name_values *out) {
    const struct {
        const char *suffix;
        struct str value;
    } parts[] = {
        { "PLATFORM", platform_format(platform, arena) },
        { "OS", platform->os },
        { "ARCH", platform->architecture },
        { "VARIANT", platform->variant },
        { "OSVERSION", STR_EMPTY },
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        name_values_set(out, arena, str_printf(arena, "%s%s", prefix, parts[i].suffix),
                        parts[i].value);
    }
}

/* The target's name, before the target is looked for. */
static struct str target_stage(const struct dockerfile *dockerfile, const char *target) {
    if (target) {
        return str_of(target);
    }
    for (size_t i = dockerfile->instruction_count; i-- > 0;) {
        const struct instruction *instruction = dockerfile->instructions[i];
        if (instruction->kind == INSTRUCTION_FROM) {
            return instruction->from.name.text.len > 0 ? instruction->from.name.text
                                                       : STR("default");
        }
    }
    return STR("default");
}

void arguments_automatic(const struct dockerfile *dockerfile, const char *target,
                         const struct platform *platform, struct arena *arena,
                         struct name_values *out) {
    struct platform host = platform_host();
    add_platform("BUILD", &host, arena, out);
    add_platform("TARGET", platform, arena, out);
    name_values_set(out, arena, STR("TARGETSTAGE"), target_stage(dockerfile, target));
}

static void set_automatic(struct planning *planning) {
    const struct plan_request *request = planning->request;
    struct name_values automatic = { 0 };
    arguments_automatic(request->dockerfile, request->target, &planning->platform, planning->arena,
                        &automatic);
    for (size_t i = 0; i < automatic.count; i++) {
        const struct name_value *item = &automatic.items[i];
        const struct str *given = name_values_get(&planning->build_args, item->name);
        scope_set(&planning->globals, item->name, given ? *given : item->value);
    }
}

/* SOURCE_DATE_EPOCH: whole seconds. */
static int read_epoch(struct planning *planning, struct str text, struct span span,
                      struct error *error) {
    uint64_t seconds;
    if (!str_parse_uint(text, 10, INT64_MAX / 1000000000, &seconds)) {
        error_set(error, ERROR_INPUT, "invalid SOURCE_DATE_EPOCH: %.*s", STR_ARG(text));
        error_hint(error,
                   "give the seconds since 1970, for example from `git log -1 --format=%%ct`");
        return span.end > 0 ? planning_error_at(planning, span, error) : -1;
    }
    planning->plan->has_timestamp = true;
    planning->plan->timestamp = (int64_t)seconds * 1000000000;
    return 0;
}

int arguments_read(struct planning *planning, struct error *error) {
    const struct str *hostname =
        name_values_get(&planning->build_args, STR("BUILDKIT_SANDBOX_HOSTNAME"));
    if (hostname && hostname->len > 0) {
        planning->plan->run.hostname = *hostname;
    }
    planning->globals = (struct scope){ .arena = planning->arena };
    set_automatic(planning);

    const struct dockerfile *dockerfile = planning->request->dockerfile;
    bool is_timestamp_given = planning->request->has_timestamp;
    const struct str *epoch = name_values_get(&planning->build_args, STR("SOURCE_DATE_EPOCH"));
    if (!is_timestamp_given && epoch && epoch->len > 0) {
        if (read_epoch(planning, *epoch, (struct span){ 0, 0 }, error)) {
            return -1;
        }
        is_timestamp_given = true;
    }
    for (size_t i = 0; i < dockerfile->instruction_count; i++) {
        const struct instruction *instruction = dockerfile->instructions[i];
        if (instruction->kind == INSTRUCTION_FROM) {
            break;
        }
        if (instruction->kind == INSTRUCTION_ARG &&
            arguments_declare(planning, &planning->globals, true, instruction, dockerfile->escape,
                              NULL, NULL, error)) {
            return -1;
        }
        const struct str *value = scope_get(&planning->globals, STR("SOURCE_DATE_EPOCH"));
        if (!is_timestamp_given && value && value->len > 0 &&
            read_epoch(planning, *value, instruction->span, error)) {
            return -1;
        }
    }
    return 0;
}

/* What ARG gives NAME: the build argument, the default, the global value, in this order; NULL: nothing. */
static int argument_value(struct planning *planning, struct scope *scope, bool is_global,
                          const struct ast_pair *pair, char escape, const struct str **out,
                          struct error *error) {
    struct str name = pair->key.text;
    *out = name_values_get(&planning->build_args, name);
    if (*out) {
        return 0;
    }
    if (pair->has_value) {
        struct str *value = arena_new(planning->arena, struct str);
        *out = value;
        return scope_expand(scope, escape, pair->value.text, value, error);
    }
    if (!is_global) {
        *out = scope_get(&planning->globals, name);
    }
    return 0;
}

int arguments_declare(struct planning *planning, struct scope *scope, bool is_global,
                      const struct instruction *instruction, char escape, struct name_values *set,
                      const struct span *place, struct error *error) {
    for (size_t i = 0; i < instruction->pair_count; i++) {
        const struct ast_pair *pair = &instruction->pairs[i];
        const struct str *value;
        if (argument_value(planning, scope, is_global, pair, escape, &value, error)) {
            return planning_error_at(planning, place ? *place : pair->value.span, error);
        }
        struct span span = place ? *place : pair->key.span;
        scope_declare(scope, pair->key.text, value);
        if (planning_check_count(planning, "arguments", scope->args.count, span, error) ||
            planning_check_size(planning, span, error)) {
            return -1;
        }
        if (set) {
            struct name_value entry = { pair->key.text, value ? *value : (struct str){ NULL, 0 } };
            arena_vec_push(planning->arena, set, entry);
        }
    }
    return 0;
}

/* Declared anywhere, also in stages that are not built: the person meant something that exists. */
static bool is_declared_in(struct instruction *const *instructions, size_t count, struct str name) {
    for (size_t i = 0; i < count; i++) {
        const struct instruction *instruction = instructions[i];
        if (instruction->kind == INSTRUCTION_ONBUILD && instruction->onbuild.trigger) {
            instruction = instruction->onbuild.trigger;
        }
        if (instruction->kind != INSTRUCTION_ARG) {
            continue;
        }
        for (size_t j = 0; j < instruction->pair_count; j++) {
            if (str_equal(instruction->pairs[j].key.text, name)) {
                return true;
            }
        }
    }
    return false;
}

static bool is_used(const struct planning *planning, struct str name) {
    const struct dockerfile *dockerfile = planning->request->dockerfile;
    if (scope_is_proxy(name) || scope_is_builder_argument(name) ||
        is_declared_in(dockerfile->instructions, dockerfile->instruction_count, name)) {
        return true;
    }
    if (scope_get(&planning->globals, name)) { /* an automatic one, overridden */
        return true;
    }
    for (size_t i = 0; i < planning->draft_count; i++) {
        const struct stage_draft *draft = &planning->drafts[i];
        if (is_declared_in(draft->triggers, draft->trigger_count, name)) {
            return true;
        }
    }
    return false;
}

/* The declared name nearest to NAME, for the hint. */
static const char *nearest_argument(struct planning *planning, struct str name) {
    VEC(const char *) names = VEC_INIT;
    const struct dockerfile *dockerfile = planning->request->dockerfile;
    for (size_t i = 0; i < dockerfile->instruction_count; i++) {
        const struct instruction *instruction = dockerfile->instructions[i];
        for (size_t j = 0; instruction->kind == INSTRUCTION_ARG && j < instruction->pair_count;
             j++) {
            vec_push(&names, str_dup(planning->arena, instruction->pairs[j].key.text));
        }
    }
    for (const char *const *own = scope_builder_arguments(); *own; own++) {
        vec_push(&names, *own);
    }
    const char *nearest = str_nearest(name, names.items, names.count);
    vec_free(&names);
    return nearest;
}

void arguments_warn_unused(struct planning *planning) {
    const struct name_values *given = &planning->request->build_args;
    for (size_t i = 0; i < given->count; i++) {
        struct str name = given->items[i].name;
        if (is_used(planning, name)) {
            continue;
        }
        const char *nearest = nearest_argument(planning, name);
        if (nearest) {
            planning_warn(planning,
                          "build argument %.*s is not declared by any ARG and changes nothing "
                          "(did you mean %s?)",
                          STR_ARG(name), nearest);
        } else {
            planning_warn(planning,
                          "build argument %.*s is not declared by any ARG and changes nothing",
                          STR_ARG(name));
        }
    }
}
