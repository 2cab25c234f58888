/* COPY, ADD and WORKDIR's directory, on a plain directory and on an overlay mount. */
#include "executor/work.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define MAXIMUM_SOURCES 4

/* ---- what the scripts of the rows may use ---- */

#define PROLOGUE                                                                                   \
    "umask 022\n"                                                                                  \
    "fail() { echo \"    $*\" >&2; exit 1; }\n" /* is PATH 'd 755 0:0' */                          \
    "is() {\n"                                                                                     \
    "  got=$(stat -c '%A %a %u:%g' \"$1\")\n"                                                      \
    "  got=\"${got%\"${got#?}\"} ${got#* }\"\n"                                                    \
    "  [ \"$got\" = \"$2\" ] || fail \"$1 is $got and not $2\"\n"                                  \
    "}\n"                                                                                          \
    "none() { [ ! -e \"$1\" ] && [ ! -L \"$1\" ] || fail \"$1 exists\"; }\n"                       \
    "holds() { [ \"$(cat \"$1\")\" = \"$2\" ] || fail \"$1 holds $(cat \"$1\")\"; }\n"             \
    "leads() { [ \"$(readlink \"$1\")\" = \"$2\" ] || fail \"$1 leads to $(readlink \"$1\")\"; "   \
    "}\n"                                                                                          \
    "when() { got=$(stat -c %y \"$1\"); [ \"${got%% +*}\" = \"$2\" ] || fail \"$1: $got\"; }\n"    \
    "one() { [ \"$1\" -ef \"$2\" ] || fail \"$1 and $2 are two files\"; }\n"                       \
    "two() { [ ! \"$1\" -ef \"$2\" ] || fail \"$1 and $2 are one file\"; }\n"

/* The context of the specification's examples, and what its other rows need. */
#define CONTEXT                                                                                    \
    "echo foo >foo; chmod 4755 foo; echo bar >bar; ln bar bar2\n"                                  \
    "mkdir -p sub/dir1/dir2; echo deep >sub/dir1/dir2/foo; chmod 700 sub\n"                        \
    "ln -s foo lnk; ln -s sub lnkdir; ln -s /no/such dangling\n"                                   \
    "echo sp >'sp ace'; echo ab >'a[b]'\n"                                                         \
    "echo f >f; echo g >g; mkdir d; echo e >d/e; mkdir d/i; echo h >d/i/h\n"                       \
    "mkdir -p r/sub; echo lf >r/lf; echo new >r/sub/new; chmod 750 r/sub\n"                        \
    "echo 'new text' >'p.txt'; gzip -k p.txt; : >empty.tar; head -c 512 /dev/zero >zero.tar\n"     \
    "(mkdir t; cd t; echo one >one; ln one link; mkdir in; echo two >in/two; chown 7:8 one in\n"   \
    " chmod 2750 in; ln -s ../one in/up; chown 5:5 .; chmod 700 .)\n"                              \
    "tar -C t -cf t.tar .; gzip -k t.tar; bzip2 -k t.tar; xz -k t.tar; rm -r t\n"                  \
    "mkdir u; echo second >u/second; tar -C u -cf u.tar second; rm -r u\n"                         \
    "mkdir w; touch w/w1 w/w2; touch -h -d '2001-02-03 04:05:06.123456789' w/w1\n"                 \
    "ln -s w1 w/l; touch -h -d '2002-02-03 04:05:06.5' w/l\n"                                      \
    "mkdir w/d; touch w/d/x; touch -d '2003-03-03 03:03:03.25' w/d\n"                              \
    "touch -d '2004-04-04 04:04:04' w\n"

/* Another stage's root file system. */
#define STAGE                                                                                      \
    "mkdir k; mkfifo k/fifo; mknod k/null c 1 3; echo owned >k/owned; chown 12:13 k/owned "        \
    "k/fifo\n"                                                                                     \
    "chmod 640 k/fifo; ln -s owned k/link; chown -h 14:15 k/link\n"

#define USERS                                                                                      \
    "mkdir etc; echo 'web:x:1001:1002::/:/bin/sh' >etc/passwd\n"                                   \
    "printf 'web:x:1002:\\nextra:x:2000:web\\n' >etc/group\n"

struct row {
    const char *name;
    const char *setup; /* run in the root file system */
    enum file_kind kind;
    const char *sources[MAXIMUM_SOURCES];
    const char *destination;
    const char *chown, *chmod;
    bool is_from, is_link; /* --from: owners are kept */
    const char *error;     /* NULL: it works */
    const char *check;     /* run in the root file system */
    struct inline_file inline_files[2];
    const char *excludes[3];
    bool is_parents;
    const struct instruction *instruction;
};

struct fixture {
    char *base;
    struct tree context, stage;
};

static char *printf_path(const char *format, ...) {
    struct buf text = BUF_INIT;
    va_list arguments;
    va_start(arguments, format);
    buf_vprintf(&text, format, arguments);
    va_end(arguments);
    return buf_take(&text);
}

