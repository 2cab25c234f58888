#include "planner/recipe.h"

#include "base/map.h"
#include "base/vec.h"
#include "planner/content.h"
#include "planner/platform.h"

#include <stdlib.h>

static void add_text(struct ingredient_list *list, struct arena *arena, const char *name,
                     struct str value) {
    if (value.len > 0) {
        ingredient_add(list, arena, str_of(name), value);
    }
}

static struct str hex(struct arena *arena, const struct digest *digest) {
    return str_of(arena_strdup(arena, digest_hex(digest).text));
}

static void add_parent(struct ingredient_list *list, struct arena *arena, const struct step *step) {
    if (step_is_independent(step)) {
        return;
    }
    struct digest root = { 0 };
    if (step->parent) {
        root = recipe_root(step->parent);
    }
    ingredient_add(list, arena, STR("parent"), step->parent ? hex(arena, &root) : STR("scratch"));
}

static void add_numbered(struct ingredient_list *list, struct arena *arena, const char *name,
                         const struct str *items, size_t count) {
    for (size_t i = 0; i < count; i++) {
        ingredient_add(list, arena, str_printf(arena, "%s %zu", name, i + 1), items[i]);
    }
}

static int compare_str(const void *a, const void *b) {
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

static struct str *sorted_copy(struct arena *arena, const struct str *items, size_t count) {
    struct str *sorted = arena_array(arena, count, sizeof(*sorted));
    for (size_t i = 0; i < count; i++) {
        sorted[i] = items[i];
    }
    qsort(sorted, count, sizeof(*sorted), compare_str);
    return sorted;
}

/* Neither the order nor how often something is said matters. */
static void add_set(struct ingredient_list *list, struct arena *arena, const char *name,
                    const struct str_list *set) {
    struct str *sorted = sorted_copy(arena, set->items, set->count);
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++) {
        if (count == 0 || !str_equal(sorted[count - 1], sorted[i])) {
            sorted[count++] = sorted[i];
        }
    }
    add_numbered(list, arena, name, sorted, count);
}

static void add_timestamp(struct ingredient_list *list, struct arena *arena,
                          const struct plan *plan) {
    if (plan->has_timestamp) {
        ingredient_add(list, arena, STR("timestamp"),
                       str_printf(arena, "%lld", (long long)plan->timestamp));
    }
}

/* --timestamp reaches into every file a step writes. */
static void add_rewriting(struct ingredient_list *list, struct arena *arena,
                          const struct plan *plan) {
    if (plan->is_rewriting_times) {
        ingredient_add(list, arena, STR("file times"),
                       str_printf(arena, "%lld", (long long)plan->timestamp));
    }
}

/* ---- kinds ---- */

struct str recipe_kind(const struct step *step) {
    static const char *const files[] = { "copy", "add", "directory" };
    static const char *const kinds[] = {
        [STEP_SOURCE] = "image", [STEP_EXEC] = "run", [STEP_IMAGE] = "output"
    };
    return str_of(step->kind == STEP_FILE ? files[step->file.kind] : kinds[step->kind]);
}

static void make_source(struct ingredient_list *list, struct arena *arena,
                        const struct step *step) {
    ingredient_add(list, arena, STR("image"), str_of(step->source.image));
}

static void add_env(struct ingredient_list *list, struct arena *arena,
                    const struct step_exec *exec) {
    struct str *sorted = sorted_copy(arena, exec->env.items, exec->key_env_count);
    for (size_t i = 0; i < exec->key_env_count; i++) {
        struct str value = sorted[i];
        struct str name;
        str_split(&value, '=', &name);
        ingredient_add(list, arena, str_printf(arena, "env %.*s", STR_ARG(name)), value);
    }
}

/* Whatever its value is, and whether there is one: by its id. */
static void add_secret(struct ingredient_list *list, struct arena *arena,
                       const struct mount_plan *mount) {
    const char *need = mount->is_required ? "required" : "optional";
    if (mount->target.len > 0) {
        ingredient_add(list, arena, str_printf(arena, "mount %.*s", STR_ARG(mount->target)),
                       str_printf(arena, "secret %s %o %u:%u %.*s", need, mount->mode, mount->uid,
                                  mount->gid, STR_ARG(mount->id)));
    }
    if (mount->env.len > 0) {
        ingredient_add(list, arena, str_printf(arena, "secret %.*s", STR_ARG(mount->env)),
                       str_printf(arena, "%s %.*s", need, STR_ARG(mount->id)));
    }
}

