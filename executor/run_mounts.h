/* run_mounts: what a RUN has mounted besides the usual: --mount, --volume, and the script of a heredoc.
 *
 * Prepares the source of each mount (a directory of an input, a cache directory, a copy of context files, a view that can be
 * written to, the file of a secret) and describes it for the bundle. */
#ifndef BUD_EXECUTOR_RUN_MOUNTS_H
#define BUD_EXECUTOR_RUN_MOUNTS_H

#include "executor/bundle.h"
#include "executor/cache_mount.h"
#include "executor/work.h"
#include "store/snapshot.h"

struct run_mounts {
    const struct work *work;
    const struct step *step;
    const struct rootfs *inputs;
    struct arena *arena;
    const char *directory;        /* the bundle's; on a tmpfs when the step has secrets */
    struct bundle_mounts *mounts; /* appended to */
    struct str_list *env;         /* the same, with the secrets that are variables */
    size_t secret_count;          /* of those that are files there */
    /* What has to go afterwards: writable views of inputs. */
    struct {
        struct rootfs *items;
        size_t count, capacity;
    } roots;
    struct {
        struct snapshot *items;
        size_t count, capacity;
    } snapshots;
    struct {
        struct cache_mount *items;
        size_t count, capacity;
    } caches;
};

/* A bind mount of SOURCE on DESTINATION; in a user namespace the flags locked on SOURCE are repeated. */
void run_mounts_bind(struct run_mounts *run, struct str destination, const char *source,
                     bool is_readonly);
/* All of step->exec.mounts. ERROR_NOT_FOUND for a source that does not exist, ERROR_UNSUPPORTED for kinds this
 * version does not know. */
int run_mounts_prepare(struct run_mounts *run, struct error *error);
void run_mounts_release(struct run_mounts *run);

#endif
