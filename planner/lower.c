#include "planner/lower.h"

#include "base/fs.h"
#include "base/vec.h"
#include "parser/words.h"
#include "planner/named_context.h"
#include "planner/origin.h"

#include <stdlib.h>

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* A trigger has no place of its own in the file. */
static struct span lower_place(const struct lowering *lowering, struct span span) {
    return lowering->is_trigger ? lowering->draft->from->span : span;
}

int lower_error_at(const struct lowering *lowering, struct span span, struct error *error) {
    return planning_error_at(lowering->planning, lower_place(lowering, span), error);
}

int lower_word(const struct lowering *lowering, const struct ast_word *word, struct str *out,
               struct error *error) {
    *out = STR_EMPTY;
    if (scope_expand(&lowering->scope, lowering->escape, word->text, out, error)) {
        return lower_error_at(lowering, word->span, error);
    }
    return planning_check_size(lowering->planning, lower_place(lowering, word->span), error);
}

/* ---- what the lower_*.c files build with ---- */

/* How the body of a RUN's heredoc begins, as BuildKit shows it: all of them are called <<EOF. */
static struct str heredoc_beginning(const struct instruction *instruction) {
    struct str body = STR_EMPTY, line = STR_EMPTY;
    if (instruction->kind == INSTRUCTION_RUN && instruction->heredoc_count > 0) {
        body = str_trim(instruction->heredocs[0].body);
    }
    if (body.len > 0) {
        str_split(&body, '\n', &line);
    }
    return str_trim(line);
}

struct str lower_text(const struct lowering *lowering) {
    const struct instruction *instruction = lowering->instruction;
    struct str text = words_squeeze(instruction->text, lowering->arena);
    struct str beginning = heredoc_beginning(instruction);
    if (beginning.len > 0) {
        text = str_printf(lowering->arena, "%.*s (%.*s…)", STR_ARG(text), STR_ARG(beginning));
    }
    return lowering->is_trigger ? str_printf(lowering->arena, "ONBUILD %.*s", STR_ARG(text)) : text;
}

static void add_line(struct lowering *lowering, struct str text, const struct step *step) {
    struct stage_line line = { text, lowering->instruction->line, step };
    arena_vec_push(lowering->arena, &lowering->stage->lines, line);
}

struct step *lower_new_step(struct lowering *lowering, enum step_kind kind, struct str text) {
    struct step *step = planning_new_step(lowering->planning, kind, lowering->stage);
    step->number = ++lowering->stage->step_count;
    step->instruction = lowering->instruction;
    step->text = text;
    step->parent = lowering->last;
    step->depth = lowering->last ? lowering->last->depth + 1 : 0;
    step->is_cache_unused = lowering->draft->is_uncached;
    return step;
}

void lower_finish_step(struct lowering *lowering, struct step *step, struct str created_by) {
    planning_append_step(lowering->planning, step);
    lowering->last = step;
    image_config_push_history(lowering->config, lowering->arena,
                              (struct history_entry){ .created_by = created_by,
                                                      .comment = STR(HISTORY_COMMENT),
                                                      .step = step });
    add_line(lowering, step->text, step);
}

void lower_history(struct lowering *lowering, struct str created_by) {
    image_config_push_history(lowering->config, lowering->arena,
                              (struct history_entry){ .created_by = created_by,
                                                      .comment = STR(HISTORY_COMMENT),
                                                      .is_empty_layer = true });
    add_line(lowering, lower_text(lowering), NULL);
}

struct str lower_directory(const struct lowering *lowering) {
    return lowering->config->working_dir.len > 0 ? lowering->config->working_dir : STR("/");
}

struct str_list lower_shell(const struct lowering *lowering) {
    struct str_list shell = { 0 };
    const struct str_list *own = &lowering->config->shell;
    for (size_t i = 0; i < own->count; i++) {
        str_list_push(&shell, lowering->arena, own->items[i]);
    }
    if (shell.count == 0) {
        str_list_push(&shell, lowering->arena, STR("/bin/sh"));
        str_list_push(&shell, lowering->arena, STR("-c"));
    }
    return shell;
}

