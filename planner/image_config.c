#include "planner/image_config.h"

#include "base/json.h"
#include "base/time.h"
#include "base/vec.h"
#include "planner/platform.h"

#include <stdlib.h>

/* ---- lists ---- */

void str_list_push(struct str_list *list, struct arena *arena, struct str item) {
    arena_vec_push(arena, list, item);
    list->is_set = true;
}

void name_values_set(struct name_values *list, struct arena *arena, struct str name,
                     struct str value) {
    for (size_t i = 0; i < list->count; i++) {
        if (str_equal(list->items[i].name, name)) {
            list->items[i].value = value;
            return;
        }
    }
    arena_vec_push(arena, list, (struct name_value){ name, value });
}

const struct str *name_values_get(const struct name_values *list, struct str name) {
    for (size_t i = 0; i < list->count; i++) {
        if (str_equal(list->items[i].name, name)) {
            return &list->items[i].value;
        }
    }
    return NULL;
}

static struct str_list str_list_copy(const struct str_list *in, struct arena *arena) {
    struct str_list out = *in;
    out.items = arena_array(arena, in->count, sizeof(*in->items));
    out.capacity = in->count;
    for (size_t i = 0; i < in->count; i++) {
        out.items[i] = in->items[i];
    }
    return out;
}

static struct name_values name_values_copy(const struct name_values *in, struct arena *arena) {
    struct name_values out = *in;
    out.items = arena_array(arena, in->count, sizeof(*in->items));
    out.capacity = in->count;
    for (size_t i = 0; i < in->count; i++) {
        out.items[i] = in->items[i];
    }
    return out;
}

void image_config_scratch(struct image_config *out) {
    struct platform platform = platform_host();
    *out = (struct image_config){
        .architecture = platform.architecture,
        .os = platform.os,
        .variant = platform.variant,
        .working_dir = STR("/"),
    };
}

/* The lists are copied, the strings shared: nobody writes into a string. */
void image_config_copy(struct image_config *out, const struct image_config *in,
                       struct arena *arena) {
    *out = *in;
    out->env = name_values_copy(&in->env, arena);
    out->labels = name_values_copy(&in->labels, arena);
    struct str_list *lists[] = {
        &out->exposed_ports, &out->volumes,  &out->entrypoint,       &out->cmd, &out->shell,
        &out->on_build,      &out->diff_ids, &out->healthcheck.test, NULL
    };
    for (size_t i = 0; lists[i]; i++) {
        *lists[i] = str_list_copy(lists[i], arena);
    }
    out->history = arena_array(arena, in->history_count, sizeof(*in->history));
    out->history_capacity = in->history_count;
    for (size_t i = 0; i < in->history_count; i++) {
        out->history[i] = in->history[i];
    }
}

/* ---- reading ---- */

static int read_str(const json_t *object, const char *key, struct arena *arena, struct str *out,
                    struct error *error) {
    const char *text = NULL;
    if (json_read_string(object, key, &text, error)) {
        return -1;
    }
    if (text) {
        *out = str_of(arena_strdup(arena, text));
    }
    return 0;
}

static int read_time(const json_t *object, const char *key, bool *has, int64_t *out,
                     struct error *error) {
    const char *text = NULL;
    if (json_read_string(object, key, &text, error)) {
        return -1;
    }
    *has = text != NULL;
    if (text && !time_parse(str_of(text), out)) {
        return error_set(error, ERROR_CORRUPT, "`%s` is not a time: %.100s", key, text);
    }
    return 0;
}

static int read_str_list(const json_t *object, const char *key, struct arena *arena,
                         struct str_list *out, struct error *error) {
    json_t *array = NULL;
    if (json_read_array(object, key, &array, error)) {
        return -1;
    }
    if (!array) {
        return 0;
    }
    out->is_set = true;
    size_t i;
    json_t *item;
    json_array_foreach(array, i, item) {
        if (!json_is_string(item)) {
            return error_set(error, ERROR_CORRUPT, "`%s` holds something that is not a string",
                             key);
        }
        /* No argument and no variable of a program can have one. */
        if (strlen(json_string_value(item)) != json_string_length(item)) {
            return error_set(error, ERROR_CORRUPT, "\"%s\" holds a NUL character", key);
        }
        str_list_push(out, arena, str_of(arena_strdup(arena, json_string_value(item))));
    }
    return 0;
}

static int check_count(const char *key, size_t count, struct error *error) {
    return count <= NAMES_MAX
               ? 0
               : error_set(error, ERROR_CORRUPT, "`%s` holds more than %d members", key, NAMES_MAX);
}

