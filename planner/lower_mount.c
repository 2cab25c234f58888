/* RUN --mount and --volume (Dockerfile reference, RUN --mount). */
#include "base/fs.h"
#include "base/vec.h"
#include "planner/lower.h"
#include "planner/values.h"

#include <stdlib.h>

struct mount_options { /* values expanded; data NULL: not given */
    enum mount_type type;
    struct str from, source, target, id, env;
    struct span from_span, span;
    bool has_readonly, is_readonly;
    bool has_sharing, has_mode, has_uid, has_gid, is_required;
    uint64_t size, mode, uid, gid;
    enum cache_sharing sharing;
};

static int bad_value(struct str key, struct str value, struct error *error) {
    error_set(error, ERROR_INPUT, "invalid value for %.*s: %.*s", STR_ARG(key), STR_ARG(value));
    return error_hint(error, "write %s",
                      str_equal_c(key, "mode")                             ? "an octal number"
                      : str_equal_c(key, "uid") || str_equal_c(key, "gid") ? "a decimal number"
                      : str_equal_c(key, "size") ? "a number, with k, m or g behind it"
                                                 : "true or false");
}

static const char *const type_names[] = { [MOUNT_BIND] = "bind",
                                          [MOUNT_CACHE] = "cache",
                                          [MOUNT_TMPFS] = "tmpfs",
                                          [MOUNT_SECRET] = "secret",
                                          [MOUNT_SSH] = "ssh" };

static int parse_type(struct str value, enum mount_type *out, struct error *error) {
    for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++) {
        if (str_equal_nocase(value, str_of(type_names[i]))) {
            *out = (enum mount_type)i;
            return 0;
        }
    }
    error_set(error, ERROR_INPUT, "unsupported mount type \"%.*s\"", STR_ARG(value));
    return error_hint(error, "the types are bind, cache, tmpfs, secret and ssh");
}

/* 64, 64k, 1MiB: 1024-based. */
static bool parse_size(struct str value, uint64_t *out) {
    size_t digits = 0;
    while (digits < value.len && value.data[digits] >= '0' && value.data[digits] <= '9') {
        digits++;
    }
    struct str unit = str_from(value, digits);
    unsigned shift = 0;
    if (unit.len > 0) {
        static const char units[] = "bkmgtp";
        char c = (char)(unit.data[0] | 0x20);
        const char *found = strchr(units, c);
        if (!found) {
            return false;
        }
        shift = (unsigned)(found - units) * 10;
        struct str rest = str_from(unit, 1);
        if (rest.len > 0 && (shift == 0 || (!str_equal_nocase(rest, STR("b")) &&
                                            !str_equal_nocase(rest, STR("ib"))))) {
            return false;
        }
    }
    if (!str_parse_uint(str_sub(value, 0, digits), 10, INT64_MAX >> shift, out)) {
        return false;
    }
    *out <<= shift;
    return true;
}

static int parse_sharing(struct str value, enum cache_sharing *out, struct error *error) {
    static const char *const names[] = { "shared", "private", "locked" };
    for (unsigned i = 0; i < 3; i++) {
        if (str_equal_nocase(value, str_of(names[i]))) {
            *out = (enum cache_sharing)i;
            return 0;
        }
    }
    error_set(error, ERROR_INPUT, "unsupported sharing value \"%.*s\"", STR_ARG(value));
    return error_hint(error, "the values are shared, private and locked");
}

static const char *nearest_key(struct str key) {
    static const char *const keys[] = { "type", "from",        "source",   "src", "target",
                                        "dst",  "destination", "readonly", "ro",  "readwrite",
                                        "rw",   "required",    "size",     "id",  "sharing",
                                        "mode", "uid",         "gid",      "env" };
    return str_nearest(key, keys, sizeof(keys) / sizeof(keys[0]));
}

static int hint_keys(struct error *error) {
    return error_hint(error, "the keys are type, from, source, target, readonly, readwrite, id, "
                             "sharing, size, mode, uid, gid, required and env");
}

static int unknown_key(const struct ast_mount_option *option, struct error *error) {
    const char *nearest = nearest_key(option->key.text);
    error_set(error, ERROR_INPUT, "unexpected key '%.*s' in '%.*s=%.*s'", STR_ARG(option->key.text),
              STR_ARG(option->key.text), STR_ARG(option->value.text));
    return nearest ? error_hint(error, "did you mean %s?", nearest) : hint_keys(error);
}

