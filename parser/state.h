/* state: what the lexer, the grammar and its actions share while one file is parsed. Private to parser/.
 *
 * The text goes through two steps. lines.c joins physical lines to one logical line and keeps the map back to
 * the file; lexer.c cuts that line into tokens, choosing the scanner by the instruction's keyword, and lays
 * flags, words and pairs on the parser's stacks. The grammar only sees which tokens follow each other; when it has an
 * instruction, its action moves what was laid down since the keyword to the arena (build.c). So an instruction costs a
 * constant number of allocations, and tokens are cheap to shift. */
#ifndef BUD_PARSER_STATE_H
#define BUD_PARSER_STATE_H

#include "base/vec.h"
#include "parser/ast.h"
#include "parser/scan.h"

/* Bytes [offset, ...) of a logical line come from the file's [source, ...). */
struct segment {
    uint32_t offset;
    uint32_t source;
};

struct logical_line {
    struct str text;      /* joined; leading SP dropped */
    unsigned first, last; /* physical lines, from 1 */
    bool has_empty_continuation;
    bool is_dropped;              /* it had an error that has been reported */
    VEC(struct segment) segments; /* at least one */
};

/* Which scanner the lexer uses next. */
enum lexer_mode {
    LEX_LINE,
    LEX_KEYWORD,
    LEX_FLAGS,
    LEX_WORDS,
    LEX_PAIRS,
    LEX_TYPE, /* HEALTHCHECK's first word */
    LEX_TEXT, /* all that is left, as one word */
    LEX_JSON, /* strings of an array that was looked at before */
    LEX_HEREDOCS,
    LEX_END,
};

/* ONBUILD takes an instruction, which may be ONBUILD as far as the grammar is concerned. */
enum { NESTING_LIMIT = 16 };

/* Of more errors only the number is told; after the second limit the rest of the file is not read. */
enum { ERROR_LIMIT = 100, ERROR_COUNT_LIMIT = 1000000 };

/* Bytes. Real files are far below; what is above would only cost memory: an argument list of Linux is not longer than
 * that logical line either. */
enum { LOGICAL_LINE_LIMIT = 4 << 20, TREE_LIMIT = 1 << 30 };

/* A keyword, and where the stacks stood when it was read: what lies above is the instruction's. */
struct keyword {
    struct ast_word word;
    uint32_t flags, words, pairs;
};

struct parser {
    struct arena
        *arena; /* of the AST; `scratch` when there is an error, since nobody will get it */
    struct arena scratch;    /* of the present line only */
    size_t allocated_before; /* by others from the AST's arena */
    struct dockerfile *dockerfile;

    /* errors */
    struct error
        *error; /* where the one that is being made goes: `found`, or NULL behind the limit */
    struct error found;
    struct error *errors; /* those of the file, in order */
    size_t error_count;

    /* lines.c */
    struct scan source;
    unsigned line_number; /* of the last physical line read */
    bool is_directives;   /* still among the parser directives */
    struct logical_line line;
    struct buf joined;
    unsigned unterminated; /* heredocs, so far */
    VEC(struct str) comments;
    VEC(struct directive) directives;

    /* lexer.c */
    struct scan scan; /* what is left of the logical line */
    enum lexer_mode mode;
    enum instruction_kind kind;
    struct str arguments;
    struct ast_heredoc *heredocs; /* of this line */
    size_t heredoc_count;
    size_t heredoc_next;                    /* next to be handed out */
    struct keyword keywords[NESTING_LIMIT]; /* of this line */
    size_t keyword_count;

    /* stacks: the lexer lays down, build.c takes */
    VEC(struct ast_flag) flags;
    VEC(struct ast_word) words;
    VEC(struct ast_pair) pairs;

    /* build.c */
    struct instruction *instruction; /* the last that was built */
    VEC(struct instruction *) instructions;
    struct check_order *order; /* what the checks remember; NULL: nothing is checked */
};

/* ---- lines.c ---- */
/* The next logical line into parser->line; false at the end of the file. Lines that are no good are reported and
 * passed over. */
bool lines_next(struct parser *parser);
/* The body of HEREDOC from the lines that follow. When it does not end, the line to go on with is guessed. */
int lines_read_heredoc(struct parser *parser, struct ast_heredoc *heredoc);
/* The place in the file of TEXT, a slice of the logical line. */
struct span lines_span(const struct parser *parser, struct str text);

/* ---- build.c: the grammar's actions ---- */
void build_instruction(struct parser *parser, enum instruction_kind kind,
                       const struct keyword *keyword, bool is_json);
/* The last instruction becomes the trigger of an ONBUILD. */
void build_onbuild(struct parser *parser, const struct keyword *keyword, bool has_trigger);
/* The instruction is complete, and gets checked. */
void build_end_line(struct parser *parser);
/* Forgets what was collected of a line that had an error. */
void build_drop_line(struct parser *parser);

/* ---- parser.c ---- */
/* ERROR_INPUT at SPAN of the file; -1. */
int parser_fail(struct parser *parser, struct span span, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* What failed is one of the errors of the file; parsing goes on. */
void parser_report(struct parser *parser);
/* The rest of the file is not read. */
void parser_stop(struct parser *parser);
/* Of more than ERROR_LIMIT errors: that there are REST others, which is the error's number. */
void parser_tell_rest(struct error *errors, size_t rest, bool is_at_least);

/* ---- check.c ---- */
/* What matters of the instructions before. */
struct check_order {
    bool has_stage; /* or may have been meant to have one */
};
/* INSTRUCTION as it comes next in the file: makes its typed part, or fails. */
int check_next(struct check_order *order, const struct dockerfile *dockerfile,
               struct instruction *instruction, struct arena *arena, struct error *error);
/* INSTRUCTION by itself. */
int check_instruction(const struct dockerfile *dockerfile, struct instruction *instruction,
                      struct arena *arena, struct error *error);

/* What may not be a trigger: FROM, MAINTAINER, ONBUILD. */
int check_trigger_kind(const struct dockerfile *dockerfile, const struct instruction *trigger,
                       struct error *error);

#endif
