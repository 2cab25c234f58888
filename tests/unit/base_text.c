/* Digests, JSON, times, paths and log levels: text in, text out. */
#include "base/digest.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void sha256_of_known_texts(void **state) {
    (void)state;
    const struct {
        const char *text;
        const char *hex;
    } rows[] = {
        { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct digest digest = digest_of(rows[i].text, strlen(rows[i].text));
        assert_string_equal(digest_hex(&digest).text, rows[i].hex);
        struct digest parsed;
        assert_true(digest_parse(str_of(rows[i].hex), &parsed));
        assert_true(digest_equal(&digest, &parsed));
    }
}

static void prefixed_strings_do_not_run_together(void **state) {
    (void)state;
    struct digest digests[2];
    const struct str parts[2][2] = { { STR("ab"), STR("c") }, { STR("a"), STR("bc") } };
    for (int i = 0; i < 2; i++) {
        struct hasher hasher;
        hasher_init(&hasher);
        hasher_update_str(&hasher, parts[i][0]);
        hasher_update_str(&hasher, parts[i][1]);
        digests[i] = hasher_finish(&hasher);
    }
    assert_false(digest_equal(&digests[0], &digests[1]));
}

static void digests_are_parsed_strictly(void **state) {
    (void)state;
#define HEX63 "3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    const struct {
        const char *text;
        bool is_digest;
    } rows[] = {
        { "sha256:e" HEX63, true },
        { "e" HEX63, true },
        { "E" HEX63, false },
        { HEX63, false },
        { "ee" HEX63, false },
        { "sha512:e" HEX63, false },
        { "", false },
        { "sha256:", false },
        { "g" HEX63, false },
        { "SHA256:e" HEX63, false },
        { " e" HEX63, false },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct digest digest;
        assert_int_equal(digest_parse(str_of(rows[i].text), &digest), rows[i].is_digest);
    }
    assert_false(digest_is_hex_id(STR("sha256:e" HEX63)));
}

static void json_is_parsed_strictly(void **state) {
    (void)state;
    const struct {
        struct str text;
        const char *written; /* NULL: refused */
    } rows[] = {
        { STR("{\"b\":1,\"a\":[true,null,\"x\"]}"), "{\"b\":1,\"a\":[true,null,\"x\"]}" },
        { STR(" 7 "), "7" },
        { STR("\"\""), "\"\"" },
        { STR("\"a\\u0000b\""), "\"a\\u0000b\"" },
        { STR("\"\\/\\u00e9\""), "\"/\xc3\xa9\"" },
        { STR("{\"a\":1,\"a\":2}"), NULL },
        { STR("{} x"), NULL },
        { STR(""), NULL },
        { STR("{\"a\":1,}"), NULL },
        { STR("\"\xff\""), NULL },
        { STR("99999999999999999999"), NULL },
        { STR("{\"a\":1}\0"), NULL },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_error_ struct error error = ERROR_INIT;
        _cleanup_json_ json_t *value = json_parse(rows[i].text, "manifest.json", &error);
        if (!rows[i].written) {
            assert_null(value);
            assert_int_equal(error.code, ERROR_CORRUPT);
            assert_non_null(strstr(error.message, "manifest.json"));
            continue;
        }
        assert_non_null(value);
        _cleanup_buf_ struct buf out = BUF_INIT;
        json_write(&out, value);
        assert_string_equal(out.data, rows[i].written);
    }
    /* Deep nesting is refused, not a stack overflow. */
    _cleanup_buf_ struct buf deep = BUF_INIT;
    for (int i = 0; i < 1000000; i++) {
        buf_append_byte(&deep, '[');
    }
    assert_null(json_parse(buf_str(&deep), "deep", NULL));
}