static int parse_readonly(struct mount_options *options, struct str key, bool has_value,
                          struct str value, struct error *error) {
    bool is_on = true;
    if (has_value && !str_parse_bool(value, &is_on)) {
        return bad_value(key, value, error);
    }
    bool is_write = str_equal_c(key, "rw") || str_equal_c(key, "readwrite");
    options->has_readonly = true;
    options->is_readonly = is_write ? !is_on : is_on;
    return 0;
}

/* UINT32_MAX is no owner: chown(2) leaves it as it is. */
static int parse_number(struct str key, struct str value, unsigned base, bool *has, uint64_t *out,
                        struct error *error) {
    *has = true;
    return str_parse_uint(value, base, UINT32_MAX - 1, out) ? 0 : bad_value(key, value, error);
}

/* `size` and `required` need their type before them (Dockerfile reference, RUN --mount). */
static int parse_typed(struct mount_options *options, struct str key, bool has_value,
                       struct str value, struct error *error) {
    bool is_size = str_equal_c(key, "size");
    bool is_fit = is_size ? options->type == MOUNT_TMPFS
                          : options->type == MOUNT_SECRET || options->type == MOUNT_SSH;
    if (!is_fit) {
        error_set(error, ERROR_INPUT, "unexpected key '%.*s' for mount type '%s'", STR_ARG(key),
                  type_names[options->type]);
        return error_hint(error, "it belongs to %s, and `type=` comes before it",
                          is_size ? "tmpfs mounts" : "secret and ssh mounts");
    }
    if (is_size) {
        return parse_size(value, &options->size) ? 0 : bad_value(key, value, error);
    }
    options->is_required = true;
    return !has_value || str_parse_bool(value, &options->is_required)
               ? 0
               : bad_value(key, value, error);
}

/* Where the value of a key that takes any text goes; NULL: it is none of those. */
static struct str *text_of(struct mount_options *options, struct str key) {
    const struct {
        const char *name;
        struct str *value;
    } texts[] = { { "from", &options->from },  { "source", &options->source },
                  { "src", &options->source }, { "target", &options->target },
                  { "dst", &options->target }, { "destination", &options->target },
                  { "id", &options->id },      { "env", &options->env } };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (str_equal_c(key, texts[i].name)) {
            return texts[i].value;
        }
    }
    return NULL;
}

static int parse_option(struct mount_options *options, const struct ast_mount_option *option,
                        struct str value, struct error *error) {
    struct str key = option->key.text;
    bool is_flag = str_equal_c(key, "ro") || str_equal_c(key, "readonly") ||
                   str_equal_c(key, "rw") || str_equal_c(key, "readwrite");
    if (is_flag) {
        return parse_readonly(options, key, option->has_value, value, error);
    }
    if (!option->has_value && !str_equal_c(key, "required")) {
        const char *nearest = nearest_key(key);
        error_set(error, ERROR_INPUT, "invalid field '%.*s' must be a key=value pair",
                  STR_ARG(key));
        return nearest ? error_hint(error, "write %s=VALUE", nearest) : hint_keys(error);
    }
    struct str *text = text_of(options, key);
    if (text) {
        *text = value;
        options->from_span = text == &options->from ? option->value.span : options->from_span;
        return 0;
    }
    if (str_equal_c(key, "type")) {
        return parse_type(value, &options->type, error);
    } else if (str_equal_c(key, "sharing")) {
        options->has_sharing = true;
        return parse_sharing(value, &options->sharing, error);
    } else if (str_equal_c(key, "size") || str_equal_c(key, "required")) {
        return parse_typed(options, key, option->has_value, value, error);
    } else if (str_equal_c(key, "mode")) {
        return parse_number(key, value, 8, &options->has_mode, &options->mode, error);
    } else if (str_equal_c(key, "uid")) {
        return parse_number(key, value, 10, &options->has_uid, &options->uid, error);
    } else if (str_equal_c(key, "gid")) {
        return parse_number(key, value, 10, &options->has_gid, &options->gid, error);
    }
    return unknown_key(option, error);
}

/* VALUES are those of AST's options, expanded. */
static int read_options(const struct ast_mount *ast, const struct str *values,
                        struct mount_options *options, struct error *error) {
    options->span = ast->span;
    for (size_t i = 0; i < ast->count; i++) {
        if (parse_option(options, &ast->options[i], values[i], error)) {
            return -1;
        }
    }
    return 0;
}

