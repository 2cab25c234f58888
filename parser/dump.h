/* dump: the AST as text, for people and for comparing with other parsers. Reads only; any thread may call it. */
#ifndef BUD_PARSER_DUMP_H
#define BUD_PARSER_DUMP_H

#include "parser/ast.h"

/* The S-expression form of BuildKit's parser tests: one `(name [flags] "argument"...)` a line, appended to OUT. Take
 * the AST of parser_parse_syntax: the checks of parser_parse trim VOLUME's paths. */
void dump_sexpr(struct buf *out, const struct dockerfile *dockerfile);

/* All of the AST of parser_parse_syntax with the place of every node, as one line of JSON, appended to OUT. docs/ast.md has
 * the schema, which only grows while its version stays. */
void dump_json(struct buf *out, const struct dockerfile *dockerfile);

#endif
