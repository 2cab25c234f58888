#include "planner/planner.h"

#include "base/vec.h"
#include "planner/content.h"
#include "planner/context.h"
#include "planner/former.h"
#include "planner/lookup.h"
#include "planner/lower.h"
#include "planner/merge.h"
#include "planner/named_context.h"
#include "planner/planning.h"
#include "registry/oci_import.h"
#include "registry/reference.h"
#include "store/layer_dir.h"
#include "store/manifest_list.h"

#include <limits.h>
#include <stdlib.h>

/* Of memory: stages inherit environment and history, so that a long chain of them grows with the square of its
 * length, and values that hold others double with every line. */
#define PLAN_SIZE_LIMIT ((size_t)2 << 30)

/* ---- what the parts share (planning.h) ---- */

int planning_error_at(const struct planning *planning, struct span span, struct error *error) {
    const struct dockerfile *dockerfile = planning->request->dockerfile;
    return error_at(error, dockerfile->name, dockerfile->source, span);
}

int planning_check_size(const struct planning *planning, struct span span, struct error *error) {
    if (planning->arena->allocated <= PLAN_SIZE_LIMIT) {
        return 0;
    }
    error_set(error, ERROR_INPUT, "the plan of this Dockerfile takes more than %u MiB of memory",
              (unsigned)(PLAN_SIZE_LIMIT >> 20));
    error_hint(error, "it has too many stages or instructions that build on each other");
    return planning_error_at(planning, span, error);
}

int planning_check_count(const struct planning *planning, const char *what, size_t count,
                         struct span span, struct error *error) {
    if (count <= NAMES_MAX) {
        return 0;
    }
    error_set(error, ERROR_INPUT, "more than %d %s", NAMES_MAX, what);
    error_hint(error, "keep such an amount of data in a file");
    return planning_error_at(planning, span, error);
}

void planning_warn(struct planning *planning, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    struct str text = str_of(arena_vprintf(planning->arena, format, arguments));
    va_end(arguments);
    struct str_list *warnings = &planning->plan->warnings;
    bool is_repeated = false; /* by the same stage for another platform */
    for (size_t i = 0; planning->request->platform_count > 1 && i < warnings->count; i++) {
        is_repeated = is_repeated || str_equal(warnings->items[i], text);
    }
    if (!is_repeated) {
        str_list_push(warnings, planning->arena, text);
    }
}

struct step *planning_new_step(struct planning *planning, enum step_kind kind,
                               const struct stage *stage) {
    struct step *step = arena_new(planning->arena, struct step);
    step->kind = kind;
    step->stage = stage;
    return step;
}

void planning_append_step(struct planning *planning, struct step *step) {
    struct plan *plan = planning->plan;
    if (plan->step_count == planning->step_capacity) {
        plan->steps = vec_grow(planning->arena, plan->steps, plan->step_count,
                               &planning->step_capacity, sizeof(struct step *));
    }
    step->id = (unsigned)plan->step_count;
    plan->steps[plan->step_count++] = step;
}

static int read_images(struct planning *planning, struct error *error) {
    if (!planning->has_images) {
        planning->has_images = true;
        return image_list_read(planning->store, planning->arena, &planning->images, error);
    }
    return 0;
}

static int read_image_config(struct planning *planning, struct base_image *base,
                             struct error *error) {
    _cleanup_buf_ struct buf blob = BUF_INIT;
    if (image_read_config(base->image, &blob, error) ||
        image_config_parse(buf_str(&blob), planning->arena, &base->config, error)) {
        error_wrap(error, "cannot use the image %.*s (%.12s)", STR_ARG(base->name),
                   base->image->id.data);
        return error_hint(error, "remove it with `podman rmi` and fetch or import it again");
    }
    return 0;
}

/* IMAGE, or the one for PLATFORM if it is a list of some. */
static int choose_instance(struct planning *planning, const struct image *image, struct str name,
                           const struct platform *platform, const struct image **out,
                           struct error *error) {
    struct platform want = *platform;
    struct manifest_list_wish wish = { platform_rank_described, &want,
                                       platform_format(platform, planning->arena) };
    return manifest_list_resolve(&planning->images, image, name, &wish, out, error);
}

