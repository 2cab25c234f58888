/* build: one running bud that may write, known to others by a locked file ROOT/bud/builds/ID.
 *
 * The lock dies with the process: whatever carries the ID of a build whose file nobody locks is debris. The file lists the
 * results of earlier builds that this one uses: nobody removes them while it lives. */
#ifndef BUD_STORE_BUILD_H
#define BUD_STORE_BUILD_H

#include "base/map.h"
#include "store/lock.h"
#include "store/store.h"

#define BUILD_ID_LEN 16

struct build {
    char id[BUILD_ID_LEN + 1];
    struct lock lock;
    char *run_directory; /* RUNROOT/bud/ID, 0700: bundles, mount points, runtime state */
};

/* Registers a build and sweeps what dead ones left (build_sweep()), and half made cache mounts and fetched contexts. The caller
 * ends it. */
int build_begin(const struct store *store, struct build **out, struct error *error);
/* FAILURE: what it failed of, or NULL. When that was the disk, the build's file stays, and the next build sweeps as after one
 * that died. */
void build_end(const struct store *store, struct build *build, const struct error *failure);
/* Removes what dead builds left: protection rows, run directories, what no row names in the shared part of the store; and what
 * anybody left in the trash. OWN_BUILDS of the builds alive are the caller's (0 or 1). */
int build_sweep(const struct store *store, size_t own_builds, struct error *error);
/* Keeps builds from beginning and ending until REGISTRY is released, and counts those alive. */
int build_census(const struct store *store, struct lock *registry, size_t *count,
                 struct error *error);
/* From now on nobody removes snapshot RESULT (which may be gone already: look for it after this, not before). For any
 * thread. */
int build_hold(const struct store *store, const struct build *build, const char *const *results,
               size_t count, struct error *error);
/* Takes REGISTRY, as build_census() (NULL: it is only to be shown, and may be out of date), and tells what the builds alive hold: *HELD gets the IDs of their snapshots, in ARENA, as
 * keys, and those of the builds. What a build makes begins with its ID: see build_is_held(). */
int build_held(const struct store *store, struct lock *registry, struct arena *arena,
               struct map *held, struct error *error);
bool build_is_held(const struct map *held, struct str snapshot);
/* The IDs, in ARENA, of this root's builds that died and whose traces nobody has removed yet. */
int build_list_dead(const struct store *store, struct arena *arena, struct str **ids, size_t *count,
                    struct error *error);
/* Is the build with this ID alive? Says nothing of builds in other roots, which may share the run root. */
bool build_is_alive(const struct store *store, const char *id);

#endif
