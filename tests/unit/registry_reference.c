/* Image references: distribution/reference's grammar, Docker's and Buildah's defaults. */
#include "registry/reference.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEX32 "0123456789abcdef0123456789abcdef"

static void test_parse(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *parts; /* registry|repository|tag|digest, or the error */
    } rows[] = {
        { "debian", "|debian||" },
        { "debian:12", "|debian|12|" },
        { "a/b/c", "|a/b/c||" },
        { "docker.io/library/debian:12", "docker.io|library/debian|12|" },
        { "localhost/x", "localhost|x||" },
        { "localhost:5000/x/y:t", "localhost:5000|x/y|t|" },
        { "localhost:5000", "|localhost|5000|" },
        { "[::1]:5000/x", "[::1]:5000|x||" },
        { "Reg/x", "Reg|x||" },
        { "a.b/c@sha256:" HEX64, "a.b|c||sha256:" HEX64 },
        { "c:t@sha256:" HEX64, "|c|t|sha256:" HEX64 },
        { "f/a__b--c.d_e:_x.Y-z", "|f/a__b--c.d_e|_x.Y-z|" },
        { "x@algo+b:" HEX32, "|x||algo+b:" HEX32 },
        { "r.io/" HEX64, "r.io|" HEX64 "||" },

        { "", "invalid reference format: the name is empty" },
        { "Debian", "invalid reference format: repository name (Debian) must be lowercase" },
        { "a.b/C:T", "invalid reference format: repository name (a.b/C:T) must be lowercase" },
        { ":t", "invalid reference format: :t" },
        { "a:", "invalid reference format: a:" },
        { "a:b:c", "invalid reference format: a:b:c" },
        { "a//b", "invalid reference format: a//b" },
        { "a..b", "invalid reference format: a..b" },
        { "-a", "invalid reference format: -a" },
        { "a/", "invalid reference format: a/" },
        { "/a", "invalid reference format: /a" },
        { "a$", "invalid reference format: a$" },
        { "a b", "invalid reference format: a b" },
        { "a@sha256:12", "invalid reference format: a@sha256:12" },
        { "-.b/c", "invalid reference format: -.b/c" },
        { HEX64,
          "invalid repository name (" HEX64 "), cannot specify 64-byte hexadecimal strings" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        _cleanup_error_ struct error error = ERROR_INIT;
        struct reference r;
        size_t len = strlen(rows[i].text);
        _cleanup_free_ char *copy = xmalloc(len + 1); /* exact size, no NUL behind it */
        memcpy(copy, rows[i].text, len);
        const char *found;
        if (reference_parse(str_make(copy, len), &arena, &r, &error) < 0) {
            found = error.message;
            assert_non_null(error.hint);
            assert_int_equal(error.code, ERROR_INPUT);
        } else {
            found = arena_printf(&arena, "%.*s|%.*s|%.*s|%.*s", STR_ARG(r.registry),
                                 STR_ARG(r.repository), STR_ARG(r.tag), STR_ARG(r.digest));
            assert_string_equal(reference_format(&r, &arena), rows[i].text);
        }
        assert_string_equal(found, rows[i].parts);
    }
}

static void test_limits(void **state) {
    (void)state;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    char text[400];
    struct reference r;
    memset(text, 'a', sizeof(text));
    assert_int_equal(reference_parse(str_make(text, 254), &arena, &r, NULL), 0);
    assert_int_equal(reference_parse(str_make(text, 255), &arena, &r, NULL), -1);
    text[1] = ':'; /* a tag has up to 128 characters */
    assert_int_equal(reference_parse(str_make(text, 2 + 128), &arena, &r, NULL), 0);
    assert_int_equal(reference_parse(str_make(text, 2 + 129), &arena, &r, NULL), -1);
}

static void test_for_tag(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        { "name", "localhost/name:latest" },
        { "name:1", "localhost/name:1" },
        { "a/b", "localhost/a/b:latest" },
        { "quay.io/a/b:1", "quay.io/a/b:1" },
        { "docker.io/debian", "docker.io/library/debian:latest" },
        { "index.docker.io/a/b", "docker.io/a/b:latest" },
        { "localhost:5000/x", "localhost:5000/x:latest" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        const char *name;
        assert_int_equal(reference_for_tag(str_of(rows[i][0]), &arena, &name, NULL), 0);
        assert_string_equal(name, rows[i][1]);
    }
}

static void test_candidates(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        { "nginx", "nginx localhost/nginx:latest docker.io/library/nginx:latest" },
        { "nginx:1", "nginx:1 localhost/nginx:1 docker.io/library/nginx:1" },
        { "a/b", "a/b localhost/a/b:latest docker.io/a/b:latest" },
        { "localhost/x:latest", "localhost/x:latest" },
        { "quay.io/x", "quay.io/x quay.io/x:latest" },
        { "docker.io/debian:12", "docker.io/debian:12 docker.io/library/debian:12" },
        { "x:t@sha256:" HEX64,
          "x:t@sha256:" HEX64 " localhost/x@sha256:" HEX64 " docker.io/library/x@sha256:" HEX64 },
        { HEX64, HEX64 },
        { "No/Reference", "No/Reference" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        _cleanup_buf_ struct buf joined = BUF_INIT;
        const char **names = reference_candidates(str_of(rows[i][0]), &arena);
        for (size_t j = 0; names[j]; j++) {
            buf_printf(&joined, "%s%s", j > 0 ? " " : "", names[j]);
        }
        assert_string_equal(joined.data, rows[i][1]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_for_tag),
        cmocka_unit_test(test_candidates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
