/* URLs and repositories: which texts are remote, and what is in them; hostile ones. */
#include "base/remote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define COMMIT "0123456789abcdef0123456789abcdef01234567"

static void test_kind(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum remote_kind kind;
    } rows[] = {
        { "http://h/f", REMOTE_HTTP },
        { "HTTPS://h", REMOTE_HTTP },
        { "https://h/r.git", REMOTE_GIT },
        { "https://h/r.git#main:dir", REMOTE_GIT },
        { "https://h/r.git?x=1", REMOTE_GIT },
        { "https://h/r?x=.git", REMOTE_HTTP },
        { "https://h/r#.git", REMOTE_HTTP },
        { "https://h.git", REMOTE_HTTP }, /* the host's name, not the path */
        { "git://h/r", REMOTE_GIT },
        { "ssh://u@h/r", REMOTE_GIT },
        { "git@h:o/r", REMOTE_GIT },
        { "me@h:r.git#x", REMOTE_GIT },
        { "http://", REMOTE_HTTP }, /* malformed, and no path all the same */
        { "git@h/o:r", REMOTE_NONE },
        { "dir/me@h:r", REMOTE_NONE },
        { "./git@h:r", REMOTE_NONE },
        { "@h:r", REMOTE_NONE },
        { "github.com/o/r", REMOTE_NONE },
        { "file:///r.git", REMOTE_NONE },
        { "ext::sh -c x", REMOTE_NONE },
        { "docker-image://x", REMOTE_NONE },
        { "", REMOTE_NONE },
        { ".", REMOTE_NONE },
        { "http", REMOTE_NONE },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (remote_kind_of(str_of(rows[i].text)) != rows[i].kind) {
            fail_msg("%s: %d", rows[i].text, (int)remote_kind_of(str_of(rows[i].text)));
        }
    }
}

static const char *describe(struct str text, struct arena *arena) {
    _cleanup_error_ struct error error = ERROR_INIT;
    struct remote remote;
    if (remote_parse(text, remote_kind_of(text), arena, &remote, &error) < 0) {
        assert_int_equal(error.code, ERROR_USAGE);
        assert_non_null(error.hint);
        return arena_strdup(arena, error.message);
    }
    return arena_printf(arena, "%.*s|%.*s|%.*s|%.*s|%.*s|%.*s", STR_ARG(remote.url),
                        STR_ARG(remote.shown), STR_ARG(remote.identity), STR_ARG(remote.secret),
                        STR_ARG(remote.ref), STR_ARG(remote.directory));
}

