/* Dockerfiles and images that ask for more than anybody needs are refused in a moment, with a place. */
#include "tests/unit/planner_fixture.h"

#include <time.h>

struct row {
    const char *first;  /* once */
    const char *repeat; /* COUNT times; a %u is the number */
    unsigned count;
    const char *last;
    const char *error;
};

static const struct row rows[] = {
    { "FROM scratch\n", "ENV a%u=1\n", 10001, "", "more than 10000 variables" },
    { "FROM scratch\n", "ARG a%u\n", 10001, "", "more than 10000 arguments" },
    { "", "ARG a%u\n", 10001, "FROM scratch\n", "more than 10000 arguments" },
    { "FROM scratch\n", "LABEL a%u=1\n", 10001, "", "more than 10000 labels" },
    { "FROM scratch\n", "VOLUME /%u\n", 10001, "", "more than 10000 volumes" },
    { "FROM scratch\nENV", " \\\n a%u=1", 10001, "\n", "more than 10000 names in one instruction" },
    { "FROM scratch\nEXPOSE", " 1-65535", 4, "\n", "EXPOSE of more than 196608 ports" },
    { "FROM scratch\nENV a=0123456789abcdef\n", "ENV a=$a$a\n", 21, "",
      "failed to process \"$a$a\": the value would be longer than 16 MiB" },
    { "FROM scratch\nENV a=0123456789abcdef\n", "ENV a=\"$a$a\"\n", 21, "",
      "failed to process \"\\\"$a$a\\\"\": the value would be longer than 16 MiB" },
    { "FROM scratch\nENV a=0123456789abcdef\n", "ENV a=${a//?/$a}\n", 6, "",
      "failed to process \"${a//?/$a}\": the value would be longer than 16 MiB" },
    { "FROM scratch\n", "RUN %u\n", 127, "", NULL },
    { "FROM scratch\n", "RUN %u\n", 128, "", "the image would have 128 layers, 127 is the most" },
    { "FROM scratch AS s\n", "RUN %u\n", 128, "FROM scratch\nCOPY --from=s a b\n", NULL },
    { "FROM scratch\nRUN", " \\\n--mount=type=tmpfs,target=/%u", 5000, " x\n", NULL },
    { "FROM scratch\n", "COPY --link <<E /a\nx\nE\n", 5000, "", NULL },
    { "FROM scratch\n", "COPY --link <<E /%u\nx\nE\n", 5000, "", NULL },
    { "FROM scratch AS a\n", "ONBUILD ENV a%u=1\n", 5000, "FROM a\n", NULL },
};

static void test_rows(void **state) {
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct row *row = &rows[i];
        _cleanup_error_ struct error error = ERROR_INIT;
        _cleanup_buf_ struct buf text = BUF_INIT;
        struct plan *plan;
        const char *at = strstr(row->repeat, "%u");
        size_t before = at ? (size_t)(at - row->repeat) : strlen(row->repeat);
        buf_append_c(&text, row->first);
        for (unsigned j = 0; j < row->count; j++) {
            buf_append(&text, row->repeat, before);
            if (at) {
                buf_printf(&text, "%u%s", j, at + 2);
            }
        }
        buf_append_c(&text, row->last);
        fixture->request.is_squashed = row->count > 200;
        int result = fixture_plan(fixture, text.data, &plan, &error);
        if (row->error) {
            assert_int_equal(-1, result);
            assert_string_equal(row->error, error.message);
            assert_non_null(error.place.file);
        } else {
            assert_ok(result, &error);
            plan_free(plan);
        }
    }
}

static void test_images(void **state) {
    struct fixture *fixture = *state;
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct image_config config;
    buf_append_c(&text, "{\"config\":{\"Env\":[\"a=1\"");
    for (unsigned i = 0; i < 10000; i++) {
        buf_printf(&text, ",\"a%u=1\"", i);
    }
    buf_append_c(&text, "]}}");
    assert_int_equal(-1, image_config_parse(buf_str(&text), &fixture->arena, &config, &error));
    assert_string_equal("`Env` holds more than 10000 members", error.message);
}

/* Of the CPU, to plan 50 commands that see 4000 variables, each of which KEYWORD defines. */
static clock_t planning_time(struct fixture *fixture, const char *keyword) {
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct plan *plan;
    buf_append_c(&text, "FROM scratch\n");
    for (unsigned i = 0; i < 4000; i++) {
        buf_printf(&text, "%s NAME%04u=value\n", keyword, i);
    }
    for (unsigned i = 0; i < 50; i++) {
        buf_printf(&text, "RUN %u\n", i);
    }
    clock_t begun = clock();
    assert_ok(fixture_plan(fixture, text.data, &plan, &error), &error);
    clock_t taken = clock() - begun;
    plan_free(plan);
    return taken;
}

/* For ENV a RUN looks nothing up. */
static void test_arguments_cost_a_run_no_more_than_variables(void **state) {
    clock_t variables = planning_time(*state, "ENV"), arguments = planning_time(*state, "ARG");
    assert_true(arguments < 4 * variables);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_images, fixture_begin, fixture_end),
        cmocka_unit_test_setup_teardown(test_arguments_cost_a_run_no_more_than_variables,
                                        fixture_begin, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
