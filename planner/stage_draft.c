#include "planner/planning.h"

#include "base/vec.h"
#include "parser/parser.h"
#include "registry/reference.h"

#include <stdlib.h>

/* ---- cutting the Dockerfile into stages ---- */

static int expand_platform(struct planning *planning, struct stage_draft *draft,
                           struct error *error) {
    const struct ast_word *word = &draft->from->from.platform;
    if (word->text.len == 0) {
        draft->platform = platform_host();
        return 0;
    }
    struct str text = STR_EMPTY;
    if (scope_expand(&planning->globals, planning->request->dockerfile->escape, word->text, &text,
                     error)) {
        return planning_error_at(planning, word->span, error);
    }
    if (text.len == 0) {
        error_set(error, ERROR_INPUT, "empty platform value from expression %.*s",
                  STR_ARG(word->text));
        error_hint(error, "declare the ARG before the first FROM, or give it with --build-arg");
        return planning_error_at(planning, word->span, error);
    }
    draft->has_platform = true;
    if (platform_parse(text, planning->arena, &draft->platform, error)) {
        return planning_error_at(planning, word->span, error);
    }
    return 0;
}

/* FROM X: an earlier stage, scratch, or an image (Dockerfile reference, FROM). */
static void choose_base(struct planning *planning, struct stage_draft *draft) {
    draft->base_stage = map_get(&planning->stage_names, draft->image);
    if (draft->base_stage) {
        draft->base = BASE_STAGE;
        return;
    }
    if (str_equal_c(draft->image, "scratch")) {
        draft->base = BASE_SCRATCH;
        return;
    }
    draft->base = BASE_IMAGE;
    struct str folded = str_lower(planning->arena, draft->image);
    struct stage_draft *stage = map_get(&planning->stage_names, folded);
    struct reference reference;
    if (stage && reference_parse(draft->image, planning->arena, &reference, NULL)) {
        /* No image can be called so: the stage was meant. */
        draft->base = BASE_STAGE;
        draft->base_stage = stage;
        planning_warn(planning,
                      "line %u: FROM %.*s is taken for the stage %.*s; stage names are lower case",
                      draft->from->line, STR_ARG(draft->image), STR_ARG(folded));
    }
}

static int expand_from(struct planning *planning, struct stage_draft *draft, struct error *error) {
    const struct ast_word *word = &draft->from->from.image;
    if (scope_expand(&planning->globals, planning->request->dockerfile->escape, word->text,
                     &draft->image, error)) {
        return planning_error_at(planning, word->span, error);
    }
    if (draft->image.len == 0) {
        error_set(error, ERROR_INPUT, "base name (%.*s) should not be blank", STR_ARG(word->text));
        error_hint(error, "declare the ARG with a default before the first FROM, or give it with "
                          "--build-arg");
        return planning_error_at(planning, word->span, error);
    }
    choose_base(planning, draft);
    return expand_platform(planning, draft, error);
}

static size_t count_stages(const struct dockerfile *dockerfile) {
    size_t count = 0;
    for (size_t i = 0; i < dockerfile->instruction_count; i++) {
        count += dockerfile->instructions[i]->kind == INSTRUCTION_FROM;
    }
    return count;
}

/* FROM is the stage's first of the file's instructions. */
static int make_draft(struct planning *planning, struct instruction *const *first,
                      struct error *error) {
    const struct instruction *from = *first;
    struct stage_draft *draft = &planning->drafts[planning->draft_count];
    draft->index = (unsigned)planning->draft_count++;
    draft->from = from;
    draft->instructions = first + 1;
    draft->name = from->from.name.text;
    draft->label =
        draft->name.len > 0 ? draft->name : str_printf(planning->arena, "stage-%u", draft->index);
    if (expand_from(planning, draft, error)) {
        return -1;
    }
    if (draft->name.len > 0) { /* after its own FROM: a stage is not its own base */
        draft->previous = map_get(&planning->stage_names, draft->name);
        map_set(&planning->stage_names, draft->name, draft);
    }
    return 0;
}

int stage_drafts_make(struct planning *planning, struct error *error) {
    const struct dockerfile *dockerfile = planning->request->dockerfile;
    size_t count = count_stages(dockerfile);
    if (count == 0) {
        return error_set(error, ERROR_INPUT, "dockerfile contains no stages to build");
    }
    planning->drafts = arena_array(planning->arena, count, sizeof(*planning->drafts));
    for (size_t i = 0; i < dockerfile->instruction_count; i++) {
        if (dockerfile->instructions[i]->kind == INSTRUCTION_FROM) {
            if (make_draft(planning, &dockerfile->instructions[i], error)) {
                return -1;
            }
        } else if (planning->draft_count > 0) {
            planning->drafts[planning->draft_count - 1].instruction_count++;
        }
    }
    return 0;
}

