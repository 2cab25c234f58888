/* rootfs: a stack of directories mounted as one root file system.
 *
 * Overlay mounts in bud's private mount namespace, so that a killed bud leaves none behind. */
#ifndef BUD_EXECUTOR_ROOTFS_H
#define BUD_EXECUTOR_ROOTFS_H

#include "base/error.h"
#include "store/build.h"
#include "store/store.h"

struct copied_up;

struct rootfs {
    char *path; /* absolute, owned; mount point or, without a mount, the directory itself */
    int fd;     /* the root directory, -1: none */
    bool is_mounted;
    struct copied_up
        *copied_up; /* see copied_up.h; NULL unless an overlay with an upper directory */
};

#define ROOTFS_INIT                                                                                \
    { NULL, -1, false, NULL }

/* Once, before threads start and before any mount: a mount namespace of our own with private propagation, and a
 * bind mount of ROOT/overlay on itself detached (publish_detach). Error with a hint when the kernel refuses. */
int rootfs_enter_namespace(const struct store *store, struct error *error);
/* Mounts LOWERS (absolute directories, top first; may be none) under UPPER (absolute directory with a sibling `work`;
 * NULL: read-only). Without lowers nothing is mounted and UPPER itself is the root; one lower and no upper is
 * bind-mounted read-only. Up to 500 lowers, whatever the length of their paths. Calls chdir: the thread must have its
 * own working directory. `volatile`, metacopy, redirect_dir and index off. */
int rootfs_mount(const struct store *store, const struct build *build, const char *const *lowers,
                 size_t count, const char *upper, struct rootfs *out, struct error *error);
/* Unmounts, removes the mount point, frees. Fine on ROOTFS_INIT. */
void rootfs_unmount(struct rootfs *rootfs);

#endif
