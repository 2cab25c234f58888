#include "planner/named_context.h"

#include "base/remote.h"
#include "base/vec.h"
#include "registry/oci_layout.h"
#include "registry/reference.h"

#include <ctype.h>
#include <errno.h>

/* ---- names ---- */

/* False when TEXT is no reference. */
static bool make_key(struct planning *planning, struct str text, struct str *key) {
    struct reference reference;
    if (reference_parse(text, planning->arena, &reference, NULL)) {
        return false;
    }
    if (str_equal_c(reference.registry, "docker.io")) {
        reference.registry = STR_EMPTY;
    }
    if (reference.registry.len == 0 && str_has_prefix(reference.repository, STR("library/"))) {
        reference.repository = str_from(reference.repository, 8);
    }
    if (str_equal_c(reference.tag, "latest")) {
        reference.tag = STR_EMPTY;
    }
    *key = str_of(reference_format(&reference, planning->arena));
    return true;
}

static int bad_name(const struct named_context *context, const char *hint, struct error *error) {
    error_set(error, ERROR_USAGE, "invalid context name %.*s", STR_ARG(context->name));
    return error_hint(error, "%s", hint);
}

/* NAME or NAME::PLATFORM. */
static int read_name(struct planning *planning, struct named_context *context,
                     struct error *error) {
    struct str name = context->name;
    size_t colons = str_find(name, STR("::"));
    if (colons != SIZE_MAX) {
        struct str platform = str_from(name, colons + 2);
        context->is_for_platform = true;
        name = str_sub(name, 0, colons);
        if (platform_parse(platform, planning->arena, &context->platform, error)) {
            if (error) {
                error->code = ERROR_USAGE;
            }
            return error_wrap(error, "invalid context name %.*s", STR_ARG(context->name));
        }
    }
    if (!make_key(planning, name, &context->key)) {
        return bad_name(context,
                        "it is the name of an image or a stage, in lower case: "
                        "--build-context NAME=VALUE",
                        error);
    }
    if (str_equal_c(context->key, "scratch") || str_equal_c(context->key, "context")) {
        return bad_name(context, "what `scratch` and `context` mean cannot be replaced", error);
    }
    return 0;
}

/* ---- values ---- */

static bool take_prefix(struct str *text, const char *prefix) {
    if (!str_has_prefix(*text, str_of(prefix))) {
        return false;
    }
    *text = str_from(*text, strlen(prefix));
    return true;
}

static int bad_value(const struct named_context *context, const char *why, struct error *error) {
    error_set(error, ERROR_USAGE, "invalid context specifier %.*s for %.*s",
              STR_ARG(context->value), STR_ARG(context->name));
    return error_hint(error, "%s", why);
}

static int read_image(struct planning *planning, struct named_context *context,
                      struct error *error) {
    struct reference reference;
    if (str_equal_c(context->target, "scratch")) {
        context->kind = NAMED_SCRATCH;
        return 0;
    }
    context->kind = NAMED_IMAGE;
    if (!digest_is_hex_id(context->target) &&
        reference_parse(context->target, planning->arena, &reference, NULL)) {
        return bad_value(context, "what follows :// is the name of an image", error);
    }
    return 0;
}

static int read_directory(struct planning *planning, struct named_context *context,
                          struct error *error) {
    struct stat stat_;
    context->kind = NAMED_DIRECTORY;
    if (stat(str_dup(planning->arena, context->target), &stat_) == 0) {
        return S_ISDIR(stat_.st_mode)
                   ? 0
                   : bad_value(context, "it is a file; give the directory it is in", error);
    }
    error_system(error, "build context %.*s: cannot open the directory %.*s",
                 STR_ARG(context->name), STR_ARG(context->value));
    struct reference reference;
    if (reference_parse(context->value, planning->arena, &reference, NULL)) {
        return error_hint(error, "relative paths begin in the current directory");
    }
    return error_hint(error, "for an image write --build-context %.*s=docker-image://%.*s",
                      STR_ARG(context->name), STR_ARG(context->value));
}

/* The planner starts no process: who asked for the plan has fetched it. */
static int read_fetched(struct planning *planning, struct named_context *context,
                        struct error *error) {
    const struct str *directory = name_values_get(&planning->request->fetched, context->target);
    context->kind = NAMED_DIRECTORY;
    context->value = remote_shown(context->target, planning->arena);
    if (!directory) {
        error_set(error, ERROR_UNSUPPORTED, "build context %.*s: %.*s is not fetched here",
                  STR_ARG(context->name), STR_ARG(context->value));
        return error_hint(error, "`bud build` and `bud plan` do that");
    }
    context->origin = str_dup(planning->arena, context->value);
    context->target = *directory;
    return 0;
}

