#include "cli/stored_image.h"

#include "base/fs.h"
#include "planner/platform.h"
#include "registry/reference.h"
#include "store/manifest_list.h"

/* Which name of IMAGE is the first of CANDIDATES it has. */
static const char *matched_name(const struct image *image, const char *const *candidates,
                                struct arena *arena) {
    for (; *candidates != NULL; candidates++) {
        for (size_t i = 0; i < image->name_count; i++) {
            if (str_equal_c(image->names[i], *candidates)) {
                return str_dup(arena, image->names[i]);
            }
        }
    }
    return NULL;
}

int stored_image_find(const struct image_list *list, const char *text, struct arena *arena,
                      const struct image **out, const char **name, struct error *error) {
    const char **candidates = reference_candidates(str_of(text), arena);
    if (image_find(list, candidates, out, error) < 0) {
        return -1;
    }
    if (*out == NULL) {
        error_set(error, ERROR_NOT_FOUND, "%s: there is no such image", text);
        const char *nearest = reference_nearest(list, str_of(text), arena);
        return nearest != NULL
                   ? error_hint(error, "did you mean %s? `bud images` lists all", nearest)
                   : error_hint(error, "`bud images` lists the images that are there");
    }
    if (name != NULL) {
        *name = matched_name(*out, candidates, arena);
    }
    return 0;
}

int stored_image_instance(const struct image_list *list, const char *text, struct arena *arena,
                          const struct image **image, struct error *error) {
    struct platform host = platform_host();
    const struct manifest_list_wish wish = { platform_rank_described, &host,
                                             platform_format(&host, arena) };
    return manifest_list_resolve(list, *image, str_of(text), &wish, image, error);
}

static int blobs_size(const struct image *image, struct arena *arena, uint64_t *size,
                      struct error *error) {
    _cleanup_fd_ int directory = fs_open(image->directory, O_RDONLY | O_DIRECTORY, 0, error);
    struct str *names;
    size_t count;
    if (directory < 0 || fs_list(directory, arena, &names, &count, error) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        struct stat stat_;
        if (fstatat(directory, str_dup(arena, names[i]), &stat_, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(stat_.st_mode)) {
            *size += (uint64_t)stat_.st_size;
        }
    }
    return 0;
}

int stored_image_size(const struct image *image, const struct layer_list *layers,
                      struct arena *arena, uint64_t *size, struct error *error) {
    *size = 0;
    const struct layer **chain;
    size_t count = 0;
    if (image->layer.len > 0 &&
        layer_chain(layers, image->layer, arena, &chain, &count, error) < 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        *size += chain[i]->diff_size > 0 ? (uint64_t)chain[i]->diff_size : 0;
    }
    return blobs_size(image, arena, size, error);
}

json_t *stored_image_config(const struct image *image, struct error *error) {
    _cleanup_buf_ struct buf text = BUF_INIT;
    if (image_read_config(image, &text, error) < 0) {
        return NULL;
    }
    return json_parse(buf_str(&text), "image config", error);
}

void stored_image_split_name(struct str name, struct arena *arena, const char **repository,
                             const char **tag) {
    struct reference reference;
    *repository = "<none>";
    *tag = "<none>";
    if (name.len == 0) {
        return;
    }
    if (reference_parse(name, arena, &reference, NULL) < 0) {
        *repository = str_dup(arena, name); /* what another tool stored is shown as it is */
        return;
    }
    *repository =
        arena_printf(arena, "%.*s%s%.*s", STR_ARG(reference.registry),
                     reference.registry.len > 0 ? "/" : "", STR_ARG(reference.repository));
    if (reference.tag.len > 0) {
        *tag = str_dup(arena, reference.tag);
    }
}
