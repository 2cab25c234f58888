#include "planner/outline.h"

#include "base/fs.h"
#include "base/map.h"
#include "base/vec.h"
#include "parser/expand.h"
#include "parser/parser.h"
#include "planner/planner.h"
#include "planner/platform.h"

/* An ARG before the first FROM, or one the builder sets. */
struct global {
    const struct instruction *instruction; /* NULL: set by the builder */
    size_t pair;
    struct str value;
    bool has_value;
    bool is_used; /* in a FROM that is needed */
};

struct part { /* a stage */
    const struct instruction *from;
    struct instruction *const *instructions;
    size_t count;
    size_t base;     /* the stage it begins with, or SIZE_MAX */
    size_t previous; /* the last one before that has the same name, or SIZE_MAX */
    bool is_needed;
    struct instruction *
        *triggers; /* its ONBUILDs as others run them; read for the first that does */
    size_t trigger_count;
    size_t trigger_user; /* the first needed stage that runs them, or SIZE_MAX */
};

struct secrets {
    struct outline_secret *items;
    size_t count, capacity;
};

struct outlining {
    const struct dockerfile *dockerfile;
    const struct name_values *build_args;
    struct arena *arena;
    struct outline *out;
    struct part *parts;
    struct map names;    /* name -> index + 1 of the last stage so called */
    struct map globals;  /* name -> struct global */
    struct map declared; /* names in arguments */
    bool is_using;       /* lookups count as use */
    VEC(struct outline_argument) arguments;
    struct secrets secrets, agents;
    struct map secret_ids, agent_ids; /* id -> index + 1 */
};

/* ---- variables ----------------------------------------------------------------------------------------- */

static bool lookup(void *context, struct str name, struct str *value) {
    struct outlining *outlining = context;
    struct global *global = map_get(&outlining->globals, name);
    if (global == NULL) {
        return false;
    }
    global->is_used |= outlining->is_using;
    *value = global->value;
    return global->has_value;
}

static int expand(struct outlining *outlining, const struct ast_word *word, struct str *out,
                  struct error *error) {
    struct expand_scope scope = { .escape = outlining->dockerfile->escape,
                                  .lookup = lookup,
                                  .context = outlining };
    if (expand_word(&scope, word->text, outlining->arena, out, error) < 0) {
        return error_at(error, outlining->dockerfile->name, outlining->dockerfile->source,
                        word->span);
    }
    return 0;
}

static bool lookup_nothing(void *context, struct str name, struct str *value) {
    (void)context;
    (void)name;
    (void)value;
    return false;
}

/* A default without its quotes; variables stay, their value depends on where the ARG stands. */
static struct str unquoted(const struct outlining *outlining, struct str text) {
    struct expand_scope scope = { .escape = outlining->dockerfile->escape,
                                  .lookup = lookup_nothing,
                                  .is_unset_kept = true };
    struct str out;
    return expand_word(&scope, text, outlining->arena, &out, NULL) == 0 ? out : text;
}

static const struct str *given_value(const struct outlining *outlining, struct str name) {
    const struct str *value = name_values_get(outlining->build_args, name);
    return value != NULL && value->data != NULL ? value : NULL;
}

static struct global *set_global(struct outlining *outlining, struct str name, struct str value) {
    struct global *global = arena_new(outlining->arena, struct global);
    const struct str *given = given_value(outlining, name);
    global->value = given != NULL ? *given : value;
    global->has_value = true;
    map_set(&outlining->globals, name, global);
    return global;
}

static void set_automatic(struct outlining *outlining, const char *target) {
    struct platform platform = platform_host();
    struct name_values automatic = { 0 };
    arguments_automatic(outlining->dockerfile, target, &platform, outlining->arena, &automatic);
    for (size_t i = 0; i < automatic.count; i++) {
        set_global(outlining, automatic.items[i].name, automatic.items[i].value);
    }
}

static int read_globals(struct outlining *outlining, struct error *error) {
    const struct dockerfile *dockerfile = outlining->dockerfile;
    for (size_t i = 0; i < dockerfile->instruction_count; i++) {
        const struct instruction *instruction = dockerfile->instructions[i];
        if (instruction->kind == INSTRUCTION_FROM) {
            break;
        }
        for (size_t j = 0; j < instruction->pair_count; j++) {
            const struct ast_pair *pair = &instruction->pairs[j];
            struct str value = STR_EMPTY;
            if (pair->has_value && expand(outlining, &pair->value, &value, error) < 0) {
                return -1;
            }
            struct global *global = set_global(outlining, pair->key.text, value);
            global->has_value = pair->has_value || given_value(outlining, pair->key.text) != NULL;
            global->instruction = instruction;
            global->pair = j;
        }
    }
    return 0;
}

