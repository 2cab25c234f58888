/* scope: the variables an instruction sees, and ARG's rules for setting them.
 *
 * One ordered environment for ENV and ARG, as BuildKit has: the later instruction wins. The global scope (before the
 * first FROM) and every stage have one each; a stage's is copied to the stages built on it. Arena-allocated. */
#ifndef BUD_PLANNER_SCOPE_H
#define BUD_PLANNER_SCOPE_H

#include "planner/image_config.h"

struct scope_variable {
    struct str name, value;
    bool is_argument; /* an ARG declares the name, whatever gave it the value */
};

#define SCOPE_UNSET SIZE_MAX

struct scope_arg {
    struct str name;
    size_t variable; /* its index in env, or SCOPE_UNSET */
};

/* Both lists are in order of first definition, names distinct. Each tells what the other has of a name, so that a RUN goes through
 * them once, however many they are. */
struct scope {
    struct arena *arena;
    struct {
        struct scope_variable *items; /* what is set */
        size_t count, capacity;
    } env;
    struct {
        struct scope_arg *items; /* what ARGs declare */
        size_t count, capacity;
    } args;
};

void scope_copy(struct scope *out, const struct scope *in, struct arena *arena);
void scope_set(struct scope *scope, struct str name, struct str value);
/* NULL: unset. */
const struct str *scope_get(const struct scope *scope, struct str name);
/* Declares NAME; without a value an earlier one stays. */
void scope_declare(struct scope *scope, struct str name, const struct str *value);
bool scope_is_declared(const struct scope *scope, struct str name);

/* INPUT with variables replaced and quotes removed, in the scope's arena. ERROR_INPUT without a place. */
int scope_expand(const struct scope *scope, char escape, struct str input, struct str *out,
                 struct error *error);
/* The same, split at white space. */
int scope_expand_words(const struct scope *scope, char escape, struct str input, struct str **out,
                       size_t *count, struct error *error);
/* A heredoc body of COPY or ADD: quotes stay. */
int scope_expand_body(const struct scope *scope, struct str input, struct str *out,
                      struct error *error);

/* HTTP_PROXY and the like: given as build arguments they reach RUN without ARG, and no key, history or expansion. */
bool scope_is_proxy(struct str name);
/* Build arguments the builder itself reads (BUILDKIT_…, SOURCE_DATE_EPOCH). */
bool scope_is_builder_argument(struct str name);
/* Their names, NULL-terminated. */
const char *const *scope_builder_arguments(void);

#endif