/* KEY is what it is found by next time. */
static int read_base(struct planning *planning, struct str key, struct str name,
                     const struct image *image, bool is_listed, struct base_image **out,
                     struct error *error) {
    struct base_image *base = arena_new(planning->arena, struct base_image);
    *base = (struct base_image){ .name = str_copy(planning->arena, name),
                                 .image = image,
                                 .is_listed = is_listed };
    if (read_image_config(planning, base, error)) {
        return -1;
    }
    map_set(&planning->base_images, key, base);
    *out = base;
    return 0;
}

const char *planning_store_title(struct planning *planning) {
    const struct store *store = planning->store;
    return arena_printf(planning->arena, "the store %s%s", store->root,
                        store->root_fd < 0 ? ", which does not exist"
                        : planning->has_images && planning->images.count == 0
                            ? ", which has no images"
                            : "");
}

int planning_find_image(struct planning *planning, struct str name, const struct platform *platform,
                        struct base_image **out, struct error *error) {
    *out = map_get(&planning->base_images, name);
    if (*out) {
        return 0;
    }
    const struct image *found = NULL, *image;
    if (read_images(planning, error) ||
        image_find(&planning->images, reference_candidates(name, planning->arena), &found, error)) {
        return -1;
    }
    if (!found) {
        error_set(error, ERROR_NOT_FOUND, "there is no image %.*s in %s", STR_ARG(name),
                  planning_store_title(planning));
        return error_hint(error,
                          "`%s pull %.*s` fetches it, `bud import FILE %.*s` makes it from a "
                          "root file system%s",
                          planning->store->podman, STR_ARG(name), STR_ARG(name),
                          named_context_advice(planning, name));
    }
    if (choose_instance(planning, found, name, platform, &image, error)) {
        return -1;
    }
    struct str key = str_copy(planning->arena, name);
    if (image != found) {
        key = str_printf(planning->arena, "%.*s@%.*s", STR_ARG(name), STR_ARG(image->id));
        *out = map_get(&planning->base_images, key);
    }
    if (*out) {
        return 0;
    }
    if (read_base(planning, key, name, image, image != found, out, error)) {
        return -1;
    }
    struct plan_base known = { (*out)->name, &(*out)->config, (*out)->is_listed };
    arena_vec_push(planning->arena, &planning->plan->bases, known);
    return 0;
}

int planning_take_layout(struct planning *planning, struct str name, const struct oci_image *layout,
                         struct base_image **out, struct error *error) {
    struct arena *arena = planning->arena;
    struct digest_hex layer;
    struct str id = str_of(arena_strdup(arena, digest_hex(&layout->id).text));
    struct str key = str_printf(arena, "%.*s %.*s", STR_ARG(name), STR_ARG(id));
    const char *const ids[] = { id.data, NULL };
    const struct image *stored = NULL;
    *out = map_get(&planning->base_images, key);
    if (*out) {
        return 0;
    }
    if (read_images(planning, error) || image_find(&planning->images, ids, &stored, error)) {
        return -1;
    }
    if (stored) {
        return read_base(planning, key, name, stored, false, out, error);
    }
    struct image *image = arena_new(arena, struct image);
    image->id = id;
    if (oci_import_top_layer(layout, &layer)) {
        image->layer = str_of(arena_strdup(arena, layer.text));
    }
    struct base_image *base = arena_new(arena, struct base_image);
    *base = (struct base_image){ .name = name, .image = image, .layout = layout };
    if (image_config_parse(layout->config, arena, &base->config, error)) {
        return error_wrap(error, "cannot use the image %.12s of the OCI layout %s", id.data,
                          layout->directory);
    }
    map_set(&planning->base_images, key, base);
    *out = base;
    return 0;
}

static bool was_called(const struct image *image, const char *const *names) {
    for (size_t i = 0; i < image->former_name_count; i++) {
        for (size_t j = 0; names[j]; j++) {
            if (str_equal_c(image->former_names[i], names[j])) {
                return true;
            }
        }
    }
    return false;
}

