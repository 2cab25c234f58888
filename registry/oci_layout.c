#include "registry/oci_layout.h"

#include "base/fs.h"
#include "base/json.h"

#include <fcntl.h>
#include <stdlib.h>

#define DOCUMENT_LIMIT ((size_t)4 << 20) /* of an index or manifest, as registries have it */
#define DEPTH_LIMIT 4                    /* an index in an index */

struct layout {
    int fd;
    const char *name;
    oci_platform_rank *rank;
    void *context;
};

static int corrupt(const struct layout *layout, const char *what, struct error *error) {
    error_set(error, ERROR_CORRUPT, "the OCI layout %s: %s", layout->name, what);
    return error_hint(error, "write it again, for example with `skopeo copy … oci:%s`",
                      layout->name);
}

static struct str member(const json_t *object, const char *key) {
    return str_of(json_string_value(json_object_get(object, key)));
}

/* The blob DESCRIPTOR names, as JSON. */
static json_t *read_blob(const struct layout *layout, const json_t *descriptor,
                         struct error *error) {
    struct digest digest;
    _cleanup_buf_ struct buf text = BUF_INIT;
    if (!digest_parse(member(descriptor, "digest"), &digest)) {
        corrupt(layout, "a descriptor has no sha256 digest", error);
        return NULL;
    }
    struct digest_hex hex = digest_hex(&digest);
    char path[sizeof("blobs/sha256/") + sizeof(hex.text)];
    snprintf(path, sizeof(path), "blobs/sha256/%s", hex.text);
    _cleanup_fd_ int fd =
        fs_open_in_root(layout->fd, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0, error);
    if (fd < 0 || fs_read_fd(fd, path, DOCUMENT_LIMIT, &text, error)) {
        error_wrap(error, "cannot read the OCI layout %s", layout->name);
        return NULL;
    }
    struct digest found = digest_of(text.data, text.len);
    if (!digest_equal(&found, &digest)) {
        corrupt(layout, "a blob is not what its digest says", error);
        return NULL;
    }
    return json_parse(buf_str(&text), path, error);
}

static unsigned rank_of(const struct layout *layout, const json_t *descriptor) {
    const json_t *platform = json_object_get(descriptor, "platform");
    return layout->rank(layout->context, member(platform, "os"), member(platform, "architecture"),
                        member(platform, "variant"));
}

static bool is_meant(const json_t *descriptor, struct str reference) {
    const json_t *annotations = json_object_get(descriptor, "annotations");
    return reference.len == 0 || str_equal(member(descriptor, "digest"), reference) ||
           str_equal(member(annotations, "org.opencontainers.image.ref.name"), reference);
}

/* The best of the manifests of INDEX that REFERENCE means; NULL: none. COUNT: of those it means, whatever the platform. */
static const json_t *choose(const struct layout *layout, const json_t *index, struct str reference,
                            size_t *count) {
    const json_t *best = NULL;
    unsigned best_rank = 0;
    size_t i;
    const json_t *descriptor;
    *count = 0;
    json_array_foreach(json_object_get(index, "manifests"), i, descriptor) {
        if (!is_meant(descriptor, reference)) {
            continue;
        }
        ++*count;
        bool is_known = json_is_object(json_object_get(descriptor, "platform"));
        unsigned rank = is_known ? rank_of(layout, descriptor) : UINT32_MAX;
        if (rank > 0 && (!best || rank < best_rank)) {
            best = descriptor;
            best_rank = rank;
        }
    }
    return best;
}

static int not_found(const struct layout *layout, struct str reference, size_t count,
                     struct error *error) {
    if (count > 0) {
        error_set(error, ERROR_NOT_FOUND, "no match for platform in manifest: not found in %s",
                  layout->name);
        return error_hint(error, "choose another --platform");
    }
    error_set(error, ERROR_NOT_FOUND, "the OCI layout %s has no image %.*s", layout->name,
              STR_ARG(reference));
    return error_hint(error, "`jq .manifests %s/index.json` shows what there is", layout->name);
}

/* DOCUMENT is an index or a manifest. */
static int find_config(const struct layout *layout, const json_t *document, struct str reference,
                       unsigned depth, struct digest *config, struct error *error) {
    if (!json_is_array(json_object_get(document, "manifests"))) {
        return digest_parse(member(json_object_get(document, "config"), "digest"), config)
                   ? 0
                   : corrupt(layout, "a manifest names no config", error);
    }
    if (depth == DEPTH_LIMIT) {
        return corrupt(layout, "its indexes lead to each other", error);
    }
    size_t count;
    const json_t *chosen = choose(layout, document, reference, &count);
    if (!chosen) {
        return not_found(layout, reference, count, error);
    }
    _cleanup_json_ json_t *next = read_blob(layout, chosen, error);
    return next ? find_config(layout, next, STR_EMPTY, depth + 1, config, error) : -1;
}

void oci_layout_split(struct str text, struct str *path, struct str *reference) {
    size_t slash = str_rfind_byte(text, '/');
    size_t from = slash == SIZE_MAX ? 0 : slash;
    size_t at = str_find_byte(str_from(text, from), '@');
    size_t colon = at != SIZE_MAX ? at : str_find_byte(str_from(text, from), ':');
    *path = colon == SIZE_MAX ? text : str_sub(text, 0, from + colon);
    *reference = colon == SIZE_MAX ? STR_EMPTY : str_from(text, from + colon + 1);
}

int oci_layout_find(const char *directory, struct str reference, oci_platform_rank *rank,
                    void *context, struct digest *config, struct error *error) {
    _cleanup_buf_ struct buf text = BUF_INIT;
    _cleanup_fd_ int fd = fs_open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, error);
    struct layout layout = { .fd = fd, .name = directory, .rank = rank, .context = context };
    if (fd < 0) {
        return error_wrap(error, "cannot open the OCI layout %s", directory);
    }
    _cleanup_fd_ int index_fd =
        fs_open_in_root(fd, "index.json", O_RDONLY | O_NONBLOCK | O_CLOEXEC, 0, error);
    if (index_fd < 0 || fs_read_fd(index_fd, "index.json", DOCUMENT_LIMIT, &text, error)) {
        error_wrap(error, "%s is no OCI layout", directory);
        return error_hint(error, "`skopeo copy … oci:%s` makes one", directory);
    }
    _cleanup_json_ json_t *index = json_parse(buf_str(&text), "index.json", error);
    return index ? find_config(&layout, index, reference, 0, config, error) : -1;
}
