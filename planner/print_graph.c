/* A plan as a graph for other programs: dot (Graphviz) and Mermaid. */
#include "planner/print.h"

/* How a language says it. */
struct language {
    const char *begin, *end;
    const char *stage, *label, *label_end, *stage_end; /* around a stage's number, name and steps */
    const char *parent, *parent_end, *input, *input_end; /* between two steps, and behind them */
    const char *line_break;
    void (*text)(struct buf *out, struct str text); /* inside quotes */
    void (*step)(struct buf *out, const struct language *language, const struct step *step);
};

/* ---- the text of a step ---- */

static const char *state_name(const struct step *step) {
    static const char *const names[] = { "HIT", "MISS", "DEFERRED" };
    return names[step_shown_state(step)];
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
        print_whole(&text, step->reason);
        language->text(out, buf_str(&text));
    }
    buf_free(&text);
}

/* ---- the graph ---- */

/* Images that are only copied from, and the output, stand outside the stages; what is shared with an earlier stage is in
 * that one. */
static bool is_in_stage(const struct step *step, const struct stage *stage) {
    return step && step->stage == stage && step->number > 0;
}

static void append_stage(struct buf *out, const struct language *language, const struct plan *plan,
                         size_t number) {
    const struct stage *stage = plan->stages[number];
    buf_printf(out, "    subgraph %s%zu%s", language->stage, number, language->label);
    language->text(out, stage->label);
    buf_append_c(out, language->label_end);
    for (size_t i = 0; i < stage->lines.count; i++) {
        const struct step *step = stage->lines.items[i].step;
        if (is_in_stage(step, stage)) {
            language->step(out, language, step);
        }
    }
    buf_append_c(out, language->stage_end);
}

static void append_edges(struct buf *out, const struct language *language,
                         const struct step *step) {
    if (step->parent) {
        buf_printf(out, "    s%u %s s%u%s\n", step->parent->id, language->parent, step->id,
                   language->parent_end);
    }
    for (size_t i = 0; i < step->input_count; i++) {
        if (step->inputs[i].step) {
            buf_printf(out, "    s%u %s s%u%s\n", step->inputs[i].step->id, language->input,
                       step->id, language->input_end);
        }
    }
}

static void append_graph(struct buf *out, const struct language *language,
                         const struct plan *plan) {
    buf_append_c(out, language->begin);
    for (size_t i = 0; i < plan->stage_count; i++) {
        append_stage(out, language, plan, i);
    }
    for (size_t i = 0; i < plan->step_count; i++) {
        if (plan->steps[i]->number == 0) {
            language->step(out, language, plan->steps[i]);
        }
        append_edges(out, language, plan->steps[i]);
    }
    buf_append_c(out, language->end);
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

static const char *fill_of(const struct step *step) {
    static const char *const colours[] = { "#c8e6c9", "#ffe0b2", "#b3e5fc" };
    return colours[step_shown_state(step)];
}

static void dot_step(struct buf *out, const struct language *language, const struct step *step) {
    buf_printf(out, "        s%u [label=\"", step->id);
    append_label(out, language, step);
    buf_printf(out, "\", fillcolor=\"%s\"];\n", fill_of(step));
}

static const struct language dot = {
    .begin = "digraph plan {\n    rankdir=TB;\n"
             "    node [shape=box, style=filled, fontname=\"sans-serif\", fontsize=10];\n",
    .end = "}\n",
    .stage = "cluster_",
    .label = " {\n        label=\"",
    .label_end = "\";\n",
    .stage_end = "    }\n",
    .parent = "->",
    .parent_end = ";",
    .input = "->",
    .input_end = " [style=dashed];",
    .line_break = "\\n",
    .text = dot_text,
    .step = dot_step,
};

void print_dot(struct buf *out, const struct plan *plan) {
    append_graph(out, &dot, plan);
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

static void mermaid_step(struct buf *out, const struct language *language,
                         const struct step *step) {
    static const char *const classes[] = { "hit", "miss", "deferred" };
    buf_printf(out, "        s%u[\"", step->id);
    append_label(out, language, step);
    buf_printf(out, "\"]:::%s\n", classes[step_shown_state(step)]);
}

static const struct language mermaid = {
    .begin = "flowchart TB\n    classDef hit fill:#c8e6c9,stroke:#555\n"
             "    classDef miss fill:#ffe0b2,stroke:#555\n"
             "    classDef deferred fill:#b3e5fc,stroke:#555\n",
    .end = "",
    .stage = "g",
    .label = "[\"",
    .label_end = "\"]\n",
    .stage_end = "    end\n",
    .parent = "-->",
    .parent_end = "",
    .input = "-.->",
    .input_end = "",
    .line_break = "<br>",
    .text = mermaid_text,
    .step = mermaid_step,
};

void print_mermaid(struct buf *out, const struct plan *plan) {
    append_graph(out, &mermaid, plan);
}
