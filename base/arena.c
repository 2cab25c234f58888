#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Blocks double from the first size to the last, so that a small arena costs one small malloc. */
#define FIRST_BLOCK ((size_t)4096)
#define LARGEST_BLOCK ((size_t)256 * 1024)
#define ALIGNMENT _Alignof(max_align_t)

struct arena_block {
    struct arena_block *next;
    size_t size; /* of data */
    size_t used;
    _Alignas(max_align_t) char data[];
};

void out_of_memory(void) {
    static const char message[] = "bud: out of memory\n";
    ssize_t ignored = write(STDERR_FILENO, message, sizeof(message) - 1);
    (void)ignored;
    _exit(125);
}

static struct arena_block *block_new(size_t size) {
    if (size > SIZE_MAX - sizeof(struct arena_block)) {
        out_of_memory();
    }
    struct arena_block *block = xmalloc(sizeof(*block) + size);
    *block = (struct arena_block){ .size = size };
    return block;
}

/* A block with room for SIZE bytes. A large request gets a block of its own behind the current one, whose
 * remaining room stays in use. */
static struct arena_block *block_for(struct arena *arena, size_t size) {
    struct arena_block *first = arena->blocks;
    if (first && first->size - first->used >= size) {
        return first;
    }
    size_t regular = FIRST_BLOCK;
    if (first) {
        regular = first->size < LARGEST_BLOCK / 2 ? first->size * 2 : LARGEST_BLOCK;
    }
    if (first && size > regular / 4) {
        struct arena_block *own = block_new(size);
        own->next = first->next;
        first->next = own;
        return own;
    }
    struct arena_block *block = block_new(size > regular ? size : regular);
    block->next = first;
    arena->blocks = block;
    return block;
}

void *arena_alloc(struct arena *arena, size_t size) {
    if (size > SIZE_MAX - ALIGNMENT) {
        out_of_memory();
    }
    size_t rounded = size ? (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT : ALIGNMENT;
    struct arena_block *block = block_for(arena, rounded);
    void *memory = block->data + block->used;
    block->used += rounded;
    arena->allocated += size;
    return memset(memory, 0, rounded);
}

void *arena_array(struct arena *arena, size_t count, size_t size) {
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        out_of_memory();
    }
    return arena_alloc(arena, total);
}

char *arena_memdup(struct arena *arena, const void *data, size_t len) {
    if (len == SIZE_MAX) {
        out_of_memory();
    }
    char *copy = arena_alloc(arena, len + 1);
    if (len) {
        memcpy(copy, data, len);
    }
    return copy;
}

char *arena_strdup(struct arena *arena, const char *text) {
    return arena_memdup(arena, text, strlen(text));
}

char *arena_vprintf(struct arena *arena, const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int len = vsnprintf(NULL, 0, format, again);
    va_end(again);
    if (len < 0) {
        out_of_memory();
    }
    char *text = arena_alloc(arena, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, format, arguments);
    return text;
}

char *arena_printf(struct arena *arena, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return text;
}

void arena_free(struct arena *arena) {
    struct arena_block *next;
    for (struct arena_block *block = arena->blocks; block; block = next) {
        next = block->next;
        free(block);
    }
    *arena = (struct arena)ARENA_INIT;
}

void *xmalloc(size_t size) {
    void *memory = malloc(size ? size : 1);
    if (!memory) {
        out_of_memory();
    }
    return memory;
}

void *xcalloc(size_t count, size_t size) {
    void *memory = calloc(count ? count : 1, size ? size : 1);
    if (!memory) {
        out_of_memory();
    }
    return memory;
}

void *xrealloc(void *old, size_t size) {
    void *memory = realloc(old, size ? size : 1);
    if (!memory) {
        out_of_memory();
    }
    return memory;
}

char *xstrdup(const char *text) {
    char *copy = strdup(text);
    if (!copy) {
        out_of_memory();
    }
    return copy;
}

char *xasprintf(const char *format, ...) {
    char *text;
    va_list arguments;
    va_start(arguments, format);
    int len = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (len < 0) {
        out_of_memory();
    }
    return text;
}

void cleanup_free(void *pointer_to_pointer) {
    free(*(void **)pointer_to_pointer);
}