/* ---- stages -------------------------------------------------------------------------------------------- */

/* What follows NAME in the last comment that begins with it. */
static struct str description(const struct instruction *instruction, struct str name) {
    for (size_t i = instruction->comment_count; i-- > 0;) {
        struct str comment = instruction->comments[i];
        if (name.len > 0 && str_has_prefix(comment, name) && comment.len > name.len &&
            comment.data[name.len] == ' ') {
            return str_trim(str_from(comment, name.len));
        }
    }
    return STR_EMPTY;
}

/* The last stage so far called NAME, or SIZE_MAX. */
static size_t find_stage(const struct outlining *outlining, struct str name) {
    /* SIZE_MAX is what 0 - 1 is. */
    return (size_t)(uintptr_t)map_get(&outlining->names, str_lower(outlining->arena, name)) - 1;
}

static const struct ast_mount_option *mount_option(const struct ast_mount *mount,
                                                   const char *name) {
    for (size_t i = 0; i < mount->count; i++) {
        if (str_equal_c(mount->options[i].key.text, name)) {
            return &mount->options[i];
        }
    }
    return NULL;
}

static struct str mount_value(const struct ast_mount *mount, const char *name) {
    const struct ast_mount_option *option = mount_option(mount, name);
    return option != NULL ? option->value.text : STR_EMPTY;
}

/* The FROM at POSITION. */
static int add_stage(struct outlining *outlining, size_t position, struct error *error) {
    const struct instruction *from = outlining->dockerfile->instructions[position];
    size_t index = outlining->out->stage_count++;
    struct outline_stage *stage = &outlining->out->stages[index];
    stage->has_name = from->from.name.text.len > 0;
    stage->name =
        stage->has_name ? from->from.name.text : str_printf(outlining->arena, "stage-%zu", index);
    stage->description = description(from, from->from.name.text);
    stage->line = from->line;
    struct part *part = &outlining->parts[index];
    part->from = from;
    part->trigger_user = SIZE_MAX;
    part->instructions = &outlining->dockerfile->instructions[position + 1];
    if (expand(outlining, &from->from.image, &stage->base, error) < 0 ||
        expand(outlining, &from->from.platform, &stage->platform, error) < 0) {
        return -1;
    }
    part->base = find_stage(outlining, stage->base);
    if (stage->has_name) {
        part->previous = find_stage(outlining, stage->name);
        map_set(&outlining->names, stage->name, (void *)(uintptr_t)(index + 1));
    }
    return 0;
}

static int read_stages(struct outlining *outlining, struct error *error) {
    const struct dockerfile *dockerfile = outlining->dockerfile;
    size_t count = dockerfile->instruction_count;
    outlining->out->stages = arena_array(outlining->arena, count, sizeof(struct outline_stage));
    outlining->parts = arena_array(outlining->arena, count, sizeof(struct part));
    for (size_t i = 0; i < count; i++) {
        if (dockerfile->instructions[i]->kind != INSTRUCTION_FROM) {
            if (outlining->out->stage_count > 0) {
                outlining->parts[outlining->out->stage_count - 1].count++;
            }
        } else if (add_stage(outlining, i, error) < 0) {
            return -1;
        }
    }
    if (outlining->out->stage_count == 0) {
        return error_set(error, ERROR_INPUT, "dockerfile contains no stages to build");
    }
    outlining->out->stages[outlining->out->stage_count - 1].is_default = true;
    return 0;
}

static int find_target(struct outlining *outlining, const char *target, struct error *error) {
    struct outline *out = outlining->out;
    out->target = out->stage_count - 1;
    if (target == NULL) {
        return 0;
    }
    const char **names = arena_array(outlining->arena, out->stage_count, sizeof(*names));
    size_t count = 0;
    out->target = find_stage(outlining, str_of(target));
    if (out->target != SIZE_MAX) {
        return 0;
    }
    for (size_t i = 0; i < out->stage_count; i++) {
        if (out->stages[i].has_name) {
            names[count++] = str_dup(outlining->arena, out->stages[i].name);
        }
    }
    error_set(error, ERROR_NOT_FOUND, "target stage \"%s\" could not be found", target);
    const char *nearest = str_nearest(str_of(target), names, count);
    return nearest != NULL ? error_hint(error, "did you mean %s?", nearest)
                           : error_hint(error, "`bud targets` lists the stages");
}

