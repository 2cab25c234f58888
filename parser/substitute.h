/* substitute: the pattern operators of expansion, `${x#p} ${x##p} ${x%p} ${x%%p} ${x/p/r} ${x//p/r}`.
 *
 * Patterns know `*` (any run without a newline), `?` (one character) and `\` before `*`, `?`, `\`, `}` or `/`.
 * Matching takes time proportional to the value: a pattern that keeps more than a few of its parts busy is refused
 * where the value is long. */
#ifndef BUD_PARSER_SUBSTITUTE_H
#define BUD_PARSER_SUBSTITUTE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

/* Values that hold others double with every line: nothing expands to more bytes than this. */
enum { SUBSTITUTE_SIZE = 16 << 20 };
int substitute_too_long(struct error *error);

/* VALUE without the shortest (or LONGEST) prefix or suffix that PATTERN matches; a slice of VALUE. ERROR_INPUT
 * `invalid pattern (P) in substitution: invalid escape '\c'`, or `matching ... takes too long`. */
int substitute_trim(struct str value, struct str pattern, bool is_suffix, bool is_longest,
                    struct str *out, struct error *error);
/* VALUE with the first (or every) longest match replaced, appended to OUT; same errors, or too long. */
int substitute_replace(struct str value, struct str pattern, struct str replacement, bool is_all,
                       struct buf *out, struct error *error);

#endif
