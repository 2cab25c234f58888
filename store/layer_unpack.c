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
        error_move(error, &reason);
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

static void begin(struct layer_intake *intake, const struct layer_blob *blob,
                  const atomic_bool *is_cancelled) {
    *intake = (struct layer_intake){ .is_cancelled = is_cancelled, .tap = { .limit = blob->size } };
    hasher_init(&intake->hasher);
    hasher_init(&intake->tap.hasher);
}

/* A name is there twice: the log at PATH is made anew, by a second reading, which takes the place of the first. */
static int log_again(const struct layer_blob *blob, int diff, struct archive_options *options,
                     const char *path, struct error *error) {
    struct layer_intake *first = options->layer, second;
    begin(&second, blob, first->is_cancelled);
    second.first = first;
    layer_intake_settle(first);
    tar_split_free(first->split);
    first->split = NULL;
    if (lseek(blob->fd, 0, SEEK_SET) < 0) {
        return error_system(error, "cannot read the layer '%s' again", blob->name);
    }
    if (tar_split_create(path, &second.split, error)) {
        return -1;
    }
    options->layer = &second;
    int result = archive_unpack(blob->fd, blob->name, diff, options, error);
    options->layer = first;
    first->split = second.split;
    first->hasher = second.hasher;
    first->tap = second.tap;
    layer_intake_free(&second);
    return result;
}

int layer_unpack(const struct store *store, const struct snapshot *snapshot,
                 const struct layer_blob *blob, const atomic_bool *is_cancelled,
                 struct arena *arena, struct layer_contents *out, struct error *error) {
    _cleanup_free_ char *log = xasprintf("%s/tar-split.gz", snapshot->directory);
    _cleanup_free_ char *path = xasprintf("%s/diff", snapshot->directory);
    _cleanup_fd_ int diff = fs_open(path, O_RDONLY | O_DIRECTORY, 0, error);
    struct layer_intake intake;
    struct archive_options options = { .is_rootless = store->is_rootless,
                                       .is_root_entry_kept = true,
                                       .layer = &intake };
    begin(&intake, blob, is_cancelled);
    if (diff < 0 || tar_split_create(log, &intake.split, error)) {
        return -1;
    }
    int result = archive_unpack(blob->fd, blob->name, diff, &options, error);
    if (result == 0 && layer_intake_is_repeated(&intake)) {
        result = log_again(blob, diff, &options, log, error);
    }
    result = result ? explain_failure(blob, error) : finish(blob, &intake, arena, out, error);
    tar_split_free(intake.split);
    layer_intake_free(&intake);
    return result;
}
