/* Docker's seccomp profiles as the runtime wants them, and the capabilities their rules depend on. */
#include "base/json.h"
#include "executor/capability.h"
#include "executor/seccomp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CAP_SYS_ADMIN_BIT (UINT64_C(1) << 21)
#define CAP_SYS_CHROOT_BIT (UINT64_C(1) << 18)

#define RULE(conditions)                                                                           \
    "{'defaultAction':'E','syscalls':[{'names':['a'],'action':'X'," conditions "}]}"
#define KEPT "{'defaultAction':'E','syscalls':[{'names':['a'],'action':'X'}]}"
#define DROPPED "{'defaultAction':'E','syscalls':[]}"

/* Quotes are single ones here. */
static const struct {
    const char *profile;
    const char *result; /* or part of the error, with ! before it */
} rows[] = {
    { "{'defaultAction':'E'}", DROPPED },
    { "{'defaultAction':'E','defaultErrnoRet':38,'defaultErrno':'ENOSYS'}",
      "{'defaultAction':'E','defaultErrnoRet':38,'syscalls':[]}" },
    { RULE("'args':null,'comment':'c','includes':{},'excludes':{}"), KEPT },
    { RULE("'args':[],'errnoRet':1,'errno':'EPERM'"),
      "{'defaultAction':'E','syscalls':[{'names':['a'],'action':'X','errnoRet':1}]}" },
    { RULE("'args':[{'index':0,'value':16,'valueTwo':0,'op':'SCMP_CMP_EQ'}]"),
      "{'defaultAction':'E','syscalls':[{'names':['a'],'action':'X','args':[{'index':0,'value':16,"
      "'valueTwo':0,'op':'SCMP_CMP_EQ'}]}]}" },
    { RULE("'includes':{'arches':['arm64','amd64']}"), KEPT },
    { RULE("'includes':{'arches':['arm64']}"), DROPPED },
    { RULE("'excludes':{'arches':['amd64']}"), DROPPED },
    { RULE("'excludes':{'arches':['arm64']}"), KEPT },
    { RULE("'includes':{'caps':['CAP_SYS_CHROOT']}"), KEPT },
    { RULE("'includes':{'caps':['CAP_SYS_CHROOT','CAP_SYS_ADMIN']}"), DROPPED },
    { RULE("'excludes':{'caps':['CAP_SYS_ADMIN']}"), KEPT },
    { RULE("'excludes':{'caps':['CAP_SYS_ADMIN','CAP_SYS_CHROOT']}"), DROPPED },
    { RULE("'includes':{'caps':['CAP_NO_SUCH']}"), DROPPED },
    { RULE("'includes':{'minKernel':'4.8'}"), KEPT },
    { RULE("'includes':{'minKernel':'6.1'}"), KEPT },
    { RULE("'includes':{'minKernel':'6.2'}"), DROPPED },
    { RULE("'includes':{'minKernel':'7.0'}"), DROPPED },
    { RULE("'includes':{'arches':['amd64'],'caps':['CAP_SYS_ADMIN']}"), DROPPED },
    { "{'defaultAction':'E','syscalls':[{'name':'old','action':'X'}]}",
      "{'defaultAction':'E','syscalls':[{'names':['old'],'action':'X'}]}" },
    { "{'defaultAction':'E','archMap':[{'architecture':'SCMP_ARCH_AARCH64','subArchitectures':["
      "'SCMP_ARCH_ARM']},{'architecture':'SCMP_ARCH_X86_64','subArchitectures':['SCMP_ARCH_X86',"
      "'SCMP_ARCH_X32']}]}",
      "{'defaultAction':'E','architectures':['SCMP_ARCH_X86_64','SCMP_ARCH_X86','SCMP_ARCH_X32'],"
      "'syscalls':[]}" },
    { "{'defaultAction':'E','archMap':[{'architecture':'SCMP_ARCH_X86_64','subArchitectures':null}]"
      "}",
      "{'defaultAction':'E','architectures':['SCMP_ARCH_X86_64'],'syscalls':[]}" },
    { "{'defaultAction':'E','architectures':['SCMP_ARCH_X86']}",
      "{'defaultAction':'E','architectures':['SCMP_ARCH_X86'],'syscalls':[]}" },
    { "[]", "!it is not a JSON object" },
    { "{}", "!\"defaultAction\" is missing" },
    { "{'defaultAction':1}", "!\"defaultAction\" is a number" },
    { "{'defaultAction':'E','syscalls':{}}", "!\"syscalls\" is an object" },
    { "{'defaultAction':'E','syscalls':[{}]}", "!has no names" },
    { "{'defaultAction':'E','syscalls':[{'names':['a']}]}", "!no action" },
    { "{'defaultAction':'E','syscalls':['x']}", "!rule 1 of" },
    { RULE("'includes':{'minKernel':'new'}"), "!not a version" },
    { RULE("'includes':{'caps':'CAP_X'}"), "!\"caps\" is a string" },
    { RULE("'includes':{'caps':[1,null,{}]}"), DROPPED },
};

static char *requote(const char *text) {
    char *copy = xstrdup(text);
    for (char *c = copy; *c; c++) {
        *c = (char)(*c == '\'' ? '"' : *c);
    }
    return copy;
}

static bool mentions(const struct error *error, const char *text) {
    for (; error; error = error->cause) {
        if (error->message && strstr(error->message, text)) {
            return true;
        }
    }
    return false;
}