static int shell(const char *directory, const char *script) {
    char *text = printf_path("%s%s", PROLOGUE, script);
    pid_t child = fork();
    if (child == 0) {
        if (chdir(directory) < 0) {
            _exit(99);
        }
        execl("/bin/sh", "sh", "-eu", "-c", text, (char *)NULL);
        _exit(99);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    free(text);
    return status;
}

static int run_step(const struct fixture *fixture, const struct row *row, int rootfs,
                    struct plan *plan, struct error *error) {
    struct store store = { .root_fd = -1 };
    atomic_bool is_cancelled = false;
    struct work work = { .store = &store, .plan = plan, .is_cancelled = &is_cancelled };
    struct rootfs root = { .fd = rootfs };
    struct str sources[MAXIMUM_SOURCES];
    struct step step = { .kind = STEP_FILE, .instruction = row->instruction };
    struct step_file *file = &step.file;
    file->kind = row->kind;
    file->selection.sources = sources;
    for (size_t i = 0; i < MAXIMUM_SOURCES && row->sources[i]; i++) {
        sources[file->selection.source_count++] = str_of(row->sources[i]);
    }
    struct str excludes[COUNT(row->excludes)];
    struct ignore *ignore = NULL;
    size_t exclude_count = 0;
    for (; exclude_count < COUNT(excludes) && row->excludes[exclude_count]; exclude_count++) {
        excludes[exclude_count] = str_of(row->excludes[exclude_count]);
    }
    if (exclude_count) {
        assert_int_equal(ignore_from_patterns(excludes, exclude_count, &plan->arena, &ignore, NULL),
                         0);
    }
    file->selection.excludes = ignore;
    file->selection.is_parents = row->is_parents;
    struct inline_file inline_files[2] = { row->inline_files[0], row->inline_files[1] };
    file->inline_files = inline_files;
    file->inline_file_count =
        (inline_files[0].name.data != NULL) + (inline_files[1].name.data != NULL);
    file->destination = str_of(row->destination);
    file->chown = str_of(row->chown);
    file->chmod = str_of(row->chmod);
    file->is_link = row->is_link;
    file->is_unpack = row->kind == FILE_ADD;
    int result = file_step_run(&work, &step, &root,
                               row->is_from ? &fixture->stage : &fixture->context, NULL, error);
    arena_free(&plan->arena);
    return result;
}

/* ---- root file systems ---- */

struct root {
    char *base, *path; /* everything about it; where it is seen */
    bool is_overlay;
    int fd;
};

static int root_no;

static bool root_open(struct fixture *fixture, bool is_overlay, const char *setup,
                      struct root *root) {
    *root = (struct root){ .is_overlay = is_overlay };
    root->base = printf_path("%s/root%d", fixture->base, root_no++);
    const char *const directories[] = { "", "/lower", "/upper", "/work", "/merged" };
    for (size_t i = 0; i < COUNT(directories); i++) {
        char *path = printf_path("%s%s", root->base, directories[i]);
        assert_int_equal(mkdir(path, 0755), 0);
        free(path);
    }
    char *lower = printf_path("%s/lower", root->base);
    assert_int_equal(setup ? shell(lower, setup) : 0, 0);
    root->path = is_overlay ? printf_path("%s/merged", root->base) : lower;
    if (is_overlay) {
        char *options = printf_path("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", lower,
                                    root->base, root->base);
        int result = mount("overlay", root->path, "overlay", 0, options);
        free(options);
        free(lower);
        if (result < 0) {
            print_message("no overlay mounts here: %s\n", strerror(errno));
            free(root->path);
            free(root->base);
            return false;
        }
    }
    root->fd = open(root->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_true(root->fd >= 0);
    return true;
}

static void root_close(struct root *root) {
    close(root->fd);
    if (root->is_overlay) {
        assert_int_equal(umount2(root->path, MNT_DETACH), 0);
    }
    assert_int_equal(fs_remove_tree(AT_FDCWD, root->base, NULL), 0);
    free(root->path);
    free(root->base);
}

static void check_row(struct fixture *fixture, const struct row *row, bool is_overlay) {
    _cleanup_error_ struct error error = ERROR_INIT;
    struct plan plan = { .arena = ARENA_INIT };
    struct root root;
    if (!root_open(fixture, is_overlay, row->setup, &root)) {
        return;
    }
    print_message("%s%s\n", row->name, is_overlay ? " (overlay)" : "");
    int result = run_step(fixture, row, root.fd, &plan, &error);
    if (result < 0 && !row->error) {
        _cleanup_buf_ struct buf text = BUF_INIT;
        error_print(&text, &error, false);
        print_error("%s", text.data);
    }
    assert_int_equal(result, row->error ? -1 : 0);
    if (row->error) {
        assert_non_null(error.message);
        if (!strstr(error.message, row->error)) {
            fail_msg("the error is: %s", error.message);
        }
    }
    assert_int_equal(row->check ? shell(root.path, row->check) : 0, 0);
    root_close(&root);
}

static void check_rows(struct fixture *fixture, const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        check_row(fixture, &rows[i], false);
        check_row(fixture, &rows[i], true);
    }
}

/* ---- the rows ---- */

#define CP .kind = FILE_COPY, .sources

static void files_go_where_the_examples_say(void **state) {
    const struct row rows[] = {
        { "1 COPY foo /d1", CP = { "foo" }, .destination = "/d1", .check = "is d1 '- 4755 0:0'" },
        { "2 COPY foo /d2/", CP = { "foo" }, .destination = "/d2/",
          .check = "is d2 'd 755 0:0'; is d2/foo '- 4755 0:0'" },
        { "3 COPY foo bar /d3/", CP = { "foo", "bar" }, .destination = "/d3/",
          .check = "holds d3/foo foo; holds d3/bar bar" },
        { "4 COPY sub /d4", CP = { "sub" }, .destination = "/d4",
          .check = "is d4 'd 755 0:0'; holds d4/dir1/dir2/foo deep" },
        { "4 COPY sub/ /d5", CP = { "sub/" }, .destination = "/d5",
          .check = "is d5 'd 755 0:0'; holds d5/dir1/dir2/foo deep" },
        { "4 COPY sub /d6/", CP = { "sub" }, .destination = "/d6/",
          .check = "is d6 'd 755 0:0'; holds d6/dir1/dir2/foo deep" },
        { "5 COPY lnk /d7", CP = { "lnk" }, .destination = "/d7", .check = "is d7 '- 4755 0:0'" },
        { "5 COPY lnk /d7/", CP = { "lnk" }, .destination = "/d7/",
          .check = "is d7/lnk '- 4755 0:0'; none d7/foo" },
        { "6 COPY lnkdir /d8", CP = { "lnkdir" }, .destination = "/d8",
          .check = "holds d8/dir1/dir2/foo deep" },
        { "6 COPY lnkdir/dir1 /d9", CP = { "lnkdir/dir1" }, .destination = "/d9",
          .check = "holds d9/dir2/foo deep" },
        { "7 COPY . /d10", CP = { "." }, .destination = "/d10",
          .check = "leads d10/lnk foo; leads d10/lnkdir sub; leads d10/dangling /no/such\n"
                   "one d10/bar d10/bar2; is d10/sub 'd 700 0:0'; is d10/foo '- 4755 0:0'" },
        { "8 COPY bar bar2 /d11/", CP = { "bar", "bar2" }, .destination = "/d11/",
          .check = "two d11/bar d11/bar2" },
        { "9 COPY [\"sp ace\", \"/d12/\"]", CP = { "sp ace" }, .destination = "/d12/",
          .check = "holds 'd12/sp ace' sp" },
        { "10 COPY a[[]b] /d13/", CP = { "a[[]b]" }, .destination = "/d13/",
          .check = "holds 'd13/a[b]' ab" },
        { "11 --chown=web", USERS, CP = { "foo" }, .destination = "/d15/x/", .chown = "web",
          .check = "is d15 'd 755 1001:1002'; is d15/x 'd 755 1001:1002'\n"
                   "is d15/x/foo '- 4755 1001:1002'" },
        { "12 --chown=web:extra", USERS, CP = { "sub" }, .destination = "/d16/y",
          .chown = "web:extra",
          .check =
              "for p in d16 d16/y d16/y/dir1 d16/y/dir1/dir2; do is $p 'd 755 1001:2000'; done\n"
              "is d16/y/dir1/dir2/foo '- 644 1001:2000'" },
        { "13 --chown=77", CP = { "foo" }, .destination = "/d17", .chown = "77",
          .check = "is d17 '- 4755 77:77'" },
        { "14 WORKDIR /w, COPY foo .", CP = { "foo" }, .destination = "/w/",
          .check = "is w/foo '- 4755 0:0'" },
        { "14 WORKDIR /w, COPY foo rel/", CP = { "foo" }, .destination = "/w/rel/",
          .check = "is w/rel/foo '- 4755 0:0'" },
        { "15 COPY no* /x/", CP = { "no*" }, .destination = "/x/", .check = "none x" },
        { "16 COPY f g /x", CP = { "f", "g" }, .destination = "/x",
          .error = "When using COPY with more than one source file, the destination must be a "
                   "directory and end with a /" },
        { "16 but /x is a directory", "mkdir x", CP = { "f", "g" }, .destination = "/x",
          .check = "holds x/f f; holds x/g g" },
        { "16 COPY d r /x", CP = { "d", "r" }, .destination = "/x", .error = "more than one" },
        { "16 COPY [fg] /x", CP = { "[fg]" }, .destination = "/x", .error = "more than one" },
        { "17 COPY f g d /x/", CP = { "f", "g", "d" }, .destination = "/x/",
          .check = "holds x/f f; holds x/g g; holds x/e e; holds x/i/h h" },
        { "18 /x/f is a directory", "mkdir -p x/f", CP = { "f" }, .destination = "/x/",
          .error = "cannot replace to directory /x/f with file" },
        { "19 COPY d /x, a file", "touch x", CP = { "d" }, .destination = "/x",
          .error = "cannot copy to non-directory: /x" },
        { "20 COPY f /x/, a file", "touch x", CP = { "f" }, .destination = "/x/",
          .error = "mkdir /x: not a directory" },
        { "20 COPY f /x/y, x a file", "touch x", CP = { "f" }, .destination = "/x/y",
          .error = "mkdir /x: not a directory" },
        { "21 the final link is followed", "mkdir tgt; echo old >tgt/file; ln -s /tgt/file symf",
          CP = { "f" }, .destination = "/symf", .check = "holds tgt/file f; leads symf /tgt/file" },
        { "22 to a directory too", "mkdir -p tgt/real; ln -s /tgt/real sym", CP = { "r" },
          .destination = "/sym", .check = "holds tgt/real/lf lf; leads sym /tgt/real" },
        { "23 and where it dangles", "ln -s /nonexist/deep dang", CP = { "f" },
          .destination = "/dang",
          .check = "holds nonexist/deep f; is nonexist 'd 755 0:0'; leads dang /nonexist/deep" },
        { "24 an existing destination stays", "mkdir ex; chmod 711 ex; chown 9:9 ex", CP = { "r" },
          .destination = "/ex", .check = "is ex 'd 711 9:9'; holds ex/lf lf" },
        { "25 COPY d*/e /x", CP = { "d*/e" }, .destination = "/x", .check = "holds x e" },
        { "25 COPY */*/h /x", CP = { "*/*/h" }, .destination = "/x", .check = "holds x h" },
        { "26 COPY ./d/./e/../i/h /x", CP = { "./d/./e/../i/h" }, .destination = "/x",
          .check = "holds x h" },
        { "31 COPY testfile $empty", "mkdir w", CP = { "f" }, .destination = "/w/",
          .check = "holds w/f f" },
        { "32 --chmod=0", CP = { "foo" }, .destination = "/x", .chmod = "0",
          .check = "is x '- 0 0:0'" },
        { "33 a directory merges",
          "mkdir -p x/sub; echo old >x/sub/old; chmod 711 x/sub; chown 9:9 x/sub x\n"
          "chown 8:8 x/sub/old",
          CP = { "r" }, .destination = "/x",
          .check = "is x 'd 755 9:9'; is x/sub 'd 750 0:0'; is x/sub/old '- 644 8:8'\n"
                   "holds x/sub/new new" },
        { "34 a link to a directory", "mkdir x real; ln -s /real x/sub", CP = { "r" },
          .destination = "/x", .error = "cannot copy to non-directory: /x/sub",
          .check = "none real/new" },
        { "35 a link to a file", "mkdir x; echo t >tgt; ln -s /tgt x/lf", CP = { "r" },
          .destination = "/x", .check = "is x/lf '- 644 0:0'; holds x/lf lf; holds tgt t" },
        { "38 COPY r/sub /x/lf, a file", "mkdir x; touch x/lf", CP = { "r/sub" },
          .destination = "/x/lf", .error = "cannot copy to non-directory: /x/lf" },
    };
    check_rows(*state, rows, COUNT(rows));
}

static void parts_of_trees_are_copied(void **state) {
    const struct row rows[] = {
        { "--exclude=i", CP = { "d" }, .destination = "/x", .excludes = { "i" },
          .check = "holds x/e e; none x/i" },
        { "--exclude of everything", CP = { "d" }, .destination = "/x", .excludes = { "**" },
          .check = "is x 'd 755 0:0'; [ -z \"$(ls -A x)\" ]" },
        { "but for one file, with its parents", CP = { "sub/" }, .destination = "/x",
          .excludes = { "**", "!dir1/dir2/foo" }, .chown = "3:4",
          .check = "holds x/dir1/dir2/foo deep; is x/dir1 'd 755 3:4'" },
        { "--exclude of a file result", CP = { "[fg]" }, .destination = "/x/", .excludes = { "g" },
          .check = "holds x/f f; none x/g" },
        { "--parents", CP = { "sub/dir1/dir2/foo" }, .destination = "/x", .is_parents = true,
          .check = "holds x/sub/dir1/dir2/foo deep; is x/sub 'd 700 0:0'; is x 'd 755 0:0'" },
        { "--parents with a pivot", CP = { "sub/./dir1/dir2" }, .destination = "/x/",
          .is_parents = true, .check = "holds x/dir1/dir2/foo deep; none x/sub" },
        { "--parents of two", CP = { "d/i/h", "d/e" }, .destination = "/x", .is_parents = true,
          .check = "holds x/d/i/h h; holds x/d/e e" },
        { "--parents of nothing", CP = { "no*/./x*" }, .destination = "/x/", .is_parents = true,
          .check = "is x 'd 755 0:0'; [ -z \"$(ls -A x)\" ]" },
        { "--parents over a file", "touch x", CP = { "d/e" }, .destination = "/x",
          .is_parents = true, .error = "mkdir /x: not a directory" },
    };
    check_rows(*state, rows, COUNT(rows));
}

static void archives_are_unpacked(void **state) {
#define UNPACKED                                                                                   \
    "holds a/one one; is a/one '- 644 7:8'; one a/one a/link; is a 'd 755 0:0'\n"                  \
    "is a/in 'd 2750 7:8'; holds a/in/two two; leads a/in/up ../one"
    const struct row rows[] = {
        { "27 ADD t.tar /a", .kind = FILE_ADD, .sources = { "t.tar" }, .destination = "/a",
          .check = UNPACKED },
        { "27 ADD t.tar.gz /a/", .kind = FILE_ADD, .sources = { "t.tar.gz" }, .destination = "/a/",
          .check = UNPACKED },
        { "27 bz2", .kind = FILE_ADD, .sources = { "t.tar.bz2" }, .destination = "/a",
          .check = UNPACKED },
        { "27 xz", .kind = FILE_ADD, .sources = { "t.tar.xz" }, .destination = "/a",
          .check = UNPACKED },
        { "28 gzip of text", .kind = FILE_ADD, .sources = { "p.txt.gz" }, .destination = "/a6",
          .check = "is a6 '- 644 0:0'" },
        { "28 empty", .kind = FILE_ADD, .sources = { "empty.tar" }, .destination = "/a7",
          .check = "is a7 '- 644 0:0'" },
        { "28 zeros", .kind = FILE_ADD, .sources = { "zero.tar" }, .destination = "/a8",
          .check = "is a8 '- 644 0:0'" },
        { "29 ADD [tu].tar /a", .kind = FILE_ADD, .sources = { "[tu].tar" }, .destination = "/a",
          .check = UNPACKED "; holds a/second second" },
        { "COPY does not unpack", CP = { "t.tar" }, .destination = "/a",
          .check = "is a '- 644 0:0'" },
        { "--chown is everybody's", .kind = FILE_ADD, .sources = { "t.tar" }, .destination = "/a/b",
          .chown = "3:4",
          .check = "is a 'd 755 3:4'; is a/b 'd 755 3:4'; is a/b/one '- 644 3:4'\n"
                   "is a/b/in 'd 2750 3:4'" },
        { "an existing destination stays", "mkdir a; chmod 711 a; chown 9:9 a", .kind = FILE_ADD,
          .sources = { "t.tar" }, .destination = "/a",
          .check = "is a 'd 711 9:9'; holds a/one one" },
        { "a file in the way", "touch a", .kind = FILE_ADD, .sources = { "t.tar" },
          .destination = "/a", .error = "mkdir /a: not a directory" },
        { "an archive and a file", .kind = FILE_ADD, .sources = { "t.tar", "f" },
          .destination = "/a", .error = "When using ADD with more than one" },
        { "both into a directory", .kind = FILE_ADD, .sources = { "t.tar", "f" },
          .destination = "/a/", .check = UNPACKED "; holds a/f f" },
        { "ADD of a directory", .kind = FILE_ADD, .sources = { "d" }, .destination = "/a",
          .check = "holds a/e e; holds a/i/h h" },
    };
    check_rows(*state, rows, COUNT(rows));
}

static void metadata_is_kept(void **state) {
    const struct row rows[] = {
        { "times", "mkdir x", CP = { "w" }, .destination = "/x",
          .check = "when x/w1 '2001-02-03 04:05:06.123456789'\n"
                   "when x/l '2002-02-03 04:05:06.500000000'\n"
                   "when x/d '2003-03-03 03:03:03.250000000'\n"
                   "when x '2004-04-04 04:04:04.000000000'" },
        { "time of a single file", CP = { "w/w1" }, .destination = "/x/",
          .check = "when x/w1 '2001-02-03 04:05:06.123456789'" },
        { "owners from a stage", CP = { "k" }, .destination = "/x", .is_from = true,
          .check = "is x 'd 755 0:0'; is x/owned '- 644 12:13'; is x/link 'l 777 14:15'" },
        { "specials from a stage", CP = { "k" }, .destination = "/x", .is_from = true,
          .check = "is x/fifo 'p 640 12:13'; is x/null 'c 644 0:0'\n"
                   "[ \"$(stat -c %t:%T x/null)\" = 1:3 ]; is x/socket '- 755 0:0'" },
        { "--chown from a stage", CP = { "k" }, .destination = "/x", .is_from = true,
          .chown = "1:2",
          .check = "for p in x/owned x/link x/fifo x; do [ \"$(stat -c %u:%g $p)\" = 1:2 ]; done" },
        { "--chown=:5", CP = { "f" }, .destination = "/x", .chown = ":5",
          .check = "is x '- 644 0:5'" },
        { "--chown of nobody known", USERS, CP = { "f" }, .destination = "/x", .chown = "nouser",
          .error = "user \"nouser\" not found in /etc/passwd" },
        { "octal --chmod", "mkdir p", CP = { "sub" }, .destination = "/p/a/b", .chmod = "770",
          .check = "is p 'd 755 0:0'; is p/a 'd 770 0:0'; is p/a/b 'd 770 0:0'\n"
                   "is p/a/b/dir1 'd 770 0:0'; is p/a/b/dir1/dir2/foo '- 770 0:0'" },
        { "all twelve bits", CP = { "f" }, .destination = "/a/f", .chmod = "7644",
          .check = "is a 'd 7644 0:0'; is a/f '- 7644 0:0'" },
        { "--chown and set-id bits", CP = { "foo" }, .destination = "/x", .chown = "5:6",
          .check = "is x '- 4755 5:6'" },
        { "symbolic --chmod", CP = { "sub" }, .destination = "/p/a", .chmod = "go=,u+s",
          .check = "is p 'd 755 0:0'; is p/a 'd 755 0:0'; is p/a/dir1 'd 4700 0:0'\n"
                   "is p/a/dir1/dir2/foo '- 4600 0:0'" },
        { "bad --chmod", CP = { "f" }, .destination = "/x", .chmod = "64a",
          .error = "invalid chmod parameter: '64a'", .check = "none x" },
        { "links keep their mode", CP = { "w" }, .destination = "/x", .chmod = "600",
          .check = "is x/l 'l 777 0:0'; leads x/l w1" },
        { "a set-group-id directory around", "mkdir x; chown 0:9 x; chmod 2755 x", CP = { "d" },
          .destination = "/x",
          .check = "is x 'd 2755 0:9'; is x/e '- 644 0:0'; is x/i 'd 755 0:0'" },
        { "replacing one of several names", "mkdir x; echo old >x/e; ln x/e other", CP = { "d" },
          .destination = "/x", .check = "holds x/e e; holds other old" },
    };
    check_rows(*state, rows, COUNT(rows));
}

static void destinations_are_inside(void **state) {
    struct fixture *fixture = *state;
    char *leave = printf_path("ln -s %s/outside dst; ln -s ../../../../../../%s/outside up\n"
                              "mkdir -p a/b; ln -s ../../../.. a/b/top",
                              fixture->base, fixture->base + 1);
    char *inside = printf_path("holds .%s/outside/f f; [ -z \"$(ls -A %s/outside)\" ]",
                               fixture->base, fixture->base);
    const struct row rows[] = {
        { "an absolute link", leave, CP = { "f" }, .destination = "/dst/", .check = inside },
        { "an absolute link as parent", leave, CP = { "f" }, .destination = "/dst/f",
          .check = inside },
        { "a chain of ..", leave, CP = { "f" }, .destination = "/up/", .check = inside },
        { ".. stops at the root", leave, CP = { "f" }, .destination = "/a/b/top/x/",
          .check = "holds x/f f" },
        { "the root through a link", leave, CP = { "f" }, .destination = "/a/b/top",
          .check = "holds f f" },
        { "the root", CP = { "f" }, .destination = "/", .check = "holds f f" },
        { "with /.", CP = { "f" }, .destination = "/x/.", .check = "holds x/f f" },
        { "a loop", "ln -s b a; ln -s a b", CP = { "f" }, .destination = "/a",
          .error = "too many levels of symbolic links" },
        { "many links",
          "ln -s end l0; i=0; while [ $i -lt 254 ]; do\n"
          "ln -s l$i l$((i + 1)); i=$((i + 1)); done",
          CP = { "f" }, .destination = "/l254", .check = "holds end f" },
        { "too many links",
          "ln -s end l0; i=0; while [ $i -lt 255 ]; do\n"
          "ln -s l$i l$((i + 1)); i=$((i + 1)); done",
          CP = { "f" }, .destination = "/l255", .error = "too many levels of symbolic links" },
        { "links in links", "mkdir -p r/s; ln -s /r/s/t q; ln -s ../u r/s/t", CP = { "f" },
          .destination = "/q/v/", .check = "holds r/u/v/f f" },
        { "a name too long", CP = { "f" },
          .destination =
              "/"
              "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
              "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
              "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
              "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
          .error = "File name too long" },
        { "a device in the way", "mknod x c 1 3", CP = { "f" }, .destination = "/x",
          .check = "holds x f; is x '- 644 0:0'" },
        { "a fifo in the way", "mkdir x; mkfifo x/e", CP = { "d" }, .destination = "/x",
          .check = "holds x/e e" },
        { "an unpacked archive, too", leave, .kind = FILE_ADD, .sources = { "u.tar" },
          .destination = "/dst", .check = "holds .$(readlink dst)/second second" },
    };
    check_rows(fixture, rows, COUNT(rows));
    free(leave);
    free(inside);
}

static void links_make_real_directories(void **state) {
    const struct row rows[] = {
        { "a link on the way", "mkdir real; ln -s /real x", CP = { "f" }, .destination = "/x/y/",
          .is_link = true, .check = "is x 'd 755 0:0'; holds x/y/f f; none real/y" },
        { "a file on the way", "touch x", CP = { "f" }, .destination = "/x/", .is_link = true,
          .check = "holds x/f f" },
        { "directories stay", "mkdir x; touch x/old; chmod 711 x", CP = { "d" },
          .destination = "/x/", .is_link = true,
          .check = "[ -e x/old ]; holds x/e e; is x 'd 755 0:0'" },
        { "a final link is replaced", "echo t >t; ln -s t x", CP = { "f" }, .destination = "/x",
          .is_link = true, .check = "is x '- 644 0:0'; holds x f; holds t t" },
        { "a file hides a directory", "mkdir -p x/y", CP = { "f" }, .destination = "/x",
          .is_link = true, .check = "holds x f" },
        { "inside a tree", "mkdir -p x real/e; ln -s ../real x/i", CP = { "d" },
          .destination = "/x/", .is_link = true,
          .check = "is x/i 'd 755 0:0'; holds x/i/h h; none real/h" },
        { "owner of the way", "mkdir x", CP = { "f" }, .destination = "/x/y", .is_link = true,
          .chown = "3:4", .check = "is x 'd 755 3:4'; is x/y '- 644 3:4'" },
    };
    check_rows(*state, rows, COUNT(rows));
}

static void heredocs_become_files(void **state) {
#define ONE                                                                                        \
    { STR("one"), STR("1\n") }
#define TWO                                                                                        \
    { STR("two"), STR("2\n") }
    const struct row rows[] = {
        { "into a directory", CP = { NULL }, .destination = "/x/", .inline_files = { ONE, TWO },
          .check = "is x/one '- 644 0:0'; holds x/one 1; holds x/two 2" },
        { "to a file", CP = { NULL }, .destination = "/x/y", .inline_files = { ONE },
          .check = "is x 'd 755 0:0'; holds x/y 1" },
        { "two to a file", CP = { NULL }, .destination = "/x", .inline_files = { ONE, TWO },
          .error = "more than one" },
        { "with paths", CP = { "f" }, .destination = "/x/", .inline_files = { ONE },
          .check = "holds x/f f; holds x/one 1" },
        { "with owner and mode", CP = { NULL }, .destination = "/x/y", .inline_files = { ONE },
          .chown = "3:4", .chmod = "4711", .check = "is x 'd 4711 3:4'; is x/y '- 4711 3:4'" },
        { "from a stage", CP = { "k/owned" }, .destination = "/x/", .is_from = true,
          .inline_files = { ONE }, .check = "is x/one '- 644 0:0'; is x/owned '- 644 12:13'" },
        { "over a link", "mkdir x; ln -s /t x/one", CP = { NULL }, .destination = "/x",
          .inline_files = { ONE }, .check = "holds x/one 1; none t" },
        { "a name that is none", CP = { NULL }, .destination = "/x/",
          .inline_files = { { STR("a/b"), STR("1") } }, .error = "cannot be a file name" },
        { "nor ..", CP = { NULL }, .destination = "/x/",
          .inline_files = { { STR(".."), STR("1") } }, .error = "cannot be a file name" },
        { "empty", CP = { NULL }, .destination = "/x", .inline_files = { { STR("e"), STR("") } },
          .check = "is x '- 644 0:0'; [ ! -s x ]" },
    };
    check_rows(*state, rows, COUNT(rows));
}

static void workdir_makes_directories(void **state) {
#define WD .kind = FILE_DIRECTORY, .destination
    const struct row rows[] = {
        { "as root", WD = "/a/b", .check = "is a 'd 755 0:0'; is a/b 'd 755 0:0'" },
        { "USER web", USERS, WD = "/a/b", .chown = "web",
          .check = "is a 'd 755 1001:1002'; is a/b 'd 755 1001:1002'" },
        { "USER 55", WD = "/a", .chown = "55", .check = "is a 'd 755 55:55'" },
        { "USER 1001", USERS, WD = "/a", .chown = "1001", .check = "is a 'd 755 1001:1001'" },
        { "USER 1001:2000", USERS, WD = "/a", .chown = "1001:2000",
          .check = "is a 'd 755 1001:2000'" },
        { "USER web:root", USERS "echo root:x:0: >>etc/group", WD = "/a", .chown = "web:root",
          .check = "is a 'd 755 1001:0'" },
        { "USER unknown", USERS, WD = "/a", .chown = "nobody", .check = "is a 'd 755 0:0'" },
        { "what exists stays", "mkdir a; chmod 711 a; chown 9:9 a", WD = "/a/b", .chown = "55",
          .check = "is a 'd 711 9:9'; is a/b 'd 755 55:55'" },
        { "through a dangling link", "ln -s /nonex home", WD = "/home/z",
          .check = "is nonex/z 'd 755 0:0'; leads home /nonex" },
        { "a file in the way", "touch a", WD = "/a", .error = "mkdir /a: not a directory" },
        { "on the way", "touch a", WD = "/a/b", .error = "mkdir /a: not a directory" },
        { "the root", WD = "/", .check = ":" },
    };
    check_rows(*state, rows, COUNT(rows));
}

/* ---- what needs more than a row ---- */

static int copy_with(struct fixture *fixture, const struct row *row, struct plan *plan,
                     const char *check, struct error *error) {
    struct root root;
    assert_true(root_open(fixture, false, row->setup, &root));
    int result = run_step(fixture, row, root.fd, plan, error);
    assert_int_equal(shell(root.path, check), 0);
    root_close(&root);
    return result;
}

static void made_directories_take_the_timestamp(void **state) {
    struct plan plan = { .has_timestamp = true, .timestamp = 1000000000123456789 };
    const char *const stamp = "2001-09-09 01:46:40.123456789";
    const struct {
        struct row row;
        const char *check;
    } rows[] = {
        { { .setup = "mkdir a", CP = { "w/w1" }, .destination = "/a/b/c/" },
          "when a/b \"$stamp\"; when a/b/c \"$stamp\"; [ a -nt foo ]\n"
          "when a/b/c/w1 '2001-02-03 04:05:06.123456789'" },
        { { CP = { "w" }, .destination = "/a/b" },
          "when a \"$stamp\"; when a/b '2004-04-04 04:04:04.000000000'" },
        { { CP = { NULL }, .destination = "/a/b", .inline_files = { ONE } },
          "when a \"$stamp\"; when a/b \"$stamp\"" },
        { { WD = "/a/b" }, "when a \"$stamp\"; when a/b \"$stamp\"" },
        { { .kind = FILE_ADD, .sources = { "u.tar" }, .destination = "/a/b" },
          "when a \"$stamp\"; when a/b \"$stamp\"" },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *check = printf_path("export TZ=UTC; stamp='%s'; touch -d 2010-01-01 foo; %s", stamp,
                                  rows[i].check);
        _cleanup_error_ struct error error = ERROR_INIT;
        assert_int_equal(copy_with(*state, &rows[i].row, &plan, check, &error), 0);
        free(check);
    }
}

static void a_cancelled_step_ends(void **state) {
    struct fixture *fixture = *state;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct plan plan = { .has_timestamp = false };
    atomic_bool is_cancelled = true;
    struct store store = { .root_fd = -1 };
    struct work work = { .store = &store, .plan = &plan, .is_cancelled = &is_cancelled };
    struct str source = STR("r");
    struct step step = { .kind = STEP_FILE,
                         .file = { .kind = FILE_COPY, .destination = STR("/x") } };
    step.file.selection.sources = &source;
    step.file.selection.source_count = 1;
    struct root root;
    assert_true(root_open(fixture, false, NULL, &root));
    struct rootfs rootfs = { .fd = root.fd };
    assert_int_equal(file_step_run(&work, &step, &rootfs, &fixture->context, NULL, &error), -1);
    assert_int_equal(error.code, ERROR_INTERRUPTED);
    assert_int_equal(shell(root.path, "none x"), 0);
    root_close(&root);
}

static void an_error_shows_the_instruction(void **state) {
    _cleanup_error_ struct error error = ERROR_INIT;
    struct dockerfile dockerfile = { .name = "Dockerfile", .source = STR("FROM a\nCOPY d /x\n") };
    struct plan plan = { .dockerfile = &dockerfile };
    struct instruction instruction = { .span = { 7, 16 } };
    struct row row = { .setup = "touch x", CP = { "d" }, .destination = "/x" };
    row.instruction = &instruction;
    assert_int_equal(copy_with(*state, &row, &plan, ":", &error), -1);
    _cleanup_buf_ struct buf text = BUF_INIT;
    error_print(&text, &error, false);
    assert_non_null(strstr(text.data, "Dockerfile:2:1"));
    assert_non_null(strstr(text.data, "COPY d /x"));
    assert_non_null(strstr(text.data, "hint:"));
}

static void a_full_disk_says_so(void **state) {
    struct fixture *fixture = *state;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct plan plan = { .has_timestamp = false };
    char *path = printf_path("%s/small", fixture->base);
    assert_int_equal(mkdir(path, 0755), 0);
    if (mount("tmpfs", path, "tmpfs", 0, "size=64k") < 0) {
        free(path);
        skip();
    }
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    const struct row row = { CP = { "." }, .destination = "/x" };
    int result = run_step(fixture, &row, fd, &plan, &error);
    close(fd);
    assert_int_equal(umount2(path, MNT_DETACH), 0);
    free(path);
    assert_int_equal(result, -1);
    assert_non_null(strstr(error.message, "No space left on device"));
    assert_non_null(strstr(error.hint, "disk is full"));
}

/* ---- set-up ---- */

static struct tree tree_open(const char *base, const char *name, const char *script) {
    char *path = printf_path("%s/%s", base, name);
    assert_int_equal(mkdir(path, 0755), 0);
    assert_int_equal(shell(path, script), 0);
    struct tree tree = { .fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .name = name };
    assert_true(tree.fd >= 0);
    free(path);
    return tree;
}

static void make_socket(int directory) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/k/socket", directory);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    mode_t mask = umask(022);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    umask(mask);
    close(fd);
}

