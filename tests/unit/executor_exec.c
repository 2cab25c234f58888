/* RUN from a step to what is left in the layer, on a root file system of busybox, with the runtime for real. */
#include "base/fs.h"
#include "base/time.h"
#include "executor/context_copy.h"
#include "executor/runtime.h"
#include "executor/work.h"
#include "store/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct fixture {
    char directory[64];
    struct store *store;
    struct build *build;
    char *base; /* the image */
};

static int shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int shell(const char *format, ...) {
    char command[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(command, sizeof(command), format, arguments);
    va_end(arguments);
    return system(command);
}

/* ---- one RUN ---- */

struct row {
    const char *name;
    const char *command;    /* for /bin/sh -c; NULL: ARGV */
    const char *argv[4];    /* exec form */
    const char *image;      /* shell commands that change the image first, in its root */
    const char *user, *cwd; /* NULL: root, / */
    const char *script;     /* heredoc, mounted as /dev/pipes/EOF */
    enum network_mode network;
    const char *option; /* --security-opt, or "cap-add=X", "cap-drop=X", "ulimit=X", "add-host=X" */
    struct mount_plan mounts[2]; /* inputs: 0 is another image, 1 the context */
    bool is_scratch;             /* no layers below: the rootfs is the upper directory itself */
    const char *output;          /* what must be printed, exactly; NULL: not looked at */
    int status;                  /* 0, or the status ERROR_EXIT carries */
    const char *message;         /* part of the error */
    const char *hint;            /* part of the hint */
    const char *layer; /* what `find` lists in the layer, sorted, one a line; NULL: not looked at */
};

static const struct row rows[] = {
    { .name = "a true command leaves nothing", .command = "true", .output = "", .layer = "" },
    { .name = "standard input is at its end", .command = "cat", .output = "", .layer = "" },
    { .name = "no terminal", .command = "test ! -t 0 && test ! -t 1 && test ! -t 2" },
    { .name = "docker's capabilities",
      .command = "grep CapEff /proc/self/status; grep CapInh /proc/self/status",
      .output = "CapEff:\t00000000a80425fb\nCapInh:\t0000000000000000\n" },
    { .name = "a user keeps the bounding set only",
      .command = "grep -E 'Cap(Eff|Prm|Bnd|Amb)' /proc/self/status",
      .user = "web",
      .output = "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
                "CapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\n" },
    { .name = "capabilities added and dropped",
      .command = "grep CapBnd /proc/self/status",
      .option = "cap-drop=CAP_MKNOD",
      .output = "CapBnd:\t00000000a00425fb\n" },
    { .name = "seccomp filters",
      .command = "grep Seccomp: /proc/self/status",
      .output = "Seccomp:\t2\n" },
    { .name = "no seccomp when asked",
      .command = "grep Seccomp: /proc/self/status",
      .option = "seccomp=unconfined",
      .output = "Seccomp:\t0\n" },
    { .name = "new privileges by default",
      .command = "grep NoNewPrivs /proc/self/status",
      .output = "NoNewPrivs:\t0\n" },
    { .name = "no new privileges when asked",
      .command = "grep NoNewPrivs /proc/self/status",
      .option = "no-new-privileges",
      .output = "NoNewPrivs:\t1\n" },
    { .name = "the command is process 1",
      .command = "read name </proc/1/comm; echo $name",
      .output = "sh\n" },
    { .name = "signals are neither blocked nor ignored",
      .argv = { "grep", "-E", "Sig(Blk|Ign)", "/proc/self/status" },
      .output = "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n" },
    { .name = "devices",
      .command = "ls /dev",
      .output = "fd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\n"
                "urandom\nzero\n",
      .layer = "" },
    { .name = "descriptors", .command = "ls /proc/self/fd | tr '\\n' ' '", .output = "0 1 2 3 " },
    { .name = "/sys and /proc/sys are read-only",
      .command =
          "{ touch /sys/x || echo 1 >/proc/sys/kernel/hostname || echo refused; } 2>/dev/null",
      .output = "refused\n" },
    { .name = "masked", .command = "cat /proc/keys | wc -c", .output = "0\n" },
    { .name = "resolv.conf and hosts cannot be written",
      .command = "{ echo x >>/etc/resolv.conf || echo x >>/etc/hosts || echo no; } 2>/dev/null",
      .output = "no\n",
      .layer = "" },
    { .name = "hosts",
      .command = "cat /etc/hosts; hostname",
      .option = "add-host=mirror:192.0.2.7",
      .output = "127.0.0.1\tlocalhost buildsandbox\n::1\tlocalhost ip6-localhost ip6-loopback\n"
                "192.0.2.7\tmirror\nbuildsandbox\n" },
    { .name = "/run reaches the layer",
      .command = "mkdir -p /run; touch /run/x",
      .layer = "run\nrun/x\n" },
    { .name = "a file beside the mount points stays",
      .command = "touch /etc/x",
      .layer = "etc\netc/x\n" },
    { .name = "a deletion", .command = "rm /etc/motd", .layer = "etc\netc/motd\n" },
    { .name = "a change of the directory around the mount points stays",
      .command = "chmod 700 /etc",
      .layer = "etc\n" },
    { .name = "process 1 cannot kill itself",
      .command = "kill -9 $$; echo still here",
      .output = "still here\n" },
    { .name = "the exit status is the command's",
      .command = "echo bye; exit 7",
      .status = 7,
      .output = "bye\n",
      .message = "RUN echo bye; exit 7: exit status 7" },
    { .name = "exit status 1 is not the runtime's",
      .command = "exit 1",
      .status = 1,
      .message = "exit status 1" },
    { .name = "a signal",
      .command = "sh -c 'kill -9 $$'; exit $?",
      .status = 137,
      .message = "exit status 137 (killed by SIGKILL)" },
    { .name = "a program the shell does not find",
      .command = "nonesuch",
      .status = 127,
      .hint = "installed in the image" },
    { .name = "a program that is missing",
      .argv = { "/bin/nonesuch" },
      .status = 127,
      .output = "",
      .message = "cannot execute /bin/nonesuch" },
    { .name = "a program that is not in PATH",
      .argv = { "nonesuch", "x" },
      .status = 127,
      .output = "",
      .message = "cannot execute nonesuch" },
    { .name = "a program that is not executable",
      .argv = { "/etc/motd" },
      .status = 126,
      .output = "",
      .message = "cannot execute /etc/motd" },
    { .name = "a program without its interpreter",
      .image = "printf '#!/nonesuch\\n' >bin/script; chmod 755 bin/script",
      .argv = { "/bin/script" },
      .status = 127,
      .output = "",
      .message = "cannot execute /bin/script",
      .hint = "interpreter" },
    { .name = "a program of another format",
      .image = "echo junk >bin/junk; chmod 755 bin/junk",
      .argv = { "/bin/junk" },
      .status = 126,
      .output = "",
      .message = "cannot execute /bin/junk" },
    { .name = "no shell in the image",
      .image = "rm bin/sh",
      .command = "true",
      .status = 127,
      .output = "",
      .hint = "exec form" },
    { .name = "what looks like the runtime's words is passed on",
      .command = "echo 'exec /x: no such file or directory' >&2; sleep 0.1; echo out; exit 1",
      .status = 1,
      .output = "exec /x: no such file or directory\nout\n" },
    { .name = "only the loopback interface",
      .command = "ls /sys/class/net; ip -o addr show dev lo | grep -c 127.0.0.1",
      .network = NETWORK_NONE,
      .output = "lo\n1\n" },
    { .name = "umask", .command = "umask", .output = "0022\n" },
    { .name = "home and groups",
      .command = "echo $HOME; id -u; id -g; id -G",
      .user = "web",
      .output = "/home/web\n1001\n1002\n1002 2000\n" },
    { .name = "a number that passwd lists is that user",
      .command = "id -u; id -g; id -G",
      .user = "1001",
      .output = "1001\n1002\n1002 2000\n" },
    { .name = "an unknown user",
      .command = "true",
      .user = "nobody-here",
      .status = -1,
      .message = "unable to find user nobody-here: no matching entries in passwd file" },
    { .name = "the working directory is made, and the user's",
      .command = "pwd; stat -c '%u:%g %a' . ..",
      .user = "web",
      .cwd = "/srv/a/b",
      .output = "/srv/a/b\n1001:1002 755\n1001:1002 755\n",
      .layer = "srv\nsrv/a\nsrv/a/b\n" },
    { .name = "a working directory behind links",
      .image = "ln -s /var/elsewhere home2",
      .command = "pwd -P",
      .cwd = "/home2/x",
      .output = "/var/elsewhere/x\n" },
    { .name = "the working directory in a mount",
      .command = "pwd; touch here; stat -c %a .",
      .cwd = "/work/dir",
      .mounts = { { .type = MOUNT_TMPFS, .target = STR("/work/dir"), .input = SIZE_MAX } },
      .output = "/work/dir\n1777\n",
      .layer = "" },
    { .name = "a tmpfs and its mount point are gone",
      .command = "touch /new/deep/place/x; touch /etc/x",
      .mounts = { { .type = MOUNT_TMPFS, .target = STR("/new/deep/place"), .input = SIZE_MAX } },
      .layer = "etc\netc/x\n" },
    { .name = "a directory made for a mount point stays when it is used",
      .command = "touch /new/file",
      .mounts = { { .type = MOUNT_TMPFS, .target = STR("/new/deep/place"), .input = SIZE_MAX } },
      .layer = "new\nnew/file\n" },
    { .name = "a directory of another image",
      .command = "cat /x/etc/motd; touch /x/etc/motd 2>/dev/null || echo read-only",
      .mounts = { { .target = STR("/x"), .source = STR("/"), .is_readonly = true } },
      .output = "hello\nread-only\n",
      .layer = "" },
    { .name = "a file of another image, written to in vain",
      .command = "cat /new; echo more >>/new; cat /new",
      .mounts = { { .target = STR("/new"), .source = STR("/etc/motd") } },
      .output = "hello\nhello\nmore\n",
      .layer = "" },
    { .name = "a directory of another image, written to in vain",
      .command = "rm /x/motd; touch /x/y; ls /x",
      .mounts = { { .target = STR("/x"), .source = STR("/etc") } },
      .output = "group\npasswd\ny\n",
      .layer = "" },
    { .name = "what the other image does not have",
      .command = "true",
      .mounts = { { .target = STR("/x"), .source = STR("/nonesuch") } },
      .status = -1,
      .message = "not found in image other" },
    { .name = "the context, written to in vain",
      .command = "cat /x/a; stat -c %u:%g /x/a; touch /x/b; cat /y",
      .mounts = { { .target = STR("/x"), .source = STR("/"), .input = 1 },
                  { .target = STR("/y"), .source = STR("/sub/c"), .input = 1 } },
      .output = "A\n0:0\nC\n",
      .layer = "" },
    { .name = "a cache begins empty",
      .command = "ls -A /c; stat -c '%u:%g %a' /c; echo kept >/c/x",
      .mounts = { { .type = MOUNT_CACHE,
                    .target = STR("/c"),
                    .id = STR("one/../two"),
                    .mode = 0750,
                    .uid = 5,
                    .gid = 6,
                    .input = SIZE_MAX } },
      .output = "5:6 750\n",
      .layer = "" },
    { .name = "a cache keeps what it has",
      .command = "cat /c/x; cat /d/x",
      .mounts = { { .type = MOUNT_CACHE,
                    .target = STR("/c"),
                    .id = STR("one/../two"),
                    .sharing = SHARING_LOCKED,
                    .input = SIZE_MAX },
                  { .type = MOUNT_CACHE,
                    .target = STR("/d"),
                    .id = STR("one/../two"),
                    .sharing = SHARING_LOCKED,
                    .input = SIZE_MAX } },
      .output = "kept\nkept\n" },
    { .name = "a cache that begins with something",
      .command = "cat /c/motd",
      .mounts = { { .type = MOUNT_CACHE,
                    .target = STR("/c"),
                    .id = STR("three"),
                    .source = STR("/etc"),
                    .sharing = SHARING_PRIVATE } },
      .output = "hello\n" },
    { .name = "a directory of the host",
      .command = "cat /h/hostname >/dev/null && echo yes",
      .mounts = { { .is_host = true,
                    .target = STR("/h"),
                    .source = STR("/etc"),
                    .is_readonly = true } },
      .output = "yes\n",
      .layer = "" },
    { .name = "a directory the host does not have",
      .command = "true",
      .mounts = { { .is_host = true, .target = STR("/h"), .source = STR("/nonesuch") } },
      .status = -1,
      .message = "cannot mount /nonesuch" },
    { .name = "a script",
      .command = "/dev/pipes/EOF",
      .script = "#!/bin/sh\necho from $0\nexit 3\n",
      .output = "from /dev/pipes/EOF\n",
      .status = 3,
      .layer = "" },
    { .name = "limits",
      .command = "ulimit -n; ulimit -c",
      .option = "ulimit=nofile=123:456",
      .output = "123\n" },
    { .name = "an unlimited limit",
      .command = "ulimit -f",
      .option = "ulimit=fsize=-1",
      .output = "unlimited\n" },
    { .name = "resolv.conf is a dangling link",
      .image = "ln -s ../run/resolve/resolv.conf etc/resolv.conf",
      .command = "test -s /etc/resolv.conf; test ! -L /run/resolve/resolv.conf",
      .layer = "" },
    { .name = "resolv.conf is a link that leads out",
      .image = "ln -s /../../../../tmp/bud-escaped etc/resolv.conf",
      .command = "true",
      .layer = "" },
    { .name = "resolv.conf is there",
      .image = "echo own >etc/resolv.conf",
      .command = "grep own /etc/resolv.conf || true",
      .output = "",
      .layer = "" },
    { .name = "/etc is a link",
      .image = "mv etc conf; ln -s conf etc",
      .command = "true",
      .layer = "" },
    { .name = "/etc is a file",
      .image = "rm -r etc; touch etc",
      .command = "true",
      .status = -1,
      .message = "/etc" },
    { .name = "links in circles",
      .image = "rm -rf etc/hosts; ln -s hosts etc/hosts",
      .command = "true",
      .status = -1,
      .message = "circles" },
    { .name = "an image without any directory",
      .image = "rm -r etc proc dev sys; mkdir -m 1777 tmp",
      .command = "test -d /proc/self && test -s /etc/hosts",
      .layer = "" },
    { .name = "nothing below",
      .is_scratch = true,
      .command = "echo x >/y",
      .layer = "bin\nbin/busybox\nbin/sh\ny\n" },
    { .name = "unknown security option",
      .command = "true",
      .option = "systempaths=unconfined",
      .status = -1,
      .message = "systempaths=unconfined is not done yet" },
};

struct outcome {
    int status;
    struct error error;
    struct buf output;
    char *layer;
};

static struct str_list list_of(const char *const *items, struct str *memory, size_t limit) {
    struct str_list list = { .items = memory };
    for (; list.count < limit && items[list.count]; list.count++) {
        memory[list.count] = str_of(items[list.count]);
    }
    return list;
}

static void set_option(struct run_options *run, struct str option, struct str *memory) {
    struct str value = option;
    struct str name;
    str_split(&value, '=', &name);
    struct str_list one = { .items = memory, .count = 1 };
    *memory = value;
    if (str_equal(name, STR("cap-add"))) {
        run->cap_add = one;
    } else if (str_equal(name, STR("cap-drop"))) {
        run->cap_drop = one;
    } else if (str_equal(name, STR("ulimit"))) {
        run->ulimits = one;
    } else if (str_equal(name, STR("add-host"))) {
        run->add_hosts = one;
    } else {
        *memory = option;
        run->security_options = one;
    }
}

/* Output of the step as progress prints it, without its label. */
static void read_output(int fd, struct buf *out) {
    struct buf raw = BUF_INIT;
    assert_int_equal(fs_read_fd(fd, "output", 16 << 20, &raw, NULL), 0);
    struct str rest = buf_str(&raw);
    struct str line;
    while (rest.len && str_split(&rest, '\n', &line)) {
        size_t label = str_find(line, STR("] "));
        buf_append_str(out, label == SIZE_MAX ? line : str_from(line, label + 2));
        buf_append_byte(out, '\n');
    }
    buf_free(&raw);
}

static char *list_layer(const char *upper) {
    struct buf out = BUF_INIT;
    char *command =
        xasprintf("cd '%s' && find . -mindepth 1 | sed 's,^..,,' | LC_ALL=C sort", upper);
    FILE *pipe = popen(command, "r");
    char line[512];
    while (fgets(line, sizeof(line), pipe)) {
        buf_append_c(&out, line);
    }
    pclose(pipe);
    free(command);
    buf_append_c(&out, "");
    return buf_take(&out);
}

static struct outcome run_row(struct fixture *fixture, const struct row *row, atomic_bool *cancel) {
    struct outcome outcome = { .output = BUF_INIT, .error = ERROR_INIT };
    struct error error = ERROR_INIT;
    struct snapshot image;
    struct snapshot snapshot;
    struct str argv[4];
    struct str env[] = { STR(DEFAULT_PATH) };
    struct str option;
    const char *shell_argv[] = { "/bin/sh", "-c", row->command, NULL };
    struct stage stage = { .label = STR("stage-0") };
    struct stage *stages[] = { &stage };
    static const char source[] = "FROM x\nRUN y\n";
    struct dockerfile file = { .name = "Dockerfile", .source = STR("FROM x\nRUN y\n") };
    struct instruction instruction = { .span = { 7, sizeof(source) - 2 } };
    struct tree tree = { .fd = -1, .name = "context", .is_context = true };
    struct step_input inputs[] = { { .label = STR("image other") }, { .context = &tree } };
    struct rootfs roots[] = { ROOTFS_INIT, ROOTFS_INIT };
    char *context = xasprintf("%s/context", fixture->directory);
    struct step step = {
        .kind = STEP_EXEC,
        .stage = &stage,
        .number = 1,
        .instruction = &instruction,
        .exec = {
            .argv = list_of(row->command ? shell_argv : row->argv, argv, 4),
            .env = { .items = env, .count = 1 },
            .cwd = str_of(row->cwd ? row->cwd : "/"),
            .user = str_of(row->user),
            .network = row->network,
            .script = str_of(row->script),
            .script_name = STR("EOF"),
            .command = str_of(row->command ? row->command : row->argv[0]),
        },
    };
    struct step *steps[] = { &step };
    struct plan plan = {
        .steps = steps,
        .step_count = 1,
        .stages = stages,
        .stage_count = 1,
        .dockerfile = &file,
    };
    if (row->option) {
        set_option(&plan.run, str_of(row->option), &option);
    }
    struct mount_plan mounts[2];
    memcpy(mounts, row->mounts, sizeof(mounts));
    step.exec.mounts = mounts;
    step.exec.mount_count = mounts[0].target.len ? mounts[1].target.len ? 2 : 1 : 0;
    step.inputs = inputs;
    step.input_count = 2;
    tree.fd = open(context, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *other = fixture->base;
    if (rootfs_mount(fixture->store, fixture->build, &other, 1, NULL, &roots[0], &error) < 0) {
        fail_msg("%s", error.message);
    }

    if (snapshot_new(fixture->store, fixture->build, NULL, &image, &error) < 0 ||
        snapshot_new(fixture->store, fixture->build, NULL, &snapshot, &error) < 0) {
        fail_msg("%s", error.message);
    }
    char *lower = xasprintf("%s/diff", image.directory);
    char *upper = xasprintf("%s/diff", snapshot.directory);
    const char *lowers[] = { lower };
    if (row->is_scratch) {
        assert_int_equal(shell("mkdir %s/bin && cp -a %s/bin/busybox %s/bin/sh %s/bin", upper,
                               fixture->base, fixture->base, upper),
                         0);
    } else {
        assert_int_equal(shell("cp -a %s/. %s && cd %s && { %s; }", fixture->base, lower, lower,
                               row->image ? row->image : ":"),
                         0);
    }
    struct rootfs rootfs;
    int result = rootfs_mount(fixture->store, fixture->build, lowers, row->is_scratch ? 0 : 1,
                              upper, &rootfs, &error);
    if (result < 0) {
        fail_msg("%s", error.message);
    }
    char output_path[] = "/tmp/bud-test-output-XXXXXX";
    int output = mkstemp(output_path);
    unlink(output_path);
    struct progress *progress = progress_new(output, &plan, false, false);
    struct context_copies copies = CONTEXT_COPIES_INIT;
    struct work work = {
        .store = fixture->store,
        .build = fixture->build,
        .plan = &plan,
        .progress = progress,
        .copies = &copies,
        .is_cancelled = cancel,
    };
    outcome.status = exec_step_run(&work, &step, &rootfs, roots, &outcome.error);
    progress_end(progress, &step, outcome.status == 0, 0);
    progress_free(progress);
    context_copies_free(fixture->store, &copies);
    rootfs_unmount(&rootfs);
    rootfs_unmount(&roots[0]);
    close(tree.fd);
    free(context);
    lseek(output, 0, SEEK_SET);
    read_output(output, &outcome.output);
    close(output);
    outcome.layer = list_layer(upper);
    snapshot_remove(fixture->store, image.id, NULL);
    snapshot_remove(fixture->store, snapshot.id, NULL);
    snapshot_free(&image);
    snapshot_free(&snapshot);
    free(lower);
    free(upper);
    return outcome;
}

static bool mentions(const struct error *error, const char *text) {
    for (; error; error = error->cause) {
        if (error->message && strstr(error->message, text)) {
            return true;
        }
    }
    return false;
}

static void outcome_free(struct outcome *outcome) {
    error_clear(&outcome->error);
    buf_free(&outcome->output);
    free(outcome->layer);
}

/* NULL, or what is wrong. */
static const char *judge(const struct row *row, const struct outcome *outcome) {
    const struct error *error = &outcome->error;
    if ((row->status == 0) != (outcome->status == 0)) {
        return "success";
    }
    if (row->status > 0 &&
        (error->code != ERROR_EXIT || error->number != row->status || !error->place.file)) {
        return "exit status";
    }
    if (row->status < 0 && error->code == ERROR_EXIT) {
        return "error code";
    }
    if (row->message && !mentions(error, row->message)) {
        return "message";
    }
    if (row->hint && (!error->hint || !strstr(error->hint, row->hint))) {
        return "hint";
    }
    if (row->output && !str_has_prefix(buf_str(&outcome->output), str_of(row->output))) {
        return "output";
    }
    if (row->output && !*row->output && outcome->output.len && row->status == 0) {
        return "output";
    }
    if (row->layer && strcmp(row->layer, outcome->layer) != 0) {
        return "layer";
    }
    return NULL;
}

static void test_rows(void **state) {
    struct fixture *fixture = *state;
    atomic_bool cancel = false;
    const char *only = getenv("ROW");
    size_t failed = 0;
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (only && !strstr(rows[i].name, only)) {
            continue;
        }
        struct outcome outcome = run_row(fixture, &rows[i], &cancel);
        const char *problem = judge(&rows[i], &outcome);
        if (problem) {
            failed++;
            struct buf text = BUF_INIT;
            if (outcome.status < 0) {
                error_print(&text, &outcome.error, false);
            }
            print_error("%s: %s\n  output: %.*s\n  layer: %s\n  %.*s\n", rows[i].name, problem,
                        STR_ARG(buf_str(&outcome.output)), outcome.layer, STR_ARG(buf_str(&text)));
            buf_free(&text);
        }
        outcome_free(&outcome);
    }
    assert_int_equal(failed, 0);
}

/* ---- times, processes, mounts ---- */

struct cancellation {
    atomic_bool is_set;
    unsigned delay; /* milliseconds */
};

static void *cancel_soon(void *context) {
    struct cancellation *cancellation = context;
    usleep(cancellation->delay * 1000);
    atomic_store(&cancellation->is_set, true);
    return NULL;
}

/* Is there a process `sleep SECONDS` anywhere? */
static bool is_running(const char *seconds) {
    struct arena arena = ARENA_INIT;
    struct str *names;
    size_t count;
    bool is_found = false;
    int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(fs_list(fd, &arena, &names, &count, NULL), 0);
    for (size_t i = 0; i < count; i++) {
        struct buf text = BUF_INIT;
        const char *path = arena_printf(&arena, "%s/cmdline", names[i].data);
        if (names[i].data[0] >= '0' && names[i].data[0] <= '9' &&
            fs_read_file(fd, path, 65536, &text, NULL) == 0 && text.len > 6 &&
            strcmp(text.data, "sleep") == 0 && strcmp(text.data + 6, seconds) == 0) {
            is_found = true;
        }
        buf_free(&text);
    }
    close(fd);
    arena_free(&arena);
    return is_found;
}

/* At any moment of a container's life. */
static void test_cancel(void **state) {
    struct fixture *fixture = *state;
    static const struct row row = { .name = "cancelled",
                                    .command = "echo begun; sleep 4747 & sleep 4748",
                                    .layer = "" };
    static const unsigned delays[] = { 0, 20, 40, 60, 80, 110, 150, 200, 400 };
    for (size_t i = 0; i < COUNT(delays); i++) {
        struct cancellation cancellation = { .delay = delays[i] };
        pthread_t thread;
        uint64_t start = time_monotonic();
        assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &cancellation), 0);
        struct outcome outcome = run_row(fixture, &row, &cancellation.is_set);
        pthread_join(thread, NULL);
        assert_int_equal(outcome.status, -1);
        assert_int_equal(outcome.error.code, ERROR_INTERRUPTED);
        assert_string_equal(outcome.layer, "");
        assert_true(time_monotonic() - start < 5000000000u);
        assert_false(is_running("4747") || is_running("4748"));
        assert_int_not_equal(shell("ls %s/runc/* >/dev/null 2>&1", fixture->build->run_directory),
                             0);
        assert_int_not_equal(
            shell("find /sys/fs/cgroup -name 'bud-%s*' | grep -q .", fixture->build->id), 0);
        assert_int_not_equal(shell("grep -q %s /proc/self/mounts", fixture->directory), 0);
        outcome_free(&outcome);
    }
}

