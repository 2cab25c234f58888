#include "executor/rewrite_times.h"

#include "base/fs.h"
#include "store/layer_walk.h"

#include <sys/stat.h>

static int set_time(const struct layer_walk *walk, const struct layer_entry *entry,
                    const struct timespec times[2], struct error *error) {
    int status = S_ISDIR(entry->mode)
                     ? futimens(walk->fd, times)
                     : utimensat(walk->fd, entry->name.data, times, AT_SYMLINK_NOFOLLOW);
    if (status < 0) {
        return error_system(error, "cannot set the time of %.*s%.*s", STR_ARG(buf_str(&walk->path)),
                            STR_ARG(S_ISDIR(entry->mode) ? STR_EMPTY : entry->name));
    }
    return 0;
}

int rewrite_times(const char *diff, int64_t time, struct error *error) {
    _cleanup_fd_ int fd = fs_open(diff, O_RDONLY | O_DIRECTORY, 0, error);
    _cleanup_layer_walk_ struct layer_walk walk = LAYER_WALK_INIT;
    const struct timespec at = { .tv_sec = time / 1000000000, .tv_nsec = time % 1000000000 };
    const struct timespec times[2] = { at, at };
    if (fd < 0 || layer_walk_open(&walk, fd, error) < 0) {
        return -1;
    }
    const struct layer_entry *entry = NULL;
    do {
        if (layer_walk_next(&walk, &entry, error) < 0 ||
            (entry != NULL && !entry->is_whiteout && set_time(&walk, entry, times, error) < 0)) {
            return -1;
        }
    } while (entry != NULL);
    return 0;
}
