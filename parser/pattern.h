/* pattern: the two pattern languages of Dockerfiles, `grammar/pattern.re`.
 *
 * - path patterns of COPY and ADD sources: Go's filepath.Match, one component at a time;
 * - ignore patterns of .dockerignore and --exclude: with `**`, `!` and parent matching.
 * Compiled once; matching allocates nothing and may be done by several threads. */
#ifndef BUD_PARSER_PATTERN_H
#define BUD_PARSER_PATTERN_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

/* ---- filepath.Match ---- */
bool pattern_has_wildcard(struct str pattern);
/* ERROR_INPUT `syntax error in pattern` with a hint. */
int pattern_check(struct str pattern, struct error *error);
/* Whole-string match of a checked PATTERN; `*` and `?` do not match '/'. Matching is by code point. */
bool pattern_matches(struct str pattern, struct str name);

/* ---- ignore files ---- */
struct ignore; /* compiled list of patterns, arena-allocated */

/* Per-directory state while walking: what each pattern said about the directory itself. */
struct ignore_state {
    uint64_t *hits; /* one bit per pattern */
    bool is_ignored;
};

/* Compiles the text of an ignore file (comments, BOM, trimming as .dockerignore). NAME is for errors, which carry
 * the place. An empty list is fine and matches nothing. */
int ignore_parse(struct str text, const char *name, struct arena *arena, struct ignore **out,
                 struct error *error);
/* Compiles given patterns (--exclude); COUNT 0 gives a list that matches nothing. */
int ignore_from_patterns(const struct str *patterns, size_t count, struct arena *arena,
                         struct ignore **out, struct error *error);
bool ignore_is_empty(const struct ignore *ignore);
bool ignore_has_exclusion(const struct ignore *ignore); /* `!` */

/* The state of the root. */
void ignore_root(const struct ignore *ignore, struct arena *arena, struct ignore_state *root);
/* State of PATH (relative to the root, '/'-separated, cleaned), given its parent directory's state; when PATH is
 * a directory, the result is the parent state of its children. STATE's bits are allocated from ARENA. */
void ignore_enter(const struct ignore *ignore, const struct ignore_state *parent, struct str path,
                  struct arena *arena, struct ignore_state *state);
/* State of PATH as a walk from the root would find it. It decides what a build takes. */
void ignore_reach(const struct ignore *ignore, struct str path, struct arena *arena,
                  struct ignore_state *state);
/* The answer for one path when only the answer is needed; allocates nothing. */
bool ignore_matches(const struct ignore *ignore, const struct ignore_state *parent,
                    struct str path);
/* False only when it is certain that everything below the ignored directory PATH is ignored too, so that it need
 * not be opened. */
bool ignore_may_keep_below(const struct ignore *ignore, const struct ignore_state *state,
                           struct str path);
/* For explanations: is PATH ignored, and by which rule? The answer is that of a walk from the root. */
struct ignore_rule {
    struct str text; /* as written, trimmed; empty when no rule decides: PATH is kept by default */
    unsigned line;   /* from 1; 0 for --exclude, or when no rule decides */
    bool is_exclusion; /* `!`: the rule keeps PATH */
};
bool ignore_deciding(const struct ignore *ignore, struct str path, struct ignore_rule *out);

#endif
