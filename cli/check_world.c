/* What lint asks of the world: images of the store, files of the context, references, platforms. */
#include "base/fs.h"
#include "cli/check.h"
#include "cli/stored_image.h"
#include "planner/planner.h"
#include "planner/platform.h"
#include "planner/values.h"
#include "registry/reference.h"
#include "store/archive.h"

#include <fcntl.h>
#include <sys/stat.h>

bool check_is_reference(void *context, struct str text) {
    struct reference reference;
    return reference_parse(text, context, &reference, NULL) == 0;
}

static struct lint_platform platform_of(const struct platform *platform) {
    return (struct lint_platform){ platform->os, platform->architecture, platform->variant };
}

static void set_build_args(const struct name_values *given, struct arena *arena,
                           struct lint_options *out) {
    struct name_values known = { 0 };
    arguments_given(given, arena, &known);
    struct lint_variable *variables = arena_array(arena, known.count, sizeof(*variables));
    for (size_t i = 0; i < known.count; i++) {
        variables[i] = (struct lint_variable){ known.items[i].name, known.items[i].value };
    }
    out->build_args = variables;
    out->build_arg_count = known.count;
}

void check_options_of(const struct plan_request *request, struct arena *arena,
                      struct lint_options *out) {
    struct platform host = platform_host();
    out->target = str_of(request->target);
    out->build_platform = platform_of(&host);
    out->target_platform =
        request->platform_count > 0 ? platform_of(&request->platforms[0]) : out->build_platform;
    set_build_args(&request->build_args, arena, out);
}

bool check_parse_platform(void *context, struct str text, struct lint_platform *out) {
    struct platform platform;
    if (platform_parse(text, context, &platform, NULL) < 0) {
        return false;
    }
    *out = platform_of(&platform);
    return true;
}

void check_base_of(const struct image_config *config, struct arena *arena, struct lint_base *out) {
    struct lint_variable *env = arena_array(arena, config->env.count, sizeof(*env));
    for (size_t i = 0; i < config->env.count; i++) {
        env[i] = (struct lint_variable){ config->env.items[i].name, config->env.items[i].value };
    }
    struct platform platform =
        platform_normalise((struct platform){ config->os, config->architecture, config->variant });
    *out = (struct lint_base){
        .env = env,
        .env_count = config->env.count,
        .triggers = config->on_build.items,
        .trigger_count = config->on_build.count,
        .platform = platform_of(&platform),
        .has_shell = config->shell.count > 0,
        .has_entrypoint = config->entrypoint.count > 0,
    };
}

/* ---- the store ----------------------------------------------------------------------------------------- */

/* A store that cannot be read is none: what depends on an image is not looked at. */
static void open_store(struct check_world *world) {
    world->is_open = true;
    if (invocation_open_store(world->invocation, STORE_READ, NAMESPACE_FOR_TABLES, &world->store,
                              NULL) < 0) {
        world->store = NULL;
    } else if (image_list_read(world->store, &world->arena, &world->images, NULL) < 0) {
        world->images.count = 0;
    }
}

static const struct lint_base *read_base(struct check_world *world, struct str name) {
    struct arena *arena = &world->arena;
    const struct image *found = NULL, *image = NULL;
    _cleanup_buf_ struct buf blob = BUF_INIT;
    struct image_config config;
    if (image_find(&world->images, reference_candidates(name, arena), &found, NULL) < 0 || !found) {
        return NULL;
    }
    image = found;
    if (stored_image_instance(&world->images, "", arena, &image, NULL) < 0 ||
        image_read_config(image, &blob, NULL) < 0 ||
        image_config_parse(buf_str(&blob), arena, &config, NULL) < 0) {
        return NULL;
    }
    struct lint_base *base = arena_new(arena, struct lint_base);
    check_base_of(&config, arena, base);
    if (image != found) { /* for every platform the list has another one */
        base->platform = (struct lint_platform){ 0 };
    }
    return base;
}

static const struct lint_base *find_base(void *context, struct str name) {
    struct check_world *world = context;
    if (!world->is_open) {
        open_store(world);
    }
    if (!world->store || world->images.count == 0) {
        return NULL;
    }
    if (!map_has(&world->bases, name)) {
        struct str kept = str_copy(&world->arena, name);
        map_set(&world->bases, kept, (void *)(uintptr_t)read_base(world, kept));
    }
    return map_get(&world->bases, name);
}

static bool is_reference(void *context, struct str text) {
    const struct check_world *world = context;
    return check_is_reference(world->scratch, text);
}

static bool parse_platform(void *context, struct str text, struct lint_platform *out) {
    const struct check_world *world = context;
    return check_parse_platform(world->scratch, text, out);
}

/* A wildcard names no file: what it matches is not looked for. */
static enum lint_file look_at(void *context, struct str path) {
    const struct check_world *world = context;
    struct stat stat_;
    bool is_archive;
    if (!world->tree) {
        return LINT_FILE_UNKNOWN;
    }
    _cleanup_fd_ int fd = fs_open_in_root(world->tree->fd, str_dup(world->scratch, path),
                                          O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, NULL);
    if (fd < 0 || fstat(fd, &stat_) < 0) {
        return LINT_FILE_UNKNOWN;
    }
    if (S_ISDIR(stat_.st_mode)) {
        return LINT_FILE_DIRECTORY;
    }
    if (!S_ISREG(stat_.st_mode) || archive_is_tar(fd, &is_archive, NULL) < 0) {
        return LINT_FILE_UNKNOWN;
    }
    return is_archive ? LINT_FILE_ARCHIVE : LINT_FILE_PLAIN;
}

/* Ends the walk: there is something to copy. */
static int stop(void *context, const struct selection_result *result, struct error *error) {
    (void)result;
    (void)error;
    *(bool *)context = true;
    return -1;
}

static int stop_at_entry(void *context, const struct selection_entry *entry, struct error *error) {
    (void)entry;
    return stop(context, NULL, error);
}

/* Without a context nothing is known. */
static int check_source(void *context, struct str source, bool is_parents, struct error *error) {
    const struct check_world *world = context;
    struct selection selection = { .sources = &source,
                                   .source_count = 1,
                                   .is_parents = is_parents };
    bool is_found = false;
    const struct selection_visitor visitor = { .result = stop,
                                               .entry = stop_at_entry,
                                               .context = &is_found };
    if (!world->tree || value_check_copy_source(source, NULL) < 0) {
        return 0;
    }
    return selection_walk(world->tree, &selection, &visitor, error) < 0 && !is_found ? -1 : 0;
}

/* What the planner would say, without a plan. */
static int check_value(void *context, enum lint_value_kind what, struct str text,
                       struct error *error) {
    (void)context;
    switch (what) {
    case LINT_VALUE_PORT:
        return value_check_port(text, error);
    case LINT_VALUE_SIGNAL:
        return value_check_signal(text, error);
    case LINT_VALUE_MODE:
        return value_check_mode(text, error);
    case LINT_VALUE_COPY_SOURCE:
        return value_check_copy_source(text, error);
    }
    return 0;
}

static int check_mount(void *context, const struct ast_mount *mount, const struct str *values,
                       struct error *error) {
    (void)context;
    return value_check_mount(mount, values, error);
}

struct lint_world check_world_of(struct check_world *world) {
    return (struct lint_world){ world,   find_base,    is_reference, parse_platform,
                                look_at, check_source, check_value,  check_mount };
}

void check_world_free(struct check_world *world) {
    if (world->store) {
        store_close(world->store);
    }
    map_free(&world->bases);
    arena_free(&world->arena);
}
