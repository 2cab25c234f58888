#include "base/subprocess_child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* fork() would run atfork handlers and take the locks of malloc, which another thread may hold for good in a
 * child. The bare system call does neither. */
static pid_t fork_plainly(unsigned long flags) {
    return (pid_t)syscall(SYS_clone, flags | SIGCHLD, 0UL, 0UL, 0UL, 0UL);
}

static void fail(const struct child_plan *plan, enum child_stage stage) __attribute__((noreturn));
static void fail(const struct child_plan *plan, enum child_stage stage) {
    struct child_report report = { .stage = stage, .number = errno };
    ssize_t ignored = write(plan->report, &report, sizeof(report));
    (void)ignored;
    _exit(127);
}

static void reset_signals(void) {
    /* The kernel's own struct, all zero: SIG_DFL. Not sigaction(): glibc refuses the two signals it keeps to itself,
     * which whoever started us may have ignored all the same. Fails for KILL and STOP. */
    static const unsigned long defaults[8];
    for (int signal = 1; signal < NSIG; signal++) {
        syscall(SYS_rt_sigaction, signal, defaults, NULL, (size_t)(_NSIG - 1) / 8);
    }
}

/* SIGKILL comes when the thread that started us ends. Those threads are bud's main thread and its pools', which
 * live as long as bud; a thread that ends earlier must not start children it does not wait for. */
static void die_with_parent(const struct child_plan *plan) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) {
        fail(plan, CHILD_SET_UP);
    }
    /* It may have ended before that call. */
    struct pollfd parent = { .fd = plan->parent, .events = POLLIN };
    if (plan->parent >= 0 && poll(&parent, 1, 0) > 0) {
        _exit(127);
    }
}

static void mark_close_on_exec(void) {
    /* Without close_range (before Linux 5.11) there is only that everything is opened close-on-exec. */
    syscall(SYS_close_range, 3U, ~0U, CLOSE_RANGE_CLOEXEC);
}

/* Moves the three descriptors to 0, 1, 2, by way of copies above: any of them may be another's target. */
static void place_fds(struct child_plan *plan) {
    int copies[3];
    /* Also the pipe may be in the way, when bud was started with 0, 1 or 2 closed. */
    plan->report = fcntl(plan->report, F_DUPFD_CLOEXEC, 3);
    for (int i = 0; i < 3; i++) {
        int fd = plan->fds[i] >= 0 ? plan->fds[i] : open("/dev/null", O_RDWR | O_CLOEXEC);
        copies[i] = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (copies[i] < 0) {
            fail(plan, CHILD_SET_UP);
        }
    }
    for (int i = 0; i < 3; i++) {
        if (dup2(copies[i], i) < 0) {
            fail(plan, CHILD_SET_UP);
        }
    }
}

static void run_program(const struct child_plan *plan) __attribute__((noreturn));
static void run_program(const struct child_plan *plan) {
    sigset_t none;
    sigemptyset(&none);
    if (plan->directory && chdir(plan->directory) < 0) {
        fail(plan, CHILD_DIRECTORY);
    }
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(plan->path, plan->argv, plan->envp);
    fail(plan, CHILD_EXEC);
}

static void close_everything(void) {
    if (syscall(SYS_close_range, 0U, ~0U, 0U) == 0) {
        return;
    }
    struct rlimit limit;
    int end = getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 65536 ? (int)limit.rlim_cur
                                                                              : 65536;
    for (int fd = 0; fd < end; fd++) {
        close(fd);
    }
}

/* Waits for whatever ends; ends with the program's status when that is the program. */
static void reap(pid_t program) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == program) {
            _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
        }
    }
}

/* The first process of the PID namespace. When it ends, for whatever reason, the kernel kills all others in it:
 * that is what contains daemons. Signals sent to it are passed on to the program; being blocked, they are not
 * dropped as an init's otherwise are. */
static void be_init(pid_t program) __attribute__((noreturn));
static void be_init(pid_t program) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    /* Also pipes and locks of bud that this copy must not keep open or held. */
    close_everything();
    for (;;) {
        reap(program);
        int signal = sigwaitinfo(&all, NULL);
        if (signal > 0 && signal != SIGCHLD) {
            kill(program, signal);
        }
    }
}

/* Mounts of the caller stay visible, and its later unmounts reach here where it shares them; nothing mounted
 * here reaches it. */
static void mount_proc(const struct child_plan *plan) {
    if (mount("none", "/", "none", MS_REC | MS_SLAVE, NULL) < 0 ||
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) {
        fail(plan, CHILD_CONTAIN);
    }
}

static void be_child(struct child_plan plan) __attribute__((noreturn));
static void be_child(struct child_plan plan) {
    die_with_parent(&plan);
    reset_signals();
    setpgid(0, 0);
    place_fds(&plan);
    mark_close_on_exec();
    if (!plan.is_contained) {
        run_program(&plan);
    }
    mount_proc(&plan);
    pid_t program = fork_plainly(0);
    if (program < 0) {
        fail(&plan, CHILD_SET_UP);
    }
    if (program == 0) {
        run_program(&plan);
    }
    be_init(program);
}

pid_t child_start(const struct child_plan *plan) {
    pid_t pid = fork_plainly(plan->is_contained ? CLONE_NEWPID | CLONE_NEWNS : 0);
    if (pid == 0) {
        be_child(*plan);
    }
    return pid;
}
