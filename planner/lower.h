/* lower: the instructions of one stage to steps and config. Internal to this folder. */
#ifndef BUD_PLANNER_LOWER_H
#define BUD_PLANNER_LOWER_H

#include "planner/history.h"
#include "planner/planning.h"

struct lowering {
    struct planning *planning;
    struct arena *arena;
    struct stage_draft *draft;
    struct stage *stage;
    struct scope scope;
    struct image_config *config; /* the stage's */
    const struct step *last;     /* the file system so far */
    bool has_cmd;                /* CMD occurred in this stage */
    bool is_trigger;             /* the instruction comes from the base's ONBUILD */
    const struct instruction *instruction;
    char escape;
};

/* All of DRAFT, whose base and inputs are lowered. */
int lower_stage(struct planning *planning, struct stage_draft *draft, struct error *error);

/* ---- for the lower_*.c files ---- */

/* Gives ERROR the place of WORD, or of FROM for a trigger. Returns -1. */
int lower_error_at(const struct lowering *lowering, struct span span, struct error *error);
/* WORD expanded; errors have its place. */
int lower_word(const struct lowering *lowering, const struct ast_word *word, struct str *out,
               struct error *error);
/* The instruction as it is printed. */
struct str lower_text(const struct lowering *lowering);
/* A new numbered step on top of the stage; not yet its last (lower_finish_step). */
struct step *lower_new_step(struct lowering *lowering, enum step_kind kind, struct str text);
/* The step becomes the stage's file system and gets its history entry. */
void lower_finish_step(struct lowering *lowering, struct step *step, struct str created_by);
/* An entry without a layer. */
void lower_history(struct lowering *lowering, struct str created_by);
/* The stage's directory: "/" when none was set. */
struct str lower_directory(const struct lowering *lowering);
/* SHELL, or its default. */
struct str_list lower_shell(const struct lowering *lowering);
/* The input that --from=TEXT (len 0: the build context) names. */
int lower_input(struct lowering *lowering, struct str text, bool is_mount, struct span span,
                struct step_input *out, struct error *error);

int lower_config(struct lowering *lowering, struct error *error); /* the metadata instructions */
int lower_run(struct lowering *lowering, struct error *error);
int lower_mounts(struct lowering *lowering, struct step *step, struct error *error);
int lower_copy(struct lowering *lowering, struct error *error);

#endif