/* ---- inputs ---- */

static void set_source(struct step *step, const struct base_image *base, struct arena *arena) {
    step->source = (struct step_source){
        .image = str_dup(arena, base->image->id),
        .layer = base->image->layer.len > 0 ? str_dup(arena, base->image->layer) : NULL,
        .layout = base->layout,
        .name = base->name,
    };
}

/* One step stands for an image's file system, however often it is copied from. */
static const struct step *image_step(struct lowering *lowering, struct base_image *base) {
    if (!base->step) {
        struct step *step = planning_new_step(lowering->planning, STEP_SOURCE, lowering->stage);
        step->instruction = lowering->instruction;
        step->text = str_printf(lowering->arena, "image %.*s", STR_ARG(base->name));
        set_source(step, base, lowering->arena);
        planning_append_step(lowering->planning, step);
        base->step = step;
    }
    return base->step;
}

/* An image that is only copied from: the one for the build's platform if there is one (NAME: not of a context), else as it
 * is, with a warning. */
static int choose_platform(struct lowering *lowering, struct str name, struct base_image **base,
                           struct error *error) {
    const struct platform *want = &lowering->planning->platform;
    const struct image_config *config = &(*base)->config;
    struct platform have =
        platform_normalise((struct platform){ config->os, config->architecture, config->variant });
    struct base_image *former = NULL;
    if ((*base)->is_listed || have.architecture.len == 0 || platform_rank(want, &have) > 0) {
        return 0;
    }
    if (name.len > 0 &&
        planning_find_former_image(lowering->planning, name, want, &former, error)) {
        return -1;
    }
    if (former) {
        *base = former;
        return 0;
    }
    struct str have_text = platform_format(&have, lowering->arena);
    struct str want_text = platform_format(want, lowering->arena);
    planning_warn(lowering->planning,
                  "line %u: files are copied from %.*s, an image for %.*s, in a build for %.*s",
                  lowering->instruction->line, STR_ARG((*base)->name), STR_ARG(have_text),
                  STR_ARG(want_text));
    return 0;
}

static int no_such_image(struct lowering *lowering, struct str text, struct error *error) {
    if (!error || error->code != ERROR_NOT_FOUND) {
        return -1;
    }
    const char *stage = stage_draft_nearest(lowering->planning, text, lowering->draft->index);
    const char *image = planning_nearest_image(lowering->planning, text);
    const char *context = named_context_nearest(lowering->planning, text);
    error_set(error, ERROR_NOT_FOUND,
              "there is no stage %.*s before this one, and no such image in %s", STR_ARG(text),
              planning_store_title(lowering->planning));
    if (stage || context || image) {
        return error_hint(error, "did you mean the %s %s?",
                          stage     ? "stage"
                          : context ? "build context"
                                    : "image",
                          stage     ? stage
                          : context ? context
                                    : image);
    }
    return error_hint(error, "`%s pull %.*s` fetches an image%s", lowering->planning->store->podman,
                      STR_ARG(text), named_context_advice(lowering->planning, text));
}

/* Of an image for several platforms that of the build, whatever the stage itself is for: as BuildKit has it. */
static int image_input(struct lowering *lowering, const struct named_context *context,
                       struct str text, struct step_input *out, struct error *error) {
    struct planning *planning = lowering->planning;
    const struct platform *platform = &planning->platform;
    struct base_image *base;
    if (context ? named_context_image(planning, context, platform, &base, error)
                : planning_find_image(planning, text, platform, &base, error)) {
        return context ? -1 : no_such_image(lowering, text, error);
    }
    if (choose_platform(lowering, context ? STR_EMPTY : text, &base, error)) {
        return -1;
    }
    out->step = base->image->layer.len > 0 ? image_step(lowering, base) : NULL;
    out->label = str_printf(lowering->arena, "image %.*s", STR_ARG(text));
    return 0;
}

