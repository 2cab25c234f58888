#include "executor/manifest.h"

#include "base/json.h"

static json_t *descriptor(const char *media_type, const struct digest *digest, uint64_t size) {
    char text[8 + DIGEST_HEX_LEN];
    struct digest_hex hex = digest_hex(digest);
    memcpy(text, "sha256:", 7);
    memcpy(text + 7, hex.text, sizeof(hex.text));
    return json_pack("{s:s, s:s, s:I}", "mediaType", media_type, "digest", text, "size",
                     (json_int_t)size);
}

void manifest_write(struct buf *out, bool is_docker, struct str config,
                    const struct manifest_layer *layers, size_t layer_count,
                    const struct name_values *annotations) {
    const char *manifest_type = is_docker ? "application/vnd.docker.distribution.manifest.v2+json"
                                          : "application/vnd.oci.image.manifest.v1+json";
    const char *config_type = is_docker ? "application/vnd.docker.container.image.v1+json"
                                        : "application/vnd.oci.image.config.v1+json";
    const char *layer_type = is_docker ? "application/vnd.docker.image.rootfs.diff.tar"
                                       : "application/vnd.oci.image.layer.v1.tar";
    struct digest config_digest = digest_of(config.data, config.len);
    _cleanup_json_ json_t *manifest =
        json_pack("{s:i, s:s, s:o, s:[]}", "schemaVersion", 2, "mediaType", manifest_type, "config",
                  descriptor(config_type, &config_digest, config.len), "layers");
    json_t *list = json_object_get(manifest, "layers");
    for (size_t i = 0; i < layer_count; i++) {
        json_array_append_new(list, descriptor(layer_type, &layers[i].digest, layers[i].size));
    }
    if (!is_docker && annotations->count > 0) {
        json_t *object = json_object();
        for (size_t i = 0; i < annotations->count; i++) {
            struct arena arena = ARENA_INIT;
            json_object_set_new(object, str_dup(&arena, annotations->items[i].name),
                                json_from_str(annotations->items[i].value));
            arena_free(&arena);
        }
        json_object_set_new(manifest, "annotations", object);
    }
    json_write(out, manifest);
}
