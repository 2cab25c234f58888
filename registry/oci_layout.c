#include "registry/oci_layout.h"

#include "base/fs.h"
#include "base/json.h"
#include "base/vec.h"
#include "registry/oci_manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define DOCUMENT_LIMIT                                                                             \
    ((size_t)4 << 20)   /* of an index, manifest or config, as registries have it */
#define DEPTH_LIMIT 4   /* an index in an index */
#define INDEX_LIMIT 64  /* documents that are looked through for one image */
#define LISTED_LIMIT 12 /* tags or platforms in a hint */
#define NAMES_LIMIT 256 /* that are compared with each other */
#define LATEST "latest"

struct layout {
    int fd;
    const char *name;
    oci_platform_rank *rank;
    void *context;
    struct arena *arena;
};

static int corrupt(const struct layout *layout, const char *what, struct error *error) {
    error_set(error, ERROR_CORRUPT, "the OCI layout %s: %s", layout->name, what);
    return error_hint(error, "write it again, for example with `skopeo copy … oci:%s`",
                      layout->name);
}

/* ---- blobs ---- */

/* The path of a blob's file in its layout. */
static void blob_path(const struct digest *digest, char out[static 96]) {
    struct digest_hex hex = digest_hex(digest);
    snprintf(out, 96, "blobs/sha256/%s", hex.text);
}

/* Nothing is waited for, whatever stands in place of a file. */
static int open_file(int layout, const char *path, uint64_t *size, struct error *error) {
    struct stat status;
    int fd = fs_open_in_root(layout, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0, error);
    if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
        *size = (uint64_t)status.st_size;
        return fd;
    }
    if (fd >= 0) {
        cleanup_fd(&fd);
        error_set(error, ERROR_CORRUPT, "%s is no regular file", path);
    }
    return -1;
}

/* The blob WANTED is, checked, in ARENA. A size of UINT64_MAX is not known. */
static int read_blob(const struct layout *layout, const struct oci_descriptor *wanted,
                     struct arena *arena, struct str *out, struct error *error) {
    _cleanup_buf_ struct buf text = BUF_INIT;
    char path[96];
    uint64_t size;
    blob_path(&wanted->digest, path);
    _cleanup_fd_ int fd = open_file(layout->fd, path, &size, error);
    if (fd < 0) {
        return error_wrap(error, "cannot read the OCI layout %s", layout->name);
    }
    if (wanted->size != UINT64_MAX && size != wanted->size) {
        return corrupt(layout, "a blob has another size than its descriptor says", error);
    }
    if (fs_read_fd(fd, path, DOCUMENT_LIMIT, &text, error)) {
        return error_wrap(error, "cannot read the OCI layout %s", layout->name);
    }
    struct digest found = digest_of(text.data, text.len);
    if (!digest_equal(&found, &wanted->digest)) {
        return corrupt(layout, "a blob is not what its digest says", error);
    }
    *out = str_copy(arena, buf_str(&text));
    return 0;
}

/* ---- which one ---- */

static bool is_index(const json_t *document) {
    return json_is_array(json_object_get(document, "manifests"));
}

static bool is_manifest(const json_t *document) {
    return json_object_get(document, "config") || json_object_get(document, "layers");
}

struct names {
    const char **items;
    size_t count, capacity;
};

static void add_name(const struct layout *layout, struct names *names, struct str name) {
    for (size_t i = 0; i < names->count; i++) {
        if (str_equal_c(name, names->items[i])) {
            return;
        }
    }
    if (name.len > 0 && names->count < NAMES_LIMIT) {
        arena_vec_push(layout->arena, names, str_dup(layout->arena, name));
    }
}

static const char *join(const struct layout *layout, const struct names *names) {
    _cleanup_buf_ struct buf text = BUF_INIT;
    for (size_t i = 0; i < names->count && i < LISTED_LIMIT; i++) {
        buf_printf(&text, "%s%s", i == 0 ? "" : ", ", names->items[i]);
    }
    buf_append_c(&text, names->count > LISTED_LIMIT ? ", …" : "");
    return str_dup(layout->arena, buf_str(&text));
}

static struct str tag_of(const json_t *descriptor) {
    return oci_member(json_object_get(descriptor, "annotations"),
                      "org.opencontainers.image.ref.name");
}

static void list_tags(const struct layout *layout, const json_t *index, struct names *out) {
    size_t i;
    const json_t *descriptor;
    json_array_foreach(json_object_get(index, "manifests"), i, descriptor) {
        add_name(layout, out, tag_of(descriptor));
    }
}

