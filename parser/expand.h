/* expand: variable expansion and quote removal, `grammar/words.re`.
 *
 * Rules: the Dockerfile reference, "Environment replacement", and BuildKit's shell lexer. */
#ifndef BUD_PARSER_EXPAND_H
#define BUD_PARSER_EXPAND_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

struct expand_scope {
    char escape; /* '\\' or '`' */
    /* The value of NAME: true and *value when set (possibly empty), false when unset. */
    bool (*lookup)(void *context, struct str name, struct str *value);
    void *context;
    /* Called once per variable used that is unset; NULL when nobody wants to know. */
    void (*on_unset)(void *context, struct str name);
    bool is_quotes_kept;  /* raw-quotes */
    bool is_escapes_kept; /* raw-escapes */
    bool
        is_quotes_plain; /* skip-quotes: quotes are ordinary characters (COPY/ADD heredoc bodies) */
    bool is_unset_kept;  /* `$x` of an unset variable stays as written */
};

/* One string, spaces kept, a copy in ARENA. Errors: ERROR_INPUT `failed to process "INPUT": why`, without a place. */
int expand_word(const struct expand_scope *scope, struct str input, struct arena *arena,
                struct str *out, struct error *error);
/* Split at white space that did not come from quotes or escapes; never an empty word. */
int expand_words(const struct expand_scope *scope, struct str input, struct arena *arena,
                 struct str **out, size_t *count, struct error *error);

#endif
