/* `bud cache show` and `bud cache why` */
#include "cli/cache.h"

#include "cli/human.h"
#include "planner/explain.h"

#include <stdlib.h>

#define VALUE_WIDTH 100
#define UNREADABLE "unreadable: rotten, or not known to be on disk since the machine was started"

/* ---- show ---- */

static void print_line(struct buf *out, const char *name, const char *value) {
    buf_printf(out, "%-11s %s\n", name, value);
}

static const char *image_name(const struct cache_view *view, const struct image *image) {
    return image->name_count > 0 ? str_dup(view->arena, image->names[0])
                                 : arena_printf(view->arena, "%.12s (no name)", image->id.data);
}

/* What an item was made on: a record, an image, or something that is gone. */
static const char *result_name(const struct cache_view *view, const struct usage_item *item,
                               struct str result) {
    const struct usage *usage = &view->usage;
    for (size_t i = 0; i < item->parent_count; i++) {
        const struct usage_item *parent = &usage->items[item->parents[i]];
        if (str_equal(parent->result, result)) {
            return cache_short_key(view, &parent->record.key);
        }
    }
    for (size_t i = 0; i < usage->images.count; i++) {
        if (str_equal(usage->images.items[i].id, result)) {
            return arena_printf(view->arena, "image %s", image_name(view, &usage->images.items[i]));
        }
    }
    return str_dup(view->arena, result);
}

static bool is_upon(const struct cache_view *view, const struct usage_item *item,
                    const struct usage_item *parent) {
    bool is_found = false;
    for (size_t i = 0; i < item->parent_count; i++) {
        is_found = is_found || &view->usage.items[item->parents[i]] == parent;
    }
    return is_found;
}

static void print_users(const struct cache_view *view, struct buf *out,
                        const struct usage_item *item) {
    const struct usage *usage = &view->usage;
    for (size_t i = 0; i < usage->images.count; i++) {
        if (usage_image_has(usage, &usage->images.items[i], item, view->arena)) {
            print_line(out, "image", image_name(view, &usage->images.items[i]));
        }
    }
    for (size_t i = 0; i < usage->count; i++) {
        const struct usage_item *other = &usage->items[i];
        if (is_upon(view, other, item)) {
            buf_printf(out, "%-11s %s  %s\n", "built upon",
                       cache_short_key(view, &other->record.key),
                       human_line(view->arena, other->record.text, VALUE_WIDTH));
        }
    }
    if (item->is_held) {
        print_line(out, "held by", "a running build");
    }
}

static void print_item(const struct cache_view *view, struct buf *out,
                       const struct usage_item *item) {
    struct arena *arena = view->arena;
    const struct cache_record *record = &item->record;
    print_line(out, "key", digest_hex(&record->key).text);
    if (!item->is_readable) {
        print_line(out, "state", UNREADABLE);
        return;
    }
    print_line(out, "step", human_line(arena, record->text, SIZE_MAX));
    print_line(out, "stage", human_line(arena, record->stage, SIZE_MAX));
    print_line(out, "ran because", human_line(arena, record->reason, SIZE_MAX));
    print_line(out, "created", human_age(arena, record->created, view->now));
    print_line(out, "used",
               arena_printf(arena, "%s, found %llu time%s",
                            human_age(arena, item->last_used, view->now),
                            (unsigned long long)item->use.hits, item->use.hits == 1 ? "" : "s"));
    print_line(out, "took", human_duration(arena, record->duration));
    print_line(out, "size", human_size(arena, item->size));
    print_line(out, "result",
               arena_printf(arena, "%s %.*s", cache_state(item),
                            STR_ARG(item->layer.len > 0 ? item->layer : item->result)));
    print_line(out, "usable",
               item->is_dead      ? "no: its result, or that of a step before, is gone"
               : item->is_current ? "yes, and used by the last build at its place"
                                  : "yes, but replaced by a later one at its place");
    struct str rest = record->parent, result;
    while (rest.len > 0 && str_split(&rest, '+', &result)) {
        print_line(out, "upon", result_name(view, item, result));
    }
    print_users(view, out, item);
    buf_append_c(out, "ingredients\n");
    for (size_t i = 0; i < record->ingredient_count; i++) {
        struct str name = record->ingredients[i].name;
        buf_printf(out, "  %s: %s\n", human_line(arena, name, VALUE_WIDTH),
                   human_script(arena, explain_shown(arena, name, record->ingredients[i].value)));
    }
}

