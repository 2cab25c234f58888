#include "planner/print.h"

#include "planner/content.h"
#include "planner/estimate.h"

#include <assert.h>
#include <stdio.h>

/* Longest instruction text shown in the tree, in bytes. */
#define MAX_TEXT 72
#define MILLISECOND 1000000 /* ns */

struct painter {
    struct buf *out;
    bool is_coloured;
};

static void paint(const struct painter *painter, const char *colour, const char *text) {
    if (painter->is_coloured) {
        buf_printf(painter->out, "\033[%sm%s\033[0m", colour, text);
    } else {
        buf_append_c(painter->out, text);
    }
}

/* One line of it, without control characters, those of eight bits (U+0080 to U+009F) included: nothing a Dockerfile says may
 * move the cursor. */
static void print_up_to(struct buf *out, struct str text, size_t limit) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (i >= limit && (c & 0xc0) != 0x80) {
            buf_append_c(out, "…");
            return;
        }
        if (c == 0xc2 && i + 1 < text.len && (unsigned char)text.data[i + 1] < 0xa0) {
            c = ' ';
            i++;
        }
        buf_append_byte(out, c < 0x20 || c == 0x7f ? ' ' : (char)c);
    }
}

void print_text(struct buf *out, struct str text) {
    print_up_to(out, text, MAX_TEXT);
}

void print_whole(struct buf *out, struct str text) {
    print_up_to(out, text, SIZE_MAX);
}

static const char *state_name(const struct step *step) {
    static const char *const names[] = { "HIT", "MISS", "DEFERRED" };
    return names[step_shown_state(step)];
}

static const char *state_colour(const struct step *step) {
    static const char *const colours[] = { "32", "33", "36" };
    return colours[step_shown_state(step)];
}

void print_amount(struct buf *out, uint64_t bytes) {
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB", "EB" };
    double amount = (double)bytes;
    size_t unit = 0;
    /* 999.5 would be printed as 1e+03. */
    while (amount >= 999.5 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        amount /= 1000;
        unit++;
    }
    buf_printf(out, "%.3g %s", amount, units[unit]);
}

void print_duration(struct buf *out, uint64_t nanoseconds) {
    uint64_t seconds = nanoseconds / 1000000000;
    if (nanoseconds < MILLISECOND) {
        buf_append_c(out, "under 1 ms");
    } else if (seconds == 0) {
        buf_printf(out, "%u ms", (unsigned)(nanoseconds / MILLISECOND));
    } else if (seconds < 60) {
        buf_printf(out, "%.1f s", (double)nanoseconds / 1e9);
    } else {
        buf_printf(out, "%u min %u s", (unsigned)(seconds / 60), (unsigned)(seconds % 60));
    }
}

/* What a step that runs will read of the context. */
static void append_size(struct buf *out, const struct step *step) {
    for (size_t i = 0; step->state != STEP_HIT && i < step->input_count; i++) {
        const struct content *content = step->inputs[i].details;
        if (content) {
            buf_printf(out, " (%llu file%s, ", (unsigned long long)content->files,
                       content->files == 1 ? "" : "s");
            print_amount(out, content->bytes);
            buf_append_byte(out, ')');
        }
    }
}

/* The step has a line in an earlier stage that tells all about it; it is done, and counted, once. */
static void print_original(const struct painter *painter, const struct step *step) {
    struct buf text = BUF_INIT;
    buf_append_c(&text, "← same as ");
    print_text(&text, step->stage->label);
    buf_printf(&text, " %u/%u", step->number, step->stage->step_count);
    buf_append_c(painter->out, "  ");
    paint(painter, "2", text.data);
    buf_free(&text);
}

