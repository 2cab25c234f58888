/* JSON tables: what is accepted, what is refused without being touched, what survives a save. */
#include "store_fixture.h"

#include "store/image.h"
#include "store/layer.h"
#include "store/table.h"

#define ID1 "1111111111111111111111111111111111111111111111111111111111111111"
#define ID2 "2222222222222222222222222222222222222222222222222222222222222222"
#define ID3 "3333333333333333333333333333333333333333333333333333333333333333"

struct hostile {
    enum table_kind kind;
    const char *text;
    const char *complaint; /* part of the message; NULL: the table is fine */
};

static const struct hostile cases[] = {
    { TABLE_LAYERS, "", NULL },
    { TABLE_LAYERS, "null", NULL },
    { TABLE_LAYERS, "[]", NULL },
    { TABLE_LAYERS, "[{\"id\":\"" ID1 "\"}]", NULL },
    { TABLE_LAYERS, "[{\"id\":\"" ID1 "\",\"names\":null,\"parent\":\"\",\"diff-size\":-1}]",
      NULL },
    { TABLE_LAYERS, "[{\"id\":\"" ID1 "\",\"created\":\"0001-01-01T00:00:00Z\"}]", NULL },
    { TABLE_LAYERS, "[{\"id\":\"" ID1 "\",\"diff-digest\":\"\"}]", NULL },
    { TABLE_LAYERS, "[{\"id\":\"" ID1 "\",\"parent\":\"" ID2 "\"}]", NULL }, /* additional store */
    { TABLE_LAYERS, "[{\"id\":\"" ID1 "\",\"future\":{\"a\":[1.5,null]}}]", NULL },
    { TABLE_LAYERS, "{}", "not a list" },
    { TABLE_LAYERS, "[1]", "row 0 is not an object" },
    { TABLE_LAYERS, "[{\"id\":\"" ID1 "\"", "" },
    { TABLE_LAYERS, "[{\"id\":\"" ID1 "\"}] x", "" },
    { TABLE_LAYERS, "[{}]", "`id` is not an ID" },
    { TABLE_LAYERS, "[{\"id\":7}]", "`id` is not an ID" },
    { TABLE_LAYERS, "[{\"id\":\"../../etc\"}]", "`id` is not an ID" },
    { TABLE_LAYERS, "[{\"id\":\"" ID1 "0\"}]", "`id` is not an ID" },
    { TABLE_LAYERS, "[{\"id\":\"" ID1 "\"},{\"id\":\"" ID1 "\"}]", "two rows" },
    { TABLE_LAYERS, "[{\"id\":\"" ID1 "\",\"id\":\"" ID2 "\"}]", "" },
    { TABLE_LAYERS, "[{\"id\":\"" ID1 "\",\"parent\":\"..\"}]", "`parent` is not an ID" },
    { TABLE_LAYERS, "[{\"id\":\"" ID1 "\",\"parent\":[]}]", "`parent` is not an ID" },
    { TABLE_LAYERS, "[{\"id\":\"" ID1 "\",\"names\":\"x\"}]", "`names` is not a list" },
    { TABLE_LAYERS, "[{\"id\":\"" ID1 "\",\"names\":[1]}]", "`names` is not a list" },
    { TABLE_LAYERS, "[{\"id\":\"" ID1 "\",\"diff-size\":\"5\"}]", "`diff-size` is not an int" },
    { TABLE_LAYERS, "[{\"id\":\"" ID1 "\",\"diff-size\":5.0}]", "`diff-size` is not an int" },
    { TABLE_LAYERS, "[{\"id\":\"" ID1 "\",\"diff-digest\":\"sha256:12\"}]", "not a digest" },
    { TABLE_LAYERS, "[{\"id\":\"" ID1 "\",\"diff-digest\":\"" ID1 "\"}]", "not a digest" },
    { TABLE_LAYERS, "[{\"id\":\"" ID1 "\",\"created\":\"yesterday\"}]", "not a time" },
    { TABLE_LAYERS, "[{\"id\":\"" ID1 "\",\"created\":0}]", "not a time" },
    { TABLE_LAYERS, "[{\"id\":\"" ID1 "\",\"uidset\":[\"0\"]}]", "list of integers" },
    { TABLE_LAYERS, "[{\"id\":\"" ID1 "\",\"flags\":[]}]", "`flags` is not an object" },
    { TABLE_LAYERS, "[{\"id\":\"" ID1 "\",\"uidmap\":[{\"size\":\"1\"}]}]", "ID mappings" },
    { TABLE_LAYERS, "[{\"id\":\"" ID1 "\",\"parent\":\"" ID1 "\"}]", "cycle" },
    { TABLE_LAYERS,
      "[{\"id\":\"" ID1 "\",\"parent\":\"" ID2 "\"},{\"id\":\"" ID2 "\",\"parent\":\"" ID3 "\"},"
      "{\"id\":\"" ID3 "\",\"parent\":\"" ID2 "\"}]",
      "cycle" },
    { TABLE_IMAGES, "[{\"id\":\"" ID1 "\",\"digest\":\"sha256:zz\"}]", "not a digest" },
    { TABLE_IMAGES, "[{\"id\":\"" ID1 "\",\"big-data-sizes\":{\"a\":\"1\"}}]", "of integers" },
    { TABLE_IMAGES, "[{\"id\":\"" ID1 "\",\"big-data-digests\":{\"a\":\"b\"}}]", "of digests" },
    { TABLE_IMAGES, "[{\"id\":\"" ID1 "\",\"metadata\":{}}]", "`metadata` is not a string" },
    { TABLE_IMAGES, "[{\"id\":\"" ID1 "\",\"layer\":\"x/..\"}]", "`layer` is not an ID" },
    { TABLE_IMAGES, "[{\"id\":\"" ID1 "\",\"mapped-layers\":{}}]", "`mapped-layers`" },
    { TABLE_CONTAINERS, "[{\"id\":\"" ID1 "\",\"image\":\"\"}]", NULL },
    { TABLE_CONTAINERS, "[{\"id\":\"" ID1 "\",\"image\":\"base\"}]", "`image` is not an ID" },
    { TABLE_VOLATILE_CONTAINERS, "[{\"id\":1}]", "`id` is not an ID" },
};

