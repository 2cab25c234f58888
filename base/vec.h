/* vec: growing arrays of any type.
 *
 *     VEC(struct layer) layers = VEC_INIT;
 *     vec_push(&layers, layer);
 *     for (size_t i = 0; i < layers.count; i++) use(&layers.items[i]);
 *     vec_free(&layers);
 *
 * The items move when the vector grows: keep indices, not pointers, while pushing. Arena vectors
 * (arena_vec_push) leave their old blocks to the arena. */
#ifndef BUD_BASE_VEC_H
#define BUD_BASE_VEC_H

#include "base/arena.h"

#include <stddef.h>

#define VEC(type)                                                                                  \
    struct {                                                                                       \
        type *items;                                                                               \
        size_t count;                                                                              \
        size_t capacity;                                                                           \
    }
#define VEC_INIT                                                                                   \
    { NULL, 0, 0 }

/* Grow to hold at least one item more; ARENA NULL means malloc. */
void *vec_grow(struct arena *arena, void *items, size_t count, size_t *capacity, size_t item_size);

#define vec_push(vec, ...)                                                                         \
    do {                                                                                           \
        if ((vec)->count == (vec)->capacity) {                                                     \
            (vec)->items = vec_grow(NULL, (vec)->items, (vec)->count, &(vec)->capacity,            \
                                    sizeof(*(vec)->items));                                        \
        }                                                                                          \
        (vec)->items[(vec)->count++] = (__VA_ARGS__);                                              \
    } while (0)

#define arena_vec_push(arena, vec, ...)                                                            \
    do {                                                                                           \
        if ((vec)->count == (vec)->capacity) {                                                     \
            (vec)->items = vec_grow((arena), (vec)->items, (vec)->count, &(vec)->capacity,         \
                                    sizeof(*(vec)->items));                                        \
        }                                                                                          \
        (vec)->items[(vec)->count++] = (__VA_ARGS__);                                              \
    } while (0)

#define vec_free(vec)                                                                              \
    do {                                                                                           \
        free((vec)->items);                                                                        \
        (vec)->items = NULL;                                                                       \
        (vec)->count = (vec)->capacity = 0;                                                        \
    } while (0)

#endif