static int set_up(void **state) {
    static struct fixture fixture;
    char name[] = "/tmp/bud-file-XXXXXX";
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
        return -1;
    }
    assert_non_null(mkdtemp(name));
    fixture.base = printf_path("%s", name);
    fixture.context = tree_open(name, "context", CONTEXT);
    fixture.context.is_context = true;
    fixture.stage = tree_open(name, "stage", STAGE);
    make_socket(fixture.stage.fd);
    close(tree_open(name, "outside", ":").fd);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    close(fixture->context.fd);
    close(fixture->stage.fd);
    int result = fs_remove_tree(AT_FDCWD, fixture->base, NULL);
    free(fixture->base);
    return result;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_go_where_the_examples_say),
        cmocka_unit_test(parts_of_trees_are_copied),
        cmocka_unit_test(archives_are_unpacked),
        cmocka_unit_test(metadata_is_kept),
        cmocka_unit_test(destinations_are_inside),
        cmocka_unit_test(links_make_real_directories),
        cmocka_unit_test(heredocs_become_files),
        cmocka_unit_test(workdir_makes_directories),
        cmocka_unit_test(made_directories_take_the_timestamp),
        cmocka_unit_test(a_cancelled_step_ends),
        cmocka_unit_test(an_error_shows_the_instruction),
        cmocka_unit_test(a_full_disk_says_so),
    };
    if (geteuid() != 0) {
        puts("skipped: owners, devices and mounts need root");
        return 0;
    }
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
