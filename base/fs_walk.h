/* fs_walk: what openat2(2) does, by hand, for where it is missing: old seccomp profiles, gVisor, valgrind. */
#ifndef BUD_BASE_FS_WALK_H
#define BUD_BASE_FS_WALK_H

#include <sys/types.h>

enum walk_rule {
    WALK_IN_ROOT, /* RESOLVE_IN_ROOT: absolute targets and `..` restart or stop at the directory */
    WALK_BENEATH, /* RESOLVE_BENEATH: they are refused with EXDEV */
};

/* Opens PATH inside DIRECTORY without leaving it, one component after the other: no symlink is ever followed by the
 * kernel, and `..` goes back to the descriptor we came from, so that nothing moved meanwhile leads out. An fd, close-on-exec,
 * or -1 with errno. */
int walk_open(int directory, const char *path, int flags, mode_t mode, enum walk_rule rule);

#endif
