#include "planner/scope.h"

#include "base/vec.h"
#include "parser/expand.h"

void scope_copy(struct scope *out, const struct scope *in, struct arena *arena) {
    *out = (struct scope){ .arena = arena };
    for (size_t i = 0; i < in->env.count; i++) {
        arena_vec_push(arena, &out->env, in->env.items[i]);
    }
    for (size_t i = 0; i < in->args.count; i++) {
        arena_vec_push(arena, &out->args, in->args.items[i]);
    }
}

static size_t find_variable(const struct scope *scope, struct str name) {
    for (size_t i = 0; i < scope->env.count; i++) {
        if (str_equal(scope->env.items[i].name, name)) {
            return i;
        }
    }
    return SCOPE_UNSET;
}

static struct scope_arg *find_argument(const struct scope *scope, struct str name) {
    for (size_t i = 0; i < scope->args.count; i++) {
        if (str_equal(scope->args.items[i].name, name)) {
            return &scope->args.items[i];
        }
    }
    return NULL;
}

/* ARGUMENT is that of the name, or NULL: none is declared. */
static void add_variable(struct scope *scope, struct scope_arg *argument, struct str name,
                         struct str value) {
    if (argument) {
        argument->variable = scope->env.count;
    }
    arena_vec_push(scope->arena, &scope->env,
                   (struct scope_variable){ name, value, argument != NULL });
}

void scope_set(struct scope *scope, struct str name, struct str value) {
    size_t at = find_variable(scope, name);
    if (at == SCOPE_UNSET) {
        add_variable(scope, find_argument(scope, name), name, value);
    } else {
        scope->env.items[at].value = value;
    }
}

const struct str *scope_get(const struct scope *scope, struct str name) {
    size_t at = find_variable(scope, name);
    return at == SCOPE_UNSET ? NULL : &scope->env.items[at].value;
}

static struct scope_arg *add_argument(struct scope *scope, struct str name) {
    struct scope_arg argument = { name, find_variable(scope, name) };
    if (argument.variable != SCOPE_UNSET) {
        scope->env.items[argument.variable].is_argument = true;
    }
    arena_vec_push(scope->arena, &scope->args, argument);
    return &scope->args.items[scope->args.count - 1];
}

void scope_declare(struct scope *scope, struct str name, const struct str *value) {
    struct scope_arg *argument = find_argument(scope, name);
    if (!argument) {
        argument = add_argument(scope, name);
    }
    if (!value) {
        return;
    }
    if (argument->variable == SCOPE_UNSET) {
        add_variable(scope, argument, name, *value);
    } else {
        scope->env.items[argument->variable].value = *value;
    }
}

bool scope_is_declared(const struct scope *scope, struct str name) {
    return find_argument(scope, name) != NULL;
}

static bool lookup(void *context, struct str name, struct str *value) {
    const struct str *found = scope_get(context, name);
    if (found) {
        *value = *found;
    }
    return found != NULL;
}

static struct expand_scope expand_scope(const struct scope *scope, char escape) {
    return (struct expand_scope){
        .escape = escape,
        .lookup = lookup,
        .context = (void *)(uintptr_t)scope, /* only read by lookup() */
    };
}

int scope_expand(const struct scope *scope, char escape, struct str input, struct str *out,
                 struct error *error) {
    struct expand_scope rules = expand_scope(scope, escape);
    return expand_word(&rules, input, scope->arena, out, error);
}

int scope_expand_words(const struct scope *scope, char escape, struct str input, struct str **out,
                       size_t *count, struct error *error) {
    struct expand_scope rules = expand_scope(scope, escape);
    return expand_words(&rules, input, scope->arena, out, count, error);
}

int scope_expand_body(const struct scope *scope, struct str input, struct str *out,
                      struct error *error) {
    struct expand_scope rules = expand_scope(scope, '\\');
    rules.is_quotes_plain = true;
    return expand_word(&rules, input, scope->arena, out, error);
}

static const char *const proxies[] = { "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY",   "NO_PROXY",
                                       "ALL_PROXY",  "http_proxy",  "https_proxy", "ftp_proxy",
                                       "no_proxy",   "all_proxy",   NULL };

bool scope_is_proxy(struct str name) {
    for (size_t i = 0; proxies[i]; i++) {
        if (str_equal_c(name, proxies[i])) {
            return true;
        }
    }
    return false;
}

/* What BuildKit and its Dockerfile frontend read; those that are about what bud does not make change nothing. */
static const char *const builder_arguments[] = {
    "SOURCE_DATE_EPOCH",
    "BUILDKIT_BUILD_NAME",
    "BUILDKIT_CACHE_MOUNT_NS",
    "BUILDKIT_CONTEXT_KEEP_GIT_DIR",
    "BUILDKIT_DOCKERFILE_CHECK",
    "BUILDKIT_INLINE_CACHE",
    "BUILDKIT_MULTI_PLATFORM",
    "BUILDKIT_SANDBOX_HOSTNAME",
    "BUILDKIT_SBOM_SCAN_CONTEXT",
    "BUILDKIT_SBOM_SCAN_STAGE",
    "BUILDKIT_SYNTAX",
    NULL,
};

bool scope_is_builder_argument(struct str name) {
    for (size_t i = 0; builder_arguments[i]; i++) {
        if (str_equal_c(name, builder_arguments[i])) {
            return true;
        }
    }
    return false;
}

const char *const *scope_builder_arguments(void) {
    return builder_arguments;
}