static struct str *expand_values(struct lowering *lowering, const struct ast_mount *ast,
                                 struct error *error) {
    struct str *values = arena_array(lowering->arena, ast->count + 1, sizeof(*values));
    for (size_t i = 0; i < ast->count; i++) {
        const struct ast_mount_option *option = &ast->options[i];
        values[i] = option->value.text;
        if (!str_equal_c(option->key.text, "from") && option->has_value &&
            lower_word(lowering, &option->value, &values[i], error)) {
            return NULL;
        }
    }
    return values;
}

static int check_secret(const struct mount_options *options, struct error *error) {
    if (options->from.data) {
        error_set(error, ERROR_INPUT, "secret mount should not have a from");
        return error_hint(error, "leave it out: id=NAME says which --secret of the command line");
    }
    if (options->source.data && options->id.data) {
        error_set(error, ERROR_INPUT, "both source and id can't be set");
        return error_hint(error, "keep id: they mean the same");
    }
    if (!options->source.len && !options->id.len && !options->target.len) {
        error_set(error, ERROR_INPUT, "invalid secret mount. one of source, target required");
        return error_hint(error, "add id=NAME");
    }
    if (options->env.data && (!options->env.len || str_find_byte(options->env, '=') != SIZE_MAX)) {
        error_set(error, ERROR_INPUT, "the env of a secret mount needs a name");
        return error_hint(error, "write env=NAME");
    }
    return 0;
}

/* What one type does not take. */
static int check_options(const struct mount_options *options, struct error *error) {
    enum mount_type type = options->type;
    bool has_owner = type != MOUNT_BIND && type != MOUNT_TMPFS;
    const struct {
        const char *key, *owners;
        bool is_bad;
    } rules[] = {
        { "mode", "cache, secret and ssh", options->has_mode && !has_owner },
        { "uid", "cache, secret and ssh", options->has_uid && !has_owner },
        { "gid", "cache, secret and ssh", options->has_gid && !has_owner },
        { "source", "bind, cache and secret", options->source.data && type == MOUNT_TMPFS },
        { "from", "bind and cache",
          options->from.data && (type == MOUNT_TMPFS || type == MOUNT_SSH) },
        { "id", "cache, secret and ssh",
          options->id.data && (type == MOUNT_BIND || type == MOUNT_TMPFS) },
        { "env", "secret", options->env.data && type != MOUNT_SECRET },
    };
    if (options->has_sharing && type != MOUNT_CACHE) {
        error_set(error, ERROR_INPUT, "invalid cache sharing set for %s mount", type_names[type]);
        return error_hint(error, "leave it out: it belongs to cache mounts");
    }
    if (type == MOUNT_CACHE && options->source.len > 0 && options->from.len == 0) {
        error_set(error, ERROR_INPUT, "the source of a cache mount needs a from");
        return error_hint(error, "add from=STAGE, or leave source out: a new cache is empty then");
    }
    if (options->source.data && type == MOUNT_SSH) {
        error_set(error, ERROR_INPUT, "ssh does not support source");
        return error_hint(error, "leave it out: id=NAME says which --ssh of the command line");
    }
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (rules[i].is_bad) {
            error_set(error, ERROR_INPUT, "%s not allowed for \"%s\" type mounts", rules[i].key,
                      type_names[type]);
            return error_hint(error, "leave it out: it belongs to %s mounts", rules[i].owners);
        }
    }
    return type == MOUNT_SECRET ? check_secret(options, error) : 0;
}

int value_check_mount(const struct ast_mount *mount, const struct str *values,
                      struct error *error) {
    struct mount_options options = { .type = MOUNT_BIND };
    return read_options(mount, values, &options, error) ? -1 : check_options(&options, error);
}

/* What is right, but not done. */
static int refuse_options(const struct mount_options *options, struct error *error) {
    if (options->type == MOUNT_SSH) {
        error_set(error, ERROR_UNSUPPORTED, "RUN --mount=type=ssh is not supported");
        return error_hint(error,
                          "give the key with --mount=type=secret and --secret, or the agent's "
                          "socket with --volume $SSH_AUTH_SOCK:/agent");
    }
    return 0;
}

