#include "base/time.h"
#include "cli/command.h"
#include "cli/human.h"
#include "cli/stored_image.h"
#include "registry/reference.h"

#include <stdlib.h>

static const struct option_spec images_options[] = {
    { .name = "all", .letter = 'a', .kind = OPTION_FLAG, .help = "every image: bud hides none" },
    { .name = "digests", .kind = OPTION_FLAG, .help = "show the digests of the manifests" },
    { .name = "json", .kind = OPTION_FLAG, .help = "as JSON" },
    { .name = "no-trunc", .kind = OPTION_FLAG, .help = "show whole image IDs" },
    { .name = "noheading",
      .letter = 'n',
      .kind = OPTION_FLAG,
      .help = "no line of column headings" },
    { .name = "quiet", .letter = 'q', .kind = OPTION_FLAG, .help = "show only image IDs" },
    { .name = "format",
      .kind = OPTION_TEXT,
      .value = "FORMAT",
      .only = "json table",
      .undone = "*{{*",
      .instead = "Go templates are not done yet: use --json with jq",
      .help = "table or json" },
    { .name = "filter",
      .letter = 'f',
      .kind = OPTION_SET,
      .value = "FILTER",
      .only = "",
      .help = "" },
    { .name = "history", .kind = OPTION_FLAG, .only = "", .help = "" },
    { .name = NULL },
};

struct listing {
    const struct options *options;
    struct arena *arena;
    const struct layer_list *layers;
    int64_t now;
    struct columns table;
    json_t *json;
    struct buf *out;
    const char *const *
        wanted; /* only images with one of these names or, without a tag, repositories; NULL: all */
};

static const char *shown_id(const struct listing *listing, const struct image *image) {
    return option_flag(listing->options, "no-trunc", false)
               ? arena_printf(listing->arena, "sha256:%.*s", STR_ARG(image->id))
               : str_dup(listing->arena, str_sub(image->id, 0, 12));
}

static void add_heading(struct listing *listing) {
    static const char *const headings[] = { "REPOSITORY", "TAG",     "DIGEST",
                                            "IMAGE ID",   "CREATED", "SIZE" };
    bool has_digests = option_flag(listing->options, "digests", false);
    listing->table.width = has_digests ? 6 : 5;
    for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++) {
        bool is_shown = i != 2 || has_digests;
        if (is_shown && !option_flag(listing->options, "noheading", false)) {
            columns_add(&listing->table, headings[i]);
        }
    }
}

static void add_row(struct listing *listing, const struct image *image, struct str name,
                    uint64_t size) {
    const char *repository, *tag;
    stored_image_split_name(name, listing->arena, &repository, &tag);
    columns_add(&listing->table, repository);
    columns_add(&listing->table, tag);
    if (option_flag(listing->options, "digests", false)) {
        columns_add(&listing->table,
                    image->digest.len > 0 ? str_dup(listing->arena, image->digest) : "<none>");
    }
    columns_add(&listing->table, shown_id(listing, image));
    columns_add(&listing->table, human_age(listing->arena, image->created, listing->now));
    columns_add(&listing->table, human_size(listing->arena, size));
}

/* The members of `buildah images --json`. */
static json_t *describe(const struct listing *listing, const struct image *image, uint64_t size) {
    char time[TIME_TEXT_SIZE];
    time_format(time, image->created);
    json_t *names = json_array();
    for (size_t i = 0; i < image->name_count; i++) {
        json_array_append_new(names, json_from_str(image->names[i]));
    }
    return json_pack("{s:o, s:o, s:o, s:s, s:s, s:I, s:s, s:b}", "id", json_from_str(image->id),
                     "names", names, "digest", json_from_str(image->digest), "createdat",
                     human_age(listing->arena, image->created, listing->now), "size",
                     human_size(listing->arena, size), "created",
                     (json_int_t)(image->created / 1000000000), "createdatraw", time, "readonly",
                     0);
}

/* Is NAME what was asked for? */
static bool is_wanted(const struct listing *listing, struct str name) {
    const char *repository, *tag;
    stored_image_split_name(name, listing->arena, &repository, &tag);
    for (const char *const *wanted = listing->wanted; *wanted != NULL; wanted++) {
        if (str_equal_c(name, *wanted) || strcmp(repository, *wanted) == 0) {
            return true;
        }
    }
    return false;
}

