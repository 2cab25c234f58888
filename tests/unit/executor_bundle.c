/* config.json of a RUN, and the texts mounted with it. */
#include "base/json.h"
#include "executor/bundle.h"
#include "executor/capability.h"
#include "executor/etc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- config.json ---- */

struct row {
    const char *name;
    struct bundle_host host;
    struct bundle_limit limit; /* name NULL: none */
    uint32_t uid;
    const char *env;
    const char *path;  /* members and indices, divided by dots */
    const char *value; /* compact JSON; NULL: must not be there */
};

static const struct row rows[] = {
    { .name = "version", .path = "ociVersion", .value = "\"1.0.2\"" },
    { .name = "no terminal", .path = "process.terminal", .value = "false" },
    { .name = "root", .path = "root", .value = "{\"path\":\"/r\",\"readonly\":false}" },
    { .name = "arguments",
      .path = "process.args",
      .value = "[\"/bin/sh\",\"-c\",\"a \\\"b\\\"\\n\"]" },
    { .name = "user",
      .uid = 7,
      .path = "process.user",
      .value = "{\"uid\":7,\"gid\":8,\"additionalGids\":[8,9]}" },
    { .name = "root's sets",
      .path = "process.capabilities.effective.13",
      .value = "\"CAP_SETFCAP\"" },
    { .name = "root inherits nothing", .path = "process.capabilities.inheritable", .value = NULL },
    { .name = "a user's sets", .uid = 7, .path = "process.capabilities.effective", .value = NULL },
    { .name = "a user's bounding set",
      .uid = 7,
      .path = "process.capabilities.bounding.0",
      .value = "\"CAP_CHOWN\"" },
    { .name = "new privileges", .path = "process.noNewPrivileges", .value = "false" },
    { .name = "no limits", .path = "process.rlimits", .value = NULL },
    { .name = "limits",
      .limit = { "RLIMIT_NOFILE", 1, 2 },
      .path = "process.rlimits",
      .value = "[{\"type\":\"RLIMIT_NOFILE\",\"soft\":1,\"hard\":2}]" },
    { .name = "host network",
      .path = "linux.namespaces",
      .value = "[{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"}]" },
    { .name = "private network, unified cgroups",
      .host = { .is_network_private = true, .is_unified = true },
      .path = "linux.namespaces",
      .value = "[{\"type\":\"pid\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},{\"type\":\"mount\"},"
               "{\"type\":\"network\"},{\"type\":\"cgroup\"}]" },
    { .name = "devices",
      .path = "linux.resources",
      .value = "{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]}" },
    { .name = "masked", .path = "linux.maskedPaths.0", .value = "\"/proc/acpi\"" },
    { .name = "read-only", .path = "linux.readonlyPaths.3", .value = "\"/proc/sys\"" },
    { .name = "insecure: all devices",
      .host = { .is_insecure = true },
      .path = "linux.resources.devices.0.allow",
      .value = "true" },
    { .name = "insecure: nothing masked",
      .host = { .is_insecure = true },
      .path = "linux.maskedPaths",
      .value = NULL },
    { .name = "insecure: ambient",
      .host = { .is_insecure = true },
      .uid = 7,
      .path = "process.capabilities.ambient.0",
      .value = "\"CAP_CHOWN\"" },
    { .name = "bytes that are no UTF-8",
      .env = "A=\xff\xfe",
      .path = "process.env.0",
      .value = "\"A=\xef\xbf\xbd\xef\xbf\xbd\"" },
    { .name = "text that looks like a limit",
      .env = "A=\"soft\":-1",
      .limit = { "RLIMIT_AS", 5, 6 },
      .path = "process.env.0",
      .value = "\"A=\\\"soft\\\":-1\"" },
    { .name = "/proc comes first", .path = "mounts.0.destination", .value = "\"/proc\"" },
    { .name = "tty group",
      .host = { .has_tty_group = true },
      .path = "mounts.2.options.5",
      .value = "\"gid=5\"" },
    { .name = "no tty group", .path = "mounts.2.options.5", .value = NULL },
    { .name = "sysfs is read-only", .path = "mounts.5.options.3", .value = "\"ro\"" },
    { .name = "cgroups", .path = "mounts.6.type", .value = "\"cgroup\"" },
    { .name = "rootless: the host's sysfs",
      .host = { .is_rootless = true },
      .path = "mounts.5.type",
      .value = "\"bind\"" },
    { .name = "rootless with a network: a fresh sysfs",
      .host = { .is_rootless = true, .is_network_private = true },
      .path = "mounts.5.type",
      .value = "\"sysfs\"" },
    { .name = "rootless: no cgroups",
      .host = { .is_rootless = true },
      .path = "mounts.6",
      .value = NULL },
    { .name = "rootless: no resources",
      .host = { .is_rootless = true },
      .path = "linux.resources",
      .value = NULL },
};

