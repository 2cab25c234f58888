/* TOML as configuration files use it. */
#include "base/json.h"
#include "store/toml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct row {
    const char *input;
    const char *json;  /* NULL: an error */
    const char *error; /* how it begins */
};

static const struct row rows[] = {
    { "", "{}", NULL },
    { "# only a comment", "{}", NULL },
    { "a = 1\nb = true\r\nc=\"x\" # y\n", "{\"a\":1,\"b\":true,\"c\":\"x\"}", NULL },
    { "[storage]\ndriver = \"overlay\"\n[storage.options]\nadditionalimagestores = [\n]\n"
      "[storage.options.overlay]\nmountopt = \"nodev,metacopy=on\"\n",
      "{\"storage\":{\"driver\":\"overlay\",\"options\":{\"additionalimagestores\":[],\"overlay\":"
      "{\"mountopt\":\"nodev,metacopy=on\"}}}}",
      NULL },
    { "a = [ 1, # one\n 2,\n\n]\n", "{\"a\":[1,2]}", NULL },
    { "a = [[1], [\"x\", 'y']]", "{\"a\":[[1],[\"x\",\"y\"]]}", NULL },
    { "[[registry]]\nlocation = \"a\"\n[[registry.mirror]]\nlocation = \"b\"\n[[registry.mirror]]\n"
      "location = \"c\"\n[[registry]]\nlocation = \"d\"\n",
      "{\"registry\":[{\"location\":\"a\",\"mirror\":[{\"location\":\"b\"},{\"location\":\"c\"}]},"
      "{\"location\":\"d\"}]}",
      NULL },
    { "unqualified-search-registries = [\"docker.io\"]\nshort-name-mode=\"enforcing\"",
      "{\"unqualified-search-registries\":[\"docker.io\"],\"short-name-mode\":\"enforcing\"}",
      NULL },
    { "a.b.c = 1\na.b.d = 2\n\"x.y\" . 'z' = 3",
      "{\"a\":{\"b\":{\"c\":1,\"d\":2}},\"x.y\":{\"z\":3}}", NULL },
    { "1.2 = 3\ntrue = false", "{\"1\":{\"2\":3},\"true\":false}", NULL },
    { "a = -1_000\nb = 0xFF\nc = 0o17\nd = 0b11\ne = +5\nf = -9223372036854775808",
      "{\"a\":-1000,\"b\":255,\"c\":15,\"d\":3,\"e\":5,\"f\":-9223372036854775808}", NULL },
    { "a = 1.5\nb = -2e3", "{\"a\":1.5,\"b\":-2000.0}", NULL },
    { "a = \"q\\\"\\\\ \\t\\u00e9\\U0001F600\"\nb = 'c:\\n'",
      "{\"a\":\"q\\\"\\\\ \\té😀\",\"b\":\"c:\\\\n\"}", NULL },
    { "a = \"\"\"\nx \\\n   y\n\"quoted\" \"\"z\"\"\"\"\"",
      "{\"a\":\"x y\\n\\\"quoted\\\" \\\"\\\"z\\\"\\\"\"}", NULL },
    { "a = '''\nC:\\x\n'y' '''\nb = \"\"\nc = ''",
      "{\"a\":\"C:\\\\x\\n'y' \",\"b\":\"\",\"c\":\"\"}", NULL },
    { "a = { b = 1, c.d = \"x\", e = [{}, {f = 2}] }",
      "{\"a\":{\"b\":1,\"c\":{\"d\":\"x\"},\"e\":[{},{\"f\":2}]}}", NULL },
    { "[a.b]\nx = 1\n[a]\ny = 2", "{\"a\":{\"b\":{\"x\":1},\"y\":2}}", NULL },
    { "[engine.runtimes]\ncrun = [\n  \"/usr/bin/crun\",\n  \"/usr/sbin/crun\", # last\n]\n",
      "{\"engine\":{\"runtimes\":{\"crun\":[\"/usr/bin/crun\",\"/usr/sbin/crun\"]}}}", NULL },

    { "a = 1\na = 2", NULL, "f.conf:2:1: `a` is defined a second time" },
    { "[a]\n[a]", NULL, "f.conf:2:2: `a` is defined a second time" },
    { "a = {}\n[a.b]", NULL, "f.conf:2:2: `a` is not a table that can be added to" },
    { "a = [1]\n[[a]]", NULL, "f.conf:2:3: `a` is defined a second time" },
    { "a = 1\na.b = 2", NULL, "f.conf:2:1: `a` is not a table that can be added to" },
    { "a.b = 1\n[a]", NULL, "f.conf:2:2: `a` is defined a second time" },
    { "a = overlay", NULL, "f.conf:1:5: this is no value" },
    { "a = 12x", NULL, "f.conf:1:5: this is no value" },
    { "a = \"x", NULL, "f.conf:1:5: the string is not closed, or has a bad escape" },
    { "a = \"\\q\"", NULL, "f.conf:1:5: the string is not closed, or has a bad escape" },
    { "a = \"\\ud800\"", NULL, "f.conf:1:5: an escape names no character" },
    { "a = 9223372036854775808", NULL, "f.conf:1:5: the number is too large" },
    { "a = [1, 2", NULL, "f.conf:1:10: syntax error, unexpected " },
    { "a = [1 2]", NULL, "f.conf:1:8: syntax error, unexpected integer" },
    { "a = {b = 1,}", NULL, "f.conf:1:12: syntax error, unexpected '}'" },
    { "a = {b = 1\n}", NULL, "f.conf:1:11: syntax error, unexpected end of line" },
    { "[a", NULL, "f.conf:1:3: syntax error, unexpected end of line" },
    { "a", NULL, "f.conf:1:2: syntax error, unexpected end of line" },
    { "a = 1 b = 2", NULL, "f.conf:1:7: this is no value" },
    { "? = 1", NULL, "f.conf:1:1: this is no key" },
    { "a = ]", NULL, "f.conf:1:5: syntax error" },
};

static void test_rows(void **state) {
    (void)state;
    int failures = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_error_ struct error error = ERROR_INIT;
        _cleanup_buf_ struct buf text = BUF_INIT;
        size_t len = strlen(rows[i].input);
        _cleanup_free_ char *copy = xmalloc(len + 1); /* exact size, no NUL behind it */
        memcpy(copy, rows[i].input, len);
        _cleanup_json_ json_t *value = toml_parse(str_make(copy, len), "f.conf", &error);
        if (value) {
            json_write(&text, value);
        }
        const char *found = value ? text.data : error.message;
        const char *wanted = rows[i].json ? rows[i].json : rows[i].error;
        if ((value != NULL) != (rows[i].json != NULL) ||
            strncmp(found, wanted, strlen(wanted)) != 0 ||
            (value && strlen(found) != strlen(wanted))) {
            print_error("row %zu: %s\nfound  %s\nwanted %s\n", i, rows[i].input, found, wanted);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

static void test_depth(void **state) {
    (void)state;
    _cleanup_buf_ struct buf text = BUF_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    buf_append_c(&text, "a = ");
    for (int i = 0; i < 100000; i++) {
        buf_append_byte(&text, '[');
    }
    assert_null(toml_parse(buf_str(&text), "f.conf", &error));
    assert_string_equal(error.message, "f.conf:1:69: brackets are nested too deeply");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