/* {"80/tcp": {}}: a set written as an object. */
static int read_set(const json_t *object, const char *key, struct arena *arena,
                    struct str_list *out, struct error *error) {
    json_t *members = NULL;
    if (json_read_object(object, key, &members, error)) {
        return -1;
    }
    const char *name;
    json_t *value;
    json_object_foreach(members, name, value) {
        str_list_push(out, arena, str_of(arena_strdup(arena, name)));
    }
    return 0;
}

static int read_env(const json_t *object, struct arena *arena, struct name_values *out,
                    struct error *error) {
    struct str_list list = { 0 };
    if (read_str_list(object, "Env", arena, &list, error) ||
        check_count("Env", list.count, error)) {
        return -1;
    }
    for (size_t i = 0; i < list.count; i++) {
        struct str value = list.items[i];
        struct str name;
        str_split(&value, '=', &name);
        name_values_set(out, arena, name, value.data ? value : STR_EMPTY);
    }
    return 0;
}

static int read_labels(const json_t *object, struct arena *arena, struct name_values *out,
                       struct error *error) {
    json_t *labels = NULL;
    if (json_read_object(object, "Labels", &labels, error) ||
        check_count("Labels", json_object_size(labels), error)) {
        return -1;
    }
    const char *name;
    json_t *value;
    json_object_foreach(labels, name, value) {
        if (!json_is_string(value)) {
            return error_set(error, ERROR_CORRUPT, "label `%s` is not a string", name);
        }
        name_values_set(out, arena, str_of(arena_strdup(arena, name)),
                        str_of(arena_strdup(arena, json_string_value(value))));
    }
    return 0;
}

static int read_healthcheck(const json_t *object, struct arena *arena, struct healthcheck *out,
                            struct error *error) {
    json_t *check = NULL;
    if (json_read_object(object, "Healthcheck", &check, error)) {
        return -1;
    }
    if (!check) {
        return 0;
    }
    if (read_str_list(check, "Test", arena, &out->test, error) ||
        json_read_integer(check, "Interval", &out->interval, error) ||
        json_read_integer(check, "Timeout", &out->timeout, error) ||
        json_read_integer(check, "StartPeriod", &out->start_period, error) ||
        json_read_integer(check, "StartInterval", &out->start_interval, error) ||
        json_read_integer(check, "Retries", &out->retries, error)) {
        return -1;
    }
    return 0;
}

static int read_history(const json_t *root, struct arena *arena, struct image_config *out,
                        struct error *error) {
    json_t *array = NULL;
    if (json_read_array(root, "history", &array, error)) {
        return -1;
    }
    size_t i;
    json_t *item;
    json_array_foreach(array, i, item) {
        if (!json_is_object(item)) {
            return error_set(error, ERROR_CORRUPT, "a history entry is not an object");
        }
        struct history_entry entry = { 0 };
        if (read_time(item, "created", &entry.has_created, &entry.created, error) ||
            read_str(item, "created_by", arena, &entry.created_by, error) ||
            read_str(item, "author", arena, &entry.author, error) ||
            read_str(item, "comment", arena, &entry.comment, error) ||
            json_read_bool(item, "empty_layer", &entry.is_empty_layer, error)) {
            return -1;
        }
        image_config_push_history(out, arena, entry);
    }
    return 0;
}

static int read_inner(const json_t *root, struct arena *arena, struct image_config *out,
                      struct error *error) {
    json_t *config = NULL;
    if (json_read_object(root, "config", &config, error)) {
        return -1;
    }
    if (!config) {
        return 0;
    }
    if (read_str(config, "User", arena, &out->user, error) ||
        read_set(config, "ExposedPorts", arena, &out->exposed_ports, error) ||
        read_env(config, arena, &out->env, error) ||
        read_str_list(config, "Entrypoint", arena, &out->entrypoint, error) ||
        read_str_list(config, "Cmd", arena, &out->cmd, error) ||
        read_set(config, "Volumes", arena, &out->volumes, error) ||
        read_str(config, "WorkingDir", arena, &out->working_dir, error) ||
        read_labels(config, arena, &out->labels, error) ||
        read_str(config, "StopSignal", arena, &out->stop_signal, error) ||
        json_read_bool(config, "ArgsEscaped", &out->is_args_escaped, error) ||
        read_healthcheck(config, arena, &out->healthcheck, error) ||
        read_str_list(config, "OnBuild", arena, &out->on_build, error) ||
        read_str_list(config, "Shell", arena, &out->shell, error)) {
        return -1;
    }
    return 0;
}

