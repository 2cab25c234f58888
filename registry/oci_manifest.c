#include "registry/oci_manifest.h"

#define LAYERS_MAX 1000 /* more cannot be mounted by far */

struct str oci_member(const json_t *object, const char *key) {
    return str_of(json_string_value(json_object_get(object, key)));
}

bool oci_digest_parse(struct str text, struct digest *out) {
    return str_has_prefix(text, STR("sha256:")) && digest_parse(text, out);
}

static int bad(const char *what, struct error *error) {
    return error_set(error, ERROR_CORRUPT, "%s", what);
}

int oci_descriptor_parse(const json_t *object, struct oci_descriptor *out, struct error *error) {
    const json_t *size = json_object_get(object, "size");
    if (!oci_digest_parse(oci_member(object, "digest"), &out->digest)) {
        return bad("a descriptor has no sha256 digest", error);
    }
    if (!json_is_integer(size) || json_integer_value(size) < 0) {
        return bad("a descriptor has no size", error);
    }
    out->size = (uint64_t)json_integer_value(size);
    out->media_type = oci_member(object, "mediaType");
    return 0;
}

static bool is_one_of(struct str type, const char *const *known) {
    for (; *known; known++) {
        if (str_equal_c(type, *known)) {
            return true;
        }
    }
    return false;
}

bool oci_may_be_index(struct str media_type, bool has_platform) {
    static const char *const indexes[] = {
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json", NULL
    };
    static const char *const manifests[] = { "application/vnd.oci.image.manifest.v1+json",
                                             "application/vnd.docker.distribution.manifest.v2+json",
                                             NULL };
    return is_one_of(media_type, indexes) || (!has_platform && !is_one_of(media_type, manifests));
}

static bool is_config(struct str type) {
    static const char *const known[] = { "application/vnd.oci.image.config.v1+json",
                                         "application/vnd.docker.container.image.v1+json", NULL };
    return is_one_of(type, known);
}

/* How it is compressed is told by its first bytes. */
static bool is_layer(struct str type) {
    static const char *const known[] = {
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.diff.tar",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.diff.tar.zstd",
        "application/vnd.docker.image.rootfs.foreign.diff.tar",
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        NULL,
    };
    return is_one_of(type, known);
}

static int no_image(const char *what, struct str type, struct error *error) {
    error_set(error, ERROR_UNSUPPORTED, "%s has the type '%.100s'", what,
              type.len > 0 ? type.data : "");
    return error_hint(error, "container images can be used, not other artifacts; encrypted layers "
                             "have to be decrypted before");
}

int oci_manifest_parse(const json_t *manifest, struct arena *arena, struct oci_descriptor *config,
                       struct oci_image *out, struct error *error) {
    const json_t *layers = json_object_get(manifest, "layers");
    size_t i;
    const json_t *object;
    if (json_integer_value(json_object_get(manifest, "schemaVersion")) != 2 ||
        !json_is_array(layers)) {
        return bad("a manifest is not of schema version 2 with a list of layers", error);
    }
    if (json_array_size(layers) > LAYERS_MAX) {
        return bad("a manifest has too many layers", error);
    }
    if (oci_descriptor_parse(json_object_get(manifest, "config"), config, error)) {
        return -1;
    }
    if (!is_config(config->media_type)) {
        return no_image("the config", config->media_type, error);
    }
    out->id = config->digest;
    out->layer_count = json_array_size(layers);
    out->layers = arena_array(arena, out->layer_count, sizeof(*out->layers));
    json_array_foreach(layers, i, object) {
        struct oci_descriptor layer;
        if (oci_descriptor_parse(object, &layer, error)) {
            return -1;
        }
        if (!is_layer(layer.media_type)) {
            return no_image("a layer", layer.media_type, error);
        }
        out->layers[i] = (struct oci_layer){ .digest = layer.digest, .size = layer.size };
    }
    return 0;
}

int oci_manifest_parse_config(struct str config, struct oci_image *image, struct error *error) {
    _cleanup_json_ json_t *parsed = json_parse(config, "the config", error);
    if (!parsed) {
        return -1;
    }
    const json_t *diff_ids = json_object_get(json_object_get(parsed, "rootfs"), "diff_ids");
    if (json_array_size(diff_ids) != image->layer_count) {
        return error_set(error, ERROR_CORRUPT, "the manifest has %zu layers, the config %zu",
                         image->layer_count, json_array_size(diff_ids));
    }
    for (size_t i = 0; i < image->layer_count; i++) {
        struct str text = str_of(json_string_value(json_array_get(diff_ids, i)));
        if (!oci_digest_parse(text, &image->layers[i].diff_id)) {
            return bad("the config has a diff ID that is no sha256 digest", error);
        }
    }
    return 0;
}
