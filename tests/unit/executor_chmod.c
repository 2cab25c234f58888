/* --chmod: octal and symbolic modes. */
#include "executor/chmod.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void a_mode_becomes_another(void **state) {
    (void)state;
    const struct {
        const char *text;
        mode_t before;
        bool is_directory;
        mode_t after;
    } rows[] = {
        { "", 04755, false, 04755 },          { "0", 0755, false, 0 },
        { "644", 04755, false, 0644 },        { "0644", 04755, true, 0644 },
        { "7777", 0, false, 07777 },          { "u+x", 0644, false, 0744 },
        { "+x", 0644, false, 0755 },          { "a=r", 04755, false, 0444 },
        { "=r", 06777, false, 0444 },         { "go-w", 0666, false, 0644 },
        { "u=rwX,go=rX", 0600, false, 0644 }, { "u=rwX,go=rX", 0700, false, 0755 },
        { "u=rwX,go=rX", 0600, true, 0755 },  { "u=rwX,go=rX", 0001, false, 0755 },
        { "+X", 0100, false, 0111 },          { "g=u", 0750, false, 0770 },
        { "o=g,g=", 0750, false, 0705 },      { "u+s", 0755, false, 04755 },
        { "g+s", 0755, true, 02755 },         { "+s", 0755, false, 06755 },
        { "u-s", 06755, false, 02755 },       { "+t", 0777, true, 01777 },
        { "o+t", 0777, true, 0777 },          { "-t", 01777, true, 0777 },
        { "o=rx", 01777, true, 01775 },       { "u=rw", 04755, false, 0655 },
        { "u+r-w+x", 0200, false, 0500 },     { "ug=rw,o+", 0007, false, 0667 },
        { "ugo+r", 0, false, 0444 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        struct chmod chmod;
        print_message("%s of %04o\n", rows[i].text, rows[i].before);
        assert_int_equal(chmod_parse(str_of(rows[i].text), &arena, &chmod, NULL), 0);
        assert_int_equal(chmod_apply(&chmod, rows[i].before, rows[i].is_directory), rows[i].after);
    }
}

static void what_is_no_mode_is_refused(void **state) {
    (void)state;
    const char *const rows[] = { "64a",
                                 "8",
                                 "08",
                                 "10000",
                                 "-1",
                                 "0o644",
                                 "u",
                                 "rwx",
                                 "u=rq",
                                 "u=,",
                                 "u x",
                                 "=,,=",
                                 ",",
                                 "u+r,8",
                                 "x+u",
                                 "u=r w",
                                 "99999999999999999999" };
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        _cleanup_error_ struct error error = ERROR_INIT;
        struct chmod chmod;
        char expected[200];
        print_message("%s\n", rows[i]);
        assert_int_equal(chmod_parse(str_of(rows[i]), &arena, &chmod, &error), -1);
        snprintf(expected, sizeof(expected),
                 "invalid chmod parameter: '%s'. it should be octal string and between 0 and 07777",
                 rows[i]);
        assert_string_equal(error.message, expected);
        assert_int_equal(error.code, ERROR_INPUT);
        assert_non_null(error.hint);
    }
}

static void made_directories_take_octal_modes_only(void **state) {
    (void)state;
    const struct {
        const char *text;
        mode_t mode;
    } rows[] = { { "", 0755 }, { "770", 0770 }, { "u=rwx", 0755 }, { "0", 0 } };
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        struct chmod chmod;
        assert_int_equal(chmod_parse(str_of(rows[i].text), &arena, &chmod, NULL), 0);
        assert_int_equal(chmod_of_made_directory(&chmod), rows[i].mode);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mode_becomes_another),
        cmocka_unit_test(what_is_no_mode_is_refused),
        cmocka_unit_test(made_directories_take_octal_modes_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