/* There is room for all (lower_mounts). */
static struct mount_plan *add_mount(struct step_exec *exec) {
    struct mount_plan *mount = &exec->mounts[exec->mount_count++];
    mount->input = SIZE_MAX;
    return mount;
}

/* A bind mount reads SOURCE of an input of its own; a new cache begins with it. */
static int add_input(struct lowering *lowering, struct step *step, struct mount_plan *mount,
                     const struct mount_options *options, struct error *error) {
    struct step_input input;
    if (lower_input(lowering, options->from, true,
                    options->from.len > 0 ? options->from_span : options->span, &input, error)) {
        return -1;
    }
    struct arena *arena = lowering->arena;
    struct selection *selection = arena_new(arena, struct selection);
    struct str *sources = arena_array(arena, 1, sizeof(*sources));
    sources[0] = options->source.len > 0 ? options->source : STR("/");
    selection->sources = sources;
    selection->source_count = 1;
    selection->is_literal = true;
    input.selection = selection;
    /* As the selection takes it: `..` leaves what is written before it, not where a link leads. */
    mount->source = path_clean(arena, str_printf(arena, "/%.*s", STR_ARG(sources[0])));
    mount->input = step->input_count;
    step->inputs[step->input_count++] = input;
    return 0;
}

/* The parts that only one type has, and where a secret is found. */
static void take_options(struct lowering *lowering, const struct mount_options *options,
                         struct mount_plan *mount) {
    struct arena *arena = lowering->arena;
    mount->size = options->size;
    mount->uid = (unsigned)options->uid;
    mount->gid = (unsigned)options->gid;
    if (options->type == MOUNT_CACHE) {
        const struct str *space =
            name_values_get(&lowering->planning->build_args, STR("BUILDKIT_CACHE_MOUNT_NS"));
        mount->id = options->id.len > 0 ? options->id : path_clean(arena, options->target);
        if (space && space->len > 0) {
            mount->id = str_printf(arena, "%.*s/%.*s", STR_ARG(*space), STR_ARG(mount->id));
        }
        mount->sharing = options->sharing;
        mount->is_as_source =
            options->from.len > 0 && !options->has_mode && !options->has_uid && !options->has_gid;
        mount->mode = options->has_mode ? (unsigned)options->mode : 0755;
    } else if (options->type == MOUNT_SECRET) {
        mount->id = options->id.len > 0       ? options->id
                    : options->source.len > 0 ? options->source
                                              : path_base(path_clean(arena, options->target));
        mount->env = options->env;
        mount->is_required = options->is_required;
        mount->mode = options->has_mode ? (unsigned)options->mode : 0400;
        if (options->target.len == 0) {
            mount->target = mount->env.len > 0 ? STR_EMPTY
                                               : path_join(arena, STR("/run/secrets"),
                                                           path_base(path_clean(arena, mount->id)));
        }
    }
}

static int lower_mount(struct lowering *lowering, struct step *step, const struct ast_mount *ast,
                       struct error *error) {
    struct mount_options options = { .type = MOUNT_BIND };
    const struct str *values = expand_values(lowering, ast, error);
    if (!values) {
        return -1;
    }
    if (read_options(ast, values, &options, error) || check_options(&options, error) ||
        refuse_options(&options, error)) {
        return lower_error_at(lowering, ast->span, error);
    }
    struct arena *arena = lowering->arena;
    if (options.target.len == 0 && options.type != MOUNT_BIND && options.type != MOUNT_SECRET) {
        error_set(error, ERROR_INPUT, "a mount of this type needs a target");
        error_hint(error, "add target=/path");
        return lower_error_at(lowering, ast->span, error);
    }
    struct mount_plan *mount = add_mount(&step->exec);
    mount->type = options.type;
    mount->target = options.target.len > 0 ? path_join(arena, step->exec.cwd, options.target)
                                           : path_clean(arena, step->exec.cwd);
    mount->is_readonly = options.has_readonly ? options.is_readonly : options.type == MOUNT_BIND;
    take_options(lowering, &options, mount);
    if (options.type == MOUNT_SECRET && options.target.len == 0 && mount->target.len > 0 &&
        !str_has_prefix(mount->target, STR("/run/secrets/"))) {
        error_set(error, ERROR_INPUT, "the id of the secret, %.*s, names no file",
                  STR_ARG(mount->id));
        error_hint(error, "add target=/path");
        return lower_error_at(lowering, ast->span, error);
    }
    if (str_equal_c(mount->target, "/")) {
        error_set(error, ERROR_INPUT, "invalid mount target \"/\"");
        error_hint(error, "add target=/path");
        return lower_error_at(lowering, ast->span, error);
    }
    bool has_input =
        options.type == MOUNT_BIND || (options.type == MOUNT_CACHE && options.from.len > 0);
    return has_input ? add_input(lowering, step, mount, &options, error) : 0;
}

