/* The grammar of TOML, as far as configuration files of containers use it: everything but dates. */

%code requires {
#include "store/toml_state.h"
}

%define api.pure full
%define api.prefix {toml_grammar_}
%define api.token.prefix {TOML_}
%define api.location.type {struct span}
%define parse.error detailed
%locations
%expect 0
%param {struct toml_parser *parser}

%union {
    struct toml_key key;
    json_t *value;
    struct toml_scope scope;
    size_t path; // where it begins on the parser's stack of names
}

%token <key>
    KEY         "key"
%token <value>
    STRING      "string"
    INTEGER     "integer"
    FLOAT       "float"
    BOOLEAN     "boolean"
%token
    NEWLINE     "end of line"
    OPEN_ARRAY  "[["
    CLOSE_ARRAY "]]"

%type <value> value array elements table
%type <path> key
%type <scope> enter

%destructor { json_decref($$); } <value>
%destructor { json_decref($$.table); } <scope>

%code provides {
int toml_grammar_lex(TOML_GRAMMAR_STYPE *value, struct span *location, struct toml_parser *parser);
}

%code {
static void toml_grammar_error(struct span *location, struct toml_parser *parser, const char *message);

#define YYLLOC_DEFAULT(current, parts, count)                                                      \
    ((current) = (struct span){ YYRHSLOC(parts, (count) > 0 ? 1 : 0).start,                        \
                                YYRHSLOC(parts, count).end })
#define TRY(action)                                                                                \
    do {                                                                                           \
        if ((action) < 0) {                                                                        \
            YYABORT;                                                                               \
        }                                                                                          \
    } while (0)
}

%%

document
    : %empty
    | document line NEWLINE
    ;

line
    : %empty
    | pair
    | '[' key ']'                   { TRY(toml_open_table(parser, $key)); }
    | OPEN_ARRAY key CLOSE_ARRAY    { TRY(toml_open_element(parser, $key)); }
    ;

pair
    : key '=' value                 { TRY(toml_set(parser, $key, $value)); }
    ;

// a path of one or more names; the action that uses it takes it off the stack
key
    : KEY                           { $$ = toml_push(parser, $KEY); }
    | key '.' KEY                   { $$ = $1; toml_push(parser, $KEY); }
    ;

value
    : STRING
    | INTEGER
    | FLOAT
    | BOOLEAN
    | array
    | table
    ;

array
    : '[' ']'                       { $$ = json_array(); }
    | '[' elements ']'              { $$ = $elements; }
    | '[' elements ',' ']'          { $$ = $elements; }
    ;

elements
    : value                         { $$ = json_array(); json_array_append_new($$, $value); }
    | elements ',' value            { $$ = $1; json_array_append_new($$, $value); }
    ;

table
    : '{' enter '}'                 { $$ = toml_leave(parser, $enter); }
    | '{' enter pairs '}'           { $$ = toml_leave(parser, $enter); }
    ;

enter
    : %empty                        { $$ = toml_enter(parser); }
    ;

pairs
    : pair
    | pairs ',' pair
    ;

%%

static void toml_grammar_error(struct span *location, struct toml_parser *parser, const char *message) {
    toml_fail(parser, *location, "%s", message);
}
