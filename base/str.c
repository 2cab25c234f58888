#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool str_equal_nocase(struct str a, struct str b) {
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (lower(a.data[i]) != lower(b.data[i])) {
            return false;
        }
    }
    return true;
}

int str_compare(struct str a, struct str b) {
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.data, b.data, common) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

bool str_has_prefix(struct str s, struct str prefix) {
    return s.len >= prefix.len && str_equal(str_make(s.data, prefix.len), prefix);
}

bool str_has_suffix(struct str s, struct str suffix) {
    return s.len >= suffix.len && str_equal(str_from(s, s.len - suffix.len), suffix);
}

size_t str_find_byte(struct str s, char byte) {
    const char *found = s.len ? memchr(s.data, byte, s.len) : NULL;
    return found ? (size_t)(found - s.data) : SIZE_MAX;
}

size_t str_rfind_byte(struct str s, char byte) {
    const char *found = s.len ? memrchr(s.data, byte, s.len) : NULL;
    return found ? (size_t)(found - s.data) : SIZE_MAX;
}

size_t str_find(struct str s, struct str needle) {
    if (!needle.len) {
        return 0;
    }
    const char *found = s.len ? memmem(s.data, s.len, needle.data, needle.len) : NULL;
    return found ? (size_t)(found - s.data) : SIZE_MAX;
}

struct str str_sub(struct str s, size_t from, size_t to) {
    to = to < s.len ? to : s.len;
    from = from < to ? from : to;
    return str_make(s.data ? s.data + from : NULL, to - from);
}

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s) {
    size_t from = 0;
    size_t to = s.len;
    while (from < to && is_space(s.data[from])) {
        from++;
    }
    while (to > from && is_space(s.data[to - 1])) {
        to--;
    }
    return str_sub(s, from, to);
}

bool str_split(struct str *s, char byte, struct str *before) {
    if (!s->data) {
        return false;
    }
    size_t at = str_find_byte(*s, byte);
    if (at == SIZE_MAX) {
        *before = *s;
        *s = str_make(NULL, 0);
        return true;
    }
    *before = str_sub(*s, 0, at);
    *s = str_from(*s, at + 1);
    return true;
}

char *str_dup(struct arena *arena, struct str s) {
    return arena_memdup(arena, s.data, s.len);
}

struct str str_copy(struct arena *arena, struct str s) {
    return str_make(str_dup(arena, s), s.len);
}

struct str str_printf(struct arena *arena, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return str_of(text);
}

struct str str_lower(struct arena *arena, struct str s) {
    char *copy = str_dup(arena, s);
    for (size_t i = 0; i < s.len; i++) {
        copy[i] = lower(copy[i]);
    }
    return str_make(copy, s.len);
}

struct str str_upper(struct arena *arena, struct str s) {
    char *copy = str_dup(arena, s);
    for (size_t i = 0; i < s.len; i++) {
        copy[i] = (char)(copy[i] >= 'a' && copy[i] <= 'z' ? copy[i] - 'a' + 'A' : copy[i]);
    }
    return str_make(copy, s.len);
}

static unsigned digit_of(char c) {
    if (c >= '0' && c <= '9') {
        return (unsigned)(c - '0');
    }
    c = lower(c);
    return c >= 'a' && c <= 'z' ? (unsigned)(c - 'a') + 10 : 255;
}

bool str_parse_uint(struct str s, unsigned base, uint64_t limit, uint64_t *value) {
    uint64_t sum = 0;
    if (!s.len) {
        return false;
    }
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = digit_of(s.data[i]);
        if (digit >= base || __builtin_mul_overflow(sum, base, &sum) ||
            __builtin_add_overflow(sum, digit, &sum)) {
            return false;
        }
    }
    if (sum > limit) {
        return false;
    }
    *value = sum;
    return true;
}

bool str_parse_bool(struct str s, bool *value) {
    static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True" };
    static const char *const no[] = { "0", "f", "F", "FALSE", "false", "False" };
    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
        if (str_equal_c(s, yes[i]) || str_equal_c(s, no[i])) {
            *value = str_equal_c(s, yes[i]);
            return true;
        }
    }
    return false;
}

