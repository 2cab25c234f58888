#include "executor/squash.h"

#include "base/fs.h"
#include "executor/rewrite_times.h"
#include "store/layer_stream.h"

static int copy_whole(const struct work *work, const struct rootfs *from, const char *diff,
                      struct error *error) {
    struct rootfs to = ROOTFS_INIT;
    struct str whole = STR("/");
    struct step step = {
        .kind = STEP_FILE,
        .stage = work->plan->target,
        .instruction = work->plan->dockerfile->instructions[0],
        .text = STR("squash"),
        .file = { .kind = FILE_COPY,
                  .selection = { .sources = &whole, .source_count = 1 },
                  .destination = STR("/") },
    };
    struct tree source = { .fd = from->fd, .name = "image to squash" };
    if (rootfs_mount(work->store, work->build, NULL, 0, diff, &to, error) < 0) {
        return -1;
    }
    int status = file_step_run(work, &step, &to, &source, NULL, error);
    rootfs_unmount(&to);
    return status;
}

static int digest(const struct work *work, const struct snapshot *snapshot, struct arena *arena,
                  struct cache_layer *facts, struct error *error) {
    _cleanup_fd_ int diff = fs_open(arena_printf(arena, "%s/diff", snapshot->directory),
                                    O_RDONLY | O_DIRECTORY, 0, error);
    struct layer_stream_options options = {
        .tar_split = arena_printf(arena, "%s/tar-split.gz", snapshot->directory),
        .tar = -1,
        .is_rootless = work->store->is_rootless,
    };
    return diff < 0 ? -1
                    : layer_stream_digest(diff, &options, arena, work->is_cancelled, facts, error);
}

int squash_directories(const struct work *work, const char *const *directories, size_t count,
                       const char *like, struct arena *arena, const char **id,
                       struct cache_layer *facts, struct error *error) {
    struct snapshot snapshot = { 0 };
    struct rootfs from = ROOTFS_INIT;
    if (snapshot_new(work->store, work->build, like, &snapshot, error) < 0) {
        return -1;
    }
    int status = rootfs_mount(work->store, work->build, directories, count, NULL, &from, error);
    if (status == 0) {
        status = copy_whole(work, &from, arena_printf(arena, "%s/diff", snapshot.directory), error);
    }
    rootfs_unmount(&from);
    if (status == 0 && work->plan->is_rewriting_times) {
        status = rewrite_times(arena_printf(arena, "%s/diff", snapshot.directory),
                               work->plan->timestamp, error);
    }
    if (status == 0) {
        status = digest(work, &snapshot, arena, facts, error);
    }
    *id = arena_strdup(arena, snapshot.id);
    snapshot_free(&snapshot);
    return status;
}

int squash_steps(const struct work *work, const struct outcomes *outcomes, struct arena *arena,
                 const char **id, struct cache_layer *facts, struct error *error) {
    const struct step *top = work->plan->image->parent;
    const char **lowers = NULL;
    size_t count = 0;
    *id = NULL;
    const char *like = NULL;
    if (outcomes_stack(outcomes, top, arena, &lowers, &count, error) < 0 ||
        outcomes_root(outcomes, top, arena, &like, error) < 0) {
        return -1;
    }
    return count == 0 ? 0 : squash_directories(work, lowers, count, like, arena, id, facts, error);
}