static const char *const files[] = {
    [TABLE_LAYERS] = "overlay-layers/layers.json",
    [TABLE_IMAGES] = "overlay-images/images.json",
    [TABLE_CONTAINERS] = "overlay-containers/containers.json",
    [TABLE_VOLATILE_LAYERS] = "overlay-layers/volatile-layers.json",
    [TABLE_VOLATILE_CONTAINERS] = "overlay-containers/volatile-containers.json",
};

static void test_tables_are_typed_exactly(void **state) {
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_error_ struct error error = ERROR_INIT;
        _cleanup_table_ struct table table = TABLE_INIT;
        int result;

        fixture_write(fixture, files[cases[i].kind], cases[i].text);
        result = table_read(fixture->store, fixture->store->root, cases[i].kind, &table, &error);
        if (!cases[i].complaint) {
            assert_ok(result, &error);
        } else if (result == 0) {
            fail_msg("accepted: %s", cases[i].text);
        } else {
            assert_int_equal(error.code, ERROR_CORRUPT);
            if (!strstr(error.message, cases[i].complaint) ||
                !strstr(error.message, files[cases[i].kind])) {
                fail_msg("%s: %s", cases[i].text, error.message);
            }
        }
        assert_string_equal(fixture_read(fixture, files[cases[i].kind]), cases[i].text);
    }
}

struct scanned {
    const char *text;
    const char *values; /* of `id` and `flags`, a `;` behind each row; NULL: not scanned */
};

static const struct scanned scans[] = {
    { "[{\"id\":\"a\",\"flags\":{\"x\":[1,{\"id\":2}]}}]", "\"a\" {\"x\":[1,{\"id\":2}]};" },
    { " [ { \"z\" : [ { \"id\" : \"no\" } , -1.5e3 ] , \"id\" : null } , { } ] \n", "null ; ;" },
    { "[{\"a\":\"}]\\\"{\",\"id\":true,\"b\":\"\\u00e9\\\\\"}]", "true ;" },
    { "[{\"ID\":1,\"idx\":2,\"i\":3}]", " ;" },
    { "[]", NULL }, /* seldom enough to be parsed */
    { "null", NULL },
    { "{}", NULL },
    { "", NULL },
    { "[1]", NULL },
    { "[{\"id\":1}", NULL },
    { "[{\"id\":1}] x", NULL },
    { "[{\"id\":1},]", NULL },
    { "[{\"id\":1,}]", NULL },
    { "[{\"id\" 1}]", NULL },
    { "[{\"id\":}]", NULL },
    { "[{\"id\":]}]", NULL },
    { "[{\"x\":[}]", NULL },
    { "[{\"id\":1,\"id\":2}]", NULL },       /* which of them? */
    { "[{\"\\u0069d\":1}]", NULL },          /* an `id` in disguise */
    { "[{\"x\":\"a\nb\",\"id\":1}]", NULL }, /* no JSON */
    { "[{\"x\":01}]", NULL },
    { "[{\"x\":tru}]", NULL },
    { "[{\"x\":\"open}]", NULL },
};

static bool print_values(void *context, const struct str *values) {
    buf_printf(context, "%.*s %.*s;", STR_ARG(values[0]), STR_ARG(values[1]));
    return true;
}

static void test_rows_are_scanned_for_members(void **state) {
    static const char *const members[] = { "id", "flags", NULL };
    (void)state;
    for (size_t i = 0; i < sizeof(scans) / sizeof(scans[0]); i++) {
        _cleanup_buf_ struct buf out = BUF_INIT;
        bool is_scanned = row_scan(str_of(scans[i].text), members, print_values, &out);
        if (is_scanned != (scans[i].values != NULL) ||
            (is_scanned && !str_equal_c(buf_str(&out), scans[i].values))) {
            fail_msg("%s: %d %.*s", scans[i].text, is_scanned, STR_ARG(buf_str(&out)));
        }
    }
    _cleanup_buf_ struct buf ignored = BUF_INIT;
    assert_false(row_scan(STR("[{\"id\":1}]\0x"), members, print_values, &ignored));
}