size_t str_decode_utf8(struct str s, uint32_t *code) {
    if (!s.len) {
        return 0;
    }
    const unsigned char *bytes = (const unsigned char *)s.data;
    if (bytes[0] < 0x80) {
        *code = bytes[0];
        return 1;
    }
    size_t len = bytes[0] >= 0xf0 ? 4 : bytes[0] >= 0xe0 ? 3 : 2;
    if (bytes[0] < 0xc2 || bytes[0] > 0xf4 || s.len < len) {
        return 0;
    }
    uint32_t sum = bytes[0] & (0x7fU >> len);
    for (size_t i = 1; i < len; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            return 0;
        }
        sum = sum << 6 | (bytes[i] & 0x3f);
    }
    static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
    if (sum < smallest[len] || sum > 0x10ffff || (sum >= 0xd800 && sum <= 0xdfff)) {
        return 0;
    }
    *code = sum;
    return len;
}

bool str_is_utf8(struct str s) {
    while (s.len > 0) {
        uint32_t code;
        size_t len = str_decode_utf8(s, &code);
        if (len == 0) {
            return false;
        }
        s = str_from(s, len);
    }
    return true;
}

static size_t min_of(size_t a, size_t b) {
    return a < b ? a : b;
}

/* One row of the table of distances, only its diagonal band: cells farther than LIMIT from the diagonal cannot
 * lead to a distance within it, which keeps hostile words cheap. Returns the smallest cell. */
static size_t distance_row(struct str a, struct str b, size_t i, size_t limit, bool is_case_ignored,
                           size_t *row) {
    size_t from = i > limit ? i - limit : 1;
    size_t to = min_of(b.len, i + limit);
    size_t diagonal = row[from - 1];
    size_t beyond = limit + 1;
    row[from - 1] = from == 1 ? i : beyond;
    size_t smallest = row[from - 1];
    for (size_t j = from; j <= to; j++) {
        size_t above = j == i + limit ? beyond : row[j];
        char one = a.data[i - 1], other = b.data[j - 1];
        bool is_same = one == other || (is_case_ignored && lower(one) == lower(other));
        size_t cell = min_of(diagonal + !is_same, min_of(above, row[j - 1]) + 1);
        diagonal = row[j];
        row[j] = min_of(cell, beyond);
        smallest = min_of(smallest, row[j]);
    }
    return smallest;
}

size_t str_distance(struct str a, struct str b, size_t limit, bool is_case_ignored) {
    size_t difference = a.len > b.len ? a.len - b.len : b.len - a.len;
    /* Without this, i + limit above could wrap. */
    limit = min_of(limit, a.len + b.len);
    if (difference > limit) {
        return limit + 1;
    }
    size_t *row = xcalloc(b.len + 1, sizeof(*row));
    for (size_t j = 0; j <= b.len; j++) {
        row[j] = min_of(j, limit + 1);
    }
    for (size_t i = 1; i <= a.len; i++) {
        if (distance_row(a, b, i, limit, is_case_ignored, row) > limit) {
            free(row);
            return limit + 1;
        }
    }
    size_t distance = row[b.len];
    free(row);
    return distance;
}

/* The commonest slip of the hand: two neighbours swapped. */
static bool is_swapped(struct str a, struct str b) {
    size_t i = 0;
    while (i < a.len && i < b.len && str_equal_nocase(str_sub(a, i, i + 1), str_sub(b, i, i + 1))) {
        i++;
    }
    return a.len == b.len && a.len > 2 && i + 1 < a.len &&
           str_equal_nocase(str_sub(a, i, i + 1), str_sub(b, i + 1, i + 2)) &&
           str_equal_nocase(str_sub(a, i + 1, i + 2), str_sub(b, i, i + 1)) &&
           str_equal_nocase(str_from(a, i + 2), str_from(b, i + 2));
}

/* Of three letters any two changed make another word. */
static bool is_near(struct str a, struct str b, size_t distance) {
    size_t shorter = min_of(a.len, b.len), longer = a.len + b.len - shorter;
    return distance <= (shorter <= 3 ? 1 : 2) && 2 * distance <= longer;
}

static const char *nearest_of(struct str word, const char *const *candidates, size_t count,
                              bool is_strict) {
    const char *nearest = NULL;
    size_t best = 3;
    for (size_t i = 0; i < count && best > 0; i++) {
        struct str candidate = str_of(candidates[i]);
        size_t distance =
            is_swapped(word, candidate) ? 1 : str_distance(word, candidate, best - 1, true);
        if (distance < best && (!is_strict || is_near(word, candidate, distance))) {
            best = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}

const char *str_nearest(struct str word, const char *const *candidates, size_t count) {
    return nearest_of(word, candidates, count, true);
}

const char *str_nearest_keyword(struct str word, const char *const *candidates, size_t count) {
    return nearest_of(word, candidates, count, false);
}
