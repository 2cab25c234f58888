/* lint_scope: the variables a stage sees, and the expansion of words with them.
 *
 * Where the base image is not known any variable may be set. Such a variable counts as set to something unknown; what is
 * made of it is not certain, and no rule looks at it. */
#include "parser/expand.h"
#include "parser/lint_state.h"

/* All that one Dockerfile may expand to: values that hold others double with every line. */
enum { EXPANDED_SIZE = 64 << 20 };
/* So many names are compared with so many others before nobody is told any more what a variable might have been. */
enum { SEARCHED_NAMES = 10 << 20 };

struct use {
    struct lint *lint;
    const struct lint_scope *scope;
    struct span span;
    bool is_certain;
};

/* ---- names --------------------------------------------------------------------------------------------- */

static bool is_declared(const struct lint_scope *scope, struct str name) {
    for (; scope; scope = scope->parent) {
        if (map_has(&scope->declared, name)) {
            return true;
        }
    }
    return false;
}

static bool may_search(struct lint *lint, const struct lint_scope *scope) {
    lint->searched += scope->env.count + scope->declared.count;
    return lint->searched < SEARCHED_NAMES;
}

/* A name the file defines, written with one letter too many or too few, two swapped, or in the other case. Of what an unknown
 * image may define, only this is reported. */
static bool is_slip(struct str used, struct str defined) {
    enum { LENGTH = 5 };
    struct str shorter = used.len < defined.len ? used : defined;
    struct str longer = used.len < defined.len ? defined : used;
    if (shorter.len < LENGTH || longer.len > shorter.len + 1) {
        return false;
    }
    if (str_equal_nocase(shorter, longer)) {
        return true;
    }
    size_t same = 0;
    while (same < shorter.len && shorter.data[same] == longer.data[same]) {
        same++;
    }
    if (longer.len > shorter.len) {
        char extra = longer.data[same];
        return (extra < '0' || extra > '9') &&
               str_equal(str_from(shorter, same), str_from(longer, same + 1));
    }
    return same + 1 < shorter.len && used.data[same] == defined.data[same + 1] &&
           used.data[same + 1] == defined.data[same] &&
           str_equal(str_from(used, same + 2), str_from(defined, same + 2));
}

static bool is_slip_of_any(struct lint *lint, const struct lint_scope *scope, struct str name) {
    for (; scope && may_search(lint, scope); scope = scope->parent) {
        for (size_t i = 0; i < scope->env.count; i++) {
            if (is_slip(name, scope->env.entries[i].key)) {
                return true;
            }
        }
        for (size_t i = 0; i < scope->declared.count; i++) {
            if (is_slip(name, scope->declared.entries[i].key)) {
                return true;
            }
        }
    }
    return false;
}

static void consider_all(struct lint *lint, struct nearest *nearest,
                         const struct lint_scope *scope) {
    for (; scope && may_search(lint, scope); scope = scope->parent) {
        for (size_t i = 0; i < scope->env.count; i++) {
            lint_consider(nearest, scope->env.entries[i].key);
        }
        for (size_t i = 0; i < scope->declared.count; i++) {
            lint_consider(nearest, scope->declared.entries[i].key);
        }
        for (size_t i = 0; scope->base && i < scope->base->env_count; i++) {
            lint_consider(nearest, scope->base->env[i].name);
        }
    }
}

static bool find(const struct lint_scope *scope, struct str name, struct lint_value *value,
                 bool *is_unknown) {
    *is_unknown = false;
    for (; scope; scope = scope->parent) {
        const struct lint_value *found = map_get(&scope->env, name);
        if (found) {
            *value = *found;
            return true;
        }
        for (size_t i = 0; scope->base && i < scope->base->env_count; i++) {
            if (str_equal(scope->base->env[i].name, name)) {
                *value = (struct lint_value){ scope->base->env[i].value, true };
                return true;
            }
        }
        *is_unknown = *is_unknown || scope->is_unknown;
    }
    return false;
}

static bool look_up(void *context, struct str name, struct str *value) {
    struct use *use = context;
    struct lint_value found;
    bool is_unknown;
    if (find(use->scope, name, &found, &is_unknown)) {
        *value = found.text;
        use->is_certain = use->is_certain && found.is_certain;
        return true;
    }
    if (!is_unknown) {
        return false;
    }
    use->is_certain = false;
    *value = STR_EMPTY;
    return is_declared(use->scope, name) || !is_slip_of_any(use->lint, use->scope, name);
}

/* BuildKit's own, which are never in the environment. */
static bool is_scan_argument(struct str name) {
    return str_equal_c(name, "BUILDKIT_SBOM_SCAN_CONTEXT") ||
           str_equal_c(name, "BUILDKIT_SBOM_SCAN_STAGE");
}

