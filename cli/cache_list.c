/* `bud cache ls` */
#include "cli/cache.h"
#include "cli/human.h"

#include <stdlib.h>

#define TEXT_WIDTH 60

/* What --sort looks at, the largest first. */
static uint64_t measure(const struct usage_item *item, const char *order) {
    return strcmp(order, "size") == 0   ? item->size
           : strcmp(order, "used") == 0 ? (uint64_t)item->last_used
           : strcmp(order, "hits") == 0 ? item->use.hits
                                        : item->record.duration;
}

static int compare(const void *left, const void *right, void *order) {
    const struct usage_item *a = *(const struct usage_item *const *)left;
    const struct usage_item *b = *(const struct usage_item *const *)right;
    if (strcmp(order, "stage") == 0) {
        return str_compare(a->record.stage, b->record.stage);
    }
    uint64_t first = measure(a, order), second = measure(b, order);
    return first == second ? 0 : first > second ? -1 : 1;
}

/* Those that pass the filters. The usage is sorted newest first, and qsort_r keeps that among equals (glibc merges). */
static struct usage_item **choose(struct cache_view *view, size_t *count) {
    struct usage_item **chosen = arena_array(view->arena, view->usage.count, sizeof(*chosen));
    *count = 0;
    for (size_t i = 0; i < view->usage.count; i++) {
        if (cache_matches(view, &view->usage.items[i])) {
            chosen[(*count)++] = &view->usage.items[i];
        }
    }
    const char *order = option_text(view->options, "sort", "created");
    if (strcmp(order, "created") != 0) {
        qsort_r(chosen, *count, sizeof(*chosen), compare, arena_strdup(view->arena, order));
    }
    return chosen;
}

static void add_row(const struct cache_view *view, struct columns *table,
                    const struct usage_item *item) {
    const struct cache_record *record = &item->record;
    struct arena *arena = view->arena;
    bool is_whole = option_flag(view->options, "no-trunc", false);
    columns_add(table, is_whole ? arena_strdup(arena, digest_hex(&record->key).text)
                                : cache_short_key(view, &record->key));
    columns_add(table, record->stage.len > 0 ? human_line(arena, record->stage, 20) : "-");
    columns_add(table, str_dup(arena, usage_kind(item)));
    columns_add(table, cache_state(item));
    columns_add(table, human_size(arena, item->size));
    columns_add(table, item->is_readable ? human_age(arena, record->created, view->now) : "-");
    columns_add(table, item->is_readable ? human_age(arena, item->last_used, view->now) : "-");
    columns_add(table, arena_printf(arena, "%llu", (unsigned long long)item->use.hits));
    columns_add(table, human_duration(arena, record->duration));
    columns_add(table, human_line(arena, record->text, is_whole ? SIZE_MAX : TEXT_WIDTH));
}

static int print_table(const struct cache_view *view, struct usage_item *const *items, size_t count,
                       struct error *error) {
    static const char *const headings[] = { "KEY",  "STAGE", "KIND", "RESULT", "SIZE", "CREATED",
                                            "USED", "HITS",  "TOOK", "STEP",   NULL };
    _cleanup_buf_ struct buf out = BUF_INIT;
    struct columns table = columns_of(view->arena, 2, headings);
    for (size_t i = 0; i < count; i++) {
        add_row(view, &table, items[i]);
    }
    columns_print(&table, &out);
    return output_write(&out, error);
}

static int print_keys(struct usage_item *const *items, size_t count, struct error *error) {
    _cleanup_buf_ struct buf out = BUF_INIT;
    for (size_t i = 0; i < count; i++) {
        buf_printf(&out, "%s\n", digest_hex(&items[i]->record.key).text);
    }
    return output_write(&out, error);
}

static int print_json(const struct cache_view *view, struct usage_item *const *items, size_t count,
                      bool is_quiet, struct error *error) {
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, is_quiet ? json_string(digest_hex(&items[i]->record.key).text)
                                             : cache_json(view, items[i]));
    }
    return cache_print_json(list, error);
}

int cache_command_list(struct cache_view *view, struct error *error) {
    bool is_quiet = option_flag(view->options, "quiet", false);
    bool is_by_size = option_is(view->options, "sort", "size");
    size_t count;
    for (size_t i = 0; (!is_quiet || is_by_size) && i < view->usage.count; i++) {
        struct usage_item *item = &view->usage.items[i];
        if (cache_matches(view, item) && usage_measure(item, error)) {
            return -1;
        }
    }
    struct usage_item **items = choose(view, &count);
    if (cache_is_json(view)) {
        return print_json(view, items, count, is_quiet, error);
    }
    return is_quiet ? print_keys(items, count, error) : print_table(view, items, count, error);
}