static int several(const struct layout *layout, const json_t *index, struct error *error) {
    struct names tags = { 0 };
    list_tags(layout, index, &tags);
    error_set(error, ERROR_INPUT, "the OCI layout %s has several images and none is called %s",
              layout->name, LATEST);
    return tags.count > 0
               ? error_hint(error, "say which with :TAG; there are %s", join(layout, &tags))
               : error_hint(error,
                            "say which with @DIGEST; `jq .manifests %s/index.json` shows them",
                            layout->name);
}

/* Without a tag the only image is meant, or `latest`; else it cannot be told. */
static int default_tag(const struct layout *layout, const json_t *index, struct str *tag,
                       struct error *error) {
    struct str first = STR_EMPTY,
               first_name = STR_EMPTY; /* one tag may have an entry per platform */
    bool has_others = false;
    size_t i;
    const json_t *descriptor;
    json_array_foreach(json_object_get(index, "manifests"), i, descriptor) {
        struct str name = tag_of(descriptor), digest = oci_member(descriptor, "digest");
        if (str_equal_c(name, LATEST)) {
            *tag = STR(LATEST);
            return 0;
        }
        if (name.len > 0) {
            has_others |=
                first.len > 0 && !str_equal(first, digest) && !str_equal(first_name, name);
            first = digest;
            first_name = name;
        }
    }
    return has_others ? several(layout, index, error) : 0;
}

static unsigned rank_of(const struct layout *layout, const json_t *descriptor) {
    const json_t *platform = json_object_get(descriptor, "platform");
    return json_is_object(platform)
               ? layout->rank(layout->context, oci_member(platform, "os"),
                              oci_member(platform, "architecture"), oci_member(platform, "variant"))
               : UINT32_MAX;
}

static struct str platform_text(const struct layout *layout, const json_t *descriptor) {
    const json_t *platform = json_object_get(descriptor, "platform");
    struct str variant = oci_member(platform, "variant");
    return str_printf(layout->arena, "%.*s/%.*s%s%.*s", STR_ARG(oci_member(platform, "os")),
                      STR_ARG(oci_member(platform, "architecture")), variant.len > 0 ? "/" : "",
                      STR_ARG(variant));
}

static int no_such_tag(const struct layout *layout, const json_t *index, struct str tag,
                       struct error *error) {
    struct names tags = { 0 };
    list_tags(layout, index, &tags);
    error_set(error, ERROR_NOT_FOUND, "the OCI layout %s has no image%s%.*s", layout->name,
              tag.len > 0 ? " " : "", STR_ARG(tag));
    const char *nearest = str_nearest(tag, tags.items, tags.count);
    if (tags.count == 0) {
        return error_hint(error,
                          tag.len > 0 ? "nothing in it has a tag; try without one"
                                      : "`skopeo copy … oci:%s` puts one there",
                          layout->name);
    }
    if (nearest && tags.count == 1) {
        return error_hint(error, "did you mean %s?", nearest);
    }
    return nearest
               ? error_hint(error, "did you mean %s? There are %s", nearest, join(layout, &tags))
               : error_hint(error, "there are %s", join(layout, &tags));
}

static bool has_same_digest(const json_t *a, const json_t *b) {
    return str_equal(oci_member(a, "digest"), oci_member(b, "digest"));
}

/* For the image that is liked most, in an index and the indexes in it. */
struct search {
    const struct layout *layout;
    struct str tag;         /* of the entries of the outermost index; empty: all */
    size_t count;           /* entries that have it */
    unsigned documents;     /* that were to be read */
    struct names platforms; /* that are not liked */
    json_t *best;           /* a descriptor; owned; NULL: none yet */
    const json_t *entry;    /* of the outermost index, that led to it */
    unsigned rank, depth;   /* of the best, and of the index it is in */
    bool has_equal;         /* another entry led to another that is liked as much */
};

static void consider(struct search *search, json_t *descriptor, const json_t *entry, unsigned rank,
                     unsigned depth) {
    if (!search->best || rank < search->rank) {
        json_decref(search->best);
        search->best = json_incref(descriptor);
        search->entry = entry;
        search->rank = rank;
        search->depth = depth;
        search->has_equal = false;
    } else if (rank == search->rank && entry != search->entry) {
        search->has_equal |= !has_same_digest(search->best, descriptor);
    }
}

