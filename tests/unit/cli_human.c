/* Sizes, ages and columns for people; subordinate IDs. */
#include "cli/human.h"
#include "cli/userns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECOND INT64_C(1000000000)

static void sizes_have_three_digits(void **state) {
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } rows[] = {
        { 0, "0 B" },           { 999, "999 B" },          { 1000, "1 kB" },
        { 1234, "1.23 kB" },    { 12345, "12.3 kB" },      { 999499, "999 kB" },
        { 999500, "1 MB" },     { 3147264, "3.15 MB" },    { 6295000, "6.29 MB" },
        { 1000000000, "1 GB" }, { UINT64_MAX, "18.4 EB" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        assert_string_equal(human_size(&arena, rows[i].bytes), rows[i].text);
    }
}

static void ages_are_dockers(void **state) {
    (void)state;
    static const struct {
        int64_t seconds;
        const char *text;
    } rows[] = {
        { -5, "Less than a second ago" },
        { 0, "Less than a second ago" },
        { 1, "1 second ago" },
        { 59, "59 seconds ago" },
        { 60, "About a minute ago" },
        { 120, "2 minutes ago" },
        { 3599, "59 minutes ago" },
        { 3600, "About an hour ago" },
        { 5400, "2 hours ago" },
        { 47 * 3600, "47 hours ago" },
        { 48 * 3600, "2 days ago" },
        { 14 * 86400, "2 weeks ago" },
        { 60 * 86400, "2 months ago" },
        { 800 * 86400, "2 years ago" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        int64_t now = 2000000000 * SECOND;
        assert_string_equal(human_age(&arena, now - rows[i].seconds * SECOND, now), rows[i].text);
    }
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    assert_string_equal(human_age(&arena, INT64_MIN, INT64_MAX), "584 years ago");
}

static void durations_have_two_units(void **state) {
    (void)state;
    static const struct {
        uint64_t nanoseconds;
        const char *text;
    } rows[] = {
        { 0, "0.0 ms" },
        { 615651, "0.6 ms" },
        { 13 * 1000000, "13 ms" },
        { UINT64_C(4250000000), "4.25 s" },
        { UINT64_C(200000000000), "3 m 20 s" },
        { UINT64_C(7500000000000), "2 h 5 m" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        assert_string_equal(human_duration(&arena, rows[i].nanoseconds), rows[i].text);
    }
}

static void lengths_of_time_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds; /* -1: refused */
    } rows[] = {
        { "0s", 0 },      { "90s", 90 },         { "24h", 86400 }, { "1h30m", 5400 },
        { "7d", 604800 }, { "2w", 1209600 },     { "", -1 },       { "7", -1 },
        { "h", -1 },      { "1h30", -1 },        { "-1h", -1 },    { "1.5h", -1 },
        { "1y", -1 },     { "9999999999w", -1 }, { "1h ", -1 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t nanoseconds;
        assert_int_equal(human_parse_duration(rows[i].text, &nanoseconds), rows[i].seconds >= 0);
        if (rows[i].seconds >= 0) {
            assert_int_equal(nanoseconds, rows[i].seconds * SECOND);
        }
    }
}

static void sizes_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool is_good;
        uint64_t bytes;
    } rows[] = {
        { "0", true, 0 },
        { "4096", true, 4096 },
        { "4096B", true, 4096 },
        { "1k", true, 1000 },
        { "500 MB", true, 500000000 },
        { "2GiB", true, UINT64_C(2147483648) },
        { "1gb", true, 1000000000 },
        { "1Ti", true, UINT64_C(1099511627776) },
        { "", false, 0 },
        { "MB", false, 0 },
        { "1.5GB", true, 1500000000 },
        { "60.5 kB", true, 60500 },
        { "0.5KiB", true, 512 },
        { "1.0000019MB", true, 1000001 },
        { "1.", false, 0 },
        { ".5MB", false, 0 },
        { "1.5.2MB", false, 0 },
        { "17.9EB", true, UINT64_C(17900000000000000000) },
        { "18.9EB", false, 0 },
        { "-1", false, 0 },
        { "1X", false, 0 },
        { "1GBs", false, 0 },
        { "99999999EB", false, 0 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t bytes;
        assert_int_equal(human_parse_size(rows[i].text, &bytes), rows[i].is_good);
        if (rows[i].is_good) {
            assert_int_equal(bytes, rows[i].bytes);
        }
    }
}