static void test_ids_are_those_of_whole_layers(void **state) {
    static const char *const texts[] = {
        "[{\"id\":\"" ID2 "\",\"x\":1},{\"id\":\"" ID1 "\",\"flags\":{\"a\":1}},"
        "{\"id\":\"" ID3 "\",\"flags\":{\"incomplete\":true}}]",
        "[{\"\\u0069d\":\"" ID1 "\"},{\"id\":\"" ID2 "\"}]",
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        _cleanup_error_ struct error error = ERROR_INIT;
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        struct layer_list list;
        fixture_write(fixture, files[TABLE_LAYERS], texts[i]);
        assert_ok(layer_list_read_ids(fixture->store, &arena, &list, &error), &error);
        assert_int_equal(list.count, 2);
        assert_non_null(layer_find(&list, STR(ID1)));
        assert_non_null(layer_find(&list, STR(ID2)));
        assert_null(layer_find(&list, STR(ID3)));
    }
}

/* As storage before 1.36 wrote it. */
static void test_an_image_without_digest_has_that_of_its_manifest(void **state) {
    struct fixture *fixture = *state;
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct image_list list;
    fixture_write(fixture, files[TABLE_IMAGES],
                  "[{\"id\":\"" ID1 "\",\"big-data-digests\":{\"manifest\":\"sha256:" ID2 "\"}},"
                  "{\"id\":\"" ID3 "\",\"digest\":\"sha256:" ID3 "\",\"names\":[\"a\",\"b\"]}]");
    assert_ok(image_list_read(fixture->store, &arena, &list, &error), &error);
    assert_int_equal(list.count, 2);
    assert_true(str_equal_c(list.items[0].digest, "sha256:" ID2));
    assert_int_equal(list.items[1].name_count, 2);
}

static void test_unknown_members_and_rows_survive(void **state) {
    struct fixture *fixture = *state;
    const char *before = "[{\"id\":\"" ID1 "\",\"toc-digest\":\"\",\"zz-future\":[1,{\"b\":null}],"
                         "\"names\":[\"a\\u003cb\"]},{\"id\":\"" ID2 "\",\"flags\":{\"f\":true}}]";
    _cleanup_error_ struct error error = ERROR_INIT;
    _cleanup_table_ struct table table = TABLE_INIT;
    _cleanup_lock_ struct lock lock = LOCK_INIT;
    struct stat st;

    fixture_write(fixture, files[TABLE_LAYERS], before);
    assert_ok(lock_take(fixture->store, LOCK_LAYERS, LOCK_EXCLUSIVE, &lock, &error), &error);
    assert_ok(table_read(fixture->store, fixture->root, TABLE_LAYERS, &table, &error), &error);
    table_add(&table, json_pack("{s:s}", "id", ID3));
    assert_ok(table_save(&table, &lock, &error), &error);
    assert_string_equal(fixture_read(fixture, files[TABLE_LAYERS]),
                        "[{\"id\":\"" ID1 "\",\"toc-digest\":\"\",\"zz-future\":[1,{\"b\":null}],"
                        "\"names\":[\"a<b\"]},{\"id\":\"" ID2 "\",\"flags\":{\"f\":true}},"
                        "{\"id\":\"" ID3 "\"}]");
    assert_int_equal(0, stat(fixture_path(fixture, files[TABLE_LAYERS]), &st));
    assert_int_equal(st.st_mode & 07777, 0600);
    table_drop(&table, ID1);
    assert_null(table_find(&table, ID1));
    assert_non_null(table_find(&table, ID3));
    assert_int_equal(json_array_size(table.rows), 2);
}

static void test_names_move_to_the_front_once(void **state) {
    json_t *row = json_pack("{s:[s,s]}", "names", "b", "a");

    (void)state;
    assert_true(row_prepend(row, "names", "a"));
    assert_false(row_prepend(row, "names", "a"));
    assert_true(row_prepend(row, "names-history", "c"));
    assert_string_equal(json_string_value(json_array_get(row_list(row, "names"), 0)), "a");
    assert_int_equal(json_array_size(row_list(row, "names")), 2);
    assert_true(row_remove_name(row, "a"));
    assert_true(row_remove_name(row, "b"));
    assert_false(row_remove_name(row, "b"));
    assert_null(row_list(row, "names"));
    json_decref(row);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_tables_are_typed_exactly, fixture_overlay,
                                        fixture_end),
        cmocka_unit_test(test_rows_are_scanned_for_members),
        cmocka_unit_test_setup_teardown(test_ids_are_those_of_whole_layers, fixture_overlay,
                                        fixture_end),
        cmocka_unit_test_setup_teardown(test_an_image_without_digest_has_that_of_its_manifest,
                                        fixture_overlay, fixture_end),
        cmocka_unit_test_setup_teardown(test_unknown_members_and_rows_survive, fixture_overlay,
                                        fixture_end),
        cmocka_unit_test(test_names_move_to_the_front_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
