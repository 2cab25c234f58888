/* parser: Dockerfile text to AST.
 *
 * The grammar is grammar/dockerfile.re and grammar/dockerfile.y. Parsing does no I/O and keeps no state; several
 * threads may parse different files at once. */
#ifndef BUD_PARSER_PARSER_H
#define BUD_PARSER_PARSER_H

#include "base/arena.h"
#include "parser/ast.h"

/* Parses SOURCE (borrowed: it must live as long as the AST, as must NAME). The AST lives in ARENA. All checks that
 * need no other file are made: unknown instructions and flags ("did you mean"), argument counts, forms, values
 * that are not expanded, FROM first. Errors are ERROR_INPUT with the place set. All errors of the file are reported in the
 * order of their places, one for an instruction; behind the first 100 only their number (the last, which has no place). */
int parser_parse(struct str source, const char *name, struct arena *arena, struct dockerfile **out,
                 struct error *error);
/* The grammar alone, for dumps and formatting: unknown instructions are kept, flags and values are not looked at, the
 * typed part of an instruction is not filled. Errors of the line parser only. */
int parser_parse_syntax(struct str source, const char *name, struct arena *arena,
                        struct dockerfile **out, struct error *error);
/* Parses one ONBUILD trigger as stored in an image config: exactly one instruction, default escape, not FROM,
 * MAINTAINER or ONBUILD (Dockerfile reference, ONBUILD). */
int parser_parse_trigger(struct str source, const char *name, struct arena *arena,
                         struct dockerfile **out, struct error *error);

#endif
