#include "base/subprocess.h"

#include "base/fs.h"
#include "base/subprocess_child.h"
#include "base/time.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static bool is_program(const char *path) {
    struct stat stat_buffer;
    return stat(path, &stat_buffer) == 0 && S_ISREG(stat_buffer.st_mode) &&
           faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

const char *subprocess_find(struct arena *arena, const char *name) {
    const char *path = getenv("PATH");
    struct str rest = path ? str_of(path)
                           : STR("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
                                 "/sbin:/bin");
    struct str directory;
    if (!*name || strchr(name, '/')) {
        return *name && is_program(name) ? arena_strdup(arena, name) : NULL;
    }
    while (str_split(&rest, ':', &directory)) {
        /* A relative directory would find programs in a build context. */
        if (!str_has_prefix(directory, STR("/"))) {
            continue;
        }
        const char *candidate = arena_printf(arena, "%.*s/%s", STR_ARG(directory), name);
        if (is_program(candidate)) {
            return candidate;
        }
    }
    return NULL;
}

/* Starts PLAN and waits until its program runs or cannot; 0, or -1 with *report filled and nothing left. */
static int launch(struct child_plan *plan, pid_t *pid, struct child_report *report) {
    int ends[2];
    *report = (struct child_report){ .stage = CHILD_SET_UP };
    if (pipe2(ends, O_CLOEXEC) < 0) {
        report->number = errno;
        return -1;
    }
    sigset_t all;
    sigset_t old;
    sigfillset(&all);
    /* No handler of ours may run in the child, where it would act on bud's files. */
    pthread_sigmask(SIG_SETMASK, &all, &old);
    plan->report = ends[1];
    *pid = child_start(plan);
    int problem = errno;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    close(ends[1]);
    if (*pid < 0) {
        close(ends[0]);
        *report =
            (struct child_report){ plan->is_contained ? CHILD_CONTAIN : CHILD_SET_UP, problem };
        return -1;
    }
    ssize_t got;
    do {
        got = read(ends[0], report, sizeof(*report));
    } while (got < 0 && errno == EINTR);
    close(ends[0]);
    if (got == 0) {
        return 0;
    }
    while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR) {
    }
    return -1;
}

static int cannot_start(const struct subprocess_options *options, const struct child_report *report,
                        struct error *error) {
    errno = report->number;
    if (report->stage == CHILD_DIRECTORY) {
        return error_system(error, "cannot run %s in directory %s", options->argv[0],
                            options->directory);
    }
    if (report->stage == CHILD_EXEC && report->number == ENOENT) {
        return error_set(error, ERROR_NOT_FOUND,
                         "cannot run %s: it, or the interpreter it names, does not exist",
                         options->argv[0]);
    }
    return error_system(error, "cannot run %s", options->argv[0]);
}

int subprocess_start(const struct subprocess_options *options, pid_t *pid, struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    const char *path = options->argv[0];
    if (!strchr(path, '/')) {
        path = subprocess_find(&arena, path);
    }
    if (!path) {
        error_set(error, ERROR_NOT_FOUND, "program %s is not installed", options->argv[0]);
        return error_hint(error, "install it, or add its directory to PATH");
    }
    _cleanup_fd_ int parent = (int)syscall(SYS_pidfd_open, getpid(), 0);
    struct child_plan plan = {
        .path = path,
        .argv = (char *const *)options->argv,
        .envp = options->envp ? (char *const *)options->envp : environ,
        .fds = { options->stdin_fd, options->stdout_fd, options->stderr_fd },
        .directory = options->directory,
        .is_contained = options->is_contained,
        .parent = parent,
    };
    struct child_report report;
    int result = launch(&plan, pid, &report);
    if (result < 0 && plan.is_contained && report.stage == CHILD_CONTAIN) {
        plan.is_contained = false;
        result = launch(&plan, pid, &report);
    }
    return result < 0 ? cannot_start(options, &report, error) : 0;
}

int subprocess_wait(pid_t pid, int *status, struct error *error) {
    int raw;
    while (waitpid(pid, &raw, 0) < 0) {
        if (errno != EINTR) {
            return error_system(error, "cannot wait for process %d", (int)pid);
        }
    }
    *status = WIFSIGNALED(raw) ? 128 + WTERMSIG(raw) : WEXITSTATUS(raw);
    return 0;
}

