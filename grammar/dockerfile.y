/* The grammar of Dockerfiles.
 *
 * A logical line is one instruction: a keyword, its flags, and arguments in one of the forms below. The lexer
 * (parser/lexer.c) joins continued lines, drops comments, reads parser directives, and knows from the keyword how
 * the arguments are split. Anything that looks like an instruction is accepted here, unknown ones too; what
 * it may say (which flags, how many arguments, which values) is checked afterwards in parser/check.c. */

%code requires {
#include "parser/state.h"
}

%define api.pure full
%define api.prefix {dockerfile_}
%define api.token.prefix {TOKEN_}
%define api.location.type {struct span}
%define parse.error detailed
%locations
%expect 0
%param {struct parser *parser}

%union {
    struct ast_word word;
    struct ast_flag flag;
    struct ast_pair pair;
    struct frame frame;
    bool is_json;
    bool has_trigger;
}

%token <word>
    ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL
    STOPSIGNAL USER VOLUME WORKDIR
    UNKNOWN     "unknown instruction"
%token <flag>
    FLAG        "flag"
%token <word>
    WORD        "argument"          // words separated by white space
    TEXT        "text"              // the rest of the line as it is
    TYPE        "type of check"     // NONE or CMD
    STRING      "string"            // of a JSON array
%token <pair>
    PAIR        "name=value"        // or a name alone, or the legacy form `name value`
%token
    '['
    ']'
    HEREDOC     "heredoc"
    END_OF_LINE "end of line"

%type <frame> flags
%type <is_json> text list
%type <has_trigger> trigger

%code provides {
/* parser/lexer.c */
int dockerfile_lex(DOCKERFILE_STYPE *value, struct span *location, struct parser *parser);
}

%code {
static void dockerfile_error(struct span *location, struct parser *parser, const char *message);

#define YYLLOC_DEFAULT(current, parts, count)                                                      \
    ((current) = (struct span){ YYRHSLOC(parts, (count) > 0 ? 1 : 0).start,                        \
                                YYRHSLOC(parts, count).end })
}

%%

dockerfile
    : %empty
    | dockerfile instruction END_OF_LINE        { build_end_line(parser); }
    ;

instruction
    : ADD flags list heredocs                   { build_instruction(parser, INSTRUCTION_ADD, $ADD, $flags, $list); }
    | ARG flags pairs                           { build_instruction(parser, INSTRUCTION_ARG, $ARG, $flags, false); }
    | CMD flags text                            { build_instruction(parser, INSTRUCTION_CMD, $CMD, $flags, $text); }
    | COPY flags list heredocs                  { build_instruction(parser, INSTRUCTION_COPY, $COPY, $flags, $list); }
    | ENTRYPOINT flags text                     { build_instruction(parser, INSTRUCTION_ENTRYPOINT, $ENTRYPOINT, $flags, $text); }
    | ENV flags pairs                           { build_instruction(parser, INSTRUCTION_ENV, $ENV, $flags, false); }
    | EXPOSE flags words                        { build_instruction(parser, INSTRUCTION_EXPOSE, $EXPOSE, $flags, false); }
    | FROM flags words                          { build_instruction(parser, INSTRUCTION_FROM, $FROM, $flags, false); }
    | HEALTHCHECK flags                         { build_instruction(parser, INSTRUCTION_HEALTHCHECK, $HEALTHCHECK, $flags, false); }
    | HEALTHCHECK flags type text               { build_instruction(parser, INSTRUCTION_HEALTHCHECK, $HEALTHCHECK, $flags, $text); }
    | LABEL flags pairs                         { build_instruction(parser, INSTRUCTION_LABEL, $LABEL, $flags, false); }
    | MAINTAINER flags text                     { build_instruction(parser, INSTRUCTION_MAINTAINER, $MAINTAINER, $flags, false); }
    | ONBUILD flags trigger                     { build_onbuild(parser, $ONBUILD, $flags, $trigger); }
    | RUN flags text heredocs                   { build_instruction(parser, INSTRUCTION_RUN, $RUN, $flags, $text); }
    | SHELL flags text                          { build_instruction(parser, INSTRUCTION_SHELL, $SHELL, $flags, $text); }
    | STOPSIGNAL flags text                     { build_instruction(parser, INSTRUCTION_STOPSIGNAL, $STOPSIGNAL, $flags, false); }
    | USER flags text                           { build_instruction(parser, INSTRUCTION_USER, $USER, $flags, false); }
    | VOLUME flags list                         { build_instruction(parser, INSTRUCTION_VOLUME, $VOLUME, $flags, $list); }
    | WORKDIR flags text                        { build_instruction(parser, INSTRUCTION_WORKDIR, $WORKDIR, $flags, false); }
    | UNKNOWN flags                             { build_instruction(parser, INSTRUCTION_UNKNOWN, $UNKNOWN, $flags, false); }
    ;

// --name or --name=value, before the first argument only
flags
    : %empty                                    { $$ = build_frame(parser); }
    | flags FLAG                                { $$ = $1; vec_push(&parser->flags, $FLAG); }
    ;

words
    : %empty
    | words WORD                                { vec_push(&parser->words, $WORD); }
    ;

pairs
    : %empty
    | pairs PAIR                                { vec_push(&parser->pairs, $PAIR); }
    ;

type
    : TYPE                                      { vec_push(&parser->words, $TYPE); }
    ;

// JSON form or words
list
    : words                                     { $$ = false; }
    | array                                     { $$ = true; }
    ;

// JSON (exec) form or one string (shell form)
text
    : %empty                                    { $$ = false; }
    | TEXT                                      { $$ = false; vec_push(&parser->words, $TEXT); }
    | array                                     { $$ = true; }
    ;

array
    : '[' strings ']'
    ;

strings
    : %empty
    | strings STRING                            { vec_push(&parser->words, $STRING); }
    ;

// announced on the line, their bodies follow it
heredocs
    : %empty
    | heredocs HEREDOC
    ;

trigger
    : %empty                                    { $$ = false; }
    | instruction                               { $$ = true; }
    ;

%%

/* The lexer hands out nothing that the grammar refuses, so this is about the parser's stack: only a chain of
 * ONBUILDs makes it grow. */
static void dockerfile_error(struct span *location, struct parser *parser, const char *message) {
    if (strcmp(message, "memory exhausted") == 0) {
        message = "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed";
    }
    parser_fail(parser, *location, "%s", message);
}
