#include "store/manifest_list.h"

#include "base/digest.h"
#include "base/fs.h"
#include "base/json.h"
#include "store/big_data.h"

#include <limits.h>
#include <unistd.h>

#define LIST_SIZE_LIMIT ((size_t)4 << 20) /* as registries have it */
#define LISTED_LIMIT 20

static struct str member(const json_t *object, const char *key) {
    return json_text(json_object_get(object, key));
}

/* The manifest of IMAGE when that is a list, else NULL. Not checked against a digest: the row's is that of the list when it was
 * made, still empty, and all it says is which other images are meant, by their digests. */
static int read_list(const struct image *image, struct str name, json_t **out,
                     struct error *error) {
    _cleanup_free_ char *path = xasprintf("%s/manifest", image->directory);
    _cleanup_buf_ struct buf text = BUF_INIT;
    bool exists = false;

    *out = NULL;
    if (image->layer.len > 0) {
        return 0;
    }
    if (fs_read_file_if_exists(AT_FDCWD, path, LIST_SIZE_LIMIT, &text, &exists, error) < 0) {
        return -1;
    }
    _cleanup_json_ json_t *manifest = exists ? json_parse(buf_str(&text), path, error) : NULL;
    if (!exists || !json_object_get(manifest, "manifests")) { /* `null` in one that is empty */
        return exists && !manifest ? -1 : 0;
    }
    /* What could be read as either may be taken for the other by somebody else. */
    if (json_object_get(manifest, "config") || json_object_get(manifest, "layers")) {
        error_set(error, ERROR_CORRUPT,
                  "the manifest of %.*s is that of an image and a list at once", STR_ARG(name));
        return error_hint(error, "remove the image and make it again");
    }
    *out = json_incref(manifest);
    return 0;
}

/* Also by the manifest of a list that it was pulled through, or the other way round: each is kept under its digest. */
static bool has_manifest(const struct image *image, struct str digest) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    const char *key = arena_printf(&arena, "manifest-%.*s", STR_ARG(digest));
    const char *path = arena_printf(&arena, "%s/%s", image->directory, big_data_file(key, &arena));

    return access(path, F_OK) == 0;
}

/* A row without a layer may be a list, with any digest: of those the file decides. */
static const struct image *find_instance(const struct image_list *images, struct str digest) {
    struct digest parsed;

    if (!digest_parse(digest, &parsed)) {
        return NULL;
    }
    for (size_t i = 0; i < images->count; i++) {
        if (images->items[i].layer.len > 0 && str_equal(images->items[i].digest, digest)) {
            return &images->items[i];
        }
    }
    for (size_t i = 0; i < images->count; i++) {
        if (has_manifest(&images->items[i], digest)) {
            return &images->items[i];
        }
    }
    return NULL;
}

static struct str platform_text(const json_t *platform, struct arena *arena) {
    struct str variant = member(platform, "variant");

    return str_printf(arena, "%.*s/%.*s%s%.*s", STR_ARG(member(platform, "os")),
                      STR_ARG(member(platform, "architecture")), variant.len > 0 ? "/" : "",
                      STR_ARG(variant));
}

static int none_is_liked(const json_t *list, struct str name, struct str platform,
                         struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_buf_ struct buf there = BUF_INIT;
    size_t i;
    const json_t *descriptor;

    json_array_foreach(list, i, descriptor) {
        struct str text = platform_text(json_object_get(descriptor, "platform"), &arena);

        if (i == LISTED_LIMIT) {
            buf_append_c(&there, ", …");
            break;
        }
        buf_printf(&there, "%s%.*s", i == 0 ? "" : ", ", STR_ARG(text));
    }
    error_set(error, ERROR_INPUT, "the manifest list %.*s has no image for platform %.*s",
              STR_ARG(name), STR_ARG(platform));
    if (there.len == 0) {
        return error_hint(error, "it is empty: `buildah manifest add %.*s IMAGE` adds one",
                          STR_ARG(name));
    }
    return error_hint(error, "choose another --platform; there are %s", there.data);
}

static int not_stored(const json_t *descriptor, struct str name, struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct str text = platform_text(json_object_get(descriptor, "platform"), &arena);

    error_set(error, ERROR_INPUT,
              "the image for %.*s of the manifest list %.*s is not in the store: %.*s",
              STR_ARG(text), STR_ARG(name), STR_ARG(member(descriptor, "digest")));
    return error_hint(error,
                      "`podman pull` the image that was added to the list, or make it again; "
                      "`podman manifest inspect %.*s` shows the list",
                      STR_ARG(name));
}

/* The descriptor that is liked best, or NULL. */
static const json_t *choose(const json_t *list, const struct manifest_list_wish *wish) {
    const json_t *descriptor, *best = NULL;
    unsigned best_rank = 0;
    size_t i;

    json_array_foreach(list, i, descriptor) {
        const json_t *platform = json_object_get(descriptor, "platform");
        /* Of one that says nothing the image itself will tell. */
        unsigned rank = json_is_object(platform) ? wish->rank(wish->context, member(platform, "os"),
                                                              member(platform, "architecture"),
                                                              member(platform, "variant"))
                                                 : UINT_MAX;

        if (rank > 0 && (!best || rank < best_rank)) {
            best = descriptor;
            best_rank = rank;
        }
    }
    return best;
}

int manifest_list_resolve(const struct image_list *images, const struct image *image,
                          struct str name, const struct manifest_list_wish *wish,
                          const struct image **out, struct error *error) {
    _cleanup_json_ json_t *document = NULL;
    const json_t *list, *chosen;

    *out = image;
    if (read_list(image, name, &document, error) < 0) {
        return -1;
    }
    if (!document) {
        return 0;
    }
    list = json_object_get(document, "manifests");
    chosen = choose(list, wish);
    if (!chosen) {
        return none_is_liked(list, name, wish->platform, error);
    }
    *out = find_instance(images, member(chosen, "digest"));
    return *out ? 0 : not_stored(chosen, name, error);
}