static json_t *users_json(const struct cache_view *view, const struct usage_item *item) {
    const struct usage *usage = &view->usage;
    json_t *images = json_array(), *records = json_array();
    for (size_t i = 0; i < usage->images.count; i++) {
        const struct image *image = &usage->images.items[i];
        if (!usage_image_has(usage, image, item, view->arena)) {
            continue;
        }
        json_t *names = json_array();
        for (size_t j = 0; j < image->name_count; j++) {
            json_array_append_new(names, json_from_str(image->names[j]));
        }
        json_array_append_new(
            images, json_pack("{s:o, s:o}", "id", json_from_str(image->id), "names", names));
    }
    for (size_t i = 0; i < usage->count; i++) {
        const struct usage_item *other = &usage->items[i];
        if (is_upon(view, other, item)) {
            json_array_append_new(records, json_string(digest_hex(&other->record.key).text));
        }
    }
    return json_pack("{s:o, s:o}", "images", images, "records", records);
}

static json_t *item_json(const struct cache_view *view, const struct usage_item *item) {
    json_t *object = cache_json(view, item);
    if (!item->is_readable) {
        return object;
    }
    json_t *ingredients = json_array();
    for (size_t i = 0; i < item->record.ingredient_count; i++) {
        const struct ingredient *ingredient = &item->record.ingredients[i];
        struct str value = explain_shown(view->arena, ingredient->name, ingredient->value);
        json_array_append_new(ingredients,
                              json_pack("{s:o, s:o}", "name", json_from_str(ingredient->name),
                                        "value", json_from_str(value)));
    }
    if (item->record.previous) {
        json_object_set_new(object, "previous",
                            json_string(digest_hex(item->record.previous).text));
    }
    json_object_set_new(object, "ingredients", ingredients);
    json_object_set_new(object, "used_by", users_json(view, item));
    return object;
}

/* The record that STEP means: by its key, or the newest that has it in its text. */
static int find_step(const struct cache_view *view, const char *step, struct usage_item **out,
                     struct error *error) {
    if (cache_is_key(step) && cache_find_key(view, step, out, NULL) == 0) {
        return 0;
    }
    for (size_t i = 0; i < view->usage.count; i++) { /* newest first */
        struct usage_item *item = &view->usage.items[i];
        if (item->is_readable && str_find(item->record.text, str_of(step)) != SIZE_MAX) {
            *out = item;
            return 0;
        }
    }
    if (cache_is_key(step)) {
        return cache_find_key(view, step, out, error);
    }
    error_set(error, ERROR_NOT_FOUND, "no record is of a step with `%s` in its text", step);
    return error_hint(error, "`bud cache ls` lists them; a build without --no-cache makes them");
}

int cache_command_show(struct cache_view *view, struct error *error) {
    struct usage_item *item;
    _cleanup_buf_ struct buf out = BUF_INIT;
    if (find_step(view, view->words[0], &item, error) || usage_measure(item, error)) {
        return -1;
    }
    if (cache_is_json(view)) {
        return cache_print_json(item_json(view, item), error);
    }
    print_item(view, &out, item);
    return output_write(&out, error);
}

/* ---- why ---- */

/* One ingredient that two records do not share; NULL: it has none. */
struct difference {
    struct str name;
    const struct str *before, *now;
};

static const struct str *find_value(const struct cache_record *record, struct str name) {
    for (size_t i = 0; i < record->ingredient_count; i++) {
        if (str_equal(record->ingredients[i].name, name)) {
            return &record->ingredients[i].value;
        }
    }
    return NULL;
}

static struct difference *compare(const struct cache_record *before, const struct cache_record *now,
                                  struct arena *arena, size_t *count) {
    struct difference *list =
        arena_array(arena, before->ingredient_count + now->ingredient_count, sizeof(*list));
    *count = 0;
    for (size_t i = 0; i < now->ingredient_count; i++) {
        const struct ingredient *ingredient = &now->ingredients[i];
        const struct str *old = find_value(before, ingredient->name);
        if (!old || !str_equal(*old, ingredient->value)) {
            list[(*count)++] = (struct difference){ ingredient->name, old, &ingredient->value };
        }
    }
    for (size_t i = 0; i < before->ingredient_count; i++) {
        const struct ingredient *ingredient = &before->ingredients[i];
        if (!find_value(now, ingredient->name)) {
            list[(*count)++] = (struct difference){ ingredient->name, &ingredient->value, NULL };
        }
    }
    return list;
}