static void add_mount(struct ingredient_list *list, struct arena *arena, const struct step *step,
                      const struct mount_plan *mount) {
    struct str name = str_printf(arena, "mount %.*s", STR_ARG(mount->target));
    const char *mode = mount->is_readonly ? "ro" : "rw";
    if (mount->is_host) {
        ingredient_add(list, arena, name,
                       str_printf(arena, "volume %s %.*s", mode, STR_ARG(mount->source)));
    } else if (mount->type == MOUNT_TMPFS) {
        ingredient_add(list, arena, name,
                       str_printf(arena, "tmpfs %s %llu", mode, (unsigned long long)mount->size));
    } else if (mount->type == MOUNT_SECRET) {
        add_secret(list, arena, mount);
    } else if (mount->type == MOUNT_CACHE) {
        static const char *const sharings[] = { "shared", "private", "locked" };
        /* What it begins with, not what it holds; the id is any text. */
        bool is_filled = mount->input < step->input_count;
        ingredient_add(
            list, arena, name,
            str_printf(arena, "cache %s %s %o %u:%u %s %.*s", mode, sharings[mount->sharing],
                       mount->mode, mount->uid, mount->gid,
                       is_filled ? hex(arena, &step->inputs[mount->input].content).data : "empty",
                       STR_ARG(mount->id)));
    } else {
        ingredient_add(list, arena, name,
                       str_printf(arena, "bind %s %s", mode,
                                  hex(arena, &step->inputs[mount->input].content).data));
    }
}

/* A seccomp profile counts by what is in it. */
static void add_security_options(struct ingredient_list *list, struct arena *arena,
                                 const struct run_options *run) {
    for (size_t i = 0; i < run->security_options.count; i++) {
        struct str option = run->security_options.items[i];
        struct str name = str_printf(arena, "security option %zu", i + 1);
        bool is_file = str_has_prefix(option, STR("seccomp")) &&
                       !str_equal_c(option, "seccomp=unconfined") &&
                       !str_equal_c(option, "seccomp:unconfined");
        ingredient_add(list, arena, name,
                       is_file
                           ? str_printf(arena, "seccomp=sha256:%s", digest_hex(&run->seccomp).text)
                           : option);
    }
}

static void make_exec(struct ingredient_list *list, struct arena *arena, const struct plan *plan,
                      const struct step *step) {
    const struct step_exec *exec = &step->exec;
    const struct run_options *run = &plan->run;
    add_parent(list, arena, step);
    add_numbered(list, arena, "argument", exec->argv.items, exec->argv.count);
    if (exec->script.len > 0) {
        ingredient_add(list, arena, str_printf(arena, "script %.*s", STR_ARG(exec->script_name)),
                       exec->script);
    }
    add_env(list, arena, exec);
    ingredient_add(list, arena, STR("directory"), exec->cwd);
    add_text(list, arena, "user", exec->user);
    const struct image_config *config = &step->stage->config;
    struct platform platform = { config->os, config->architecture, config->variant };
    ingredient_add(list, arena, STR("platform"), platform_format(&platform, arena));
    ingredient_add(list, arena, STR("network"),
                   exec->network == NETWORK_NONE ? STR("none") : STR("host"));
    if (exec->is_insecure) {
        ingredient_add(list, arena, STR("security"), STR("insecure"));
    }
    for (size_t i = 0; i < exec->mount_count; i++) {
        add_mount(list, arena, step, &exec->mounts[i]);
    }
    add_text(list, arena, "hostname", run->hostname);
    add_set(list, arena, "added capability", &run->cap_add);
    add_set(list, arena, "dropped capability", &run->cap_drop);
    add_security_options(list, arena, run);
    add_numbered(list, arena, "limit", run->ulimits.items, run->ulimits.count);
    for (size_t i = 0; i < run->add_hosts.count; i++) { /* the names only, as BuildKit */
        struct str address = run->add_hosts.items[i];
        struct str name;
        str_split(&address, str_find_byte(address, '=') == SIZE_MAX ? ':' : '=', &name);
        ingredient_add(list, arena, str_printf(arena, "host %zu", i + 1), name);
    }
    add_rewriting(list, arena, plan);
}

/* 644 and 0644 are one mode. */
static void add_mode(struct ingredient_list *list, struct arena *arena, struct str mode) {
    uint64_t bits;
    bool is_number = str_parse_uint(mode, 8, 07777, &bits);
    add_text(list, arena, "chmod",
             is_number ? str_printf(arena, "%llo", (unsigned long long)bits) : mode);
}

