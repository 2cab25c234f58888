/* format_instruction: how the lines of one instruction are laid out. Private to parser/format*.c. */
#ifndef BUD_PARSER_FORMAT_INSTRUCTION_H
#define BUD_PARSER_FORMAT_INSTRUCTION_H

#include "base/vec.h"
#include "parser/ast.h"

/* A physical line of an instruction. Blank lines and lines with nothing but an escape are not kept. */
struct format_line {
    const char *start; /* of a comment, its indentation */
    const char *end;   /* before the escape, white space after it, and the line end */
    bool is_comment;
};

struct format_lines {
    VEC(struct format_line) items;
    struct str raw; /* all of them as they stand in the file */
    bool is_open;   /* the last one is continued, by the end of the file */
};

/* Appends INSTRUCTION of DOCKERFILE, which LINES hold, to OUT, with a line end but without the bodies of heredocs. */
void format_instruction(const struct dockerfile *dockerfile, const struct instruction *instruction,
                        const struct format_lines *lines, struct buf *out);
/* INSTRUCTION, or what is inside of ONBUILD: it has the arguments and heredocs. */
const struct instruction *format_innermost(const struct instruction *instruction);

#endif
