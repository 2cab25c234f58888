/* arena: memory that lives as long as the thing it describes (an AST, a plan) and is freed at once.
 *
 * Owns every byte handed out; nothing allocated from an arena is freed on its own. One thread at a time may
 * allocate from an arena; anyone may read what was allocated. Running out of memory ends the process with
 * status 125: the store is safe against that at every point, and no caller could do better. */
#ifndef BUD_BASE_ARENA_H
#define BUD_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    size_t allocated;           /* bytes handed out, for statistics */
};

#define ARENA_INIT                                                                                 \
    { NULL, 0 }

/* Zeroed memory, aligned for any type. SIZE 0 gives a unique valid pointer. */
void *arena_alloc(struct arena *arena, size_t size) __attribute__((malloc, returns_nonnull));
/* COUNT zeroed elements of SIZE bytes; the multiplication is checked. */
void *arena_array(struct arena *arena, size_t count, size_t size) __attribute__((returns_nonnull));
/* A NUL-terminated copy of LEN bytes. */
char *arena_memdup(struct arena *arena, const void *data, size_t len)
    __attribute__((returns_nonnull));
char *arena_strdup(struct arena *arena, const char *text) __attribute__((returns_nonnull));
char *arena_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3), returns_nonnull));
char *arena_vprintf(struct arena *arena, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0), returns_nonnull));
/* Frees everything; the arena is empty and usable afterwards. */
void arena_free(struct arena *arena);

#define arena_new(arena, type) ((type *)arena_alloc((arena), sizeof(type)))

/* malloc and friends that end the process instead of returning NULL. */
void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *old, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *text) __attribute__((malloc, returns_nonnull));
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

/* What those do then: `bud: out of memory` on standard error and _exit(125). Async-signal-safe. */
void out_of_memory(void) __attribute__((noreturn));

#define _cleanup_(function) __attribute__((cleanup(function)))
void cleanup_free(void *pointer_to_pointer); /* frees *(void **)p */
#define _cleanup_free_ _cleanup_(cleanup_free)
#define _cleanup_arena_ _cleanup_(arena_free)

#endif
