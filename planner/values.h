/* values: what arguments may say once they are expanded. The planner asks while it lowers, `bud check` asks without a plan.
 * Pure; each returns 0, or -1 with an error that has no place (ERROR_INPUT). */
#ifndef BUD_PLANNER_VALUES_H
#define BUD_PLANNER_VALUES_H

#include "parser/ast.h"

/* EXPOSE: [ip:][hostport[-range]:]port[-port][/proto]. */
int value_check_port(struct str spec, struct error *error);
int value_check_signal(struct str signal, struct error *error);
/* --chmod: digits must be an octal mode; a symbolic one is checked where it is applied, to every file's own mode. */
int value_check_mode(struct str mode, struct error *error);
/* COPY takes no URLs and no Git repositories. */
int value_check_copy_source(struct str source, struct error *error);
/* The options of RUN --mount, VALUES their texts expanded: what BuildKit refuses, whether bud can do the rest or not. */
int value_check_mount(const struct ast_mount *mount, const struct str *values, struct error *error);

#endif
