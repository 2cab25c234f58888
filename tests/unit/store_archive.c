/* Unpacking archives from anywhere: what comes out, and what hostile ones cannot do. Wants root: entries have owners
 * and device nodes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fs.h"
#include "store/archive.h"
#include "store/tar_header.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NAME_50 "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
#define NAME_200 NAME_50 NAME_50 NAME_50 NAME_50

struct fixture {
    char path[32]; /* holds target/ and, untouched by anything, outside */
    int fd;
    int target;
};

static int set_up(void **state) {
    struct fixture *fixture = xcalloc(1, sizeof(*fixture));
    strcpy(fixture->path, "/tmp/bud-archive-XXXXXX");
    assert_non_null(mkdtemp(fixture->path));
    fixture->fd = open(fixture->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(fs_write_atomic(fixture->fd, "outside", "canary", 6, 0600, FS_NO_SYNC, NULL),
                     0);
    assert_int_equal(mkdirat(fixture->fd, "target", 0755), 0);
    fixture->target = openat(fixture->fd, "target", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    close(fixture->target);
    close(fixture->fd);
    fs_remove_tree(AT_FDCWD, fixture->path, NULL);
    free(fixture);
    return 0;
}

static void empty_target(struct fixture *fixture) {
    close(fixture->target);
    assert_int_equal(fs_remove_tree(fixture->fd, "target", NULL), 0);
    assert_int_equal(mkdirat(fixture->fd, "target", 0755), 0);
    fixture->target = openat(fixture->fd, "target", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void check_outside(const struct fixture *fixture) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct str *names;
    size_t count;
    assert_int_equal(fs_list(fixture->fd, &arena, &names, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_int_equal(fs_read_file(fixture->fd, "outside", 100, &text, NULL), 0);
    assert_string_equal(text.data, "canary");
    struct stat status;
    assert_int_equal(fstatat(fixture->fd, "outside", &status, 0), 0);
    assert_int_equal(status.st_nlink, 1);
    assert_int_equal(status.st_mode, S_IFREG | 0600);
}

/* "NAME MODE[=CONTENT|->TARGET]\n" for everything below DIRECTORY, sorted; links to the same file are not told. */
static void list_tree(int directory, const char *prefix, struct buf *out) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct str *names;
    size_t count;
    assert_int_equal(fs_list(directory, &arena, &names, &count, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        const char *name = str_dup(&arena, names[i]);
        struct stat status;
        assert_int_equal(fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW), 0);
        buf_printf(out, "%s%s", prefix, name);
        if (S_ISDIR(status.st_mode)) {
            buf_printf(out, "/ %o\n", status.st_mode & 07777);
            _cleanup_fd_ int child =
                openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            assert_true(child >= 0);
            list_tree(child, arena_printf(&arena, "%s%s/", prefix, name), out);
        } else if (S_ISREG(status.st_mode)) {
            _cleanup_buf_ struct buf text = BUF_INIT;
            assert_int_equal(fs_read_file(directory, name, 1 << 20, &text, NULL), 0);
            buf_printf(out, " %o=%s\n", status.st_mode & 07777, text.len > 0 ? text.data : "");
        } else if (S_ISLNK(status.st_mode)) {
            char target[100] = "";
            assert_true(readlinkat(directory, name, target, sizeof(target) - 1) > 0);
            buf_printf(out, "->%s\n", target);
        } else {
            buf_printf(out, " type %o dev %u,%u\n", status.st_mode & S_IFMT, major(status.st_rdev),
                       minor(status.st_rdev));
        }
    }
}

struct entry {
    char type; /* 0: end of the list; 'L' and 'K' are GNU's long name and long link */
    const char *name;
    const char *text; /* contents of a file or long name, target of a link */
    unsigned mode;    /* 0: 0644 */
    unsigned major, minor;
};

#define ENTRY(TYPE, NAME, TEXT, MODE)                                                              \
    { .type = (TYPE), .name = (NAME), .text = (TEXT), .mode = (MODE) }
#define DEVICE(TYPE, NAME, MODE, MAJOR, MINOR)                                                     \
    { .type = (TYPE), .name = (NAME), .mode = (MODE), .major = (MAJOR), .minor = (MINOR) }

static void append_entry(struct buf *out, const struct entry *entry) {
    bool has_contents = entry->type == '0' || entry->type == 'L' || entry->type == 'K';
    size_t len = entry->text ? strlen(entry->text) : 0;
    bool is_gnu = has_contents && entry->type != '0';
    const struct tar_header header = { .name = str_of(entry->name),
                                       .link = has_contents ? STR_EMPTY : str_of(entry->text),
                                       .type = (enum tar_type)entry->type,
                                       .mode = entry->mode ? entry->mode : 0644,
                                       .size = has_contents ? len + is_gnu : 0,
                                       .mtime = 1704164645,
                                       .major = entry->major,
                                       .minor = entry->minor };
    tar_header_write(out, &header);
    if (has_contents) {
        static const char zeros[TAR_BLOCK];
        buf_append(out, entry->text, len + is_gnu);
        buf_append(out, zeros, -(len + is_gnu) % TAR_BLOCK);
    }
}

static void append_end(struct buf *out) {
    static const char zeros[2 * TAR_BLOCK];
    buf_append(out, zeros, sizeof(zeros));
}

static int file_of(struct str bytes) {
    int fd = memfd_create("archive", MFD_CLOEXEC);
    assert_int_equal(fs_write_all(fd, "archive", bytes.data, bytes.len, NULL), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static int unpack(const struct fixture *fixture, struct str bytes,
                  const struct archive_options *options, struct error *error) {
    static const struct archive_options plain = { .has_owner = false };
    _cleanup_fd_ int fd = file_of(bytes);
    return archive_unpack(fd, "test.tar", fixture->target, options ? options : &plain, error);
}

struct row {
    const char *title;
    struct entry entries[6];
    const char *message; /* part of the error; NULL: none */
    const char *tree;    /* what is there in the end */
};

static const struct row rows[] = {
    { "a plain file", { ENTRY('0', "f", "hi", 0) }, NULL, "f 644=hi\n" },
    { "modes",
      { ENTRY('0', "f", "", 04755), ENTRY('5', "d/", NULL, 03710) },
      NULL,
      "d/ 3710\nf 4755=\n" },
    { "missing parents",
      { ENTRY('0', "a/b/f", "x", 0600) },
      NULL,
      "a/ 755\na/b/ 755\na/b/f 600=x\n" },
    { "directories merge",
      { ENTRY('5', "d", NULL, 0700), ENTRY('0', "d/f", "x", 0), ENTRY('5', "d/", NULL, 0711) },
      NULL,
      "d/ 711\nd/f 644=x\n" },
    { "the later of two files wins",
      { ENTRY('0', "f", "one", 0), ENTRY('0', "./f", "two", 0) },
      NULL,
      "f 644=two\n" },
    { "file over directory",
      { ENTRY('0', "d/x/f", "x", 0), ENTRY('0', "d", "file", 0) },
      NULL,
      "d 644=file\n" },
    { "directory over file",
      { ENTRY('0', "d", "file", 0), ENTRY('5', "d", NULL, 0755) },
      NULL,
      "d/ 755\n" },
    { "directory over link",
      { ENTRY('5', "real", NULL, 0755), ENTRY('2', "l", "real", 0), ENTRY('5', "l/", NULL, 0700),
        ENTRY('0', "l/f", "x", 0) },
      NULL,
      "l/ 700\nl/f 644=x\nreal/ 755\n" },
    { "file over link does not write through it",
      { ENTRY('0', "f", "old", 0), ENTRY('2', "l", "f", 0), ENTRY('0', "l", "new", 0) },
      NULL,
      "f 644=old\nl 644=new\n" },
    { "a replaced parent is looked up again",
      { ENTRY('5', "a", NULL, 0755), ENTRY('2', "l", "a", 0), ENTRY('0', "l/f", "1", 0),
        ENTRY('5', "l", NULL, 0755), ENTRY('0', "l/f", "2", 0) },
      NULL,
      "a/ 755\na/f 644=1\nl/ 755\nl/f 644=2\n" },
    { "dots and slashes",
      { ENTRY('0', "./a//./b", "x", 0), ENTRY('0', "a/../c", "y", 0) },
      NULL,
      "a/ 755\na/b 644=x\nc 644=y\n" },
    { "absolute names stay inside",
      { ENTRY('0', "/etc/passwd", "x", 0) },
      NULL,
      "etc/ 755\netc/passwd 644=x\n" },
    { "names that climb", { ENTRY('0', "../outside", "x", 0) }, "would leave the target", "" },
    { "absolute names that climb",
      { ENTRY('0', "/../outside", "x", 0) },
      "would leave the target",
      "" },
    { "names that climb late",
      { ENTRY('0', "a/../../outside", "x", 0) },
      "would leave the target",
      "" },
    { "a directory that climbs", { ENTRY('5', "..", NULL, 0777) }, "would leave the target", "" },
    { "through a link that climbs",
      { ENTRY('2', "l", "..", 0), ENTRY('0', "l/outside", "x", 0) },
      NULL,
      "l->..\noutside 644=x\n" },
    { "through an absolute link",
      { ENTRY('2', "l", "/tmp", 0), ENTRY('5', "tmp", NULL, 0755), ENTRY('0', "l/f", "x", 0) },
      NULL,
      "l->/tmp\ntmp/ 755\ntmp/f 644=x\n" },
    { "through a dangling link",
      { ENTRY('2', "l", "/nowhere", 0), ENTRY('0', "l/f", "x", 0) },
      "leads nowhere",
      "l->/nowhere\n" },
    { "through a link to itself",
      { ENTRY('2', "l", "l", 0), ENTRY('0', "l/f", "x", 0) },
      "not a directory",
      "l->l\n" },
    { "below a file",
      { ENTRY('0', "f", "x", 0), ENTRY('0', "f/g", "y", 0) },
      "cannot unpack 'f/g'",
      "f 644=x\n" },
    { "hard links",
      { ENTRY('0', "f", "x", 0), ENTRY('1', "d/g", "f", 0) },
      NULL,
      "d/ 755\nd/g 644=x\nf 644=x\n" },
    { "hard link replaces",
      { ENTRY('0', "f", "x", 0), ENTRY('0', "g", "y", 0), ENTRY('1', "g", "/f", 0) },
      NULL,
      "f 644=x\ng 644=x\n" },
    { "hard link to itself",
      { ENTRY('0', "f", "x", 0), ENTRY('1', "f", "./f", 0) },
      NULL,
      "f 644=x\n" },
    { "hard link to a link is one to the link",
      { ENTRY('2', "l", "/outside", 0), ENTRY('1', "m", "l", 0) },
      NULL,
      "l->/outside\nm->/outside\n" },
    { "hard link that climbs", { ENTRY('1', "g", "../outside", 0) }, "outside of the archive", "" },
    { "hard link through a link that climbs",
      { ENTRY('2', "l", "..", 0), ENTRY('1', "g", "l/outside", 0) },
      "hard link to 'l/outside'",
      "l->..\n" },
    { "hard link to nothing", { ENTRY('1', "g", "f", 0) }, "which is no file there", "" },
    { "hard link to a directory",
      { ENTRY('5', "d", NULL, 0755), ENTRY('1', "g", "d", 0) },
      "which is no file",
      "d/ 755\n" },
    { "symbolic links are kept as they are",
      { ENTRY('2', "l", "../../x/./y", 0) },
      NULL,
      "l->../../x/./y\n" },
    { "devices and pipes",
      { DEVICE('3', "c", 0666, 1, 3), DEVICE('4', "b", 0660, 253, 70000),
        ENTRY('6', "p", NULL, 0600) },
      NULL,
      "b type 60000 dev 253,70000\nc type 20000 dev 1,3\np type 10000 dev 0,0\n" },
    { "a whiteout device", { DEVICE('3', "c", 0644, 0, 0) }, "character device 0/0", "" },
    { "whiteout names are ordinary", { ENTRY('0', ".wh.x", "w", 0) }, NULL, ".wh.x 644=w\n" },
    { "a PAX name", { ENTRY('0', NAME_200, "x", 0) }, NULL, NAME_200 " 644=x\n" },
    { "a ustar prefix",
      { ENTRY('0', NAME_50 "/" NAME_50 "/" NAME_50, "x", 0) },
      NULL,
      NAME_50 "/ 755\n" NAME_50 "/" NAME_50 "/ 755\n" NAME_50 "/" NAME_50 "/" NAME_50 " 644=x\n" },
    { "GNU long names",
      { ENTRY('L', "././@LongLink", NAME_200, 0), ENTRY('0', "short", "x", 0),
        ENTRY('0', "y", "y", 0) },
      NULL,
      NAME_200 " 644=x\ny 644=y\n" },
    { "a component that is too long",
      { ENTRY('0', NAME_200 NAME_200, "x", 0) },
      "name too long",
      "" },
    { "bytes that are no UTF-8", { ENTRY('0', "\xff\xfe", "x", 0) }, NULL, "\xff\xfe 644=x\n" },
    { "long ones that are none",
      { ENTRY('0', "\xff" NAME_200, "x", 0) },
      NULL,
      "\xff" NAME_200 " 644=x\n" },
    { "accents stay decomposed",
      { ENTRY('0', "e\xcc\x81" NAME_200, "x", 0) },
      NULL,
      "e\xcc\x81" NAME_200 " 644=x\n" },
    { "the root itself", { ENTRY('5', "./", NULL, 0700) }, NULL, "" },
    { "a file instead of the root", { ENTRY('0', ".", "x", 0) }, "stands for the target", "" },
    { "an empty symbolic link", { ENTRY('2', "l", "", 0) }, "symbolic link to nothing", "" },
};

static void entries_are_unpacked(void **state) {
    struct fixture *fixture = *state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct row *row = &rows[i];
        _cleanup_buf_ struct buf bytes = BUF_INIT, tree = BUF_INIT;
        _cleanup_error_ struct error error = ERROR_INIT;
        for (const struct entry *entry = row->entries; entry->type; entry++) {
            append_entry(&bytes, entry);
        }
        append_end(&bytes);
        int result = unpack(fixture, buf_str(&bytes), NULL, &error);
        _cleanup_buf_ struct buf story = BUF_INIT;
        error_print(&story, &error, false);
        if (row->message
                ? result == 0 || error.code != ERROR_INPUT || !strstr(story.data, row->message)
                : result != 0) {
            fail_msg("%s: %d %s", row->title, result, story.data);
        }
        list_tree(fixture->target, "", &tree);
        if (!str_equal_c(buf_str(&tree), row->tree)) {
            fail_msg("%s:\n%s\ninstead of\n%s", row->title, tree.data, row->tree);
        }
        check_outside(fixture);
        empty_target(fixture);
    }
}

static void compress(struct buf *out, struct str bytes, int filter) {
    struct archive *archive = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    size_t capacity = bytes.len * 2 + 100000, used = 0;
    buf_reserve(out, capacity);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_pathname(entry, "raw");
    assert_int_equal(archive_write_set_format_raw(archive), ARCHIVE_OK);
    assert_int_equal(archive_write_add_filter(archive, filter), ARCHIVE_OK);
    archive_write_set_bytes_in_last_block(archive, 1);
    assert_int_equal(archive_write_open_memory(archive, out->data, capacity, &used), ARCHIVE_OK);
    assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
    assert_int_equal(archive_write_data(archive, bytes.data, bytes.len), bytes.len);
    assert_int_equal(archive_write_close(archive), ARCHIVE_OK);
    out->len = used;
    archive_entry_free(entry);
    archive_write_free(archive);
}

static const int filters[] = { ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_GZIP, ARCHIVE_FILTER_BZIP2,
                               ARCHIVE_FILTER_XZ, ARCHIVE_FILTER_ZSTD };

/* An archive of some 300 kB that does not compress. */
static void append_noise(struct buf *out) {
    _cleanup_buf_ struct buf noise = BUF_INIT;
    unsigned long value = 1;
    while (noise.len < 300000) {
        value = value * 6364136223846793005UL + 1442695040888963407UL;
        buf_append_byte(&noise, (char)('!' + (value >> 33) % 90));
    }
    append_entry(out, &(struct entry)ENTRY('0', "noise", noise.data, 0));
    append_entry(out, &(struct entry)ENTRY('0', "last", "x", 0));
    append_end(out);
}

static bool is_archive(struct str bytes) {
    _cleanup_fd_ int fd = file_of(bytes);
    bool is_tar;
    assert_int_equal(archive_is_tar(fd, &is_tar, NULL), 0);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
    return is_tar;
}

static void compressions_are_recognised(void **state) {
    struct fixture *fixture = *state;
    _cleanup_buf_ struct buf tar = BUF_INIT;
    append_noise(&tar);
    for (size_t i = 0; i < COUNT(filters); i++) {
        _cleanup_buf_ struct buf bytes = BUF_INIT;
        _cleanup_error_ struct error error = ERROR_INIT;
        compress(&bytes, buf_str(&tar), filters[i]);
        assert_true(is_archive(buf_str(&bytes)));
        if (unpack(fixture, buf_str(&bytes), NULL, &error)) {
            fail_msg("filter %d: %s", filters[i], error.message);
        }
        assert_int_equal(faccessat(fixture->target, "last", F_OK, 0), 0);
        empty_target(fixture);
        /* The same compressed twice is a file like any other. */
        if (filters[i] != ARCHIVE_FILTER_NONE) {
            _cleanup_buf_ struct buf twice = BUF_INIT;
            compress(&twice, buf_str(&bytes), filters[i]);
            assert_false(is_archive(buf_str(&twice)));
        }
    }
}

static void truncation_is_noticed(void **state) {
    struct fixture *fixture = *state;
    _cleanup_buf_ struct buf tar = BUF_INIT;
    append_noise(&tar);
    for (size_t i = 0; i < COUNT(filters); i++) {
        _cleanup_buf_ struct buf bytes = BUF_INIT;
        compress(&bytes, buf_str(&tar), filters[i]);
        /* Within the file's data; just before the end (a plain tar may lack its end mark, so not there). */
        size_t cuts[] = { bytes.len / 2, bytes.len - 3 };
        for (size_t k = 0; k < (filters[i] == ARCHIVE_FILTER_NONE ? 1 : COUNT(cuts)); k++) {
            _cleanup_error_ struct error error = ERROR_INIT;
            if (unpack(fixture, str_sub(buf_str(&bytes), 0, cuts[k]), NULL, &error) == 0) {
                fail_msg("filter %d cut at %zu of %zu: no error", filters[i], cuts[k], bytes.len);
            }
            assert_int_equal(error.code, ERROR_INPUT);
            assert_non_null(strstr(error.message, "test.tar"));
            empty_target(fixture);
        }
    }
}

static void corruption_is_noticed(void **state) {
    struct fixture *fixture = *state;
    _cleanup_buf_ struct buf tar = BUF_INIT;
    append_noise(&tar);
    for (size_t i = 1; i < COUNT(filters); i++) {
        _cleanup_buf_ struct buf bytes = BUF_INIT;
        _cleanup_error_ struct error error = ERROR_INIT;
        compress(&bytes, buf_str(&tar), filters[i]);
        bytes.data[bytes.len / 2] ^= 0x10;
        if (filters[i] == ARCHIVE_FILTER_ZSTD) {
            continue; /* libarchive writes no checksum into its frames */
        }
        assert_int_equal(unpack(fixture, buf_str(&bytes), NULL, &error), -1);
        assert_int_equal(error.code, ERROR_INPUT);
        empty_target(fixture);
    }
    _cleanup_error_ struct error error = ERROR_INIT;
    tar.data[tar.len - 2 * TAR_BLOCK - 2 * TAR_BLOCK] ^= 1; /* header of the last entry */
    assert_int_equal(unpack(fixture, buf_str(&tar), NULL, &error), -1);
    assert_int_equal(error.code, ERROR_INPUT);
}

static void only_tars_are_archives(void **state) {
    (void)state;
    _cleanup_buf_ struct buf tar = BUF_INIT;
    append_entry(&tar, &(struct entry)ENTRY('0', "f", "x", 0));
    append_end(&tar);
    static const char zeros[10240];
    char v7[TAR_BLOCK];
    memcpy(v7, tar.data, TAR_BLOCK);
    memset(v7 + 257, 0, 8); /* no magic: the checksum falls by that of "ustar" and two digits */
    unsigned sum = 0;
    memset(v7 + 148, ' ', 8);
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        sum += (unsigned char)v7[i];
    }
    snprintf(v7 + 148, 8, "%06o", sum);
    assert_true(is_archive(buf_str(&tar)));
    assert_true(is_archive(str_sub(buf_str(&tar), 0, 512)));
    assert_true(is_archive(str_make(v7, sizeof(v7))));
    assert_false(is_archive(str_sub(buf_str(&tar), 0, 511)));
    assert_false(is_archive(str_make(zeros, sizeof(zeros))));
    assert_false(is_archive(str_make(zeros, 512)));
    assert_false(is_archive(STR_EMPTY));
    assert_false(is_archive(STR("#mtree\n./f type=file\n")));
    assert_false(is_archive(STR("\x1f\x8b\x08 broken")));
    assert_false(is_archive(STR("BZh9 broken")));
    assert_false(is_archive(STR("\xfd"
                                "7zXZ\0 broken")));
    assert_false(is_archive(STR("\x28\xb5\x2f\xfd broken")));
    tar.data[0] = 'g';
    assert_false(is_archive(buf_str(&tar)));
    _cleanup_buf_ struct buf text = BUF_INIT;
    compress(&text, str_make(zeros, sizeof(zeros)), ARCHIVE_FILTER_GZIP);
    assert_false(is_archive(buf_str(&text)));
}

static void owners_times_and_attributes(void **state) {
    struct fixture *fixture = *state;
    static const char capability[20] = "\x01\0\0\x02\0\x04";
    const struct tar_xattr xattrs[] = {
        { STR("security.capability"), { capability, sizeof(capability) } },
        { STR("trusted.overlay.opaque"), STR("y") },
        { STR("user.bud"), STR("a\0b") },
        { STR("user.overlay.opaque"), STR("y") },
    };
    struct tar_header headers[] = {
        { .name = STR("d/"),
          .link = STR_EMPTY,
          .type = TAR_DIRECTORY,
          .mode = 0750,
          .uid = 3000000,
          .gid = 7,
          .mtime = 1000000000,
          .xattrs = xattrs + 1,
          .xattr_count = 3 },
        { .name = STR("d/f"),
          .link = STR_EMPTY,
          .type = TAR_FILE,
          .mode = 06755,
          .uid = 5,
          .gid = 4294967294,
          .mtime = 123,
          .xattrs = xattrs,
          .xattr_count = 4 },
        { .name = STR("d/l"),
          .link = STR("f"),
          .type = TAR_SYMLINK,
          .mode = 0777,
          .uid = 8,
          .gid = 9,
          .mtime = -5 },
        { .name = STR("./"),
          .link = STR_EMPTY,
          .type = TAR_DIRECTORY,
          .mode = 0711,
          .uid = 1,
          .gid = 2,
          .mtime = 77 },
    };
    _cleanup_buf_ struct buf bytes = BUF_INIT;
    for (size_t i = 0; i < COUNT(headers); i++) {
        tar_header_write(&bytes, &headers[i]);
    }
    append_end(&bytes);
    for (int is_import = 0; is_import < 2; is_import++) {
        struct archive_options options = {
            .has_owner = !is_import, .uid = 11, .gid = 12, .is_root_entry_kept = is_import
        };
        assert_int_equal(unpack(fixture, buf_str(&bytes), &options, NULL), 0);
        static const char *const names[] = { "d", "d/f", "d/l", "." };
        for (size_t i = 0; i < COUNT(headers); i++) {
            struct stat status;
            assert_int_equal(fstatat(fixture->target, names[i], &status, AT_SYMLINK_NOFOLLOW), 0);
            if (i == 3 && !is_import) {
                assert_int_equal(status.st_mode & 07777, 0755);
                assert_int_equal(status.st_uid, 0);
                continue;
            }
            assert_int_equal(status.st_uid, is_import ? headers[i].uid : 11);
            assert_int_equal(status.st_gid, is_import ? headers[i].gid : 12);
            assert_int_equal(status.st_mode & 07777, headers[i].mode);
            assert_int_equal(status.st_mtime, headers[i].mtime);
        }
        if (fsetxattr(fixture->target, "user.probe", "", 0, 0) < 0) {
            skip(); /* a file system without such attributes */
        }
        char value[100];
        _cleanup_fd_ int file = openat(fixture->target, "d/f", O_RDONLY | O_CLOEXEC);
        _cleanup_fd_ int directory = openat(fixture->target, "d", O_RDONLY | O_CLOEXEC);
        assert_int_equal(fgetxattr(file, "user.bud", value, sizeof(value)), 3);
        assert_int_equal(fgetxattr(directory, "user.bud", value, sizeof(value)), 3);
        assert_int_equal(fgetxattr(file, "security.capability", value, sizeof(value)), 20);
        assert_int_equal(fgetxattr(directory, "trusted.overlay.opaque", value, sizeof(value)), -1);
        assert_int_equal(fgetxattr(directory, "user.overlay.opaque", value, sizeof(value)), -1);
        empty_target(fixture);
    }
}

static void devices_are_left_out_when_rootless(void **state) {
    struct fixture *fixture = *state;
    struct archive_options options = { .is_rootless = true };
    _cleanup_buf_ struct buf bytes = BUF_INIT, tree = BUF_INIT;
    append_entry(&bytes, &(struct entry)DEVICE('3', "null", 0666, 1, 3));
    append_entry(&bytes, &(struct entry)DEVICE('6', "pipe", 0600, 0, 0));
    append_end(&bytes);
    assert_int_equal(unpack(fixture, buf_str(&bytes), &options, NULL), 0);
    list_tree(fixture->target, "", &tree);
    assert_string_equal(tree.data, "pipe type 10000 dev 0,0\n");
}

static void a_pipe_will_do(void **state) {
    struct fixture *fixture = *state;
    static const struct archive_options options = { .has_owner = false };
    _cleanup_buf_ struct buf tar = BUF_INIT, bytes = BUF_INIT;
    append_entry(&tar, &(struct entry)ENTRY('0', "f", "x", 0));
    append_end(&tar);
    compress(&bytes, buf_str(&tar), ARCHIVE_FILTER_GZIP);
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(write(ends[1], bytes.data, bytes.len), bytes.len);
    close(ends[1]);
    assert_int_equal(archive_unpack(ends[0], "-", fixture->target, &options, NULL), 0);
    close(ends[0]);
    assert_int_equal(faccessat(fixture->target, "f", F_OK, 0), 0);
}

static void what_is_no_archive_is_refused(void **state) {
    struct fixture *fixture = *state;
    static const struct str inputs[] = { { "", 0 },
                                         { "hello, world\n", 13 },
                                         { "\x1f\x8b\x08zzzzzzzzzzzzzzzz", 19 } };
    for (size_t i = 0; i < COUNT(inputs); i++) {
        _cleanup_error_ struct error error = ERROR_INIT;
        assert_int_equal(unpack(fixture, inputs[i], NULL, &error), -1);
        assert_int_equal(error.code, ERROR_INPUT);
    }
}

static int need_root(void **state) {
    (void)state;
    if (geteuid() != 0) {
        print_message("not root: skipped\n");
        exit(0);
    }
    return 0;
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(entries_are_unpacked),
        TEST(compressions_are_recognised),
        TEST(truncation_is_noticed),
        TEST(corruption_is_noticed),
        TEST(only_tars_are_archives),
        TEST(owners_times_and_attributes),
        TEST(devices_are_left_out_when_rootless),
        TEST(a_pipe_will_do),
        TEST(what_is_no_archive_is_refused),
    };
    return cmocka_run_group_tests(tests, need_root, NULL);
}
