/* ast: what a Dockerfile says, with the place of every part.
 *
 * Arena-allocated by the parser and immutable afterwards; every slice points into the source text or into the
 * arena (where a continuation, an escape or JSON changed the bytes). Nothing here is expanded: `$x` is as
 * written. Spans are byte ranges of the source file. */
#ifndef BUD_PARSER_AST_H
#define BUD_PARSER_AST_H

#include "base/error.h"
#include "base/str.h"

enum instruction_kind {
    INSTRUCTION_UNKNOWN, /* accepted by the grammar, refused by the checks that follow it */
    INSTRUCTION_ADD,
    INSTRUCTION_ARG,
    INSTRUCTION_CMD,
    INSTRUCTION_COPY,
    INSTRUCTION_ENTRYPOINT,
    INSTRUCTION_ENV,
    INSTRUCTION_EXPOSE,
    INSTRUCTION_FROM,
    INSTRUCTION_HEALTHCHECK,
    INSTRUCTION_LABEL,
    INSTRUCTION_MAINTAINER,
    INSTRUCTION_ONBUILD,
    INSTRUCTION_RUN,
    INSTRUCTION_SHELL,
    INSTRUCTION_STOPSIGNAL,
    INSTRUCTION_USER,
    INSTRUCTION_VOLUME,
    INSTRUCTION_WORKDIR,
    INSTRUCTION_COUNT,
};

struct ast_word {
    struct str text; /* quotes and escapes kept, except in JSON form (decoded) */
    struct span span;
};

/* ENV and LABEL pairs, ARG names. */
struct ast_pair {
    struct ast_word key;
    struct ast_word value;
    bool has_value; /* ARG name without `=`: false */
    bool is_legacy; /* `ENV key value` */
};

struct ast_flag {
    struct str text; /* the whole flag, quotes removed: `--mount=type=bind` */
    struct str name; /* `mount` */
    struct str value;
    bool has_value;
    struct span span;
};

struct ast_heredoc {
    struct str name;  /* the delimiter, unquoted */
    struct str body;  /* raw lines with their line ends; chomp not applied */
    bool is_chomped;  /* <<- */
    bool is_expanded; /* the delimiter was not quoted */
    unsigned descriptor;
    struct span span;      /* the `<<EOF` word */
    struct span body_span; /* the body in the file, without the terminator */
};

enum mount_type { MOUNT_BIND, MOUNT_CACHE, MOUNT_TMPFS, MOUNT_SECRET, MOUNT_SSH };

/* One key[=value] of RUN --mount, after CSV splitting; values are expanded when the stage is planned. */
struct ast_mount_option {
    struct ast_word key; /* lower-cased */
    struct ast_word value;
    bool has_value;
};

struct ast_mount {
    struct ast_mount_option *options;
    size_t count;
    struct span span;
};

/* Allocated up to the end of what its kind has in the union: never copied by value. */
struct instruction {
    enum instruction_kind kind;
    bool is_json; /* exec form */
    bool has_empty_continuation;
    struct ast_word keyword; /* as written */
    struct span span;        /* from the keyword to the end of the last line, heredocs included */
    unsigned line;           /* 1-based, first and last */
    unsigned end_line;

    struct str text;      /* the logical line: continuations joined, comments inside dropped */
    struct str arguments; /* TEXT after keyword and flags, trimmed */

    struct ast_flag *flags;
    size_t flag_count;
    struct ast_word *words; /* by instruction: list items, one shell string, or none */
    size_t word_count;
    struct ast_pair *pairs; /* ENV, LABEL, ARG */
    size_t pair_count;
    struct ast_heredoc *heredocs;
    size_t heredoc_count;
    struct str *comments; /* preceding comments, oldest first */
    size_t comment_count;

    /* What the checks made of flags and words; by kind. Flag values that undergo expansion are kept raw. */
    union {
        struct {
            struct ast_word image;
            struct ast_word platform; /* len 0: none */
            struct ast_word name;     /* lower-cased; len 0: none */
            struct ast_word as;       /* the keyword AS as written */
        } from;
        struct {
            struct ast_mount *mounts;
            size_t mount_count;
            struct ast_word network;  /* default, none, host; len 0: not given */
            struct ast_word security; /* sandbox, insecure; len 0: not given */
            struct ast_word *devices;
            size_t device_count;
        } run;
        struct {                      /* ADD and COPY */
            struct ast_word *sources; /* a heredoc source is in `inline_files` instead */
            size_t source_count;
            struct ast_heredoc **inline_files;
            size_t inline_file_count;
            struct ast_word destination;
            struct ast_word from, chown, chmod, checksum; /* len 0: not given */
            bool is_link, is_parents, is_keep_git_dir, has_keep_git_dir;
            bool is_unpack, has_unpack;
            struct ast_word *excludes;
            size_t exclude_count;
        } copy;
        struct {
            bool is_none;     /* HEALTHCHECK NONE */
            int64_t interval; /* nanoseconds, 0: not given */
            int64_t timeout, start_period, start_interval;
            int64_t retries;
            struct ast_word *command; /* words after CMD */
            size_t command_count;
        } healthcheck;
        struct {
            struct instruction *trigger; /* the inner instruction */
            struct str text;             /* as stored in the config, heredocs appended */
        } onbuild;
    };
};

enum directive_kind { DIRECTIVE_SYNTAX, DIRECTIVE_ESCAPE, DIRECTIVE_CHECK };

struct directive {
    enum directive_kind kind;
    struct str value;
    struct span span;
};

struct dockerfile {
    const char *name;  /* as the user named it, for messages */
    struct str source; /* the whole text */
    char escape;       /* '\\' or '`' */
    struct directive *directives;
    size_t directive_count;
    struct instruction **instructions; /* one allocation each: a file may have millions */
    size_t instruction_count;
};

/* What an instruction reads files from: `--from` of COPY, `from=` of the mounts of RUN. */
struct ast_origins {
    const struct instruction *instruction;
    size_t mount, option; /* the next one to look at */
};
/* The next name that is not empty; false when there is no more. Of mounts, stages are meant by name only. */
bool ast_origins_next(struct ast_origins *origins, struct ast_word *name);

/* "FROM", upper case. */
const char *instruction_name(enum instruction_kind kind);

#endif
