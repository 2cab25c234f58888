/* USER and --chown in the passwd and group files of images, well-meaning and hostile. */
#include "base/fs.h"
#include "executor/user.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define PASSWD                                                                                     \
    "root:x:0:0:root:/root:/bin/sh\n"                                                              \
    "web:x:1001:1002::/home/web:/bin/sh\n"                                                         \
    "  spaced:x:1003:1003::/:/bin/sh  \n"                                                          \
    "short:x:1004:1004\n"                                                                          \
    "123:x:1005:1006::/:/bin/sh\n"                                                                 \
    "nonumber:x:abc:1::/:/bin/sh\n"                                                                \
    "negative:x:-1:1::/:/bin/sh\n"                                                                 \
    "huge:x:4294967296:1::/:/bin/sh\n"                                                             \
    "none:x:::::\n"                                                                                \
    "+::::::\n"                                                                                    \
    "junk\n"                                                                                       \
    ":x:7:7::/:\n"                                                                                 \
    "\n"                                                                                           \
    "web:x:9:9::/:/bin/sh\n"                                                                       \
    "last:x:1007:1008::/:/bin/sh" /* no end of line */
#define GROUP                                                                                      \
    "root:x:0:\n"                                                                                  \
    "bin:x:1:root,web\n"                                                                           \
    "web:x:1002:\n"                                                                                \
    "extra:x:2000:a, web ,b\n"                                                                     \
    "again:x:2000:web\n"                                                                           \
    "webber:x:2001:webb,xweb\n"                                                                    \
    "bad:x:y:web\n"                                                                                \
    "nolist:x:2002"

struct row {
    const char *text;
    const char *result; /* "uid:gid groups", or the error */
};

static const struct row process_rows[] = {
    { "", "0:0 0 1" },
    { "root", "0:0 0 1" },
    { "0", "0:0 0 1" },
    { "web", "1001:1002 1002 1 2000" },
    { "1001", "1001:1002 1002 1 2000" },
    { "web:extra", "1001:2000 2000" },
    { "web:77", "1001:77 77" },
    { "77", "77:0 0" },
    { "77:88", "77:88 88" },
    { "1001:1001", "1001:1001 1001" },
    { "77:extra", "77:2000 2000" },
    { ":extra", "0:2000 2000" },
    { ":5", "0:5 5" },
    { "web:", "1001:1002 1002 1 2000" },
    { "web:extra:more", "1001:2000 2000" },
    { "spaced", "1003:1003 1003" },
    { "short", "1004:1004 1004" },
    { "last", "1007:1008 1008" },
    { "123", "123:0 0" },
    { "nolist", "unable to find user nolist: no matching entries in passwd file" },
    { "nonumber", "unable to find user nonumber: no matching entries in passwd file" },
    { "negative", "unable to find user negative: no matching entries in passwd file" },
    { "huge", "unable to find user huge: no matching entries in passwd file" },
    { "none", "unable to find user none: no matching entries in passwd file" },
    { "+", "unable to find user +: no matching entries in passwd file" },
    { "junk", "unable to find user junk: no matching entries in passwd file" },
    { "WEB", "unable to find user WEB: no matching entries in passwd file" },
    { "web:nogroup", "unable to find group nogroup: no matching entries in group file" },
    { "web:bad", "unable to find group bad: no matching entries in group file" },
    { "-1", "unable to find user -1: no matching entries in passwd file" },
    { "2147483647", "2147483647:0 0" },
    { "2147483648", "user 2147483648: ids must be in the range 0 to 2147483647" },
    { "1:99999999999999999999",
      "user 1:99999999999999999999: ids must be in the range 0 to 2147483647" },
};

static const struct row chown_rows[] = {
    { "root", "0:0" },
    { "web", "1001:1002" },
    { "77", "77:77" },
    { "1001", "1001:1001" },
    { "77:88", "77:88" },
    { "web:extra", "1001:2000" },
    { "web:root", "1001:0" },
    { "web:5", "1001:5" },
    { ":5", "0:5" },
    { ":extra", "0:2000" },
    { "77:", "77:77" },
    { "nobody", "user \"nobody\" not found in /etc/passwd" },
    { "web:nobody", "group \"nobody\" not found in /etc/group" },
    { "4294967296", "user 4294967296: ids must be in the range 0 to 2147483647" },
};

static const struct row workdir_rows[] = {
    { "", "0:0" },           { "web", "1001:1002" },       { "55", "55:55" },
    { "1001", "1001:1001" }, { "1001:2000", "1001:2000" }, { "web:root", "1001:0" },
    { "nobody", "0:0" },     { "web:nobody", "1001:0" },
};

