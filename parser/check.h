/* check: what the grammar leaves open: counts, forms, flags and their values. Private to parser/.
 *
 * Every error text is BuildKit's, so that searching for it finds the same answers; the place is the offending word
 * and the hint says what to write. Values that undergo variable expansion are not looked at here. */
#ifndef BUD_PARSER_CHECK_H
#define BUD_PARSER_CHECK_H

#include "base/arena.h"
#include "parser/ast.h"

struct check {
    const struct dockerfile *dockerfile;
    struct instruction *instruction;
    struct arena *arena;
    struct error *error;
};

/* -1 with ERROR_INPUT at SPAN. */
int check_fail(const struct check *check, struct span span, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* As strconv.Quote, in the arena. */
const char *check_quote(const struct check *check, struct str text);

/* ---- check_flags.c ---- */
/* Every flag is known to the instruction, has a value of its type, and is not repeated. */
int check_flags(const struct check *check);
/* The flag's value, or a word of length 0. */
struct ast_word check_flag_value(const struct check *check, const char *name);
/* True when the boolean flag is given; *value is what it says. */
bool check_flag_bool(const struct check *check, const char *name, bool *value);
/* All values of a repeatable flag. */
void check_flag_list(const struct check *check, const char *name, struct ast_word **out,
                     size_t *count);

/* ---- check_run.c, check_copy.c ---- */
int check_run(const struct check *check);
int check_copy(const struct check *check);

#endif