static int context_input(struct lowering *lowering, struct named_context *context,
                         struct step_input *out, struct error *error) {
    out->label = str_printf(lowering->arena, "context %.*s", STR_ARG(context->name));
    return named_context_open(lowering->planning, context, &out->context, error);
}

static int origin_input(struct lowering *lowering, const struct origin *origin, struct str text,
                        struct step_input *out, struct error *error) {
    switch (origin->kind) {
    case ORIGIN_STAGE:
        out->step = origin->draft->stage->last;
        out->label = str_printf(lowering->arena, "stage %.*s", STR_ARG(origin->draft->label));
        return 0;
    case ORIGIN_SCRATCH:
        out->label = STR("scratch");
        return 0;
    case ORIGIN_DIRECTORY:
        return context_input(lowering, origin->context, out, error);
    case ORIGIN_IMAGE:
        break;
    }
    return image_input(lowering, origin->context, text, out, error);
}

int lower_input(struct lowering *lowering, struct str text, bool is_mount, struct span span,
                struct step_input *out, struct error *error) {
    *out = (struct step_input){ 0 };
    if (text.len == 0) {
        if (!lowering->planning->request->context) {
            error_set(error, ERROR_INPUT, "there is no build context to read files from");
            error_hint(error, "give a directory as the last argument of the command");
            return lower_error_at(lowering, span, error);
        }
        out->label = STR("context");
        return planning_main_context(lowering->planning, &out->context, error);
    }
    struct origin origin;
    if (origin_find(lowering->planning, lowering->draft, text, is_mount, span, &origin, error)) {
        return -1;
    }
    return origin_input(lowering, &origin, text, out, error) ? lower_error_at(lowering, span, error)
                                                             : 0;
}

/* ---- the start of a stage ---- */

/* What stands for the argument of FROM, if anything does: as said on the command line. */
static struct str base_replacement(const struct lowering *lowering) {
    const struct named_context *context = lowering->draft->context;
    const char *from = lowering->draft->index == 0 ? lowering->planning->request->from : NULL;
    return context ? str_printf(lowering->arena, "build context %.*s", STR_ARG(context->value))
           : from  ? str_printf(lowering->arena, "--from %s", from)
                   : STR_EMPTY;
}

/* FROM as printed. */
static struct str lower_from_text(const struct lowering *lowering) {
    struct str text = lower_text(lowering), replacement = base_replacement(lowering);
    return replacement.len > 0
               ? str_printf(lowering->arena, "%.*s (%.*s)", STR_ARG(text), STR_ARG(replacement))
               : text;
}

static void begin_from_image(struct lowering *lowering) {
    const struct base_image *base = lowering->draft->base_image;
    image_config_copy(lowering->config, &base->config, lowering->arena);
    struct step *step = lower_new_step(lowering, STEP_SOURCE, lower_from_text(lowering));
    set_source(step, base, lowering->arena);
    step->source.replacement = base_replacement(lowering);
    planning_append_step(lowering->planning, step);
    lowering->last = step;
    add_line(lowering, step->text, step);
}

static void begin_from_stage(struct lowering *lowering) {
    const struct stage_draft *parent = lowering->draft->base_stage;
    image_config_copy(lowering->config, &parent->stage->config, lowering->arena);
    scope_copy(&lowering->scope, &parent->scope, lowering->arena);
    lowering->last = parent->stage->last;
    add_line(lowering, lower_from_text(lowering), NULL);
}

static void begin_from_scratch(struct lowering *lowering) {
    const struct platform *platform = &lowering->draft->platform;
    image_config_scratch(lowering->config);
    lowering->config->os = platform->os;
    lowering->config->architecture = platform->architecture;
    lowering->config->variant = platform->variant;
}

