/* The schema is written down in docs/plan.md; members are only ever added. */
#include "base/json.h"
#include "planner/content.h"
#include "planner/estimate.h"
#include "planner/platform.h"
#include "planner/print.h"
#include "registry/oci_layout.h"

static void set_id(json_t *object, const char *key, const struct step *step) {
    json_object_set_new(object, key, step ? json_integer(step->id) : json_null());
}

static json_t *inputs_to_json(const struct step *step) {
    json_t *array = json_array();
    for (size_t i = 0; i < step->input_count; i++) {
        const struct step_input *input = &step->inputs[i];
        json_t *object = json_object();
        json_set_str(object, "label", input->label);
        json_object_set_new(object, "context", json_boolean(input->context != NULL));
        set_id(object, "step", input->step);
        if (input->has_content) {
            json_set_str(object, "content", str_of(digest_hex(&input->content).text));
        }
        if (input->details) {
            json_set_integer(object, "files", input->details->files);
            json_set_integer(object, "bytes", input->details->bytes);
        }
        json_array_append_new(array, object);
    }
    return array;
}

static const char *kind_name(const struct step *step) {
    static const char *const names[] = { "source", "exec", "file", "image" };
    return names[step->kind];
}

static json_t *step_to_json(const struct step *step) {
    static const char *const states[] = { "hit", "miss", "deferred" };
    json_t *object = json_object();
    json_set_integer(object, "id", step->id);
    json_object_set_new(object, "kind", json_string(kind_name(step)));
    json_set_str(object, "stage", step->stage->label);
    json_set_integer(object, "number", step->number);
    if (step->instruction) {
        json_set_integer(object, "line", step->instruction->line);
    }
    json_set_str(object, "text", step->text);
    set_id(object, "parent", step->parent);
    json_object_set_new(object, "inputs", inputs_to_json(step));
    json_object_set_new(object, "state", json_string(states[step_shown_state(step)]));
    json_object_set_new(object, "needed", json_boolean(step->is_needed));
    if (step->has_key) {
        json_set_str(object, "key", str_of(digest_hex(&step->key).text));
    }
    if (step->kind == STEP_SOURCE) {
        json_set_str(object, "image", step->source.name);
        if (step->source.layout) {
            json_set_str(object, "layout", str_of(step->source.layout->directory));
        }
    }
    if (step->state != STEP_HIT) {
        json_set_str(object, "reason", step->reason);
        if (step->expected > 0) {
            json_set_integer(object, "expected", step->expected);
        }
    } else {
        json_set_str(object, "result", step->record.result);
        if (step->layer) {
            json_set_str(object, "layer", str_of(step->layer));
        }
        if (step->record.duration > 0) {
            json_set_integer(object, "duration", step->record.duration);
        }
    }
    return object;
}

static json_t *stage_to_json(const struct stage *stage) {
    json_t *object = json_object();
    json_set_str(object, "label", stage->label);
    json_set_integer(object, "index", stage->index);
    json_set_integer(object, "line", stage->line);
    json_set_integer(object, "steps", stage->step_count);
    set_id(object, "last", stage->last);
    json_t *lines = json_array();
    for (size_t i = 0; i < stage->lines.count; i++) {
        const struct stage_line *line = &stage->lines.items[i];
        json_t *item = json_object();
        json_set_str(item, "text", line->text);
        json_set_integer(item, "line", line->line);
        set_id(item, "step", line->step);
        json_array_append_new(lines, item);
    }
    json_object_set_new(object, "instructions", lines);
    return object;
}

static json_t *image_to_json(const struct step *step) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    const struct image_config *config = &step->image.config;
    const struct platform platform = { config->os, config->architecture, config->variant };
    json_t *object = json_object();
    set_id(object, "step", step);
    json_set_str(object, "target", step->stage->label);
    json_set_str(object, "platform", platform_format(&platform, &arena));
    return object;
}

static json_t *estimate_to_json(const struct plan *plan) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct estimate estimate = estimate_plan(plan, &arena);
    json_t *object = json_object();
    json_set_integer(object, "cached", estimate.cached);
    json_set_integer(object, "run", estimate.to_run);
    json_set_integer(object, "deferred", estimate.deferred);
    json_set_integer(object, "unknown", estimate.unknown);
    json_set_integer(object, "bytes", estimate.bytes);
    json_set_integer(object, "work", estimate.work);
    json_set_integer(object, "duration", estimate.path);
    json_t *critical = json_array();
    for (size_t i = 0; i < estimate.critical_count; i++) {
        json_array_append_new(critical, json_integer(estimate.critical[i]->id));
    }
    json_object_set_new(object, "critical", critical);
    return object;
}

void print_json(struct buf *out, const struct plan *plan) {
    _cleanup_json_ json_t *root = json_object();
    json_set_integer(root, "version", 1);
    json_set_str(root, "dockerfile", str_of(plan->dockerfile->name));
    json_set_str(root, "target", plan->target->label);
    json_t *images = json_array();
    for (size_t i = 0; i < plan->images.count; i++) {
        json_array_append_new(images, image_to_json(plan->images.items[i]));
    }
    json_object_set_new(root, "images", images);
    json_t *steps = json_array();
    for (size_t i = 0; i < plan->step_count; i++) {
        json_array_append_new(steps, step_to_json(plan->steps[i]));
    }
    json_object_set_new(root, "steps", steps);
    json_t *stages = json_array();
    for (size_t i = 0; i < plan->stage_count; i++) {
        json_array_append_new(stages, stage_to_json(plan->stages[i]));
    }
    json_object_set_new(root, "stages", stages);
    json_t *skipped = json_array();
    for (size_t i = 0; i < plan->skipped_count; i++) {
        json_t *object = json_object();
        json_set_str(object, "label", plan->skipped[i].label);
        json_set_integer(object, "line", plan->skipped[i].line);
        json_set_str(object, "reason", print_skip_reason(plan, &plan->skipped[i]));
        json_array_append_new(skipped, object);
    }
    json_object_set_new(root, "skipped", skipped);
    json_object_set_new(root, "estimate", estimate_to_json(plan));
    json_t *warnings = json_array();
    for (size_t i = 0; i < plan->warnings.count; i++) {
        json_array_append_new(warnings, json_from_str(plan->warnings.items[i]));
    }
    json_object_set_new(root, "warnings", warnings);
    json_write_indented(out, root, 2);
}