static void test_parse(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *parts; /* url|shown|identity|secret|ref|directory, or the error */
    } rows[] = {
        { "http://h", "http://h|http://h|http://h|||" },
        { "http://h:80/a/b?c=d#", "http://h:80/a/b?c=d|http://h:80/a/b?…|http://h:80/a/b?c=d|||" },
        { "https://u:p@h/f", "https://u:p@h/f|https://h/f|https://h/f|u:p||" },
        { "https://token@h/f?s=t", "https://token@h/f?s=t|https://h/f?…|https://h/f?s=t|token||" },
        { "https://[::1]:8443/x",
          "https://[::1]:8443/x|https://[::1]:8443/x|https://[::1]:8443/x|||" },
        { "https://h/r.git", "https://h/r.git|https://h/r.git|https://h/r.git|||" },
        { "git://h/r#v1", "git://h/r|git://h/r|git://h/r||v1|" },
        { "git://h/r#", "git://h/r|git://h/r|git://h/r|||" },
        { "git://h/r#:a//b/", "git://h/r|git://h/r|git://h/r|||a/b" },
        { "git://h/r#a/b@c:/d e", "git://h/r|git://h/r|git://h/r||a/b@c|d e" },
        { "git://h/r#x:.", "git://h/r|git://h/r|git://h/r||x|" },
        { "git://h/r#" COMMIT, "git://h/r|git://h/r|git://h/r||" COMMIT "|" },
        { "ssh://me@h:22/r", "ssh://me@h:22/r|ssh://me@h:22/r|ssh://me@h:22/r|||" },
        { "git@h:o/r.git#x:y", "git@h:o/r.git|git@h:o/r.git|git@h:o/r.git||x|y" },

        { "http://", "malformed URL: http://" },
        { "http:///x", "malformed URL: http:///x" },
        { "http://h/a b", "malformed URL: http://h/a b" },
        { "http://h/\n", "malformed URL: http://h/\n" },
        { "http://h:123456/", "malformed URL: http://h:123456/" },
        { "http://u:p@ss@h/x?t=u", "malformed URL: http://h/x?…" },
        { "http://u:p\\@h/x", "malformed URL: http://h/x" },
        { "git://h/r#--upload-pack=x", "malformed URL: git://h/r#--upload-pack=x" },
        { "git://h/r#a\nb", "malformed URL: git://h/r#a\nb" },
        { "git://h/r#a:b\nc", "malformed URL: git://h/r#a:b\nc" },
        { "git://h/r#..:../..", "malformed URL: git://h/r#..:../.." },
        { "git://h/r#:../..", "malformed URL: git://h/r#:../.." },
        { "git://h/r#:a/../../b", "malformed URL: git://h/r#:a/../../b" },
        { "git://h/r#a..b", "malformed URL: git://h/r#a..b" },
        { "git://h/r#a@{1}", "malformed URL: git://h/r#a@{1}" },
        { "git://h/r#a^{}", "malformed URL: git://h/r#a^{}" },
        { "git://h/r#*", "malformed URL: git://h/r#*" },
        { "git://h", "malformed URL: git://h" },
        { "git://-oProxyCommand=x/r", "malformed URL: git://-oProxyCommand=x/r" },
        { "ssh://-oProxyCommand=x/r", "malformed URL: ssh://-oProxyCommand=x/r" },
        { "ssh://-ox@h/r", "malformed URL: ssh://h/r" },
        { "ssh://me:word@h/r", "malformed URL: ssh://h/r" },
        { "git@-oProxyCommand=x:r", "malformed URL: git@-oProxyCommand=x:r" },
        { "git@h:--upload-pack=x", "malformed URL: git@h:--upload-pack=x" },
        { "https://h/r.git?ref=x", "malformed URL: https://h/r.git?…" },
        { "git://h/r.git?ref=x", "malformed URL: git://h/r.git?…" },
        { "http://t@h/c.tar?s=t#x:y", "malformed URL: http://h/c.tar?…#x:y" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_arena_ struct arena arena = ARENA_INIT;
        size_t len = strlen(rows[i].text);
        _cleanup_free_ char *copy = xmalloc(len + 1); /* exact size, no NUL behind it */
        memcpy(copy, rows[i].text, len);
        assert_string_equal(describe(str_make(copy, len), &arena), rows[i].parts);
    }
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    assert_string_equal(describe(str_make("git://h/r\0x", 11), &arena), "malformed URL: git://h/r");
}

static void test_commit(void **state) {
    (void)state;
    assert_true(remote_is_commit(STR(COMMIT)));
    assert_true(remote_is_commit(STR(COMMIT "0123456789abcdef01234567")));
    assert_false(remote_is_commit(STR("0123456")));
    assert_false(remote_is_commit(STR("0123456789ABCDEF0123456789abcdef01234567")));
    assert_false(remote_is_commit(STR("0123456789abcdef0123456789abcdef0123456\0")));
    assert_false(remote_is_commit(STR_EMPTY));
}

/* Messages of any kind: only what is secret changes, and nothing moves. */
static void test_mask(void **state) {
    (void)state;
    static const struct {
        const char *text, *expected;
    } rows[] = {
        { "cannot open https://user:pass@h/x", "cannot open https://*********@h/x" },
        { "https://token@h HTTP://token@h", "https://*****@h HTTP://*****@h" },
        { "(https:/u:p@h/x)", "(https:/***@h/x)" }, /* as a path is cleaned */
        { "http://u:p@q@h/a@b", "http://*****@h/a@b" },
        { "ssh://me:pass@h/r", "ssh://me:****@h/r" },
        { "ssh://git@h/r", "ssh://git@h/r" }, /* a name is no secret */
        { "ftp://u:p@h|ftp://:p@h", "ftp://u:*@h|ftp://:*@h" },
        { "https://h/a@b?c=d@e", "https://h/a@b?c=d@e" },
        { "https://h: a@b", "https://h: a@b" },
        { "git@h:o/r", "git@h:o/r" },
        { "http://@h", "http://@h" },
        { "http://", "http://" },
        { "http://a:b", "http://a:b" },
        { "", "" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[64];
        strcpy(text, rows[i].text);
        remote_mask(text, strlen(text));
        assert_string_equal(text, rows[i].expected);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mask),
        cmocka_unit_test(test_kind),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_commit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