int planning_find_former_image(struct planning *planning, struct str name,
                               const struct platform *platform, struct base_image **out,
                               struct error *error) {
    struct arena *arena = planning->arena;
    struct str text = platform_format(platform, arena);
    struct str key = str_printf(arena, "%.*s %.*s", STR_ARG(name), STR_ARG(text));
    const char **names = reference_candidates(name, arena);
    unsigned best = UINT_MAX;
    *out = map_get(&planning->base_images, key);
    for (size_t i = 0; !*out && i < planning->images.count; i++) {
        const struct image *image = &planning->images.items[i];
        if (!was_called(image, names) ||
            choose_instance(planning, image, name, platform, &image, NULL)) {
            continue;
        }
        struct base_image *base = arena_new(arena, struct base_image);
        *base = (struct base_image){ .name = str_copy(arena, name), .image = image };
        if (read_image_config(planning, base, error)) {
            return -1;
        }
        struct platform have = platform_normalise(
            (struct platform){ base->config.os, base->config.architecture, base->config.variant });
        unsigned rank = platform_rank(platform, &have);
        const struct base_image *known = map_get(&planning->base_images, key);
        if (rank > 0 && (rank < best || (rank == best && image->created > known->image->created))) {
            best = rank;
            map_set(&planning->base_images, key, base);
        }
    }
    *out = map_get(&planning->base_images, key);
    return 0;
}

const char *planning_nearest_image(struct planning *planning, struct str name) {
    return reference_nearest(&planning->images, name, planning->arena);
}

int planning_open_context(struct planning *planning, const char *directory, const char *origin,
                          const char *dockerfile, const char *ignore_file, const struct tree **out,
                          struct error *error) {
    struct tree *tree = arena_new(planning->arena, struct tree);
    if (origin ? context_open_fetched(directory, origin, ignore_file, planning->cache,
                                      planning->arena, tree, error)
               : context_open(directory, dockerfile, ignore_file, planning->cache, planning->arena,
                              tree, error)) {
        return -1;
    }
    tree->has_no_files = directory == planning->request->context && planning->request->has_no_files;
    tree->is_paranoid = planning->request->is_paranoid;
    arena_vec_push(planning->arena, &planning->plan->contexts, tree);
    *out = tree;
    return 0;
}

int planning_main_context(struct planning *planning, const struct tree **out, struct error *error) {
    const struct plan_request *request = planning->request;
    if (!planning->context &&
        planning_open_context(planning, request->context, request->context_origin,
                              request->dockerfile_path, request->ignore_file, &planning->context,
                              error)) {
        return -1;
    }
    *out = planning->context;
    return 0;
}

/* ---- stages to steps ---- */

static void skip_stage(struct planning *planning, const struct stage_draft *draft) {
    struct plan *plan = planning->plan;
    if (plan->skipped_count == planning->skipped_capacity) {
        plan->skipped = vec_grow(planning->arena, plan->skipped, plan->skipped_count,
                                 &planning->skipped_capacity, sizeof(*plan->skipped));
    }
    plan->skipped[plan->skipped_count++] = (struct stage_skip){ draft->label, draft->from->line };
}

static int lower_stages(struct planning *planning, struct error *error) {
    struct plan *plan = planning->plan;
    for (size_t i = 0; i < planning->draft_count; i++) {
        struct stage_draft *draft = &planning->drafts[i];
        if (!draft->is_needed) {
            skip_stage(planning, draft);
            continue;
        }
        if (lower_stage(planning, draft, error)) {
            return -1;
        }
        if (plan->stage_count == planning->stage_capacity) {
            plan->stages = vec_grow(planning->arena, plan->stages, plan->stage_count,
                                    &planning->stage_capacity, sizeof(struct stage *));
        }
        plan->stages[plan->stage_count++] = draft->stage;
    }
    plan->target = planning->target->stage;
    return 0;
}

/* ---- the image ---- */

/* An entry without a layer gets the time of the layer before it, else of the next one; without any layer of our own
 * that of the base, if it has one. What is still open then is the time of the image itself. */
