#include "base/fs.h"
#include "base/vec.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

static int compare_names(const void *a, const void *b) {
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

int fs_list(int directory, struct arena *arena, struct str **names, size_t *count,
            struct error *error) {
    /* A descriptor of its own, so that the caller's position in the directory does not matter. */
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    if (!stream) {
        error_system(error, "cannot list a directory");
        cleanup_fd(&fd);
        return -1;
    }
    VEC(struct str) list = VEC_INIT;
    struct dirent *entry;
    while ((errno = 0, entry = readdir(stream))) {
        struct str name = str_of(entry->d_name);
        if (!str_equal(name, STR(".")) && !str_equal(name, STR(".."))) {
            arena_vec_push(arena, &list, str_copy(arena, name));
        }
    }
    int problem = errno;
    closedir(stream);
    if (problem) {
        errno = problem;
        return error_system(error, "cannot list a directory");
    }
    if (list.count) {
        qsort(list.items, list.count, sizeof(list.items[0]), compare_names);
    }
    *names = list.items;
    *count = list.count;
    return 0;
}

const char *fs_nearest(int directory, struct str name, struct arena *arena) {
    enum { LIMIT = 10000 };
    struct str *names;
    size_t count;
    if (directory < 0 || fs_list(directory, arena, &names, &count, NULL) < 0 || count > LIMIT) {
        return NULL;
    }
    const char **candidates = arena_array(arena, count, sizeof(*candidates));
    for (size_t i = 0; i < count; i++) {
        candidates[i] = str_dup(arena, names[i]);
    }
    return str_nearest(name, candidates, count);
}