/* The index DESCRIPTOR is of, which may be none: NULL. So is one that cannot be read; whoever chooses it is told why. */
static json_t *open_index(struct search *search, const json_t *descriptor) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct oci_descriptor wanted;
    struct str text;
    search->documents++;
    if (oci_descriptor_parse(descriptor, &wanted, NULL) ||
        read_blob(search->layout, &wanted, &arena, &text, NULL)) {
        return NULL;
    }
    _cleanup_json_ json_t *document = json_parse(text, "a document of the layout", NULL);
    return is_index(document) && !is_manifest(document) ? json_incref(document) : NULL;
}

/* ENTRY is the one of the outermost index that led to INDEX; NULL: it is the outermost. */
static int look_through(struct search *search, const json_t *index, const json_t *entry,
                        unsigned depth, struct error *error) {
    const struct layout *layout = search->layout;
    size_t i;
    json_t *descriptor;
    json_array_foreach(json_object_get(index, "manifests"), i, descriptor) {
        unsigned rank = rank_of(layout, descriptor);
        bool is_meant = entry || search->tag.len == 0 || str_equal(tag_of(descriptor), search->tag);
        search->count += is_meant;
        if (is_meant && rank == 0 &&
            !str_equal_c(platform_text(layout, descriptor), "unknown/unknown")) {
            add_name(layout, &search->platforms, platform_text(layout, descriptor));
        }
        if (!is_meant || rank == 0) {
            continue;
        }
        bool is_deeper = depth + 1 < DEPTH_LIMIT &&
                         oci_may_be_index(oci_member(descriptor, "mediaType"), rank != UINT32_MAX);
        if (is_deeper && search->documents == INDEX_LIMIT) {
            return corrupt(layout, "it has too many indexes", error);
        }
        _cleanup_json_ json_t *inner = is_deeper ? open_index(search, descriptor) : NULL;
        if (!inner) {
            consider(search, descriptor, entry ? entry : descriptor, rank, depth);
        } else if (look_through(search, inner, entry ? entry : descriptor, depth + 1, error)) {
            return -1;
        }
    }
    return 0;
}

/* The best of what INDEX has under TAG (empty: of all). IS_ONE: another as good may not be there. The descriptor is the caller's,
 * *DEPTH that of the index it is in. */
static int choose(const struct layout *layout, const json_t *index, struct str tag, bool is_one,
                  unsigned *depth, json_t **best, struct error *error) {
    struct search search = { .layout = layout, .tag = tag };
    int status = look_through(&search, index, NULL, *depth, error);
    *best = search.best;
    *depth = search.depth;
    if (status || search.best) {
        return status == 0 && is_one && search.has_equal ? several(layout, index, error) : status;
    }
    if (search.count == 0) {
        return no_such_tag(layout, index, tag, error);
    }
    error_set(error, ERROR_NOT_FOUND, "no match for platform in manifest: not found in %s",
              layout->name);
    return search.platforms.count > 0 ? error_hint(error, "choose another --platform; there are %s",
                                                   join(layout, &search.platforms))
                                      : error_hint(error, "what it has is for no platform");
}

/* ---- the way to the image ---- */

/* DOCUMENT, whose text is TEXT, is an index or a manifest; of index.json it is empty. */
static int follow(const struct layout *layout, const json_t *document, struct str text,
                  struct str tag, unsigned depth, struct oci_image *out, struct error *error) {
    _cleanup_json_ json_t *chosen = NULL;
    struct oci_descriptor next;
    struct str next_text;
    if (!is_index(document)) {
        out->manifest = text;
        return oci_manifest_parse(document, layout->arena, &next, out, error) ||
                       read_blob(layout, &next, layout->arena, &out->config, error) ||
                       oci_manifest_parse_config(out->config, out, error)
                   ? error_wrap(error, "cannot use the OCI layout %s", layout->name)
                   : 0;
    }
    /* A document that could be read as either may be taken for the other by somebody else. */
    if (is_manifest(document)) {
        return corrupt(layout, "a document is index and manifest at once", error);
    }
    if (depth == DEPTH_LIMIT) {
        return corrupt(layout, "its indexes lead to each other", error);
    }
    if (choose(layout, document, tag, text.len == 0 && tag.len == 0, &depth, &chosen, error)) {
        return -1;
    }
    if (oci_descriptor_parse(chosen, &next, error)) {
        return error_wrap(error, "the OCI layout %s cannot be read", layout->name);
    }
    if (read_blob(layout, &next, layout->arena, &next_text, error)) {
        return -1;
    }
    _cleanup_json_ json_t *parsed = json_parse(next_text, "a document of the layout", error);
    return parsed ? follow(layout, parsed, next_text, STR_EMPTY, depth + 1, out, error) : -1;
}

