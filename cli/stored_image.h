/* stored_image: an image of the store as the commands that show images need it. */
#ifndef BUD_CLI_STORED_IMAGE_H
#define BUD_CLI_STORED_IMAGE_H

#include "base/json.h"
#include "store/image.h"

/* The image TEXT (a name, an ID or the beginning of one) stands for. NAME (may be NULL) gets which of the image's names
 * TEXT meant, NULL when it was an ID. ERROR_NOT_FOUND when there is none. */
int stored_image_find(const struct image_list *list, const char *text, struct arena *arena,
                      const struct image **out, const char **name, struct error *error);
/* *IMAGE, found as TEXT, becomes the one for this machine if it is a manifest list. ERROR_INPUT when there is none. */
int stored_image_instance(const struct image_list *list, const char *text, struct arena *arena,
                          const struct image **image, struct error *error);
/* Bytes of its layers (as tar) and blobs, as Podman counts: layers two images share count for both. */
int stored_image_size(const struct image *image, const struct layer_list *layers,
                      struct arena *arena, uint64_t *size, struct error *error);
/* Its config, parsed and verified; the caller owns the reference. NULL and error on failure. */
json_t *stored_image_config(const struct image *image, struct error *error);
/* REPOSITORY and TAG of a full name; "<none>" where there is none. */
void stored_image_split_name(struct str name, struct arena *arena, const char **repository,
                             const char **tag);

#endif