static void make_file(struct ingredient_list *list, struct arena *arena, const struct plan *plan,
                      const struct step *step) {
    const struct step_file *file = &step->file;
    add_parent(list, arena, step);
    ingredient_add(list, arena, STR("destination"), file->destination);
    add_text(list, arena, file->kind == FILE_DIRECTORY ? "user" : "chown", file->chown);
    add_mode(list, arena, file->chmod);
    if (file->is_link) {
        ingredient_add(list, arena, STR("link"), STR("true"));
    }
    if (file->selection.is_parents) { /* heredocs, and where nothing is copied */
        ingredient_add(list, arena, STR("parents"), STR("true"));
    }
    if (file->kind == FILE_ADD) {
        ingredient_add(list, arena, STR("unpack"), file->is_unpack ? STR("true") : STR("false"));
    }
    if (step->input_count > 0) {
        ingredient_add(list, arena, STR("content"), hex(arena, &step->inputs[0].content));
    }
    for (size_t i = 0; i < file->inline_file_count; i++) {
        struct digest digest =
            digest_of(file->inline_files[i].data.data, file->inline_files[i].data.len);
        ingredient_add(
            list, arena,
            str_printf(arena, "heredoc %zu %.*s", i + 1, STR_ARG(file->inline_files[i].name)),
            hex(arena, &digest));
    }
    add_timestamp(list, arena, plan);
    add_rewriting(list, arena, plan);
}

static void add_layers(struct ingredient_list *list, struct arena *arena, const struct step *top) {
    size_t count = 0;
    for (const struct step *step = top; step; step = step->parent) {
        count++;
    }
    struct str *keys = arena_array(arena, count, sizeof(*keys));
    size_t i = count;
    for (const struct step *step = top; step; step = step->parent) {
        keys[--i] = hex(arena, &step->key);
    }
    add_numbered(list, arena, "layer", keys, count);
}

static void make_image(struct ingredient_list *list, struct arena *arena, const struct plan *plan,
                       const struct step *step) {
    const struct step_image *image = &step->image;
    _cleanup_buf_ struct buf config = BUF_INIT;
    add_layers(list, arena, step->parent);
    image_config_write_untimed(&config, &image->config);
    ingredient_add(list, arena, STR("config"), str_copy(arena, buf_str(&config)));
    for (size_t i = 0; i < image->annotations.count; i++) {
        const struct name_value *annotation = &image->annotations.items[i];
        ingredient_add(list, arena, str_printf(arena, "annotation %.*s", STR_ARG(annotation->name)),
                       annotation->value);
    }
    ingredient_add(list, arena, STR("format"), image->is_docker ? STR("docker") : STR("oci"));
    if (image->is_squashed) {
        ingredient_add(list, arena, STR("squash"), STR("true"));
    }
    add_timestamp(list, arena, plan);
}

static struct digest hash(const struct ingredient_list *list) {
    struct hasher hasher;
    hasher_init(&hasher);
    hasher_update_str(&hasher, STR("bud-step-v1"));
    for (size_t i = 0; i < list->count; i++) {
        hasher_update_str(&hasher, list->items[i].name);
        hasher_update_str(&hasher, list->items[i].value);
    }
    return hasher_finish(&hasher);
}

/* How many independent steps that do the same are below STEP: one result cannot be mounted twice in a stack. */
static unsigned count_repetitions(const struct step *step) {
    for (const struct step *below = step->parent; below; below = below->parent) {
        if (step_is_independent(below) && digest_equal(&below->own_key, &step->own_key)) {
            return below->repetition + 1;
        }
    }
    return 0;
}

bool recipe_has_root(const struct step *step) {
    while (step && step_is_independent(step) && step->has_key) {
        step = step->parent;
    }
    return !step || step->has_key;
}

struct digest recipe_root(const struct step *step) {
    if (step->has_root || !step_is_independent(step)) {
        return step->has_root ? step->root : step->key;
    }
    struct digest below = { 0 };
    if (step->parent) {
        below = recipe_root(step->parent);
    }
    struct hasher hasher;
    hasher_init(&hasher);
    hasher_update_str(&hasher, STR("bud-merge-v1"));
    hasher_update(&hasher, below.bytes, sizeof(below.bytes));
    hasher_update(&hasher, step->key.bytes, sizeof(step->key.bytes));
    return hasher_finish(&hasher);
}

void recipe_make(const struct plan *plan, struct step *step, struct arena *arena) {
    struct ingredient_list list = { 0 };
    ingredient_add(&list, arena, STR("kind"), recipe_kind(step));
    switch (step->kind) {
    case STEP_SOURCE:
        make_source(&list, arena, step);
        break;
    case STEP_EXEC:
        make_exec(&list, arena, plan, step);
        break;
    case STEP_FILE:
        make_file(&list, arena, plan, step);
        break;
    case STEP_IMAGE:
        make_image(&list, arena, plan, step);
        break;
    }
    step->key = step->own_key = hash(&list);
    step->repetition = step_is_independent(step) ? count_repetitions(step) : 0;
    if (step->repetition > 0) {
        ingredient_add(&list, arena, STR("repetition"), str_printf(arena, "%u", step->repetition));
        step->key = hash(&list);
    }
    step->has_key = true;
    step->has_root = false;
    step->root = recipe_root(step);
    step->has_root = !step_is_independent(step) || !step->parent || step->parent->has_root;
    step->ingredients = list.items;
    step->ingredient_count = list.count;
}