/* Two configs are not read by anybody: what differs in them is. */
static void print_config(const struct cache_view *view, struct buf *out,
                         const struct difference *difference) {
    struct str_list list = explain_config(view->arena, *difference->before, *difference->now);
    for (size_t i = 0; i < list.count; i++) {
        buf_printf(out, "  %s: %s\n", human_line(view->arena, difference->name, VALUE_WIDTH),
                   human_line(view->arena, list.items[i], SIZE_MAX));
    }
    if (list.count == 0) {
        buf_append_c(out, "  config: only the layers of the base image\n");
    }
}

/* Without what is not shown of it; NULL stays. */
static const struct str *unhidden(const struct cache_view *view, struct str name,
                                  const struct str *value) {
    struct str *out = arena_new(view->arena, struct str);
    *out = value ? explain_shown(view->arena, name, *value) : STR_EMPTY;
    return value ? out : NULL;
}

static const char *shown(const struct cache_view *view, const struct str *value,
                         const struct str *other) {
    return value ? str_dup(view->arena, explain_cut(view->arena, *value, other, VALUE_WIDTH))
                 : "(none)";
}

/* The line of a record. */
static void print_step(const struct cache_view *view, struct buf *out,
                       const struct usage_item *item) {
    buf_printf(out, "%s  %s\n", cache_short_key(view, &item->record.key),
               item->is_readable ? human_line(view->arena, item->record.text, VALUE_WIDTH)
                                 : "(cannot be read)");
}

static void print_differences(const struct cache_view *view, struct buf *out,
                              const struct usage_item *before, const struct usage_item *now) {
    size_t count;
    if (!before->is_readable || !now->is_readable) {
        buf_append_c(out, "  what went into a record that cannot be read is not known\n");
        return;
    }
    const struct difference *list = compare(&before->record, &now->record, view->arena, &count);
    for (size_t i = 0; i < count; i++) {
        const struct str *old = list[i].before, *new = list[i].now;
        if (old && new &&str_equal_c(list[i].name, "config")) {
            print_config(view, out, &list[i]);
            continue;
        }
        old = unhidden(view, list[i].name, old);
        new = unhidden(view, list[i].name, new);
        buf_printf(out, "  %s: %s → %s\n", human_line(view->arena, list[i].name, VALUE_WIDTH),
                   shown(view, old, new), shown(view, new, old));
    }
    if (count == 0) {
        buf_append_c(out, "  no ingredient differs\n");
    }
}

static json_t *value_json(const struct str *value) {
    return value ? json_from_str(*value) : json_null();
}

static json_t *differences_json(const struct cache_view *view, const struct usage_item *before,
                                const struct usage_item *now) {
    size_t count;
    if (!before->is_readable || !now->is_readable) {
        return json_null();
    }
    const struct difference *list = compare(&before->record, &now->record, view->arena, &count);
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        struct str name = list[i].name;
        json_array_append_new(array,
                              json_pack("{s:o, s:o, s:o}", "name", json_from_str(name), "before",
                                        value_json(unhidden(view, name, list[i].before)), "now",
                                        value_json(unhidden(view, name, list[i].now))));
    }
    return array;
}

static int compare_keys(struct cache_view *view, struct error *error) {
    struct usage_item *before, *now;
    _cleanup_buf_ struct buf out = BUF_INIT;
    if (cache_find_key(view, view->words[0], &before, error) ||
        cache_find_key(view, view->words[1], &now, error)) {
        return -1;
    }
    if (cache_is_json(view)) {
        return cache_print_json(json_pack("{s:s, s:s, s:o}", "before",
                                          digest_hex(&before->record.key).text, "now",
                                          digest_hex(&now->record.key).text, "differences",
                                          differences_json(view, before, now)),
                                error);
    }
    print_step(view, &out, before);
    print_step(view, &out, now);
    print_differences(view, &out, before, now);
    return output_write(&out, error);
}

