/* A plan as a graph for other programs: dot (Graphviz) and Mermaid. */
#include "planner/print.h"

/* The words of a language. */
struct language {
    void (*text)(struct buf *out, struct str text); /* inside quotes */
    const char *line_break;
};

/* ---- the text of a step ---- */

static const char *state_name(const struct step *step) {
    static const char *const names[] = { "HIT", "MISS", "DEFERRED" };
    return names[step->state];
}

/* Three lines: the instruction; its state and time; why. */
static void append_label(struct buf *out, const struct language *language,
                         const struct step *step) {
    struct buf text = BUF_INIT;
    print_text(&text, step->text);
    language->text(out, buf_str(&text));
    struct str image = print_source_name(step, step->text);
    if (image.len > 0) {
        buf_append_c(out, " = ");
        language->text(out, image);
    }
    buf_append_c(out, language->line_break);
    buf_append_c(out, state_name(step));
    uint64_t duration = step->state == STEP_HIT ? step->record.duration : step->expected;
    if (duration >= PRINT_SHORTEST) {
        buf_append_byte(out, ' ');
        print_duration(out, duration);
    }
    if (step->state != STEP_HIT && step->reason.len > 0) {
        buf_append_c(out, language->line_break);
        buf_reset(&text);
        print_text(&text, step->reason);
        language->text(out, buf_str(&text));
    }
    buf_free(&text);
}

/* ---- dot ---- */

static void dot_text(struct buf *out, struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c == '"' || c == '\\') {
            buf_append_byte(out, '\\');
        }
        buf_append_byte(out, c < 0x20 || c == 0x7f ? ' ' : (char)c);
    }
}

static const struct language dot = { dot_text, "\\n" };

static const char *fill_of(const struct step *step) {
    static const char *const colours[] = { "#c8e6c9", "#ffe0b2", "#b3e5fc" };
    return colours[step->state];
}

static void dot_step(struct buf *out, const struct step *step) {
    buf_printf(out, "        s%u [label=\"", step->id);
    append_label(out, &dot, step);
    buf_printf(out, "\", fillcolor=\"%s\"%s];\n", fill_of(step),
               step->state != STEP_HIT && !step->is_needed ? ", style=\"filled,dashed\"" : "");
}

/* Images that are only copied from, and the output, stand outside the stages. */
static bool is_in_stage(const struct step *step, const struct stage *stage) {
    return step->stage == stage && step->number > 0;
}

void print_dot(struct buf *out, const struct plan *plan) {
    buf_append_c(out,
                 "digraph plan {\n    rankdir=TB;\n"
                 "    node [shape=box, style=filled, fontname=\"sans-serif\", fontsize=10];\n");
    for (size_t i = 0; i < plan->stage_count; i++) {
        buf_printf(out, "    subgraph cluster_%zu {\n        label=\"", i);
        dot_text(out, plan->stages[i]->label);
        buf_append_c(out, "\";\n");
        for (size_t j = 0; j < plan->step_count; j++) {
            if (is_in_stage(plan->steps[j], plan->stages[i])) {
                dot_step(out, plan->steps[j]);
            }
        }
        buf_append_c(out, "    }\n");
    }
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct step *step = plan->steps[i];
        if (step->number == 0) {
            dot_step(out, step);
        }
        if (step->parent) {
            buf_printf(out, "    s%u -> s%u;\n", step->parent->id, step->id);
        }
        for (size_t j = 0; j < step->input_count; j++) {
            const struct step_input *input = &step->inputs[j];
            if (input->step) {
                buf_printf(out, "    s%u -> s%u [style=dashed];\n", input->step->id, step->id);
            }
        }
    }
    buf_append_c(out, "}\n");
}

/* ---- Mermaid ---- */

static void mermaid_text(struct buf *out, struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (strchr("\"#<>&;`\\", c) != NULL && c != '\0') {
            buf_printf(out, "#%u;", c);
        } else {
            buf_append_byte(out, c < 0x20 || c == 0x7f ? ' ' : (char)c);
        }
    }
}

static const struct language mermaid = { mermaid_text, "<br>" };

static void mermaid_step(struct buf *out, const struct step *step) {
    static const char *const classes[] = { "hit", "miss", "deferred" };
    buf_printf(out, "        s%u[\"", step->id);
    append_label(out, &mermaid, step);
    buf_printf(out, "\"]:::%s\n", classes[step->state]);
}

void print_mermaid(struct buf *out, const struct plan *plan) {
    buf_append_c(out, "flowchart TB\n    classDef hit fill:#c8e6c9,stroke:#555\n"
                      "    classDef miss fill:#ffe0b2,stroke:#555\n"
                      "    classDef deferred fill:#b3e5fc,stroke:#555\n");
    for (size_t i = 0; i < plan->stage_count; i++) {
        buf_printf(out, "    subgraph g%zu[\"", i);
        mermaid_text(out, plan->stages[i]->label);
        buf_append_c(out, "\"]\n");
        for (size_t j = 0; j < plan->step_count; j++) {
            if (is_in_stage(plan->steps[j], plan->stages[i])) {
                mermaid_step(out, plan->steps[j]);
            }
        }
        buf_append_c(out, "    end\n");
    }
    for (size_t i = 0; i < plan->step_count; i++) {
        const struct step *step = plan->steps[i];
        if (step->number == 0) {
            mermaid_step(out, step);
        }
        if (step->parent) {
            buf_printf(out, "    s%u --> s%u\n", step->parent->id, step->id);
        }
        for (size_t j = 0; j < step->input_count; j++) {
            if (step->inputs[j].step) {
                buf_printf(out, "    s%u -.-> s%u\n", step->inputs[j].step->id, step->id);
            }
        }
    }
}