static void json_members_have_types(void **state) {
    (void)state;
    struct str text = STR("{\"s\":\"x\",\"i\":-5,\"b\":true,\"a\":[1],\"o\":{},\"n\":null,"
                          "\"z\":\"a\\u0000b\"}");
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_json_ json_t *object = json_parse(text, "x", NULL);
    const char *string = "before";
    int64_t integer = 1;
    bool boolean = false;
    json_t *value = NULL;
    assert_int_equal(json_read_string(object, "missing", &string, &error), 0);
    assert_int_equal(json_read_string(object, "n", &string, &error), 0);
    assert_string_equal(string, "before");
    assert_int_equal(json_read_string(object, "s", &string, &error), 0);
    assert_string_equal(string, "x");
    assert_int_equal(json_read_integer(object, "i", &integer, &error), 0);
    assert_int_equal(integer, -5);
    assert_int_equal(json_read_bool(object, "b", &boolean, &error), 0);
    assert_true(boolean);
    assert_int_equal(json_read_array(object, "a", &value, &error), 0);
    assert_int_equal(json_array_size(value), 1);
    assert_int_equal(json_read_object(object, "o", &value, &error), 0);
    assert_true(json_is_object(value));

    assert_int_equal(json_read_string(object, "i", &string, &error), -1);
    assert_int_equal(error.code, ERROR_CORRUPT);
    assert_string_equal(error.message, "\"i\" is a number where a string is needed");
    assert_int_equal(json_read_string(object, "z", &string, &error), -1);
    assert_int_equal(json_read_integer(object, "s", &integer, &error), -1);
    assert_int_equal(json_read_bool(object, "o", &boolean, &error), -1);
    assert_int_equal(json_read_array(object, "o", &value, &error), -1);
    assert_int_equal(json_read_object(object, "a", &value, &error), -1);
    assert_string_equal(string, "x");

    /* An object that is absent has no members; what is not an object is wrong. */
    assert_int_equal(json_read_string(NULL, "s", &string, &error), 0);
    assert_int_equal(json_read_string(json_object_get(object, "a"), "s", &string, &error), -1);
    assert_string_equal(error.message, "an array stands where an object with \"s\" is needed");
}