static char directory[] = "/tmp/bud-test-XXXXXX";
static int root = -1;

static void write_file(const char *path, const char *text) {
    assert_int_equal(fs_write_atomic(root, path, text, strlen(text), 0644, FS_NO_SYNC, NULL), 0);
}

static char *describe(int result, const struct user *user, struct error *error) {
    struct buf text = BUF_INIT;
    if (result < 0) {
        buf_append_c(&text, error->message);
        error_clear(error);
        return buf_take(&text);
    }
    buf_printf(&text, "%u:%u", user->uid, user->gid);
    for (size_t i = 0; i < user->group_count; i++) {
        buf_printf(&text, " %u", user->groups[i]);
    }
    return buf_take(&text);
}

static void expect(const char *text, const char *wanted, char *got) {
    if (strcmp(wanted, got) != 0) {
        fail_msg("%s: %s instead of %s", text, got, wanted);
    }
    free(got);
}

static char *process(const char *text) {
    struct arena arena = ARENA_INIT;
    struct error error = ERROR_INIT;
    struct user user;
    int result = user_for_process(root, str_of(text), &arena, &user, &error);
    char *got = describe(result, &user, &error);
    arena_free(&arena);
    return got;
}

static void test_process(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(process_rows); i++) {
        expect(process_rows[i].text, process_rows[i].result, process(process_rows[i].text));
    }
}

static void test_chown(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(chown_rows); i++) {
        struct error error = ERROR_INIT;
        struct user user = { 0 };
        int result = user_for_chown(root, str_of(chown_rows[i].text), &user.uid, &user.gid, &error);
        expect(chown_rows[i].text, chown_rows[i].result, describe(result, &user, &error));
    }
}

static void test_workdir(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(workdir_rows); i++) {
        struct error error = ERROR_INIT;
        struct user user = { 0 };
        int result =
            user_for_workdir(root, str_of(workdir_rows[i].text), &user.uid, &user.gid, &error);
        expect(workdir_rows[i].text, workdir_rows[i].result, describe(result, &user, &error));
    }
}

/* What is at /etc/passwd, and what USER web then gives. */
static void test_strange_files(void **state) {
    static const struct {
        const char *command, *web, *zero;
    } rows[] = {
        { "rm -f etc/passwd", "unable to find user web: no matching entries in passwd file",
          "0:0 0" },
        { "rm -rf etc; touch etc", "unable to find user web: no matching entries in passwd file",
          "0:0 0" },
        { "rm -f etc/passwd; mkfifo etc/passwd", "/etc/passwd in the image is not a regular file",
          "/etc/passwd in the image is not a regular file" },
        { "rm -f etc/passwd; mkdir etc/passwd", "/etc/passwd in the image is not a regular file",
          "/etc/passwd in the image is not a regular file" },
        /* Links stay inside: the host's passwd is not what this leads to. */
        { "rm -f etc/passwd; ln -s ../../../../../../etc/shadow etc/passwd; echo web:x:5:6 "
          ">etc/shadow",
          "5:6 6 1 2000", "0:0 0" },
        { "rm -f etc/passwd; head -c 11000000 /dev/zero >etc/passwd",
          "etc/passwd is larger than the 10485760 bytes allowed",
          "etc/passwd is larger than the 10485760 bytes allowed" },
        { "head -c 100000 /dev/urandom >etc/passwd",
          "unable to find user web: no matching entries in passwd file", NULL },
        { "head -c 1000000 /dev/zero | tr '\\0' : >etc/passwd; echo >>etc/passwd; echo web:x:1:2 "
          ">>etc/passwd",
          "1:2 2 1 2000", "0:0 0" },
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char command[1024];
        snprintf(command, sizeof(command),
                 "cd %s && rm -rf etc && mkdir etc && printf '%s' >etc/group && { %s; }", directory,
                 GROUP, rows[i].command);
        assert_int_equal(system(command), 0);
        expect(rows[i].command, rows[i].web, process("web"));
        if (rows[i].zero) {
            expect(rows[i].command, rows[i].zero, process("0"));
        }
    }
}

static int set_up(void **state) {
    (void)state;
    if (!mkdtemp(directory)) {
        return -1;
    }
    root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mkdirat(root, "etc", 0755), 0);
    write_file("etc/passwd", PASSWD);
    write_file("etc/group", GROUP);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    close(root);
    return fs_remove_tree(AT_FDCWD, directory, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_process),
        cmocka_unit_test(test_chown),
        cmocka_unit_test(test_workdir),
        cmocka_unit_test(test_strange_files),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
