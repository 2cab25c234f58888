#include "store/id_set.h"

#include <stdlib.h>
#include <string.h>

#define SMALL 64

static int compare(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

static void compact(struct id_set *set) {
    size_t kept = 0;
    if (set->ids.count > 0) {
        qsort(set->ids.items, set->ids.count, sizeof(*set->ids.items), compare);
    }
    for (size_t i = 0; i < set->ids.count; i++) {
        if (kept == 0 || set->ids.items[kept - 1] != set->ids.items[i]) {
            set->ids.items[kept++] = set->ids.items[i];
        }
    }
    set->ids.count = kept;
    set->limit = kept < SMALL / 2 ? SMALL : kept * 2;
}

void id_set_add(struct id_set *set, uint32_t id) {
    if (set->ids.count > 0 && set->ids.items[set->ids.count - 1] == id) {
        return; /* nearly always */
    }
    vec_push(&set->ids, id);
    if (set->ids.count >= set->limit) {
        compact(set);
    }
}

void id_set_copy(struct id_set *set, struct arena *arena, uint32_t **ids, size_t *count) {
    compact(set);
    *ids = arena_array(arena, set->ids.count, sizeof(**ids));
    *count = set->ids.count;
    if (*count > 0) {
        memcpy(*ids, set->ids.items, *count * sizeof(**ids));
    }
}

void id_set_free(struct id_set *set) {
    vec_free(&set->ids);
}
