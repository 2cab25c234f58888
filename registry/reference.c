#include "registry/reference.h"

#include "base/digest.h"
#include "base/vec.h"
#include "registry/reference_scan.h"
#include "store/image.h"

#include <stdlib.h>

enum { NAME_LIMIT = 255 }; /* distribution/reference, NameTotalLengthMax */

static const struct str docker_hub = { "docker.io", 9 };

static bool has_upper(struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] >= 'A' && text.data[i] <= 'Z') {
            return true;
        }
    }
    return false;
}

/* Is the first component of a name a registry? Docker's rule; `a/b` is a repository. */
static bool is_registry(struct str component) {
    return str_find_byte(component, '.') != SIZE_MAX || str_find_byte(component, ':') != SIZE_MAX ||
           str_equal(component, STR("localhost")) || has_upper(component);
}

static bool parse(struct str text, struct reference *out) {
    size_t slash = str_find_byte(text, '/');
    *out = (struct reference){ STR_EMPTY, STR_EMPTY, STR_EMPTY, STR_EMPTY };
    if (slash != SIZE_MAX && is_registry(str_sub(text, 0, slash))) {
        out->registry = str_sub(text, 0, slash);
        text = str_from(text, slash + 1);
        if (!reference_scan_domain(out->registry)) {
            return false;
        }
    }
    return reference_scan(text, &out->repository, &out->tag, &out->digest);
}

static int fail_format(struct str text, struct arena *arena, struct error *error) {
    struct reference lower;
    if (text.len == 0) {
        error_set(error, ERROR_INPUT, "invalid reference format: the name is empty");
    } else if (has_upper(text) && parse(str_lower(arena, text), &lower)) {
        error_set(error, ERROR_INPUT,
                  "invalid reference format: repository name (%.*s) must be lowercase",
                  STR_ARG(text));
        return error_hint(error, "write %.*s", STR_ARG(str_lower(arena, text)));
    } else {
        error_set(error, ERROR_INPUT, "invalid reference format: %.*s", STR_ARG(text));
    }
    return error_hint(error,
                      "an image is named [REGISTRY/]NAME[:TAG][@sha256:DIGEST], in lower case");
}

int reference_parse(struct str text, struct arena *arena, struct reference *out,
                    struct error *error) {
    if (!parse(text, out)) {
        return fail_format(text, arena, error);
    }
    if (out->registry.len == 0 && digest_is_hex_id(out->repository)) {
        error_set(error, ERROR_INPUT,
                  "invalid repository name (%.*s), cannot specify 64-byte hexadecimal strings",
                  STR_ARG(out->repository));
        return error_hint(error, "an image ID is not a name; give the image one with `bud tag`");
    }
    if (out->registry.len + 1 + out->repository.len > NAME_LIMIT) {
        error_set(error, ERROR_INPUT, "repository name must not be more than %d characters",
                  NAME_LIMIT);
        return error_hint(error, "choose a shorter name");
    }
    out->registry = str_copy(arena, out->registry);
    out->repository = str_copy(arena, out->repository);
    out->tag = str_copy(arena, out->tag);
    out->digest = str_copy(arena, out->digest);
    return 0;
}

const char *reference_format(const struct reference *reference, struct arena *arena) {
    const struct reference *r = reference;
    return arena_printf(arena, "%.*s%s%.*s%s%.*s%s%.*s", STR_ARG(r->registry),
                        r->registry.len > 0 ? "/" : "", STR_ARG(r->repository),
                        r->tag.len > 0 ? ":" : "", STR_ARG(r->tag), r->digest.len > 0 ? "@" : "",
                        STR_ARG(r->digest));
}

/* What Docker Hub's names stand for: `docker.io/debian` is `docker.io/library/debian`. */
static void complete(struct reference *reference, struct arena *arena) {
    if (str_equal(reference->registry, STR("index.docker.io"))) {
        reference->registry = docker_hub;
    }
    if (str_equal(reference->registry, docker_hub) &&
        str_find_byte(reference->repository, '/') == SIZE_MAX) {
        reference->repository = str_printf(arena, "library/%.*s", STR_ARG(reference->repository));
    }
    if (reference->tag.len == 0 && reference->digest.len == 0) {
        reference->tag = STR("latest");
    }
}

int reference_for_tag(struct str text, struct arena *arena, const char **out, struct error *error) {
    struct reference reference;
    if (reference_parse(text, arena, &reference, error) < 0) {
        return -1;
    }
    if (reference.registry.len == 0) {
        reference.registry = STR("localhost");
    }
    complete(&reference, arena);
    *out = reference_format(&reference, arena);
    return 0;
}

static void add_candidate(const char **candidates, size_t *count, const char *name) {
    for (size_t i = 0; i < *count; i++) {
        if (strcmp(candidates[i], name) == 0) {
            return;
        }
    }
    candidates[(*count)++] = name;
}

const char **reference_candidates(struct str text, struct arena *arena) {
    enum { CANDIDATES_MAX = 6 };
    const char **candidates = arena_array(arena, CANDIDATES_MAX + 1, sizeof(*candidates));
    struct str registries[] = { STR("localhost"), docker_hub };
    struct reference parsed;
    size_t count = 0;
    add_candidate(candidates, &count, str_dup(arena, text));
    if (reference_parse(text, arena, &parsed, NULL) < 0) {
        return candidates;
    }
    if (parsed.digest.len > 0) {
        parsed.tag = STR_EMPTY; /* the digest decides */
    }
    for (size_t i = 0; i < sizeof(registries) / sizeof(registries[0]); i++) {
        struct reference candidate = parsed;
        if (candidate.registry.len == 0) {
            candidate.registry = registries[i];
        }
        complete(&candidate, arena);
        add_candidate(candidates, &count, reference_format(&candidate, arena));
    }
    return candidates;
}

const char **reference_repositories(struct str text, struct arena *arena) {
    const char **candidates = reference_candidates(text, arena);
    struct reference parsed;
    if (reference_parse(text, arena, &parsed, NULL) < 0 || parsed.tag.len > 0 ||
        parsed.digest.len > 0) {
        return candidates;
    }
    for (const char **candidate = candidates; *candidate; candidate++) {
        struct str name = str_of(*candidate);
        if (str_has_suffix(name, STR(":latest"))) {
            *candidate = str_dup(arena, str_sub(name, 0, name.len - strlen(":latest")));
        }
    }
    return candidates;
}

/* ---- suggestions ---- */

static struct str short_name(struct str name) {
    static const char *const prefixes[] = { "localhost/", "docker.io/library/", "docker.io/" };
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        if (str_has_prefix(name, str_of(prefixes[i]))) {
            name = str_from(name, strlen(prefixes[i]));
            break;
        }
    }
    return str_has_suffix(name, STR(":latest")) ? str_sub(name, 0, name.len - strlen(":latest"))
                                                : name;
}

const char *reference_nearest(const struct image_list *images, struct str text,
                              struct arena *arena) {
    VEC(const char *) names = VEC_INIT;
    for (size_t i = 0; i < images->count; i++) {
        const struct image *image = &images->items[i];
        for (size_t j = 0; j < image->name_count; j++) {
            vec_push(&names, str_dup(arena, short_name(image->names[j])));
        }
    }
    const char *nearest = str_nearest(short_name(text), names.items, names.count);
    vec_free(&names);
    return nearest;
}
