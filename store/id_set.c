#include "store/id_set.h"

#include <stdlib.h>
#include <string.h>

void id_set_add(struct id_set *set, uint32_t id) {
    size_t at = set->ids.count;
    while (at > 0 && set->ids.items[at - 1] >= id) {
        at--;
        if (set->ids.items[at] == id) {
            return;
        }
    }
    vec_push(&set->ids, id);
    memmove(set->ids.items + at + 1, set->ids.items + at, (set->ids.count - 1 - at) * sizeof(id));
    set->ids.items[at] = id;
}

void id_set_copy(const struct id_set *set, struct arena *arena, uint32_t **ids, size_t *count) {
    *ids = arena_array(arena, set->ids.count, sizeof(**ids));
    *count = set->ids.count;
    if (*count > 0) {
        memcpy(*ids, set->ids.items, *count * sizeof(**ids));
    }
}

void id_set_free(struct id_set *set) {
    vec_free(&set->ids);
}
