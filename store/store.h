/* store: one containers-storage root, as Podman, Buildah and CRI-O share it, plus bud's private part of it.
 *
 * Configuration comes from options, environment and storage.conf as for Podman (containers-storage.conf(5)).
 * Opening a store makes missing directories only when asked; reading an empty root is an empty store. The handle
 * is immutable after opening and may be used by any thread; every operation takes the locks it needs itself.
 *
 * Layout: ROOT/overlay*, as the format says, and ROOT/bud/{snapshots,cache.mdb,builds}, RUNROOT/bud. */
#ifndef BUD_STORE_STORE_H
#define BUD_STORE_STORE_H

#include "base/arena.h"
#include "base/error.h"

enum store_driver { STORE_OVERLAY, STORE_VFS };

struct store_options { /* NULL members: not given on the command line */
    const char *root;
    const char *run_root;
    const char *driver;
    const char *const
        *driver_options; /* NULL-terminated KEY=VALUE list of --storage-opt, or NULL */
};

enum store_access {
    STORE_READ, /* creates nothing */
    STORE_CHANGE, /* as STORE_WRITE where a store is already, else as STORE_READ: for what only removes or renames */
    STORE_WRITE, /* creates the directories of the format where they are missing */
};

struct store {
    struct arena arena;
    const char *root;     /* absolute */
    const char *run_root; /* absolute */
    enum store_driver driver;
    const char *driver_name;       /* "overlay", "vfs": prefix of the store's directories */
    const char *mount_options;     /* storage.conf mountopt, or "" */
    const char **additional_roots; /* read-only image stores, NULL-terminated */
    const char *configuration;     /* the storage.conf that was read, or NULL: defaults */
    const char *advice;            /* told when the store is made, or NULL */
    const char
        *podman; /* the words that make Podman use this store, for hints: "podman --root …" */
    bool
        is_rootless; /* owner is not root, or we are in a user namespace: xattrs are user.overlay.* */
    int root_fd;     /* -1 when the root does not exist (not with STORE_WRITE) */
};

/* The caller owns *out and closes it. A configuration bud does not support (another driver, mount_program,
 * force_mask, imagestore, composefs, transient_store, fuse-overlayfs whiteouts) is ERROR_UNSUPPORTED and named. */
int store_open(const struct store_options *options, enum store_access access, struct store **out,
               struct error *error);
/* Makes the directories STORE_WRITE makes, for a store that was opened with STORE_READ and whose root is there: a build
 * knows only when it has planned whether it will write. */
int store_prepare(const struct store *store, struct error *error);
/* Has anything of the format ever been made in the root? */
bool store_exists(const struct store *store);
void store_close(struct store *store);

#endif
