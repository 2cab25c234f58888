/* explain_part: what the parts of explain.c share while one step is compared with its former record. Internal to them. */
#ifndef BUD_PLANNER_EXPLAIN_PART_H
#define BUD_PLANNER_EXPLAIN_PART_H

#include "base/map.h"
#include "planner/recipe.h"

/* How telling a difference is: own changes before what they come to, and before the parent's. */
enum rank { RANK_OWN, RANK_CONTENT, RANK_PARENT };

struct difference {
    struct str text;
    enum rank rank;
};

struct comparison {
    const struct step *step;
    struct arena *arena;
    struct ingredient_list old, new; /* in the same detail */
    const struct map *before, *now;  /* the same: name -> value */
    int64_t since;                   /* wall clock, ns: when the step of the record began */
    struct {                         /* in the arena */
        struct difference *items;
        size_t count, capacity;
    } list;
    bool
        is_foreign; /* the record was made for another Dockerfile or stage: how that one wrote it is nothing to this one */
    bool has_command;
    bool has_selection;  /* what is taken is written otherwise, and other files are taken */
    bool has_content;    /* files or directories are named */
    bool is_unexplained; /* files came or went that were there before, or are still */
};

void explain_add(struct comparison *c, enum rank rank, struct str text);
/* "NAME: BEFORE → NOW", either of which may be NULL: none. */
struct str explain_change(struct arena *arena, struct str name, const struct str *before,
                          const struct str *now);
/* The same of what has a name of its own, "ENV PATH": "ENV PATH is new". */
struct str explain_named(struct arena *arena, struct str name, const struct str *before,
                         const struct str *now);

/* The same of a variable, which INSTRUCTION made: values of those that are secrets by their names are not told. */
struct str explain_variable(struct arena *arena, const char *instruction, struct str name,
                            const struct str *before, const struct str *now);
/* An entry of an image's history without such values, in ARENA. */
struct str explain_hide_history(struct arena *arena, struct str entry);

/* What became of a path of a context that was read. */
struct fate {
    bool is_read; /* the step reads the context that it is in */
    bool is_there, is_ignored;
    bool is_old; /* nothing of it, not even its name, changed since the step of the record began */
    bool is_new; /* it was not there then; where that is not known it is neither */
    uint64_t mode;
};
/* PATH as it is told, with the name of a named context before it. */
struct fate explain_fate(const struct comparison *c, struct str path);
/* Is one of TOPS a directory that PATH is in? */
bool explain_is_below(const struct map *tops, struct str path);
/* "PATH is a link now" */
struct str explain_type(struct comparison *c, struct str path, uint64_t mode);

/* The files of contexts, "file PATH", one by one: explain_paths.c. */
void explain_paths(struct comparison *c);
/* Where they are too many the directories they are in, "directory PATH" and "directories NAME": explain_directories.c. */
void explain_directories(struct comparison *c);
bool explain_is_directory(struct str name);
/* Of a RUN, in explain_run.c: the mount on TARGET; what the command line says for it. False: NAME is none of that. */
void explain_mount(struct comparison *c, struct str target, const struct str *before,
                   const struct str *now);
bool explain_option(struct comparison *c, struct str name, const struct str *before,
                    const struct str *now);

#endif