static void lines_are_cut_between_characters(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t width;
        const char *line;
    } rows[] = {
        { "short", 10, "short" },
        { "exactly 10", 10, "exactly 10" },
        { "longer than 10", 10, "longer ..." },
        { "sechs \xc3\xa4\xc3\xa4\xc3\xa4", 10, "sechs ..." },
        { "a\nb\tc\033d", 10, "a b c d" },
        { "\xa4\xa4\xa4\xa4\xa4", 4, "..." },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        assert_string_equal(human_line(&arena, str_of(rows[i].text), rows[i].width), rows[i].line);
    }
}

static void scripts_show_where_their_lines_end(void **state) {
    (void)state;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    assert_string_equal(human_script(&arena, STR("set -e\n\techo a b\n")), "set -e⏎ echo a b⏎");
    assert_string_equal(human_script(&arena, STR_EMPTY), "");
}

static void columns_are_aligned(void **state) {
    (void)state;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_buf_ struct buf out = BUF_INIT;
    struct columns columns = { .arena = &arena, .width = 3, .gap = 2 };
    static const char *const cells[] = { "A", "LONG", "C", "longer", "\xc3\xa4", "" };
    for (size_t i = 0; i < COUNT(cells); i++) {
        columns_add(&columns, cells[i]);
    }
    columns_print(&columns, &out);
    assert_string_equal(out.data, "A       LONG  C\n"
                                  "longer  \xc3\xa4\n");
}

static void subordinate_ids_are_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t count;
        uint64_t start, length;
    } rows[] = {
        { "", 0, 0, 0 },
        { "me:100000:65536\n", 1, 100000, 65536 },
        { "me:100000:65536", 1, 100000, 65536 },
        { "you:1:2\nme:3:4\n", 1, 3, 4 },
        { "1000:5:6\n", 1, 5, 6 },
        { "mee:1:2\n", 0, 0, 0 },
        { "me:1\n", 0, 0, 0 },
        { "me\n", 0, 0, 0 },
        { "me:x:2\nme:1:y\nme:1:0\nme:-1:2\n", 0, 0, 0 },
        { "me:4294967296:1\n", 0, 0, 0 },
        { "# me:1:2\nme:1:2\nme:7:8\n", 2, 1, 2 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct id_range ranges[4] = { { 0, 0 } };
        assert_int_equal(userns_parse_ranges(str_of(rows[i].text), "me", "1000", ranges, 4),
                         rows[i].count);
        assert_int_equal(ranges[0].start, rows[i].start);
        assert_int_equal(ranges[0].count, rows[i].length);
    }
}

static void next_subordinate_ids_are_nobodys(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t next;
    } rows[] = {
        { "", 100000 },
        { "you:100000:65536\n", 165536 },
        { "you:165536:65536\nshe:100000:65536\n", 231072 },
        { "you:1000:10\n", 100000 },
        { "you:900000\nyou:900000:0\nyou:x:65536\n", 100000 },
        { "you:4294967295:4294967295", UINT64_C(8589934590) },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_true(userns_next_free(str_of(rows[i].text)) == rows[i].next);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_have_three_digits),
        cmocka_unit_test(ages_are_dockers),
        cmocka_unit_test(lines_are_cut_between_characters),
        cmocka_unit_test(scripts_show_where_their_lines_end),
        cmocka_unit_test(columns_are_aligned),
        cmocka_unit_test(subordinate_ids_are_read),
        cmocka_unit_test(next_subordinate_ids_are_nobodys),
        cmocka_unit_test(durations_have_two_units),
        cmocka_unit_test(lengths_of_time_are_read),
        cmocka_unit_test(sizes_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
