/* id_set: sorted and distinct, whatever comes, in time that does not grow with its square. */
#include "store/id_set.h"
#include "tests/unit/store_fixture.h"

static void test_distinct(void **state) {
    (void)state;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct id_set set = { 0 };
    uint32_t *ids;
    size_t count;

    id_set_copy(&set, &arena, &ids, &count);
    assert_int_equal(count, 0);
    for (uint32_t i = 0; i < 300000; i++) {
        id_set_add(&set, 100000 - i % 100000);
        id_set_add(&set, 7);
    }
    assert_true(set.ids.count <= 200000);
    id_set_copy(&set, &arena, &ids, &count);
    assert_int_equal(count, 100000);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(ids[i], i + 1);
    }
    id_set_free(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_distinct) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
