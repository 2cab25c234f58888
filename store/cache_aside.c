#include "store/cache_aside.h"

#include "base/fs.h"
#include "base/time.h"
#include "store/cache_extent.h"
#include "store/cache_mark.h"
#include "store/cache_stamp.h"
#include "store/disk_usage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define INFIX ".damaged-"

/* Whatever was found under the name: a directory, too. KEEP (or NULL) stays. */
static int drop(int directory, const char *name, const char *keep, bool is_dry, uint64_t *bytes,
                struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_disk_usage_ struct disk_usage disk = DISK_USAGE_INIT;
    const char *prefix = arena_printf(&arena, "%s" INFIX, name);
    struct str *names;
    size_t count;
    if (fs_list(directory, &arena, &names, &count, error)) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (!str_has_prefix(names[i], str_of(prefix)) || (keep && str_equal_c(names[i], keep))) {
            continue;
        }
        if (disk_usage_add(&disk, directory, names[i].data, bytes, error) ||
            (!is_dry && fs_remove_tree(directory, names[i].data, error))) {
            return -1;
        }
    }
    return 0;
}

int cache_aside_drop(int directory, const char *name, bool is_dry, uint64_t *bytes,
                     struct error *error) {
    return drop(directory, name, NULL, is_dry, bytes, error);
}

static char *free_name(int directory, const char *name) {
    for (long long seconds = time_now() / 1000000000;; seconds++) {
        char *aside = xasprintf("%s" INFIX "%lld", name, seconds);
        if (faccessat(directory, aside, F_OK, AT_SYMLINK_NOFOLLOW)) {
            return aside;
        }
        free(aside);
    }
}

/* The lock file goes too: whoever still has the old file open must not share LMDB's state with the new one. The mark goes
 * after the file that it is about, and an earlier copy only when there is another: who is stopped anywhere in here, or finds
 * something that cannot be removed, has lost nothing when he does it again. */
int cache_aside_put(int directory, const char *name, char **as, struct error *error) {
    _cleanup_free_ char *lock = xasprintf("%s" CACHE_LOCK_SUFFIX, name);
    _cleanup_free_ char *stamp = xasprintf("%s" CACHE_STAMP_SUFFIX, name);
    _cleanup_free_ char *aside = free_name(directory, name);
    *as = NULL;
    if (fs_remove_tree(directory, lock, error)) {
        return -1;
    }
    bool is_moved = renameat(directory, name, directory, aside) == 0;
    if (!is_moved && errno != ENOENT) {
        return error_system(error, "cannot rename %s", name);
    }
    if (cache_mark_remove(directory, name)) {
        return error_system(error, "cannot remove the mark of %s", name);
    }
    fs_remove_tree(directory, stamp, NULL);
    if (is_moved) {
        uint64_t bytes = 0;
        drop(directory, name, aside, false, &bytes, NULL);
        *as = aside;
        aside = NULL;
    }
    return 0;
}
