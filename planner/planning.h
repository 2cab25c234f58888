/* planning: what the parts of the planner share while one plan is made. Internal to this folder.
 *
 * The way of a plan: stage_draft.c cuts the Dockerfile into stages and finds which are needed, lower*.c turns the
 * instructions of each into steps and config, lookup.c finds what is there already. */
#ifndef BUD_PLANNER_PLANNING_H
#define BUD_PLANNER_PLANNING_H

#include "base/map.h"
#include "planner/plan.h"
#include "planner/planner.h"
#include "planner/platform.h"
#include "planner/scope.h"
#include "registry/oci_layout.h"
#include "store/image.h"

/* An image that some stage uses. */
struct base_image {
    struct str name; /* as written */
    const struct image *image;
    const struct oci_image *layout; /* where it is when the store has not got it; else NULL */
    bool is_listed; /* by a manifest list of that name, for the platform asked for */
    struct image_config config;
    const struct step *step; /* its file system, for COPY --from and mounts; NULL: not needed yet */
};

/* A directory, image or stage that stands for what a name means otherwise (--build-context). */
struct named_context;

enum base_kind { BASE_SCRATCH, BASE_STAGE, BASE_IMAGE, BASE_DIRECTORY };

/* A stage of the Dockerfile before (and while) it is lowered. */
struct stage_draft {
    unsigned index;
    const struct instruction *from;
    struct instruction *const *instructions; /* those after FROM */
    size_t instruction_count;
    struct str name;  /* lower-cased, "" none */
    struct str label; /* name, or stage-N */
    struct str image; /* FROM's argument, expanded */
    struct str title; /* what that is, for messages: "image debian:12", "stage build" */
    struct platform platform;
    bool has_platform; /* FROM --platform, of this stage or of one below */
    enum base_kind base;
    struct stage_draft *base_stage;
    struct base_image *base_image;
    struct named_context *context; /* what the base is instead of what FROM says, or NULL */
    bool is_replaced;              /* by CONTEXT, the instructions too */
    struct instruction **triggers; /* ONBUILD of the base, placed at FROM */
    size_t trigger_count;
    bool is_needed;
    bool is_uncached;    /* --no-cache-filter */
    struct stage *stage; /* when lowered */
    struct scope scope;  /* at its end */
};

/* All stages of one name, in the order of the file. */
struct stage_name {
    struct stage_draft **items;
    size_t count, capacity;
};

struct planning {
    const struct plan_request *request;
    const struct store *store;
    struct cache *cache;
    struct plan *plan;
    struct arena *arena; /* the plan's */
    struct image_list images;
    bool has_images;
    struct name_values build_args; /* those that have a value */
    struct {
        struct named_context *items;
        size_t count, capacity;
    } named_contexts;
    /* Of the platform that is planned at present: */
    struct platform platform;
    struct scope globals;
    struct stage_draft *drafts;
    size_t draft_count;
    struct stage_draft *target;
    struct map stage_names; /* name -> struct stage_name */
    /* Of all platforms: */
    struct map base_images;     /* name -> struct base_image */
    const struct tree *context; /* the build context; NULL: no step has asked for it yet */
    size_t step_capacity, stage_capacity, skipped_capacity;
};

/* ERROR gets the place SPAN of the Dockerfile; returns -1. */
int planning_error_at(const struct planning *planning, struct span span, struct error *error);
/* ERROR_INPUT at SPAN when the plan has grown beyond any use. */
int planning_check_size(const struct planning *planning, struct span span, struct error *error);
/* The same for COUNT (variables, labels …), above NAMES_MAX: they are searched one by one. */
int planning_check_count(const struct planning *planning, const char *what, size_t count,
                         struct span span, struct error *error);
void planning_warn(struct planning *planning, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
struct step *planning_new_step(struct planning *planning, enum step_kind kind,
                               const struct stage *stage);
/* Puts STEP at the end of the plan, after all it needs. */
void planning_append_step(struct planning *planning, struct step *step);
/* The stored image called NAME, of a manifest list the one for PLATFORM, its config read; ERROR_NOT_FOUND with a hint when there
 * is none. No place. */
int planning_find_image(struct planning *planning, struct str name, const struct platform *platform,
                        struct base_image **out, struct error *error);
/* The image LAYOUT, called NAME: the store's own if it has the same, else what it will be there, which is known already. No
 * place. */
int planning_take_layout(struct planning *planning, struct str name, const struct oci_image *layout,
                         struct base_image **out, struct error *error);
/* A stored image for PLATFORM that was called NAME before another one took the name, as when the image is pulled for one
 * platform after the other; the best one, then the newest. *OUT NULL: there is none. */
int planning_find_former_image(struct planning *planning, struct str name,
                               const struct platform *platform, struct base_image **out,
                               struct error *error);
/* "the store ROOT", and what is wrong with it when it has no images at all. */
const char *planning_store_title(struct planning *planning);
/* The stored image that NAME may have been meant to be, short, or NULL. */
const char *planning_nearest_image(struct planning *planning, struct str name);
/* DIRECTORY as a tree of the plan: the user's (context_open()), or fetched from ORIGIN. */
int planning_open_context(struct planning *planning, const char *directory, const char *origin,
                          const char *dockerfile, const char *ignore_file, const struct tree **out,
                          struct error *error);
/* The build context, opened when it is asked for first; the request has one. */
int planning_main_context(struct planning *planning, const struct tree **out, struct error *error);

/* named_context.c: reads and checks what --build-context gave. */
int named_contexts_read(struct planning *planning, struct error *error);
void named_contexts_warn_unused(struct planning *planning);

/* secrets.c: warns of secrets that are wanted and not given, or given and not wanted. The steps have been looked up. */
void secrets_warn(struct planning *planning);

/* stage_draft.c */
int stage_drafts_make(struct planning *planning, struct error *error);
/* Finds the target, the bases, and which stages are needed. */
int stage_drafts_resolve(struct planning *planning, struct error *error);

/* The name among the first LIMIT stages that NAME may have been meant to be, or NULL. */
const char *stage_draft_nearest(struct planning *planning, struct str name, size_t limit);
/* The last stage called NAME (lower case) before the stage INDEX, or NULL. */
struct stage_draft *stage_draft_before(const struct planning *planning, struct str name,
                                       unsigned index);

/* arguments.c: global ARGs. */
int arguments_read(struct planning *planning, struct error *error);
/* ARG of a stage or, with IS_GLOBAL, before the first FROM. SET (may be NULL) gets what was declared, for the history.
 * Errors have the place of the value, or PLACE when it is not NULL (a trigger's FROM). */
int arguments_declare(struct planning *planning, struct scope *scope, bool is_global,
                      const struct instruction *instruction, char escape, struct name_values *set,
                      const struct span *place, struct error *error);
void arguments_warn_unused(struct planning *planning);

#endif