struct capture {
    int fds[2]; /* read ends; -1: ended, or not captured */
    struct buf *bufs[2];
    size_t limits[2]; /* of the buffers' lengths */
    uint64_t received;
};

/* Reads what is there, without blocking. */
static int drain(struct capture *capture, int i, struct error *error) {
    char chunk[16384];
    for (;;) {
        ssize_t got = read(capture->fds[i], chunk, sizeof(chunk));
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return errno == EAGAIN ? 0 : error_system(error, "cannot read a program's output");
        }
        if (got == 0) {
            close(capture->fds[i]);
            capture->fds[i] = -1;
            return 0;
        }
        capture->received += (uint64_t)got;
        size_t room = capture->limits[i] - capture->bufs[i]->len;
        buf_append(capture->bufs[i], chunk, (size_t)got < room ? (size_t)got : room);
    }
}

/* Asks who watches once it is TIME, monotonic. */
static int look_after(const struct capture *capture, const struct subprocess_options *options,
                      uint64_t *time, struct error *error) {
    uint64_t now = time_monotonic();
    if (!options->watch || now < *time) {
        return 0;
    }
    *time = now + SUBPROCESS_WATCH_MILLISECONDS * (uint64_t)1000000;
    return options->watch(options->watch_context, capture->received, error);
}

/* Until both outputs are closed, or the program has ended: what it left running may keep them open. Who watches it does so to
 * the end. */
static int collect(struct capture *capture, const struct subprocess_options *options, pid_t pid,
                   struct error *error) {
    _cleanup_fd_ int program = (int)syscall(SYS_pidfd_open, pid, 0);
    bool is_watched = options->watch && program >= 0;
    uint64_t time = 0;
    while (is_watched || capture->fds[0] >= 0 || capture->fds[1] >= 0) {
        struct pollfd polled[3] = {
            { .fd = capture->fds[0], .events = POLLIN },
            { .fd = capture->fds[1], .events = POLLIN },
            { .fd = program, .events = POLLIN },
        };
        if (poll(polled, 3, options->watch ? SUBPROCESS_WATCH_MILLISECONDS : -1) < 0 &&
            errno != EINTR) {
            return error_system(error, "cannot wait for a program's output");
        }
        for (int i = 0; i < 2; i++) {
            if (capture->fds[i] >= 0 && drain(capture, i, error) < 0) {
                return -1;
            }
        }
        if (polled[2].revents) {
            break;
        }
        if (look_after(capture, options, &time, error) < 0) {
            return -1;
        }
    }
    return 0;
}

/* A pipe for each output that is wanted; its write end replaces the descriptor in OPTIONS. */
static int open_pipes(struct capture *capture, struct subprocess_options *options, int writers[2],
                      struct error *error) {
    int *const targets[] = { &options->stdout_fd, &options->stderr_fd };
    for (int i = 0; i < 2; i++) {
        int ends[2];
        if (!capture->bufs[i]) {
            continue;
        }
        if (pipe2(ends, O_CLOEXEC) < 0) {
            return error_system(error, "cannot run %s", options->argv[0]);
        }
        capture->fds[i] = ends[0];
        *targets[i] = writers[i] = ends[1];
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
    }
    return 0;
}

static size_t limit_of(const struct buf *buf, size_t limit) {
    size_t sum;
    return !buf || __builtin_add_overflow(buf->len, limit, &sum) ? SIZE_MAX : sum;
}

int subprocess_run(const struct subprocess_options *options, struct buf *out, struct buf *err,
                   size_t limit, int *status, struct error *error) {
    struct capture capture = {
        .fds = { -1, -1 },
        .bufs = { out, err },
        .limits = { limit_of(out, limit), limit_of(err, limit) },
    };
    struct subprocess_options with_pipes = *options;
    int writers[2] = { -1, -1 };
    pid_t pid = -1;
    int result = open_pipes(&capture, &with_pipes, writers, error);
    if (result == 0) {
        result = subprocess_start(&with_pipes, &pid, error);
    }
    cleanup_fd(&writers[0]);
    cleanup_fd(&writers[1]);
    if (result == 0) {
        result = collect(&capture, options, pid, error);
        if (result < 0) {
            kill(pid, SIGKILL);
            subprocess_wait(pid, status, NULL);
        } else {
            result = subprocess_wait(pid, status, error);
        }
    }
    cleanup_fd(&capture.fds[0]);
    cleanup_fd(&capture.fds[1]);
    return result;
}
