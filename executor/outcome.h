/* outcome: what each step of the plan has come to, while the executor runs.
 *
 * One table entry a step, guarded by the scheduler's lock; an entry that is ready does not change any more. */
#ifndef BUD_EXECUTOR_OUTCOME_H
#define BUD_EXECUTOR_OUTCOME_H

#include "planner/plan.h"
#include "store/layer.h"
#include "store/snapshot.h"
#include "store/store.h"

struct outcome {
    bool is_ready;        /* the file system of the step can be mounted */
    const char *path;     /* directory the step wrote, or NULL (source: see the layers) */
    const char *layer;    /* its layer ID once published, else NULL */
    const char *snapshot; /* its snapshot ID, or NULL (source) */
    const char *result;   /* identity others record: snapshot ID, image ID, outcomes_merged() */
    int64_t created;      /* ns */
};

struct outcomes {
    struct arena *arena;
    const struct store *store;
    const struct plan *plan;
    struct layer_list layers; /* the store's, when execution began */
    struct outcome *items;    /* by step id */
};

int outcomes_new(const struct store *store, const struct plan *plan, struct arena *arena,
                 struct outcomes *out, struct error *error);
/* The identity of STEP's file system when OWN is its snapshot: of an independent step together with what is below it, which
 * must be ready. */
const char *outcomes_merged(struct outcomes *outcomes, const struct step *step, const char *own);
/* Finds the directories of every needed step that is a hit, and of an independent one whose parent has to run only then.
 * ERROR_CHANGED when one is gone. */
int outcomes_locate(struct outcomes *outcomes, struct cache *cache, struct error *error);
/* Directories to mount for STEP's file system, top first, in ARENA; STEP NULL is empty. Everything below must be
 * ready. ERROR_CHANGED when a base layer is gone. */
int outcomes_stack(const struct outcomes *outcomes, const struct step *step, struct arena *arena,
                   const char ***directories, size_t *count, struct error *error);
/* The directory, in ARENA, whose mode and owner the root of STEP's file system has; NULL: none. That of what an independent
 * step is laid over, whatever its own directory was made on. */
int outcomes_root(const struct outcomes *outcomes, const struct step *step, struct arena *arena,
                  const char **directory, struct error *error);
/* The published layers that running steps rely on and no other of them contains: what has to be protected. */
size_t outcomes_tops(const struct outcomes *outcomes, struct arena *arena, const char ***layers,
                     const char ***images);
/* What STEP's result is called in records: "" for NULL. */
struct str outcomes_result(const struct outcomes *outcomes, const struct step *step);

#endif
