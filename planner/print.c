#include "planner/print.h"

#include "planner/content.h"

#include <stdio.h>

/* Longest instruction text shown in the tree, in bytes. */
#define MAX_TEXT 72

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

/* One line of it, without control characters: nothing a Dockerfile says may move the cursor. */
static void append_text(struct buf *out, struct str text) {
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (len >= MAX_TEXT && (c & 0xc0) != 0x80) {
            buf_append_c(out, "…");
            return;
        }
        buf_append_byte(out, c < 0x20 || c == 0x7f ? ' ' : (char)c);
        len++;
    }
}

static const char *state_name(const struct step *step) {
    return step->state == STEP_HIT ? "HIT" : step->state == STEP_MISS ? "MISS" : "DEFERRED";
}

static const char *state_colour(const struct step *step) {
    return step->state == STEP_HIT ? "32" : step->state == STEP_MISS ? "33" : "36";
}

static void append_amount(struct buf *out, uint64_t bytes) {
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    double amount = (double)bytes;
    size_t unit = 0;
    while (amount >= 1024 && unit < 4) {
        amount /= 1024;
        unit++;
    }
    buf_printf(out, unit == 0 ? "%.0f %s" : "%.1f %s", amount, units[unit]);
}

static void append_duration(struct buf *out, uint64_t nanoseconds) {
    buf_printf(out, "%.1f s", (double)nanoseconds / 1e9);
}

/* What a step that runs will read of the context. */
static void append_size(struct buf *out, const struct step *step) {
    for (size_t i = 0; step->state != STEP_HIT && i < step->input_count; i++) {
        const struct content *content = step->inputs[i].details;
        if (content) {
            buf_printf(out, " (%llu file%s, ", (unsigned long long)content->files,
                       content->files == 1 ? "" : "s");
            append_amount(out, content->bytes);
            buf_append_byte(out, ')');
        }
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
    append_text(out, line->text);
    buf_printf(out, "  :%u", line->line);
    append_size(out, step);
    if (step->state != STEP_HIT) {
        buf_append_c(out, "  ");
        struct buf reason = BUF_INIT;
        buf_append_c(&reason, "← ");
        append_text(&reason, step->reason);
        paint(painter, "2", reason.data);
        buf_free(&reason);
        if (!step->is_needed) {
            paint(painter, "2", ", not needed");
        }
    } else if (step->record.duration > 0) {
        buf_append_c(out, "  took ");
        append_duration(out, step->record.duration);
    }
    buf_append_byte(out, '\n');
}

static void print_line(const struct painter *painter, const struct stage_line *line,
                       const char *branch) {
    struct buf *out = painter->out;
    struct buf text = BUF_INIT;
    append_text(&text, line->text);
    buf_printf(&text, "  :%u", line->line);
    buf_append_c(out, branch);
    buf_printf(out, "%-7s %-8s ", "", "");
    paint(painter, "2", text.data);
    buf_append_byte(out, '\n');
    buf_free(&text);
}

static void print_stage(const struct painter *painter, const struct plan *plan,
                        const struct stage *stage) {
    struct buf label = BUF_INIT;
    append_text(&label, stage->label);
    paint(painter, "1", label.data ? label.data : "");
    buf_free(&label);
    buf_printf(painter->out, "%s\n", stage == plan->target ? "  (target)" : "");
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
            append_text(painter->out, step->text);
            buf_append_c(painter->out, "  ");
            paint(painter, state_colour(step), state_name(step));
            buf_append_byte(painter->out, '\n');
        }
    }
}

static void print_image(const struct painter *painter, const struct step *step) {
    struct buf name = BUF_INIT;
    append_text(&name, step->text);
    paint(painter, "1", name.data ? name.data : "");
    buf_free(&name);
    buf_append_c(painter->out, "  ");
    paint(painter, state_colour(step), state_name(step));
    if (step->state == STEP_HIT) {
        buf_printf(painter->out, "  %.12s", step->record.result.data);
    } else {
        buf_append_c(painter->out, "  ← ");
        append_text(painter->out, step->reason);
    }
    buf_append_byte(painter->out, '\n');
}

struct counts {
    size_t hits, runs, deferred;
    uint64_t bytes; /* to copy from the context */
};

static struct counts count_steps(const struct plan *plan) {
    struct counts counts = { 0 };
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct step *step = plan->steps[i];
        if (step->kind == STEP_IMAGE || step->kind == STEP_SOURCE) {
            continue;
        }
        if (step->state == STEP_HIT) {
            counts.hits++;
        } else if (step->is_needed) {
            counts.runs += step->state == STEP_MISS;
            counts.deferred += step->state == STEP_DEFERRED;
            for (size_t j = 0; j < step->input_count; j++) {
                counts.bytes += step->inputs[j].details ? step->inputs[j].details->bytes : 0;
            }
        }
    }
    return counts;
}

static void print_summary(const struct painter *painter, const struct plan *plan) {
    struct counts counts = count_steps(plan);
    struct buf *out = painter->out;
    if (counts.runs == 0 && counts.deferred == 0 && plan->image->state == STEP_HIT) {
        buf_append_c(out, "nothing to do\n");
        return;
    }
    buf_printf(out, "%zu to run, %zu cached", counts.runs, counts.hits);
    if (counts.deferred > 0) {
        buf_printf(out, ", %zu decided later", counts.deferred);
    }
    if (counts.bytes > 0) {
        buf_append_c(out, ", ");
        append_amount(out, counts.bytes);
        buf_append_c(out, " to copy");
    }
    buf_append_byte(out, '\n');
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
        append_text(out, plan->skipped[i].label);
        buf_printf(out, "  :%u (the target does not need it)\n", plan->skipped[i].line);
    }
    print_summary(&painter, plan);
}