static void test_convert(void **state) {
    const struct seccomp_target target = {
        .architecture = "amd64",
        .native = "SCMP_ARCH_X86_64",
        .kernel = 6,
        .kernel_revision = 1,
        .capabilities = CAP_SYS_CHROOT_BIT,
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct error error = ERROR_INIT;
        struct buf text = BUF_INIT;
        char *profile_text = requote(rows[i].profile);
        char *wanted = requote(rows[i].result);
        json_t *profile = json_parse(str_of(profile_text), "p", &error);
        assert_non_null(profile);
        json_t *result = seccomp_convert(profile, "p", &target, &error);
        if (result) {
            json_write(&text, result);
        }
        if (result ? strcmp(text.data, wanted) != 0
                   : rows[i].result[0] != '!' || !mentions(&error, wanted + 1)) {
            fail_msg("%s:\n%s\n%s", rows[i].profile, result ? text.data : "", error.message);
        }
        json_decref(result);
        json_decref(profile);
        buf_free(&text);
        error_clear(&error);
        free(profile_text);
        free(wanted);
    }
}

static void load(const char *option, bool is_ok, bool has_profile) {
    struct str item = str_of(option);
    struct str_list options = { .items = &item, .count = item.len > 0 };
    struct seccomp_target target = seccomp_target_here(CAPABILITY_DEFAULT);
    struct error error = ERROR_INIT;
    json_t *result = NULL;
    bool is_missing;
    assert_int_equal(seccomp_load(&options, &target, &result, &is_missing, &error), is_ok ? 0 : -1);
    assert_int_equal(result != NULL, has_profile);
    json_decref(result);
    error_clear(&error);
}

static void test_load(void **state) {
    bool is_installed = access("/usr/share/containers/seccomp.json", R_OK) == 0 ||
                        access("/etc/containers/seccomp.json", R_OK) == 0;
    char path[] = "/tmp/bud-test-XXXXXX";
    char option[64];
    int fd = mkstemp(path);
    (void)state;
    load("", true, is_installed);
    load("label=disable", true, is_installed);
    load("seccomp=unconfined", true, false);
    load("seccomp:unconfined", true, false);
    load("seccomp=/no/such/file", false, false);
    load("seccomp=/dev/null", false, false);
    snprintf(option, sizeof(option), "seccomp=%s", path);
    load(option, false, false);
    assert_int_equal(write(fd, "{\"defaultAction\":\"SCMP_ACT_ALLOW\"}", 34), 34);
    load(option, true, true);
    close(fd);
    unlink(path);
}

static void test_capabilities(void **state) {
    static const struct {
        const char *add[3], *drop[3];
        uint64_t available, result;
        const char *error;
    } sets[] = {
        { { NULL }, { NULL }, UINT64_MAX, CAPABILITY_DEFAULT, NULL },
        { { "CAP_SYS_ADMIN" }, { NULL }, UINT64_MAX, CAPABILITY_DEFAULT | CAP_SYS_ADMIN_BIT, NULL },
        { { "sys_admin" }, { "ALL" }, UINT64_MAX, CAP_SYS_ADMIN_BIT, NULL },
        { { NULL }, { "CAP_SYS_CHROOT", "cap_kill" }, UINT64_MAX, 0xa80425fb & ~0x40020, NULL },
        { { "ALL" }, { "CAP_SYS_CHROOT" }, 0xfffff, 0xbffff, NULL },
        { { "CAP_ALL" }, { NULL }, 0xff, 0xff, NULL },
        { { NULL }, { NULL }, 0xff, 0xfb, NULL },
        { { "CAP_SYS_ADMIN" }, { NULL }, 0xff, 0, "CAP_SYS_ADMIN cannot be added" },
        { { "CAP_KILL" }, { "KILL" }, UINT64_MAX, 0, "CAP_KILL is both added and dropped" },
        { { "ALL" }, { "ALL" }, UINT64_MAX, 0, "both added and dropped" },
        { { "CAP_SYS_ADMN" }, { NULL }, UINT64_MAX, 0, "unknown capability CAP_SYS_ADMN" },
        { { "" }, { NULL }, UINT64_MAX, 0, "unknown capability" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(sets); i++) {
        struct str add_items[3];
        struct str drop_items[3];
        struct str_list add = { .items = add_items };
        struct str_list drop = { .items = drop_items };
        struct error error = ERROR_INIT;
        uint64_t result = 0;
        for (; sets[i].add[add.count]; add.count++) {
            add_items[add.count] = str_of(sets[i].add[add.count]);
        }
        for (; sets[i].drop[drop.count]; drop.count++) {
            drop_items[drop.count] = str_of(sets[i].drop[drop.count]);
        }
        int status =
            capability_apply(CAPABILITY_DEFAULT, &add, &drop, sets[i].available, &result, &error);
        if (sets[i].error ? status == 0 || !mentions(&error, sets[i].error)
                          : status < 0 || result != sets[i].result) {
            fail_msg("%zu: %llx %s", i, (unsigned long long)result,
                     error.message ? error.message : "");
        }
        error_clear(&error);
    }
}

static void test_names(void **state) {
    json_t *names = capability_names(CAPABILITY_DEFAULT);
    (void)state;
    assert_int_equal(json_array_size(names), 14);
    assert_string_equal(json_string_value(json_array_get(names, 0)), "CAP_CHOWN");
    assert_string_equal(json_string_value(json_array_get(names, 13)), "CAP_SETFCAP");
    json_decref(names);
    assert_int_equal(capability_number(STR("CAP_CHECKPOINT_RESTORE")), 40);
    assert_int_equal(capability_number(STR("audit_read")), 37);
    assert_int_equal(capability_number(STR("CAP_")), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convert),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_capabilities),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
