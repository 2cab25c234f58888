#include "store/crc64.h"

#include <pthread.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* Bit 63 - i of a word is the coefficient of x^i. */
#define POLYNOMIAL UINT64_C(0xD800000000000000)
#define FOLD_BLOCK 64 /* bytes folded at once: four registers of 16 */

/* Everything here is computed once and constant afterwards. A build with nothing to do has some kilobytes of checksums: it
 * touches the first page only. */
static struct {
    uint64_t fold_block
        [2]; /* what moves the low and the high half of a register on by FOLD_BLOCK bytes */
    uint64_t fold_register[2]; /* and by 16 */
    int has_multiplication;
    /* slices[k][b]: byte b followed by k zero bytes; all but the first only for what is LONG */
    uint64_t slices[8][256];
} tables;
static pthread_once_t tables_once = PTHREAD_ONCE_INIT, slices_once = PTHREAD_ONCE_INIT;

#define LONG (2 * FOLD_BLOCK) /* bytes: what is shorter goes byte by byte */

static uint64_t times_x(uint64_t value) {
    return (value >> 1) ^ (value & 1 ? POLYNOMIAL : 0);
}

static uint64_t power_of_x(unsigned exponent) {
    uint64_t value = UINT64_C(1) << 63;
    while (exponent--) {
        value = times_x(value);
    }
    return value;
}

static void make_tables(void) {
    for (unsigned byte = 0; byte < 256; byte++) {
        uint64_t value = byte;
        for (int bit = 0; bit < 8; bit++) {
            value = times_x(value);
        }
        tables.slices[0][byte] = value;
    }
    /* A product of two reflected words comes out one bit further right than the words themselves stand, which
     * counts as one multiplication by x: hence the - 1. */
    tables.fold_block[0] = power_of_x(8 * FOLD_BLOCK + 64 - 1);
    tables.fold_block[1] = power_of_x(8 * FOLD_BLOCK - 1);
    tables.fold_register[0] = power_of_x(128 + 64 - 1);
    tables.fold_register[1] = power_of_x(128 - 1);
#if defined(__x86_64__)
    tables.has_multiplication =
        __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
#endif
}

static void make_slices(void) {
    for (unsigned byte = 0; byte < 256; byte++) {
        for (unsigned k = 1; k < 8; k++) {
            uint64_t value = tables.slices[k - 1][byte];
            tables.slices[k][byte] = tables.slices[0][value & 0xff] ^ (value >> 8);
        }
    }
}

/* STATE is the register, that is the CRC without the final xor. */
static uint64_t update_by_bytes(uint64_t state, const uint8_t *bytes, size_t len) {
    for (; len > 0; bytes++, len--) {
        state = tables.slices[0][(state ^ *bytes) & 0xff] ^ (state >> 8);
    }
    return state;
}

static uint64_t update_by_slices(uint64_t state, const uint8_t *bytes, size_t len) {
    pthread_once(&slices_once, make_slices);
    for (; len >= 8; bytes += 8, len -= 8) {
        uint64_t word;
        memcpy(&word, bytes, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        word = __builtin_bswap64(word);
#endif
        state ^= word;
        uint64_t next = 0;
        for (unsigned i = 0; i < 8; i++) {
            next ^= tables.slices[7 - i][(state >> (8 * i)) & 0xff];
        }
        state = next;
    }
    return update_by_bytes(state, bytes, len);
}

#if defined(__x86_64__)
__attribute__((target("pclmul,sse4.1"))) static inline __m128i fold(__m128i value, __m128i factors,
                                                                    __m128i next) {
    __m128i low = _mm_clmulepi64_si128(value, factors, 0x00);
    __m128i high = _mm_clmulepi64_si128(value, factors, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

/* Folds the message 64 bytes at a time ("Fast CRC Computation for Generic Polynomials Using PCLMULQDQ
 * Instruction", Gopal et al., Intel 2009). The last 16 bytes are left to the table, which spares the Barrett
 * reduction. LEN is a positive multiple of FOLD_BLOCK. */
__attribute__((target("pclmul,sse4.1"))) static uint64_t update_by_folding(uint64_t state,
                                                                           const uint8_t *bytes,
                                                                           size_t len) {
    const __m128i *words = (const __m128i *)bytes;
    __m128i far = _mm_set_epi64x((int64_t)tables.fold_block[1], (int64_t)tables.fold_block[0]);
    __m128i near =
        _mm_set_epi64x((int64_t)tables.fold_register[1], (int64_t)tables.fold_register[0]);
    __m128i a = _mm_xor_si128(_mm_loadu_si128(words), _mm_set_epi64x(0, (int64_t)state));
    __m128i b = _mm_loadu_si128(words + 1);
    __m128i c = _mm_loadu_si128(words + 2);
    __m128i d = _mm_loadu_si128(words + 3);
    for (len -= FOLD_BLOCK, words += 4; len > 0; len -= FOLD_BLOCK, words += 4) {
        a = fold(a, far, _mm_loadu_si128(words));
        b = fold(b, far, _mm_loadu_si128(words + 1));
        c = fold(c, far, _mm_loadu_si128(words + 2));
        d = fold(d, far, _mm_loadu_si128(words + 3));
    }
    uint8_t rest[16];
    _mm_storeu_si128((__m128i *)rest, fold(fold(fold(a, near, b), near, c), near, d));
    return update_by_bytes(0, rest, sizeof(rest));
}
#endif

uint64_t crc64_update_portable(uint64_t crc, const void *data, size_t len) {
    pthread_once(&tables_once, make_tables);
    return ~update_by_slices(~crc, data, len);
}

uint64_t crc64_update(uint64_t crc, const void *data, size_t len) {
    pthread_once(&tables_once, make_tables);
    const uint8_t *bytes = data;
    uint64_t state = ~crc;
    if (len < LONG) {
        return ~update_by_bytes(state, bytes, len);
    }
#if defined(__x86_64__)
    if (tables.has_multiplication) {
        size_t folded = len - len % FOLD_BLOCK;
        state = update_by_folding(state, bytes, folded);
        return ~update_by_bytes(state, bytes + folded, len - folded);
    }
#endif
    return ~update_by_slices(state, bytes, len);
}
