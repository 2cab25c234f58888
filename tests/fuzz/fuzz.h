/* What all fuzz targets share: libFuzzer calls LLVMFuzzerTestOneInput with bytes of its own making; a target may do
 * anything but misbehave or break a promise of what it calls. */
#ifndef BUD_TESTS_FUZZ_H
#define BUD_TESTS_FUZZ_H

#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise was broken: libFuzzer saves the input. */
#define fuzz_expect(condition, ...)                                                                \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                        \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fputc('\n', stderr);                                                                   \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A copy without a byte to spare: the sanitizer sees a read behind the end. To be freed. */
static inline struct str fuzz_copy(struct str text) {
    char *copy = xmalloc(text.len ? text.len : 1);
    memcpy(copy, text.data, text.len);
    return str_make(copy, text.len);
}

static inline void fuzz_free(struct str *copy) {
    free((char *)(uintptr_t)copy->data);
}
#define _cleanup_copy_ _cleanup_(fuzz_free)

#endif
