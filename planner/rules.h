/* rules: what is taken of a directory's entries: the ignore file, --exclude and --parents. Internal to this folder.
 *
 * Read only while a walk goes on: any thread may ask. */
#ifndef BUD_PLANNER_RULES_H
#define BUD_PLANNER_RULES_H

#include "parser/pattern.h"

struct rules {
    const struct ignore *ignore;   /* NULL: nothing is ignored */
    const struct ignore *excludes; /* NULL: none */
    size_t base_len; /* where paths relative to the result begin in those of the tree */

    /* --parents: only what matches below the pivot. */
    bool has_only;
    const struct ignore *only; /* pattern, or NULL */
    struct str only_path;      /* literal, when there is no pattern */
};

/* What the patterns said of a directory, for what is in it. */
struct states {
    struct ignore_state ignore, excludes, only;
};

struct verdict {
    bool is_kept;
    bool is_entered; /* something below may be kept */
};

/* The state of the directory PATH a walk begins with. */
void rules_reach(const struct rules *rules, struct str path, struct arena *arena,
                 struct states *out);
/* Is the file TREE_PATH kept, PARENT being the state of its directory? */
bool rules_keep_file(const struct rules *rules, const struct states *parent, struct str tree_path);
/* OWN: the state of the directory TREE_PATH, its bits from ARENA. */
struct verdict rules_judge_directory(const struct rules *rules, const struct states *parent,
                                     struct str tree_path, struct arena *arena, struct states *own);

#endif
