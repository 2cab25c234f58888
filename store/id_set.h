/* id_set: the distinct owners in a layer; a handful, or in a hostile one millions. */
#ifndef BUD_STORE_ID_SET_H
#define BUD_STORE_ID_SET_H

#include "base/arena.h"
#include "base/vec.h"

#include <stdint.h>

struct id_set {
    VEC(uint32_t) ids; /* in any order, some of them several times */
    size_t limit;      /* that many are made distinct */
};

void id_set_add(struct id_set *set, uint32_t id);
/* The IDs, sorted, in ARENA. */
void id_set_copy(struct id_set *set, struct arena *arena, uint32_t **ids, size_t *count);
void id_set_free(struct id_set *set);

#endif