static json_t *member(json_t *value, struct str path) {
    struct str part;
    while (value && str_split(&path, '.', &part)) {
        char name[64];
        uint64_t index;
        snprintf(name, sizeof(name), "%.*s", STR_ARG(part));
        value = str_parse_uint(part, 10, 1000, &index) ? json_array_get(value, index)
                                                       : json_object_get(value, name);
    }
    return value;
}

static void test_config(void **state) {
    struct str argv[] = { STR("/bin/sh"), STR("-c"), STR("a \"b\"\n") };
    struct str_list arguments = { .items = argv, .count = 3 };
    uint32_t groups[] = { 8, 9 };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct row *row = &rows[i];
        struct arena arena = ARENA_INIT;
        struct bundle_mounts mounts = { 0 };
        struct str env = str_of(row->env);
        struct str_list environment = { .items = &env, .count = row->env != NULL };
        struct buf text = BUF_INIT;
        struct buf got = BUF_INIT;
        bundle_mounts_standard(&mounts, &arena, &row->host);
        const struct bundle bundle = {
            .host = row->host,
            .root = "/r",
            .argv = &arguments,
            .env = &environment,
            .cwd = STR("/"),
            .user = { row->uid, 8, groups, 2 },
            .capabilities = CAPABILITY_DEFAULT,
            .hostname = STR("h"),
            .mounts = &mounts,
            .limits = &row->limit,
            .limit_count = row->limit.name != NULL,
            .cgroups_path = row->host.is_rootless ? NULL : "/bud/x",
        };
        bundle_write(&bundle, &text);
        json_t *config = json_parse(buf_str(&text), "config.json", NULL);
        assert_non_null(config);
        json_t *value = member(config, str_of(row->path));
        if (value) {
            json_write(&got, value);
        }
        if (row->value ? !value || strcmp(got.data, row->value) != 0 : value != NULL) {
            fail_msg("%s: %s", row->name, got.data ? got.data : "nothing");
        }
        json_decref(config);
        buf_free(&text);
        buf_free(&got);
        arena_free(&arena);
    }
}

/* jansson cannot read this one back. */
static void test_unlimited(void **state) {
    const struct bundle_limit limits[] = { { "RLIMIT_CORE", UINT64_MAX, UINT64_MAX },
                                           { "RLIMIT_AS", 3, UINT64_MAX } };
    struct str_list none = { 0 };
    struct bundle_mounts mounts = { 0 };
    struct buf text = BUF_INIT;
    const struct bundle bundle = { .root = "/r",
                                   .argv = &none,
                                   .env = &none,
                                   .mounts = &mounts,
                                   .limits = limits,
                                   .limit_count = 2 };
    (void)state;
    bundle_write(&bundle, &text);
    assert_non_null(strstr(text.data,
                           "\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"soft\":18446744073709551615,"
                           "\"hard\":18446744073709551615},{\"type\":\"RLIMIT_AS\",\"soft\":3,"
                           "\"hard\":18446744073709551615}]"));
    buf_free(&text);
}

static void test_mounts(void **state) {
    struct arena arena = ARENA_INIT;
    struct bundle_mounts mounts = { 0 };
    static const char *const added[] = { "/a/b/c", "/x", "/a", "/", "/a/b", "/x/y", "/a/b/c" };
    static const char *const sorted[] = { "/", "/x", "/a", "/a/b", "/x/y", "/a/b/c" };
    (void)state;
    for (size_t i = 0; i < COUNT(added); i++) {
        bundle_mounts_set(
            &mounts, &arena,
            (struct bundle_mount){ str_of(added[i]), "bind", i ? "later" : "first", "" });
    }
    bundle_mounts_sort(&mounts);
    assert_int_equal(mounts.count, COUNT(sorted));
    for (size_t i = 0; i < COUNT(sorted); i++) {
        assert_string_equal(mounts.items[i].destination.data, sorted[i]);
        assert_string_equal(mounts.items[i].source, "later");
    }
    arena_free(&arena);
}

