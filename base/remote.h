/* remote: texts that name a file or a git repository elsewhere.
 *
 * The only place that knows which texts these are: contexts, named contexts, ADD and the checks ask here. Nothing is
 * fetched. Every error, its lines of source and the log go through remote_mask(). For any thread. */
#ifndef BUD_BASE_REMOTE_H
#define BUD_BASE_REMOTE_H

#include "base/error.h"
#include "base/str.h"

enum remote_kind {
    REMOTE_NONE, /* a path */
    REMOTE_HTTP, /* http:// or https:// */
    REMOTE_GIT,  /* git://, ssh://, user@host:path, or an http URL whose path ends in .git */
};

struct remote {
    enum remote_kind kind;
    struct str url;      /* what is asked for, credentials included, without a fragment */
    struct str shown;    /* for people and for what is kept: without credentials, query, fragment */
    struct str identity; /* the same with the query: to be hashed, not to be shown */
    struct str secret;   /* user info of an http URL, which nobody may see; else empty */
    struct str ref;      /* git: a branch, a tag or a commit; empty: the default branch */
    struct str directory; /* git: which one of the repository, cleaned, relative; empty: its root */
};

/* What TEXT is, by its beginning: one that is malformed further on is remote all the same (Dockerfile reference, ADD). */
enum remote_kind remote_kind_of(struct str text);
/* TEXT as a remote of KIND, in ARENA. ERROR_USAGE with a hint, quoting no credentials: a host or ref that could be taken for
 * an option, control characters, a directory outside of the repository, a
 * fragment where there is no repository. */
int remote_parse(struct str text, enum remote_kind kind, struct arena *arena, struct remote *out,
                 struct error *error);
/* TEXT as far as it may be shown, whatever it is, in ARENA. */
struct str remote_shown(struct str text, struct arena *arena);
/* In TEXT of LEN bytes, be it anything, every byte of credentials in a URL becomes a `*`: places in it stay the same. */
void remote_mask(char *text, size_t len);
/* Forty hexadecimal digits, or 64. */
bool remote_is_commit(struct str ref);

#endif
