#include "executor/signals.h"

#include "base/arena.h"
#include "base/time.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define SAME_SIGNAL ((uint64_t)500000000) /* ns */

struct signals {
    pthread_t thread;
    sigset_t old_mask;
    int signal_fd;
    int end_fd;
    atomic_bool *is_cancelled;
    atomic_int received;
};

static void *watch(void *context) {
    struct signals *signals = context;
    uint64_t first = 0;
    struct pollfd fds[2] = {
        { .fd = signals->signal_fd, .events = POLLIN },
        { .fd = signals->end_fd, .events = POLLIN },
    };
    for (;;) {
        if (poll(fds, 2, -1) < 0) {
            continue;
        }
        if (fds[1].revents != 0) {
            return NULL;
        }
        struct signalfd_siginfo info;
        if (read(signals->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info)) {
            continue;
        }
        uint64_t now = time_monotonic();
        if (atomic_load(&signals->received) == 0) {
            atomic_store(&signals->received, (int)info.ssi_signo);
            first = now;
        } else if (now - first > SAME_SIGNAL) {
            _exit(128 + (int)info.ssi_signo);
        }
        atomic_store(signals->is_cancelled, true);
    }
}

/* nohup(1) asks for the build to go on when the terminal goes; a blocked signal would reach us all the same. */
static bool is_ignored(int signal) {
    struct sigaction action;
    return sigaction(signal, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static sigset_t pipe_set(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    return set;
}

/* What came while it was blocked is forgotten: the write that caused it has failed, which was not worth an end. */
static void forget_pipe(void) {
    sigset_t pipe = pipe_set();
    const struct timespec none = { 0 };
    while (sigtimedwait(&pipe, NULL, &none) < 0 && errno == EINTR) {
    }
}

int signals_watch(atomic_bool *is_cancelled, struct signals **out, struct error *error) {
    struct signals *signals = xcalloc(1, sizeof(*signals));
    signals->is_cancelled = is_cancelled;
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGTERM);
    if (!is_ignored(SIGHUP)) {
        sigaddset(&mask, SIGHUP);
    }
    pthread_sigmask(SIG_BLOCK, &mask, &signals->old_mask);
    sigset_t pipe = pipe_set();
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);
    signals->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC);
    signals->end_fd = eventfd(0, EFD_CLOEXEC);
    int status = signals->signal_fd < 0 || signals->end_fd < 0 ? errno : 0;
    if (status == 0) {
        status = pthread_create(&signals->thread, NULL, watch, signals);
    }
    if (status != 0) {
        errno = status;
        error_system(error, "cannot watch for signals");
        close(signals->signal_fd);
        close(signals->end_fd);
        pthread_sigmask(SIG_SETMASK, &signals->old_mask, NULL);
        free(signals);
        return -1;
    }
    *out = signals;
    return 0;
}

int signals_end(struct signals *signals) {
    if (signals == NULL) {
        return 0;
    }
    uint64_t one = 1;
    while (write(signals->end_fd, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
    pthread_join(signals->thread, NULL);
    close(signals->signal_fd);
    close(signals->end_fd);
    forget_pipe();
    pthread_sigmask(SIG_SETMASK, &signals->old_mask, NULL);
    int received = atomic_load(&signals->received);
    free(signals);
    return received;
}