/* ---- what --from names ---- */

/* Name or index, as BuildKit prints a stage in errors. */
static struct str draft_title(const struct planning *planning, const struct stage_draft *draft) {
    return draft->name.len > 0 ? draft->name : str_printf(planning->arena, "%u", draft->index);
}

typedef int reference_visitor(void *context, struct str text, bool is_mount, struct span span,
                              struct error *error);

static int visit_instruction(const struct instruction *instruction, const struct span *place,
                             reference_visitor *visit, void *context, struct error *error) {
    if (instruction->kind == INSTRUCTION_COPY && instruction->copy.from.text.len > 0) {
        return visit(context, instruction->copy.from.text, false,
                     place ? *place : instruction->copy.from.span, error);
    }
    for (size_t i = 0; instruction->kind == INSTRUCTION_RUN && i < instruction->run.mount_count;
         i++) {
        const struct ast_mount *mount = &instruction->run.mounts[i];
        for (size_t j = 0; j < mount->count; j++) {
            const struct ast_mount_option *option = &mount->options[j];
            if (str_equal_c(option->key.text, "from") && option->value.text.len > 0 &&
                visit(context, option->value.text, true, place ? *place : option->value.span,
                      error)) {
                return -1;
            }
        }
    }
    return 0;
}

/* Every --from of DRAFT, its triggers' first. */
static int visit_references(const struct stage_draft *draft, reference_visitor *visit,
                            void *context, struct error *error) {
    for (size_t i = 0; i < draft->trigger_count; i++) {
        if (visit_instruction(draft->triggers[i], &draft->from->span, visit, context, error)) {
            return -1;
        }
    }
    for (size_t i = 0; i < draft->instruction_count; i++) {
        if (visit_instruction(draft->instructions[i], NULL, visit, context, error)) {
            return -1;
        }
    }
    return 0;
}

/* The stage TEXT means anywhere in the file: an index, or the nearest earlier definition, or any later one. */
static struct stage_draft *find_draft(const struct planning *planning,
                                      const struct stage_draft *from, struct str text,
                                      bool is_mount) {
    uint64_t index;
    if (!is_mount && str_parse_uint(text, 10, UINT32_MAX, &index)) {
        return index < planning->draft_count ? &planning->drafts[index] : NULL;
    }
    struct stage_draft *last = map_get(&planning->stage_names, str_lower(planning->arena, text));
    for (struct stage_draft *draft = last; draft; draft = draft->previous) {
        if (draft->index < from->index) {
            return draft;
        }
    }
    return last;
}

/* Is there a way from one stage to another along bases and --from? For the message only. */
struct cycle_search {
    const struct planning *planning;
    const struct stage_draft *current;
    bool *is_seen;
    const struct stage_draft **before; /* by which stage one was reached */
    VEC(const struct stage_draft *) queue;
};

static void cycle_reach(struct cycle_search *search, const struct stage_draft *draft) {
    if (draft && !search->is_seen[draft->index]) {
        search->is_seen[draft->index] = true;
        search->before[draft->index] = search->current;
        vec_push(&search->queue, draft);
    }
}

static int cycle_visit(void *context, struct str text, bool is_mount, struct span span,
                       struct error *error) {
    (void)span;
    (void)error;
    struct cycle_search *search = context;
    cycle_reach(search, find_draft(search->planning, search->current, text, is_mount));
    return 0;
}

/* "a needs b, b needs a" in ARENA, or NULL when TO cannot be reached from FROM. */
static const char *describe_cycle(const struct planning *planning, const struct stage_draft *from,
                                  const struct stage_draft *to) {
    struct cycle_search search = { .planning = planning };
    search.is_seen = arena_array(planning->arena, planning->draft_count, sizeof(bool));
    search.before = arena_array(planning->arena, planning->draft_count, sizeof(*search.before));
    cycle_reach(&search, from);
    for (size_t i = 0; i < search.queue.count && !search.is_seen[to->index]; i++) {
        search.current = search.queue.items[i];
        cycle_reach(&search, search.current->base_stage);
        visit_references(search.current, cycle_visit, &search, NULL);
    }
    vec_free(&search.queue);
    if (!search.is_seen[to->index]) {
        return NULL;
    }
    struct str text = STR_EMPTY;
    for (const struct stage_draft *d = to; d != from; d = search.before[d->index]) {
        const struct stage_draft *b = search.before[d->index];
        text = str_printf(planning->arena, ", %.*s (line %u) needs %.*s%.*s", STR_ARG(b->label),
                          b->from->line, STR_ARG(d->label), STR_ARG(text));
    }
    return arena_printf(planning->arena, "%.*s (line %u) needs %.*s%.*s", STR_ARG(to->label),
                        to->from->line, STR_ARG(from->label), STR_ARG(text));
}

