/* heredoc: here-documents of RUN, COPY and ADD: where a line announces them, and what their bodies mean.
 *
 * Rules: the Dockerfile reference, "Here-Documents", and BuildKit's line parser. */
#ifndef BUD_PARSER_HEREDOC_H
#define BUD_PARSER_HEREDOC_H

#include "base/arena.h"
#include "parser/ast.h"

/* The heredocs LINE announces, in order, in ARENA, without bodies; a line that does not lex as words (an
 * unbalanced quote) announces none. Spans are offsets into LINE. ERROR_INPUT for a delimiter that does not lex. */
int heredoc_find(struct str line, struct arena *arena, struct ast_heredoc **out, size_t *count,
                 struct error *error);
/* True when WORD as a whole announces a heredoc; *out gets its name and kind. */
bool heredoc_match(struct str word, struct arena *arena, struct ast_heredoc *out);
/* The body as its reader gets it: with `<<-` without leading tabs. In ARENA or the body itself. */
struct str heredoc_content(const struct ast_heredoc *heredoc, struct arena *arena);

/* RUN in shell form: true when the whole text is one heredoc, whose content is then the script itself. */
bool heredoc_is_whole_script(const struct instruction *run);
/* TEXT as the shell wants it: the bodies and delimiters of all heredocs of INSTRUCTION appended. Used for RUN with
 * more on its line than one heredoc, and for what ONBUILD stores. */
struct str heredoc_append_bodies(struct str text, const struct instruction *instruction,
                                 struct arena *arena);

#endif
