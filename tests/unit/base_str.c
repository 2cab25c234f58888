/* Slices, builders, arenas, vectors and maps. */
#include "base/map.h"
#include "base/str.h"
#include "base/vec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void assert_str(struct str actual, const char *expected) {
    assert_int_equal(actual.len, strlen(expected));
    assert_memory_equal(actual.data, expected, actual.len);
}

static void slices_are_found_cut_and_trimmed(void **state) {
    (void)state;
    struct str s = STR("COPY --from=a b");
    assert_int_equal(str_find_byte(s, '='), 11);
    assert_int_equal(str_find_byte(s, '#'), SIZE_MAX);
    assert_int_equal(str_rfind_byte(s, ' '), 13);
    assert_int_equal(str_find(s, STR("from")), 7);
    assert_int_equal(str_find(s, STR("form")), SIZE_MAX);
    assert_int_equal(str_find(STR_EMPTY, STR("")), 0);
    assert_str(str_sub(s, 5, 1000), "--from=a b");
    assert_str(str_sub(s, 50, 10), "");
    assert_str(str_from(s, 14), "b");
    assert_str(str_trim(STR(" \t\n\v\f\rx y\r\n")), "x y");
    assert_str(str_trim(STR(" \t ")), "");
    assert_true(str_has_prefix(s, STR("COPY")));
    assert_false(str_has_prefix(STR("CO"), STR("COPY")));
    assert_true(str_has_suffix(s, STR("a b")));
    assert_true(str_equal_nocase(STR("From"), STR("FROM")));
    assert_false(str_equal_nocase(STR("Fro["), STR("Fro{")));
    assert_true(str_compare(STR("a"), STR("ab")) < 0);
    assert_true(str_compare(STR("\xff"), STR("a")) > 0);
    assert_int_equal(str_compare(STR("a"), STR("a")), 0);
}

static void splitting_gives_every_part_once(void **state) {
    (void)state;
    struct str rest = STR("a,,b,");
    const char *expected[] = { "a", "", "b", "" };
    struct str part;
    size_t count = 0;
    while (str_split(&rest, ',', &part)) {
        assert_true(count < COUNT(expected));
        assert_str(part, expected[count++]);
    }
    assert_int_equal(count, COUNT(expected));
}

