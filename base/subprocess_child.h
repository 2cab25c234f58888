/* subprocess_child: what happens between fork and exec.
 *
 * bud has threads, so the child may call nothing but async-signal-safe functions: no malloc, no stdio, no
 * locale. Everything is prepared by subprocess.c; here are system calls only. */
#ifndef BUD_BASE_SUBPROCESS_CHILD_H
#define BUD_BASE_SUBPROCESS_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

enum child_stage { CHILD_SET_UP, CHILD_CONTAIN, CHILD_DIRECTORY, CHILD_EXEC };

/* What the child writes to its report pipe when it fails; the pipe closes silently when the program runs. */
struct child_report {
    enum child_stage stage;
    int number; /* errno */
};

struct child_plan {
    const char *path;
    char *const *argv;
    char *const *envp;
    int fds[3];            /* -1: /dev/null */
    const char *directory; /* or NULL */
    bool is_contained;
    int report; /* write end of the pipe, close-on-exec */
    int parent; /* pidfd of bud, or -1 */
};

/* Starts the child; its pid, or -1 with errno. Every signal must be blocked. */
pid_t child_start(const struct child_plan *plan);

#endif