int image_config_parse(struct str json, struct arena *arena, struct image_config *out,
                       struct error *error) {
    *out = (struct image_config){ 0 };
    _cleanup_json_ json_t *root = json_parse(json, "image config", error);
    if (!root) {
        return -1;
    }
    if (!json_is_object(root)) {
        return error_set(error, ERROR_CORRUPT, "the image config is not a JSON object");
    }
    json_t *rootfs = NULL;
    if (read_str(root, "architecture", arena, &out->architecture, error) ||
        read_str(root, "os", arena, &out->os, error) ||
        read_str(root, "variant", arena, &out->variant, error) ||
        read_str(root, "os.version", arena, &out->os_version, error) ||
        read_str(root, "author", arena, &out->author, error) ||
        read_time(root, "created", &out->has_created, &out->created, error) ||
        read_inner(root, arena, out, error) || read_history(root, arena, out, error) ||
        json_read_object(root, "rootfs", &rootfs, error)) {
        return -1;
    }
    return rootfs ? read_str_list(rootfs, "diff_ids", arena, &out->diff_ids, error) : 0;
}

void image_config_push_history(struct image_config *config, struct arena *arena,
                               struct history_entry entry) {
    if (config->history_count == config->history_capacity) {
        config->history = vec_grow(arena, config->history, config->history_count,
                                   &config->history_capacity, sizeof(*config->history));
    }
    config->history[config->history_count++] = entry;
}

/* ---- writing ---- */

/* An object being written: knows whether a comma is due. */
struct object {
    struct buf *out;
    bool has_members;
};

static struct object object_open(struct buf *out) {
    buf_append_byte(out, '{');
    return (struct object){ out, false };
}

static void object_key(struct object *object, const char *key) {
    if (object->has_members) {
        buf_append_byte(object->out, ',');
    }
    object->has_members = true;
    buf_append_byte(object->out, '"');
    buf_append_c(object->out, key);
    buf_append_c(object->out, "\":");
}

static void object_close(struct object *object) {
    buf_append_byte(object->out, '}');
}

static void write_str(struct object *object, const char *key, struct str value) {
    if (value.len > 0) {
        object_key(object, key);
        json_quote(object->out, value);
    }
}

static void write_true(struct object *object, const char *key, bool value) {
    if (value) {
        object_key(object, key);
        buf_append_c(object->out, "true");
    }
}

static void write_integer(struct object *object, const char *key, int64_t value) {
    if (value != 0) {
        object_key(object, key);
        buf_printf(object->out, "%lld", (long long)value);
    }
}

static void write_time(struct object *object, const char *key, int64_t value) {
    char text[TIME_TEXT_SIZE];
    time_format(text, value);
    object_key(object, key);
    buf_printf(object->out, "\"%s\"", text);
}

static void write_array(struct buf *out, const struct str_list *list) {
    buf_append_byte(out, '[');
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0) {
            buf_append_byte(out, ',');
        }
        json_quote(out, list->items[i]);
    }
    buf_append_byte(out, ']');
}

/* IS_NULLABLE: an empty list that is set is written as [], one that is not is left out. */
static void write_list(struct object *object, const char *key, const struct str_list *list,
                       bool is_nullable) {
    if (list->count > 0 || (is_nullable && list->is_set)) {
        object_key(object, key);
        write_array(object->out, list);
    }
}