/* A directory as root file system: `FROM scratch` and `COPY . /`. */
static int begin_from_directory(struct lowering *lowering, struct error *error) {
    static const struct str everything = { "/", 1 };
    struct named_context *context = lowering->draft->context;
    struct step *step = lower_new_step(lowering, STEP_FILE, lower_from_text(lowering));
    begin_from_scratch(lowering);
    step->file.kind = FILE_COPY;
    step->file.destination = everything;
    step->file.selection = (struct selection){ .sources = &everything, .source_count = 1 };
    step->inputs = arena_array(lowering->arena, 1, sizeof(*step->inputs));
    step->input_count = 1;
    if (context_input(lowering, context, &step->inputs[0], error)) {
        return lower_error_at(lowering, lowering->instruction->from.image.span, error);
    }
    step->inputs[0].selection = &step->file.selection;
    lower_finish_step(
        lowering, step,
        str_printf(lowering->arena, "COPY --from=%.*s / / # buildkit", STR_ARG(context->name)));
    return 0;
}

static int begin_stage(struct lowering *lowering, struct error *error) {
    lowering->scope.arena = lowering->arena;
    switch (lowering->draft->base) {
    case BASE_STAGE:
        begin_from_stage(lowering);
        break;
    case BASE_IMAGE:
        begin_from_image(lowering);
        break;
    case BASE_SCRATCH:
        begin_from_scratch(lowering);
        add_line(lowering, lower_from_text(lowering), NULL);
        break;
    case BASE_DIRECTORY:
        if (begin_from_directory(lowering, error)) {
            return -1;
        }
        break;
    }
    struct image_config *config = lowering->config;
    config->on_build = (struct str_list){ 0 }; /* the triggers run now, they are not passed on */
    if (lowering->draft->base == BASE_STAGE) {
        return 0;
    }
    for (size_t i = 0; i < config->env.count; i++) {
        scope_set(&lowering->scope, config->env.items[i].name, config->env.items[i].value);
    }
    if (!scope_get(&lowering->scope, STR("PATH"))) {
        name_values_set(&config->env, lowering->arena, STR("PATH"), STR(DEFAULT_PATH));
        scope_set(&lowering->scope, STR("PATH"), STR(DEFAULT_PATH));
    }
    return 0;
}

/* ---- instructions ---- */

static int lower_argument(struct lowering *lowering, struct error *error) {
    struct name_values set = { 0 };
    const struct instruction *instruction = lowering->instruction;
    for (size_t i = 0; i < instruction->pair_count; i++) {
        struct str name = instruction->pairs[i].key.text;
        if (name_values_get(&lowering->config->env, name) &&
            !scope_is_declared(&lowering->scope, name)) {
            planning_warn(lowering->planning,
                          "line %u: ARG %.*s hides the ENV of the same name for the rest of the "
                          "stage; the image keeps the ENV",
                          instruction->line, STR_ARG(name));
        }
    }
    if (arguments_declare(lowering->planning, &lowering->scope, false, instruction,
                          lowering->escape, &set,
                          lowering->is_trigger ? &lowering->draft->from->span : NULL, error)) {
        return -1;
    }
    lower_history(lowering, history_pairs(lowering->arena, "ARG", &set));
    return 0;
}

static int lower_work_directory(struct lowering *lowering, struct error *error) {
    struct str path;
    if (lower_word(lowering, &lowering->instruction->words[0], &path, error)) {
        return -1;
    }
    struct arena *arena = lowering->arena;
    path = path.len > 0 ? path_join(arena, lower_directory(lowering), path)
                        : path_clean(arena, lower_directory(lowering));
    if (path.data[0] != '/') { /* a base whose own directory is relative */
        path = path_join(arena, STR("/"), path);
    }
    lowering->config->working_dir = path;
    struct str created_by = str_printf(arena, "WORKDIR %.*s", STR_ARG(path));
    if (str_equal_c(path, "/")) {
        lower_history(lowering, created_by);
        return 0;
    }
    struct step *step = lower_new_step(lowering, STEP_FILE, lower_text(lowering));
    step->file.kind = FILE_DIRECTORY;
    step->file.destination = path;
    step->file.chown = lowering->config->user;
    lower_finish_step(lowering, step, created_by);
    return 0;
}

