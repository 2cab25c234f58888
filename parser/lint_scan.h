/* lint_scan: the scanners of grammar/lint.re. Private to parser/lint*.c. */
#ifndef BUD_PARSER_LINT_SCAN_H
#define BUD_PARSER_LINT_SCAN_H

#include "parser/lint.h"
#include "parser/scan.h"

enum lint_shell_token {
    LINT_SHELL_END,
    LINT_SHELL_WORD,     /* characters that mean themselves */
    LINT_SHELL_VARIABLE, /* $NAME, ${NAME} */
    LINT_SHELL_SPACE,
    LINT_SHELL_SEPARATOR, /* && || ; and the end of a line */
    LINT_SHELL_OTHER,     /* anything else the shell may look at */
};
enum lint_shell_token lint_shell_next(struct scan *scan, struct str *token);

/* TEXT begins as an array of strings does, and as no command. */
bool lint_is_json_like(struct str text);

/* What a local path is by its name alone: never an archive, for what is not known to be plain may be one. */
enum lint_file lint_file_of(struct str name);

#endif
