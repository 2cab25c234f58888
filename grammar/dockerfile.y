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
    struct keyword *keyword;
    bool is_json;
    bool has_trigger;
}

%token <keyword>
    ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL MAINTAINER ONBUILD RUN SHELL
    STOPSIGNAL USER VOLUME WORKDIR
    UNKNOWN     "unknown instruction"
// These have no value: the lexer lays what they say on the parser's stacks, the instruction takes it from there.
%token
    FLAG        "flag"
    WORD        "argument"          // words separated by white space
    TEXT        "text"              // the rest of the line as it is
    TYPE        "type of check"     // NONE or CMD
    STRING      "string"            // of a JSON array
    PAIR        "name=value"        // or a name alone, or the legacy form `name value`
    HEREDOC     "heredoc"
    '['
    ']'
    END_OF_LINE "end of line"

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
    | dockerfile instruction END_OF_LINE { build_end_line(parser); }
    | dockerfile error END_OF_LINE       { build_drop_line(parser); yyerrok; }
    ;

instruction
    : ADD flags list heredocs           { build_instruction(parser, INSTRUCTION_ADD, $ADD, $list); }
    | ARG flags pairs                   { build_instruction(parser, INSTRUCTION_ARG, $ARG, false); }
    | CMD flags text                    { build_instruction(parser, INSTRUCTION_CMD, $CMD, $text); }
    | COPY flags list heredocs          { build_instruction(parser, INSTRUCTION_COPY, $COPY, $list); }
    | ENTRYPOINT flags text             { build_instruction(parser, INSTRUCTION_ENTRYPOINT, $ENTRYPOINT, $text); }
    | ENV flags pairs                   { build_instruction(parser, INSTRUCTION_ENV, $ENV, false); }
    | EXPOSE flags words                { build_instruction(parser, INSTRUCTION_EXPOSE, $EXPOSE, false); }
    | FROM flags words                  { build_instruction(parser, INSTRUCTION_FROM, $FROM, false); }
    | HEALTHCHECK flags                 { build_instruction(parser, INSTRUCTION_HEALTHCHECK, $HEALTHCHECK, false); }
    | HEALTHCHECK flags TYPE text       { build_instruction(parser, INSTRUCTION_HEALTHCHECK, $HEALTHCHECK, $text); }
    | LABEL flags pairs                 { build_instruction(parser, INSTRUCTION_LABEL, $LABEL, false); }
    | MAINTAINER flags text             { build_instruction(parser, INSTRUCTION_MAINTAINER, $MAINTAINER, false); }
    | ONBUILD flags trigger             { build_onbuild(parser, $ONBUILD, $trigger); }
    | RUN flags text heredocs           { build_instruction(parser, INSTRUCTION_RUN, $RUN, $text); }
    | SHELL flags text                  { build_instruction(parser, INSTRUCTION_SHELL, $SHELL, $text); }
    | STOPSIGNAL flags text             { build_instruction(parser, INSTRUCTION_STOPSIGNAL, $STOPSIGNAL, false); }
    | USER flags text                   { build_instruction(parser, INSTRUCTION_USER, $USER, false); }
    | VOLUME flags list                 { build_instruction(parser, INSTRUCTION_VOLUME, $VOLUME, $list); }
    | WORKDIR flags text                { build_instruction(parser, INSTRUCTION_WORKDIR, $WORKDIR, false); }
    | UNKNOWN flags                     { build_instruction(parser, INSTRUCTION_UNKNOWN, $UNKNOWN, false); }
    ;

// --name or --name=value, before the first argument only
flags
    : %empty
    | flags FLAG
    ;

words
    : %empty
    | words WORD
    ;

pairs
    : %empty
    | pairs PAIR
    ;

// JSON form or words
list
    : words                             { $$ = false; }
    | array                             { $$ = true; }
    ;

// JSON (exec) form or one string (shell form)
text
    : %empty                            { $$ = false; }
    | TEXT                              { $$ = false; }
    | array                             { $$ = true; }
    ;

array
    : '[' strings ']'
    ;

strings
    : %empty
    | strings STRING
    ;

// announced on the line, their bodies follow it
heredocs
    : %empty
    | heredocs HEREDOC
    ;

trigger
    : %empty                            { $$ = false; }
    | instruction                       { $$ = true; }
    ;

%%

/* The lexer hands out nothing that the grammar refuses, and says itself what is wrong with a line. */
static void dockerfile_error(struct span *location, struct parser *parser, const char *message) {
    parser_fail(parser, *location, "%s", message);
    parser_report(parser);
}
