/* expand_ranges: expand_words that also tells where in the input each word came from. */
#ifndef BUD_PARSER_EXPAND_RANGES_H
#define BUD_PARSER_EXPAND_RANGES_H

#include "parser/expand.h"

struct expand_range {
    struct str text;
    size_t start; /* bytes of the input */
    size_t end;
};

/* As expand_words. */
int expand_ranges(const struct expand_scope *scope, struct str input, struct arena *arena,
                  struct expand_range **out, size_t *count, struct error *error);

#endif