/* Found without the index: the digest says enough. */
static int read_by_digest(const struct layout *layout, struct str reference, struct oci_image *out,
                          struct error *error) {
    struct oci_descriptor wanted = { .size = UINT64_MAX };
    struct str text;
    if (!oci_digest_parse(reference, &wanted.digest)) {
        error_set(error, ERROR_INPUT, "%.*s is no digest", STR_ARG(reference));
        return error_hint(error, "it is sha256: and 64 hexadecimal digits");
    }
    if (read_blob(layout, &wanted, layout->arena, &text, error)) {
        if (error && error->code == ERROR_SYSTEM && error->number == ENOENT) {
            error_clear(error);
            error_set(error, ERROR_NOT_FOUND, "the OCI layout %s has no image %.*s", layout->name,
                      STR_ARG(reference));
            error_hint(error, "`jq .manifests %s/index.json` shows what there is", layout->name);
        }
        return -1;
    }
    _cleanup_json_ json_t *document = json_parse(text, "a document of the layout", error);
    return document ? follow(layout, document, text, STR_EMPTY, 0, out, error) : -1;
}

static int read_by_tag(const struct layout *layout, struct str tag, struct oci_image *out,
                       struct error *error) {
    _cleanup_buf_ struct buf text = BUF_INIT;
    uint64_t size;
    _cleanup_fd_ int fd = open_file(layout->fd, "index.json", &size, error);
    if (fd < 0 || fs_read_fd(fd, "index.json", DOCUMENT_LIMIT, &text, error)) {
        error_wrap(error, "%s is no OCI layout", layout->name);
        return error_hint(error, "`skopeo copy … oci:%s` makes one", layout->name);
    }
    _cleanup_json_ json_t *index = json_parse(buf_str(&text), "index.json", error);
    if (!index) {
        return error_wrap(error, "cannot read the OCI layout %s", layout->name);
    }
    if (!is_index(index)) {
        return corrupt(layout, "index.json lists no manifests", error);
    }
    if (tag.len == 0 && default_tag(layout, index, &tag, error)) {
        return -1;
    }
    return follow(layout, index, STR_EMPTY, tag, 0, out, error);
}

/* ---- outside ---- */

void oci_layout_split(struct str text, struct str *path, struct str *reference) {
    size_t slash = str_rfind_byte(text, '/');
    size_t from = slash == SIZE_MAX ? 0 : slash;
    size_t at = str_find_byte(str_from(text, from), '@');
    struct str named = at == SIZE_MAX ? text : str_sub(text, 0, from + at);
    size_t colon = str_find_byte(str_from(named, from), ':');
    *path = colon == SIZE_MAX ? named : str_sub(text, 0, from + colon);
    *reference = at != SIZE_MAX      ? str_from(text, from + at + 1)
                 : colon != SIZE_MAX ? str_from(text, from + colon + 1)
                                     : STR_EMPTY;
}

int oci_layout_read(const char *directory, struct str reference, oci_platform_rank *rank,
                    void *context, struct arena *arena, struct oci_image *out,
                    struct error *error) {
    _cleanup_fd_ int fd = fs_open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, error);
    struct layout layout = {
        .fd = fd, .name = directory, .rank = rank, .context = context, .arena = arena
    };
    if (fd < 0) {
        error_wrap(error, "cannot open the OCI layout %s", directory);
        return error_hint(error, "it is a directory: oci-layout://PATH[:TAG]");
    }
    *out = (struct oci_image){ .directory = arena_strdup(arena, directory) };
    return str_find_byte(reference, ':') == SIZE_MAX
               ? read_by_tag(&layout, reference, out, error)
               : read_by_digest(&layout, reference, out, error);
}

int oci_layout_open_layer(const struct oci_image *image, size_t index, struct error *error) {
    const struct oci_layer *layer = &image->layers[index];
    _cleanup_fd_ int directory =
        fs_open(image->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, error);
    char path[96];
    uint64_t size;
    blob_path(&layer->digest, path);
    int fd = directory < 0 ? -1 : open_file(directory, path, &size, error);
    if (fd >= 0 && size != layer->size) {
        cleanup_fd(&fd);
        fd = -1;
        error_set(error, ERROR_CORRUPT, "%s has %" PRIu64 " bytes, and should have %" PRIu64, path,
                  size, layer->size);
    }
    return fd < 0 ? error_hint(error,
                               "a layer is missing or damaged: write the layout again, for "
                               "example with `skopeo copy … oci:%s`",
                               image->directory)
                  : fd;
}
