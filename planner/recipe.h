/* recipe: the ingredients of a step in canonical order, and the key they make. Internal to this folder.
 *
 * docs/plan.md lists the ingredients of every kind of step. */
#ifndef BUD_PLANNER_RECIPE_H
#define BUD_PLANNER_RECIPE_H

#include "base/vec.h"
#include "planner/content.h"
#include "planner/plan.h"

/* Ingredients while they are gathered, in an arena. */
struct ingredient_list {
    struct ingredient *items;
    size_t count;
    size_t capacity;
};

static inline void ingredient_add(struct ingredient_list *list, struct arena *arena,
                                  struct str name, struct str value) {
    arena_vec_push(arena, list, (struct ingredient){ name, value });
}

/* Fills step->ingredients and step->key. Parent and inputs must be known: their keys, the content of the latter. */
void recipe_make(const struct plan *plan, struct step *step, struct arena *arena);
/* The identity of the file system after STEP, whose key is known, as those of independent steps below are and of the first
 * other one: its key, for an independent step together with what is below. */
struct digest recipe_root(const struct step *step);
/* Are all keys known that recipe_root() wants? STEP NULL: yes. */
bool recipe_has_root(const struct step *step);
/* The first ingredient of every step: "copy", "run" … */
struct str recipe_kind(const struct step *step);
/* The FROM that STEP stands on, with nothing but independent steps between; NULL: there is none. */
const struct step *recipe_base(const struct step *step);
/* What the Dockerfile or the command line calls that image; in ARENA. */
struct str recipe_base_name(const struct step *base, struct arena *arena);
/* How a record says what its step reads. */
enum recipe_detail {
    DETAIL_FILES,       /* "file PATH" */
    DETAIL_DIRECTORIES, /* "directory PATH", for the entries in it: of very many files */
    DETAIL_TREES, /* "directories NAME", for all below an entry of the root: of very many directories */
};
enum recipe_detail recipe_detail(const struct content *content);
/* INPUT is of a context, and its details are known. */
void recipe_add_content(struct ingredient_list *list, struct arena *arena,
                        const struct step_input *input, enum recipe_detail detail);
/* How paths of a context are told: "[NAME] " before those of a named one, in ARENA; split off again from a PATH that is told. */
struct str recipe_origin(const struct step_input *input, struct arena *arena);
struct str recipe_split_origin(struct str *path);
/* Adds what explains a later miss: the image below, which variables are ARGs, what is mounted, the sources as written, and the
 * files the step reads, one by one, or by directory when they are very many. They are covered by the parent, the variables and the content, and
 * do not change the key. */
void recipe_add_explanations(struct step *step, struct arena *arena);
/* Was RECORD made for this stage of this Dockerfile? One that another found as well says how that one wrote it. */
bool recipe_is_own(const struct step *step, const struct cache_record *record);
/* Does the record that STEP, a hit, has found say all that but the files? True when it is another's to say it: of a Dockerfile or
 * stage that it was made for, or the first of those of PLAN that found the same. */
bool recipe_is_told(const struct plan *plan, const struct step *step);

#endif