static int compare_str(const void *a, const void *b) {
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

static void write_set(struct object *object, const char *key, const struct str_list *set) {
    if (set->count == 0) {
        return;
    }
    struct str *sorted = xcalloc(set->count, sizeof(*sorted));
    memcpy(sorted, set->items, set->count * sizeof(*sorted));
    qsort(sorted, set->count, sizeof(*sorted), compare_str);
    object_key(object, key);
    buf_append_byte(object->out, '{');
    for (size_t i = 0; i < set->count; i++) {
        if (i > 0) {
            buf_append_byte(object->out, ',');
        }
        json_quote(object->out, sorted[i]);
        buf_append_c(object->out, ":{}");
    }
    buf_append_byte(object->out, '}');
    free(sorted);
}

static int compare_name_value(const void *a, const void *b) {
    return str_compare(((const struct name_value *)a)->name, ((const struct name_value *)b)->name);
}

static void write_labels(struct object *object, const struct name_values *labels) {
    if (labels->count == 0) {
        return;
    }
    struct name_value *sorted = xcalloc(labels->count, sizeof(*sorted));
    memcpy(sorted, labels->items, labels->count * sizeof(*sorted));
    qsort(sorted, labels->count, sizeof(*sorted), compare_name_value);
    object_key(object, "Labels");
    buf_append_byte(object->out, '{');
    for (size_t i = 0; i < labels->count; i++) {
        if (i > 0) {
            buf_append_byte(object->out, ',');
        }
        json_quote(object->out, sorted[i].name);
        buf_append_byte(object->out, ':');
        json_quote(object->out, sorted[i].value);
    }
    buf_append_byte(object->out, '}');
    free(sorted);
}

static void write_env(struct object *object, const struct name_values *env) {
    if (env->count == 0) {
        return;
    }
    _cleanup_buf_ struct buf pair = BUF_INIT;
    object_key(object, "Env");
    buf_append_byte(object->out, '[');
    for (size_t i = 0; i < env->count; i++) {
        buf_reset(&pair);
        buf_append_str(&pair, env->items[i].name);
        buf_append_byte(&pair, '=');
        buf_append_str(&pair, env->items[i].value);
        if (i > 0) {
            buf_append_byte(object->out, ',');
        }
        json_quote(object->out, buf_str(&pair));
    }
    buf_append_byte(object->out, ']');
}

static void write_healthcheck(struct object *object, const struct healthcheck *check) {
    if (check->test.count == 0) {
        return;
    }
    object_key(object, "Healthcheck");
    struct object inner = object_open(object->out);
    write_list(&inner, "Test", &check->test, false);
    write_integer(&inner, "Interval", check->interval);
    write_integer(&inner, "Timeout", check->timeout);
    write_integer(&inner, "StartPeriod", check->start_period);
    write_integer(&inner, "StartInterval", check->start_interval);
    write_integer(&inner, "Retries", check->retries);
    object_close(&inner);
}

static void write_inner(struct object *object, const struct image_config *config) {
    object_key(object, "config");
    struct object inner = object_open(object->out);
    write_str(&inner, "User", config->user);
    write_set(&inner, "ExposedPorts", &config->exposed_ports);
    write_env(&inner, &config->env);
    write_list(&inner, "Entrypoint", &config->entrypoint, false);
    write_list(&inner, "Cmd", &config->cmd, true);
    write_set(&inner, "Volumes", &config->volumes);
    write_str(&inner, "WorkingDir", config->working_dir);
    write_labels(&inner, &config->labels);
    write_str(&inner, "StopSignal", config->stop_signal);
    write_true(&inner, "ArgsEscaped", config->is_args_escaped);
    write_healthcheck(&inner, &config->healthcheck);
    write_list(&inner, "OnBuild", &config->on_build, false);
    write_list(&inner, "Shell", &config->shell, false);
    object_close(&inner);
}

static void write_history(struct object *object, const struct image_config *config,
                          bool has_times) {
    if (config->history_count == 0) {
        return;
    }
    object_key(object, "history");
    buf_append_byte(object->out, '[');
    for (size_t i = 0; i < config->history_count; i++) {
        const struct history_entry *entry = &config->history[i];
        if (i > 0) {
            buf_append_byte(object->out, ',');
        }
        struct object inner = object_open(object->out);
        if (has_times && entry->has_created) {
            write_time(&inner, "created", entry->created);
        }
        write_str(&inner, "created_by", entry->created_by);
        write_str(&inner, "author", entry->author);
        write_str(&inner, "comment", entry->comment);
        write_true(&inner, "empty_layer", entry->is_empty_layer);
        object_close(&inner);
    }
    buf_append_byte(object->out, ']');
}

static void write_config(struct buf *out, const struct image_config *config, bool has_times) {
    struct object object = object_open(out);
    write_str(&object, "architecture", config->architecture);
    write_str(&object, "author", config->author);
    write_inner(&object, config);
    if (has_times && config->has_created) {
        write_time(&object, "created", config->created);
    }
    write_history(&object, config, has_times);
    write_str(&object, "os", config->os);
    write_str(&object, "os.version", config->os_version);
    object_key(&object, "rootfs");
    buf_append_c(out, "{\"type\":\"layers\",\"diff_ids\":");
    write_array(out, &config->diff_ids);
    buf_append_byte(out, '}');
    write_str(&object, "variant", config->variant);
    object_close(&object);
}

void image_config_write(struct buf *out, const struct image_config *config) {
    write_config(out, config, true);
}

void image_config_write_untimed(struct buf *out, const struct image_config *config) {
    write_config(out, config, false);
}
