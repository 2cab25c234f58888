/* outline: what a Dockerfile offers to who builds it: targets, arguments, secrets. Nothing is looked up and no image is
 * needed. Descriptions are comments before FROM and ARG that begin with the name they tell of, as in BuildKit's outline. */
#ifndef BUD_PLANNER_OUTLINE_H
#define BUD_PLANNER_OUTLINE_H

#include "parser/ast.h"
#include "planner/image_config.h"

struct outline_stage {
    struct str name;        /* or its number, which --target does not take */
    struct str description; /* len 0: none */
    struct str base;        /* expanded */
    struct str platform;    /* expanded; len 0: not given */
    bool has_name;
    bool is_default; /* the last one */
    unsigned line;
};

struct outline_argument {
    struct str name, description;
    struct str value;
    bool has_value;   /* a default, or given */
    struct str stage; /* that declares it first; len 0: before the first FROM */
    unsigned line;
};

struct outline_secret { /* or ssh agent */
    struct str id;
    bool is_required;
    struct str stage;
    unsigned line;
};

struct outline {
    struct outline_stage *stages; /* all */
    size_t stage_count;
    size_t target; /* index */
    /* Of the target and what it is made of. */
    struct outline_argument *arguments;
    size_t argument_count;
    struct outline_secret *secrets;
    size_t secret_count;
    struct outline_secret *agents;
    size_t agent_count;
};

/* DOCKERFILE is of parser_parse and outlives OUT, which lives in ARENA. TARGET NULL: the default. BUILD_ARGS without a value
 * are not given. ERROR_NOT_FOUND for a target that is not there, ERROR_INPUT for what does not expand. */
int outline_make(const struct dockerfile *dockerfile, const struct name_values *build_args,
                 const char *target, struct arena *arena, struct outline *out, struct error *error);

#endif
