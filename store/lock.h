/* lock: the lock files of containers-storage, and the token that tells readers of a change.
 *
 * Open file description locks: they exclude the library's traditional record locks in both directions and do not
 * vanish when another descriptor of the file is closed. Order, for whoever holds more than one: storage, layers,
 * images, containers. */
#ifndef BUD_STORE_LOCK_H
#define BUD_STORE_LOCK_H

#include "store/store.h"

enum store_lock_name { LOCK_STORAGE, LOCK_LAYERS, LOCK_IMAGES, LOCK_CONTAINERS };
enum lock_mode { LOCK_SHARED, LOCK_EXCLUSIVE };

struct lock {
    int fd; /* -1: not held */
    enum lock_mode mode;
};

#define LOCK_INIT                                                                                  \
    { -1, LOCK_SHARED }

/* Waits until the lock is ours. A shared lock in a store that does not exist (or whose lock file does not, on a
 * read-only file system) succeeds with fd -1. */
int lock_take(const struct store *store, enum store_lock_name name, enum lock_mode mode,
              struct lock *out, struct error *error);
/* The same for any path; TRY: returns 0 with fd -1 instead of waiting. */
int lock_take_path(const char *path, enum lock_mode mode, bool is_try, struct lock *out,
                   struct error *error);
/* Does anybody, we included, hold the lock of PATH in either mode? Takes nothing: nobody waits for who only asks. */
bool lock_is_held(const char *path);
/* Writes 64 fresh bytes: readers that saw the old ones reload. Before the new table is renamed into place. */
int lock_touch(const struct lock *lock, struct error *error);
void lock_release(struct lock *lock); /* fine when not held */
#define _cleanup_lock_ _cleanup_(lock_release)

#endif
