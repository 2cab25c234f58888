#include "base/time.h"
#include "cli/command.h"
#include "cli/stored_image.h"

static const struct option_spec inspect_options[] = {
    { .name = "type",
      .letter = 't',
      .kind = OPTION_TEXT,
      .value = "TYPE",
      .only = "image",
      .undone = "container manifest",
      .instead = "bud keeps no containers; --type image is what it shows",
      .help = "image (default)" },
    { .name = "format",
      .letter = 'f',
      .kind = OPTION_TEXT,
      .value = "FORMAT",
      .only = "json",
      .undone = "*{{*",
      .instead = "Go templates are not done yet: use jq, as in `bud inspect NAME | jq "
                 ".OCIv1.config.Env`",
      .help = "json (default)" },
    { .name = NULL },
};

static json_t *names_array(const struct image *image) {
    json_t *names = json_array();
    for (size_t i = 0; i < image->name_count; i++) {
        json_array_append_new(names, json_from_str(image->names[i]));
    }
    return names;
}

/* A member of FROM, or a JSON null. Borrowed into OBJECT. */
static void set_member(json_t *object, const char *key, const json_t *from, const char *member) {
    json_t *value = json_object_get(from, member);
    json_object_set(object, key, value != NULL ? value : json_null());
}

/* The members of `buildah inspect --type image` first, then those of `podman image inspect` that do not contradict. */
static json_t *describe(const struct image *image, const char *name, struct str config_text,
                        json_t *config, struct str manifest_text, const json_t *manifest,
                        uint64_t size) {
    json_t *object = json_object();
    json_t *annotations = json_object_get(manifest, "annotations");
    json_set_str(object, "Type", STR("image"));
    json_set_str(object, "FromImage", str_of(name));
    json_set_str(object, "FromImageID", image->id);
    json_set_str(object, "FromImageDigest", image->digest);
    json_set_str(object, "Config", config_text);
    json_set_str(object, "Manifest", manifest_text);
    json_object_set(object, "ImageAnnotations", annotations != NULL ? annotations : json_null());
    json_object_set(object, "OCIv1", config);
    json_object_set(object, "Docker", config);

    char created[TIME_TEXT_SIZE];
    time_format(created, image->created);
    json_set_str(object, "Id", image->id);
    json_set_str(object, "Digest", image->digest);
    json_object_set_new(object, "RepoTags", names_array(image));
    json_set_str(object, "Created", str_of(created));
    set_member(object, "Author", config, "author");
    set_member(object, "Architecture", config, "architecture");
    set_member(object, "Os", config, "os");
    set_member(object, "Labels", json_object_get(config, "config"), "Labels");
    set_member(object, "RootFS", config, "rootfs");
    set_member(object, "History", config, "history");
    set_member(object, "ManifestType", manifest, "mediaType");
    json_object_set_new(object, "Size", json_integer((json_int_t)size));
    json_set_str(object, "TopLayer", image->layer);
    return object;
}

static int inspect_image(const struct invocation *invocation, struct store *store,
                         struct error *error) {
    struct image_list images;
    struct layer_list layers;
    const struct image *image, *found;
    const char *name, *wanted = invocation->options.arguments[0];
    uint64_t size;
    _cleanup_buf_ struct buf config_text = BUF_INIT;
    _cleanup_buf_ struct buf manifest_text = BUF_INIT;
    if (image_list_read(store, invocation->arena, &images, error) < 0 ||
        layer_list_read(store, invocation->arena, &layers, error) < 0 ||
        stored_image_find(&images, wanted, invocation->arena, &found, &name, error) < 0) {
        return -1;
    }
    image = found;
    if (stored_image_instance(&images, wanted, invocation->arena, &image, error) < 0 ||
        stored_image_size(image, &layers, invocation->arena, &size, error) < 0 ||
        image_read_config(image, &config_text, error) < 0 ||
        image_read_manifest(image, &manifest_text, error) < 0) {
        return -1;
    }
    _cleanup_json_ json_t *config = json_parse(buf_str(&config_text), "image config", error);
    if (config == NULL) {
        return -1;
    }
    _cleanup_json_ json_t *manifest = json_parse(buf_str(&manifest_text), "image manifest", error);
    if (manifest == NULL) {
        return -1;
    }
    if (name == NULL || image != found) {
        name = image->name_count > 0 ? str_dup(invocation->arena, image->names[0]) : "";
    }
    _cleanup_json_ json_t *object = describe(image, name, buf_str(&config_text), config,
                                             buf_str(&manifest_text), manifest, size);
    _cleanup_buf_ struct buf out = BUF_INIT;
    json_write_indented(&out, object, 4);
    return output_write(&out, error);
}

static int inspect_run(struct invocation *invocation, struct error *error) {
    return invocation_with_store(invocation, STORE_READ, NAMESPACE_FOR_TABLES, inspect_image,
                                 error);
}

const struct command command_inspect = {
    .name = "inspect",
    .arguments = "[OPTION...] NAME",
    .summary = "show all about an image, as JSON",
    .description = "Prints a JSON object: the members FromImage, FromImageID, FromImageDigest, "
                   "Config, Manifest, OCIv1, "
                   "Docker and ImageAnnotations are those of `buildah inspect`; Id, Digest, "
                   "RepoTags, Created, "
                   "Architecture, Os, Size, RootFS and History those of `podman image inspect`. "
                   "Of a manifest list it is the image for this machine, as there.",
    .examples = "bud inspect nginx | jq .OCIv1.config.Entrypoint",
    .groups = (const struct option_group[]){ { "Options", inspect_options }, { NULL, NULL } },
    .minimum = 1,
    .maximum = 1,
    .run = inspect_run,
};