static void test_daemon(void **state) {
    struct fixture *fixture = *state;
    static const struct row row = { .name = "daemon",
                                    .command =
                                        "(sleep 4749 &) ; (setsid sleep 4749 &); echo done" };
    atomic_bool cancel = false;
    uint64_t start = time_monotonic();
    struct outcome outcome = run_row(fixture, &row, &cancel);
    assert_int_equal(outcome.status, 0);
    assert_string_equal(outcome.output.data, "done\n");
    assert_true(time_monotonic() - start < 3000000000u);
    assert_false(is_running("4749"));
    outcome_free(&outcome);
}

/* A bud that is killed takes its containers along. */
static void test_killed(void **state) {
    struct fixture *fixture = *state;
    static const struct row row = { .name = "killed", .command = "sleep 4750 & sleep 4750" };
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        /* As bud has one of its own: the mounts of a process that was killed go with it. */
        atomic_bool cancel = false;
        if (unshare(CLONE_NEWNS) == 0) {
            run_row(fixture, &row, &cancel);
        }
        _exit(0);
    }
    for (int i = 0; i < 100 && !is_running("4750"); i++) {
        usleep(50000);
    }
    assert_true(is_running("4750"));
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    for (int i = 0; i < 60 && is_running("4750"); i++) {
        usleep(50000);
    }
    assert_false(is_running("4750"));
    /* The next build would sweep this. */
    shell("rm -r %s/step-0; runc --root %s/runc delete --force bud-%s-0",
          fixture->build->run_directory, fixture->build->run_directory, fixture->build->id);
}