/* A trigger that the build will refuse takes nothing. */
static void read_triggers(const struct outlining *outlining, struct part *part) {
    part->triggers = arena_array(outlining->arena, part->count, sizeof(*part->triggers));
    for (size_t i = 0; i < part->count; i++) {
        const struct instruction *onbuild = part->instructions[i];
        struct dockerfile *parsed;
        if (onbuild->kind == INSTRUCTION_ONBUILD &&
            parser_parse_trigger(str_copy(outlining->arena, onbuild->onbuild.text), "ONBUILD",
                                 outlining->arena, &parsed, NULL) == 0) {
            parsed->instructions[0]->line = onbuild->line;
            part->triggers[part->trigger_count++] = parsed->instructions[0];
        }
    }
}

/* What INSTRUCTION of the stage USER copies from. Only COPY --from may say a stage's number. */
static void need_origins(const struct outlining *outlining, size_t user,
                         const struct instruction *instruction) {
    struct ast_origins origins = { .instruction = instruction };
    struct ast_word name;
    while (ast_origins_next(&origins, &name)) {
        size_t used = find_stage(outlining, name.text);
        uint64_t number;
        if (used == SIZE_MAX && instruction->kind == INSTRUCTION_COPY &&
            str_parse_uint(name.text, 10, user, &number) && number < user) {
            used = number;
        }
        if (used != SIZE_MAX) {
            outlining->parts[used].is_needed = true;
        }
    }
}

/* Of a base's ONBUILDs one stage that runs them stands for all: what they take has the same names in each. */
static void need_base(const struct outlining *outlining, size_t user, struct part *base) {
    bool is_known = base->trigger_user != SIZE_MAX;
    base->is_needed = true;
    base->trigger_user = user;
    if (is_known) {
        return;
    }
    read_triggers(outlining, base);
    for (size_t i = 0; i < base->trigger_count; i++) {
        need_origins(outlining, user, base->triggers[i]);
    }
}

/* Backwards, since stages only use earlier ones: each is forgotten when it has its turn. */
static void find_needed(struct outlining *outlining) {
    outlining->parts[outlining->out->target].is_needed = true;
    for (size_t i = outlining->out->stage_count; i-- > 0;) {
        const struct part *part = &outlining->parts[i];
        const struct outline_stage *stage = &outlining->out->stages[i];
        if (stage->has_name) {
            map_set(&outlining->names, stage->name, (void *)(uintptr_t)(part->previous + 1));
        }
        for (size_t j = 0; part->is_needed && j < part->count; j++) {
            need_origins(outlining, i, part->instructions[j]);
        }
        if (part->is_needed && part->base != SIZE_MAX) {
            need_base(outlining, i, &outlining->parts[part->base]);
        }
    }
}

/* ---- what they take ------------------------------------------------------------------------------------ */

static void add_argument(struct outlining *outlining, struct outline_argument argument) {
    if (map_set(&outlining->declared, argument.name, NULL)) {
        arena_vec_push(outlining->arena, &outlining->arguments, argument);
    }
}

static struct outline_argument of_global(const struct global *global) {
    struct str name = global->instruction->pairs[global->pair].key.text;
    return (struct outline_argument){
        .name = name,
        .description = description(global->instruction, name),
        .value = global->value,
        .has_value = global->has_value,
        .line = global->instruction->line,
    };
}

/* Which global ones the FROMs of needed stages use. */
static int add_globals(struct outlining *outlining, struct error *error) {
    struct str ignored;
    outlining->is_using = true;
    for (size_t i = 0; i <= outlining->out->target; i++) {
        const struct part *part = &outlining->parts[i];
        if (part->is_needed &&
            (expand(outlining, &part->from->from.image, &ignored, error) < 0 ||
             expand(outlining, &part->from->from.platform, &ignored, error) < 0)) {
            return -1;
        }
    }
    for (size_t i = 0; i < outlining->globals.count; i++) {
        const struct global *global = outlining->globals.entries[i].value;
        if (global->is_used && global->instruction != NULL) {
            add_argument(outlining, of_global(global));
        }
    }
    return 0;
}

/* ARG of a stage; without a default it has that of the global one, and its description. */
static void add_declared(struct outlining *outlining, const struct outline_stage *stage,
                         const struct instruction *instruction) {
    for (size_t i = 0; i < instruction->pair_count; i++) {
        const struct ast_pair *pair = &instruction->pairs[i];
        const struct str *given = given_value(outlining, pair->key.text);
        const struct global *global = map_get(&outlining->globals, pair->key.text);
        struct outline_argument argument = {
            .name = pair->key.text,
            .description = description(instruction, pair->key.text),
            .value = given != NULL ? *given : unquoted(outlining, pair->value.text),
            .has_value = given != NULL || pair->has_value,
            .stage = stage->name,
            .line = instruction->line,
        };
        if (global != NULL && global->instruction == NULL && !pair->has_value) {
            continue; /* the builder sets it */
        }
        if (global != NULL && global->instruction != NULL && !pair->has_value) {
            struct outline_argument outer = of_global(global);
            outer.description =
                outer.description.len > 0 ? outer.description : argument.description;
            argument = outer;
        }
        add_argument(outlining, argument);
    }
}

