/* remote_context: contexts that are elsewhere become directories here, before anything is planned.
 *
 * The main context may be a URL of an archive or of a Dockerfile, a git repository, or `-`: an archive or a Dockerfile on
 * standard input. Named contexts may be URLs and repositories. What is fetched is kept in the store (store/fetched.h), so the
 * next build only asks whether it changed. For the main thread. */
#ifndef BUD_CLI_REMOTE_CONTEXT_H
#define BUD_CLI_REMOTE_CONTEXT_H

#include "base/remote.h"
#include "base/vec.h"
#include "cli/command.h"
#include "planner/planner.h"
#include "store/fetched.h"

/* What one call has fetched, and keeps others from removing. */
struct remote_contexts {
    VEC(struct fetched) held;
    /* Of the main context: the text that was fetched is no archive and so the Dockerfile, at this path; or NULL. */
    const char *dockerfile;
};

/* What the main context TEXT is: REMOTE_NONE for a directory, also one that is called like a repository (user@host:path, or
 * GitHub's shorthand github.com/OWNER/NAME). */
enum remote_kind remote_context_kind(const char *text);
bool remote_context_is_input(const char *text); /* `-` */
/* Fetches what PLAN names: plan->context becomes a directory and has an origin then, plan->fetched is filled. ACCESS is that
 * of the store. Everything lives in the invocation's arena; release OUT in any case, when the plan is done. */
int remote_contexts_fetch(const struct invocation *invocation, enum store_access access,
                          struct plan_request *plan, struct remote_contexts *out,
                          struct error *error);
void remote_contexts_release(struct remote_contexts *contexts);

#endif
