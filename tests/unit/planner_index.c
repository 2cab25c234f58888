/* The index of a context: finding leaves, and what that costs. */
#include "planner/context.h"
#include "planner/index.h"
#include "planner_fixture.h"

#include <time.h>

/* The square of this is more than a test may take. */
#define MANY 30000

static const char *name_of(char *room, size_t size, unsigned i) {
    snprintf(room, size, "%06u", i);
    return room;
}

/* As the cache would give it: a node with a leaf for every second number below 2 * COUNT, its size that number. */
static void make_node(struct index_node *node, unsigned count) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct index_node learning = { .stored = BUF_INIT };
    for (unsigned i = 0; i < count; i++) {
        char name[16];
        struct index_stamp stamp = { .size = 2 * i };
        struct digest digest = { { (unsigned char)i } };
        index_learn(&learning, &arena, str_of(name_of(name, sizeof(name), 2 * i)), &stamp,
                    INT64_MAX, &digest);
    }
    buf_append_str(&node->stored, index_encode(&learning, -1, &arena));
    index_free(&learning);
}

static bool find(struct index_node *node, unsigned i) {
    char name[16];
    struct digest digest;
    struct index_stamp stamp = { .size = i };
    return index_find(node, str_of(name_of(name, sizeof(name), i)), &stamp, &digest);
}

static void test_any_order(void **state) {
    (void)state;
    struct index_node node = { .stored = BUF_INIT };
    make_node(&node, 50);
    for (unsigned i = 0; i < 10000; i++) {
        unsigned n = i * 7919 % 101;
        if (find(&node, n) != (n % 2 == 0 && n < 100)) {
            fail_msg("after %u searches %u", i, n);
        }
    }
    index_free(&node);
}

static void test_whole_directories_begin_with_their_first_leaf(void **state) {
    (void)state;
    struct index_node node = { .stored = BUF_INIT };
    struct index_stamp first = { .size = 0 }, second = { .size = 2 };
    assert_false(index_begins_with(&node, STR("000000")));
    make_node(&node, 3);
    assert_true(find(&node, 4));
    assert_false(index_begins_with(&node, STR("000002")));
    assert_false(index_take_next(&node, STR("000000"), &first));
    assert_true(index_begins_with(&node, STR("000000")));
    assert_true(index_take_next(&node, STR("000000"), &first));
    assert_true(index_take_next(&node, STR("000002"), &second));
    assert_true(find(&node, 4));
    assert_true(find(&node, 2));
    index_free(&node);
}

/* Files between those that are known, and known ones asked for one by one, as a pattern does. */
static void test_names_in_order_cost_no_square(void **state) {
    (void)state;
    struct index_node node = { .stored = BUF_INIT };
    make_node(&node, MANY);
    clock_t start = clock();
    for (unsigned i = 0; i < 2 * MANY; i++) {
        assert_int_equal(i % 2 == 0, find(&node, i));
    }
    assert_in_range(clock() - start, 0, CLOCKS_PER_SEC / 2);
    index_free(&node);
}

static struct digest digest_of_pattern(struct fixture *fixture, struct cache *cache,
                                       const char *pattern) {
    struct tree tree;
    struct str source = str_of(pattern);
    struct selection selection = { .sources = &source, .source_count = 1 };
    struct digest digest;
    _cleanup_error_ struct error error = ERROR_INIT;
    assert_ok(context_open(fixture->context, NULL, NULL, cache, &fixture->arena, &tree, &error),
              &error);
    assert_ok(selection_digest(&tree, &selection, &digest, &error), &error);
    close(tree.fd);
    return digest;
}

/* Whatever of a directory is known: its digest is that of its entries. */
static void test_patterns_and_the_index(void **state) {
    struct fixture *fixture = *state;
    static const char *const patterns[] = { "d/*", "d", "d/*[02468]", "d/*[13579]", "*/1*" };
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = round; i < 60; i += 3) {
            char name[16];
            snprintf(name, sizeof(name), "d/%u", i);
            fixture_file(fixture, name, name);
        }
        fixture_age();
        for (size_t i = 0; i < 2 * sizeof(patterns) / sizeof(patterns[0]); i++) {
            const char *pattern = patterns[i / 2];
            struct digest read = digest_of_pattern(fixture, NULL, pattern);
            struct digest known = digest_of_pattern(fixture, fixture->cache, pattern);
            if (!digest_equal(&read, &known)) {
                fail_msg("%s in round %u", pattern, round);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_whole_directories_begin_with_their_first_leaf),
        cmocka_unit_test(test_names_in_order_cost_no_square),
        cmocka_unit_test_setup_teardown(test_patterns_and_the_index, fixture_begin, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