static void date_history(struct image_config *config) {
    const struct step *step = NULL;
    for (size_t i = 0; i < config->history_count; i++) {
        struct history_entry *entry = &config->history[i];
        if (entry->has_created) {
            continue;
        }
        step = entry->step ? entry->step : step;
        entry->step = step;
    }
    for (size_t i = config->history_count; i-- > 0;) {
        struct history_entry *entry = &config->history[i];
        if (entry->has_created) {
            continue;
        }
        if (entry->step) {
            step = entry->step;
        } else if (step) {
            entry->step = step;
        } else if (config->has_created) {
            entry->has_created = true;
            entry->created = config->created;
        }
    }
}

static void add_image_step(struct planning *planning) {
    const struct plan_request *request = planning->request;
    struct plan *plan = planning->plan;
    struct step *step = planning_new_step(planning, STEP_IMAGE, plan->target);
    struct image_config *config = &step->image.config;
    image_config_copy(config, &plan->target->config, planning->arena);
    for (size_t i = 0; i < request->labels.count; i++) {
        name_values_set(&config->labels, planning->arena, request->labels.items[i].name,
                        request->labels.items[i].value);
    }
    for (size_t i = 0; i < request->envs.count; i++) {
        name_values_set(&config->env, planning->arena, request->envs.items[i].name,
                        request->envs.items[i].value);
    }
    date_history(config);
    if (request->platform_count > 0 && !planning->target->has_platform) {
        /* What was asked for, though an older generation of the architecture does as the base. */
        config->os = planning->platform.os;
        config->architecture = planning->platform.architecture;
        config->variant = planning->platform.variant;
    }
    step->parent = plan->target->last;
    step->text = STR("image");
    if (request->platform_count > 1) {
        struct str platform = platform_format(&planning->platform, planning->arena);
        step->text = str_printf(planning->arena, "image %.*s", STR_ARG(platform));
    }
    step->image.annotations = request->annotations;
    step->image.is_docker = request->is_docker;
    step->image.is_squashed = request->is_squashed;
    planning_append_step(planning, step);
    plan->image = step;
    arena_vec_push(planning->arena, &plan->images, step);
}

/* A container upon the image is one more, and that is all overlay takes; a build would find out at its end. */
static int check_layers(const struct planning *planning, struct error *error) {
    const struct step *image = planning->plan->image, *top = image->parent;
    size_t count = image->image.config.diff_ids.count;
    for (const struct step *step = top; step; step = step->parent) {
        count += step->kind != STEP_SOURCE;
    }
    if (!top || top->kind == STEP_SOURCE || image->image.is_squashed ||
        planning->store->driver != STORE_OVERLAY || count <= LAYER_DIR_MAX_LOWERS) {
        return 0;
    }
    error_set(error, ERROR_UNSUPPORTED, "the image would have %zu layers, %d is the most", count,
              LAYER_DIR_MAX_LOWERS);
    error_hint(error,
               "combine RUN instructions, copy several files at once, or build with --squash");
    return planning_error_at(planning, top->instruction->span, error);
}

/* ---- what is there already ---- */

/* A pattern that matches nothing is no error (BuildKit), but rarely meant. */
static void warn_unmatched(struct planning *planning) {
    for (size_t i = 0; i < planning->plan->step_count; i++) {
        const struct step *step = planning->plan->steps[i];
        const struct step_input *input =
            step->kind == STEP_FILE && step->input_count > 0 ? &step->inputs[0] : NULL;
        for (size_t j = 0; input && input->details && j < input->details->unmatched.count; j++) {
            planning_warn(planning, "line %u: nothing in the build %.*s matches %.*s",
                          step->instruction->line, STR_ARG(input->label),
                          STR_ARG(input->details->unmatched.items[j]));
        }
    }
}

