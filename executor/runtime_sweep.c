#include "executor/runtime.h"

#include "base/fs.h"
#include "store/build.h"

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
    struct str *dead;
    struct str *containers;
    size_t dead_count;
    if (build_list_dead(store, &arena, &dead, &dead_count, NULL) < 0) {
        return;
    }
    for (size_t i = 0; i < dead_count; i++) {
        const char *state = arena_printf(&arena, "%s/bud/%s/runc", store->run_root, dead[i].data);
        size_t count = names_in(AT_FDCWD, state, &arena, &containers);
        for (size_t j = 0; j < count; j++) {
            if (str_has_prefix(containers[j], STR("bud-"))) {
                runtime_remove_cgroups(containers[j].data);
            }
        }
    }
}