/* What comes of it, and why. */
static void print_outcome(const struct painter *painter, const struct step *step) {
    struct buf *out = painter->out;
    append_size(out, step);
    if (step->state != STEP_HIT) {
        buf_append_c(out, "  ");
        struct buf reason = BUF_INIT;
        buf_append_c(&reason, "← ");
        print_whole(&reason, step->reason);
        paint(painter, "2", reason.data);
        buf_free(&reason);
        if (step->expected >= PRINT_SHORTEST) {
            buf_append_c(out, "  took ");
            print_duration(out, step->expected);
            buf_append_c(out, " last time");
        }
    } else if (step->kind == STEP_SOURCE && step->source.layout && step->is_needed) {
        buf_append_c(out, "  ");
        paint(painter, "2", "← read from its OCI layout first");
    } else if (step->record.duration >= PRINT_SHORTEST) {
        buf_append_c(out, "  took ");
        print_duration(out, step->record.duration);
    }
}

/* NUMBER counts within this stage: a step shared by several has another one in its own. */
static void print_step(const struct painter *painter, const struct stage *stage,
                       const struct stage_line *line, unsigned number, const char *branch) {
    struct buf *out = painter->out;
    const struct step *step = line->step;
    char text[32];
    buf_append_c(out, branch);
    snprintf(text, sizeof(text), "%u/%u", number, stage->step_count);
    buf_printf(out, "%-7s ", text);
    snprintf(text, sizeof(text), "%-8s", state_name(step));
    paint(painter, state_colour(step), text);
    buf_append_byte(out, ' ');
    print_text(out, line->text);
    struct str image = print_source_name(step, line->text);
    if (image.len > 0) {
        buf_append_c(out, " = ");
        print_text(out, image);
    }
    buf_printf(out, "  :%u", line->line);
    if (step->stage != stage && step->kind != STEP_SOURCE) {
        print_original(painter, step);
    } else {
        print_outcome(painter, step);
    }
    buf_append_byte(out, '\n');
}

static void print_line(const struct painter *painter, const struct stage_line *line,
                       const char *branch) {
    struct buf *out = painter->out;
    struct buf text = BUF_INIT;
    print_text(&text, line->text);
    buf_printf(&text, "  :%u", line->line);
    buf_append_c(out, branch);
    buf_printf(out, "%-7s %-8s ", "", "");
    paint(painter, "2", text.data);
    buf_append_byte(out, '\n');
    buf_free(&text);
}

/* Every platform has one. */
static bool is_target(const struct plan *plan, const struct stage *stage) {
    for (size_t i = 0; i < plan->images.count; i++) {
        if (plan->images.items[i]->stage == stage) {
            return true;
        }
    }
    return false;
}

static void print_stage(const struct painter *painter, const struct plan *plan,
                        const struct stage *stage) {
    struct buf label = BUF_INIT;
    print_text(&label, stage->label);
    paint(painter, "1", label.data ? label.data : "");
    buf_free(&label);
    buf_printf(painter->out, "%s\n", is_target(plan, stage) ? "  (target)" : "");
    unsigned number = 0;
    for (size_t i = 0; i < stage->lines.count; i++) {
        const struct stage_line *line = &stage->lines.items[i];
        const char *branch = i + 1 == stage->lines.count ? "└─ " : "├─ ";
        if (line->step) {
            print_step(painter, stage, line, ++number, branch);
        } else {
            print_line(painter, line, branch);
        }
    }
}

/* Images that are only copied from. */
static void print_sources(const struct painter *painter, const struct plan *plan) {
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct step *step = plan->steps[i];
        if (step->kind == STEP_SOURCE && step->number == 0) {
            print_text(painter->out, step->text);
            buf_append_c(painter->out, "  ");
            paint(painter, state_colour(step), state_name(step));
            print_outcome(painter, step);
            buf_append_byte(painter->out, '\n');
        }
    }
}

static void print_image(const struct painter *painter, const struct step *step) {
    struct buf name = BUF_INIT;
    print_text(&name, step->text);
    paint(painter, "1", name.data ? name.data : "");
    buf_free(&name);
    buf_append_c(painter->out, "  ");
    paint(painter, state_colour(step), state_name(step));
    if (step->state == STEP_HIT) {
        buf_printf(painter->out, "  %.12s", step->record.result.data);
    } else {
        buf_append_c(painter->out, "  ← ");
        print_whole(painter->out, step->reason);
    }
    buf_append_byte(painter->out, '\n');
}

