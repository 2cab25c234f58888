/* What of an image's config changed, as the Dockerfile calls it. */
#include "base/json.h"
#include "base/vec.h"
#include "planner/explain.h"
#include "planner/explain_part.h"

/* The members of `config`, and those of the whole (docs/cache.md, Ingredients). */
static const struct {
    const char *member, *name;
    bool is_outer;
} members[] = {
    { "User", "USER", false },
    { "ExposedPorts", "EXPOSE", false },
    { "Entrypoint", "ENTRYPOINT", false },
    { "Cmd", "CMD", false },
    { "ArgsEscaped", "CMD", false },
    { "Volumes", "VOLUME", false },
    { "WorkingDir", "WORKDIR", false },
    { "StopSignal", "STOPSIGNAL", false },
    { "Healthcheck", "HEALTHCHECK", false },
    { "OnBuild", "ONBUILD", false },
    { "Shell", "SHELL", false },
    { "author", "MAINTAINER", true },
    { "architecture", "architecture", true },
    { "variant", "variant", true },
    { "os", "os", true },
    { "os.version", "os.version", true },
};

static void add(struct str_list *list, struct arena *arena, struct str text) {
    for (size_t i = 0; i < list->count; i++) {
        if (str_equal(list->items[i], text)) {
            return;
        }
    }
    str_list_push(list, arena, text);
}

static bool is_same(const json_t *before, const json_t *now) {
    return before == now || json_equal((json_t *)before, (json_t *)now);
}

static void compare_member(struct str_list *list, struct arena *arena, const char *name,
                           const json_t *before, const json_t *now) {
    struct str old = json_text(before), new = json_text(now);
    if (is_same(before, now)) {
        return;
    }
    if ((!before || json_is_string(before)) && (!now || json_is_string(now))) {
        add(list, arena,
            explain_change(arena, str_of(name), before ? &old : NULL, now ? &new : NULL));
    } else {
        add(list, arena,
            str_printf(arena, "%s %s", name,
                       !before ? "is new"
                       : !now  ? "is gone"
                               : "changed"));
    }
}

/* Name -> value of the variables, or of the labels. */
static void read_names(const json_t *from, struct arena *arena, struct map *out) {
    size_t i;
    json_t *item;
    const char *label;
    json_array_foreach((json_t *)from, i, item) {
        struct str *value = arena_new(arena, struct str), name;
        *value = json_text(item);
        str_split(value, '=', &name);
        map_set(out, name, value);
    }
    json_object_foreach((json_t *)from, label, item) {
        struct str *value = arena_new(arena, struct str);
        *value = json_text(item);
        map_set(out, str_of(label), value);
    }
}

static struct str describe_label(struct arena *arena, const char *instruction, struct str name,
                                 const struct str *before, const struct str *now) {
    return explain_named(arena, str_printf(arena, "%s %.*s", instruction, STR_ARG(name)), before,
                         now);
}

static void compare_names(struct str_list *list, struct arena *arena, const char *instruction,
                          const json_t *before, const json_t *now) {
    _cleanup_map_ struct map old = MAP_INIT;
    _cleanup_map_ struct map new = MAP_INIT;
    read_names(before, arena, &old);
    read_names(now, arena, &new);
    bool is_env = strcmp(instruction, "ENV") == 0;
    for (size_t i = 0; i < new.count + old.count; i++) {
        struct str name = i < new.count ? new.entries[i].key : old.entries[i - new.count].key;
        const struct str *was = map_get(&old, name), *is = map_get(&new, name);
        if (!was || !is || !str_equal(*was, *is)) {
            add(list, arena,
                (is_env ? explain_variable : describe_label)(arena, instruction, name, was, is));
        }
    }
}

static struct str entry_at(const json_t *history, size_t i) {
    return json_text(json_object_get(json_array_get(history, i), "created_by"));
}

/* The first entry that is another one. One that comes before the others of the other side, or behind them, came or went. */
static struct str describe_history(struct arena *arena, const json_t *before, const json_t *now) {
    size_t old_count = json_array_size(before), count = json_array_size(now), i = 0;
    while (i < old_count && i < count && str_equal(entry_at(before, i), entry_at(now, i))) {
        i++;
    }
    struct str old = explain_hide_history(arena, entry_at(before, i));
    struct str new = explain_hide_history(arena, entry_at(now, i));
    bool is_new = count > old_count &&
                  (i == old_count || str_equal(entry_at(before, i), entry_at(now, i + 1)));
    bool is_gone =
        old_count > count && (i == count || str_equal(entry_at(before, i + 1), entry_at(now, i)));
    if (str_equal(old, new)) { /* what is hidden of them, or no text */
        return STR("the history changed");
    }
    return explain_change(arena, STR("history"), is_new ? NULL : &old, is_gone ? NULL : &new);
}

struct str_list explain_config(struct arena *arena, struct str before, struct str now) {
    struct str_list list = { 0 };
    _cleanup_json_ json_t *old = json_parse(before, "config", NULL);
    _cleanup_json_ json_t *new = json_parse(now, "config", NULL);
    const json_t *old_config = json_object_get(old, "config");
    const json_t *new_config = json_object_get(new, "config");
    compare_names(&list, arena, "ENV", json_object_get(old_config, "Env"),
                  json_object_get(new_config, "Env"));
    compare_names(&list, arena, "LABEL", json_object_get(old_config, "Labels"),
                  json_object_get(new_config, "Labels"));
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        const char *member = members[i].member;
        compare_member(&list, arena, members[i].name,
                       json_object_get(members[i].is_outer ? old : old_config, member),
                       json_object_get(members[i].is_outer ? new : new_config, member));
    }
    /* Every instruction is in the history: alone it tells of one that is written otherwise. */
    const json_t *old_history = json_object_get(old, "history");
    const json_t *new_history = json_object_get(new, "history");
    if (list.count == 0 && !is_same(old_history, new_history)) {
        str_list_push(&list, arena, describe_history(arena, old_history, new_history));
    }
    return list;
}
