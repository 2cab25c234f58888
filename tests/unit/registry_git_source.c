/* Repositories that are too large and servers that fall silent, played by a program called git. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/time.h"
#include "registry/git_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define COMMIT "0123456789abcdef0123456789abcdef01234567"

static const char git[] = "#!/bin/sh\n"
                          "case $1 in\n"
                          "ls-remote) sleep 20 ;;\n"
                          "fetch) $PLAYED ;;\n"
                          "esac\n";

struct server {
    char path[32];
    char *target;
    struct arena arena;
    struct remote remote;
};

/* A fetch is the shell words PLAYED. */
static void server_begin(struct server *server, const char *played) {
    *server = (struct server){ .path = "/tmp/bud-git-XXXXXX" };
    assert_non_null(mkdtemp(server->path));
    char *program = arena_printf(&server->arena, "%s/git", server->path);
    struct buf script = BUF_INIT;
    for (const char *c = git; *c != '\0'; c++) {
        bool is_place = strncmp(c, "$PLAYED", 7) == 0;
        buf_append(&script, is_place ? played : c, is_place ? strlen(played) : 1);
        c += is_place ? 6 : 0;
    }
    assert_int_equal(
        0, fs_write_atomic(AT_FDCWD, program, script.data, script.len, 0755, FS_NO_SYNC, NULL));
    buf_free(&script);
    server->target = arena_printf(&server->arena, "%s/files", server->path);
    assert_int_equal(0, mkdir(server->target, 0755));
    setenv("PATH", arena_printf(&server->arena, "%s:/usr/bin:/bin", server->path), 1);
    assert_int_equal(
        0, remote_parse(STR("git://h/r"), REMOTE_GIT, &server->arena, &server->remote, NULL));
}

static void server_end(struct server *server) {
    fs_remove_tree(AT_FDCWD, server->path, NULL);
    arena_free(&server->arena);
}

static void test_silence_ends_a_question(void **state) {
    (void)state;
    struct server server;
    _cleanup_error_ struct error error = ERROR_INIT;
    const struct git_limits limits = { .bytes = UINT64_MAX, .silent_seconds = 1 };
    struct str commit;
    uint64_t begin = time_monotonic();
    server_begin(&server, ":");
    assert_int_equal(-1,
                     git_source_resolve(&server.remote, &limits, &server.arena, &commit, &error));
    assert_string_equal("git://h/r: nothing came for 1 seconds", error.message);
    assert_non_null(error.hint);
    assert_true(time_monotonic() - begin < (uint64_t)15 * 1000000000);
    server_end(&server);
}

static void test_limits_of_a_fetch(void **state) {
    (void)state;
    static const struct {
        const char *played, *message; /* NULL: it ends well */
    } rows[] = {
        { "for i in 1 2 3; do echo $i >&2; sleep 0.4; done", NULL },
        { "dd if=/dev/zero of=\"$GIT_WORK_TREE/pack\" bs=1M count=3 2>/dev/null; sleep 20",
          "git://h/r: it has more than 1048576 bytes" },
        { "dd if=/dev/zero of=\"$GIT_WORK_TREE/pack\" bs=1M count=3 2>/dev/null", /* and is gone */
          "git://h/r: it has more than 1048576 bytes" },
    };
    const struct git_limits limits = { .bytes = 1 << 20, .silent_seconds = 1 };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct server server;
        _cleanup_error_ struct error error = ERROR_INIT;
        server_begin(&server, rows[i].played);
        int result =
            git_source_checkout(&server.remote, &limits, STR(COMMIT), true, server.target, &error);
        assert_int_equal(rows[i].message ? -1 : 0, result);
        if (rows[i].message) {
            assert_string_equal(rows[i].message, error.message);
        }
        server_end(&server);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silence_ends_a_question),
        cmocka_unit_test(test_limits_of_a_fetch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
