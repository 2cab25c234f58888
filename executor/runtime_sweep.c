#include "executor/runtime.h"

#include "base/fs.h"
#include "store/build.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CGROUPS "/sys/fs/cgroup"

/* The names in a directory; none when it cannot be read. */
static size_t names_in(int directory, const char *path, struct arena *arena, struct str **names) {
    size_t count = 0;
    _cleanup_fd_ int fd = openat(directory, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fs_list(fd, arena, names, &count, NULL) < 0) {
        return 0;
    }
    return count;
}

/* In the unified hierarchy, and in each of the old ones. */
void runtime_remove_cgroups(const char *container) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct str *hierarchies;
    _cleanup_fd_ int root = open(CGROUPS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        return;
    }
    unlinkat(root, container, AT_REMOVEDIR);
    size_t count = names_in(root, ".", &arena, &hierarchies);
    for (size_t i = 0; i < count; i++) {
        unlinkat(root, arena_printf(&arena, "%s/%s", hierarchies[i].data, container), AT_REMOVEDIR);
    }
}

void runtime_sweep(const struct store *store) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct str *builds;
    struct str *containers;
    _cleanup_fd_ int directory =
        open(arena_printf(&arena, "%s/bud", store->run_root), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) {
        return;
    }
    size_t build_count = names_in(directory, ".", &arena, &builds);
    for (size_t i = 0; i < build_count; i++) {
        if (builds[i].len != BUILD_ID_LEN || build_is_alive(store, builds[i].data)) {
            continue;
        }
        const char *state = arena_printf(&arena, "%s/runc", builds[i].data);
        size_t count = names_in(directory, state, &arena, &containers);
        for (size_t j = 0; j < count; j++) {
            if (str_has_prefix(containers[j], STR("bud-"))) {
                runtime_remove_cgroups(containers[j].data);
            }
        }
    }
}
