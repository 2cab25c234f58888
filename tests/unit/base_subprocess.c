/* Programs: what they inherit, how they end, and that nothing of them is left when bud is killed. */
#include "base/fs.h"
#include "base/json.h"
#include "base/subprocess.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NO_FDS .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1

/* Runs a shell script; its status. */
static int run_script(const char *script, bool is_contained, struct buf *out, struct buf *err) {
    const char *const argv[] = { "sh", "-c", script, NULL };
    struct subprocess_options options = { .argv = argv, NO_FDS, .is_contained = is_contained };
    _cleanup_error_ struct error error = ERROR_INIT;
    int status = -1;
    int result = subprocess_run(&options, out, err, 100000, &status, &error);
    if (result < 0) {
        print_message("%s\n", error.message);
    }
    assert_int_equal(result, 0);
    return status;
}

static bool can_contain(void) {
    _cleanup_buf_ struct buf out = BUF_INIT;
    run_script("exec readlink /proc/self", true, &out, NULL);
    return str_equal(buf_str(&out), STR("2\n"));
}

static void the_status_is_the_programs(void **state) {
    (void)state;
    const struct {
        const char *script;
        int status;
    } rows[] = {
        { "exit 0", 0 },       { "exit 3", 3 },          { "exit 255", 255 },
        { "kill -9 $$", 137 }, { "kill -TERM $$", 143 }, { "(exit 7) & sleep 0.01; exit 4", 4 },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(run_script(rows[i].script, false, NULL, NULL), rows[i].status);
        assert_int_equal(run_script(rows[i].script, true, NULL, NULL), rows[i].status);
    }
}

static void what_cannot_run_says_why(void **state) {
    (void)state;
    char script[] = "/tmp/bud-script-XXXXXX";
    int fd = mkstemp(script);
    assert_int_equal(write(fd, "#!/no/such/interpreter\n", 23), 23);
    fchmod(fd, 0755);
    close(fd);
    const struct {
        const char *program;
        const char *directory;
        enum error_code code;
        int number;
        const char *message;
    } rows[] = {
        { "no-such-program", NULL, ERROR_NOT_FOUND, 0, "no-such-program is not installed" },
        { "/no/such/program", NULL, ERROR_NOT_FOUND, 0, "/no/such/program" },
        { "/etc/passwd", NULL, ERROR_SYSTEM, EACCES, "Permission denied" },
        { "true", "/no/such/place", ERROR_SYSTEM, ENOENT, "in directory /no/such/place" },
        { script, NULL, ERROR_NOT_FOUND, 0, "interpreter" },
    };
    for (size_t i = 0; i < 2 * COUNT(rows); i++) {
        _cleanup_error_ struct error error = ERROR_INIT;
        const char *const argv[] = { rows[i / 2].program, NULL };
        struct subprocess_options options = {
            .argv = argv, NO_FDS, .directory = rows[i / 2].directory, .is_contained = i % 2
        };
        pid_t pid;
        assert_int_equal(subprocess_start(&options, &pid, &error), -1);
        assert_int_equal(error.code, rows[i / 2].code);
        assert_int_equal(error.number, rows[i / 2].number);
        assert_non_null(strstr(error.message, rows[i / 2].message));
    }
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no zombies */
    unlink(script);
}

static void only_three_descriptors_are_inherited(void **state) {
    (void)state;
    int leaked = dup(0); /* without close-on-exec */
    for (int contained = 0; contained < 2; contained++) {
        _cleanup_buf_ struct buf out = BUF_INIT;
        run_script("cd /proc/self/fd && echo *", contained, &out, NULL);
        /* The shell itself opens one to list. */
        assert_string_equal(buf_str(&out).data, "0 1 2 3\n");
    }
    close(leaked);
}