static void test_limits(void **state) {
    static const struct {
        const char *text, *name;
        uint64_t soft, hard;
    } limits[] = {
        { "nofile=1024:4096", "RLIMIT_NOFILE", 1024, 4096 },
        { "nofile=1024", "RLIMIT_NOFILE", 1024, 1024 },
        { "NPROC=5:6", "RLIMIT_NPROC", 5, 6 },
        { "core=-1", "RLIMIT_CORE", UINT64_MAX, UINT64_MAX },
        { "core=0:unlimited", "RLIMIT_CORE", 0, UINT64_MAX },
        { "core=2:1", NULL, 0, 0 },
        { "core=unlimited:1", NULL, 0, 0 },
        { "core=", NULL, 0, 0 },
        { "core=1:", NULL, 0, 0 },
        { "core", NULL, 0, 0 },
        { "cores=1", NULL, 0, 0 },
        { "=1", NULL, 0, 0 },
        { "", NULL, 0, 0 },
        { "core=-2", NULL, 0, 0 },
        { "core=1:2:3", NULL, 0, 0 },
        { "core=99999999999999999999", NULL, 0, 0 },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(limits); i++) {
        struct arena arena = ARENA_INIT;
        struct error error = ERROR_INIT;
        struct bundle_limit limit;
        int status = bundle_limit_parse(str_of(limits[i].text), &arena, &limit, &error);
        if (status == 0 ? !limits[i].name || strcmp(limit.name, limits[i].name) != 0 ||
                              limit.soft != limits[i].soft || limit.hard != limits[i].hard
                        : limits[i].name != NULL || error.code != ERROR_USAGE) {
            fail_msg("%s", limits[i].text);
        }
        error_clear(&error);
        arena_free(&arena);
    }
}

/* ---- /etc ---- */

static void test_hosts(void **state) {
    static const struct {
        const char *entry, *line; /* NULL: refused */
    } hosts[] = {
        { "mirror:192.0.2.7", "192.0.2.7\tmirror\n" },
        { "mirror=192.0.2.7", "192.0.2.7\tmirror\n" },
        { "six:2001:db8::7", "2001:db8::7\tsix\n" },
        { "six=[2001:db8::7]", "2001:db8::7\tsix\n" },
        { "mirror", NULL },
        { "mirror:", NULL },
        { ":192.0.2.7", NULL },
        { "mirror:example.org", NULL },
        { "a b:192.0.2.7", NULL },
        { "a\nb:192.0.2.7", NULL },
        { "#a:192.0.2.7", NULL },
        { "a:192.0.2.7\n1.2.3.4", NULL },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(hosts); i++) {
        struct str item = str_of(hosts[i].entry);
        struct str_list list = { .items = &item, .count = 1 };
        struct buf text = BUF_INIT;
        struct error error = ERROR_INIT;
        int status = etc_hosts(STR("box"), &list, &text, &error);
        if (hosts[i].line ? status < 0 || !strstr(text.data, hosts[i].line) : status == 0) {
            fail_msg("%s", hosts[i].entry);
        }
        assert_true(str_has_prefix(buf_str(&text), STR("127.0.0.1\tlocalhost box\n")));
        buf_free(&text);
        error_clear(&error);
    }
}

#define PUBLIC                                                                                     \
    "nameserver 8.8.8.8\nnameserver 8.8.4.4\nnameserver 2001:4860:4860::8888\n"                    \
    "nameserver 2001:4860:4860::8844\n"

static void test_resolv_conf(void **state) {
    static const struct {
        const char *host, *upstream;
        bool is_private;
        const char *result;
    } files[] = {
        { "nameserver 127.0.0.1\nsearch x", "", false, "nameserver 127.0.0.1\nsearch x" },
        { "nameserver 127.0.0.53\n", "nameserver 192.0.2.1\n", false, "nameserver 192.0.2.1\n" },
        { "nameserver 127.0.0.53\nnameserver 192.0.2.9\n", "nameserver 192.0.2.1\n", false,
          "nameserver 127.0.0.53\nnameserver 192.0.2.9\n" },
        { "nameserver 127.0.0.53\n", "", false, "nameserver 127.0.0.53\n" },
        { "", "nameserver 192.0.2.1\n", false, "" },
        { "nameserver 192.0.2.1\n", "", true, "nameserver 192.0.2.1\n" },
        { "# c\nnameserver\t127.0.0.1\nnameserver ::1\nsearch x", "", true,
          "# c\nsearch x\n" PUBLIC },
        { "nameserver 127.1.2.3\nnameserver 192.0.2.1", "", true, "nameserver 192.0.2.1\n" },
        { "nameserver 127.0.0.53\n", "nameserver 192.0.2.1\n", true, "nameserver 192.0.2.1\n" },
        { "", "", true, PUBLIC },
        { "nameserverx 127.0.0.1\n", "", true, "nameserverx 127.0.0.1\n" PUBLIC },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(files); i++) {
        struct buf text = BUF_INIT;
        etc_resolv_conf(str_of(files[i].host), str_of(files[i].upstream), files[i].is_private,
                        &text);
        if (!str_equal(buf_str(&text), str_of(files[i].result))) {
            fail_msg("%s: %s", files[i].host, text.data);
        }
        buf_free(&text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config), cmocka_unit_test(test_unlimited),
        cmocka_unit_test(test_mounts), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_hosts),  cmocka_unit_test(test_resolv_conf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