/* FOUND is the stage DRAFT itself or a later one: refused. */
static int refuse_origin(struct planning *planning, const struct stage_draft *draft,
                         const struct stage_draft *found, bool is_mount, struct span span,
                         struct error *error) {
    struct str title = draft_title(planning, found);
    const char *cycle =
        found == draft ? "a stage cannot read its own files this way; leave --from out or name an "
                         "earlier stage"
                       : describe_cycle(planning, found, draft);
    if (cycle) {
        error_set(error, ERROR_INPUT, "circular dependency detected on stage: %.*s",
                  STR_ARG(title));
        error_hint(error, "%s", cycle);
    } else if (is_mount) {
        error_set(error, ERROR_INPUT,
                  "cannot mount from stage \"%.*s\", stage needs to be defined before current "
                  "command",
                  STR_ARG(title));
        error_hint(error, "move the stage (line %u) above this one", found->from->line);
    } else {
        struct str current = draft_title(planning, draft);
        error_set(error, ERROR_INPUT,
                  "cannot copy from stage \"%.*s\", it needs to be defined before current stage "
                  "\"%.*s\"",
                  STR_ARG(title), STR_ARG(current));
        error_hint(error, "move the stage (line %u) above this one", found->from->line);
    }
    return planning_error_at(planning, span, error);
}

int stage_draft_find_origin(struct planning *planning, const struct stage_draft *draft,
                            struct str text, bool is_mount, struct span span, struct origin *out,
                            struct error *error) {
    *out = (struct origin){ ORIGIN_IMAGE, NULL };
    struct stage_draft *found = find_draft(planning, draft, text, is_mount);
    uint64_t index;
    if (!found && !is_mount && str_parse_uint(text, 10, UINT64_MAX, &index)) {
        error_set(error, ERROR_INPUT, "invalid stage index %.*s", STR_ARG(text));
        if (draft->index == 0) {
            error_hint(error, "no stage comes before this one");
        } else {
            error_hint(error, "stages before this one have the numbers 0 to %u", draft->index - 1);
        }
        return planning_error_at(planning, span, error);
    }
    if (found) {
        if (found->index >= draft->index) {
            return refuse_origin(planning, draft, found, is_mount, span, error);
        }
        *out = (struct origin){ ORIGIN_STAGE, found };
    } else if (str_equal_c(text, "scratch")) {
        out->kind = ORIGIN_SCRATCH;
    }
    return 0;
}

/* ---- which stages are needed ---- */

const char *stage_draft_nearest(struct planning *planning, struct str name, size_t limit) {
    VEC(const char *) names = VEC_INIT;
    for (size_t i = 0; i < limit; i++) {
        if (planning->drafts[i].name.len > 0) {
            vec_push(&names, str_dup(planning->arena, planning->drafts[i].name));
        }
    }
    const char *nearest = str_nearest(name, names.items, names.count);
    vec_free(&names);
    return nearest;
}

static int find_target(struct planning *planning, struct error *error) {
    if (!planning->request->target) {
        planning->target = &planning->drafts[planning->draft_count - 1];
        return 0;
    }
    struct str name = str_of(planning->request->target);
    planning->target = map_get(&planning->stage_names, str_lower(planning->arena, name));
    if (planning->target) {
        return 0;
    }
    error_set(error, ERROR_NOT_FOUND, "target stage \"%.*s\" could not be found", STR_ARG(name));
    const char *nearest = stage_draft_nearest(planning, name, planning->draft_count);
    if (nearest) {
        return error_hint(error, "did you mean %s?", nearest);
    }
    return error_hint(error, planning->stage_names.count > 0
                                 ? "name one of the stages given with FROM … AS name"
                                 : "no stage of this Dockerfile has a name (FROM … AS name)");
}

/* One ONBUILD text of the base, as an instruction that stands where FROM is; there is room for it (read_triggers). */
static int add_trigger(struct planning *planning, struct stage_draft *draft, struct str text,
                       struct error *error) {
    struct dockerfile *parsed;
    struct str source = str_copy(planning->arena, text);
    if (parser_parse_trigger(source, "ONBUILD", planning->arena, &parsed, error)) {
        if (error) {
            error_forget_place(error); /* it is not in the user's file */
            error_wrap(error, "ONBUILD trigger `%.*s` of the base %.*s", STR_ARG(source),
                       STR_ARG(draft->image));
        }
        return planning_error_at(planning, draft->from->span, error);
    }
    struct instruction *trigger = parsed->instructions[0];
    trigger->span = draft->from->span;
    trigger->line = draft->from->line;
    trigger->end_line = draft->from->end_line;
    draft->triggers[draft->trigger_count++] = trigger;
    return planning_check_size(planning, draft->from->span, error);
}

