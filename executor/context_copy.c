#include "executor/context_copy.h"

#include "base/fs.h"
#include "executor/cache_mount.h"
#include "executor/context.h"

#include <stdlib.h>
#include <unistd.h>

/* A file arrives under its own name, a directory as its contents. */
static int find_path(const struct tree *context, struct context_copy *copy, struct arena *arena,
                     struct error *error) {
    struct stat stat, root;
    const char *directory = arena_printf(arena, "%s/diff", copy->snapshot.directory);
    _cleanup_fd_ int fd =
        fs_open_in_root(context->fd, str_dup(arena, copy->source), O_PATH, 0, error);
    if (fd < 0) {
        return -1;
    }
    if (fstat(fd, &stat) < 0 || !S_ISDIR(stat.st_mode)) {
        copy->path = arena_printf(arena, "%s/%.*s", directory, STR_ARG(path_base(copy->source)));
        return 0;
    }
    /* What mode the context itself has is not told by what is in it (planner/content.c); a link may lead to it, too. */
    bool is_whole =
        fstat(context->fd, &root) == 0 && root.st_dev == stat.st_dev && root.st_ino == stat.st_ino;
    copy->path = directory;
    return chmod(directory, is_whole ? 0755 : stat.st_mode & 07777) < 0
               ? error_system(error, "cannot set the mode of %s", directory)
               : 0;
}

static int make(const struct work *work, const struct step *step, const struct mount_plan *mount,
                struct context_copy *copy, struct error *error) {
    struct arena *arena = &work->copies->arena;
    const struct step_input *input = &step->inputs[mount->input];
    uint64_t stamps;
    if (snapshot_new(work->store, work->build, NULL, &copy->snapshot, error) < 0) {
        return -1;
    }
    const char *directory = arena_printf(arena, "%s/diff", copy->snapshot.directory);
    if (cache_mount_copy(work, step, input->context, copy->source, directory, &stamps, error) < 0 ||
        context_check(work, step, input, stamps, error) < 0 ||
        find_path(input->context, copy, arena, error) < 0) {
        snapshot_remove(work->store, copy->snapshot.id, NULL);
        snapshot_free(&copy->snapshot);
        return -1;
    }
    return 0;
}

static const char *find(const struct context_copies *copies, const struct context_copy *wanted) {
    for (size_t i = 0; i < copies->items.count; i++) {
        const struct context_copy *copy = &copies->items.items[i];
        if (digest_equal(&copy->content, &wanted->content) &&
            str_equal(copy->source, wanted->source)) {
            return copy->path;
        }
    }
    return NULL;
}

int context_copy_get(const struct work *work, const struct step *step,
                     const struct mount_plan *mount, const char **path, struct error *error) {
    struct context_copies *copies = work->copies;
    struct context_copy copy = { .content = step->inputs[mount->input].content,
                                 .source = mount->source };
    int status = 0;
    pthread_mutex_lock(&copies->lock);
    *path = find(copies, &copy);
    if (!*path && (status = make(work, step, mount, &copy, error)) == 0) {
        vec_push(&copies->items, copy);
        *path = copy.path;
    }
    pthread_mutex_unlock(&copies->lock);
    return status;
}

void context_copies_free(const struct store *store, struct context_copies *copies) {
    for (size_t i = 0; i < copies->items.count; i++) {
        snapshot_remove(store, copies->items.items[i].snapshot.id, NULL);
        snapshot_free(&copies->items.items[i].snapshot);
    }
    vec_free(&copies->items);
    arena_free(&copies->arena);
    pthread_mutex_destroy(&copies->lock);
}
