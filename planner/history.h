/* history: the texts of `created_by`, exactly as BuildKit writes them (tools read them).
 *
 * Values are printed as Go prints them: %q for CMD and ENTRYPOINT, %v for lists, %+v for the health check. */
#ifndef BUD_PLANNER_HISTORY_H
#define BUD_PLANNER_HISTORY_H

#include "planner/image_config.h"
#include "planner/scope.h"

/* `comment` of every entry made here. */
#define HISTORY_COMMENT "bud.dockerfile.v0"

/* `CMD ["a" "b"]` */
struct str history_quoted_list(struct arena *arena, const char *keyword,
                               const struct str_list *list);
/* `VOLUME [/a /b]` */
struct str history_plain_list(struct arena *arena, const char *keyword,
                              const struct str_list *list);
/* `ENV a=1 b=2` */
struct str history_pairs(struct arena *arena, const char *keyword, const struct name_values *pairs);
struct str history_healthcheck(struct arena *arena, const struct healthcheck *check);
/* `RUN |1 A=x /bin/sh -c make # buildkit` */
struct str history_run(struct arena *arena, const struct scope *scope, const struct str_list *argv);

#endif
