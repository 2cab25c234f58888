/* print: a plan as text. Pure functions of the plan. */
#ifndef BUD_PLANNER_PRINT_H
#define BUD_PLANNER_PRINT_H

#include "planner/plan.h"

/* Nanoseconds; what took less is not worth telling. */
#define PRINT_SHORTEST 1000000

/* A tree by stage: number, instruction, line, HIT/MISS/DEFERRED and why; skipped stages; a summary line. */
void print_tree(struct buf *out, const struct plan *plan, bool is_coloured);
/* One JSON object, schema in docs/plan.md. */
void print_json(struct buf *out, const struct plan *plan);
/* The steps and what they wait for, a box a stage, in the languages of Graphviz and Mermaid. */
void print_dot(struct buf *out, const struct plan *plan);
void print_mermaid(struct buf *out, const struct plan *plan);

/* Why a stage is not built. */
struct str print_skip_reason(const struct plan *plan, const struct stage_skip *skip);
/* The image of a FROM whose TEXT does not name it as it is meant; else empty. */
struct str print_source_name(const struct step *step, struct str text);
/* "1.1 MB": decimal units, three significant digits. */
void print_amount(struct buf *out, uint64_t bytes);
/* "41.2 s", of nanoseconds. */
void print_duration(struct buf *out, uint64_t nanoseconds);
/* TEXT without control characters, cut after a number of bytes fit for a line; and TEXT as a whole. */
void print_text(struct buf *out, struct str text);
void print_whole(struct buf *out, struct str text);

#endif