static void numbers_are_digits_and_nothing_else(void **state) {
    (void)state;
    const struct {
        const char *text;
        unsigned base;
        uint64_t limit;
        bool is_number;
        uint64_t value;
    } rows[] = {
        { "0", 10, 9, true, 0 },
        { "18446744073709551615", 10, UINT64_MAX, true, UINT64_MAX },
        { "18446744073709551616", 10, UINT64_MAX, false, 0 },
        { "755", 8, 07777, true, 0755 },
        { "800", 8, 07777, false, 0 },
        { "10000", 8, 07777, false, 0 },
        { "Ff", 16, 255, true, 255 },
        { "", 10, 9, false, 0 },
        { "+1", 10, 9, false, 0 },
        { " 1", 10, 9, false, 0 },
        { "1x", 10, 99, false, 0 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t value = 0;
        bool is_number = str_parse_uint(str_of(rows[i].text), rows[i].base, rows[i].limit, &value);
        assert_int_equal(is_number, rows[i].is_number);
        assert_int_equal(value, rows[i].value);
    }
}

static void utf8_is_what_rfc_3629_says(void **state) {
    (void)state;
    const struct {
        const char *text;
        size_t len;
        uint32_t code;
    } rows[] = {
        { "a", 1, 'a' },
        { "\xc3\xa9", 2, 0xe9 },
        { "\xe2\x82\xac", 3, 0x20ac },
        { "\xf0\x9f\x90\xb3", 4, 0x1f433 },
        { "\xf4\x8f\xbf\xbf", 4, 0x10ffff },
        { "\xf4\x90\x80\x80", 0, 0 }, /* above the last */
        { "\xed\xa0\x80", 0, 0 },     /* surrogate */
        { "\xc0\xaf", 0, 0 },         /* overlong */
        { "\xe0\x80\xaf", 0, 0 },     /* overlong */
        { "\xe2\x82", 0, 0 },         /* cut */
        { "\xe2\x28\xa1", 0, 0 },     /* no continuation */
        { "\x80", 0, 0 },
        { "\xff", 0, 0 },
        { "", 0, 0 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint32_t code = 0;
        assert_int_equal(str_decode_utf8(str_of(rows[i].text), &code), rows[i].len);
        assert_int_equal(code, rows[i].code);
    }
}

/* The textbook table, to compare the banded one with. */
static size_t plain_distance(const char *a, const char *b) {
    size_t table[16][16];
    for (size_t i = 0; i <= strlen(a); i++) {
        for (size_t j = 0; j <= strlen(b); j++) {
            if (i == 0 || j == 0) {
                table[i][j] = i + j;
                continue;
            }
            size_t best = table[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            best = table[i - 1][j] + 1 < best ? table[i - 1][j] + 1 : best;
            best = table[i][j - 1] + 1 < best ? table[i][j - 1] + 1 : best;
            table[i][j] = best;
        }
    }
    return table[strlen(a)][strlen(b)];
}

static void distance_equals_the_plain_algorithm(void **state) {
    (void)state;
    char a[8];
    char b[8];
    srand(1);
    for (int round = 0; round < 20000; round++) {
        char *const words[] = { a, b };
        for (int w = 0; w < 2; w++) {
            int len = rand() % 8;
            for (int i = 0; i < len; i++) {
                words[w][i] = (char)('a' + rand() % 3);
            }
            words[w][len] = '\0';
        }
        size_t limit = (size_t)(rand() % 9);
        size_t expected = plain_distance(a, b);
        expected = expected > limit ? limit + 1 : expected;
        assert_int_equal(str_distance(str_of(a), str_of(b), limit, true), expected);
    }
    assert_int_equal(str_distance(STR("FROM"), STR("from"), SIZE_MAX - 1, true), 0);
    assert_int_equal(str_distance(STR("FrOM"), STR("from"), SIZE_MAX - 1, false), 3);
}

static void nearest_is_within_two_and_first_wins(void **state) {
    (void)state;
    const char *const words[] = { "FROM", "RUN", "COPY", "CMD", "ADD", "ba", "x" };
    const struct {
        const char *word;
        const char *nearest;
    } rows[] = {
        { "FORM", "FROM" }, { "run", "RUN" },    { "RUNN", "RUN" }, { "ENTRYPOINT", NULL },
        { "CPY", "COPY" },  { "COPPYYY", NULL }, { "CP", NULL },    { "R", NULL },
        { "..", NULL },     { "rmi", NULL },     { "ab", NULL },    { "ca", "ba" },
        { "d", NULL },      { "AADD", "ADD" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *nearest = str_nearest(str_of(rows[i].word), words, COUNT(words));
        if (rows[i].nearest) {
            assert_non_null(nearest);
            assert_string_equal(nearest, rows[i].nearest);
        } else {
            assert_null(nearest);
        }
    }
}

static void builders_keep_a_nul_at_the_end(void **state) {
    (void)state;
    _cleanup_buf_ struct buf buf = BUF_INIT;
    for (int i = 0; i < 1000; i++) {
        buf_printf(&buf, "%d,", i);
        assert_int_equal(buf.data[buf.len], '\0');
    }
    assert_int_equal(buf.len, 3890);
    buf_reset(&buf);
    buf_append(&buf, "a\0b", 3);
    buf_append_byte(&buf, 'c');
    buf_append_str(&buf, STR("d"));
    assert_int_equal(buf.len, 5);
    char *taken = buf_take(&buf);
    assert_memory_equal(taken, "a\0bcd", 6);
    free(taken);
    assert_int_equal(buf.len, 0);
    taken = buf_take(&buf);
    assert_string_equal(taken, "");
    free(taken);
}

static void arenas_give_zeroed_aligned_memory(void **state) {
    (void)state;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    for (size_t size = 0; size < 200000; size = size * 3 / 2 + 1) {
        char *memory = arena_alloc(&arena, size);
        assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(memory[i], 0);
        }
        memset(memory, 0xee, size);
    }
    assert_ptr_not_equal(arena_alloc(&arena, 0), arena_alloc(&arena, 0));
    assert_string_equal(arena_printf(&arena, "%s-%d", "a", 1), "a-1");
    assert_string_equal(str_dup(&arena, STR("slice")), "slice");
    assert_str(str_lower(&arena, STR("DeBug\xc3\x89")), "debug\xc3\x89");
    arena_free(&arena);
    assert_int_equal(arena.allocated, 0);
    assert_string_equal(arena_strdup(&arena, "again"), "again");
}

static void vectors_grow(void **state) {
    (void)state;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    VEC(size_t) owned = VEC_INIT;
    VEC(size_t) borrowed = VEC_INIT;
    for (size_t i = 0; i < 1000; i++) {
        vec_push(&owned, i);
        arena_vec_push(&arena, &borrowed, i);
    }
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(owned.items[i], i);
        assert_int_equal(borrowed.items[i], i);
    }
    vec_free(&owned);
    assert_int_equal(owned.count, 0);
}

static void maps_find_replace_and_remove_in_order(void **state) {
    (void)state;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_map_ struct map map = MAP_INIT;
    int values[2000];
    assert_null(map_get(&map, STR("x")));
    assert_false(map_remove(&map, STR("x")));
    for (size_t i = 0; i < COUNT(values); i++) {
        assert_true(map_set(&map, str_printf(&arena, "key%zu", i), &values[i]));
    }
    assert_false(map_set(&map, STR("key7"), &values[0]));
    assert_ptr_equal(map_get(&map, STR("key7")), &values[0]);
    for (size_t i = 0; i < COUNT(values); i += 100) {
        assert_true(map_remove(&map, str_printf(&arena, "key%zu", i)));
    }
    assert_int_equal(map.count, COUNT(values) - 20);
    assert_false(map_has(&map, STR("key100")));
    assert_true(map_has(&map, STR("key101")));
    for (size_t i = 0, key = 0; i < map.count; i++, key++) {
        key += key % 100 == 0;
        assert_true(str_equal(map.entries[i].key, str_printf(&arena, "key%zu", key)));
    }
    /* A NULL value is a value; a key may be empty. */
    assert_true(map_set(&map, STR(""), NULL));
    assert_true(map_has(&map, STR("")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_are_found_cut_and_trimmed),
        cmocka_unit_test(splitting_gives_every_part_once),
        cmocka_unit_test(numbers_are_digits_and_nothing_else),
        cmocka_unit_test(utf8_is_what_rfc_3629_says),
        cmocka_unit_test(distance_equals_the_plain_algorithm),
        cmocka_unit_test(nearest_is_within_two_and_first_wins),
        cmocka_unit_test(builders_keep_a_nul_at_the_end),
        cmocka_unit_test(arenas_give_zeroed_aligned_memory),
        cmocka_unit_test(vectors_grow),
        cmocka_unit_test(maps_find_replace_and_remove_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