/* The steps that decide how long it takes, by the numbers they have in their stages. */
static void print_critical(struct buf *out, const struct estimate *estimate) {
    const struct stage *stage = NULL;
    buf_append_c(out, "critical path: ");
    for (size_t i = 0; i < estimate->critical_count; i++) {
        const struct step *step = estimate->critical[i];
        buf_append_c(out, i > 0 ? " → " : "");
        if (step->kind == STEP_IMAGE) {
            buf_append_c(out, "image");
            continue;
        }
        assert(step->stage); /* all but the image have one */
        if (step->stage != stage) {
            stage = step->stage;
            print_text(out, stage->label);
            buf_append_byte(out, ' ');
        }
        buf_printf(out, "%u/%u", step->number, step->stage->step_count);
    }
    buf_append_byte(out, '\n');
}

static bool is_all_there(const struct plan *plan, const struct estimate *estimate) {
    bool is_there = estimate->to_run == 0 && estimate->deferred == 0;
    for (size_t i = 0; i < plan->images.count; i++) {
        is_there &= plan->images.items[i]->state == STEP_HIT;
    }
    return is_there;
}

/* Nothing when no step that takes time was ever built. */
static void print_times(struct buf *out, const struct estimate *estimate) {
    if (estimate->work == 0 || (estimate->work < MILLISECOND && estimate->unknown > 0)) {
        return;
    }
    buf_append_c(out, estimate->path < MILLISECOND ? ", " : ", about ");
    print_duration(out, estimate->path);
    _cleanup_buf_ struct buf path = BUF_INIT;
    _cleanup_buf_ struct buf work = BUF_INIT;
    print_duration(&path, estimate->path);
    print_duration(&work, estimate->work);
    if (!str_equal(buf_str(&work), buf_str(&path))) {
        buf_printf(out, " (%s of work)", work.data);
    }
    if (estimate->unknown > 0) {
        buf_printf(out, " and %zu step%s of unknown length", estimate->unknown,
                   estimate->unknown == 1 ? "" : "s");
    }
}

static void print_summary(const struct painter *painter, const struct plan *plan) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct estimate estimate = estimate_plan(plan, &arena);
    struct buf *out = painter->out;
    if (is_all_there(plan, &estimate)) {
        buf_append_c(out, "nothing to do\n");
        return;
    }
    if (estimate.critical_count > 1) {
        print_critical(out, &estimate);
    }
    buf_printf(out, "%zu to run, %zu cached", estimate.to_run, estimate.cached);
    if (estimate.deferred > 0) {
        buf_printf(out, ", %zu decided later", estimate.deferred);
    }
    if (estimate.bytes > 0) {
        buf_append_c(out, ", ");
        print_amount(out, estimate.bytes);
        buf_append_c(out, " to copy");
    }
    print_times(out, &estimate);
    buf_append_byte(out, '\n');
}

struct str print_skip_reason(const struct plan *plan, const struct stage_skip *skip) {
    return skip->line > plan->target->line ? STR("it comes after the target")
                                           : STR("the target does not need it");
}

/* The image a FROM names, where variables or defaults hide it. */
struct str print_source_name(const struct step *step, struct str text) {
    return step->kind == STEP_SOURCE && step->source.name.len > 0 &&
                   str_find(text, step->source.name) == SIZE_MAX
               ? step->source.name
               : STR_EMPTY;
}

void print_tree(struct buf *out, const struct plan *plan, bool is_coloured) {
    struct painter painter = { out, is_coloured };
    for (size_t i = 0; i < plan->stage_count; i++) {
        print_stage(&painter, plan, plan->stages[i]);
    }
    print_sources(&painter, plan);
    for (size_t i = 0; i < plan->images.count; i++) {
        print_image(&painter, plan->images.items[i]);
    }
    for (size_t i = 0; i < plan->skipped_count; i++) {
        buf_append_c(out, "not built: ");
        print_text(out, plan->skipped[i].label);
        struct str reason = print_skip_reason(plan, &plan->skipped[i]);
        buf_printf(out, "  :%u (%.*s)\n", plan->skipped[i].line, STR_ARG(reason));
    }
    print_summary(&painter, plan);
}