/* HOST:CONTAINER[:OPTION,…] of the command line. */
static int lower_volume_option(struct lowering *lowering, struct step_exec *exec, struct str text,
                               struct error *error) {
    struct str rest = text;
    struct str host, container = STR_EMPTY, option = STR_EMPTY, flag;
    str_split(&rest, ':', &host);
    if (!str_split(&rest, ':', &container) || host.len == 0 || container.len == 0 ||
        host.data[0] != '/' || container.data[0] != '/') {
        error_set(error, ERROR_USAGE, "--volume %.*s: both parts must be absolute paths",
                  STR_ARG(text));
        return error_hint(error, "write --volume /host/path:/container/path[:ro]");
    }
    struct mount_plan *mount = add_mount(exec);
    mount->is_host = true;
    mount->source = path_clean(lowering->arena, host);
    mount->target = path_clean(lowering->arena, container);
    while (str_split(&rest, ',', &option)) {
        flag = str_trim(option);
        if (str_equal_c(flag, "ro")) {
            mount->is_readonly = true;
        } else if (flag.len > 0 && !str_equal_c(flag, "rw")) {
            error_set(error, ERROR_UNSUPPORTED, "--volume %.*s: option %.*s is not supported",
                      STR_ARG(text), STR_ARG(flag));
            return error_hint(error, "the options are ro and rw");
        }
    }
    return 0;
}

/* Parents before what is mounted in them; the order of equal targets stays. */
static int compare_mounts(const void *a, const void *b) {
    const struct mount_plan *left = *(const struct mount_plan *const *)a;
    const struct mount_plan *right = *(const struct mount_plan *const *)b;
    int order = str_compare(left->target, right->target);
    return order != 0 ? order : (left > right) - (left < right);
}

static void sort_mounts(struct arena *arena, struct step_exec *exec) {
    if (exec->mount_count < 2) {
        return;
    }
    struct mount_plan **order = xcalloc(exec->mount_count, sizeof(struct mount_plan *));
    for (size_t i = 0; i < exec->mount_count; i++) {
        order[i] = &exec->mounts[i];
    }
    qsort(order, exec->mount_count, sizeof(*order), compare_mounts);
    struct mount_plan *sorted = arena_array(arena, exec->mount_count, sizeof(*sorted));
    size_t count = 0;
    for (size_t i = 0; i < exec->mount_count; i++) {
        struct mount_plan *mount = order[i];
        bool is_replaced = i + 1 < exec->mount_count && mount->target.len > 0 &&
                           str_equal(mount->target, order[i + 1]->target);
        if (is_replaced) { /* the last one of a target wins; a variable is not replaced by it */
            mount->target = STR_EMPTY;
        }
        if (!is_replaced || mount->env.len > 0) {
            sorted[count++] = *mount;
        }
    }
    free(order);
    exec->mounts = sorted;
    exec->mount_count = count;
}

int lower_mounts(struct lowering *lowering, struct step *step, struct error *error) {
    const struct str_list *volumes = &lowering->planning->request->volumes;
    const struct instruction *instruction = lowering->instruction;
    size_t count = volumes->count + instruction->run.mount_count;
    step->exec.mounts = arena_array(lowering->arena, count, sizeof(*step->exec.mounts));
    step->inputs =
        arena_array(lowering->arena, instruction->run.mount_count, sizeof(*step->inputs));
    for (size_t i = 0; i < volumes->count; i++) {
        if (lower_volume_option(lowering, &step->exec, volumes->items[i], error)) {
            return -1;
        }
    }
    for (size_t i = 0; i < instruction->run.mount_count; i++) {
        if (lower_mount(lowering, step, &instruction->run.mounts[i], error)) {
            return -1;
        }
    }
    sort_mounts(lowering->arena, &step->exec);
    return 0;
}
