/* build: one running bud that may write, known to others by a locked file ROOT/bud/builds/ID.
 *
 * The lock dies with the process: whatever carries the ID of a build whose file nobody locks is debris. */
#ifndef BUD_STORE_BUILD_H
#define BUD_STORE_BUILD_H

#include "store/lock.h"
#include "store/store.h"

#define BUILD_ID_LEN 16

struct build {
    char id[BUILD_ID_LEN + 1];
    struct lock lock;
    char *run_directory; /* RUNROOT/bud/ID, 0700: bundles, mount points, runtime state */
};

/* Registers a build and sweeps what dead ones left: snapshots in the making, run directories, containers in
 * runc's state, protection rows. The caller ends it. */
int build_begin(const struct store *store, struct build **out, struct error *error);
void build_end(const struct store *store, struct build *build);
/* Keeps builds from beginning and ending until REGISTRY is released, and counts those alive. */
int build_census(const struct store *store, struct lock *registry, size_t *count,
                 struct error *error);
/* The IDs, in ARENA, of this root's builds that died and whose traces nobody has removed yet. */
int build_list_dead(const struct store *store, struct arena *arena, struct str **ids, size_t *count,
                    struct error *error);
/* Is the build with this ID alive? Says nothing of builds in other roots, which may share the run root. */
bool build_is_alive(const struct store *store, const char *id);

#endif
