/* str: borrowed slices of bytes, and buf: a growing byte builder.
 *
 * A `struct str` points into memory somebody else owns (the source text, an arena); it is passed by value and
 * need not be NUL-terminated. A `struct buf` owns its bytes and always keeps a NUL after the last one. Bytes are
 * bytes: nothing here assumes UTF-8 unless its name says so. */
#ifndef BUD_BASE_STR_H
#define BUD_BASE_STR_H

#include "base/arena.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *data;
    size_t len;
};

#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })
#define STR_EMPTY ((struct str){ "", 0 })
/* for printf: "%.*s", STR_ARG(s) */
#define STR_ARG(s) (int)(s).len, (s).data

static inline struct str str_of(const char *text) {
    return (struct str){ text ? text : "", text ? strlen(text) : 0 };
}
static inline struct str str_make(const char *data, size_t len) {
    return (struct str){ data, len };
}
static inline bool str_equal(struct str a, struct str b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}
static inline bool str_equal_c(struct str a, const char *b) {
    return str_equal(a, str_of(b));
}
/* ASCII case is ignored, other bytes must be equal. */
bool str_equal_nocase(struct str a, struct str b);
/* Bytewise order, as memcmp; a prefix sorts first. */
int str_compare(struct str a, struct str b);
bool str_has_prefix(struct str s, struct str prefix);
bool str_has_suffix(struct str s, struct str suffix);
/* Offset of the first BYTE, or SIZE_MAX. */
size_t str_find_byte(struct str s, char byte);
size_t str_rfind_byte(struct str s, char byte);
/* Offset of the first NEEDLE, or SIZE_MAX. */
size_t str_find(struct str s, struct str needle);
/* The slice [from, to), clamped to S. */
struct str str_sub(struct str s, size_t from, size_t to);
static inline struct str str_from(struct str s, size_t from) {
    return str_sub(s, from, s.len);
}
/* Without space, \t \n \v \f \r at both ends. */
struct str str_trim(struct str s);
/* Splits at the first BYTE: *before gets what precedes it, S what follows; without BYTE everything goes to
 * *before and S becomes empty. False when S was already exhausted (data NULL). */
bool str_split(struct str *s, char byte, struct str *before);
/* NUL-terminated copy in ARENA. */
char *str_dup(struct arena *arena, struct str s);
struct str str_copy(struct arena *arena, struct str s);
struct str str_printf(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
struct str str_lower(struct arena *arena, struct str s); /* ASCII */
struct str str_upper(struct arena *arena, struct str s); /* ASCII */
/* Decimal (base 10) or other base digits only, whole slice; false when empty, malformed or above LIMIT. */
bool str_parse_uint(struct str s, unsigned base, uint64_t limit, uint64_t *value);
/* The words of Go's strconv.ParseBool: 1 t T TRUE true True 0 f F FALSE false False. */
bool str_parse_bool(struct str s, bool *value);
/* Length in bytes of the UTF-8 character (RFC 3629: no surrogates, nothing overlong) S begins with and its
 * code point in *CODE; 0 when S is empty or begins with anything else. */
size_t str_decode_utf8(struct str s, uint32_t *code);
bool str_is_utf8(struct str s); /* all of it */
/* Levenshtein distance, at most LIMIT + 1; IS_CASE_IGNORED: of ASCII. */
size_t str_distance(struct str a, struct str b, size_t limit, bool is_case_ignored);
/* The candidate nearest to WORD within distance 2, of words of three letters or fewer 1, at least half of it the same
 * (strictly nearest first, then first listed; two swapped neighbours of more than two count as one), or NULL. */
const char *str_nearest(struct str word, const char *const *candidates, size_t count);
/* The same for the keywords of a Dockerfile, by BuildKit's rule: within distance 2 however short (util/suggest). */
const char *str_nearest_keyword(struct str word, const char *const *candidates, size_t count);

struct buf {
    char *data; /* NULL until the first byte, NUL-terminated afterwards */
    size_t len;
    size_t capacity;
};

#define BUF_INIT                                                                                   \
    { NULL, 0, 0 }

void buf_free(struct buf *buf);
void buf_reset(struct buf *buf); /* length 0, memory kept */
void buf_reserve(struct buf *buf, size_t more);
void buf_append(struct buf *buf, const void *data, size_t len);
void buf_append_str(struct buf *buf, struct str s);
void buf_append_c(struct buf *buf, const char *text);
void buf_append_byte(struct buf *buf, char byte);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *buf, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
static inline struct str buf_str(const struct buf *buf) {
    return (struct str){ buf->data ? buf->data : "", buf->len };
}
/* The bytes as a malloc'ed NUL-terminated string the caller frees; the builder is empty afterwards. */
char *buf_take(struct buf *buf);
#define _cleanup_buf_ _cleanup_(buf_free)

#endif
