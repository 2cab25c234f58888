#include "base/vec.h"
#include "parser/parser.h"
#include "planner/origin.h"
#include "registry/reference.h"

#include <assert.h>
#include <stdlib.h>

#define MAX_NAMES_SHOWN 10 /* of stages, in a hint */

/* ---- cutting the Dockerfile into stages ---- */

static int expand_platform(struct planning *planning, struct stage_draft *draft,
                           struct error *error) {
    const struct ast_word *word = &draft->from->from.platform;
    if (word->text.len == 0) {
        draft->platform = planning->platform;
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

static int take_context(struct planning *planning, struct stage_draft *draft,
                        struct named_context *context, struct error *error) {
    static const enum base_kind kinds[] = {
        [NAMED_DIRECTORY] = BASE_DIRECTORY, [NAMED_IMAGE] = BASE_IMAGE, [NAMED_LAYOUT] = BASE_IMAGE,
        [NAMED_SCRATCH] = BASE_SCRATCH,     [NAMED_STAGE] = BASE_STAGE,
    };
    draft->context = context;
    draft->base = kinds[context->kind];
    if (context->kind != NAMED_STAGE) {
        return 0;
    }
    draft->base_stage = stage_draft_before(planning, context->target, draft->index);
    if (!draft->base_stage) {
        named_context_no_stage(planning, context, draft->index, error);
        return planning_error_at(planning, draft->from->from.image.span, error);
    }
    return 0;
}

/* FROM X: a context that replaces the stage, an earlier stage, scratch, a context called X, or an image. Contexts are those
 * for the platform the FROM itself asks for. */
static int choose_base(struct planning *planning, struct stage_draft *draft, struct error *error) {
    struct named_context *context =
        draft->name.len > 0 ? named_context_find(planning, draft->name, &draft->platform) : NULL;
    if (context) {
        draft->is_replaced = true;
        return take_context(planning, draft, context, error);
    }
    draft->base = BASE_STAGE;
    draft->base_stage = stage_draft_before(planning, draft->image, draft->index);
    if (draft->base_stage) {
        return 0;
    }
    if (str_equal_c(draft->image, "scratch")) {
        draft->base = BASE_SCRATCH;
        return 0;
    }
    context = named_context_find(planning, draft->image, &draft->platform);
    if (context) {
        return take_context(planning, draft, context, error);
    }
    struct str folded = str_lower(planning->arena, draft->image);
    struct stage_draft *stage = stage_draft_before(planning, folded, draft->index);
    struct reference reference;
    if (stage && reference_parse(draft->image, planning->arena, &reference, NULL)) {
        /* No image can be called so: the stage was meant. */
        draft->base_stage = stage;
        planning_warn(planning,
                      "line %u: FROM %.*s is taken for the stage %.*s; stage names are lower case",
                      draft->from->line, STR_ARG(draft->image), STR_ARG(folded));
        return 0;
    }
    draft->base = BASE_IMAGE;
    return 0;
}

static int expand_image(struct planning *planning, struct stage_draft *draft, struct error *error) {
    const struct ast_word *word = &draft->from->from.image;
    if (draft->index == 0 && planning->request->from) {
        draft->image = str_of(planning->request->from);
        return 0;
    }
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
    return 0;
}

static int expand_from(struct planning *planning, struct stage_draft *draft, struct error *error) {
    if (expand_image(planning, draft, error) || expand_platform(planning, draft, error) ||
        choose_base(planning, draft, error)) {
        return -1;
    }
    draft->title = str_printf(planning->arena, "%s %.*s",
                              draft->base == BASE_STAGE ? "stage" : "image", STR_ARG(draft->image));
    if (draft->base == BASE_STAGE) {
        draft->platform = draft->base_stage->platform;
        draft->has_platform = draft->base_stage->has_platform;
    }
    return 0;
}

static size_t count_stages(const struct dockerfile *dockerfile) {
    size_t count = 0;
    for (size_t i = 0; i < dockerfile->instruction_count; i++) {
        count += dockerfile->instructions[i]->kind == INSTRUCTION_FROM;
    }
    return count;
}

/* "linux/arm64 build" where there is a stage of this name for every platform. */
static struct str make_label(const struct planning *planning, const struct stage_draft *draft) {
    struct arena *arena = planning->arena;
    struct str label =
        draft->name.len > 0 ? draft->name : str_printf(arena, "stage-%u", draft->index);
    if (planning->request->platform_count < 2) {
        return label;
    }
    struct str platform = platform_format(&planning->platform, arena);
    return str_printf(arena, "%.*s %.*s", STR_ARG(platform), STR_ARG(label));
}

static void name_stage(struct planning *planning, struct stage_draft *draft) {
    struct stage_name *name = map_get(&planning->stage_names, draft->name);
    if (!name) {
        name = arena_new(planning->arena, struct stage_name);
        map_set(&planning->stage_names, draft->name, name);
    }
    arena_vec_push(planning->arena, name, draft);
}

struct stage_draft *stage_draft_before(const struct planning *planning, struct str name,
                                       unsigned index) {
    const struct stage_name *stages = map_get(&planning->stage_names, name);
    size_t low = 0, high = stages ? stages->count : 0; /* how many are before INDEX */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (stages->items[middle]->index < index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 ? stages->items[low - 1] : NULL;
}

/* FIRST is the stage's FROM among the file's instructions. */
static int make_draft(struct planning *planning, struct instruction *const *first,
                      struct error *error) {
    const struct instruction *from = *first;
    struct stage_draft *draft = &planning->drafts[planning->draft_count];
    draft->index = (unsigned)planning->draft_count++;
    draft->from = from;
    draft->instructions = first + 1;
    draft->name = from->from.name.text;
    draft->label = make_label(planning, draft);
    if (expand_from(planning, draft, error)) {
        return -1;
    }
    if (draft->name.len > 0) { /* after its own FROM: a stage is not its own base */
        name_stage(planning, draft);
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
            struct stage_draft *draft = &planning->drafts[planning->draft_count - 1];
            draft->instruction_count += !draft->is_replaced;
        }
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

/* What plans call a stage that has no name. */
static bool is_label(const struct planning *planning, struct str name) {
    for (size_t i = 0; i < planning->draft_count; i++) {
        if (planning->drafts[i].name.len == 0 && str_equal(planning->drafts[i].label, name)) {
            return true;
        }
    }
    return false;
}
#define NAME_IT "%.*s has no name to be called by: give it one, FROM … AS name"

static int hint_stages(const struct planning *planning, struct error *error) {
    _cleanup_buf_ struct buf names = BUF_INIT;
    size_t count = 0;
    for (size_t i = 0; i < planning->draft_count && count < MAX_NAMES_SHOWN; i++) {
        if (planning->drafts[i].name.len > 0) {
            buf_printf(&names, "%s%.*s", count++ > 0 ? ", " : "",
                       STR_ARG(planning->drafts[i].name));
        }
    }
    if (count == 0) {
        return error_hint(error, "no stage of this Dockerfile has a name (FROM … AS name)");
    }
    return error_hint(error, "stages with a name: %s%s", names.data,
                      count == MAX_NAMES_SHOWN ? ", …; `bud targets` lists them" : "");
}

static int find_target(struct planning *planning, struct error *error) {
    if (!planning->request->target) {
        planning->target = &planning->drafts[planning->draft_count - 1];
        return 0;
    }
    struct str name = str_of(planning->request->target);
    planning->target = stage_draft_before(planning, str_lower(planning->arena, name), UINT32_MAX);
    if (planning->target) {
        return 0;
    }
    error_set(error, ERROR_NOT_FOUND, "target stage \"%.*s\" could not be found", STR_ARG(name));
    const char *nearest = stage_draft_nearest(planning, name, planning->draft_count);
    if (nearest) {
        return error_hint(error, "did you mean %s?", nearest);
    }
    if (is_label(planning, name)) {
        return error_hint(error, NAME_IT, STR_ARG(name));
    }
    return hint_stages(planning, error);
}

/* One ONBUILD text of the base, as an instruction that stands where FROM is; there is room for it (read_triggers). */
static int add_trigger(struct planning *planning, struct stage_draft *draft, struct str text,
                       struct error *error) {
    struct dockerfile *parsed;
    struct str source = str_copy(planning->arena, text);
    if (parser_parse_trigger(source, "ONBUILD", planning->arena, &parsed, error)) {
        if (error) {
            error_forget_place(error); /* it is not in the user's file */
            error_wrap(error, "ONBUILD %.*s of the %.*s", STR_ARG(source), STR_ARG(draft->title));
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
        assert(parent);
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

static void stored_otherwise(const struct stage_draft *draft, struct str want,
                             struct error *error) {
    error_set(error, ERROR_NOT_FOUND, "no image %.*s for platform %.*s is stored",
              STR_ARG(draft->base_image->name), STR_ARG(want));
}

/* Where the platform was asked for, or, on the command line, what was to have it. */
static int wrong_platform(struct planning *planning, const struct stage_draft *draft,
                          struct str have, struct str want, struct error *error) {
    const char *nearest = platform_nearest_architecture(&draft->platform);
    if (draft->context) {
        error_set(error, ERROR_NOT_FOUND, "the build context %.*s has no image for platform %.*s",
                  STR_ARG(draft->context->name), STR_ARG(want));
        error_hint(error, "%.*s is for %.*s; NAME::PLATFORM=… says what holds for one platform",
                   STR_ARG(draft->context->value), STR_ARG(have));
    } else if (nearest) {
        stored_otherwise(draft, want, error);
        error_hint(error, "did you mean %.*s/%s? The stored one is for %.*s",
                   STR_ARG(draft->platform.os), nearest, STR_ARG(have));
    } else {
        stored_otherwise(draft, want, error);
        error_hint(error,
                   "the stored one is for %.*s; `%s pull --platform %.*s %.*s` fetches the other",
                   STR_ARG(have), planning->store->podman, STR_ARG(want),
                   STR_ARG(draft->base_image->name));
    }
    return planning_error_at(planning,
                             draft->has_platform ? draft->from->from.platform.span
                                                 : draft->from->from.image.span,
                             error);
}

static struct platform base_platform(const struct stage_draft *draft) {
    const struct image_config *config = &draft->base_image->config;
    return platform_normalise(
        (struct platform){ config->os, config->architecture, config->variant });
}

/* The image that has the name is for another platform than asked for: one that had it before may be right. */
static int take_former_image(struct planning *planning, struct stage_draft *draft,
                             struct error *error) {
    struct base_image *former = NULL;
    if (!draft->context &&
        planning_find_former_image(planning, draft->image, &draft->platform, &former, error)) {
        return planning_error_at(planning, draft->from->from.image.span, error);
    }
    if (!former) {
        struct platform have = base_platform(draft);
        return wrong_platform(planning, draft, platform_format(&have, planning->arena),
                              platform_format(&draft->platform, planning->arena), error);
    }
    draft->base_image = former;
    struct str platform = platform_format(&draft->platform, planning->arena);
    planning_warn(
        planning,
        "line %u: for %.*s the image %.12s is taken, which was called %.*s before another "
        "one was",
        draft->from->line, STR_ARG(platform), former->image->id.data, STR_ARG(draft->image));
    return 0;
}

static int check_platform(struct planning *planning, struct stage_draft *draft,
                          struct error *error) {
    struct platform have = base_platform(draft);
    if (draft->base_image->is_listed || have.architecture.len == 0 ||
        platform_rank(&draft->platform, &have) > 0) {
        return 0;
    }
    if (!draft->has_platform && planning->request->platform_count == 0) {
        return 0; /* the check InvalidBaseImagePlatform warns of it */
    }
    return take_former_image(planning, draft, error);
}

/* FROM sees only stages before it; a later one of that name was meant. */
static bool suggest_later_stage(struct planning *planning, const struct stage_draft *draft,
                                struct error *error) {
    struct str name = str_lower(planning->arena, draft->image);
    const struct stage_name *stages = map_get(&planning->stage_names, name);
    const struct stage_draft *later = NULL;
    for (size_t i = 0; stages && i < stages->count && !later; i++) {
        later = stages->items[i]->index > draft->index ? stages->items[i] : NULL;
    }
    if (!later) {
        return false;
    }
    const char *cycle = origin_cycle(planning, later, draft);
    if (cycle) {
        error_hint(error,
                   "FROM names stages before it only, and the later stage %.*s needs this one: %s",
                   STR_ARG(name), cycle);
    } else {
        error_hint(error,
                   "FROM names stages before it only: move the stage %.*s (line %u) above this one",
                   STR_ARG(name), later->from->line);
    }
    return true;
}

/* Nothing of that name is stored: a stage or another image may have been meant. */
static void suggest_base(struct planning *planning, const struct stage_draft *draft,
                         struct error *error) {
    if (suggest_later_stage(planning, draft, error)) {
        return;
    }
    const char *stage = stage_draft_nearest(planning, draft->image, draft->index);
    const char *image = planning_nearest_image(planning, draft->image);
    const char *context = named_context_nearest(planning, draft->image);
    if (!stage && context) {
        error_hint(error, "did you mean the build context %s? Otherwise `%s pull %.*s` fetches it",
                   context, planning->store->podman, STR_ARG(draft->image));
    } else if (!stage && image) {
        error_hint(error, "did you mean the image %s? Otherwise `%s pull %.*s` fetches it", image,
                   planning->store->podman, STR_ARG(draft->image));
    } else if (stage) {
        error_hint(error,
                   "did you mean the stage %s? Otherwise `%s pull %.*s` "
                   "fetches the image and `bud import FILE %.*s` makes one",
                   stage, planning->store->podman, STR_ARG(draft->image), STR_ARG(draft->image));
    }
}

static int find_base_image(struct planning *planning, struct stage_draft *draft,
                           struct error *error) {
    struct reference reference;
    struct span span = draft->from->from.image.span;
    if (draft->context) {
        return named_context_image(planning, draft->context, &draft->platform, &draft->base_image,
                                   error)
                   ? planning_error_at(planning, span, error)
                   : 0;
    }
    /* An image ID is no reference, but what `FROM $(bud build -q …)` gives. */
    if (!digest_is_hex_id(draft->image) &&
        reference_parse(draft->image, planning->arena, &reference, error)) {
        error_wrap(error, "failed to parse stage name \"%.*s\"", STR_ARG(draft->image));
        return planning_error_at(planning, span, error);
    }
    if (planning_find_image(planning, draft->image, &draft->platform, &draft->base_image, error)) {
        if (error && error->code == ERROR_NOT_FOUND) {
            suggest_base(planning, draft, error);
        }
        return planning_error_at(planning, span, error);
    }
    return 0;
}

static int resolve_base(struct planning *planning, struct stage_draft *draft, struct error *error) {
    if (draft->base == BASE_IMAGE &&
        (find_base_image(planning, draft, error) || check_platform(planning, draft, error))) {
        return -1;
    }
    return draft->is_replaced ? 0 : read_triggers(planning, draft, error);
}

static void warn_of_filter(struct planning *planning, struct str given, struct str name) {
    const char *nearest = stage_draft_nearest(planning, name, planning->draft_count);
    if (!nearest && is_label(planning, name)) {
        planning_warn(planning, "--no-cache-filter: " NAME_IT, STR_ARG(given));
        return;
    }
    planning_warn(planning, "--no-cache-filter: there is no stage %.*s%s%s%s", STR_ARG(given),
                  nearest ? " (did you mean " : "", nearest ? nearest : "", nearest ? "?)" : "");
}

/* --no-cache-filter: stages without a name cannot be named, and one that is not there is no error (BuildKit). */
static void mark_uncached(struct planning *planning) {
    const struct str_list *names = &planning->request->uncached_stages;
    for (size_t i = 0; i < names->count; i++) {
        struct str name = str_lower(planning->arena, names->items[i]);
        const struct stage_name *stages = map_get(&planning->stage_names, name);
        for (size_t j = 0; stages && j < stages->count; j++) {
            stages->items[j]->is_uncached = true;
        }
        if (!stages) {
            warn_of_filter(planning, names->items[i], name);
        }
    }
}

struct need_visit {
    struct planning *planning;
    struct stage_draft *draft;
};

static int need_origin(void *context, struct str text, bool is_mount, struct span span,
                       struct error *error) {
    struct need_visit *visit = context;
    struct origin origin;
    if (origin_find(visit->planning, visit->draft, text, is_mount, span, &origin, error)) {
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
    mark_uncached(planning);
    planning->target->is_needed = true;
    /* Stages refer only to earlier ones, so one pass downwards finds all that is needed. */
    int result = 0;
    for (size_t i = planning->target->index + 1u; i-- > 0;) {
        struct stage_draft *draft = &planning->drafts[i];
        if (!draft->is_needed) {
            continue;
        }
        if (draft->base_stage) {
            draft->base_stage->is_needed = true;
        }
        /* Of several errors the first in the file is told. */
        struct error problem = ERROR_INIT;
        struct need_visit visit = { planning, draft };
        bool is_wrong = resolve_base(planning, draft, &problem) != 0;
        if (origin_visit_all(draft, need_origin, &visit, is_wrong ? NULL : &problem) || is_wrong) {
            result = error_move(error, &problem);
        }
    }
    return result;
}