static int read_triggers(struct planning *planning, struct stage_draft *draft,
                         struct error *error) {
    if (draft->base == BASE_IMAGE) {
        const struct str_list *list = &draft->base_image->config.on_build;
        draft->triggers = arena_array(planning->arena, list->count, sizeof(*draft->triggers));
        for (size_t i = 0; i < list->count; i++) {
            if (add_trigger(planning, draft, list->items[i], error)) {
                return -1;
            }
        }
    } else if (draft->base == BASE_STAGE) {
        const struct stage_draft *parent = draft->base_stage;
        size_t count = 0;
        for (size_t i = 0; i < parent->instruction_count; i++) {
            count += parent->instructions[i]->kind == INSTRUCTION_ONBUILD;
        }
        draft->triggers = arena_array(planning->arena, count, sizeof(*draft->triggers));
        for (size_t i = 0; i < parent->instruction_count; i++) {
            const struct instruction *instruction = parent->instructions[i];
            if (instruction->kind == INSTRUCTION_ONBUILD &&
                add_trigger(planning, draft, instruction->onbuild.text, error)) {
                return -1;
            }
        }
    }
    return 0;
}

static int check_platform(struct planning *planning, const struct stage_draft *draft,
                          struct error *error) {
    const struct image_config *config = &draft->base_image->config;
    struct platform have =
        platform_normalise((struct platform){ config->os, config->architecture, config->variant });
    if (config->architecture.len == 0 || platform_equal(&have, &draft->platform)) {
        return 0;
    }
    struct str have_text = platform_format(&have, planning->arena);
    struct str want_text = platform_format(&draft->platform, planning->arena);
    if (!draft->has_platform) {
        planning_warn(
            planning, "line %u: base image %.*s was made for %.*s, this build is for %.*s",
            draft->from->line, STR_ARG(draft->image), STR_ARG(have_text), STR_ARG(want_text));
        return 0;
    }
    error_set(error, ERROR_NOT_FOUND, "no image %.*s for platform %.*s is stored",
              STR_ARG(draft->image), STR_ARG(want_text));
    error_hint(error,
               "the stored one is for %.*s; `podman pull --platform %.*s %.*s` fetches the other",
               STR_ARG(have_text), STR_ARG(want_text), STR_ARG(draft->image));
    return planning_error_at(planning, draft->from->from.platform.span, error);
}

static int resolve_base(struct planning *planning, struct stage_draft *draft, struct error *error) {
    if (draft->base == BASE_IMAGE) {
        struct reference reference;
        struct span span = draft->from->from.image.span;
        /* An image ID is no reference, but what `FROM $(bud build -q …)` gives. */
        if (!digest_is_hex_id(draft->image) &&
            reference_parse(draft->image, planning->arena, &reference, error)) {
            error_wrap(error, "failed to parse stage name \"%.*s\"", STR_ARG(draft->image));
            return planning_error_at(planning, span, error);
        }
        if (planning_find_image(planning, draft->image, &draft->base_image, error)) {
            const char *nearest = stage_draft_nearest(planning, draft->image, draft->index);
            if (nearest && error && error->code == ERROR_NOT_FOUND) {
                error_hint(error,
                           "did you mean the stage %s? Otherwise `podman pull %.*s` "
                           "fetches the image and `bud import FILE %.*s` makes one",
                           nearest, STR_ARG(draft->image), STR_ARG(draft->image));
            }
            return planning_error_at(planning, span, error);
        }
        if (check_platform(planning, draft, error)) {
            return -1;
        }
    }
    return read_triggers(planning, draft, error);
}

struct need_visit {
    struct planning *planning;
    struct stage_draft *draft;
};

static int need_origin(void *context, struct str text, bool is_mount, struct span span,
                       struct error *error) {
    struct need_visit *visit = context;
    struct origin origin;
    if (stage_draft_find_origin(visit->planning, visit->draft, text, is_mount, span, &origin,
                                error)) {
        return -1;
    }
    if (origin.draft) {
        origin.draft->is_needed = true;
    }
    return 0;
}

int stage_drafts_resolve(struct planning *planning, struct error *error) {
    if (find_target(planning, error)) {
        return -1;
    }
    planning->target->is_needed = true;
    /* Stages refer only to earlier ones, so one pass downwards finds all that is needed. */
    for (size_t i = planning->target->index + 1u; i-- > 0;) {
        struct stage_draft *draft = &planning->drafts[i];
        if (!draft->is_needed) {
            continue;
        }
        if (draft->base_stage) {
            draft->base_stage->is_needed = true;
        }
        struct need_visit visit = { planning, draft };
        if (resolve_base(planning, draft, error) ||
            visit_references(draft, need_origin, &visit, error)) {
            return -1;
        }
    }
    return 0;
}
