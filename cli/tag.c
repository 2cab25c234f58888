#include "cli/command.h"
#include "cli/stored_image.h"
#include "registry/reference.h"

#include <limits.h>

static int tag_image(const struct invocation *invocation, struct store *store,
                     struct error *error) {
    const struct options *options = &invocation->options;
    struct image_list images;
    const struct image *image;
    if (image_list_read(store, invocation->arena, &images, error) < 0 ||
        stored_image_find(&images, options->arguments[0], invocation->arena, &image, NULL, error) <
            0) {
        return -1;
    }
    /* All names are checked before the first is given. */
    const char **names = arena_array(invocation->arena, options->argument_count, sizeof(*names));
    for (size_t i = 1; i < options->argument_count; i++) {
        if (reference_for_tag(str_of(options->arguments[i]), invocation->arena, &names[i], error) <
            0) {
            return error_wrap(error, "cannot name an image %s", options->arguments[i]);
        }
    }
    const char *id = str_dup(invocation->arena, image->id);
    for (size_t i = 1; i < options->argument_count; i++) {
        if (image_add_name(store, id, names[i], error) < 0) {
            return -1;
        }
    }
    return 0;
}

static int tag_run(struct invocation *invocation, struct error *error) {
    return invocation_with_store(invocation, STORE_CHANGE, NAMESPACE_FOR_TABLES, tag_image, error);
}

const struct command command_tag = {
    .name = "tag",
    .arguments = "NAME NEW-NAME...",
    .summary = "give an image more names",
    .description = "NAME is a name or an ID. A name that another image has moves to this one. A "
                   "new name without a "
                   "registry is one of localhost, one without a tag has the tag latest.",
    .examples = "bud tag nginx nginx:v1 registry.example.com/web/nginx:v1",
    .minimum = 2,
    .maximum = UINT_MAX,
    .run = tag_run,
};
