/* image_files: the blobs of an image that is being written, and what its row says about them. */
#ifndef BUD_STORE_IMAGE_FILES_H
#define BUD_STORE_IMAGE_FILES_H

#include "base/digest.h"
#include "base/json.h"
#include "store/store.h"

struct image_file {
    const char *key;
    struct str content;
    struct digest digest;
};

#define IMAGE_FILE_COUNT 4

struct image_files {
    const char *id;              /* hex digest of the config */
    const char *manifest_digest; /* "sha256:…" */
    const char *directory;       /* absolute */
    struct image_file items[IMAGE_FILE_COUNT];
};

/* Strings live in ARENA; CONFIG and MANIFEST are borrowed. */
void image_files_init(const struct store *store, struct str config, struct str manifest,
                      struct arena *arena, struct image_files *out);
/* Before any lock, unsynced: the directory and its files, if the directory is not there yet. *is_made says whether it
 * was made here. */
int image_files_prepare(const struct image_files *files, bool *is_made, struct error *error);
/* Under images.lock: writes, durably, the files that are missing or, for a new ROW, differ, and brings the members
 * big-data-*, digest and metadata of ROW up to date. *is_changed when the row is another than before. A manifest in
 * place stays when it describes other blobs of the same layers (the image was pulled). */
int image_files_finish(const struct image_files *files, json_t *row, bool is_new, bool *is_changed,
                       struct error *error);

#endif