static void test_much_output(void **state) {
    struct fixture *fixture = *state;
    static const struct row row = { .name = "much",
                                    .command = "seq 1 200000; seq 1 10 >&2; printf unfinished" };
    atomic_bool cancel = false;
    struct outcome outcome = run_row(fixture, &row, &cancel);
    if (outcome.status < 0) {
        fail_msg("%s", outcome.error.message);
    }
    assert_non_null(strstr(outcome.output.data, "\n200000\n"));
    assert_non_null(strstr(outcome.output.data, "unfinished"));
    outcome_free(&outcome);
}

/* The cgroups of builds that died go, those of builds that live stay. */
static void test_sweep(void **state) {
    struct fixture *fixture = *state;
    const char *run = fixture->store->run_root;
    const char *alive = fixture->build->id;
    const char *parent =
        access("/sys/fs/cgroup/pids", F_OK) == 0 ? "/sys/fs/cgroup/pids" : "/sys/fs/cgroup";
    if (shell("mkdir %s/bud-aaaaaaaaaaaaaaaa-0 %s/bud-%s-9 2>/dev/null", parent, parent, alive) !=
        0) {
        print_message("skipped: cgroups cannot be made here\n");
        return;
    }
    assert_int_equal(shell("mkdir -p %s/bud/aaaaaaaaaaaaaaaa/runc/bud-aaaaaaaaaaaaaaaa-0 "
                           "%s/bud/aaaaaaaaaaaaaaaa/runc/other %s/bud/%s/runc/bud-%s-9 && "
                           "touch %s/bud/builds/aaaaaaaaaaaaaaaa",
                           run, run, run, alive, alive, fixture->store->root),
                     0);
    runtime_sweep(fixture->store);
    assert_int_not_equal(shell("test -d %s/bud-aaaaaaaaaaaaaaaa-0", parent), 0);
    assert_int_equal(shell("test -d %s/bud-%s-9", parent, alive), 0);
    shell("rmdir %s/bud-%s-9; rm -r %s/bud/aaaaaaaaaaaaaaaa", parent, alive, run);
}

