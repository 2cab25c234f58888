/* A layer's canonical tar, its tar-split log, and the checksum in it. Wants root: entries have owners and device
 * nodes, and overlay's marks are trusted attributes. */
#include "store_fixture.h"

#include "store/crc64.h"
#include "store/snapshot.h"
#include "store/tar_header.h"
#include "store/tar_split.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NAME_50 "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
#define NAME_120 NAME_50 NAME_50 "mmmmmmmmmmmmmmmmmmmm"
#define TIME 1704164645

/* A diff directory in the fixture's store, and where its log goes. */
static int new_diff(struct fixture *fixture) {
    fs_remove_tree(AT_FDCWD, fixture_path(fixture, "diff"), NULL);
    assert_int_equal(mkdir(fixture_path(fixture, "diff"), 0755), 0);
    int fd = open(fixture_path(fixture, "diff"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void date(int diff, const char *name) {
    const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { TIME, 123456789 } };
    assert_int_equal(utimensat(diff, name, times, AT_SYMLINK_NOFOLLOW), 0);
}

static void put_file(int diff, const char *name, const void *data, size_t len) {
    assert_int_equal(fs_write_atomic(diff, name, data, len, 0644, FS_NO_SYNC, NULL), 0);
    date(diff, name);
}

static void put_directory(int diff, const char *name) {
    assert_int_equal(mkdirat(diff, name, 0755), 0);
    assert_int_equal(fchmodat(diff, name, 0755, 0), 0);
}

/* The digest; TAR gets the stream. */
static int digest(struct fixture *fixture, int diff, struct cache_layer *layer, struct buf *tar,
                  struct error *error) {
    char path[64];
    snprintf(path, sizeof(path), "%s/tar", fixture->directory);
    _cleanup_fd_ int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct layer_stream_options options = { .tar_split = fixture_path(fixture, "log.gz"),
                                            .tar = fd };
    if (layer_stream_digest(diff, &options, &fixture->arena, NULL, layer, error)) {
        return -1;
    }
    lseek(fd, 0, SEEK_SET);
    assert_int_equal(fs_read_fd(fd, path, SIZE_MAX / 2, tar, NULL), 0);
    return 0;
}

static int collect(void *context, const void *data, size_t len, struct error *error) {
    (void)error;
    buf_append(context, data, len);
    return 0;
}

static int assemble(struct fixture *fixture, int diff, struct buf *tar, struct error *error) {
    _cleanup_fd_ int log = open(fixture_path(fixture, "log.gz"), O_RDONLY | O_CLOEXEC);
    return tar_split_assemble(log, "log.gz", &diff, 1, collect, tar, error);
}

/* Not every file system or container has all that a layer can hold. */
static void need(int result) {
    if (result < 0 && (errno == EOPNOTSUPP || errno == EPERM)) {
        skip();
    }
    assert_int_equal(result, 0);
}

static void make_files(int diff) {
    put_directory(diff, "a");
    put_file(diff, "a/x", "x\n", 2);
    put_file(diff, "a.b", "", 0);
    put_file(diff, "a-b", "123456789", 9);
    put_file(diff, "set-id", "s", 1);
    assert_int_equal(fchownat(diff, "set-id", 1000, 3000000, 0), 0);
    assert_int_equal(fchmodat(diff, "set-id", 06755, 0), 0);
    assert_int_equal(linkat(diff, "set-id", diff, "a/first", 0), 0);
    put_directory(diff, "opaque");
    put_file(diff, "opaque/!first", "", 0); /* sorts before a '.' */
    put_file(diff, "caf\xc3\xa9 <&>\"\\\n", "u", 1);
    put_file(diff, "not-utf8-\xff", "raw", 3);
    put_file(diff, NAME_120, "pax", 3);
    put_file(diff, "attributes", "x", 1);
}

static void make_specials(int diff) {
    assert_int_equal(symlinkat("a/x", diff, "link"), 0);
    assert_int_equal(symlinkat(NAME_120, diff, "long-link"), 0);
    need(mknodat(diff, "gone", S_IFCHR, 0));
    assert_int_equal(linkat(diff, "gone", diff, "a/gone", 0), 0); /* the kernel does that */
    need(mknodat(diff, "null", S_IFCHR | 0644, makedev(1, 3)));
    need(mknodat(diff, "disk", S_IFBLK | 0644, makedev(253, 70000)));
    assert_int_equal(mkfifoat(diff, "pipe", 0644), 0);
}

static void make_tree(struct fixture *fixture, int diff) {
    umask(0);
    make_files(diff);
    make_specials(diff);
    char *path = fixture_path(fixture, "diff/attributes");
    need(setxattr(path, "user.b", "1\0\n", 3, 0));
    need(setxattr(path, "user.a", "2", 1, 0));
    need(setxattr(path, "trusted.x", "no", 2, 0));
    path = fixture_path(fixture, "diff/opaque");
    need(setxattr(path, "trusted.overlay.opaque", "y", 1, 0));
    need(setxattr(path, "trusted.overlay.origin", "z", 1, 0));
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof(address.sun_path), "%s",
             fixture_path(fixture, "diff/socket"));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    close(fd);
    static const char *const others[] = { "link", "long-link", "null",   "disk",
                                          "pipe", "a",         "opaque", "set-id" };
    for (size_t i = 0; i < COUNT(others); i++) {
        date(diff, others[i]);
    }
}

/* What ustar headers alone say, without PAX records: "TYPE NAME\n". */
static void list_names(struct str tar, struct buf *out) {
    for (size_t at = 0; at + TAR_BLOCK <= tar.len && tar.data[at];) {
        struct str name = str_sub(tar, at, at + 100);
        uint64_t size = strtoul(tar.data + at + 124, NULL, 8);
        char type = tar.data[at + 156];
        if (type != 'x') {
            buf_printf(out, "%c %.*s\n", type, (int)strnlen(name.data, name.len), name.data);
        }
        at += TAR_BLOCK + (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
    }
}

/* Of the tree above, by another implementation of the format. It must never change: layers are known by it. */
#define GOLDEN "72e33ca0e2ebc2777914de33cd88d872766d06c6e3c2b635b6f54e63a47260cc"

static void the_stream_is_canonical(void **state) {
    struct fixture *fixture = *state;
    _cleanup_fd_ int diff = new_diff(fixture);
    _cleanup_buf_ struct buf tar = BUF_INIT, names = BUF_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct cache_layer layer;
    make_tree(fixture, diff);
    assert_ok(digest(fixture, diff, &layer, &tar, &error), &error);
    assert_int_equal(layer.diff_size, tar.len);
    struct digest whole = digest_of(tar.data, tar.len);
    assert_true(digest_equal(&layer.diff_id, &whole));
    list_names(buf_str(&tar), &names);
    assert_string_equal(names.data, "0 .wh.gone\n"
                                    "0 a-b\n"
                                    "0 a.b\n"
                                    "5 a/\n"
                                    "0 a/.wh.gone\n"
                                    "0 a/first\n"
                                    "0 a/x\n"
                                    "0 attributes\n"
                                    "0 caf\xc3\xa9 <&>\"\\\n\n"
                                    "4 disk\n"
                                    "2 link\n"
                                    "2 long-link\n"
                                    "0 " NAME_50 NAME_50 "\n"
                                    "0 not-utf8-\xff\n"
                                    "3 null\n"
                                    "5 opaque/\n"
                                    "0 opaque/.wh..wh..opq\n"
                                    "0 opaque/!first\n"
                                    "6 pipe\n"
                                    "1 set-id\n");
    assert_string_equal(digest_hex(&layer.diff_id).text, GOLDEN);
    static const uint32_t uids[] = { 0, 1000 }, gids[] = { 0, 3000000 };
    assert_int_equal(layer.uid_count, 2);
    assert_memory_equal(layer.uids, uids, sizeof(uids));
    assert_int_equal(layer.gid_count, 2);
    assert_memory_equal(layer.gids, gids, sizeof(gids));
}

static void an_empty_layer_is_two_blocks(void **state) {
    struct fixture *fixture = *state;
    _cleanup_fd_ int diff = new_diff(fixture);
    _cleanup_buf_ struct buf tar = BUF_INIT;
    struct cache_layer layer;
    assert_int_equal(digest(fixture, diff, &layer, &tar, NULL), 0);
    assert_string_equal(digest_hex(&layer.diff_id).text,
                        "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef");
    assert_int_equal(layer.diff_size, 1024);
    assert_int_equal(layer.uid_count, 0);
}

static void the_log_gives_the_stream_back(void **state) {
    struct fixture *fixture = *state;
    _cleanup_fd_ int diff = new_diff(fixture);
    _cleanup_buf_ struct buf tar = BUF_INIT, again = BUF_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct cache_layer layer;
    static char data[700000];
    make_tree(fixture, diff);
    static const size_t sizes[] = { 1, 511, 512, 513, 262143, 262144, 262145, 700000 };
    for (size_t i = 0; i < COUNT(sizes); i++) {
        char name[32];
        snprintf(name, sizeof(name), "size-%zu", sizes[i]);
        memset(data, (int)i + 1, sizes[i]);
        put_file(diff, name, data, sizes[i]);
    }
    for (int i = 0; i < 3; i++) { /* each 100 characters deeper: a prefix, then PAX */
        char name[512] = "";
        for (int k = 0; k <= i; k++) {
            strcat(name, k ? "/" NAME_50 NAME_50 : NAME_50 NAME_50);
        }
        put_directory(diff, name);
        strcat(name, "/file");
        put_file(diff, name, "deep", 4);
    }
    assert_ok(digest(fixture, diff, &layer, &tar, &error), &error);
    assert_ok(assemble(fixture, diff, &again, &error), &error);
    assert_int_equal(tar.len, again.len);
    assert_memory_equal(tar.data, again.data, tar.len);

    /* Without the log, and without the tar, it is the same. */
    struct layer_stream_options options = { .tar = -1 };
    struct cache_layer plain;
    assert_ok(layer_stream_digest(diff, &options, &fixture->arena, NULL, &plain, &error), &error);
    assert_true(digest_equal(&plain.diff_id, &layer.diff_id));
}

static void a_changed_layer_is_noticed(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        const char *title, *content; /* of the file "f", which was "hello" */
        const char *message;
    } rows[] = {
        { "same size", "hellO", "was changed" },
        { "longer", "hello, world", "was changed" },
        { "shorter", "hell", "was changed" },
        { "gone", NULL, "is missing" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_fd_ int diff = new_diff(fixture);
        _cleanup_buf_ struct buf tar = BUF_INIT, again = BUF_INIT;
        _cleanup_error_ struct error error = ERROR_INIT;
        struct cache_layer layer;
        put_file(diff, "f", "hello", 5);
        assert_int_equal(digest(fixture, diff, &layer, &tar, NULL), 0);
        unlinkat(diff, "f", 0);
        if (rows[i].content) {
            put_file(diff, "f", rows[i].content, strlen(rows[i].content));
        }
        assert_int_equal(assemble(fixture, diff, &again, &error), -1);
        assert_int_equal(error.code, ERROR_CORRUPT);
        if (!strstr(error.message, rows[i].message)) {
            fail_msg("%s: %s", rows[i].title, error.message);
        }
    }
}

static void a_damaged_log_is_noticed(void **state) {
    struct fixture *fixture = *state;
    static const char *const logs[] = {
        "nonsense\n",
        "{\"type\":3,\"position\":0}\n",
        "{\"type\":2,\"payload\":\"A\",\"position\":0}\n",
        "{\"type\":2,\"payload\":7,\"position\":0}\n",
        "{\"type\":1,\"name\":\"f\",\"size\":5,\"payload\":null,\"position\":0}\n",
        "{\"type\":1,\"name\":\"f\",\"size\":5,\"payload\":\"AAAA\",\"position\":0}\n",
        "{\"type\":1,\"size\":5,\"payload\":\"AAAAAAAAAAA=\",\"position\":0}\n",
        "{\"type\":1,\"name\":\"../f\",\"size\":5,\"payload\":\"AAAAAAAAAAA=\"}\n",
        "{\"type\":1,\"name\":\"f\",\"size\":-5,\"payload\":\"AAAAAAAAAAA=\",\"position\":0}\n",
    };
    _cleanup_fd_ int diff = new_diff(fixture);
    put_file(diff, "f", "hello", 5);
    for (size_t i = 0; i < COUNT(logs); i++) {
        _cleanup_buf_ struct buf tar = BUF_INIT;
        _cleanup_error_ struct error error = ERROR_INIT;
        fixture_write(fixture, "log.gz", logs[i]); /* a log need not be compressed to be read */
        if (assemble(fixture, diff, &tar, &error) == 0 || error.code != ERROR_CORRUPT) {
            fail_msg("%s: %s", logs[i], error.message ? error.message : "no error");
        }
    }
}

static void make_whiteout_name(struct fixture *fixture, int diff) {
    (void)fixture;
    put_directory(diff, "d");
    put_file(diff, "d/.wh.x", "", 0);
}
static void make_equals(struct fixture *fixture, int diff) {
    put_file(diff, "f", "", 0);
    need(setxattr(fixture_path(fixture, "diff/f"), "user.a=b", "", 0, 0));
}
static void make_redirect(struct fixture *fixture, int diff) {
    put_directory(diff, "d");
    need(setxattr(fixture_path(fixture, "diff/d"), "trusted.overlay.redirect", "x", 1, 0));
}

static void what_a_layer_cannot_hold(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        void (*make)(struct fixture *fixture, int diff);
        enum error_code code;
        const char *message;
    } rows[] = {
        { make_whiteout_name, ERROR_INPUT, "d/.wh.x" },
        { make_equals, ERROR_INPUT, "user.a=b" },
        { make_redirect, ERROR_UNSUPPORTED, "trusted.overlay.redirect" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_fd_ int diff = new_diff(fixture);
        _cleanup_buf_ struct buf tar = BUF_INIT;
        _cleanup_error_ struct error error = ERROR_INIT;
        struct cache_layer layer;
        rows[i].make(fixture, diff);
        assert_int_equal(digest(fixture, diff, &layer, &tar, &error), -1);
        assert_int_equal(error.code, rows[i].code);
        assert_non_null(strstr(error.message, rows[i].message));
        assert_false(fixture_has(fixture, "log.gz"));
    }
}

static void rootless_marks_are_user_attributes(void **state) {
    struct fixture *fixture = *state;
    _cleanup_fd_ int diff = new_diff(fixture);
    struct cache_layer layers[2];
    put_directory(diff, "d");
    need(setxattr(fixture_path(fixture, "diff/d"), "user.overlay.opaque", "y", 1, 0));
    for (int is_rootless = 0; is_rootless < 2; is_rootless++) {
        struct layer_stream_options options = { .tar = -1, .is_rootless = is_rootless };
        assert_int_equal(
            layer_stream_digest(diff, &options, &fixture->arena, NULL, &layers[is_rootless], NULL),
            0);
    }
    assert_int_equal(layers[0].diff_size, 3 * TAR_BLOCK);
    assert_int_equal(layers[1].diff_size, 4 * TAR_BLOCK); /* with .wh..wh..opq */
}

static void a_deep_tree_needs_no_stack(void **state) {
    struct fixture *fixture = *state;
    int diff = new_diff(fixture), at = dup(diff);
    _cleanup_buf_ struct buf tar = BUF_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct cache_layer layer;
    for (int depth = 0; depth < 1900; depth++) {
        put_directory(at, "d");
        int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        close(at);
        at = next;
    }
    put_file(at, "f", "x", 1);
    assert_ok(digest(fixture, diff, &layer, &tar, &error), &error);
    for (int depth = 1900; depth < 2100; depth++) { /* beyond what a path may have */
        put_directory(at, "d");
        int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        close(at);
        at = next;
    }
    assert_int_equal(digest(fixture, diff, &layer, &tar, &error), -1);
    assert_int_equal(error.code, ERROR_INPUT);
    close(at);
    close(diff);
}

static void cancelling_stops_it(void **state) {
    struct fixture *fixture = *state;
    _cleanup_fd_ int diff = new_diff(fixture);
    _cleanup_error_ struct error error = ERROR_INIT;
    struct layer_stream_options options = { .tar_split = fixture_path(fixture, "log.gz"),
                                            .tar = -1 };
    struct cache_layer layer;
    const atomic_bool is_cancelled = true;
    put_file(diff, "f", "hello", 5);
    assert_int_equal(
        layer_stream_digest(diff, &options, &fixture->arena, &is_cancelled, &layer, &error), -1);
    assert_int_equal(error.code, ERROR_INTERRUPTED);
    assert_false(fixture_has(fixture, "log.gz"));
}

static void checksums_agree(void **state) {
    (void)state;
    assert_true(crc64_update(CRC64_INIT, "", 0) == 0);
    assert_true(crc64_update(CRC64_INIT, "123456789", 9) == UINT64_C(0xb90956c775a41001));
    assert_true(crc64_update(CRC64_INIT, "x\n", 2) == UINT64_C(0x6153100000000000));
    static unsigned char data[5000];
    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (unsigned char)(i * 2654435761U >> 13);
    }
    for (size_t len = 0; len < 600; len++) {
        for (size_t from = 0; from < 20; from += 3) {
            uint64_t portable = crc64_update_portable(CRC64_INIT, data + from, len);
            size_t cut = len / 3;
            uint64_t pieces = crc64_update(crc64_update(CRC64_INIT, data + from, cut),
                                           data + from + cut, len - cut);
            assert_true(crc64_update(CRC64_INIT, data + from, len) == portable);
            assert_true(pieces == portable);
        }
    }
    assert_true(crc64_update(1, data, sizeof(data)) ==
                crc64_update_portable(1, data, sizeof(data)));
}

int main(void) {
    if (geteuid() != 0) {
        puts("not root: skipped");
        return 0;
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_overlay, fixture_end)
    const struct CMUnitTest tests[] = {
        TEST(the_stream_is_canonical),       TEST(an_empty_layer_is_two_blocks),
        TEST(the_log_gives_the_stream_back), TEST(a_changed_layer_is_noticed),
        TEST(a_damaged_log_is_noticed),      TEST(what_a_layer_cannot_hold),
        TEST(a_deep_tree_needs_no_stack),    TEST(rootless_marks_are_user_attributes),
        TEST(cancelling_stops_it),           cmocka_unit_test(checksums_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
