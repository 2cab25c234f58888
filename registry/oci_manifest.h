/* oci_manifest: what a manifest and a config say of an image (OCI image-spec, manifest.md and config.md; docker's schema 2,
 * which says the same). Internal to this folder. */
#ifndef BUD_REGISTRY_OCI_MANIFEST_H
#define BUD_REGISTRY_OCI_MANIFEST_H

#include "base/json.h"
#include "registry/oci_layout.h"

struct oci_descriptor {
    struct digest digest;
    uint64_t size;
    struct str media_type; /* points into the JSON; empty: none */
};

/* A member that is a string; else empty. */
struct str oci_member(const json_t *object, const char *key);
/* TEXT as sha256:HEX. */
bool oci_digest_parse(struct str text, struct digest *out);
/* ERROR_CORRUPT without a sha256 digest and a size. */
int oci_descriptor_parse(const json_t *object, struct oci_descriptor *out, struct error *error);
/* Whether a descriptor of MEDIA_TYPE, which may be anything or empty, can be that of an index. */
bool oci_may_be_index(struct str media_type, bool has_platform);
/* OUT gets ID and LAYERS, the diff IDs apart; CONFIG where the config is. ERROR_UNSUPPORTED for what is no image or has layers
 * nobody here can unpack. */
int oci_manifest_parse(const json_t *manifest, struct arena *arena, struct oci_descriptor *config,
                       struct oci_image *out, struct error *error);
/* The diff IDs of IMAGE's layers. ERROR_CORRUPT when there are more or fewer than layers. */
int oci_manifest_parse_config(struct str config, struct oci_image *image, struct error *error);

#endif