/* ---- fixture ---- */

static int set_up(void **state) {
    struct fixture *fixture = xcalloc(1, sizeof(*fixture));
    struct error error = ERROR_INIT;
    snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/bud-test-XXXXXX");
    if (!mkdtemp(fixture->directory)) {
        return -1;
    }
    char *root = xasprintf("%s/root", fixture->directory);
    char *run_root = xasprintf("%s/run", fixture->directory);
    const struct store_options options = { .root = root,
                                           .run_root = run_root,
                                           .driver = "overlay" };
    if (store_open(&options, STORE_WRITE, &fixture->store, &error) < 0 ||
        rootfs_enter_namespace(fixture->store, &error) < 0 ||
        build_begin(fixture->store, &fixture->build, &error) < 0) {
        print_error("%s\n", error.message);
        return -1;
    }
    free(root);
    free(run_root);
    fixture->base = xasprintf("%s/base", fixture->directory);
    *state = fixture;
    return shell(
        "umask 022; mkdir %s && cd %s && mkdir bin etc proc dev sys var && "
        "cp /bin/busybox bin && for i in sh cat ls grep test sleep touch id stat rm mkdir chmod "
        "kill true echo wc hostname ip tr seq printf pwd setsid env; do ln -s busybox bin/$i; done "
        "&& "
        "printf 'root:x:0:0::/root:/bin/sh\\nweb:x:1001:1002::/home/web:/bin/sh\\n' >etc/passwd && "
        "printf 'root:x:0:\\nweb:x:1002:\\nextra:x:2000:web\\n' >etc/group && "
        "mkdir -p ../context/sub && echo A >../context/a && echo C >../context/sub/c && "
        "chown 7:8 ../context/a && echo hello >etc/motd && touch -d '2001-02-03 04:05:06.5' etc "
        "bin .",
        fixture->base, fixture->base);
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    build_end(fixture->store, fixture->build, NULL);
    store_close(fixture->store);
    shell("rm -rf %s", fixture->directory);
    free(fixture->base);
    free(fixture);
    return 0;
}

int main(void) {
    if (geteuid() != 0 || access("/bin/busybox", X_OK) != 0 ||
        (access("/usr/bin/runc", X_OK) != 0 && access("/usr/sbin/runc", X_OK) != 0)) {
        printf("skipped: needs root, /bin/busybox (busybox-static) and runc\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_daemon),      cmocka_unit_test(test_killed),
        cmocka_unit_test(test_much_output), cmocka_unit_test(test_sweep),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