static int add_image(struct listing *listing, const struct image *image, struct error *error) {
    if (option_flag(listing->options, "quiet", false)) {
        buf_printf(listing->out, "%s\n", shown_id(listing, image));
        return 0;
    }
    uint64_t size;
    if (stored_image_size(image, listing->layers, listing->arena, &size, error) < 0) {
        return error_wrap(error, "cannot tell the size of image %.12s", image->id.data);
    }
    if (listing->json != NULL) {
        json_array_append_new(listing->json, describe(listing, image, size));
        return 0;
    }
    if (image->name_count == 0) {
        add_row(listing, image, STR_EMPTY, size);
    }
    for (size_t i = 0; i < image->name_count; i++) {
        if (listing->wanted == NULL || is_wanted(listing, image->names[i])) {
            add_row(listing, image, image->names[i], size);
        }
    }
    return 0;
}

static int compare_newest_first(const void *left, const void *right) {
    const struct image *a = *(const struct image *const *)left;
    const struct image *b = *(const struct image *const *)right;
    if (a->created != b->created) {
        return a->created > b->created ? -1 : 1;
    }
    return str_compare(a->id, b->id);
}

static bool has_wanted_name(const struct listing *listing, const struct image *image) {
    for (size_t i = 0; i < image->name_count; i++) {
        if (is_wanted(listing, image->names[i])) {
            return true;
        }
    }
    return false;
}

/* An image by its ID or by the digest of its manifest. */
static int add_identified(struct listing *listing, const struct image_list *images,
                          struct error *error) {
    const struct image *image;
    if (stored_image_find(images, listing->options->arguments[0], listing->arena, &image, NULL,
                          error) < 0) {
        return -1;
    }
    listing->wanted = NULL;
    return add_image(listing, image, error);
}

/* Every image, or those of a name. */
static int add_images(struct listing *listing, const struct image_list *images,
                      struct error *error) {
    bool is_found = false;
    if (listing->options->argument_count > 0) {
        listing->wanted =
            reference_repositories(str_of(listing->options->arguments[0]), listing->arena);
    }
    const struct image **order = arena_array(listing->arena, images->count, sizeof(*order));
    for (size_t i = 0; i < images->count; i++) {
        order[i] = &images->items[i];
    }
    if (images->count > 0) {
        qsort(order, images->count, sizeof(*order), compare_newest_first);
    }
    for (size_t i = 0; i < images->count; i++) {
        if (listing->wanted != NULL && !has_wanted_name(listing, order[i])) {
            continue;
        }
        is_found = true;
        if (add_image(listing, order[i], error) < 0) {
            return -1;
        }
    }
    return is_found || listing->wanted == NULL ? 0 : add_identified(listing, images, error);
}

static int print_images(const struct invocation *invocation, struct store *store,
                        struct error *error) {
    const struct options *options = &invocation->options;
    struct image_list images;
    struct layer_list layers;
    if (image_list_read(store, invocation->arena, &images, error) < 0 ||
        layer_list_read(store, invocation->arena, &layers, error) < 0) {
        return -1;
    }
    bool is_json = option_flag(options, "json", false) || option_is(options, "format", "json");
    _cleanup_buf_ struct buf out = BUF_INIT;
    _cleanup_json_ json_t *json = is_json ? json_array() : NULL;
    struct listing listing = { .options = options,
                               .arena = invocation->arena,
                               .layers = &layers,
                               .now = time_now(),
                               .json = json,
                               .out = &out };
    listing.table = (struct columns){ .arena = invocation->arena, .gap = 3 };
    add_heading(&listing);
    if (add_images(&listing, &images, error) < 0) {
        return -1;
    }
    if (option_flag(options, "quiet", false)) {
        return output_write(&out, error);
    }
    if (is_json) {
        json_write_indented(&out, json, 4);
    } else {
        columns_print(&listing.table, &out);
    }
    return output_write(&out, error);
}

static int images_run(struct invocation *invocation, struct error *error) {
    return invocation_with_store(invocation, STORE_READ, NAMESPACE_FOR_TABLES, print_images, error);
}

const struct command command_images = {
    .name = "images",
    .arguments = "[OPTION...] [NAME]",
    .summary = "list the images",
    .description = "Lists the images of the store, newest first, one line a name; with NAME only "
                   "those called so, by any tag where it has none. Images "
                   "without a name are shown as <none>.",
    .groups = (const struct option_group[]){ { "Options", images_options }, { NULL, NULL } },
    .maximum = 1,
    .run = images_run,
};
