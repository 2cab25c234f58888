/* format: the canonical layout of a Dockerfile, without a change of what it says.
 *
 * Only white space, line breaks that mean nothing, the case of keywords and the spelling of directives are touched; every
 * other byte is copied. The rules are in docs/fmt.md. Reads only; any thread may call it. */
#ifndef BUD_PARSER_FORMAT_H
#define BUD_PARSER_FORMAT_H

#include "parser/ast.h"

/* SOURCE in canonical layout, appended to OUT; formatting that once more changes nothing. NAME is for messages. ERROR_INPUT
 * when SOURCE does not parse. The result is parsed again and compared (format_is_same); should it say anything else,
 * that is our mistake: ERROR_FAILED. OUT is as it was after an error. */
int format_dockerfile(struct str source, const char *name, struct buf *out, struct error *error);

/* Do both say the same, layout aside: directives, instructions, flags, arguments, heredocs, and the comments attached to
 * each instruction? Both are of parser_parse_syntax. When not, *LINE is a line of FIRST where they part. */
bool format_is_same(const struct dockerfile *first, const struct dockerfile *second,
                    unsigned *line);

#endif
