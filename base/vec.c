#include "base/vec.h"

#include <stdint.h>
#include <string.h>

void *vec_grow(struct arena *arena, void *items, size_t count, size_t *capacity, size_t item_size) {
    size_t larger = *capacity ? *capacity : 4;
    size_t bytes;
    if ((*capacity && __builtin_mul_overflow(larger, 2, &larger)) ||
        __builtin_mul_overflow(larger, item_size, &bytes)) {
        out_of_memory();
    }
    *capacity = larger;
    if (!arena) {
        return xrealloc(items, bytes);
    }
    void *moved = arena_alloc(arena, bytes);
    if (count) {
        memcpy(moved, items, count * item_size);
    }
    return moved;
}