static void descriptors_may_be_each_others_targets(void **state) {
    (void)state;
    _cleanup_buf_ struct buf result = BUF_INIT;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        /* Standard output is a file at 0, standard input /dev/zero at 2, standard error nowhere. */
        const char *const argv[] = { "sh", "-c", "head -c 3 | tr '\\0' x; echo lost >&2", NULL };
        dup2(ends[1], 0);
        close(1);
        int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
        dup2(zero, 2);
        close(zero);
        struct subprocess_options options = {
            .argv = argv, .stdin_fd = 2, .stdout_fd = 0, .stderr_fd = -1
        };
        pid_t child;
        int status = 99;
        if (subprocess_start(&options, &child, NULL) == 0) {
            subprocess_wait(child, &status, NULL);
        }
        _exit(status);
    }
    close(ends[1]);
    int status;
    assert_int_equal(subprocess_wait(pid, &status, NULL), 0);
    assert_int_equal(status, 0);
    assert_int_equal(fs_read_fd(ends[0], "pipe", 100, &result, NULL), 0);
    assert_string_equal(result.data, "xxx");
    close(ends[0]);
}

static void signals_are_as_new(void **state) {
    (void)state;
    sigset_t mask;
    sigset_t old;
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigprocmask(SIG_BLOCK, &mask, &old);
    signal(SIGPIPE, SIG_IGN);
    for (int contained = 0; contained < 2; contained++) {
        _cleanup_buf_ struct buf out = BUF_INIT;
        run_script("exec grep -E 'Sig(Blk|Ign)' /proc/self/status", contained, &out, NULL);
        assert_string_equal(out.data, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
    }
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

static void environment_and_directory_are_as_asked(void **state) {
    (void)state;
    const char *const argv[] = { "env", NULL };
    const char *const where[] = { "pwd", NULL };
    const char *const envp[] = { "A=1", NULL };
    _cleanup_buf_ struct buf out = BUF_INIT;
    int status;
    struct subprocess_options options = { .argv = argv, .envp = envp, NO_FDS };
    assert_int_equal(subprocess_run(&options, &out, NULL, 100, &status, NULL), 0);
    assert_string_equal(out.data, "A=1\n");
    options = (struct subprocess_options){ .argv = where, NO_FDS, .directory = "/usr" };
    buf_reset(&out);
    assert_int_equal(subprocess_run(&options, &out, NULL, 100, &status, NULL), 0);
    assert_string_equal(out.data, "/usr\n");
}

static void output_is_captured_up_to_the_limit(void **state) {
    (void)state;
    _cleanup_buf_ struct buf out = BUF_INIT;
    _cleanup_buf_ struct buf err = BUF_INIT;
    buf_append_c(&out, "before");
    int status = run_script("head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2; echo end >&2; "
                            "exit 5",
                            false, &out, &err);
    assert_int_equal(status, 5);
    assert_int_equal(out.len, 100006);
    assert_int_equal(err.len, 100000);
    assert_memory_equal(out.data, "before", 6);
}

static void what_stays_behind_is_not_waited_for(void **state) {
    (void)state;
    _cleanup_buf_ struct buf out = BUF_INIT;
    run_script("sleep 600 & echo $!", false, &out, NULL);
    uint64_t pid;
    assert_true(str_parse_uint(str_trim(buf_str(&out)), 10, INT32_MAX, &pid));
    assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
}

/* True when the pipe is closed by everybody within seconds. */
static bool is_closed_soon(int fd) {
    struct pollfd polled = { .fd = fd, .events = POLLIN };
    char bytes[1000];
    while (poll(&polled, 1, 10000) == 1) {
        if (read(fd, bytes, sizeof(bytes)) == 0) {
            return true;
        }
    }
    return false;
}

/* A process that runs ARGV contained, its output in a pipe, and waits. Returns when the program wrote a byte;
 * *fd is the pipe, which stays open as long as anything of the program lives. */
static pid_t start_caller(const char *const *argv, int *fd) {
    int ends[2];
    char byte;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t caller = fork();
    if (caller == 0) {
        struct subprocess_options options = {
            .argv = argv, .stdin_fd = -1, .stdout_fd = ends[1], .stderr_fd = 2, .is_contained = true
        };
        pid_t pid;
        int status = 99;
        if (subprocess_start(&options, &pid, NULL) == 0) {
            close(ends[1]);
            subprocess_wait(pid, &status, NULL);
        }
        _exit(status);
    }
    close(ends[1]);
    *fd = ends[0];
    assert_int_equal(read(ends[0], &byte, 1), 1);
    return caller;
}

static void daemons_die_with_a_killed_caller(void **state) {
    (void)state;
    if (!can_contain()) {
        skip();
    }
    const char *const argv[] = {
        "sh", "-c", "setsid sh -c 'trap \"\" TERM HUP; echo x; sleep 600; sleep 600' & sleep 600",
        NULL
    };
    int fd;
    pid_t caller = start_caller(argv, &fd);
    kill(caller, SIGKILL);
    waitpid(caller, NULL, 0);
    assert_true(is_closed_soon(fd));
    close(fd);
}

static void daemons_die_with_their_program(void **state) {
    (void)state;
    if (!can_contain()) {
        skip();
    }
    const char *const argv[] = { "sh", "-c", "setsid sleep 600 & echo x; exit 6", NULL };
    int fd;
    int status;
    pid_t caller = start_caller(argv, &fd);
    assert_int_equal(subprocess_wait(caller, &status, NULL), 0);
    assert_int_equal(status, 6);
    assert_true(is_closed_soon(fd));
    close(fd);
}

static void signals_reach_a_contained_program(void **state) {
    (void)state;
    const char *const argv[] = { "sh", "-c",
                                 "trap 'exit 9' TERM; echo x; while :; do sleep 0.05; done", NULL };
    int ends[2];
    int status;
    char byte;
    pid_t pid;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct subprocess_options options = {
        .argv = argv, .stdin_fd = -1, .stdout_fd = ends[1], .stderr_fd = -1, .is_contained = true
    };
    assert_int_equal(subprocess_start(&options, &pid, NULL), 0);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(getpgid(pid), pid);
    kill(pid, SIGTERM);
    assert_int_equal(subprocess_wait(pid, &status, NULL), 0);
    assert_int_equal(status, 9);
    close(ends[0]);
    close(ends[1]);
}

static void mounts_inside_stay_inside(void **state) {
    (void)state;
    if (!can_contain()) {
        skip();
    }
    _cleanup_buf_ struct buf out = BUF_INIT;
    run_script("mount -t tmpfs bud-inside /mnt && grep -c bud-inside /proc/mounts", true, &out,
               NULL);
    assert_string_equal(buf_str(&out).data, "1\n");
    run_script("grep -c bud-inside /proc/mounts", false, &out, NULL);
    assert_string_equal(buf_str(&out).data, "1\n0\n");
}

static void a_refused_namespace_is_no_obstacle(void **state) {
    (void)state;
    if (geteuid() != 0) {
        skip();
    }
    pid_t pid = fork();
    if (pid == 0) {
        const char *const argv[] = { "sh", "-c", "exit 8", NULL };
        struct subprocess_options options = { .argv = argv, NO_FDS, .is_contained = true };
        int status = 99;
        if (setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0) {
            subprocess_run(&options, NULL, NULL, 0, &status, NULL);
        }
        _exit(status);
    }
    int status;
    assert_int_equal(subprocess_wait(pid, &status, NULL), 0);
    assert_int_equal(status, 8);
}

/* A bundle that runs SCRIPT in busybox; false when runc or busybox is not there. */
static bool make_bundle(const char *path, const char *script) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    const char *const spec[] = { "runc", "spec", NULL };
    struct subprocess_options options = { .argv = spec, NO_FDS, .directory = path };
    int status;
    const char *busybox = subprocess_find(&arena, "busybox");
    if (geteuid() != 0 || !busybox || !subprocess_find(&arena, "runc") ||
        subprocess_run(&options, NULL, NULL, 0, &status, NULL) < 0 || status != 0) {
        return false;
    }
    _cleanup_fd_ int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_buf_ struct buf program = BUF_INIT;
    _cleanup_buf_ struct buf text = BUF_INIT;
    assert_int_equal(fs_make_directories(directory, "rootfs/bin", 0755, NULL), 0);
    assert_int_equal(fs_read_file(AT_FDCWD, busybox, 1 << 24, &program, NULL), 0);
    assert_int_equal(fs_write_atomic(directory, "rootfs/bin/busybox", program.data, program.len,
                                     0755, FS_NO_SYNC, NULL),
                     0);
    assert_int_equal(fs_read_file(directory, "config.json", 1 << 20, &text, NULL), 0);
    _cleanup_json_ json_t *config = json_parse(buf_str(&text), "config.json", NULL);
    json_t *process = json_object_get(config, "process");
    json_object_set_new(process, "terminal", json_false());
    json_object_set_new(process, "args",
                        json_pack("[s,s,s,s]", "/bin/busybox", "sh", "-c", script));
    buf_reset(&text);
    json_write(&text, config);
    assert_int_equal(
        fs_write_atomic(directory, "config.json", text.data, text.len, 0644, FS_NO_SYNC, NULL), 0);
    return true;
}

static void runc_works_inside_and_dies_with_a_killed_caller(void **state) {
    (void)state;
    char path[] = "/tmp/bud-bundle-XXXXXX";
    assert_non_null(mkdtemp(path));
    _cleanup_free_ char *root = xasprintf("%s/state", path);
    const char *const argv[] = { "runc", "--root", root, "run", "-b", path, "bud-test", NULL };
    if (!can_contain() || !make_bundle(path, "echo hello; exit 3")) {
        fs_remove_tree(AT_FDCWD, path, NULL);
        skip();
    }
    int fd;
    int status;
    pid_t caller = start_caller(argv, &fd);
    assert_int_equal(subprocess_wait(caller, &status, NULL), 0);
    assert_int_equal(status, 3);
    close(fd);

    _cleanup_free_ char *spec = xasprintf("%s/config.json", path);
    unlink(spec);
    assert_true(make_bundle(path, "busybox setsid busybox sleep 600 & echo x; busybox sleep 600"));
    caller = start_caller(argv, &fd);
    kill(caller, SIGKILL);
    waitpid(caller, NULL, 0);
    assert_true(is_closed_soon(fd));
    close(fd);
    /* runc's state and cgroups are left behind. Never with --force: the number the state has for the container's
     * process is one of the namespace that is gone, and somebody else's outside. */
    const char *const delete[] = { "runc", "--root", root, "delete", "bud-test", NULL };
    struct subprocess_options options = { .argv = delete, NO_FDS };
    assert_int_equal(subprocess_run(&options, NULL, NULL, 0, &status, NULL), 0);
    assert_int_equal(status, 0);
    assert_int_equal(fs_remove_tree(AT_FDCWD, path, NULL), 0);
}

static void programs_are_found_in_absolute_directories_only(void **state) {
    (void)state;
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_free_ char *old = xstrdup(getenv("PATH"));
    const struct {
        const char *path;
        const char *name;
        const char *found;
    } rows[] = {
        { "/nowhere:/bin", "sh", "/bin/sh" },
        { "bin::.", "sh", NULL },
        { "/bin", "", NULL },
        { "/", "bin", NULL },
        { "/etc", "passwd", NULL },
        { "", "/bin/sh", "/bin/sh" },
    };
    assert_int_equal(chdir("/"), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        setenv("PATH", rows[i].path, 1);
        const char *found = subprocess_find(&arena, rows[i].name);
        assert_int_equal(found != NULL, rows[i].found != NULL);
        if (found) {
            assert_string_equal(found, rows[i].found);
        }
    }
    setenv("PATH", old, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_status_is_the_programs),
        cmocka_unit_test(what_cannot_run_says_why),
        cmocka_unit_test(only_three_descriptors_are_inherited),
        cmocka_unit_test(descriptors_may_be_each_others_targets),
        cmocka_unit_test(signals_are_as_new),
        cmocka_unit_test(environment_and_directory_are_as_asked),
        cmocka_unit_test(output_is_captured_up_to_the_limit),
        cmocka_unit_test(what_stays_behind_is_not_waited_for),
        cmocka_unit_test(daemons_die_with_a_killed_caller),
        cmocka_unit_test(daemons_die_with_their_program),
        cmocka_unit_test(signals_reach_a_contained_program),
        cmocka_unit_test(mounts_inside_stay_inside),
        cmocka_unit_test(a_refused_namespace_is_no_obstacle),
        cmocka_unit_test(runc_works_inside_and_dies_with_a_killed_caller),
        cmocka_unit_test(programs_are_found_in_absolute_directories_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