/* What is no boolean is refused by the build. */
static bool is_true(const struct ast_mount_option *option) {
    bool is_on = false;
    return option != NULL &&
           (!option->has_value || (str_parse_bool(option->value.text, &is_on) && is_on));
}

/* One that several RUNs take is told of the first; it is required where one requires it. */
static void add_secret(struct outlining *outlining, struct secrets *secrets, struct map *known,
                       struct outline_secret secret) {
    size_t index = (size_t)(uintptr_t)map_get(known, secret.id);
    if (index > 0) {
        secrets->items[index - 1].is_required |= secret.is_required;
        return;
    }
    arena_vec_push(outlining->arena, secrets, secret);
    map_set(known, secret.id, (void *)(uintptr_t)secrets->count);
}

static void add_mount(struct outlining *outlining, const struct outline_stage *stage,
                      const struct instruction *run, const struct ast_mount *mount) {
    struct str type = mount_value(mount, "type");
    bool is_secret = str_equal_nocase(type, STR("secret"));
    static const char *const targets[] = { "source", "src", "target", "dst", "destination" };
    struct outline_secret secret = { .id = mount_value(mount, "id"),
                                     .is_required = is_true(mount_option(mount, "required")),
                                     .stage = stage->name,
                                     .line = run->line };
    for (size_t i = 0; is_secret && secret.id.len == 0 && i < sizeof(targets) / sizeof(targets[0]);
         i++) {
        secret.id = path_base(mount_value(mount, targets[i]));
    }
    secret.id = secret.id.len == 0 && !is_secret ? STR("default") : secret.id;
    if (is_secret) {
        add_secret(outlining, &outlining->secrets, &outlining->secret_ids, secret);
    } else if (str_equal_nocase(type, STR("ssh"))) {
        add_secret(outlining, &outlining->agents, &outlining->agent_ids, secret);
    }
}

static void add_taken(struct outlining *outlining, const struct outline_stage *stage,
                      const struct instruction *instruction) {
    if (instruction->kind == INSTRUCTION_ARG) {
        add_declared(outlining, stage, instruction);
    }
    for (size_t i = 0; instruction->kind == INSTRUCTION_RUN && i < instruction->run.mount_count;
         i++) {
        add_mount(outlining, stage, instruction, &instruction->run.mounts[i]);
    }
}

/* What the ONBUILDs of the stage it begins with take in it, then its own instructions. */
static void add_stages(struct outlining *outlining) {
    for (size_t i = 0; i <= outlining->out->target; i++) {
        const struct part *part = &outlining->parts[i];
        const struct outline_stage *stage = &outlining->out->stages[i];
        const struct part *base = part->base != SIZE_MAX ? &outlining->parts[part->base] : NULL;
        for (size_t j = 0; base && base->trigger_user == i && j < base->trigger_count; j++) {
            add_taken(outlining, stage, base->triggers[j]);
        }
        for (size_t j = 0; part->is_needed && j < part->count; j++) {
            add_taken(outlining, stage, part->instructions[j]);
        }
    }
}

static int make(struct outlining *outlining, const char *target, struct error *error) {
    set_automatic(outlining, target);
    if (read_globals(outlining, error) < 0 || read_stages(outlining, error) < 0 ||
        find_target(outlining, target, error) < 0) {
        return -1;
    }
    find_needed(outlining);
    if (add_globals(outlining, error) < 0) {
        return -1;
    }
    add_stages(outlining);
    struct outline *out = outlining->out;
    out->arguments = outlining->arguments.items;
    out->argument_count = outlining->arguments.count;
    out->secrets = outlining->secrets.items;
    out->secret_count = outlining->secrets.count;
    out->agents = outlining->agents.items;
    out->agent_count = outlining->agents.count;
    return 0;
}

int outline_make(const struct dockerfile *dockerfile, const struct name_values *build_args,
                 const char *target, struct arena *arena, struct outline *out,
                 struct error *error) {
    *out = (struct outline){ 0 };
    struct outlining outlining = {
        .dockerfile = dockerfile, .build_args = build_args, .arena = arena, .out = out
    };
    int result = make(&outlining, target, error);
    map_free(&outlining.globals);
    map_free(&outlining.names);
    map_free(&outlining.declared);
    map_free(&outlining.secret_ids);
    map_free(&outlining.agent_ids);
    return result;
}