static void print_reason(const struct cache_view *view, struct buf *out,
                         const struct usage_item *item, bool is_detailed) {
    const struct cache_record *record = &item->record;
    print_step(view, out, item);
    buf_printf(out, "  %s\n",
               item->is_readable ? human_line(view->arena, record->reason, SIZE_MAX) : UNREADABLE);
    const struct usage_item *previous =
        record->previous ? cache_item(view, record->previous) : NULL;
    if (!is_detailed || !record->previous) {
        return;
    }
    if (!previous || !previous->is_readable) {
        buf_printf(out, "the record it replaced, %s, %s\n", cache_short_key(view, record->previous),
                   previous ? "cannot be read" : "is gone");
        return;
    }
    buf_printf(out, "compared with %s, which it replaced:\n",
               cache_short_key(view, record->previous));
    print_differences(view, out, previous, item);
}

static json_t *reason_json(const struct cache_view *view, const struct usage_item *item) {
    const struct cache_record *record = &item->record;
    if (!item->is_readable) {
        return json_pack("{s:s, s:n, s:n, s:n, s:n}", "key", digest_hex(&record->key).text, "text",
                         "stage", "reason", "created");
    }
    json_t *object =
        json_pack("{s:s, s:o, s:o, s:o, s:o}", "key", digest_hex(&record->key).text, "text",
                  json_from_str(record->text), "stage", json_from_str(record->stage), "reason",
                  json_from_str(record->reason), "created", cache_json_time(record->created));
    const struct usage_item *previous =
        record->previous ? cache_item(view, record->previous) : NULL;
    if (record->previous) {
        json_object_set_new(object, "previous", json_string(digest_hex(record->previous).text));
    }
    if (previous && previous->is_readable) {
        json_object_set_new(object, "differences", differences_json(view, previous, item));
    }
    return object;
}

/* Did a build find everything after the newest record was made? */
static bool has_run_nothing(const struct cache_view *view) {
    int64_t newest = 0;
    for (size_t i = 0; i < view->usage.count; i++) {
        newest = view->usage.items[i].record.created > newest ? view->usage.items[i].record.created
                                                              : newest;
    }
    return cache_all_found(view->cache) > newest;
}

/* The records, oldest first, of the build that wrote the newest one, none when a later one ran nothing; or the one that is
 * meant by the word. */
static struct usage_item **choose(struct cache_view *view, size_t *count, struct error *error) {
    struct usage_item **chosen = arena_array(view->arena, view->usage.count + 1, sizeof(*chosen));
    struct str build = STR_EMPTY;
    *count = 0;
    if (view->word_count > 0) {
        *count = 1;
        return find_step(view, view->words[0], &chosen[0], error) < 0 ? NULL : chosen;
    }
    if (has_run_nothing(view)) {
        return chosen;
    }
    for (size_t i = 0; i < view->usage.count; i++) { /* newest first */
        struct usage_item *item = &view->usage.items[i];
        if (!item->is_readable) {
            continue;
        }
        build = build.len > 0 ? build : item->record.build;
        if (str_equal(item->record.build, build)) {
            chosen[(*count)++] = item;
        }
    }
    for (size_t i = 0; i < *count / 2; i++) {
        struct usage_item *other = chosen[i];
        chosen[i] = chosen[*count - 1 - i];
        chosen[*count - 1 - i] = other;
    }
    return chosen;
}

int cache_command_why(struct cache_view *view, struct error *error) {
    size_t count;
    _cleanup_buf_ struct buf out = BUF_INIT;
    if (view->word_count == 2) {
        return compare_keys(view, error);
    }
    struct usage_item **items = choose(view, &count, error);
    if (!items) {
        return -1;
    }
    if (cache_is_json(view)) {
        json_t *list = json_array();
        for (size_t i = 0; i < count; i++) {
            json_array_append_new(list, reason_json(view, items[i]));
        }
        return cache_print_json(list, error);
    }
    for (size_t i = 0; i < count; i++) {
        print_reason(view, &out, items[i], view->word_count > 0);
    }
    if (view->word_count == 0 && has_run_nothing(view)) {
        buf_append_c(&out, "the last build found everything and ran nothing\n");
    }
    return output_write(&out, error);
}
