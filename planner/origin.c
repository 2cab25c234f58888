#include "planner/origin.h"

#include "base/vec.h"

#include <stdlib.h>

/* Name or index, as BuildKit prints a stage in errors. */
static struct str draft_title(const struct planning *planning, const struct stage_draft *draft) {
    return draft->name.len > 0 ? draft->name : str_printf(planning->arena, "%u", draft->index);
}

static int visit_instruction(const struct instruction *instruction, const struct span *place,
                             origin_visitor *visit, void *context, struct error *error) {
    struct ast_origins origins = { .instruction = instruction };
    struct ast_word name;
    while (ast_origins_next(&origins, &name)) {
        if (visit(context, name.text, instruction->kind == INSTRUCTION_RUN,
                  place ? *place : name.span, error)) {
            return -1;
        }
    }
    return 0;
}

int origin_visit_all(const struct stage_draft *draft, origin_visitor *visit, void *context,
                     struct error *error) {
    for (size_t i = 0; i < draft->trigger_count; i++) {
        const struct instruction *trigger = draft->triggers[i];
        if (visit_instruction(trigger, &draft->from->span, visit, context, error)) {
            return error_wrap(error, "ONBUILD %.*s of the %.*s", STR_ARG(trigger->text),
                              STR_ARG(draft->title));
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
    struct str name = str_lower(planning->arena, text);
    struct stage_draft *before = stage_draft_before(planning, name, from->index);
    return before ? before : stage_draft_before(planning, name, UINT32_MAX);
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

const char *origin_cycle(const struct planning *planning, const struct stage_draft *from,
                         const struct stage_draft *to) {
    struct cycle_search search = { .planning = planning };
    search.is_seen = arena_array(planning->arena, planning->draft_count, sizeof(bool));
    search.before = arena_array(planning->arena, planning->draft_count, sizeof(*search.before));
    cycle_reach(&search, from);
    for (size_t i = 0; i < search.queue.count && !search.is_seen[to->index]; i++) {
        search.current = search.queue.items[i];
        cycle_reach(&search, search.current->base_stage);
        origin_visit_all(search.current, cycle_visit, &search, NULL);
    }
    vec_free(&search.queue);
    if (!search.is_seen[to->index]) {
        return NULL;
    }
    struct str text = str_copy(planning->arena, to->label);
    for (const struct stage_draft *d = to; d != from;) {
        d = search.before[d->index];
        text = str_printf(planning->arena, "%.*s (line %u) → %.*s", STR_ARG(d->label),
                          d->from->line, STR_ARG(text));
    }
    return arena_printf(planning->arena, "%.*s (line %u) → %.*s", STR_ARG(to->label),
                        to->from->line, STR_ARG(text));
}

/* FOUND is the stage DRAFT itself or a later one: refused. */
static int refuse_origin(struct planning *planning, const struct stage_draft *draft,
                         const struct stage_draft *found, bool is_mount, struct span span,
                         struct error *error) {
    struct str title = draft_title(planning, found);
    const char *cycle =
        found == draft ? "a stage cannot read its own files this way; leave --from out or name an "
                         "earlier stage"
                       : origin_cycle(planning, found, draft);
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

/* What CONTEXT, which was found for a --from of DRAFT, stands for. */
static int take_context(struct planning *planning, const struct stage_draft *draft,
                        struct named_context *context, bool is_mount, struct span span,
                        struct origin *out, struct error *error) {
    static const enum origin_kind kinds[] = {
        [NAMED_DIRECTORY] = ORIGIN_DIRECTORY, [NAMED_IMAGE] = ORIGIN_IMAGE,
        [NAMED_LAYOUT] = ORIGIN_IMAGE,        [NAMED_SCRATCH] = ORIGIN_SCRATCH,
        [NAMED_STAGE] = ORIGIN_STAGE,
    };
    *out = (struct origin){ kinds[context->kind], NULL, context };
    if (context->kind != NAMED_STAGE) {
        return 0;
    }
    out->draft = find_draft(planning, draft, context->target, true);
    if (!out->draft) {
        named_context_no_stage(planning, context, planning->draft_count, error);
        return planning_error_at(planning, span, error);
    }
    return out->draft->index < draft->index
               ? 0
               : refuse_origin(planning, draft, out->draft, is_mount, span, error);
}

static int bad_index(const struct planning *planning, const struct stage_draft *draft,
                     struct str text, struct span span, struct error *error) {
    error_set(error, ERROR_INPUT, "invalid stage index %.*s", STR_ARG(text));
    if (draft->index == 0) {
        error_hint(error, "no stage comes before this one");
    } else {
        error_hint(error, "stages before this one have the numbers 0 to %u", draft->index - 1);
    }
    return planning_error_at(planning, span, error);
}

int origin_find(struct planning *planning, const struct stage_draft *draft, struct str text,
                bool is_mount, struct span span, struct origin *out, struct error *error) {
    *out = (struct origin){ ORIGIN_IMAGE, NULL, NULL };
    struct stage_draft *found = find_draft(planning, draft, text, is_mount);
    uint64_t index;
    if (found) {
        *out = (struct origin){ ORIGIN_STAGE, found, NULL };
        return found->index < draft->index
                   ? 0
                   : refuse_origin(planning, draft, found, is_mount, span, error);
    }
    if (!is_mount && str_parse_uint(text, 10, UINT64_MAX, &index)) {
        return bad_index(planning, draft, text, span, error);
    }
    if (str_equal_c(text, "scratch")) {
        out->kind = ORIGIN_SCRATCH;
        return 0;
    }
    struct named_context *context = named_context_find(planning, text, &planning->platform);
    return context ? take_context(planning, draft, context, is_mount, span, out, error) : 0;
}
