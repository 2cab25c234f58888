/* mount_points: the places in a root file system where the runtime mounts something, made before it runs and removed
 * afterwards, so that they reach no layer.
 *
 * The root file system is an image's: links in it are followed as a process with that root would. Nobody else may
 * change it meanwhile, except the container between adding and removing. One thread. */
#ifndef BUD_EXECUTOR_MOUNT_POINTS_H
#define BUD_EXECUTOR_MOUNT_POINTS_H

#include "executor/rootfs.h"

#include <sys/types.h>

/* Where PATH (absolute) leads in ROOT, links resolved; what does not exist is kept as written. Relative to the root,
 * without leading '/', "" for the root itself, in ARENA. ERROR_INPUT when it leads through a file or in circles. */
int root_path_resolve(int root, struct str path, struct arena *arena, struct str *out,
                      struct error *error);
/* mkdir -p of a resolved path, 0755, owned by UID:GID where it was missing. */
int root_path_make_directories(int root, struct str path, uint32_t uid, uint32_t gid,
                               struct error *error);

/* Is the resolved PATH the resolved DIRECTORY, or below it? */
bool root_path_is_below(struct str path, struct str directory);

struct mount_points;

struct mount_points *mount_points_new(const struct rootfs *rootfs);
/* Makes DESTINATION (absolute, as in the runtime's config) with its parents where it is missing: a directory of MODE, or an
 * empty file when MODE is 0 (runc gives a tmpfs the mode of its mount point, whatever its options say). What lies below a destination added before is left to the runtime: it will be in that mount. */
int mount_points_add(struct mount_points *points, struct str destination, mode_t mode,
                     struct error *error);
/* After the container: removes what was made and is still empty, gives the directories around their times back unless
 * the container changed them too, and frees. NULL is fine. */
void mount_points_remove(struct mount_points *points);

#endif