static void any_bytes_become_json_strings(void **state) {
    (void)state;
    const struct {
        struct str bytes;
        const char *quoted;
    } rows[] = {
        { STR("plain"), "\"plain\"" },
        { { NULL, 0 }, "\"\"" },
        { STR("a\0b"), "\"a\\u0000b\"" },
        { STR("\"\\\n\033"), "\"\\\"\\\\\\n\\u001B\"" },
        { STR("\xff\xfe"
              "a"),
          "\"\xef\xbf\xbd\xef\xbf\xbd"
          "a\"" },
        { STR("\xe2\x82"), "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
        { STR("\xc3\xa9"), "\"\xc3\xa9\"" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_buf_ struct buf out = BUF_INIT;
        json_quote(&out, rows[i].bytes);
        assert_string_equal(out.data, rows[i].quoted);
    }
}

static void times_round_trip(void **state) {
    (void)state;
    const struct {
        const char *text;
        int64_t nanoseconds;
        const char *formatted; /* NULL: as TEXT */
    } rows[] = {
        { "1970-01-01T00:00:00Z", 0, NULL },
        { "2026-11-24T02:19:27.509638485Z", 1795486767509638485, NULL },
        { "2000-02-29T23:59:59.5Z", 951868799500000000, NULL },
        { "1969-12-31T23:59:59.999999999Z", -1, NULL },
        { "1900-03-01T00:00:00Z", -2203891200000000000, NULL },
        { "2262-04-11T23:47:16.854775807Z", INT64_MAX, NULL },
        { "0001-01-01T00:00:00Z", INT64_MIN, NULL },
        { "9999-12-31T23:59:59Z", INT64_MAX, "2262-04-11T23:47:16.854775807Z" },
        { "2020-01-01T01:30:00+01:30", 1577836800000000000, "2020-01-01T00:00:00Z" },
        { "2019-12-31t22:00:00.000-02:00", 1577836800000000000, "2020-01-01T00:00:00Z" },
        { "2020-01-01T00:00:00.1234567899z", 1577836800123456789,
          "2020-01-01T00:00:00.123456789Z" },
        { "2016-12-31T23:59:60Z", 1483228800000000000, "2017-01-01T00:00:00Z" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t nanoseconds;
        char text[TIME_TEXT_SIZE];
        assert_true(time_parse(str_of(rows[i].text), &nanoseconds));
        assert_int_equal(nanoseconds, rows[i].nanoseconds);
        time_format(text, nanoseconds);
        assert_string_equal(text, rows[i].formatted ? rows[i].formatted : rows[i].text);
    }
    const char *const refused[] = {
        "",
        "2020-01-01",
        "2020-01-01T00:00:00",
        "2020-01-01 00:00:00Z",
        "2020-13-01T00:00:00Z",
        "2021-02-29T00:00:00Z",
        "2020-00-10T00:00:00Z",
        "2020-01-01T24:00:00Z",
        "2020-01-01T00:60:00Z",
        "2020-01-01T00:00:61Z",
        "2020-01-01T00:00:00.Z",
        "2020-01-01T00:00:00Zx",
        "2020-01-01T00:00:00+0100",
        "2020-01-01T00:00:00+24:00",
        "+020-01-01T00:00:00Z",
    };
    for (size_t i = 0; i < COUNT(refused); i++) {
        int64_t nanoseconds;
        assert_false(time_parse(str_of(refused[i]), &nanoseconds));
    }
}

static void every_day_is_written_as_libc_does(void **state) {
    (void)state;
    for (int64_t day = -100000; day < 100000; day++) {
        char text[TIME_TEXT_SIZE];
        char expected[TIME_TEXT_SIZE];
        time_t seconds = day * 86400 + 3723;
        struct tm tm;
        int64_t parsed;
        time_format(text, (int64_t)seconds * 1000000000);
        strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &tm));
        assert_string_equal(text, expected);
        assert_true(time_parse(str_of(text), &parsed));
        assert_int_equal(parsed, (int64_t)seconds * 1000000000);
    }
}

/* `touch -d 3000-01-01` in a context must be nothing special. */
static void far_times_stay_different(void **state) {
    (void)state;
    assert_true(time_of((struct timespec){ 32503680000, 1 }) !=
                time_of((struct timespec){ 32503680000, 2 }));
    assert_true(time_of((struct timespec){ INT64_MAX, 0 }) !=
                time_of((struct timespec){ INT64_MIN, 0 }));
}

/* Results of Go's path.Clean and, with the second column, of an absolute or joined path. */
static void paths_are_cleaned_as_go_does(void **state) {
    (void)state;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    const struct {
        const char *path;
        const char *clean;
    } rows[] = {
        { "", "." },
        { "abc", "abc" },
        { "abc/def", "abc/def" },
        { ".", "." },
        { "..", ".." },
        { "../..", "../.." },
        { "../../abc", "../../abc" },
        { "/abc", "/abc" },
        { "/", "/" },
        { "abc/", "abc" },
        { "./", "." },
        { "../", ".." },
        { "abc//def//ghi", "abc/def/ghi" },
        { "//abc", "/abc" },
        { "abc//", "abc" },
        { "abc/./def", "abc/def" },
        { "/./abc/def", "/abc/def" },
        { "abc/def/ghi/../jkl", "abc/def/jkl" },
        { "abc/def/..", "abc" },
        { "abc/def/../..", "." },
        { "/abc/def/../..", "/" },
        { "abc/def/../../..", ".." },
        { "/abc/def/../../..", "/" },
        { "abc/def/../../../ghi/jkl/../../../mno", "../../mno" },
        { "/../abc", "/abc" },
        { "abc/./../def", "def" },
        { "abc//./../def", "def" },
        { "abc/../../././../def", "../../def" },
        { "../abc/..", ".." },
        { "...", "..." },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str clean = path_clean(&arena, str_of(rows[i].path));
        assert_int_equal(clean.len, strlen(rows[i].clean));
        assert_memory_equal(clean.data, rows[i].clean, clean.len);
        assert_int_equal(clean.data[clean.len], '\0');
    }
    const struct {
        const char *base;
        const char *path;
        const char *joined;
    } joins[] = {
        { "/a", "b", "/a/b" }, { "/a", "/b", "/b" }, { "/a", "../../b", "/b" }, { "", "b", "b" },
        { "a", "", "a" },      { "", "", "." },      { "/", ".", "/" },
    };
    for (size_t i = 0; i < COUNT(joins); i++) {
        struct str joined = path_join(&arena, str_of(joins[i].base), str_of(joins[i].path));
        assert_true(str_equal_c(joined, joins[i].joined));
    }
    assert_true(str_equal_c(path_base(STR("/a/b")), "b"));
    assert_true(str_equal_c(path_base(STR("/")), "/"));
    assert_true(str_equal_c(path_base(STR("a")), "a"));
    assert_true(str_equal_c(path_parent(STR("/a/b")), "/a"));
    assert_true(str_equal_c(path_parent(STR("/a")), "/"));
    assert_true(str_equal_c(path_parent(STR("/")), "/"));
    assert_true(str_equal_c(path_parent(STR("a")), "."));
}

static void log_levels_have_buildahs_names(void **state) {
    (void)state;
    enum log_level level;
    assert_true(log_parse_level("warning", &level));
    assert_int_equal(level, LOG_WARN);
    assert_true(log_parse_level("PANIC", &level));
    assert_int_equal(level, LOG_ERROR);
    assert_true(log_parse_level("trace", &level));
    assert_int_equal(level, LOG_DEBUG);
    assert_false(log_parse_level("loud", &level));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_of_known_texts),
        cmocka_unit_test(prefixed_strings_do_not_run_together),
        cmocka_unit_test(digests_are_parsed_strictly),
        cmocka_unit_test(json_is_parsed_strictly),
        cmocka_unit_test(json_members_have_types),
        cmocka_unit_test(any_bytes_become_json_strings),
        cmocka_unit_test(times_round_trip),
        cmocka_unit_test(every_day_is_written_as_libc_does),
        cmocka_unit_test(far_times_stay_different),
        cmocka_unit_test(paths_are_cleaned_as_go_does),
        cmocka_unit_test(log_levels_have_buildahs_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
