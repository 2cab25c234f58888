#include "store/layer_unpack.h"

#include "base/fs.h"
#include "store/archive.h"
#include "store/layer_intake.h"

#include <stdlib.h>
#include <unistd.h>

static int wrong(const struct layer_blob *blob, const char *what, struct error *error) {
    error_set(error, ERROR_CORRUPT, "the layer '%s' is not what its %s says", blob->name, what);
    return error_hint(error, "copy the image again; what is there is damaged or was changed");
}

static int check_blob(const struct layer_blob *blob, struct archive_tap *tap, struct error *error) {
    struct digest found = hasher_finish(&tap->hasher);
    if (tap->size != blob->size) {
        return wrong(blob, "size", error);
    }
    return digest_equal(&found, &blob->digest) ? 0 : wrong(blob, "digest", error);
}

/* Unpacking failed. When the blob is another than was promised, that is the reason, whatever it looked like. */
static int explain_failure(const struct layer_blob *blob, struct error *error) {
    if (!error || (error->code != ERROR_INPUT && error->code != ERROR_CORRUPT)) {
        return -1;
    }
    struct archive_tap tap = { .limit = blob->size };
    struct archive_input input;
    struct error reason = ERROR_INIT;
    hasher_init(&tap.hasher);
    if (lseek(blob->fd, 0, SEEK_SET) < 0) {
        return -1;
    }
    /* Recognising the compression may fail as well; what counts is read before that. */
    archive_input_open_tapped(&input, blob->fd, blob->name, &tap, NULL);
    archive_input_drain(&input, NULL);
    archive_input_close(&input);
    if (check_blob(blob, &tap, &reason)) {
        error_clear(error);
        *error = reason;
    }
    return -1;
}

static int finish(const struct layer_blob *blob, struct layer_intake *intake, struct arena *arena,
                  struct layer_contents *out, struct error *error) {
    struct digest diff_id = hasher_finish(&intake->hasher);
    if (check_blob(blob, &intake->tap, error)) {
        return -1;
    }
    if (!digest_equal(&diff_id, &blob->diff_id)) {
        return wrong(blob, "diff ID", error);
    }
    *out = (struct layer_contents){
        .layer = { .diff_id = diff_id, .diff_size = intake->size },
        .compression = intake->compression,
        .has_root = intake->has_root,
    };
    id_set_copy(&intake->uids, arena, &out->layer.uids, &out->layer.uid_count);
    id_set_copy(&intake->gids, arena, &out->layer.gids, &out->layer.gid_count);
    return tar_split_finish(intake->split, error);
}

int layer_unpack(const struct store *store, const struct snapshot *snapshot,
                 const struct layer_blob *blob, const atomic_bool *is_cancelled,
                 struct arena *arena, struct layer_contents *out, struct error *error) {
    _cleanup_free_ char *log = xasprintf("%s/tar-split.gz", snapshot->directory);
    _cleanup_free_ char *path = xasprintf("%s/diff", snapshot->directory);
    _cleanup_fd_ int diff = fs_open(path, O_RDONLY | O_DIRECTORY, 0, error);
    struct layer_intake intake = { .is_cancelled = is_cancelled, .tap = { .limit = blob->size } };
    struct archive_options options = { .is_rootless = store->is_rootless,
                                       .is_root_entry_kept = true,
                                       .layer = &intake };
    if (diff < 0 || tar_split_create(log, &intake.split, error)) {
        return -1;
    }
    hasher_init(&intake.hasher);
    hasher_init(&intake.tap.hasher);
    int result = archive_unpack(blob->fd, blob->name, diff, &options, error)
                     ? explain_failure(blob, error)
                     : finish(blob, &intake, arena, out, error);
    tar_split_free(intake.split);
    layer_intake_free(&intake);
    return result;
}
