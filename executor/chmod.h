/* chmod: what --chmod asks for, octal or symbolic. */
#ifndef BUD_EXECUTOR_CHMOD_H
#define BUD_EXECUTOR_CHMOD_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

#include <sys/types.h>

struct chmod_action;

struct chmod {
    enum { CHMOD_KEEP, CHMOD_OCTAL, CHMOD_SYMBOLIC } kind;
    mode_t octal;                       /* 12 bits */
    const struct chmod_action *actions; /* in the order they are applied */
    size_t action_count;
};

/* TEXT "" keeps every mode. ERROR_INPUT with BuildKit's text for anything that is neither octal 0..07777 nor a list of
 * chmod(1) clauses. The actions live in ARENA. */
int chmod_parse(struct str text, struct arena *arena, struct chmod *out, struct error *error);
/* The mode (12 bits) of an entry that has MODE in the source. */
mode_t chmod_apply(const struct chmod *chmod, mode_t mode, bool is_directory);
/* The mode of directories made on the way to the destination: octal as given, else 0755. */
mode_t chmod_of_made_directory(const struct chmod *chmod);

#endif
