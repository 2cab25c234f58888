/* lint_state: what the parts of lint share while one Dockerfile is looked at. Private to parser/. */
#ifndef BUD_PARSER_LINT_STATE_H
#define BUD_PARSER_LINT_STATE_H

#include "base/map.h"
#include "parser/lint.h"

/* One bit a rule. */
struct lint_settings {
    uint64_t skipped;
    uint64_t enabled; /* experimental ones */
    bool is_fatal;
};

struct lint_value {
    struct str text;
    bool is_certain; /* nothing in it comes from an image that is not known */
};

/* The variables of a stage; what it does not have itself, the one it is built on may. */
struct lint_scope {
    const struct lint_scope *parent;
    const struct lint_base *base; /* NULL: none, or not known */
    bool is_unknown;              /* any variable might be set by the base */
    unsigned depth;               /* of the chain of parents */
    struct map env;               /* name -> struct lint_value */
    struct map declared;          /* by ARG */
    bool has_shell, has_workdir, has_entrypoint;
};

struct lint_stage {
    const struct instruction *from;
    struct instruction *const *instructions; /* those after FROM */
    size_t count;
    struct str name; /* lower-cased; may be empty */
    struct str image;
    struct lint_platform platform;     /* that is expected */
    const struct lint_stage *base;     /* the stage it is built on */
    const struct lint_stage *previous; /* an earlier one of the same name */
    bool is_needed;
    struct lint_scope scope; /* at its end */
    /* the last one of each, for MultipleInstructionsDisallowed */
    const struct instruction *cmd, *entrypoint, *healthcheck;
};

struct lint {
    const struct dockerfile *dockerfile;
    const struct lint_options *options;
    struct arena *arena;
    struct lint_report *report;
    struct lint_settings settings;
    struct lint_scope globals;
    struct lint_stage *stages;
    size_t stage_count;
    struct map names; /* stage name -> the last struct lint_stage so called */
    struct map
        uses; /* what may be one, in lower case -> who names it; made for the first that is renamed */
    bool has_uses;

    /* What is looked at; PLACE is the FROM for a trigger of the base. */
    const struct instruction *instruction;
    const struct instruction *place;
    struct lint_settings local; /* SETTINGS with those of the instruction's comments */
    struct lint_stage *stage;
    char escape;
    struct map told; /* rules and messages of this instruction, which are not repeated */
    size_t error_count;
    size_t expanded; /* bytes, by all expansions */
    size_t searched; /* names, for the nearest */
};

/* ---- lint.c ---- */
/* Makes INSTRUCTION the one that is looked at. */
void lint_enter(struct lint *lint, const struct instruction *instruction);
bool lint_is_wanted(const struct lint *lint, enum lint_rule rule);
/* A finding at SPAN of the instruction that is looked at; NULL when it is not wanted or was made before. */
struct lint_finding *lint_add(struct lint *lint, enum lint_rule rule, struct span span,
                              const char *format, ...) __attribute__((format(printf, 4, 5)));
void lint_hint(struct lint *lint, struct lint_finding *finding, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* What would fail a build; ERROR is emptied. */
void lint_fail(struct lint *lint, struct span span, struct error *error);
/* VALUE, expanded, asked of the caller's world; what it says is an error at SPAN. */
void lint_check_value(struct lint *lint, enum lint_value_kind what, struct span span,
                      struct str value);
/* As strconv.Quote, in the arena. */
const char *lint_quote(const struct lint *lint, struct str text);
struct nearest {
    struct str word, best; /* best.data NULL: none is near */
    size_t distance;
};
void lint_consider(struct nearest *nearest, struct str candidate);
/* ` (did you mean PREFIX NAME?)`, or "". */
const char *lint_suggestion(const struct lint *lint, const struct nearest *nearest,
                            const char *prefix);

/* ---- lint_settings.c ---- */
/* `skip=A,B;error=true`, added to OUT. ERROR_INPUT without a place. */
int lint_settings_parse(struct str text, struct lint_settings *out, struct error *error);
int lint_settings_read(struct lint *lint, struct error *error);
/* Those of the comments of INSTRUCTION, on top of the file's. */
struct lint_settings lint_settings_of(const struct lint *lint,
                                      const struct instruction *instruction);

/* ---- lint_syntax.c: what is seen without any variable ---- */
void lint_syntax(struct lint *lint);

/* ---- lint_scope.c ---- */
/* WORD expanded; undefined variables are reported at it. False when that fails, which is reported too. */
bool lint_expand(struct lint *lint, struct ast_word word, struct lint_value *out);
bool lint_expand_words(struct lint *lint, struct ast_word word, struct str **out, size_t *count,
                       bool *is_certain);
bool lint_expand_body(struct lint *lint, const struct ast_heredoc *heredoc);
/* ARG of a stage or, in the global scope, before the first. */
void lint_declare(struct lint *lint, struct lint_scope *scope);
void lint_set(struct lint *lint, struct lint_scope *scope, struct str name,
              struct lint_value value);
const struct lint_variable *lint_build_arg(const struct lint *lint, struct str name);

/* ---- lint_from.c ---- */
/* Cuts the file into stages, evaluates their FROM, finds those that are needed. False: nothing more can be said. */
bool lint_stages(struct lint *lint);
const struct lint_stage *lint_find_stage(const struct lint *lint, const struct lint_stage *from,
                                         struct str name, bool is_index_allowed);

/* ---- lint_stage.c, lint_instruction.c ---- */
void lint_evaluate(struct lint *lint);
void lint_instruction(struct lint *lint);
/* Is JSONArgsRecommended to be said of the instruction that is looked at? */
bool lint_is_json_recommended(const struct lint *lint);

/* ---- lint_own.c ---- */
/* What to write when the arguments look like a JSON array and are none, else NULL. */
const char *lint_json_hint(const struct instruction *instruction);
void lint_own(struct lint *lint);

/* ---- lint_fix.c: the edits of a finding; FINDING may be NULL ---- */
void lint_edit(struct lint *lint, struct lint_finding *finding, struct span span, struct str text);
void lint_fix_keyword(struct lint *lint, struct lint_finding *finding, bool is_lower);
void lint_fix_stage_name(struct lint *lint, struct lint_finding *finding);
void lint_fix_blank_lines(struct lint *lint, struct lint_finding *finding);
void lint_fix_maintainer(struct lint *lint, struct lint_finding *finding);
void lint_fix_legacy(struct lint *lint, struct lint_finding *finding, const struct ast_pair *pair);
void lint_fix_command(struct lint *lint, struct lint_finding *finding);
void lint_fix_platform(struct lint *lint, struct lint_finding *finding);

#endif
