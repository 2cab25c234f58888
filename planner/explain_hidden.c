/* What is not shown of ingredients: values of variables whose names say that they are secrets. */
#include "base/json.h"
#include "parser/secret_name.h"
#include "planner/explain.h"
#include "planner/explain_part.h"

#define HIDDEN "(hidden)"

struct str explain_variable(struct arena *arena, const char *instruction, struct str name,
                            const struct str *before, const struct str *now) {
    struct str told = str_printf(arena, "%s %.*s", instruction, STR_ARG(name));
    return before && now && secret_name(name) ? str_printf(arena, "%.*s changed", STR_ARG(told))
                                              : explain_named(arena, told, before, now);
}

/* "NAME=VALUE" */
static bool is_secret(struct str assignment) {
    struct str name;
    return str_find_byte(assignment, '=') != SIZE_MAX && str_split(&assignment, '=', &name) &&
           secret_name(name);
}

static struct str hide_value(struct arena *arena, struct str assignment) {
    size_t equals = str_find_byte(assignment, '=');
    return str_printf(arena, "%.*s=" HIDDEN, (int)equals, assignment.data);
}

/* Values have spaces and no quotes there: where one ends cannot be told. Names of labels mean nothing. */
struct str explain_hide_history(struct arena *arena, struct str entry) {
    struct str rest = entry, word;
    if (str_has_prefix(entry, STR("LABEL "))) {
        return entry;
    }
    while (rest.len > 0 && str_split(&rest, ' ', &word)) {
        if (is_secret(word)) {
            size_t begin = (size_t)(word.data - entry.data);
            return str_printf(arena, "%.*s%.*s", (int)begin, entry.data,
                              STR_ARG(hide_value(arena, word)));
        }
    }
    return entry;
}

static struct str hide_in_config(struct arena *arena, struct str config) {
    _cleanup_json_ json_t *root = json_parse(config, "config", NULL);
    _cleanup_buf_ struct buf text = BUF_INIT;
    size_t i;
    json_t *item;
    bool is_changed = false;
    json_t *env = json_object_get(json_object_get(root, "config"), "Env");
    json_array_foreach(env, i, item) {
        if (is_secret(json_text(item))) {
            json_array_set_new(env, i, json_from_str(hide_value(arena, json_text(item))));
            is_changed = true;
        }
    }
    json_array_foreach(json_object_get(root, "history"), i, item) {
        struct str entry = json_text(json_object_get(item, "created_by"));
        struct str shown = explain_hide_history(arena, entry);
        if (!str_equal(shown, entry)) {
            json_object_set_new(item, "created_by", json_from_str(shown));
            is_changed = true;
        }
    }
    if (is_changed) {
        json_write(&text, root);
    }
    return is_changed ? str_copy(arena, buf_str(&text)) : config;
}

struct str explain_shown(struct arena *arena, struct str name, struct str value) {
    struct str prefix = STR("env ");
    if (str_has_prefix(name, prefix)) {
        return secret_name(str_from(name, prefix.len)) ? STR(HIDDEN) : value;
    }
    return str_equal_c(name, "config") ? hide_in_config(arena, value) : value;
}