/* Where the source is that a COPY did not find: messages begin with its path, quoted. */
static struct span error_span(struct planning *planning, const struct step *step,
                              const struct error *error) {
    const struct instruction *instruction = step->instruction;
    bool is_copy = instruction->kind == INSTRUCTION_COPY || instruction->kind == INSTRUCTION_ADD;
    if (!is_copy || !error || instruction->copy.source_count != step->file.selection.source_count) {
        return instruction->span;
    }
    for (size_t i = 0; i < instruction->copy.source_count; i++) {
        struct str source = step->file.selection.sources[i];
        struct str path =
            path_clean(planning->arena, str_printf(planning->arena, "/%.*s", STR_ARG(source)));
        struct str quoted = str_printf(planning->arena, "\"%.*s\"", STR_ARG(path));
        bool is_trigger = instruction->span.start == step->stage->span.start;
        if (str_has_prefix(str_of(error->message), quoted) && !is_trigger) {
            return instruction->copy.sources[i].span;
        }
    }
    return instruction->span;
}

static int look_up(struct planning *planning, struct error *error) {
    struct plan *plan = planning->plan;
    const struct plan_request *request = planning->request;
    if (read_images(planning, error)) {
        return -1;
    }
    struct image_list *images = arena_new(planning->arena, struct image_list);
    *images = planning->images;
    plan->stored = images;
    struct lookup lookup = {
        .store = planning->store,
        .cache = planning->cache,
        .arena = planning->arena,
        .images = images,
        .plan = plan,
    };
    if (layer_list_read_ids(planning->store, planning->arena, &lookup.layers, error)) {
        return -1;
    }
    const struct step *failed = NULL;
    if (merge_steps(&lookup, plan, &failed, error)) {
        planning_error_at(planning, error_span(planning, failed, error), error);
        return step_tell_trigger(failed, error);
    }
    former_set_places(plan, request);
    for (size_t i = 0; i < plan->step_count; i++) {
        if (lookup_step(&lookup, plan->steps[i], NULL, error)) {
            return -1;
        }
    }
    lookup_mark_needed(plan);
    warn_unmatched(planning);
    secrets_warn(planning);
    return 0;
}

/* All for one platform: its stages, steps and image. */
static int plan_platform(struct planning *planning, const struct platform *platform,
                         struct error *error) {
    planning->platform = *platform;
    planning->draft_count = 0;
    map_free(&planning->stage_names);
    planning->stage_names = (struct map)MAP_INIT;
    if (arguments_read(planning, error) || stage_drafts_make(planning, error) ||
        stage_drafts_resolve(planning, error)) {
        return -1;
    }
    arguments_warn_unused(planning);
    if (lower_stages(planning, error)) {
        return -1;
    }
    add_image_step(planning);
    return check_layers(planning, error);
}

static int make_plan(struct planning *planning, struct error *error) {
    const struct plan_request *request = planning->request;
    struct platform host = platform_host();
    const struct platform *platforms = request->platform_count > 0 ? request->platforms : &host;
    arguments_given(&request->build_args, planning->arena, &planning->build_args);
    if (named_contexts_read(planning, error)) {
        return -1;
    }
    /* An ignore file that was named is looked at even if nothing reads the context: it may be a mistake. */
    const struct tree *context;
    if (request->ignore_file && request->context &&
        planning_main_context(planning, &context, error)) {
        return -1;
    }
    for (size_t i = 0; i < request->platform_count || i == 0; i++) {
        if (plan_platform(planning, &platforms[i], error)) {
            return -1;
        }
    }
    named_contexts_warn_unused(planning);
    return look_up(planning, error);
}

int planner_plan(const struct plan_request *request, const struct store *store, struct cache *cache,
                 struct plan **out, struct error *error) {
    struct plan *plan = xcalloc(1, sizeof(*plan));
    plan->dockerfile = request->dockerfile;
    plan->run = request->run;
    plan->is_cache_unused = request->is_no_cache || !request->is_layers;
    plan->oldest_record = request->oldest_record;
    plan->has_timestamp = request->has_timestamp;
    plan->timestamp = request->timestamp;
    plan->is_rewriting_times = request->is_rewriting_times;
    struct planning planning = {
        .request = request,
        .store = store,
        .cache = cache,
        .plan = plan,
        .arena = &plan->arena,
    };
    int result = make_plan(&planning, error);
    map_free(&planning.stage_names);
    map_free(&planning.base_images);
    if (result) {
        plan_free(plan);
        return -1;
    }
    *out = plan;
    return 0;
}