static void report_unset(void *context, struct str name) {
    struct use *use = context;
    struct lint *lint = use->lint;
    if (is_declared(use->scope, name) || is_scan_argument(name)) {
        return;
    }
    struct nearest nearest = { .word = name };
    consider_all(lint, &nearest, use->scope);
    struct lint_finding *finding =
        lint_add(lint, LINT_UNDEFINED_VAR, use->span, "Usage of undefined variable '$%.*s'%s",
                 STR_ARG(name), lint_suggestion(lint, &nearest, "$"));
    if (nearest.best.data) {
        lint_hint(lint, finding, "write $%.*s, or define %.*s with ARG or ENV",
                  STR_ARG(nearest.best), STR_ARG(name));
    } else {
        lint_hint(
            lint, finding,
            "define it with ARG or ENV before this line, or write ${%.*s:-} if it may be unset",
            STR_ARG(name));
    }
}

/* ---- expansion ----------------------------------------------------------------------------------------- */

static struct expand_scope rules_of(struct use *use) {
    return (struct expand_scope){
        .escape = use->lint->escape,
        .lookup = look_up,
        .context = use,
        .on_unset = use->scope == &use->lint->globals ? NULL : report_unset,
    };
}

static struct use use_of(struct lint *lint, struct span span) {
    return (struct use){ lint, lint->stage ? &lint->stage->scope : &lint->globals, span, true };
}

/* An error that an unknown variable may have caused is none. */
static bool fail(struct lint *lint, const struct use *use, struct error *error) {
    if (use->is_certain) {
        lint_fail(lint, use->span, error);
    }
    error_clear(error);
    return false;
}

bool lint_expand(struct lint *lint, struct ast_word word, struct lint_value *out) {
    _cleanup_error_ struct error error = ERROR_INIT;
    struct use use = use_of(lint, word.span);
    struct expand_scope rules = rules_of(&use);
    *out = (struct lint_value){ STR_EMPTY, false };
    if (lint->expanded > EXPANDED_SIZE) {
        return true;
    }
    if (expand_word(&rules, word.text, lint->arena, &out->text, &error) < 0) {
        return fail(lint, &use, &error);
    }
    lint->expanded += out->text.len;
    out->is_certain = use.is_certain;
    return true;
}

bool lint_expand_words(struct lint *lint, struct ast_word word, struct str **out, size_t *count,
                       bool *is_certain) {
    _cleanup_error_ struct error error = ERROR_INIT;
    struct use use = use_of(lint, word.span);
    struct expand_scope rules = rules_of(&use);
    *count = 0;
    if (lint->expanded > EXPANDED_SIZE) {
        return false;
    }
    if (expand_words(&rules, word.text, lint->arena, out, count, &error) < 0) {
        return fail(lint, &use, &error);
    }
    for (size_t i = 0; i < *count; i++) {
        lint->expanded += (*out)[i].len;
    }
    *is_certain = use.is_certain;
    return true;
}

bool lint_expand_body(struct lint *lint, const struct ast_heredoc *heredoc) {
    _cleanup_error_ struct error error = ERROR_INIT;
    struct use use = use_of(lint, heredoc->span);
    struct expand_scope rules = rules_of(&use);
    struct str text;
    rules.escape = '\\';
    rules.is_quotes_plain = true;
    if (!heredoc->is_expanded || lint->expanded > EXPANDED_SIZE) {
        return true;
    }
    if (expand_word(&rules, heredoc->body, lint->arena, &text, &error) < 0) {
        return fail(lint, &use, &error);
    }
    lint->expanded += text.len;
    return true;
}

/* ---- definitions --------------------------------------------------------------------------------------- */

void lint_set(struct lint *lint, struct lint_scope *scope, struct str name,
              struct lint_value value) {
    struct lint_value *kept = arena_new(lint->arena, struct lint_value);
    *kept = value;
    map_set(&scope->env, name, kept);
}

const struct lint_variable *lint_build_arg(const struct lint *lint, struct str name) {
    for (size_t i = 0; i < lint->options->build_arg_count; i++) {
        if (str_equal(lint->options->build_args[i].name, name)) {
            return &lint->options->build_args[i];
        }
    }
    return NULL;
}

void lint_declare(struct lint *lint, struct lint_scope *scope) {
    const struct instruction *argument = lint->instruction;
    for (size_t i = 0; i < argument->pair_count; i++) {
        const struct ast_pair *pair = &argument->pairs[i];
        const struct lint_variable *given = lint_build_arg(lint, pair->key.text);
        struct lint_value value = { given ? given->value : STR_EMPTY, true }, *global;
        bool is_set = given != NULL;
        if (!given && pair->has_value) {
            lint_expand(lint, pair->value, &value);
            is_set = true;
        } else if (!given && scope != &lint->globals &&
                   (global = map_get(&lint->globals.env, pair->key.text))) {
            value = *global;
            is_set = true;
        }
        map_set(&scope->declared, pair->key.text, NULL);
        if (is_set) {
            lint_set(lint, scope, pair->key.text, value);
        }
    }
}