static int read_value(struct planning *planning, struct named_context *context,
                      struct error *error) {
    struct str *target = &context->target;
    *target = context->value;
    if (target->len == 0) {
        return bad_value(
            context, "give a directory, a URL, docker-image://NAME or oci-layout://PATH", error);
    }
    if (take_prefix(target, "docker-image://") || take_prefix(target, "container-image://") ||
        take_prefix(target, "docker://")) {
        return read_image(planning, context, error);
    }
    if (take_prefix(target, "oci-layout://") || take_prefix(target, "oci-layout:")) {
        context->kind = NAMED_LAYOUT;
        return target->len > 0
                   ? 0
                   : bad_value(context, "write oci-layout://PATH[:TAG] or @sha256:…", error);
    }
    if (take_prefix(target, "target:") || take_prefix(target, "input:")) {
        context->kind = NAMED_STAGE;
        *target = str_lower(planning->arena, *target);
        return 0;
    }
    if (remote_kind_of(*target) != REMOTE_NONE) {
        return read_fetched(planning, context, error);
    }
    size_t scheme = str_find(*target, STR("://"));
    if (scheme != SIZE_MAX) {
        error_set(error, ERROR_USAGE, "unsupported context source %.*s for %.*s",
                  STR_ARG(str_sub(*target, 0, scheme)), STR_ARG(context->name));
        return error_hint(error,
                          "known are directories, http:// and https://, repositories of git, "
                          "docker-image:// and oci-layout://");
    }
    return read_directory(planning, context, error);
}

int named_contexts_read(struct planning *planning, struct error *error) {
    const struct name_values *given = &planning->request->build_contexts;
    for (size_t i = 0; i < given->count; i++) {
        struct named_context context = { .name = given->items[i].name,
                                         .value = given->items[i].value };
        if (read_name(planning, &context, error) || read_value(planning, &context, error)) {
            return -1;
        }
        arena_vec_push(planning->arena, &planning->named_contexts, context);
    }
    return 0;
}

/* ---- what they are used for ---- */

struct named_context *named_context_find(struct planning *planning, struct str text,
                                         const struct platform *platform) {
    struct named_context *found = NULL;
    struct str key;
    if (planning->named_contexts.count == 0 || !make_key(planning, text, &key)) {
        return NULL;
    }
    for (size_t i = 0; i < planning->named_contexts.count; i++) {
        struct named_context *context = &planning->named_contexts.items[i];
        if (!str_equal(context->key, key)) {
            continue;
        }
        context->is_used = true; /* also one for another platform */
        bool is_meant = !context->is_for_platform || platform_equal(&context->platform, platform);
        if (is_meant && (!found || context->is_for_platform || !found->is_for_platform)) {
            found = context; /* of equal ones the last, as the other options have it */
        }
    }
    return found;
}

int named_context_open(struct planning *planning, struct named_context *context,
                       const struct tree **out, struct error *error) {
    if (!context->tree &&
        planning_open_context(planning, str_dup(planning->arena, context->target), context->origin,
                              NULL, NULL, &context->tree, error)) {
        return error_wrap(error, "cannot use the build context %.*s", STR_ARG(context->name));
    }
    *out = context->tree;
    return 0;
}

/* The store's own is taken if it has the same image: then nothing but the manifest and config is read here. */
static int layout_image(struct planning *planning, const struct named_context *context,
                        const struct platform *platform, struct base_image **out,
                        struct error *error) {
    struct str path, reference;
    struct platform wanted = *platform;
    struct oci_image *layout = arena_new(planning->arena, struct oci_image);
    oci_layout_split(context->target, &path, &reference);
    if (oci_layout_read(str_dup(planning->arena, path), reference, platform_rank_described, &wanted,
                        planning->arena, layout, error) ||
        planning_take_layout(planning, context->key, layout, out, error)) {
        return error_wrap(error, "cannot use the build context %.*s", STR_ARG(context->name));
    }
    return 0;
}

const char *named_context_nearest(struct planning *planning, struct str text) {
    size_t count = planning->named_contexts.count;
    const char **names = arena_array(planning->arena, count, sizeof(*names));
    for (size_t i = 0; i < count; i++) {
        names[i] = str_dup(planning->arena, planning->named_contexts.items[i].name);
    }
    return str_nearest(text, names, count);
}

const char *named_context_advice(struct planning *planning, struct str text) {
    bool is_word = text.len > 0 && isalpha((unsigned char)text.data[0]);
    for (size_t i = 0; i < text.len; i++) {
        is_word = is_word && (isalnum((unsigned char)text.data[i]) || strchr("-_", text.data[i]));
    }
    return is_word ? arena_printf(planning->arena,
                                  "; a build context of that name: --build-context %.*s=DIRECTORY",
                                  STR_ARG(text))
                   : "";
}

int named_context_image(struct planning *planning, const struct named_context *context,
                        const struct platform *platform, struct base_image **out,
                        struct error *error) {
    if (context->kind == NAMED_LAYOUT) {
        return layout_image(planning, context, platform, out, error);
    }
    if (planning_find_image(planning, context->target, platform, out, error)) {
        return error_wrap(error, "cannot use the build context %.*s", STR_ARG(context->name));
    }
    return 0;
}

void named_context_no_stage(struct planning *planning, const struct named_context *context,
                            size_t limit, struct error *error) {
    error_set(error, ERROR_NOT_FOUND, "build context %.*s: there is no stage %.*s here",
              STR_ARG(context->name), STR_ARG(context->target));
    const char *nearest = stage_draft_nearest(planning, context->target, limit);
    if (nearest) {
        error_hint(error, "did you mean %s?", nearest);
    } else {
        error_hint(error, "it must come before the stages that read it");
    }
}

void named_contexts_warn_unused(struct planning *planning) {
    for (size_t i = 0; i < planning->named_contexts.count; i++) {
        const struct named_context *context = &planning->named_contexts.items[i];
        if (!context->is_used) {
            planning_warn(planning,
                          "build context %.*s is not used: no FROM, --from or stage of the target "
                          "is called so",
                          STR_ARG(context->name));
        }
    }
}
