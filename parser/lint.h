/* lint: BuildKit's build checks, and a few of our own.
 *
 * A pure function over the AST: nothing is opened, run or changed. What a Dockerfile alone does not say (what is in a
 * base image, what is ignored) is asked of the caller; where there is no answer, the rules that depend on it stay
 * silent rather than guess. Names, messages and the order of evaluation are BuildKit's (docs/check.md). Several threads
 * may lint at once, with an arena each. */
#ifndef BUD_PARSER_LINT_H
#define BUD_PARSER_LINT_H

#include "base/vec.h"
#include "parser/ast.h"
#include "parser/pattern.h"

enum lint_rule {
    LINT_STAGE_NAME_CASING,
    LINT_FROM_AS_CASING,
    LINT_NO_EMPTY_CONTINUATION,
    LINT_CONSISTENT_INSTRUCTION_CASING,
    LINT_DUPLICATE_STAGE_NAME,
    LINT_RESERVED_STAGE_NAME,
    LINT_JSON_ARGS_RECOMMENDED,
    LINT_MAINTAINER_DEPRECATED,
    LINT_UNDEFINED_ARG_IN_FROM,
    LINT_WORKDIR_RELATIVE_PATH,
    LINT_UNDEFINED_VAR,
    LINT_MULTIPLE_INSTRUCTIONS_DISALLOWED,
    LINT_LEGACY_KEY_VALUE_FORMAT,
    LINT_INVALID_BASE_IMAGE_PLATFORM,
    LINT_REDUNDANT_TARGET_PLATFORM,
    LINT_SECRETS_USED_IN_ARG_OR_ENV,
    LINT_INVALID_DEFAULT_ARG_IN_FROM,
    LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED,
    LINT_COPY_IGNORED_FILE,
    LINT_INVALID_DEFINITION_DESCRIPTION,
    LINT_EXPOSE_PROTO_CASING,
    LINT_EXPOSE_INVALID_FORMAT,
    /* our own */
    LINT_MALFORMED_JSON,
    LINT_ADD_OF_PLAIN_FILE,
    LINT_APT_GET_UPDATE_ALONE,
    LINT_CD_AT_END_OF_RUN,
    LINT_RULE_COUNT,
};

struct lint_rule_info {
    const char *name;
    const char *summary; /* one sentence */
    bool is_own;         /* not one of BuildKit's: never makes a build fail */
    bool is_experimental;
};
extern const struct lint_rule_info lint_rules[LINT_RULE_COUNT];

struct lint_variable {
    struct str name, value;
};

struct lint_platform {
    struct str os, architecture, variant; /* normalised; variant may be empty */
};

/* What is known of a base image. */
struct lint_base {
    const struct lint_variable *env;
    size_t env_count;
    const struct str *triggers; /* ONBUILD */
    size_t trigger_count;
    struct lint_platform platform;
    bool has_shell, has_entrypoint;
};

/* What ADD would make of a local path. */
enum lint_file { LINT_FILE_UNKNOWN, LINT_FILE_PLAIN, LINT_FILE_ARCHIVE, LINT_FILE_DIRECTORY };

/* Values that only a plan would refuse. */
enum lint_value_kind {
    LINT_VALUE_PORT,
    LINT_VALUE_SIGNAL,
    LINT_VALUE_MODE,
    LINT_VALUE_COPY_SOURCE
};

/* Questions about the world; each function may be NULL and may not know. */
struct lint_world {
    void *context;
    /* The image called NAME, or NULL when it is not known. */
    const struct lint_base *(*base)(void *context, struct str name);
    bool (*is_reference)(void *context, struct str text);
    bool (*parse_platform)(void *context, struct str text, struct lint_platform *out);
    /* Looks at the file PATH of the build context. */
    enum lint_file (*file)(void *context, struct str path);
    /* Looks for SOURCE of ADD or COPY there: -1 with what a build would fail with. A pattern may match nothing. */
    int (*source)(void *context, struct str source, bool is_parents, struct error *error);
    /* 0, or -1 with an error that has no place. VALUES are those of MOUNT's options, expanded. */
    int (*value)(void *context, enum lint_value_kind what, struct str text, struct error *error);
    int (*mount)(void *context, const struct ast_mount *mount, const struct str *values,
                 struct error *error);
};

struct lint_options {
    const struct lint_variable *build_args;
    size_t build_arg_count;
    struct str target;   /* empty: the last stage */
    bool is_every_stage; /* not only those the target needs, as a check without a target */
    bool has_own_rules;  /* all of ours; otherwise only MalformedJSON */
    bool is_partial;     /* the AST is parser_parse_syntax()'s, for the parser found errors */
    const struct ignore *ignore; /* of the build context; NULL: not known */
    const char *ignore_name;     /* its file, for hints */
    struct lint_platform build_platform, target_platform;
    struct lint_world world;
};

struct lint_edit {
    struct span span;
    struct str text;
};

struct lint_finding {
    enum lint_rule rule;
    struct str message;
    struct str hint; /* what to do; may be empty */
    struct span span;
    unsigned line;           /* where BuildKit places it */
    struct lint_edit *edits; /* a rewrite that keeps the meaning; none: it takes a person */
    size_t edit_count, edit_capacity;
};

struct lint_report {
    struct lint_finding *findings; /* by position, then in the order they were found */
    size_t count, capacity;
    struct error error; /* what would fail a build, with `next`; ERROR_NONE: nothing */
    bool is_fatal;      /* `error=true` */
};

/* Everything is borrowed from DOCKERFILE and OPTIONS or lives in ARENA, but for OUT->error, which the caller clears. */
void lint_run(const struct dockerfile *dockerfile, const struct lint_options *options,
              struct arena *arena, struct lint_report *out);
/* ERROR_INPUT `lint violation found for rules: A, B` when `error=true` and one of BuildKit's rules was violated. */
int lint_check_fatal(const struct lint_report *report, struct error *error);

/* SOURCE with the edits of all findings made, appended to OUT; one that overlaps an earlier one is left out.
 * *applied (COUNT items) tells which findings' edits were made. Returns how many. */
size_t lint_apply(const struct lint_report *report, struct str source, struct buf *out,
                  bool *applied);
/* Is AFTER the same Dockerfile as BEFORE but for what the fixes of findings may change? A guard against a wrong edit. */
bool lint_is_same(const struct dockerfile *before, const struct dockerfile *after);

#endif