/* To the parser NUL is a byte like others; no path, argument or variable can have one. */
static int refuse_nul(const struct lowering *lowering, struct error *error) {
    const struct instruction *instruction = lowering->instruction;
    bool has_nul = str_find_byte(instruction->text, '\0') != SIZE_MAX;
    for (size_t i = 0; i < instruction->word_count; i++) {
        has_nul = has_nul || str_find_byte(instruction->words[i].text, '\0') != SIZE_MAX;
    }
    if (!has_nul) {
        return 0;
    }
    error_set(error, ERROR_INPUT, "the instruction has a NUL byte");
    error_hint(error, "remove it; a Dockerfile is UTF-8, not UTF-16");
    return lower_error_at(lowering, instruction->span, error);
}

static int check_count(const struct lowering *lowering, const char *what, size_t count,
                       struct error *error) {
    return planning_check_count(lowering->planning, what, count, lowering->instruction->span,
                                error);
}

/* What the instruction left behind is still within bounds. */
static int check_limits(const struct lowering *lowering, struct error *error) {
    if (check_count(lowering, "variables", lowering->scope.env.count, error) ||
        check_count(lowering, "arguments", lowering->scope.args.count, error) ||
        check_count(lowering, "labels", lowering->config->labels.count, error) ||
        check_count(lowering, "volumes", lowering->config->volumes.count, error)) {
        return -1;
    }
    return planning_check_size(lowering->planning, lowering->instruction->span, error);
}

static int lower_by_kind(struct lowering *lowering, const struct instruction *instruction,
                         struct error *error) {
    switch (instruction->kind) {
    case INSTRUCTION_ARG:
        return lower_argument(lowering, error);
    case INSTRUCTION_WORKDIR:
        return lower_work_directory(lowering, error);
    case INSTRUCTION_RUN:
        return lower_run(lowering, error);
    case INSTRUCTION_COPY:
    case INSTRUCTION_ADD:
        return lower_copy(lowering, error);
    default:
        return lower_config(lowering, error);
    }
}

static int lower_instruction(struct lowering *lowering, const struct instruction *instruction,
                             struct error *error) {
    lowering->instruction = instruction;
    size_t volumes = instruction->kind == INSTRUCTION_VOLUME ? instruction->word_count : 0;
    if (refuse_nul(lowering, error) ||
        check_count(lowering, "names in one instruction", instruction->pair_count + volumes,
                    error) ||
        lower_by_kind(lowering, instruction, error)) {
        return -1;
    }
    return check_limits(lowering, error);
}

int lower_stage(struct planning *planning, struct stage_draft *draft, struct error *error) {
    struct stage *stage = arena_new(planning->arena, struct stage);
    stage->index = draft->index;
    stage->name = draft->name;
    stage->label = draft->label;
    stage->span = draft->from->span;
    stage->line = draft->from->line;
    stage->base = draft->title;
    draft->stage = stage;
    struct lowering lowering = { .planning = planning,
                                 .arena = planning->arena,
                                 .draft = draft,
                                 .stage = stage,
                                 .config = &stage->config,
                                 .instruction = draft->from,
                                 .escape = '\\' };
    if (begin_stage(&lowering, error)) {
        return -1;
    }
    lowering.is_trigger = true; /* parsed with the default escape */
    for (size_t i = 0; i < draft->trigger_count; i++) {
        if (lower_instruction(&lowering, draft->triggers[i], error)) {
            struct str text = lower_text(&lowering);
            return error_wrap(error, "%.*s of the %.*s", STR_ARG(text), STR_ARG(stage->base));
        }
    }
    lowering.is_trigger = false;
    lowering.escape = planning->request->dockerfile->escape;
    for (size_t i = 0; i < draft->instruction_count; i++) {
        if (lower_instruction(&lowering, draft->instructions[i], error)) {
            return -1;
        }
    }
    stage->last = lowering.last;
    draft->scope = lowering.scope;
    return 0;
}
